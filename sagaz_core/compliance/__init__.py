"""Secrets: which values are, how they are kept, and how they are shown."""
