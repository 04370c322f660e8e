"""What can go wrong, drawn once.

::

    HeadstartError                  anything headstart raises on purpose
    ├── DataError(ValueError)       the data cannot be used: "only one class: 'cat'"
    ├── ConfigError(ValueError)     an option makes no sense: "--seed must be >= 0, got -3"
    ├── UnknownNameError(LookupError)   no such backbone, dataset, method: "did you mean ...?"
    ├── BackboneError               weights that cannot be had or do not fit their architecture
    ├── MissingExtraError(ImportError)  an optional package is not installed
    └── ArtifactError               a run folder that is missing, tampered with, or too new

Every message says what is wrong with the value seen and where; ``hint`` says how to mend it. The
command line prints both and exits with 2; anything that is not a ``HeadstartError`` is our fault
and exits with 1.
"""

from __future__ import annotations


class HeadstartError(Exception):
    """Base of everything headstart raises on purpose.

    Parameters
    ----------
    message : str
        What is wrong with the value seen, and where (file, row, option).
    hint : str, default=""
        The mend: what the reader can do now.
    """

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".rstrip()


class DataError(HeadstartError, ValueError):
    """The data cannot be used as given."""


class ConfigError(HeadstartError, ValueError):
    """An option or a combination of options makes no sense."""


class UnknownNameError(HeadstartError, LookupError):
    """No record of that name; the hint suggests near ones."""


class BackboneError(HeadstartError):
    """Weights that cannot be had, or that do not fit their architecture."""


class MissingExtraError(HeadstartError, ImportError):
    """An optional package is not installed; the hint holds the install line."""


class ArtifactError(HeadstartError):
    """A run folder that is missing, incomplete, tampered with, or from a newer version."""
