"""What came of a translation, as plain values: scores, a verdict, and examples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.translation.pairs import Pairs
from headstart.translation.scores import compared, scored, sentence_chrf

OWN = "trained"
"""The network that is kept, among systems."""
SHOWN = 4
"""Examples of each kind that are shown."""
CUT = 400
"""Characters of an example."""


@dataclass(frozen=True)
class Systems:
    """What was made of the sentences of the test.

    Attributes
    ----------
    translations : mapping of str to sequence of str
        By what made them; ``"trained"`` is the network that is kept.
    question : {"tuning", "source", "memory"}
        What the verdict is about.
    against : str
        The system that the kept one is compared with.
    """

    translations: Mapping[str, Sequence[str]]
    question: str
    against: str


def outcome_of(systems: Systems, test: Pairs, cluster: NDArray[np.int64]) -> dict[str, Any]:
    """Score the systems, and compare the kept one with the one that the question names.

    Parameters
    ----------
    cluster : ndarray of int, (n,)
        Sentences of the test with equal numbers are nearly the same.
    """
    said, wanted = systems.translations, test.target
    others = [name for name in said if name not in (systems.against, OWN)]
    order = {name: said[name] for name in (systems.against, OWN, *others)}
    rows, signatures = scored(order, wanted, test.languages[1])
    found = compared(said[OWN], said[systems.against], wanted, cluster)
    low, high = found.gain_ci95  # of few sentences it may be wider than the test: then it decides
    return {
        "scores": sorted(rows, key=lambda row: row["name"] != OWN),
        "signatures": signatures,
        "verdict": {
            "question": systems.question,
            "against": systems.against,
            "decision": found.decision if low > 0 or high < 0 else "cannot tell",
            "gain": found.gain,
            "gain_ci95": [low, high],
            "detectable": float(found.detectable),
            "p": found.p,
            "test": found.test,
            "metric": found.metric,
        },
    }


def examples_of(systems: Systems, test: Pairs, seed: int) -> list[dict[str, Any]]:
    """Show sentences drawn by chance, and those that came out best and worst."""
    ours, theirs = systems.translations[OWN], systems.translations[systems.against]
    own, other = sentence_chrf(ours, test.target), sentence_chrf(theirs, test.target)
    drawn = np.random.default_rng(seed).permutation(len(test))[:SHOWN].tolist()
    rest = [i for i in np.argsort(-own, kind="stable").tolist() if i not in drawn]
    best, worst = rest[:SHOWN], rest[SHOWN:][::-1][:SHOWN]
    kinds = (("drawn", drawn), ("best", best), ("worst", worst))
    return [
        {
            "why": why,
            "source": _short(test.source[i]),
            "reference": _short(test.target[i]),
            "before": _short(theirs[i]),
            "after": _short(ours[i]),
            "chrf": float(own[i]),
            "chrf_before": float(other[i]),
        }
        for why, rows in kinds
        for i in rows
    ]


def curve_of(name: str, kept: int, curve: Sequence[Any]) -> dict[str, Any]:
    """Return a curve of ``train`` as plain values."""
    points = [asdict(point) for point in curve]
    for point in points:
        point["loss"] = point["loss"] if np.isfinite(point["loss"]) else None
    return {"name": name, "kept": kept, "points": points}


def _short(text: str) -> str:
    return text if len(text) <= CUT else f"{text[:CUT]}…"
