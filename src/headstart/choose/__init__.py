"""Choosing: which method, how deep, where to cut, within the time there is."""
