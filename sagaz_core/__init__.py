"""Sagas that are recorded as they run, looked back on, corrected and replayed."""
