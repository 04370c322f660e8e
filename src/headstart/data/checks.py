"""Checks before training: what is wrong with a dataset that a score would hide."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.fft import dctn
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from headstart.data.dataset import Dataset
from headstart.errors import DataError
from headstart.findings import Finding

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
SLICE = 512
"""Pictures compared with all later ones at a time: memory grows with n, not with n²."""


def check_classes(dataset: Dataset) -> list[Finding]:
    """Refuse what cannot be learned from; report imbalance.

    Raises
    ------
    DataError
        Fewer than two classes in training, a class with one training image or none at all, or test
        classes that training lacks.
    """
    names = dataset.classes
    train = np.bincount(dataset.labels[~dataset.is_test], minlength=len(names))
    test = np.bincount(dataset.labels[dataset.is_test], minlength=len(names))
    empty = [names[c] for c in np.flatnonzero(train + test == 0)]
    if empty:
        raise DataError(
            f"{_count(empty, 'class')} without a usable image: {', '.join(map(repr, empty[:5]))}.",
            "Repair or add images, or remove the class.",
        )
    unseen = [names[c] for c in np.flatnonzero((train == 0) & (test > 0))]
    if unseen:
        raise DataError(
            f"The test set has classes that training lacks: {', '.join(map(repr, unseen))}.",
            "Add training images of them, or take them out of the test set.",
        )
    present = np.flatnonzero(train)
    if len(present) < 2:
        only = f"only one class: {names[present[0]]!r}" if len(present) else "no class"
        raise DataError(
            f"There is {only} to train on.",
            "Classification needs at least two: one folder per class, or a label column with two "
            "or more values.",
        )
    single = [names[c] for c in present if train[c] == 1]
    if single:
        raise DataError(
            f"{_count(single, 'class')} with a single training image: "
            f"{', '.join(map(repr, single[:5]))}.",
            "One image cannot be both learned from and held out: add some, or remove the class.",
        )
    return _imbalance(dict(zip(names, train.tolist(), strict=True)))


def _imbalance(counts: dict[str, int]) -> list[Finding]:
    largest, smallest = max(counts, key=counts.__getitem__), min(counts, key=counts.__getitem__)
    ratio = counts[largest] / counts[smallest]
    if ratio <= 3:
        return []
    share = counts[largest] / sum(counts.values())
    return [
        Finding(
            "imbalance",
            "warning" if ratio > 10 else "info",
            f"Classes are unbalanced: {counts[largest]} of {largest!r}, {counts[smallest]} of "
            f"{smallest!r}. Always answering {largest!r} would be right {share:.0%} of the time. "
            "Look at the balanced accuracy; --balanced weighs the classes equally.",
            {"counts": counts, "ratio": round(ratio, 2), "majority_share": round(share, 4)},
        )
    ]


def check_sizes(dataset: Dataset, sizes: NDArray[np.integer], wanted: int) -> list[Finding]:
    """Report images whose short side is under half of what the network looks at.

    Parameters
    ----------
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
            f"{len(small)} of {len(dataset)} images are smaller than {wanted // 2} pixels and will "
            f"be enlarged to {wanted} (smallest: {dataset.refs[least]}, "
            f"{sizes[least][0]}x{sizes[least][1]}). Larger originals would help.",
            {"count": len(small), "smallest": dataset.refs[least], "wanted": wanted},
        )
    ]


@dataclass(frozen=True)
class Copies:
    """Which images are the same picture.

    Attributes
    ----------
    component : ndarray of int, shape (n,)
        Equal numbers for copies of one picture, mirrored and upside-down ones included, directly
        or through others.
    exact : ndarray of int, shape (n,)
        Equal numbers for files with identical bytes.
    upright : ndarray of int, shape (n,), or None
        As ``component``, without those that are turned over; None where there are none.
    """

    component: NDArray[np.int64]
    exact: NDArray[np.int64]
    upright: NDArray[np.int64] | None = None

    @property
    def unturned(self) -> NDArray[np.int64]:
        """Equal numbers for copies that are the same way up, as (n,)."""
        return self.component if self.upright is None else self.upright

    def clusters(self) -> list[NDArray[np.int64]]:
        """Rows of every picture that occurs more than once."""
        order = np.argsort(self.component, kind="stable")
        ends = np.cumsum(np.unique(self.component, return_counts=True)[1])[:-1]
        return [rows for rows in np.split(order, ends) if len(rows) > 1]


def find_copies(hashes: list[str], thumbs: NDArray[np.uint8]) -> Copies:
    """Find exact copies by content hash and near copies by perceptual hash and correlation.

    Near copies may be resized, recompressed, toned, mirrored or upside down; a quarter turn hides
    them. The four ways a picture may lie take 4 n²/2 comparisons of 64 bits.

    Parameters
    ----------
    hashes : list of str
        SHA-256 of each file.
    thumbs : ndarray of uint8, shape (n, 64, 64, 3)
    """
    exact = np.unique(hashes, return_inverse=True)[1].astype(np.int64)
    first = np.unique(exact, return_index=True)[1]  # one file for each content
    gray = _gray(thumbs, first)
    low = _low_frequencies(gray)
    unit = gray.reshape(len(gray), -1)
    unit -= unit.mean(axis=1, keepdims=True)  # in place: these are the largest arrays of a run
    size = np.linalg.norm(unit, axis=1)
    unit /= np.maximum(size, FLAT)[:, None]
    shown = size > FLAT
    low, unit = low[shown], unit if shown.all() else unit[shown]
    # Files lead to the first of their content; that one to its near copies.
    links = [np.stack([np.arange(len(exact)), first[exact]])]
    for turn in TURNS:
        pairs = _near_copies(low, unit, turn)
        links.append(np.stack([first[shown][rows] for rows in pairs]))
    upright, component = _linked(links[:2], len(exact)), _linked(links, len(exact))
    return Copies(component, exact, upright)


def _linked(links: list[NDArray[np.int64]], n: int) -> NDArray[np.int64]:
    """Give equal numbers (n,) to what links, each (2, m), join."""
    rows, columns = np.concatenate(links, axis=1)
    graph = coo_array((np.ones(len(rows)), (rows, columns)), shape=(n, n))
    return connected_components(graph, directed=False)[1].astype(np.int64)


def _gray(thumbs: NDArray[np.uint8], rows: NDArray[np.int64]) -> NDArray[np.float32]:
    """Gray levels (n, 64, 64) of the chosen thumbnails, made slice by slice."""
    gray = np.empty((len(rows), *thumbs.shape[1:3]), np.float32)
    for start in range(0, len(rows), 256):
        part = slice(start, start + 256)
        gray[part] = thumbs[rows[part]] @ np.array([0.299, 0.587, 0.114], np.float32)
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
    alike = _turned(unit[rows], turn) @ unit[others].T
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
    half = gray.reshape(len(gray), 32, 2, 32, 2).mean(axis=(2, 4))
    return np.ascontiguousarray(dctn(half, axes=(1, 2), norm="ortho")[:, :8, :8])


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


def check_copies(dataset: Dataset, copies: Copies) -> tuple[NDArray[np.bool_], list[Finding]]:
    """Report copies; decide which training images must go because the test set has them too.

    Returns
    -------
    keep : ndarray of bool, shape (n,)
        False for training images whose picture is also in the test set. One that is turned over
        goes only if the label agrees: arrows to the left are mirrored arrows to the right.
    findings : list of Finding
    """
    keep = np.ones(len(dataset), dtype=bool)
    clusters = copies.clusters()
    across: list[list[str]] = []
    conflicts: list[list[str]] = []
    for rows in clusters:
        leaks = _leaks(dataset, copies, rows)
        if len(leaks):
            keep[leaks] = False
            across.append([dataset.refs[i] for i in rows])
        for same in _groups(rows, copies.unturned[rows]):
            if len(np.unique(dataset.labels[same])) > 1:
                conflicts.append([f"{dataset.refs[i]} ({_name(dataset, i)})" for i in same])
    findings = []
    if clusters:
        named = [[dataset.refs[i] for i in rows] for rows in clusters]
        exact = sum(len(rows) - len(np.unique(copies.exact[rows])) for rows in clusters)
        extra = sum(len(rows) - 1 for rows in clusters)
        turned = sum(len(np.unique(copies.unturned[rows])) - 1 for rows in clusters)
        findings.append(
            Finding(
                "duplicates",
                "warning" if across else "info",
                _copies_message(named, (extra, exact, turned), across, int((~keep).sum())),
                {
                    "pictures": len(clusters),
                    "copies": extra,
                    "exact": exact,
                    "turned": turned,
                    "across_train_and_test": len(across),
                    "left_out_of_training": int((~keep).sum()),
                    "files": named[:50],
                },
            )
        )
    if conflicts:
        findings.append(
            Finding(
                "conflicts",
                "warning",
                f"{_count(conflicts, 'picture')} carr{'y' if len(conflicts) > 1 else 'ies'} "
                f"different labels in different copies (first: {', '.join(conflicts[0][:3])}). "
                "At most one can be right: correct them.",
                {"count": len(conflicts), "files": conflicts[:50]},
            )
        )
    return keep, findings


def _leaks(dataset: Dataset, copies: Copies, rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """Training images, of the copies of one picture, from which the test set would be known."""
    test = dataset.is_test[rows]
    upright, labels = copies.unturned[rows], dataset.labels[rows]
    told = np.isin(upright, upright[test]) | np.isin(labels, labels[test])
    return rows[told & ~test]


def _groups(rows: NDArray[np.int64], numbers: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    return [rows[numbers == number] for number in np.unique(numbers)]


def _copies_message(
    named: list[list[str]], counts: tuple[int, int, int], across: list[list[str]], dropped: int
) -> str:
    extra, exact, turned = counts
    text = f"{extra} image{'s are copies' if extra > 1 else ' is a copy'} of others "
    over = f", {turned} of them mirrored or upside down" if turned else ""
    text += f"({exact} exact, {extra - exact} near{over}; first: {' = '.join(named[0][:3])}). "
    if not across:
        return text + "Copies are kept on one side of every split."
    return text + (
        f"{_count(across, 'picture')} of the test set occur{'s' if len(across) == 1 else ''} in "
        f"training too (first: {' = '.join(across[0][:3])}); {dropped} training "
        f"image{'s were' if dropped > 1 else ' was'} left out so that the test stays honest."
    )


def check_test_size(dataset: Dataset) -> list[Finding]:
    """Warn where the given test set is too small to say much."""
    n = int(dataset.is_test.sum())
    if not 0 < n < 100:
        return []
    return [
        Finding(
            "small_test",
            "info",
            f"The test set has {n} images: its accuracy is known to about "
            f"±{100 * 0.98 / np.sqrt(n):.0f} points at worst. Without a test folder, "
            "cross-validation would use every image.",
            {"n": n},
        )
    ]


def merge_groups(copies: NDArray[np.int64], groups: NDArray[np.str_] | None) -> NDArray[np.int64]:
    """Join copies and the user's groups: rows linked by either stay together."""
    if groups is None:
        return copies
    ids = np.unique(groups, return_inverse=True)[1]
    n, offset = len(ids), int(copies.max()) + 1
    graph = coo_array((np.ones(n), (copies, ids + offset)), shape=(offset + ids.max() + 1,) * 2)
    return connected_components(graph, directed=False)[1][copies].astype(np.int64)


def check_groups(dataset: Dataset, groups: NDArray[np.int64]) -> list[Finding]:
    """Refuse too few of the user's groups to hold any out; report where they hide something.

    Parameters
    ----------
    groups : ndarray of int, shape (n,)
        As ``merge_groups`` returns them.

    Raises
    ------
    DataError
        Fewer than three groups to train on, or two where there is a test set.
    """
    if dataset.groups is None:
        return []
    train = ~dataset.is_test
    n, least = len(np.unique(groups[train])), 2 if dataset.is_test.any() else 3
    if n < least:
        raise DataError(
            f"All training images are of {_count([*range(n)], 'group')}, so no group can be held "
            "out and the rest learned from.",
            f"Give at least {least} groups, better 10 or more; or leave --groups and --groups-from "
            "out.",
        )
    return [*_shared_groups(dataset, groups), *_lone_groups(dataset, groups)]


def _shared_groups(dataset: Dataset, groups: NDArray[np.int64]) -> list[Finding]:
    test = dataset.is_test
    both = np.intersect1d(groups[test], groups[~test])
    if not len(both):
        return []
    assert dataset.groups is not None
    first = dataset.groups[test & (groups == both[0])][0]
    text = (
        f"{_count([*both], 'group')} of the test set occur{'s' if len(both) == 1 else ''} in "
        f"training too (first: {str(first)!r}): the test says little about new groups. Split by "
        "group, or leave the test folder out so that headstart does."
    )
    return [Finding("groups", "warning", text, {"across_train_and_test": len(both)})]


def _lone_groups(dataset: Dataset, groups: NDArray[np.int64]) -> list[Finding]:
    train = ~dataset.is_test
    lone = [
        name
        for c, name in enumerate(dataset.classes)
        if len(np.unique(groups[train & (dataset.labels == c)])) == 1
    ]
    if not lone or dataset.is_test.any():
        return []
    text = (
        f"{_count(lone, 'class')} with a single group: {', '.join(map(repr, lone[:5]))}. When that "
        "group is held out nothing is left to learn the class from, so its images count as wrong."
    )
    return [Finding("groups", "warning", text, {"classes_of_one_group": lone})]


def _count(things: Sequence[object], noun: str) -> str:
    plural = noun + ("es" if noun.endswith("s") else "s")
    return f"{len(things)} {noun if len(things) == 1 else plural}"


def _name(dataset: Dataset, row: int) -> str:
    return dataset.classes[int(dataset.labels[row])]
