"""The report."""

from pathlib import Path


def render(folder: Path) -> Path:
    """Render."""
    return folder / "report.html"
