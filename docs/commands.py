"""The command line, for `make docs`: its reference page is written out of its own help."""

from headstart.cli import application

app = application()
