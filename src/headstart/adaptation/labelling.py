"""A few labels of the target: which examples to ask for, and what to make of the answers.

Ten labels say more about which adaptation is right than any score without labels. The examples are
drawn so that the labels also estimate the accuracy without bias.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from threadpoolctl import threadpool_limits

from headstart.adaptation.domains import Domains
from headstart.adaptation.linear import class_weights, fit_linear, one_hot
from headstart.adaptation.names import called
from headstart.adaptation.standard import Shared, Standard
from headstart.errors import ConfigError, DataError
from headstart.judge.intervals import Interval, wilson
from headstart.modalities import EXAMPLE, Unit
from headstart.said import N_, _, _n, sentences
from headstart.tasks.splits import pairs, stratified_folds
from headstart.transfer.heads import Head, LinearHead

Floats = NDArray[np.float64]
Ints = NDArray[np.integer]

AXES = 64
"""Principal axes that the target is clustered on."""
HEAD_AXES = 128
"""Principal axes of both domains that heads with labels are fitted on."""
FOLDS = 10
JOINED = "source and labels"
TARGET_ONLY = "labels alone"
DRAWN = N_("The {many} were drawn to stand for the whole target.")
PICKED = N_(
    "It holds for {many} like those that were labelled, and is off for the target as a whole if "
    "easy or hard ones were picked."
)
STREAM = 37


@dataclass(frozen=True)
class Proposal:
    """A target example worth a label.

    Attributes
    ----------
    row : int
        Its row among the target's.
    stands_for : float
        How many target examples it was drawn for; these sum to n_t over the proposals.
    why : str
    """

    row: int
    stands_for: float
    why: str

    def to_json(
        self, paths: Sequence[str], predicted: NDArray[np.integer], classes: Sequence[str]
    ) -> dict[str, Any]:
        """Return it for ``metrics.json``, with the answer of the present model."""
        return {
            "path": paths[self.row],
            "predicted": classes[int(predicted[self.row])],
            "stands_for": self.stands_for,
            "why": self.why,
        }


def propose(domains: Domains, proba: NDArray[np.floating], budget: int) -> list[Proposal]:
    """Choose target examples to label: one, at random, from each of ``budget`` groups.

    The groups are k-means clusters of the standardised target features, so that the labels cover
    what the target holds. Within a group the example is drawn at random: nearly as good to learn
    from as the most typical one, and the labels then are a stratified random sample, from which the
    accuracy on the target can be estimated without bias. The most uncertain examples are not asked
    for: with few labels that was worse than chance.

    Parameters
    ----------
    domains : Domains
        Of which the target and the seed count.
    proba : ndarray of shape (n_t, K)
        The present model's beliefs; they do not influence the draw, only what is said about it.
    budget : int, >= 1
        Examples that somebody is ready to label; all of them where there are fewer.

    Returns
    -------
    list of Proposal
        For the largest groups first.

    Raises
    ------
    ConfigError
        If the budget is below one.

    References
    ----------
    Hacohen, Dekel & Weinshall (2022), "Active learning on a budget: opposite strategies suit high
    and low budgets" (TypiClust), arXiv:2202.02794, section 3, for one per cluster; Cochran (1977),
    "Sampling techniques", chapter 5, for the estimate from strata.
    """
    if budget < 1:
        raise ConfigError(
            _("A label budget of {budget} asks for no labels.", budget=budget),
            _("Give --label-budget 10 or more."),
        )
    n, rng = len(domains.target), np.random.default_rng([domains.seed, STREAM])
    group = np.arange(n) if budget >= n else _groups(domains.target, budget, domains.seed)
    found: list[Proposal] = []
    for members, draws in _draws(group, min(budget, n)):
        for row in rng.choice(members, draws, replace=False):
            why = _why(len(members), n, 100 * float(proba[row].max()), domains.unit)
            found.append(Proposal(int(row), len(members) / draws, why))
    return found


def _why(alike: int, n: int, sure: float, unit: Unit) -> str:
    """Say what an example is asked for, one of so many that are alike."""
    if alike == 1:
        return _("unlike any other; the model is {sure:.0f} % sure of its answer", sure=sure)
    return _(
        "drawn from {alike} of {n} target {many} that look alike; the model is {sure:.0f} % sure "
        "of its answer",
        alike=alike,
        n=n,
        many=unit.many,
        sure=sure,
    )


def _groups(target: NDArray[np.floating], budget: int, seed: int) -> Ints:
    """Cluster the target's examples; the numbers of the groups may leave gaps."""
    with threadpool_limits(1):
        Z = Standard.fit(target)(target)
        Z /= np.maximum(np.linalg.norm(Z, axis=1, keepdims=True), 1e-12)
        axes = _leading(Z, AXES)
        _, first = np.unique(axes, axis=0, return_index=True)
        k = min(budget, len(first))  # fewer where examples repeat
        return np.asarray(KMeans(k, n_init=1, random_state=seed).fit_predict(axes), np.int64)


def _leading(Z: NDArray[np.floating], axes: int) -> Floats:
    """Project rows on their leading principal axes."""
    return np.asarray(PCA(min(axes, *Z.shape), random_state=0).fit_transform(Z))


def _draws(group: Ints, budget: int) -> list[tuple[Ints, int]]:
    """Share the budget out: one a group, what is left where one draw stands for most."""
    members = [np.flatnonzero(group == g) for g in np.unique(group)]
    members.sort(key=len, reverse=True)
    draws = np.ones(len(members), int)
    sizes = np.array([len(m) for m in members])
    for _extra in range(budget - len(members)):
        draws[np.argmax(np.where(draws < sizes, sizes / draws, 0))] += 1
    return [(m, int(d)) for m, d in zip(members, draws, strict=True)]


@dataclass(frozen=True)
class Way:
    """One way to answer for the target, checked on the labels.

    Attributes
    ----------
    name : str
    accuracy : float
        On labelled target examples that it has not learned from.
    accuracy_ci95 : (float, float)
    """

    name: str
    accuracy: float
    accuracy_ci95: Interval


@dataclass(frozen=True)
class Labelled:
    """What labels of the target decided.

    Attributes
    ----------
    name : str
        The way that was chosen.
    head : Head
        For raw target features; learned from all labels where it learns from labels.
    n : int
        How many labels.
    accuracy : float
        Estimated for the target, of the whole procedure (the choice was made on other labels than
        those it is scored on).
    accuracy_ci95 : (float, float)
    drawn : bool
        Whether the examples were drawn by :func:`propose`; otherwise the estimate holds for
        examples like those that were labelled.
    trials : list of Way
        Every way that was tried.
    unit : Unit
        What sentences call an example.
    """

    name: str
    head: Head
    n: int
    accuracy: float
    accuracy_ci95: Interval
    drawn: bool
    trials: list[Way]
    unit: Unit = EXAMPLE

    @property
    def sentence(self) -> str:
        """Say it in words."""
        low, high = (100 * end for end in self.accuracy_ci95)
        return sentences(
            _("{n} labels of the target chose '{name}'.", n=self.n, name=called(self.name)),
            _(
                "Its accuracy is about {share:.0f} % (95 % interval {low:.0f} to {high:.0f}), "
                "measured on labels that were not learned from.",
                share=100 * self.accuracy,
                low=low,
                high=high,
            ),
            self.unit.into(DRAWN if self.drawn else PICKED),
        )

    def to_json(self) -> dict[str, Any]:
        """Return the numbers, ready for ``metrics.json``."""
        return {
            "n": self.n,
            "sentence": self.sentence,
            "chosen": self.name,
            "accuracy": self.accuracy,
            "accuracy_ci95": list(self.accuracy_ci95),
            "drawn": self.drawn,
            "candidates": [
                {
                    "name": t.name,
                    "accuracy": t.accuracy,
                    "accuracy_ci95": list(t.accuracy_ci95),
                    "chosen": t.name == self.name,
                }
                for t in self.trials
            ],
        }


def learn(
    domains: Domains,
    ready: Mapping[str, Head],
    rows: Ints,
    labels: Ints,
    *,
    stands_for: NDArray[np.floating] | None = None,
) -> Labelled:
    """Choose by labels of the target among heads that are ready and heads that learn from labels.

    Besides those that are ready two are tried: one on the aligned source together with the labelled
    examples, and one on the labelled examples alone. The first may be better with few labels, the
    second never needs the source to be of use.

    Parameters
    ----------
    domains : Domains
    ready : mapping of str to Head
        Heads for raw target features that have not seen the labels: first the one that was chosen
        without labels, then others, such as "no adaptation". The first stays unless the labels
        speak against it.
    rows : ndarray of int64, shape (m,), m >= 2
        Labelled target examples.
    labels : ndarray of int64, shape (m,), 0..K-1
    stands_for : ndarray of float64, shape (m,), > 0, optional
        Of their proposals. Without it every label counts the same.

    Returns
    -------
    Labelled

    Raises
    ------
    DataError
        If there are fewer than two labels, rows repeat, or a label is no class of the source.

    Notes
    -----
    Standardisation and axes come from all examples of both domains, which needs no labels. Heads
    are cross-fitted in ten folds (as many as labels, if fewer); the choice is the largest weighted
    share of right held-out answers, but the first way stays unless it is beaten by a (paired)
    standard error. The estimate is of the procedure: in every fold the way is chosen by the other
    folds' answers. Intervals are Wilson's with Kish's effective sample size ``(sum w)² / sum w²``;
    drawing one from each group varies less than that says. The estimate leans low for heads that
    learn from the labels: while an example is held out, nobody speaks for its group.

    References
    ----------
    Daumé III (2007), "Frustratingly easy domain adaptation", arXiv:0907.1815, section 2, the
    baselines tried here (SrcOnly, TgtOnly, Weighted); Kish (1965), "Survey sampling", section 11.7.
    """
    rows, labels = np.asarray(rows, np.int64), np.asarray(labels, np.int64)
    _check(domains, rows, labels)
    weight = np.ones(len(rows)) if stands_for is None else np.asarray(stands_for, np.float64)
    with threadpool_limits(1):
        shared = Shared.fit(domains, HEAD_AXES)
        right = _cross_fitted(domains, shared, ready, rows, labels)
        names = list(right)
        folds = _folds(domains, labels)
        picks = [_best(right, weight, train) for train, _ in folds]
        held = [right[pick][test] for pick, (_, test) in zip(picks, folds, strict=True)]
        order = np.concatenate([test for _, test in folds])
        name = _best(right, weight, np.arange(len(rows)))
        head = ready[name] if name in ready else _fitted(domains, shared, name, rows, labels)
    accuracy, interval = _share(np.concatenate(held), weight[order])
    trials = [Way(n, *_share(right[n], weight)) for n in names]
    return Labelled(
        name, head, len(rows), accuracy, interval, stands_for is not None, trials, domains.unit
    )


def _check(domains: Domains, rows: Ints, labels: Ints) -> None:
    if len(rows) < 2:
        raise DataError(
            _n(
                "{n} labelled {one} of the target: too few to choose by.",
                "{n} labelled {many} of the target: too few to choose by.",
                len(rows),
                one=domains.unit.one,
                many=domains.unit.many,
            ),
            _("Label two or more; ten are a good start."),
        )
    again = len(rows) - len(np.unique(rows))
    if again:
        raise DataError(
            _n(
                "{n} target {one} is labelled more than once.",
                "{n} target {many} are labelled more than once.",
                again,
                one=domains.unit.one,
                many=domains.unit.many,
            ),
            _("Leave one label for each."),
        )
    least, most = int(labels.min()), int(labels.max())
    if least < 0 or most >= domains.n_classes:
        raise DataError(
            _(
                "Label {label} is no class of the source, which has 0 to {last}.",
                label=most if most >= domains.n_classes else least,
                last=domains.n_classes - 1,
            ),
            _(
                "Use the source's class names, or add {many} of the new class to the source.",
                many=domains.unit.many,
            ),
        )


def _folds(domains: Domains, labels: Ints) -> Sequence[tuple[Ints, Ints]]:
    rng = np.random.default_rng([domains.seed, STREAM, 1])
    return pairs(stratified_folds(labels.astype(np.int64), None, min(FOLDS, len(labels)), rng))


def _cross_fitted(
    domains: Domains, shared: Shared, ready: Mapping[str, Head], rows: Ints, labels: Ints
) -> dict[str, Floats]:
    """Return per way, label by label, 1 where its held-out answer is right and 0 where not."""
    X = domains.target[rows]
    right = {
        name: (head.logits(X).argmax(axis=1) == labels).astype(np.float64)
        for name, head in ready.items()
    }
    folds = _folds(domains, labels)
    for name in (JOINED, TARGET_ONLY):
        right[name] = np.zeros(len(rows))
        for train, held in folds:
            head = _fitted(domains, shared, name, rows[train], labels[train])
            right[name][held] = head.logits(X[held]).argmax(axis=1) == labels[held]
    return right


def _fitted(domains: Domains, shared: Shared, name: str, rows: Ints, labels: Ints) -> LinearHead:
    """Fit one of the heads that learn from labels.

    Joined, all labelled examples together count as much as the whole source.
    """
    Z = shared.at_target(domains.target[rows]) @ shared.basis  # shared.target is in another order
    y, weight = labels, np.ones(len(rows))
    if name == JOINED:
        n = len(domains.y)
        own = class_weights(domains.y, domains.n_classes, domains.balanced)
        Z, y = np.concatenate([shared.source, Z]), np.concatenate([domains.y, labels])
        weight = np.concatenate([own, np.full(len(rows), n / len(rows))])
    return shared.target_head(*fit_linear(Z, one_hot(y, domains.n_classes), domains.C, weight))


def _best(right: Mapping[str, Floats], weight: Floats, rows: Ints) -> str:
    """Take the way with the most right answers, if it beats the first by a standard error.

    Without that margin ten labels left the domains of PACS four points below the adaptation that
    was ready; with it they did not.
    """
    first, share = next(iter(right)), weight[rows] / weight[rows].sum()
    best, most = first, 0.0
    for name, hits in right.items():
        gain = (hits[rows] - right[first][rows]) * share
        if gain.sum() > max(most, float(np.sqrt(np.square(gain).sum()))) + 1e-9:
            best, most = name, float(gain.sum())
    return best


def _share(right: Floats, weight: Floats) -> tuple[float, Interval]:
    """Weighted share of right answers and its interval."""
    share = float(np.clip(right @ weight / weight.sum(), 0, 1))
    effective = max(1, round(float(weight.sum() ** 2 / np.square(weight).sum())))
    return share, wilson(share * effective, effective)
