"""Copies of images: exact ones by hash, near ones by perceptual hash and correlation."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.fft import dctn

from headstart.modalities.copies import Copies, exact_copies, linked
from headstart.modalities.image.digest import THUMB, Digest

NEAR_BITS = 6
"""pHash distance, of 64 bits, up to which two images may be copies (Zauner 2010 uses about 10 % of
the bits); pairs must also look the same in gray levels, see ``NEAR_CORRELATION``. Of 1,920 copies
made from five sets (half size, a third, 96 pixels, JPEG quality 30, brightness +10 %, contrast
+30 %; benchmarks/near_copies.py) over 99 % stay within 6 bits."""
NEAR_CORRELATION = 0.98
"""Correlation of the gray 64x64 thumbnails from which a pHash neighbour may count as a copy: 98 %
of the same copies have it, but under half of those with 2 % cropped off. In 400 flower photos it
finds 4 pairs, all the same photo (one turned gray, one toned); the next pair, at 0.94, is the same
photo repainted."""
STANDS_OUT = 1 / 80
"""A copy's ``1 - correlation``, as a part of what is usual for that image in this set. Solar cells,
X-rays and such share their whole layout: 564 pairs of 2,624 solar cells (elpv) correlate over 0.98,
and those looked at were neighbouring wafers of one ingot or prints of one screen, with defects of
their own. Under this bound 7 pairs are left, all neighbours in the list that agree to the grain;
the flower photos keep their 4, and 96 % of the made copies are still found."""
RESAMPLING = 5e-4
"""``1 - correlation`` that resizing or recompressing leaves on a smooth picture. Copies this alike
also count in sets so uniform that 1/80 of the usual is less (parts on a rig), as long as other
images are usually 8 times less alike."""
USUAL = 0.75
"""The quantile, over the other images, of the correlation with an image that is called usual: a
picture may have copies in up to a quarter of the set before they hide each other."""
FLAT = 64.0
"""Norm of a centred thumbnail, in gray levels, up to which it is a flat picture (a standard
deviation of one level): it has no structure to compare, so only exact copies of it count."""
TURNS = ((1, 1), (1, -1), (-1, 1), (-1, -1))
"""Ways to turn a picture over, as steps through its rows and columns: as it is, mirrored left to
right, upside down, and both, which is turned by half. What augmentation writes to disk."""
SLICE = 128
"""Pictures compared with all later ones at a time: memory grows with n, not with n²."""


def find_copies(hashes: Sequence[str], digests: Sequence[Digest]) -> Copies:
    """Find exact copies by content hash and near copies by perceptual hash and correlation.

    Near copies may be resized, recompressed, toned, mirrored or upside down; a quarter turn hides
    them. The four ways a picture may lie take 4 n²/2 comparisons of 64 bits.

    Parameters
    ----------
    hashes : sequence of str
        SHA-256 of each file.
    digests : sequence of Digest
    """
    exact = exact_copies(hashes).exact
    first = np.unique(exact, return_index=True)[1]  # one file for each content
    gray = _gray(digests, first)
    low = _low_frequencies(gray)
    unit = gray.reshape(len(gray), -1)
    unit -= unit.mean(axis=1, keepdims=True)  # in place: these are the largest arrays of a run
    size = np.sqrt(np.einsum("nd,nd->n", unit, unit))
    unit /= np.maximum(size, FLAT)[:, None]
    shown = size > FLAT
    low, unit = low[shown], unit if shown.all() else unit[shown]
    # Files lead to the first of their content; that one to its near copies.
    links = [np.stack([np.arange(len(exact)), first[exact]])]
    for turn in TURNS:
        pairs = _near_copies(low, unit, turn)
        links.append(np.stack([first[shown][rows] for rows in pairs]))
    upright, component = linked(links[:2], len(exact)), linked(links, len(exact))
    return Copies(component, exact, upright)


def _gray(digests: Sequence[Digest], rows: NDArray[np.int64]) -> NDArray[np.float32]:
    """Gray levels (n, 64, 64) of the chosen thumbnails, made slice by slice."""
    gray = np.empty((len(rows), THUMB, THUMB), np.float32)
    for start in range(0, len(rows), 256):
        part = slice(start, start + 256)
        thumbs = np.stack([digests[row].thumb for row in rows[part]])
        gray[part] = thumbs @ np.array([0.299, 0.587, 0.114], np.float32)
    return gray


def _near_copies(
    low: NDArray[np.float32], unit: NDArray[np.float32], turn: tuple[int, int] = (1, 1)
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Pairs i < j of pictures that are near copies once one of them is turned over.

    Pictures come as low frequencies (n, 8, 8) and unit vectors (n, 4096). Pairs are judged slice
    by slice: thousands of frames of one video make millions of them. What is usual is measured
    with the same turn, so that a layout which is its own mirror image makes no copies.
    """
    usual = np.full(len(low), np.nan, np.float32)
    found = [(np.empty(0, np.int64), np.empty(0, np.int64))]
    for left, right in _near_pairs(_hash(low), _hash(_turned_frequencies(low, turn))):
        alike = _correlation(unit, left, right, turn)
        close = alike >= NEAR_CORRELATION
        left, right, alike = left[close], right[close], alike[close]
        rows = np.union1d(left, right)
        rows = rows[np.isnan(usual[rows])]
        usual[rows] = _usual_correlation(unit, rows, turn)
        gap = 1 - np.maximum(usual[left], usual[right])
        sure = 1 - alike <= np.maximum(STANDS_OUT * gap, np.minimum(RESAMPLING, gap / 8))
        found.append((left[sure], right[sure]))
    return np.concatenate([i for i, _ in found]), np.concatenate([j for _, j in found])


def _near_pairs(
    codes: NDArray[np.uint64], turned: NDArray[np.uint64] | None = None
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """All pairs i < j within ``NEAR_BITS``, slice by slice of i; j with its turned code, if any."""
    others = codes if turned is None else turned
    for start in range(0, len(codes), SLICE):
        apart = np.bitwise_count(codes[start : start + SLICE, None] ^ others[None, start:])
        i, j = np.divmod(np.flatnonzero(apart <= NEAR_BITS), apart.shape[1])
        later = j > i
        yield i[later] + start, j[later] + start


def _correlation(
    unit: NDArray[np.float32],
    left: NDArray[np.int64],
    right: NDArray[np.int64],
    turn: tuple[int, int] = (1, 1),
) -> NDArray[np.float32]:
    """Dot products of pairs of rows, one turned over; ``left`` is from one slice."""
    if len(left) > 4 * len(unit):  # so many pairs that a whole product is quicker
        i, j = left - left.min(), right - left.min()
        rows = _turned(unit[left.min() : left.max() + 1], turn)
        return (rows @ unit[left.min() :].T)[i, j]
    alike = np.empty(len(left), np.float32)
    for start in range(0, len(left), 4096):
        part = slice(start, start + 4096)
        alike[part] = np.einsum("nd,nd->n", _turned(unit[left[part]], turn), unit[right[part]])
    return alike


def _usual_correlation(
    unit: NDArray[np.float32], rows: NDArray[np.int64], turn: tuple[int, int] = (1, 1)
) -> NDArray[np.float32]:
    """Correlation that is usual between each of the rows, turned over, and (up to 500) others."""
    others = np.random.default_rng(0).permutation(len(unit))[:500]
    seen, alike = unit[others].T, np.empty((len(rows), len(others)), np.float32)
    for start in range(0, len(rows), SLICE):
        part = slice(start, start + SLICE)
        alike[part] = _turned(unit[rows[part]], turn) @ seen
    alike[rows[:, None] == others] = -1  # not with itself
    place = int(USUAL * (len(others) - 1))
    return np.partition(alike, place, axis=1)[:, place]


def perceptual_hash(gray: NDArray[np.float32]) -> NDArray[np.uint64]:
    """64-bit pHash: which of the 8x8 lowest DCT coefficients exceed their median.

    References
    ----------
    Zauner (2010), "Implementation and benchmarking of perceptual image hash functions", sec. 3.2.1.
    """
    return _hash(_low_frequencies(gray))


def _low_frequencies(gray: NDArray[np.float32]) -> NDArray[np.float32]:
    """Lowest DCT coefficients of gray levels: (n, 64, 64) -> (n, 8, 8)."""
    low = np.empty((len(gray), 8, 8), np.float32)
    for start in range(0, len(gray), SLICE):
        part = slice(start, start + SLICE)
        half = gray[part].reshape(-1, 32, 2, 32, 2).mean(axis=(2, 4))
        low[part] = dctn(half, axes=(1, 2), norm="ortho")[:, :8, :8]
    return low


def _turned_frequencies(low: NDArray[np.float32], turn: tuple[int, int]) -> NDArray[np.float32]:
    """DCT of pictures turned over: it only changes the sign of the odd frequencies."""
    down, across = (np.where(np.arange(8) % 2 == 0, 1, step) for step in turn)
    return (low * np.outer(down, across)).astype(np.float32)


def _turned(flat: NDArray[np.float32], turn: tuple[int, int]) -> NDArray[np.float32]:
    """Turn thumbnails over that are laid out flat, as (n, 4096)."""
    if turn == (1, 1):
        return flat
    down, across = turn
    pictures = flat.reshape(len(flat), 64, 64)
    return pictures[:, ::down, ::across].reshape(flat.shape)


def _hash(low: NDArray[np.float32]) -> NDArray[np.uint64]:
    """Which of the low frequencies (n, 8, 8) exceed their median."""
    low = low.reshape(len(low), 64)
    bits = low > np.median(low[:, 1:], axis=1, keepdims=True)
    weights = np.uint64(1) << np.arange(64, dtype=np.uint64)
    return (bits * weights).sum(axis=1, dtype=np.uint64)
