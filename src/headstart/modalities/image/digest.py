"""The digest of an image: a small copy and its size, all that works without a network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

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
DIGEST_KEY = f"thumb {THUMB} of {THUMB_FROM}"


@dataclass(frozen=True)
class Digest:
    """What is kept of an image.

    Attributes
    ----------
    size : (int, int)
        Width and height in the file, pixels, upright.
    thumb : ndarray of shape (64, 64, 3), uint8
        The whole image squeezed into a square.
    """

    size: tuple[int, int]
    thumb: NDArray[np.uint8]

    def pack(self) -> bytes:
        """Write it for the cache."""
        return np.array(self.size, np.uint32).tobytes() + self.thumb.tobytes()

    @classmethod
    def unpack(cls, value: bytes) -> Digest:
        """Read what ``pack`` wrote."""
        width, height = np.frombuffer(value, np.uint32, count=2)
        thumb = np.frombuffer(value, np.uint8, offset=8).reshape(THUMB, THUMB, 3)
        return cls((int(width), int(height)), thumb)


def digest(picture: Picture) -> Digest:
    """Squeeze a picture that was read at ``THUMB_FROM`` pixels into a small square."""
    image = picture.image
    coarse = image.reduce(max(1, min(image.size) // (2 * THUMB)))  # four times faster, as good
    small = coarse.resize((THUMB, THUMB), Image.Resampling.BILINEAR)
    return Digest(picture.size, np.asarray(small))


def check_sizes(refs: Sequence[str], digests: Sequence[Digest], wanted: int) -> list[Finding]:
    """Report images whose short side is under half of what the network looks at.

    Parameters
    ----------
    refs : sequence of str, length n
    digests : sequence of Digest, length n
    wanted : int
        The network's input side, pixels.
    """
    sizes = np.array([d.size for d in digests])
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
