"""How recorded values, texts and times are shown."""
