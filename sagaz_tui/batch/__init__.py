"""A batch of replays: asked for, run in a process of its own, and followed."""
