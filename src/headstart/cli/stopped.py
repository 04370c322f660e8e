"""Ctrl-C, where there is more to say than that it was heard."""

from __future__ import annotations

STOPPED = 130
"""The exit status."""


class Stopped(SystemExit):
    """Ends the program as Ctrl-C does.

    Parameters
    ----------
    said : str
        A sentence or two on how to go on.
    """

    def __init__(self, said: str) -> None:
        super().__init__(STOPPED)
        self.said = said
