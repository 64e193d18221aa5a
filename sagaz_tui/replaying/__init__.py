"""Replays as the screen plans, rehearses, starts and stops them, and what is said of them."""
