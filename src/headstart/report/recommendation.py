"""The page of a run that recommends."""

from __future__ import annotations

from pathlib import Path


def render_recommendation(folder: Path, *, name: str = "") -> Path:
    """Write the page."""
    return folder  # to come
