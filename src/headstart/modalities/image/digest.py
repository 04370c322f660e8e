"""The digest of an image: a small copy and its size, all that works without a network."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from headstart.findings import Finding
from headstart.modalities.image.read import Picture

THUMB = 64
"""Side of the small copy kept of every image, pixels: what duplicates, pixel baselines and the
report's map are made from, so that none of them decodes a file again."""
THUMB_FROM = 224
"""Size that an image is decoded for to make the small copy: that of the default backbone, so that
one decoding serves both."""
THUMB_KEY = f"thumb {THUMB} of {THUMB_FROM}"


def thumb(picture: Picture) -> NDArray[np.uint8]:
    """Squeeze a whole picture into a small square: (64, 64, 3)."""
    image = picture.image
    coarse = image.reduce(max(1, min(image.size) // (2 * THUMB)))  # four times faster, as good
    return np.asarray(coarse.resize((THUMB, THUMB), Image.Resampling.BILINEAR))


def pack(size: tuple[int, int], thumb: NDArray[np.uint8]) -> bytes:
    """Write a size and a small copy as the cache keeps them."""
    return np.array(size, np.uint32).tobytes() + thumb.tobytes()


def unpack(value: bytes) -> tuple[tuple[int, int], NDArray[np.uint8]]:
    """Read what ``pack`` wrote."""
    width, height = np.frombuffer(value, np.uint32, count=2)
    thumb = np.frombuffer(value, np.uint8, offset=8).reshape(THUMB, THUMB, 3)
    return (int(width), int(height)), thumb


def check_sizes(refs: Sequence[str], sizes: NDArray[np.integer], wanted: int) -> list[Finding]:
    """Report images whose short side is under half of what the network looks at.

    Parameters
    ----------
    refs : sequence of str, length n
    sizes : ndarray of int, shape (n, 2)
        Width and height, pixels.
    wanted : int
        The network's input side, pixels.
    """
    small = np.flatnonzero(sizes.min(axis=1) * 2 < wanted)
    if not len(small):
        return []
    least = small[np.argmin(sizes[small].min(axis=1))]
    return [
        Finding(
            "small",
            "info",
            f"{len(small)} of {len(refs)} images are smaller than {wanted // 2} pixels and will "
            f"be enlarged to {wanted} (smallest: {refs[least]}, "
            f"{sizes[least][0]}x{sizes[least][1]}). Larger originals would help.",
            {"count": len(small), "smallest": refs[least], "wanted": wanted},
        )
    ]
