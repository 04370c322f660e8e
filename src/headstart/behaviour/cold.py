"""How well new items can be told: others are held out as if nobody had chosen them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from headstart.behaviour.content import (
    MOST,
    TAGS,
    TEXT,
    YEAR,
    Content,
    Features,
    HeldOut,
    Ints,
    Way,
    fits,
    item_places,
    of,
    possible,
    users,
    without,
)
from headstart.judge.verdict import from_test_set
from headstart.tasks.ranking import expected_recall

if TYPE_CHECKING:
    from scipy.sparse import csr_array

AT = 20
"""Recall is of the first 20; of a fifth of the items where few are held out."""
HELD_OUT, TURNS = 0.2, 3
"""Share of the items that are judged as if they were new, and how often."""
USER = "user"


def judge(X: csr_array, blocks: Features, columns: Ints, seed: int = 0) -> dict[str, Any] | None:
    """Hold items out as if nobody had chosen them, and look for users' choices among them.

    Three times a fifth of the items is taken out of the matrix, everything is chosen and fitted
    without them, and of every user with a choice among them one is to be found.

    Parameters
    ----------
    X, blocks, columns
        As of ``content.fit``.
    seed : int
        Draws items and choices.

    Returns
    -------
    dict or None
        ``at`` (as many first ones are looked at), ``items`` held out at a time, ``users`` asked in
        all; recall by ``chance``, with the content ``shuffled``, by each way in ``ways`` and by the
        ``chosen`` one; its ``gain`` over chance, and ``gain_of_text`` over the table's genres and
        years (None where there are no texts or none of those), each with a 95 % interval over
        users. None where nothing can be learned or judged.
    """
    from threadpoolctl import threadpool_limits

    chosen = np.bincount(X.indices, minlength=X.shape[1])[columns] > 0
    columns, blocks = columns[chosen], of(blocks, np.flatnonzero(chosen))
    held = round(len(columns) * HELD_OUT)
    at = min(AT, max(1, held // 5))
    with threadpool_limits(1, "blas"):  # as in ``content.fits``
        turns = [_turn(X, blocks, columns, held, at, seed + turn) for turn in range(TURNS)]
    judged = [turn for turn in turns if turn is not None and len(turn[USER])]
    if not judged:
        return None
    hits = {name: np.concatenate([turn[name] for turn in judged]) for name in judged[0]}
    user = hits.pop(USER)
    ways = [named(way) for way in possible(blocks)]
    plain = named(tuple(name for name in (TAGS, YEAR) if name in blocks))

    def gain(over: str) -> dict[str, Any]:
        found = from_test_set(hits["chosen"], hits[over], groups=user, metric="recall")
        return {
            "gain": found.gain,
            "gain_ci95": list(found.gain_ci95),
            "p": found.p,
            "decision": found.decision,
        }

    return {
        "at": at,
        "items": held,
        "users": len(np.unique(user)),
        **{name: float(hits[name].mean()) for name in ("chance", "shuffled", "chosen")},
        "ways": [{"name": name, "recall": float(hits[name].mean())} for name in ways],
        "gain": gain("chance"),
        "gain_of_text": gain(plain) if plain and TEXT in blocks else None,
    }


def _turn(
    X: csr_array, blocks: Features, columns: Ints, held: int, at: int, seed: int
) -> dict[str, NDArray[Any]] | None:
    """Return each asked user's hits, by everything that is compared."""
    rng = np.random.default_rng(seed)
    out, rest = np.split(rng.permutation(len(columns)), [held])
    asked = HeldOut.of(X, columns[out], rng, MOST)
    X = without(X, columns[out])
    V = item_places(X)
    fitted = fits(X, of(blocks, rest), columns[rest], seed, V=V)
    dealt = of(blocks, rng.permutation(len(columns)))
    if fitted is None:
        return None
    best, contents = fitted

    def hits(one: Content, told: Features) -> NDArray[np.float64]:
        U = users(asked.histories, V, one.everyone)
        return expected_recall(*asked.places(U, one.places(of(told, out))), at)

    found = {named(way): hits(one, blocks) for way, one in contents.items()}
    wrong = fits(X, of(dealt, rest), columns[rest], seed, [best], V)
    assert wrong is not None  # the same items and blocks, dealt anew
    return {
        USER: asked.users,
        "chance": asked.chance(at),
        "shuffled": hits(wrong[1][best], dealt),
        "chosen": found[named(best)],
        **found,
    }


def named(way: Way) -> str:
    """Call a way by its blocks.

    Examples
    --------
    >>> named(("tags", "year"))
    'tags+year'
    """
    return "+".join(way)
