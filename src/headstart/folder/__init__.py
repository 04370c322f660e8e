"""The run folder: its place, its files, the model in it, and what an interrupted run leaves."""
