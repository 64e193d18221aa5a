"""Looking back at what was recorded; nothing here acts."""
