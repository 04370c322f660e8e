"""Data: from what a user points at to a :class:`~headstart.data.dataset.Dataset`, checked."""
