"""What is said of a gallery's quality: pairs, identification, strangers; and of rivals."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from headstart.judge.holm import holm
from headstart.judge.verdict import Rival, Verdict, decide, from_test_set
from headstart.recognition.identification import from_one, from_several
from headstart.recognition.open_set import OpenSet
from headstart.recognition.pairs import Pairs
from headstart.recognition.resampling import rate
from headstart.recognition.similarity import Floats, Ints, cosines
from headstart.said import N_

RATES = (0.01, 0.001)
"""False accepts at which verification is reported; pairs must be many enough for each."""
FEWEST_FALSE = 3
"""Different pairs that would be falsely accepted at a rate that is still reported."""
ENROLLED = (2, 5)
"""Examples of each identity enrolled, besides one."""
KEPT_SHARE = 0.01
"""Known ones rejected at the operating point that strangers are reported at besides."""
METRIC = "recognition_rate"
N_("recognition rate")
TESTABLE = 3
"""Identities with two examples that a verdict needs, at least."""
HARDEST = 8
"""Pairs of each kind that the report shows."""


@dataclass(frozen=True)
class Space:
    """Examples as one network, or one rival, sees them.

    Attributes
    ----------
    S : ndarray of float32, shape (n, n)
    pairs : Pairs
    one : ndarray of shape (n,)
        How likely each is recognised from one example of each identity; NaN for the only ones.
    """

    S: Floats
    pairs: Pairs
    one: Floats

    @classmethod
    def of(cls, X: Any, y: Ints, groups: Ints | None, seed: int) -> Space:
        """Compare all rows of ``X`` (n, d) by the cosine."""
        S = cosines(X)
        return cls(S, Pairs.of(S, y, groups), from_one(S, y, groups, seed))

    @property
    def testable(self) -> bool:
        """Whether there are pairs of one identity, of enough identities."""
        return len(np.unique(self.pairs.y[np.isfinite(self.one)])) >= TESTABLE


def verification(space: Space, seed: int) -> dict[str, Any]:
    """Describe the judgement of pairs; what needs pairs of one identity is None without them."""
    pairs = space.pairs
    accepts, rejects = pairs.errors() if len(pairs.same) else (np.zeros(0), np.zeros(0))
    found: dict[str, Any] = {"same": len(pairs.same), "different": len(pairs.different)}
    rates = [r for r in RATES if r * len(pairs.different) >= FEWEST_FALSE]
    if not space.testable:
        return {**found, "equal_error": None, "accepts": [], "curve": []}
    (error, threshold), (interval, each) = pairs.equal_error(), pairs.intervals(tuple(rates), seed)
    return {
        **found,
        "equal_error": {"rate": error, "ci95": interval, "threshold": threshold},
        "accepts": [
            {
                "false": r,
                "true": pairs.accepted(pairs.threshold_at(r)),
                "ci95": ci,
                "threshold": pairs.threshold_at(r),
            }
            for r, ci in zip(rates, each, strict=True)
        ],
        "curve": [
            {"threshold": float(t), "false_accepts": float(a), "false_rejects": float(r)}
            for t, a, r in zip(pairs.thresholds, accepts, rejects, strict=True)
        ],
    }


def identification(space: Space, groups: Ints | None, seed: int) -> list[dict[str, Any]]:
    """Describe how many are recognised among all, from 1, 2 and 5 enrolled examples each."""
    y = space.pairs.y
    found = {1: space.one}
    found |= {k: from_several(space.S, y, groups, k, seed) for k in ENROLLED}
    rows = []
    for k, right in found.items():
        asked = np.isfinite(right)
        if len(np.unique(y[asked])) >= TESTABLE:
            mean, interval = rate(right, y, seed)
            rows.append({"k": k, "rate": mean, "ci95": interval, "n": int(asked.sum())})
    return rows


def strangers(scored: OpenSet, accepted: float, seed: int) -> dict[str, Any]:
    """Describe "nobody I know", at thresholds that other identities have set."""
    found = {}
    for name, values in scored.answers(scored.held_out_thresholds(accepted, seed)).items():
        if np.isfinite(values).any():
            mean, interval = rate(values, scored.y, seed)
            found[name] = {"rate": mean, "ci95": interval}
    keeping = None
    if scored.known.any():
        threshold = scored.threshold_keeping(KEPT_SHARE)
        mean, interval = rate(1 - scored.answers(threshold)["accepted"], scored.y, seed)
        keeping = {"rejected": KEPT_SHARE, "rate": mean, "ci95": interval}
    return {"wanted": accepted, **{k: found.get(k) for k in NAMES}, "keeping": keeping}


NAMES = ("accepted", "right", "misnamed", "rejected")


def verdict(own: Space, rivals: Mapping[str, Space]) -> Verdict | None:
    """Judge the network against the best rival by recognition from one example, by identity.

    None where too few identities have two examples, or there is no rival.
    """
    if not rivals or not own.testable:
        return None
    rows = np.flatnonzero(np.isfinite(own.one))
    y = own.pairs.y[rows]
    compared = {
        name: from_test_set(own.one[rows], rival.one[rows], groups=y, metric=METRIC)
        for name, rival in rivals.items()
    }
    adjusted = holm([c.p for c in compared.values()])
    each = tuple(
        Rival(name, c.gain, c.gain_ci95, c.p, p, decide(c.gain, p))
        for (name, c), p in zip(compared.items(), adjusted, strict=True)
    )
    best = min(compared, key=lambda name: compared[name].gain)
    return Verdict.of(compared[best], best, each)


def compared(spaces: Mapping[str, Space], seed: int) -> list[dict[str, Any]]:
    """Describe rivals and other networks by what pairs and one example say; the best first."""
    rows = []
    for name, space in spaces.items():
        mean, interval = rate(space.one, space.pairs.y, seed)
        error = space.pairs.equal_error()[0]
        rows.append({"name": name, "rate": mean, "ci95": interval, "equal_error": error})
    return sorted(rows, key=lambda row: -float(row["rate"]))


def hardest(pairs: Pairs) -> tuple[Ints, Ints]:
    """Return the least similar pairs of one identity and the most similar ones of two, each once.

    An example stands in one pair of each kind, so that a single bad one does not fill the page.
    """
    order = np.argsort(pairs.score, kind="stable")
    return (_few(pairs, order, same=True), _few(pairs, order[::-1], same=False))


def _few(pairs: Pairs, order: Ints, *, same: bool) -> Ints:
    taken: set[int] = set()
    found: list[int] = []
    for k in order[pairs.is_same[order] == same]:
        both = {int(pairs.first[k]), int(pairs.second[k])}
        if not both & taken:
            found.append(int(k))
            taken |= both
        if len(found) == HARDEST:
            break
    return np.array(found, np.int64)
