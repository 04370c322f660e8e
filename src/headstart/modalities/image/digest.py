"""The digest of an image: a small copy, its size and its circumstances; no network is needed."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from headstart.findings import Finding
from headstart.modalities.image.deep import Levels, Span, levels_of
from headstart.modalities.image.read import Picture
from headstart.modalities.image.resize import resized
from headstart.modalities.image.seen import Seen
from headstart.said import _

THUMB = 64
"""Side of the small copy kept of every image, pixels: what duplicates, pixel baselines and the
report's map are made from, so that none of them decodes a file again."""
THUMB_FROM = 224
"""Size that an image is decoded for to make the small copy: that of the default backbone, so that
one decoding serves both."""
DARK = 16
"""Values up to which a colour is called black (plain choice)."""
FLAT = 4
"""Values of 255 within which a small copy is one colour: JPEG and the noise of a dark camera stay
below, while the flattest of 970 photos, of bare steel, spans 35."""
DIGEST_KEY = f"thumb {THUMB} of {THUMB_FROM}, width first, with circumstances"


@dataclass(frozen=True)
class Digest:
    """What is kept of an image.

    Attributes
    ----------
    size : (int, int)
        Width and height in the file, pixels, upright.
    thumb : ndarray of shape (64, 64, 3), uint8
        The whole image squeezed into a square.
    circumstances : mapping of str to number or str
        As ``Picture`` has them.
    span : Span, optional
        The values of an image of more than 8 bits; its ``thumb`` is scaled by its own levels.
    face : Seen, optional
        Of its faces, where a network for faces looked at it: kept beside the network's vector.
    """

    size: tuple[int, int]
    thumb: NDArray[np.uint8]
    circumstances: Mapping[str, float | str] = field(default_factory=dict)
    span: Span | None = None
    face: Seen | None = None

    def pack(self) -> bytes:
        """Write it for the cache: the small copy, then the rest as JSON."""
        rest = json.dumps([self.size, dict(self.circumstances), self.span])
        return self.thumb.tobytes() + rest.encode()

    @classmethod
    def unpack(cls, value: bytes) -> Digest:
        """Read what ``pack`` wrote."""
        count = THUMB * THUMB * 3
        thumb = np.frombuffer(value, np.uint8, count).reshape(THUMB, THUMB, 3)
        (width, height), circumstances, span = json.loads(value[count:])
        return cls((width, height), thumb, circumstances, None if span is None else Span(*span))

    def at(self, levels: Levels | None) -> Digest:
        """Return the digest with its small copy scaled by the levels of a set."""
        if self.span is None or levels is None:
            return self
        (low, high), (black, white) = levels_of([self.span]), levels
        values = low + self.thumb / 255 * (high - low)
        thumb = ((values - black) / (white - black)).clip(0, 1) * 255
        return replace(self, thumb=thumb.round().astype(np.uint8))


def digest(picture: Picture) -> Digest:
    """Squeeze a picture that was read at ``THUMB_FROM`` pixels into a small square."""
    image, deep = picture.image, picture.deep
    coarse = image.reduce(max(1, min(image.size) // (2 * THUMB)))  # four times faster, as good
    small = np.asarray(resized(coarse, (THUMB, THUMB), "bilinear"))
    return Digest(picture.size, small, picture.circumstances, deep.span() if deep else None)


def blank(d: Digest) -> str:
    """Say that there is nothing to see, or no face where faces are looked for."""
    colours = d.thumb.reshape(-1, d.thumb.shape[-1]).astype(int)
    low, high = colours.min(axis=0), colours.max(axis=0)
    if (high - low).max() > FLAT:
        return _("no face found") if d.face is not None and not d.face.count else ""
    if high.max() <= DARK:
        return _("black all over")
    return _("one colour all over")


def check_levels(digests: Sequence[Digest], levels: Levels | None) -> list[Finding]:
    """Say how images of more than 8 bits are read."""
    n = sum(d.span is not None for d in digests)
    if not n or levels is None:
        return []
    low, high = levels
    text = _(
        "{n} of {all} images have more than 8 bits: in all of them the value {low:g} becomes black "
        "and {high:g} white, as the values of the whole set suggest. The model keeps this scale "
        "for new images.",
        n=n,
        all=len(digests),
        low=low,
        high=high,
    )
    return [Finding("levels", "info", text, {"count": n, "black": low, "white": high})]


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
            _(
                "{n} of {all} images are smaller than {half} pixels and will be enlarged to "
                "{wanted} (smallest: {name}, {size}). Larger originals would help.",
                n=len(small),
                all=len(refs),
                half=wanted // 2,
                wanted=wanted,
                name=refs[least],
                size=f"{sizes[least][0]}x{sizes[least][1]}",
            ),
            {"count": len(small), "smallest": refs[least], "wanted": wanted},
        )
    ]
