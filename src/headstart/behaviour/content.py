"""Items that nobody has chosen yet, told by what is known of them.

What users chose gives every item in the logs a place in a space of few dimensions (a truncated
singular value decomposition). A ridge regression learns to tell that place from what the table of
items says: genres, year, and vectors of a text encoder. So an item without any choice has a place
as well, and is scored like the others.

References
----------
Gantner et al. (2010), "Learning attribute-to-feature mappings for cold-start recommendations",
ICDM; van den Oord et al. (2013), "Deep content-based music recommendation", NIPS.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from headstart.behaviour.items import ItemTable
from headstart.behaviour.weight import choose
from headstart.tasks.ranking import expected_discount, places

if TYPE_CHECKING:
    from scipy.sparse import csr_array

Floats = NDArray[np.float32]
Ints = NDArray[np.integer]
Features = Mapping[str, Floats]
Way = tuple[str, ...]

TAGS, YEAR, TEXT = "tags", "year", "text"
WAYS: tuple[Way, ...] = ((TAGS, YEAR), (TEXT,), (TAGS, YEAR, TEXT))
"""Blocks that are tried together; the first is what a table says without an encoder."""
SIZE = 32
"""Dimensions of the space (plain choice)."""
POPULAR = 0.5
"""Power of its length by which an item's column is divided, so that what is popular does not take
up the whole space (on MovieLens 100k Recall@20 of new films is .384, with 0 instead .373)."""
STRENGTHS = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0)
"""Penalties that are tried, by item: at 1 a block of columns that are all alike counts half."""
FOLDS = 5
MOST = 2_000
"""Users whose choices are looked for among the items of one fold, at most (plain choice)."""
AT_LEAST = 10
"""Items in the logs that must be known to learn from them (plain choice)."""
SEEN = 2
"""Items that must have a tag for it to count: of one that is seen once nothing is learned."""
SPANS = 8
"""Spans between the knots of years, each with as many items. A curve of z and z² hardly tells the
last years apart, in which most items are and users differ most: on MovieLens 100k Recall@20 of new
films is .366 by genres and year instead of .290, with texts .384 instead of .371. With 6 or 12
spans it is the same within a point."""
BLOCK = 512
"""Users scored at a time."""


def features(
    table: ItemTable, rows: Sequence[int] | Ints, vectors: Floats | None = None
) -> dict[str, Floats]:
    """Write down what a table knows of items, as blocks of numbers.

    Items in the logs and new ones are to be passed together: what a column means depends on all.

    Parameters
    ----------
    table : ItemTable
    rows : sequence of int, shape (n,)
        Items of the table.
    vectors : ndarray of float32, shape (n, dim), optional
        Of the texts of these items; a row of zeros where there is none.

    Returns
    -------
    dict of str to ndarray of float32, shape (n, width)
        ``"tags"``: 0 and 1, of tags that at least two items have; ``"year"``: hats,
        whose sums are straight lines from knot to knot (Hastie et al. 2009, "The elements of
        statistical learning", section 5.2), and whether it is missing; ``"text"``: the vectors, the
        mean one where there is none. A block in which all items are alike is not there: nothing can
        be told by it.
    """
    rows = np.asarray(rows, np.intp)
    found = {TAGS: _tags([table.tags[i] for i in rows]), YEAR: _years(table.years[rows])}
    if vectors is not None:
        found[TEXT] = _texts(np.asarray(vectors, np.float32))
    return {name: block for name, block in found.items() if np.any(block != block[:1])}


def _tags(tags: Sequence[tuple[str, ...]]) -> Floats:
    counts = Counter(tag for own in tags for tag in set(own))
    place = {tag: k for k, tag in enumerate(sorted(t for t, n in counts.items() if n >= SEEN))}
    found = np.zeros((len(tags), max(len(place), 1)), np.float32)
    for row, own in enumerate(tags):
        found[row, [place[tag] for tag in own if tag in place]] = 1
    return found


def _years(years: NDArray[np.float64]) -> Floats:
    known = np.isfinite(years)
    if not known.any():
        return np.zeros((len(years), 1), np.float32)
    knots = np.unique(np.quantile(years[known], np.linspace(0, 1, SPANS + 1)))
    hats = [np.interp(years[known], knots, one) for one in np.eye(len(knots))]
    found = np.zeros((len(years), len(knots) + 1), np.float32)
    found[known, :-1] = np.stack(hats, axis=1)
    found[:, -1] = ~known
    return found


def _texts(vectors: Floats) -> Floats:
    there = np.abs(vectors).max(axis=1) > 0
    if not there.any():
        return vectors
    return np.where(there[:, None], vectors, vectors[there].mean(axis=0))


def of(blocks: Features, rows: Ints) -> dict[str, Floats]:
    """Take the features of some items."""
    return {name: block[rows] for name, block in blocks.items()}


@dataclass(frozen=True)
class Content:
    """Scores items that nobody has chosen by what is known of them.

    Attributes
    ----------
    V : ndarray of float32, shape (n_items, d)
        Places of the items in the logs; zeros where the logs say nothing.
    W : ndarray of float32, shape (width, d)
        From the standardised features to a place.
    place : ndarray of float32, shape (d,)
        Where an item stands of which nothing is known.
    means, scales : ndarray of float32, shape (width,)
        What is taken off the features, and what they are divided by.
    everyone : ndarray of float32, shape (d,)
        The mean user.
    way : tuple of str
        Blocks that count, in the order of their columns.
    strength : float
        The penalty that was chosen.
    """

    V: Floats
    W: Floats
    place: Floats
    means: Floats
    scales: Floats
    everyone: Floats
    way: Way
    strength: float

    def places(self, blocks: Features) -> Floats:
        """Place items by their features, (n_cold, d)."""
        Z = (np.concatenate([blocks[name] for name in self.way], axis=1) - self.means) / self.scales
        found: Floats = (Z @ self.W + self.place).astype(np.float32)
        return found

    def scores(self, histories: csr_array, blocks: Features) -> Floats:
        """Score new items, (n, n_cold), for histories (n, n_items); higher is better."""
        found: Floats = users(histories, self.V, self.everyone) @ self.places(blocks).T
        return found


def users(histories: csr_array, V: Floats, everyone: Floats) -> Floats:
    """Place users by what they chose, (n, d); those who chose nothing stand where the mean does."""
    found: Floats = unit_rows(histories) @ V
    found[np.diff(histories.indptr) == 0] = everyone
    return found


def unit_rows(X: csr_array) -> csr_array:
    """Give every row length one, so that users with many choices do not decide alone."""
    from scipy.sparse import diags_array

    length = np.sqrt(np.asarray(X.multiply(X).sum(axis=1), np.float64)).ravel()
    return (diags_array((1 / np.maximum(length, 1e-12)).astype(np.float32)) @ X).tocsr()


def fit(
    X: csr_array, blocks: Features, columns: Ints, seed: int = 0, way: Way | None = None
) -> Content | None:
    """Learn to tell where items stand by what is known of them.

    Parameters
    ----------
    X : csr_array, shape (n_users, n_items)
        Who chose what.
    blocks : dict of str to ndarray of shape (len(columns), width)
        What is known of the items in ``columns``, of ``features``.
    columns : ndarray of int
        Items of ``X``; those without a choice are not learned from.
    seed : int
        Draws the folds of items on which penalty and blocks are chosen.
    way : tuple of str, optional
        Blocks that count; default: chosen among ``WAYS``.

    Returns
    -------
    Content or None
        None where there are fewer than ``AT_LEAST`` items to learn from, or nothing to tell by.

    Notes
    -----
    Features are standardised, and divided by the square root of the width of their block, so that
    each block counts alike. With Z of n items and their places Y: ``W = (Z'Z + n λ I)^-1 Z'Y``.
    """
    found = fits(X, blocks, columns, seed, None if way is None else [way])
    return None if found is None else found[1][found[0]]


def fits(
    X: csr_array,
    blocks: Features,
    columns: Ints,
    seed: int = 0,
    ways: Sequence[Way] | None = None,
    V: Floats | None = None,
) -> tuple[Way, dict[Way, Content]] | None:
    """Fit by every way in which blocks can count; name the one to take. See :func:`fit`.

    A way is taken instead of the plainest only if it is better by more than a standard error.

    Parameters
    ----------
    V : ndarray of float32, shape (n_items, d), optional
        ``item_places(X)``, where it is known.
    """
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1, "blas"):  # threads of so narrow matrices only wait for each other
        return _fits(X, blocks, columns, seed, ways, V)


def _fits(
    X: csr_array,
    blocks: Features,
    columns: Ints,
    seed: int,
    ways: Sequence[Way] | None,
    V: Floats | None,
) -> tuple[Way, dict[Way, Content]] | None:
    chosen = np.bincount(X.indices, minlength=X.shape[1])[columns] > 0
    warm, known = columns[chosen], of(blocks, np.flatnonzero(chosen))
    ways = possible(blocks) if ways is None else ways
    if len(warm) < AT_LEAST or not ways:
        return None
    V = item_places(X) if V is None else V
    tried = _tried(X, V, known, warm, ways, seed)
    best = {way: max(by, key=lambda strength: by[strength].mean()) for way, by in tried.items()}
    everyone = np.asarray((unit_rows(X) @ V).mean(axis=0), np.float32)
    contents = {}
    for way, strength in best.items():
        ridge = _Ridge(known, way, V[warm])
        parts = ridge.solve(strength), ridge.place, ridge.means, ridge.scales
        contents[way] = Content(V, *parts, everyone, way, strength)
    return choose({way: tried[way][best[way]] for way in best}, ways[0]), contents


def possible(blocks: Features) -> list[Way]:
    """List the ways in which the blocks that are there can count, the plainest first."""
    there = (tuple(name for name in way if name in blocks) for way in WAYS)
    return [way for way in dict.fromkeys(there) if way]


def item_places(X: csr_array) -> Floats:
    """Place items by who chose them, (n_items, d).

    Right singular vectors of ``X``, its rows at length one and its columns divided by the root of
    theirs.
    """
    from scipy.sparse.linalg import svds

    rows = unit_rows(X)
    size = min(SIZE, min(X.shape) - 1)
    if size < 1 or not rows.nnz:
        return np.zeros((X.shape[1], 1), np.float32)
    length = np.sqrt(np.asarray(rows.multiply(rows).sum(axis=0), np.float64)).ravel()
    flat = rows.multiply(1 / np.maximum(length, 1e-12)[None] ** POPULAR).tocsr()
    start = np.random.default_rng(0).standard_normal(min(X.shape))
    _left, _values, right = svds(flat, k=size, v0=start)
    return np.ascontiguousarray(right.T, np.float32)


class _Ridge:
    """Regressions of places on one way of features, for several penalties."""

    def __init__(self, blocks: Features, way: Way, Y: Floats) -> None:
        A = np.concatenate([blocks[name] for name in way], axis=1)
        widths = [np.full(blocks[name].shape[1], blocks[name].shape[1]) for name in way]
        self.means, self.place = A.mean(axis=0), Y.mean(axis=0)
        deviation = A.std(axis=0)
        told_apart = np.where(deviation > 1e-6, deviation, 1)
        self.scales = (told_apart * np.sqrt(np.concatenate(widths))).astype(np.float32)
        Z = (A - self.means) / self.scales
        self._n = len(A)
        self._values, self._vectors = np.linalg.eigh((Z.T @ Z).astype(np.float64))
        self._onto = self._vectors.T @ (Z.T @ (Y - self.place))

    def solve(self, strength: float) -> Floats:
        """Return the weights for a penalty, (width, d)."""
        shrunk = self._onto / (np.maximum(self._values, 0) + self._n * strength)[:, None]
        found: Floats = (self._vectors @ shrunk).astype(np.float32)
        return found


_Tried = dict[Way, dict[float, NDArray[np.float64]]]


def _tried(
    X: csr_array, V: Floats, blocks: Features, warm: Ints, ways: Sequence[Way], seed: int
) -> _Tried:
    """Say how well users' choices are ranked among items that a fold leaves out.

    Their places come from a decomposition that has seen them, which is no matter here: it decides
    between penalties alone. What is judged was left out of everything (``behaviour.cold``).
    """
    rng = np.random.default_rng(seed)
    found: dict[Way, dict[float, list[NDArray[np.float64]]]] = {
        way: {strength: [] for strength in STRENGTHS} for way in ways
    }
    everyone = np.zeros(V.shape[1], np.float32)
    for out in np.array_split(rng.permutation(len(warm)), FOLDS):
        asked = HeldOut.of(X, warm[out], rng, MOST)
        U = users(asked.histories, V, everyone)
        rest = np.setdiff1d(np.arange(len(warm)), out)
        for way in ways:
            ridge = _Ridge(of(blocks, rest), way, V[warm[rest]])
            parts = ridge.place, ridge.means, ridge.scales
            for strength in STRENGTHS:
                one = Content(V, ridge.solve(strength), *parts, everyone, way, strength)
                ranked = asked.places(U, one.places(of(blocks, out)))
                found[way][strength].append(expected_discount(*ranked))
    return {
        way: {strength: np.concatenate(parts) for strength, parts in by.items()}
        for way, by in found.items()
    }


@dataclass(frozen=True)
class HeldOut:
    """Users who chose items that are held out, with one such choice of each, drawn.

    Attributes
    ----------
    users : ndarray of int, shape (n,)
    wanted : ndarray of int, shape (n,)
        Places among the items that are held out.
    histories : csr_array, shape (n, n_items)
        What else they chose, without any of those items.
    own : csr_array, shape (n, n_held_out)
        What they chose of them. The other ones are no mistakes, and are not ranked.
    """

    users: Ints
    wanted: Ints
    histories: csr_array
    own: csr_array

    @classmethod
    def of(cls, X: csr_array, items: Ints, rng: np.random.Generator, most: int) -> HeldOut:
        """Draw the choices, of at most so many users."""
        own = X[:, items].tocsr()
        counts = np.diff(own.indptr)
        asked = np.flatnonzero(counts)
        if len(asked) > most:
            asked = np.sort(rng.choice(asked, most, replace=False))
        at = own.indptr[asked] + (rng.random(len(asked)) * counts[asked]).astype(np.intp)
        return cls(asked, own.indices[at].astype(np.intp), without(X[asked], items), own[asked])

    def places(self, U: Floats, V: Floats) -> tuple[Ints, Ints]:
        """Rank the choices, for users placed at ``U`` (n, d) and items at ``V``.

        Returns
        -------
        better, alike : ndarray of int, shape (n,)
            As of ``ranking.places``. Items of one genre and year have one score until noise tells
            them apart, which must be worth nothing.
        """
        better: list[Ints] = [np.zeros(0, np.intp)]
        alike: list[Ints] = [np.zeros(0, np.intp)]
        for start in range(0, len(self.wanted), BLOCK):
            part = slice(start, start + BLOCK)
            wanted = self.wanted[part]
            seen = self.own[part].toarray() > 0
            seen[np.arange(len(wanted)), wanted] = False
            before, same = places(U[part] @ V.T, wanted, seen)
            better.append(before)
            alike.append(same)
        return np.concatenate(better), np.concatenate(alike)

    def chance(self, at: int) -> NDArray[np.float64]:
        """Return each user's chance that his choice is among the first ``at`` of any order."""
        ranked = self.own.shape[1] - np.diff(self.own.indptr) + 1
        found: NDArray[np.float64] = np.minimum(at / ranked, 1.0)
        return found


def without(X: csr_array, items: Ints) -> csr_array:
    """Return a matrix without what it holds of ``items``."""
    keep = np.ones(X.shape[1], np.float32)
    keep[items] = 0
    found = X.multiply(keep[None]).tocsr()
    found.eliminate_zeros()
    return found
