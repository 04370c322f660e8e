"""Pictures that a program holds in memory, written as files would hold them: without loss.

They are then read as files are, so that there is one rule for all. Only what a file loses by being
read at a reduced scale, as large JPEGs are, is still there.
"""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

from headstart.modalities import UnreadableError
from headstart.modalities.image.read import DAMAGE, DAMAGED, to_rgb, upright
from headstart.said import _

AS_PNG = frozenset({"1", "L", "LA", "P", "RGB", "RGBA", "I;16"})
AS_TIFF = frozenset({"I", "F"})
"""Modes of Pillow that a format holds as they are."""
CHANNELS = (3, 4)


def encode(held: object) -> bytes | None:
    """Write a picture as PNG, or as TIFF where its values are wider; None for anything else.

    Parameters
    ----------
    held : PIL.Image.Image, or ndarray of uint8, shape (h, w), (h, w, 3) or (h, w, 4)
        Arrays: grey, RGB, RGBA.

    Raises
    ------
    UnreadableError
        A picture opened from a file that turns out to be damaged.
    """
    if isinstance(held, np.ndarray):
        if not _is_picture(held):
            return None
        held = Image.fromarray(np.ascontiguousarray(held))
    if not isinstance(held, Image.Image):
        return None
    try:
        held.load()  # an opened file is read only now
        image = upright(held)
    except DAMAGE as cause:
        raise UnreadableError(_(DAMAGED, cause=str(cause) or type(cause).__name__)) from cause
    if image.mode not in AS_PNG | AS_TIFF:
        image = to_rgb(image)
    out = io.BytesIO()
    if image.mode in AS_TIFF:
        image.save(out, "TIFF")
    else:
        image.save(out, "PNG", compress_level=1)
    return out.getvalue()


def _is_picture(values: np.ndarray) -> bool:
    flat = values.ndim == 2 or (values.ndim == 3 and values.shape[2] in CHANNELS)
    return flat and values.dtype == np.uint8 and values.size > 0
