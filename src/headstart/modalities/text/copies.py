"""Copies of texts: the same up to case and punctuation, or near ones by their shingles."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from headstart.modalities.copies import Copies, exact_copies, linked
from headstart.modalities.text.digest import MOST, TextDigest

Ints = NDArray[np.int64]
Shingles = NDArray[np.uint32]  # (n_distinct,), sorted

LONG, SHORT = 5, 3
"""Characters of a shingle; of one that begins in Chinese or Japanese writing, where a character is
a syllable or a word (Leskovec, Rajaraman & Ullman 2020, section 3.2.2, take 5 for e-mails)."""
ALIKE = 0.8
"""Jaccard similarity of shingles from which on two texts are near copies."""
FEWEST = 20
"""Characters below which texts are copies only where they are the same."""
BANDS, ROWS = 16, 8
"""Texts are compared where all 8 MinHashes of one of 16 bands agree: of pairs at the bound 95 % are
found, of those at .9 all but one in 10,000; of such as share half, 6 % are compared in vain."""
CROWD = 30
"""Texts of one bucket from which on each is compared with the first only: work grows with n."""
LAYOUT, LEAST = 0.25, 20
"""Share, and number, of different texts from which on near copies of each other are no copies but
share a layout, such as lines of a log (plain choices)."""
_PRIME = np.uint64(0x100000001B3)
_UNSEEN = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe0e\ufe0f]+")
_STOPS = re.compile(r"[\s.,!?;:'\"`‘’“”«»‹›…·、。〈〉《》「」『』【】~\-–—_]+")


def find_copies(hashes: Sequence[str], digests: Sequence[TextDigest]) -> Copies:
    """Find what is the same up to case, spaces and stops, and what shares most of its shingles.

    The second may say another thing, since a word can turn a sentence: it is not ``upright``.

    Parameters
    ----------
    hashes : sequence of str
        SHA-256 of the bytes of each.
    digests : sequence of TextDigest

    Notes
    -----
    Candidates for near copies are found by MinHash in bands, then their Jaccard similarity is
    computed as it is.

    References
    ----------
    Broder (1997), "On the resemblance and containment of documents", SEQUENCES.
    Leskovec, Rajaraman & Ullman (2020), "Mining of Massive Datasets", 3rd ed., sections 3.2-3.4.
    """
    exact = exact_copies(hashes).exact
    plain = [plainly(d) for d in digests]
    same = np.unique(np.array(plain, object), return_inverse=True)[1].astype(np.int64)
    first = np.unique(same, return_index=True)[1]  # one text for each plain form
    n = len(digests)
    links = [_leading(exact), np.stack([np.arange(n), first[same]])]
    near = linked([*links, *_near([plain[i] for i in first], first)], n)
    many = np.flatnonzero(np.bincount(near[first]) > max(LAYOUT * len(first), LEAST))
    known = linked(links, n)
    return Copies(np.where(np.isin(near, many), n + known, near), exact, known)


def plainly(d: TextDigest) -> str:
    """Return a text without what its copies may differ in; brackets stay, as a smile has one."""
    text = " ".join(_STOPS.sub(" ", _UNSEEN.sub("", d.text.casefold())).split()) or d.text
    return f"{text} {d.length}" if len(d.text) == MOST else text  # the end was not kept


def shingles(text: str) -> Shingles:
    """Hash all runs of 5 characters, or of 3 where they begin in Chinese or Japanese writing."""
    code = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), "<u4").astype(np.uint64)
    short = (code >= 0x2E80) & ((code < 0xAC00) | (code >= 0xF900))  # all but Korean
    n, hashed = len(code), np.zeros(len(code), np.uint64)
    ahead = np.concatenate([code, np.zeros(LONG, np.uint64)])
    for k in range(LONG):
        counts = (~short | (k < SHORT)).astype(np.uint64)
        hashed = (hashed ^ ahead[k : k + n] * counts) * _PRIME  # FNV-1a, a character at a time
        hashed ^= hashed >> np.uint64(29)
    whole = np.arange(n) <= n - np.where(short, SHORT, LONG)
    return np.unique((hashed >> np.uint64(16)).astype(np.uint32)[whole])


def _leading(numbers: Ints) -> Ints:
    """Link every row to the first of its number."""
    first = np.unique(numbers, return_index=True)[1]
    return np.stack([np.arange(len(numbers)), first[numbers]])


def _near(texts: Sequence[str], rows: Ints) -> list[Ints]:
    """Link near copies among different texts, in alphabetical order, of these rows."""
    long = [k for k, text in enumerate(texts) if len(text) >= FEWEST]
    if len(long) < 2:
        return []
    sets = [shingles(texts[k]) for k in long]
    pairs = [(i, j) for i, j in _candidates(sets) if jaccard(sets[i], sets[j]) >= ALIKE]
    return [rows[np.array(long)[np.array(pairs).T]]] if pairs else []


def jaccard(a: Shingles, b: Shingles) -> float:
    """Return the share of two sets that they have in common."""
    if min(len(a), len(b)) < ALIKE * max(len(a), len(b)):
        return 0.0  # it cannot reach the bound
    both = len(np.intersect1d(a, b, assume_unique=True))
    return both / (len(a) + len(b) - both)


def _candidates(sets: Sequence[Shingles]) -> set[tuple[int, int]]:
    """Pair sets of which a band of MinHashes agrees; in a crowd, each with the first only."""
    from datasketch import MinHash, MinHashLSH  # a second, which sets of short texts are spared

    hashes = BANDS * ROWS
    index = MinHashLSH(num_perm=hashes, params=(BANDS, ROWS))
    sketches = MinHash.generator(
        (s.tolist() for s in sets), num_perm=hashes, hashfunc=int, scheme="affine32"
    )
    for k, sketch in enumerate(sketches):
        index.insert(k, sketch, check_duplication=False)
    pairs: set[tuple[int, int]] = set()
    for band in index.hashtables:
        for bucket in band.keys():  # noqa: SIM118  (it is no dict)
            first, *others = sorted(band.get(bucket))
            if len(others) < CROWD:
                pairs.update(combinations((first, *others), 2))
            else:
                pairs.update((first, other) for other in others)
    return pairs
