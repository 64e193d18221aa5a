"""The keys of the screen and what they do."""
