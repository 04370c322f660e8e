"""The pictures that explain an adaptation, chosen while the images are at hand."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from headstart.modalities import UnreadableError
from headstart.modalities.image.read import ImageModality
from headstart.modalities.image.show import thumbnail_data_uri

SIDE = 160
"""Pixels of the longer side, as in the galleries of a run."""
MOST = {"least_like": 12, "unknown": 12, "proposals": 60}
"""Pictures of each kind; about 6 kB each."""


def collect_adaptation(
    files: Mapping[str, Path], adaptation: Mapping[str, Any]
) -> dict[str, list[dict[str, str]]]:
    """Shrink the target images that the report of an adaptation shows.

    Parameters
    ----------
    files : mapping
        Where the target image lies that goes by a path in ``adaptation``.
    adaptation : mapping
        ``metrics.json["adaptation"]``.

    Returns
    -------
    dict
        ``least_like``, ``unknown`` and ``proposals``: lists of ``{path, image}``, in the order of
        ``adaptation``, ``image`` a JPEG ``data:`` address. An image that is not in ``files``, has
        gone or cannot be decoded is left out: the report then names it without a picture.
    """
    shift = adaptation.get("shift") or {}
    wanted = {
        "least_like": shift.get("least_like"),
        "unknown": (shift.get("unknown") or {}).get("examples"),
        "proposals": adaptation.get("proposals"),
    }
    return {part: _shots(files, rows or [], MOST[part]) for part, rows in wanted.items()}


def _shots(
    files: Mapping[str, Path], rows: Iterable[Mapping[str, Any]], most: int
) -> list[dict[str, str]]:
    found = []
    for row in list(rows)[:most]:
        path = str(row["path"])
        image = _small(files[path]) if path in files else None
        if image is not None:
            found.append({"path": path, "image": image})
    return found


def _small(file: Path) -> str | None:
    try:
        return thumbnail_data_uri(
            ImageModality().read(file.read_bytes(), short_side=SIDE).image, SIDE
        )
    except (OSError, UnreadableError):
        return None
