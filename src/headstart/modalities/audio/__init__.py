"""Recordings: words, voices, noises, in files."""
