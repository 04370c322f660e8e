"""Images: any file Pillow reads becomes an upright 8-bit RGB picture.

Rules, one test each: EXIF orientation is applied; gray, palette, CMYK and bilevel become RGB;
alpha is laid over white; of an animation the first frame counts; values of more than 8 bits are
scaled by the levels of their set (``deep.py``). Large JPEGs are read at a reduced scale (the DCT's
own halves), never below twice the size that will be used. Only the formats listed are read: some
of Pillow's others start programs.
"""

from __future__ import annotations

import io
import logging
import struct
import sys
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from headstart.modalities import UnreadableError
from headstart.modalities.image.circumstances import circumstances
from headstart.modalities.image.deep import Deep, Levels, levels_of, over_white
from headstart.modalities.image.formats import formats_for, other_format
from headstart.modalities.libraries import Libraries
from headstart.said import N_, _

DAMAGE = (  # what Pillow's parsers raise over bytes they did not expect
    *(OSError, ValueError, SyntaxError, EOFError, IndexError, KeyError, TypeError),
    *(RuntimeError, NotImplementedError, struct.error),
)
DAMAGED = N_("damaged ({cause})")
LARGEST, LARGEST_DEEP = 103_000_000, 46_000_000
"""Pixels of an image that is no JPEG, and of one of 16 bits a colour: both take 1 GB of memory."""
_ORIENTATION = 0x0112  # the EXIF tag
_BITS = 258  # the TIFF tag
_SIDEWAYS = (5, 6, 7, 8)  # orientations that swap width and height


@dataclass(frozen=True)
class Picture:
    """An upright RGB image.

    Attributes
    ----------
    image : PIL image
        Scaled by its own levels, where it has more than 8 bits.
    size : (int, int)
        Width and height that it has in its file, upright too.
    circumstances : mapping of str to number or str
        What the file tells of how the image was made (``circumstances.py``).
    deep : Deep, optional
        Its values, where they have more than 8 bits; not turned upright.
    turn : int
        The EXIF orientation of ``deep``.
    """

    image: Image.Image
    size: tuple[int, int]
    circumstances: Mapping[str, float | str] = field(default_factory=dict)
    deep: Deep | None = None
    turn: int = 1

    def at(self, levels: Levels | None) -> Image.Image:
        """Return the image scaled by the levels of its set; None: by its own."""
        if self.deep is None or levels is None:
            return self.image
        return _turn(self.deep.image(levels), self.turn)


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
        Empty, not an image, truncated, or too many pixels: of a JPEG more than Pillow's limit (178
        million), of others more than ``LARGEST``.
    """
    if not data:
        raise UnreadableError(_("empty file"))
    said: list[str] = []
    try:
        opened = _open(data)
        size = opened.size
        if opened.format not in ("JPEG", "MPO") and size[0] * size[1] > LARGEST:
            raise Image.DecompressionBombError
        if opened.format == "JPEG" and 0 < 4 * short_side <= min(size):
            opened.draft(opened.mode, (2 * short_side, 2 * short_side))
        with _LIBRARIES.heard(opened.format == "TIFF") as said:
            opened.load()
        if opened.format not in ("JPEG", "MPO"):
            size = opened.size  # Pillow turns TIFFs itself, and forgets their orientation
        turn = opened.getexif().get(_ORIENTATION, 1)
        deep = _deep(opened, data)
        image = _turn(deep.image(levels_of([deep.span()])) if deep else to_rgb(opened), turn)
        told = circumstances(opened, len(data))
    except Image.DecompressionBombError as cause:
        raise UnreadableError(
            _(
                "too many pixels (a decompression bomb? the limits are 178 million for a JPEG and "
                "{most} million for others, {deep} with 16 bits a colour)",
                most=LARGEST // 10**6,
                deep=LARGEST_DEEP // 10**6,
            )
        ) from cause
    except UnidentifiedImageError as cause:
        raise UnreadableError(other_format(data) or _("not an image")) from cause
    except DAMAGE as cause:
        why = "; ".join([str(cause) or type(cause).__name__, *said[:1]])
        raise UnreadableError(_(DAMAGED, cause=why)) from cause
    return Picture(image, size[::-1] if turn in _SIDEWAYS else size, told, deep, turn)


def reduction(data: bytes, short_side: int) -> int:
    """Return how many times smaller ``decode`` makes a file: 1, 2, 4 or 8.

    What two sizes reduce alike is the same picture for both, and need be decoded only once.
    """
    try:
        opened = _open(data)
    except (*DAMAGE, Image.DecompressionBombError):
        return 1  # reading it will say why
    least = min(opened.size)
    if opened.format != "JPEG" or not 0 < 4 * short_side <= least:
        return 1
    return next(scale for scale in (8, 4, 2, 1) if least // (2 * short_side) >= scale)


def unpacked(data: bytes) -> int:
    """Return how many bytes the pixels take that a file's header promises; nothing is decoded."""
    try:
        width, height = _open(data).size
    except Image.DecompressionBombError:
        return sys.maxsize
    except DAMAGE:
        return 0  # reading it will say why
    return 3 * width * height


def _open(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data), formats=formats_for(data))


_LIBRARIES = Libraries()


@contextmanager
def quiet() -> Iterator[None]:
    """Silence what libraries remark on files that are read all the same, or refused by us.

    Filters and descriptors belong to the whole process: enter this in the main thread, around the
    threads that read.
    """
    log = logging.getLogger("PIL")
    silent = logging.NullHandler()
    log.addHandler(silent)  # else Python prints what nobody handles
    try:
        with warnings.catch_warnings(), _LIBRARIES.caught():
            warnings.filterwarnings("ignore", module=r"PIL\.")
            yield
    finally:
        log.removeHandler(silent)


def to_rgb(image: Image.Image) -> Image.Image:
    """Convert any 8-bit Pillow mode to RGB by the rules of this module."""
    if image.mode == "RGB" and "transparency" not in image.info:
        return image
    if image.mode in ("RGBA", "LA", "PA", "RGBa") or "transparency" in image.info:
        image = image if image.mode == "RGBA" else image.convert("RGBA")
        return over_white(image.convert("RGB"), image.getchannel("A"))
    return image.convert("RGB")


def _deep(image: Image.Image, data: bytes) -> Deep | None:
    """Return the values of an image that has more than 8 bits."""
    if image.mode.startswith(("I", "F")):
        return Deep(np.asarray(image))
    bits = getattr(image, "tag_v2", {}).get(_BITS, (8,))
    sixteen = data[24] == 16 if image.format == "PNG" else max(bits) == 16
    if not sixteen or image.mode not in ("RGB", "RGBA", "LA"):
        return None
    if image.width * image.height > LARGEST_DEEP:
        raise Image.DecompressionBombError
    values = np.asarray(image).astype(np.uint16)
    opaque = len(image.getbands()) % 2 == 1
    alpha = None if opaque else image.getchannel("A")
    values *= 256  # in place, and the next line too: these are the largest arrays there are
    values += _lower_bytes(data, image)
    colour = values if opaque else values[..., :-1]
    return Deep(colour.squeeze(-1) if colour.shape[-1] == 1 else colour, alpha)


def _lower_bytes(data: bytes, upper: Image.Image) -> NDArray[np.uint8]:
    """Read the lower bytes of 16-bit colour, of which Pillow keeps the upper ones.

    It does so by how the bytes of a value are ordered: told the wrong order, it gives the others.
    """
    other = {"B": "L", "L": "B", "N": "B" if sys.byteorder == "little" else "L"}
    image: Any = _open(data)  # an ImageFile, which has tiles
    for k, tile in enumerate(image.tile):
        name, *rest = [tile.args] if isinstance(tile.args, str) else tile.args
        if ";16" not in name:  # TIFFs that hold one colour after the other
            return np.asarray(upper)
        order = f"{name[:-1]}{other[name[-1]]}"
        image.tile[k] = tile._replace(args=(order, *rest) if rest else order)
    try:
        return np.asarray(image)
    except ValueError:  # gray with opacity has one order only
        return np.asarray(upper)


def upright(image: Image.Image) -> Image.Image:
    """Apply the EXIF orientation of a decoded image."""
    return _turn(image, image.getexif().get(_ORIENTATION, 1))


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
