"""Shortcuts: whether the classes can be told by how examples were made, not by what they show.

If all rotten apples were taken with one camera, a network may learn the camera; the score
is high, on held-out ones of the same kind too, and worth nothing elsewhere (Geirhos et al. 2020,
"Shortcut learning in deep neural networks"). So every circumstance that a modality knows (size,
format, camera, colour of the border...) is asked, alone, for the class.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.findings import Finding
from headstart.modalities import Circumstance, Unit
from headstart.said import _, commas, sentences
from headstart.tasks.labels import Labels, Stream

Ints = NDArray[np.int64]

PERMUTATIONS = 499
ALPHA = 0.01
"""How often a shortcut is found where there is none, all circumstances together (plain choice)."""
SHARE, SHARE_OF_CONTENT = 0.5, 0.8
"""Least part of the way from chance to the model that a circumstance goes alone, to be worth a
warning; of those that content brings along, such as colour, more (plain choices; what six public
sets have is in docs/measurements.md)."""
FEWEST = 20
"""Fewest examples, copies and groups counted once, to look for shortcuts in."""
PER_LEVEL, LEVELS = 8, 16
"""Examples a level of a measured circumstance has at least, and how many levels there are at
most, or twice as many as classes."""


@dataclass(frozen=True)
class Shortcut:
    """A circumstance that tells the classes apart.

    Attributes
    ----------
    name : str
        Of the circumstance.
    score : float
        Balanced accuracy of the class that is most common among other examples alike in it.
    p : float
        By permutation, corrected for the number of circumstances.
    """

    name: str
    score: float
    p: float


def find_shortcuts(
    told: Sequence[Mapping[str, Circumstance]],
    labels: Labels,
    model: float = 1.0,
    *,
    of_content: Collection[str] = (),
) -> list[Shortcut]:
    """Find circumstances that alone tell much of what the model tells; the best first.

    Parameters
    ----------
    told : sequence of mappings, length n
        The circumstances of each example; one that is missing in some counts as alike in these.
    labels : Labels
        Of the same rows. Of copies and groups one row counts.
    model : float, 0 to 1
        Balanced accuracy of the model; 1 where there is none.
    of_content : collection of str
        Circumstances that depend on what examples show, too.

    Notes
    -----
    Each circumstance is cut into levels. An example is given the class that is most common, as a
    share of each class, among the *others* of its level. The labels are then dealt anew
    ``PERMUTATIONS`` times; p is how often the best of all circumstances does as well as this one
    (Westfall & Young 1993, section 2.3: the maximum corrects for the number of tries).
    """
    rows, y = _independent(labels)
    chance = 1 / labels.n_classes
    if len(rows) < FEWEST or np.bincount(y, minlength=labels.n_classes).min() < 2:
        return []
    levels = _levels([told[i] for i in rows], labels.n_classes)
    if not levels or model <= chance:
        return []
    scores = {name: _score(level, y) for name, level in levels.items()}
    least = {n: SHARE_OF_CONTENT if n in of_content else SHARE for n in scores}
    worth = [n for n, s in scores.items() if s - chance >= least[n] * (model - chance)]
    if not worth:  # dealing labels takes the time
        return []
    rng = np.random.default_rng([labels.seed, Stream.SHORTCUTS])
    best = [
        max(_score(level, dealt) for level in levels.values())
        for dealt in (rng.permutation(y) for _ in range(PERMUTATIONS))
    ]
    found = [Shortcut(name, scores[name], _p(scores[name], best)) for name in worth]
    return sorted((s for s in found if s.p <= ALPHA), key=lambda s: -s.score)


def finding(found: Sequence[Shortcut], labels: Labels, unit: Unit, model: float | None) -> Finding:
    """Word a warning: which circumstances, how well they do alone, and what to do."""
    best, *others = found
    also = commas(_("{name} ({score:.1%})", name=_(s.name), score=s.score) for s in others[:3])
    text = sentences(
        _alone(best, labels, unit, model),
        _("So can: {others}.", others=also) if others else "",
        _(
            "If new {coming} do not differ in this the way these do, the score will not hold for "
            "them. Make the {examples} of all classes alike in it, or test on some that are: "
            "headstart evaluate.",
            coming=unit.coming or unit.many,
            examples=unit.many,
        ),
    )
    figures: dict[str, object] = {
        "chance": round(1 / labels.n_classes, 4),
        "model": None if model is None else round(model, 4),
        "circumstances": [{"name": s.name, "score": round(s.score, 4), "p": s.p} for s in found],
    }
    return Finding("shortcut", "warning", text, figures)


def _alone(best: Shortcut, labels: Labels, unit: Unit, model: float | None) -> str:
    told = {
        "name": _(best.name),
        "examples": unit.many,
        "score": best.score,
        "chance": 1 / labels.n_classes,
    }
    if model is None:
        return _(
            "A possible shortcut: the classes can be told by the {name} alone, without looking at "
            "what {examples} show: {score:.1%} balanced accuracy (chance is {chance:.1%}).",
            **told,
        )
    return _(
        "A possible shortcut: the classes can be told by the {name} alone, without looking at what "
        "{examples} show: {score:.1%} balanced accuracy (chance is {chance:.1%}; the model reaches "
        "{model:.1%}).",
        model=model,
        **told,
    )


def caution(found: Sequence[Shortcut]) -> str:
    """Say in the verdict that its gain may be that of a shortcut."""
    if not found:
        return ""
    return _(
        "But the {name} alone tells the classes with {score:.1%} balanced accuracy: what looks "
        "like a gain may be a shortcut.",
        name=_(found[0].name),
        score=found[0].score,
    )


def names_alike(refs: Sequence[str], classes: Sequence[str], labels: Ints) -> list[str]:
    """Return how each file is named, without its numbers, its suffix and the name of its class.

    A way of naming that only one class has counts as that class's name.

    Examples
    --------
    >>> refs = ["cat/IMG_1.jpg", "cat/DSC2.jpg", "dog/IMG_7.jpg", "dog/dog 3.jpg"]
    >>> names_alike(refs, ["cat", "dog"], np.array([0, 0, 1, 1]))
    ['IMG_#', '', 'IMG_#', '']
    """
    own = set(classes)
    named = []
    for ref in refs:
        *folders, name = ref.split("/")
        stem = name.rpartition(".")[0] or name
        parts = [re.sub(r"\d+", "#", part) for part in (*folders, stem) if part not in own]
        named.append("/".join(parts))
    of: dict[str, set[int]] = {}
    for name, label in zip(named, labels.tolist(), strict=True):
        of.setdefault(name, set()).add(label)
    return [name if len(of[name]) > 1 else "" for name in named]


def _independent(labels: Labels) -> tuple[Ints, Ints]:
    """Return the first row of each group and class, and its label."""
    groups = np.arange(len(labels.y)) if labels.groups is None else labels.groups
    rows = np.unique(np.stack([groups, labels.y]), axis=1, return_index=True)[1]
    return rows, labels.y[rows]


def _levels(told: Sequence[Mapping[str, Circumstance]], n_classes: int) -> dict[str, Ints]:
    """Cut circumstances into levels; those with one level only tell nothing."""
    names = dict.fromkeys(name for one in told for name in one)
    cut = {name: _cut([one.get(name) for one in told], n_classes) for name in names}
    return {name: level for name, level in cut.items() if level.max() > 0}


def _cut(values: Sequence[Circumstance | None], n_classes: int) -> Ints:
    """Cut a circumstance into numbered levels: as it is, by quantiles, or by nearness."""
    there = np.array([value is not None for value in values])
    known: Any = [value for value in values if value is not None]
    count = int(np.clip(len(known) // PER_LEVEL, 2, max(LEVELS, 2 * n_classes)))
    level = np.zeros(len(values), np.int64)
    distinct, plain = np.unique(np.array(known), axis=0, return_inverse=True)
    if isinstance(known[0], str) or len(distinct) <= count:
        level[there] = 1 + plain
    elif isinstance(known[0], tuple):
        from scipy.cluster.vq import kmeans2  # loads half of scipy: only for points

        level[there] = 1 + kmeans2(np.array(known, float), count, minit="++", rng=0)[1]
    else:
        edges = np.unique(np.quantile(known, np.linspace(0, 1, count + 1)[1:-1]))
        level[there] = 1 + np.searchsorted(edges, known, side="right")
    return np.unique(level, return_inverse=True)[1].astype(np.int64)


def _score(level: Ints, y: Ints) -> float:
    """Balanced accuracy of naming the class that most others of the level have.

    All members of one level and class have the same others, so whole cells are right or wrong.
    Classes count by their shares; where several are equally common, each is named equally often.
    """
    n_classes = int(y.max()) + 1
    cells = np.bincount(level * n_classes + y, minlength=(level.max() + 1) * n_classes)
    cells = cells.reshape(-1, n_classes).astype(float)
    of_class = cells.sum(axis=0)
    share = cells / of_class
    own = (cells - 1) / (of_class - 1)  # without the example itself
    first = share.max(axis=1, keepdims=True)
    leads = share == first
    many = leads.sum(axis=1, keepdims=True)
    second = np.partition(share, -2, axis=1)[:, -2:-1]
    alone = leads & (many == 1)  # the class that leads, by itself: the others' best is the second
    rest = np.where(alone, second, first)
    equal = np.where(alone, (share == second).sum(axis=1, keepdims=True), many - leads)
    right = np.where(own > rest, 1.0, np.where(own == rest, 1 / (1 + equal), 0.0))
    return float(((right * cells).sum(axis=0) / of_class).mean())


def _p(score: float, best: Sequence[float]) -> float:
    return (1 + sum(other >= score for other in best)) / (1 + len(best))
