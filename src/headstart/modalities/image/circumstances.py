"""Circumstances of an image: what its file tells of how it was made, not of what it shows."""

from __future__ import annotations

from datetime import datetime

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from headstart.said import N_

_MAKE, _MODEL, _DATE, _EXIF, _TAKEN = 0x010F, 0x0110, 0x0132, 0x8769, 0x9003  # EXIF tags
BORDER = 4
"""How wide the border is, in pixels of the small copy: a sixteenth of the side."""
_STANDARD = 3679
"""Sum of the luminance table of JPEG's quality 50 (ITU T.81, table K.1)."""


def circumstances(opened: Image.Image, n_bytes: int) -> dict[str, float | str]:
    """Read them off an opened file: format, bytes, and where it has them JPEG quality, camera, day.

    Returns
    -------
    dict of str to number or str
        By the names that sentences use.
    """
    told: dict[str, float | str] = {
        N_("file format"): opened.format or "",
        N_("file size in bytes"): float(n_bytes),
    }
    tables = getattr(opened, "quantization", None)
    if tables:
        told[N_("JPEG quality")] = _quality(float(np.sum(next(iter(tables.values())))))
    try:
        exif = opened.getexif()
        camera = " ".join(str(exif[tag]).strip("\0 ") for tag in (_MAKE, _MODEL) if tag in exif)
        taken = exif.get_ifd(_EXIF).get(_TAKEN) or exif.get(_DATE)
        if camera:
            told[N_("camera")] = camera
        if taken:
            told[N_("day")] = float(datetime.strptime(str(taken)[:10], "%Y:%m:%d").toordinal())
    except Exception:  # whatever a damaged EXIF raises, it is no reason to refuse an image
        return told
    return told


def shape(size: tuple[int, int]) -> dict[str, float]:
    """Return width, height and their ratio."""
    width, height = size
    return {
        N_("width"): float(width),
        N_("height"): float(height),
        N_("aspect ratio"): width / height,
    }


def colours(thumb: NDArray[np.uint8]) -> dict[str, tuple[float, ...]]:
    """Return the mean colour of a small copy (side, side, 3), and that of its border."""
    edge = np.ones(thumb.shape[:2], bool)
    edge[BORDER:-BORDER, BORDER:-BORDER] = False
    return {
        N_("mean colour"): tuple(thumb.mean(axis=(0, 1)).tolist()),
        N_("border colour"): tuple(thumb[edge].mean(axis=0).tolist()),
    }


def _quality(total: float) -> float:
    """Return the quality, 1 to 100, whose table has that sum, by libjpeg's rule."""
    percent = 100 * total / _STANDARD
    return round((200 - percent) / 2 if percent <= 100 else 5000 / percent)
