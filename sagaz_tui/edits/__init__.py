"""Edits staged for a replay: typed, kept in files, given to an editor."""
