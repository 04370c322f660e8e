"""Jobs: one file a command; each is the order of its steps, read from top to bottom."""
