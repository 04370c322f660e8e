"""What a server needs that is not always installed."""

from __future__ import annotations

from importlib.util import find_spec

from headstart.errors import MissingExtraError
from headstart.said import _

NEEDS = ("fastapi", "uvicorn", "python_multipart", "prometheus_client")
"""Modules of the extra ``serve``."""


def refuse_without_extra() -> None:
    """Raise ``MissingExtraError`` where a package of the extra is not installed."""
    lacking = [name for name in NEEDS if find_spec(name) is None]
    if lacking:
        raise MissingExtraError(
            _("A server needs the package {name}, which is not installed.", name=lacking[0]),
            _("Install it: {command}", command="pip install 'headstart[serve]'"),
        )
