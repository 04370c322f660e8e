"""Images: any file Pillow reads becomes an upright 8-bit RGB picture.

Rules, one test each: EXIF orientation is applied; gray, palette, CMYK and bilevel become RGB;
alpha is laid over white; 16-bit and float values are scaled by their range, never clipped; of an
animation the first frame counts. Large JPEGs are read at a reduced scale (the DCT's own halves),
never below twice the size that will be used.
"""

from __future__ import annotations

import io
import struct
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
from PIL import Image, UnidentifiedImageError

from headstart.modalities import UnreadableError

SUFFIXES = frozenset(
    (
        *(".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".gif", ".bmp", ".dib", ".tif"),
        *(".tiff", ".jp2", ".ico", ".tga", ".pbm", ".pgm", ".pnm", ".ppm"),
    )
)
_DAMAGE = (  # what Pillow's parsers raise over bytes they did not expect
    *(OSError, ValueError, SyntaxError, EOFError, IndexError, KeyError, TypeError),
    struct.error,
)
_ORIENTATION = 0x0112  # the EXIF tag
_SIDEWAYS = (5, 6, 7, 8)  # its values that swap width and height


@dataclass(frozen=True)
class Picture:
    """An upright RGB image, and the size it had in its file (width, height; upright too)."""

    image: Image.Image
    size: tuple[int, int]


def decode(data: bytes, short_side: int = 0) -> Picture:
    """Decode one file's bytes.

    Parameters
    ----------
    data : bytes
        The whole file.
    short_side : int, pixels, default=0
        What the network will see; a JPEG whose short side is at least four times that may be
        decoded at a reduced scale. 0 always decodes at full scale.

    Raises
    ------
    UnreadableError
        Empty, not an image, truncated, or more pixels than Pillow's limit (178 million).
    """
    if not data:
        raise UnreadableError("empty file")
    try:
        opened = Image.open(io.BytesIO(data))
        size = opened.size
        if opened.format == "JPEG" and 0 < 4 * short_side <= min(size):
            opened.draft(opened.mode, (2 * short_side, 2 * short_side))
        opened.load()
        if opened.format != "JPEG":
            size = opened.size  # Pillow turns TIFFs itself, and forgets their orientation
        turn = opened.getexif().get(_ORIENTATION, 1)
        image = to_rgb(_turn(opened, turn))
    except Image.DecompressionBombError as cause:
        raise UnreadableError(
            "too many pixels (a decompression bomb? the limit is 178 million)"
        ) from cause
    except UnidentifiedImageError as cause:
        raise UnreadableError("not an image") from cause
    except _DAMAGE as cause:
        raise UnreadableError(f"damaged ({str(cause) or type(cause).__name__})") from cause
    return Picture(image, size[::-1] if turn in _SIDEWAYS else size)


def reduction(data: bytes, short_side: int) -> int:
    """Return how many times smaller ``decode`` makes a file: 1, 2, 4 or 8.

    What two sizes reduce alike is the same picture for both, and need be decoded only once.
    """
    try:
        opened = Image.open(io.BytesIO(data))
    except (*_DAMAGE, Image.DecompressionBombError):
        return 1  # reading it will say why
    least = min(opened.size)
    if opened.format != "JPEG" or not 0 < 4 * short_side <= least:
        return 1
    return next(scale for scale in (8, 4, 2, 1) if least // (2 * short_side) >= scale)


@contextmanager
def quiet() -> Iterator[None]:
    """Silence what Pillow remarks on files that it reads all the same, such as a damaged EXIF.

    Warning filters belong to the whole process: enter this in the main thread, around the threads
    that read.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"PIL\.")
        yield


def to_rgb(image: Image.Image) -> Image.Image:
    """Convert any Pillow mode to 8-bit RGB by the rules of this module."""
    if image.mode == "RGB" and "transparency" not in image.info:
        return image
    if image.mode.startswith(("I", "F")):
        return _scale_to_8_bit(np.asarray(image)).convert("RGB")
    if image.mode in ("RGBA", "LA", "PA", "RGBa") or "transparency" in image.info:
        over = image.convert("RGBA")
        white = Image.new("RGBA", over.size, "white")
        return Image.alpha_composite(white, over).convert("RGB")
    return image.convert("RGB")


def _turn(image: Image.Image, orientation: int) -> Image.Image:
    """Apply an EXIF orientation (1..8) to a decoded image."""
    method = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_270,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_90,
    }.get(orientation)
    return image if method is None else image.transpose(method)


def _scale_to_8_bit(values: np.ndarray) -> Image.Image:
    """Scale integers by the bits they use (12-bit data in a 16-bit file stays visible).

    Floats are stretched from their minimum to their maximum.
    """
    x = values.astype(np.float64)
    if values.dtype.kind == "f":
        finite = x[np.isfinite(x)]
        low, high = (finite.min(), finite.max()) if finite.size else (0.0, 1.0)
        x = np.nan_to_num(x, nan=low, posinf=high, neginf=low)
    else:
        low = min(float(x.min()), 0.0)
        bits = max(8, int(np.ceil(np.log2(max(float(x.max()), 1.0) + 1))))
        high = float(2**bits - 1)
    scaled = (x - low) / max(high - low, 1e-12) * 255
    return Image.fromarray(np.round(scaled).astype(np.uint8))
