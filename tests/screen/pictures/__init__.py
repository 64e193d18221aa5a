"""A picture of each screen in each of its states, kept as text that a diff can be read in."""
