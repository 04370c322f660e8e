"""Copies of recordings: the same to the byte, or the same sound at another rate, gain or codec.

A copy may also begin later, or have lost its beginning or end. Two takes of one word by one voice
are no copies, however alike they sound: the harmonics of the voice move differently.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from headstart.modalities.audio.digest import PRINT_RANGE, AudioDigest, halved
from headstart.modalities.copies import Copies, exact_copies, linked

Ints = NDArray[np.int64]
Floats = NDArray[np.float32]
Print = tuple[Floats, int]
"""What a recording is compared by, in dB, (T, 33), and how often its time was halved."""

ALIKE = 0.86
"""Correlation of two prints, laid over each other, from which on they are copies. Of 3,000 spoken
digits of six voices, half a second each and all different, the most alike have 0.852. Over 0.86 are
96 to 100 % of their copies at other rates, gains, codecs (MP3, Vorbis, Opus, mu-law), with noise
30 dB below, silence before, or the last 15 % cut off, but only 7 to 8 in 10 without their first
10 %. Laid between the cells of the other, too, 9 in 10 of those are found, but so are 7 pairs of
the 3,000 that are none, one of them with 0.91."""
ALIKE_SLOW = 0.6
"""The same where cells last 20 ms or longer, in recordings over 2.5 s. Copies that are shifted fall
between cells, while others are hardly ever alike: of 30 recordings of digits in a row at most .34
in 4 s and .13 in 30 s."""
OVERLAP = 0.6
"""Share of the longer one that has to be laid over the other (plain choice)."""
NEIGHBOURS = 6
"""Recordings that one is compared with, by each of two outlines: the most alike."""
FEWEST = 12
"""Cells of a print below which only equal bytes are copies: 0.12 s."""
STEADY = 1.0
"""Spread in dB, over time, below which a sound has nothing to be told by, such as a hum."""
AROUND, STEP = 24, 6
"""Cells on either side of the loudest that an outline holds, and how many become one."""
SLICE = 512
"""Recordings compared with all others at a time: memory grows with n, not with n²."""


def find_copies(hashes: Sequence[str], digests: Sequence[AudioDigest]) -> Copies:
    """Find equal bytes, and prints that lie over each other.

    Parameters
    ----------
    hashes : sequence of str
        SHA-256 of the bytes of each.
    digests : sequence of AudioDigest

    Notes
    -----
    Recordings are compared by differences of neighbouring bands, each without its mean over time,
    as Haitsma & Kalker (2002) do with bits: gain, and what a line does to the colour of a sound,
    are gone. Candidates are nearest neighbours by two outlines that do not depend on where in a
    file the sound lies. Of each pair the correlation is computed at every shift.

    References
    ----------
    Haitsma & Kalker (2002), "A highly robust audio fingerprinting system", ISMIR, section 4.
    """
    exact = exact_copies(hashes).exact
    n = len(exact)
    first = np.unique(exact, return_index=True)[1]  # one file for each content
    rows = np.array([row for row in first if _tells(trimmed(digests[row])[0])], np.int64)
    links = [np.stack([np.arange(n), first[exact]])]
    if len(rows) > 1:
        prints = [trimmed(digests[row]) for row in rows]
        pairs = _neighbours(np.stack([_spread(p) for p, _k in prints]))
        pairs |= _neighbours(np.stack([_middle(p) for p, _k in prints]))
        same = [(i, j) for i, j in sorted(pairs) if are_copies(prints[i], prints[j])]
        links.append(rows[np.array(same, np.int64).reshape(-1, 2).T])
    return Copies(linked(links, n), exact)


def trimmed(d: AudioDigest) -> Print:
    """Return a print without what is blank around it."""
    db = ((d.sound / 255 - 1) * PRINT_RANGE).astype(np.float32)
    loud = np.flatnonzero(d.sound.any(axis=1))
    return (db[loud[0] : loud[-1] + 1] if len(loud) else db[:0]), d.doublings


def are_copies(a: Print, b: Print) -> bool:
    """Whether two prints are of the same recording.

    Cells that last longer than 10 ms are also laid between those of the other.
    """
    doublings = max(a[1], b[1])
    x, y = _slower(a, doublings), _slower(b, doublings)
    if not doublings:
        return correlation(x, y) >= ALIKE
    pairs = ((x, y), (_between_cells(x), y), (x, _between_cells(y)))
    return any(correlation(p, q) >= ALIKE_SLOW for p, q in pairs)


def correlation(a: Floats, b: Floats) -> float:
    """Return the highest correlation of two prints over all shifts that overlap enough; -1 to 1."""
    from scipy.fft import irfft, next_fast_len, rfft

    x, y = _changes(a), _changes(b)
    m, n = len(x), len(y)
    least = max(FEWEST, OVERLAP * max(m, n))
    if min(m, n) < least:
        return 0.0
    size = next_fast_len(m + n - 1, real=True)
    product = rfft(x, size, axis=0) * rfft(y[::-1], size, axis=0)
    both = irfft(product.sum(axis=1), size)[: m + n - 1]
    shift = np.arange(1 - n, m)  # of y, to later cells of x
    low, high = np.maximum(shift, 0), np.minimum(shift + n, m)
    energy = _between(x, low, high) * _between(y, low - shift, high - shift)
    alike = both / np.sqrt(np.maximum(energy, 1e-9))
    return float(alike[high - low >= least].max())


def _between_cells(db: Floats) -> Floats:
    """Move a print by half a cell."""
    return ((db[1:] + db[:-1]) / 2).astype(np.float32)


def _changes(db: Floats) -> Floats:
    """Return differences of neighbouring bands, (T, 32), without the mean of each over time."""
    steps = np.diff(db, axis=1)
    return steps - steps.mean(axis=0)


def _between(values: Floats, low: Ints, high: Ints) -> NDArray[np.float64]:
    """Sum the squares of rows from low to high."""
    sums = np.concatenate([[0.0], np.cumsum(np.square(values).sum(axis=1, dtype=np.float64))])
    return sums[high] - sums[low]


def _slower(one: Print, doublings: int) -> Floats:
    """Halve the time of a print until its cells last as long as those of another."""
    db, have = one
    if have == doublings:
        return db
    power = (10 ** (db / 10)).astype(np.float32)
    for _time in range(doublings - have):
        power = halved(power)
    return (10 * np.log10(power)).astype(np.float32)


def _tells(db: Floats) -> bool:
    return len(db) >= FEWEST and float(np.diff(db, axis=1).std(axis=0).mean()) >= STEADY


def _spread(db: Floats) -> Floats:
    """Outline a print by how much each band moves against its neighbour: (32,)."""
    spread = np.diff(db, axis=1).std(axis=0)
    return spread / spread.mean()


def _middle(db: Floats) -> Floats:
    """Outline a print by what lies around its loudest cell: (256,), of length 1."""
    power = (10 ** (db / 10)).sum(axis=1)
    # Smoothed, so that of two loud cells that are equally loud not now one leads, now the other.
    peak = int(np.argmax(np.convolve(power, np.hanning(11), "same")))
    around = np.pad(_changes(db), ((AROUND, AROUND), (0, 0)))[peak : peak + 2 * AROUND]
    cells = around.reshape(-1, STEP, around.shape[1]).mean(axis=1).ravel()
    return cells / max(float(np.linalg.norm(cells)), 1e-9)


def _neighbours(outlines: Floats) -> set[tuple[int, int]]:
    """Return pairs i < j of which one is among the nearest neighbours of the other."""
    n = len(outlines)
    size = np.square(outlines).sum(axis=1)
    pairs: set[tuple[int, int]] = set()
    for start in range(0, n, SLICE):
        far = size - 2 * outlines[start : start + SLICE] @ outlines.T
        near = np.argpartition(far, min(NEIGHBOURS, n - 1), axis=1)[:, : NEIGHBOURS + 1]
        for i, others in enumerate(near.tolist(), start):
            pairs.update((min(i, j), max(i, j)) for j in others if i != j)
    return pairs
