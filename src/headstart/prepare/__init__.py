"""Preparing: what a run works on, read, checked and embedded."""
