"""Keeping what was recorded: one storage with all the logic, over backends that move rows."""
