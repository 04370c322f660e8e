"""Adaptation without the source: a finished model, what it kept of its training, new examples.

The examples a model was trained on are often gone, or may not leave the house. What is left is its
head and the moments of its training embeddings (:class:`~headstart.transfer.moments.Moments`);
with unlabelled embeddings of a target that is enough for the methods here. Each leaves one head
for the target. Without source rows there is no check on held-out labels at all, so
:func:`select_source_free` asks more of the evidence than where the source is at hand: use
``headstart adapt`` with both domains where that can be had.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, Protocol

import numpy as np

from headstart.adaptation.names import PLAIN, called
from headstart.adaptation.scores import (
    cluster_agreement,
    clusterings,
    entropy,
    neighbour_agreement,
    neighbours,
)
from headstart.adaptation.trials import failed
from headstart.errors import ConfigError
from headstart.modalities import EXAMPLE, Unit
from headstart.said import N_, _, sentences
from headstart.transfer.heads import CosineHead, Head, LinearHead
from headstart.transfer.logistic import Floats, Ints, softmax
from headstart.transfer.moments import ROUNDS, SHARPNESS, Moments, group, unit

Tick = Callable[[int, int], None]

MILD = "standardisation"


@dataclass(frozen=True)
class SourceFree:
    """All that a method may see.

    Attributes
    ----------
    head : Head
        Of the finished model, for raw embeddings.
    moments : Moments
        Of its training embeddings.
    target : ndarray of shape (n, dim), float64
        Unlabelled embeddings.
    temperature : float, > 0
        Of the model.
    seed : int, >= 0
    unit : Unit
        What sentences call an example.
    """

    head: Head
    moments: Moments
    target: Floats
    temperature: float = 1.0
    seed: int = 0
    unit: Unit = EXAMPLE

    @property
    def n_classes(self) -> int:
        """K."""
        return len(self.moments.shares)

    def standardised(self) -> tuple[Floats, Floats, Floats]:
        """Standardise the target by its own moments: rows (n, dim), their mean and scale (dim,)."""
        mean, scale = self.moments.of_others(self.target)
        return (self.target - mean) / scale, mean, scale

    def moved(self) -> Floats:
        """Bring the target to the moments of the source: (n, dim)."""
        factor, offset = self.moments.affine(self.target)
        return self.target * factor + offset

    def beliefs(self) -> Floats:
        """Ask the head about the target at the source's moments, calibrated: (n, K)."""
        return softmax(self.head.logits(self.moved()) / self.temperature)

    def inner(self) -> tuple[Floats, Floats]:
        """Express the linear head on standardised rows: weights (dim, K) and biases (K,).

        Raises
        ------
        ConfigError
            A head that is not linear.
        """
        if not isinstance(self.head, LinearHead):
            raise ConfigError(
                _(
                    "It needs a linear head, and that of this model is of the kind {kind!r}.",
                    kind=getattr(self.head, "kind", "?"),
                ),
                _("The prototypes work with every head."),
            )
        W = self.head.W * self.moments.scale.astype(np.float64)[:, None]
        return W, self.head.b + self.moments.mean.astype(np.float64) @ self.head.W


class SourceFreeAdapter(Protocol):
    """A method: a frozen dataclass whose fields are its settings, as ``adapt.domains.Adapter``."""

    @property
    def name(self) -> str: ...  # noqa: D102
    @property
    def summary(self) -> str: ...  # noqa: D102
    @property
    def reference(self) -> str: ...  # noqa: D102

    def fit(self, domain: SourceFree) -> Head:
        """Return a head for raw embeddings of target-like examples."""


@dataclass(frozen=True)
class KeepHead:
    """The model as it is."""

    name: str = PLAIN
    summary: str = N_("The model as it is.")
    reference: str = ""

    def fit(self, domain: SourceFree) -> Head:
        """Return the head."""
        return domain.head


@dataclass(frozen=True)
class Standardise:
    """The target brought to the mean and spread of the source, feature by feature."""

    name: str = MILD
    summary: str = N_(
        "Brings every feature of the target to the mean and spread it had in training, then asks "
        "the model."
    )
    reference: str = N_(
        "Li et al. (2018), Adaptive batch normalization for practical domain adaptation, Pattern "
        "Recognition 80; statistics mixed as in Schneider et al. (2020), arXiv:2006.16971, eq. 4"
    )

    def fit(self, domain: SourceFree) -> Head:
        """Fold the move into the head."""
        W, b = domain.inner()
        mean, scale = domain.standardised()[1:]
        return _raw(W, b, mean, scale)


@dataclass(frozen=True)
class Prototypes:
    """A direction for each class, found by clustering that starts from the model's beliefs.

    Attributes
    ----------
    sharpness : float, > 0
    rounds : int
    """

    name: str = "prototypes"
    summary: str = N_(
        "Groups the target around one direction per class, starting from what the model believes."
    )
    reference: str = N_(
        "Liang, Hu & Feng (2020), Do we really need to access the source data?, ICML, "
        "arXiv:2002.08546, eqs. 5 and 6, with soft membership"
    )
    sharpness: float = SHARPNESS
    rounds: int = ROUNDS

    def fit(self, domain: SourceFree) -> Head:
        """Group the standardised rows, at length one (``transfer.moments.group``)."""
        Z, mean, scale = domain.standardised()
        p = softmax(domain.head.logits(domain.moved()))
        directions = group(unit(Z), p, sharpness=self.sharpness, rounds=self.rounds)
        return CosineHead(mean, scale, directions, np.array(self.sharpness))


@dataclass(frozen=True)
class T3A:
    """The model's own directions, averaged with those of the target examples it is surest of.

    Attributes
    ----------
    supports : int
        Examples per class, besides the head's row; the authors try 1 to 100 and all.
    """

    name: str = "T3A"
    summary: str = N_("Averages the model's weights with the target {many} it is surest of.")
    reference: str = N_(
        "Iwasawa & Matsuo (2021), Test-time classifier adjustment module for model-agnostic domain "
        "generalization, NeurIPS, eqs. 5 to 8; all {many} at once"
    )
    supports: int = 20

    def fit(self, domain: SourceFree) -> Head:
        """Take the examples of lowest entropy of every class that is answered."""
        W = domain.inner()[0]
        Z, mean, scale = domain.standardised()
        rows, p = unit(Z), domain.beliefs()
        doubt, answers = entropy(p), p.argmax(axis=1)
        directions = unit(W.T)
        for k in range(domain.n_classes):
            own = np.flatnonzero(answers == k)
            surest = own[np.argsort(doubt[own], kind="stable")[: self.supports]]
            directions[k] = np.vstack([directions[k : k + 1], rows[surest]]).mean(axis=0)
        return CosineHead(mean, scale, unit(directions), np.array(SHARPNESS))


@dataclass(frozen=True)
class Shot:
    """Features rescaled one by one until the frozen head is sure, and not of one class only.

    Attributes
    ----------
    beta : float
        Weight of the labels that the target gives itself; the paper's.
    rate : float
        Of Adam.
    steps, rounds : int
        So many steps on all examples, and so often new labels.
    """

    name: str = "SHOT"
    summary: str = N_(
        "Rescales the features until the frozen head gives sure answers, not all alike, that agree "
        "with the groups in the target."
    )
    reference: str = N_(
        "Liang, Hu & Feng (2020), Do we really need to access the source data?, ICML, "
        "arXiv:2002.08546, eqs. 3 to 7; here a factor per feature and a shift per class take the "
        "place of the network"
    )
    beta: float = 0.3
    rate: float = 0.01
    steps: int = 200
    rounds: int = 10

    def fit(self, domain: SourceFree) -> Head:
        """Minimise mean entropy less entropy of the mean plus beta times cross entropy."""
        W, b = domain.inner()
        Z, mean, scale = domain.standardised()
        rows = unit(Z)
        factor, shift = np.ones(Z.shape[1]), np.zeros(domain.n_classes)
        adam = _Adam(self.rate, len(factor) + len(shift))
        labels: Floats | None = None
        for step in range(self.steps):
            p = softmax(((Z * factor) @ W + b + shift) / domain.temperature)
            if labels is None or step % max(1, self.steps // self.rounds) == 0:
                labels = np.eye(domain.n_classes)[_nearest(rows, p)]
            slope = shot_slope(p, labels, self.beta) / domain.temperature  # by logits
            gradient = np.concatenate([((Z.T @ slope) * W).sum(axis=1), slope.sum(axis=0)])
            change = adam.step(gradient)
            factor, shift = factor - change[: len(factor)], shift - change[len(factor) :]
        return _raw(W * factor[:, None], b + shift, mean, scale)


def shot_slope(p: Floats, labels: Floats, beta: float) -> Floats:
    """Differentiate ``mean H(p) - H(mean p) + beta CE(labels, p)`` by the logits behind ``p``.

    Parameters
    ----------
    p, labels : ndarray of shape (n, K)
        Beliefs, and one-hot labels.

    Returns
    -------
    ndarray of shape (n, K)
    """
    log_p, log_m = np.log(np.maximum(p, 1e-30)), np.log(np.maximum(p.mean(axis=0), 1e-30))
    unsure = -p * (log_p + entropy(p)[:, None])
    alike = p * (log_m - (p @ log_m)[:, None])
    return np.asarray((unsure + alike + beta * (p - labels)) / len(p))


ADAPTERS: tuple[SourceFreeAdapter, ...] = (KeepHead(), Standardise(), Prototypes(), T3A(), Shot())
"""What is tried, "no adaptation" first."""


def _nearest(rows: Floats, p: Floats) -> Ints:
    """Label rows (n, dim) of length one by the nearest centroid in angle, twice (SHOT, eq. 6)."""
    labels = p.argmax(axis=1)
    for _round in range(2):
        likeness = rows @ unit(p.T @ rows).T
        labels = np.where(p.sum(axis=0) > 0, likeness, -np.inf).argmax(axis=1)
        p = np.eye(p.shape[1])[labels]
    return labels


class _Adam:
    """Kingma & Ba (2015), arXiv:1412.6980, algorithm 1, with its defaults."""

    def __init__(self, rate: float, size: int) -> None:
        self.rate, self.count = rate, 0
        self.first, self.second = np.zeros(size), np.zeros(size)

    def step(self, gradient: Floats) -> Floats:
        """Return what to subtract."""
        self.count += 1
        self.first += 0.1 * (gradient - self.first)
        self.second += 0.001 * (gradient**2 - self.second)
        mean = self.first / (1 - 0.9**self.count)
        return self.rate * mean / (np.sqrt(self.second / (1 - 0.999**self.count)) + 1e-8)


def _raw(W: Floats, b: Floats, mean: Floats, scale: Floats) -> LinearHead:
    """Express a head on standardised rows as one on raw rows."""
    own = W / scale[:, None]
    return LinearHead(own, b - mean @ own)


# --- selection -----------------------------------------------------------------------------------

FEW = 20
"""Target examples below which nothing is adapted: no score of so few means anything."""
ENOUGH = 2000
"""Rows the scores look at."""
SHIFTED = 0.125
"""Share of the answers that standardisation must change for the target to count as shifted. In
halves of one data set it changed 0.03 at most, and 0.12 where the shares of the classes differed;
below it little was to be gained, and where shares differed up to 9 points were lost."""
ONE_CLASS = 0.9
"""Share of one answer from which on a target counts as being of one class, unless it was common in
training."""
CLEAR = 0.05
"""By so much the neighbours' agreement must rise."""
STRUCTURE, STRUCTURE_MILD = 0.5, 0.2
"""Least agreement of neighbours, beyond chance, of a result that is believed, grouped or only
standardised: streams of one class reached 0.22 and 0.12, domains that gained 0.6 and 0.23."""
GROUPED = 0.8
"""Share of the training examples that must stay in the group of their class
(:class:`~headstart.transfer.moments.Moments`) for methods that group the target to be offered. On
sets below it (flowers, emoji) they cost up to 17 points, on those above they gained 4 to 62."""
RATIO = 3.0
"""Times that a class may be more or less common in the answers than in training."""

UNVERIFIED = N_(
    "Selected without target labels and without source {many}; the accuracy on the target is not "
    "measured."
)


@dataclass(frozen=True)
class Tried:
    """One method, and what speaks for it.

    Attributes
    ----------
    name, summary, reference : str
    clusters, neighbours : float or None
        Agreement of the answers with k-means clusters of the target (adjusted mutual information)
        and among neighbours (Cohen's kappa); None where the method failed.
    changed : float or None
        Share of the answers that differ from those without adaptation.
    shares : tuple of float
        Of the classes among the answers.
    guards : tuple of str
        Why it was ruled out.
    answers : ndarray of int64, shape (n,), or None
        None where the method failed.
    """

    name: str
    summary: str
    reference: str
    clusters: float | None = None
    neighbours: float | None = None
    changed: float | None = None
    shares: tuple[float, ...] = ()
    guards: tuple[str, ...] = ()
    answers: Ints | None = field(default=None, repr=False, compare=False)

    def to_json(self) -> dict[str, Any]:
        """Return plain types, by the names that the candidates of ``metrics.json`` have."""
        return {
            "name": self.name,
            "summary": self.summary,
            "reference": self.reference,
            "scores": {"clusters": self.clusters, "neighbours": self.neighbours},
            "changed": self.changed,
            "shares": list(self.shares),
            "guards": list(self.guards),
        }


@dataclass(frozen=True)
class Selected:
    """What was chosen, and why.

    Attributes
    ----------
    name : str
    head : Head
        For raw embeddings of the target.
    sure : {"hardly", "not"}
        Never more: nothing was checked with labels. ``"not"`` where nothing was adapted.
    reason : str
        What speaks for it, in a sentence.
    tried : tuple of Tried
        "no adaptation" first.
    unit : Unit
        What sentences call an example.
    """

    name: str
    head: Head
    sure: Literal["hardly", "not"]
    reason: str
    tried: tuple[Tried, ...]
    unit: Unit = EXAMPLE

    @property
    def sentence(self) -> str:
        """What was chosen, on what evidence, and that nobody checked it."""
        if self.name == PLAIN:
            return sentences(self.reason, _("The model is kept as it is."))
        chosen = _("{name} was chosen.", name=called(self.name))
        return sentences(chosen, self.reason, self.unit.into(UNVERIFIED))


def select_source_free(
    domain: SourceFree,
    adapters: Sequence[SourceFreeAdapter] = ADAPTERS,
    *,
    tick: Tick = lambda done, total: None,
) -> Selected:
    """Choose an adaptation with neither target labels nor source examples, or step aside.

    For targets in which all classes of the model occur, and not for single inputs or streams of
    one class. Where classes are missing it can do harm that nothing here sees.

    Parameters
    ----------
    domain : SourceFree
    adapters : sequence of SourceFreeAdapter
        "no adaptation" first.
    tick : callable (done, total)

    Notes
    -----
    Nothing is adapted to fewer than 20 examples, nor where bringing the target to the moments of
    the source changes fewer than one answer in eight: then there is no shift that these methods
    could see; nor where nine in ten examples get one answer. Else standardisation is the default,
    unless its answers follow the groups of the target less than the model's and neighbours agree
    less often: where the classes are otherwise frequent than in training, it undoes what was right
    (docs/measurements.md). Methods that group
    the target take its place where classes formed groups in training and two scores of
    different kinds agree: their answers follow clusters of the target better than those of the
    model, and neighbours agree clearly oftener. Whatever collapses or distorts the shares of
    the classes is ruled out. Of those that group, the one of the best mean rank is taken, the
    earlier where two are equal.
    """
    plain, unit = domain.head, domain.unit
    answers, heads, failures = _fit_all(domain, adapters, tick)
    tried = _scored(domain, adapters, answers, failures)
    shift = _changed(plain, domain)
    reason = ""
    if len(domain.target) < FEW:
        reason = _(
            "{examples} of the target: too few to adapt to.",
            examples=unit.count(len(domain.target)),
        )
    elif max(tried[0].shares) >= ONE_CLASS and _rare_in_training(tried[0].shares, domain):
        reason = _(
            "Nearly all target {many} look like one class: nothing can be adapted to it alone.",
            many=unit.many,
        )
    elif shift < SHIFTED:
        reason = _(
            "Bringing the target to the scale of the training {many} changes {share:.0%} of the "
            "answers: there is no shift to adapt to.",
            many=unit.many,
            share=shift,
        )
    left = [i for i, t in enumerate(tried) if i and not t.guards]
    if not reason and not left:
        reason = _("Nothing that was tried passes the guards.")
    if reason:
        return Selected(PLAIN, plain, "not", reason, tried, unit)
    grouping = [i for i in left if tried[i].name != MILD]
    best = _best(tried, grouping) if grouping else left[0]
    head, chosen = heads[best], tried[best]
    assert head is not None
    reason = _better(tried[0], chosen) if grouping else _milder(chosen, unit)
    return Selected(chosen.name, head, "hardly", reason, tried, unit)


def _better(before: Tried, chosen: Tried) -> str:
    """Say that the answers follow groups in the target better than before."""
    return _(
        "Its answers agree better with groups in the target ({clusters_before:.2f} to "
        "{clusters:.2f}) and among neighbours ({neighbours_before:.2f} to {neighbours:.2f}); "
        "{changed:.0%} of the answers differ from the model's.",
        clusters_before=before.clusters,
        clusters=chosen.clusters,
        neighbours_before=before.neighbours,
        neighbours=chosen.neighbours,
        changed=chosen.changed,
    )


def _milder(chosen: Tried, unit: Unit) -> str:
    """Say that only the scale was mended."""
    return _(
        "The target differs in scale from the training {many}, and nothing bolder is supported; "
        "{changed:.0%} of the answers differ from the model's.",
        many=unit.many,
        changed=chosen.changed,
    )


def _fit_all(
    domain: SourceFree, adapters: Sequence[SourceFreeAdapter], tick: Tick
) -> tuple[list[Ints | None], list[Head | None], list[str]]:
    """Fit each; what fails is ruled out with its reason and does not take the others with it."""
    answers: list[Ints | None] = []
    heads: list[Head | None] = []
    failures: list[str] = []
    for done, adapter in enumerate(adapters, 1):
        said: Ints | None = None
        head: Head | None = None
        failure = ""
        try:
            head = adapter.fit(domain)
            logits = head.logits(domain.target)
            if np.isfinite(logits).all():
                said = logits.argmax(axis=1)
            else:
                failure = _("Its answers are no numbers.")
        except Exception as error:
            failure = failed(error)
        answers.append(said)
        heads.append(head)
        failures.append(failure)
        tick(done, len(adapters))
    return answers, heads, failures


def _scored(
    domain: SourceFree,
    adapters: Sequence[SourceFreeAdapter],
    answers: Sequence[Ints | None],
    failures: Sequence[str],
) -> tuple[Tried, ...]:
    rows = np.lexsort(domain.target.T[:8])  # in an order that does not depend on the one given
    rows = np.random.default_rng([domain.seed, 83]).permutation(rows)[:ENOUGH]
    Z = domain.standardised()[0][rows]
    clusters = clusterings(Z.astype(np.float32), domain.n_classes, seed=domain.seed)
    near = neighbours(Z)
    plain = answers[0]
    assert plain is not None, "the model's own answers are numbers"
    tried: list[Tried] = []
    for adapter, said, failure in zip(adapters, answers, failures, strict=True):
        into = domain.unit.into
        words = (adapter.name, into(adapter.summary), into(adapter.reference))
        if said is None:
            tried.append(Tried(*words, guards=(failure,)))
            continue
        found = Tried(
            *words,
            cluster_agreement(clusters, said[rows]),
            neighbour_agreement(near, said[rows]),
            float((said != plain).mean()),
            tuple(np.bincount(said, minlength=domain.n_classes) / len(said)),
            answers=said,
        )
        tried.append(replace(found, guards=_guards(found, tried[0], domain) if tried else ()))
    return tuple(tried)


def _guards(found: Tried, plain: Tried, domain: SourceFree) -> tuple[str, ...]:
    """Say everything that rules a method out."""
    assert found.clusters is not None and plain.clusters is not None
    assert found.neighbours is not None and plain.neighbours is not None
    said: list[str] = []
    grouped = float(domain.moments.groups[0])
    if found.name != MILD:
        if grouped < GROUPED:
            said.append(
                _(
                    "It groups the target, and only {share:.0%} of the training {many} lie in the "
                    "group of their class.",
                    share=grouped,
                    many=domain.unit.many,
                )
            )
        if found.clusters <= plain.clusters:
            said.append(_("Its answers follow groups in the target no better than the model's."))
        if found.neighbours < plain.neighbours + CLEAR:
            said.append(_("Neighbours in the target do not agree clearly oftener."))
    elif found.clusters <= plain.clusters and found.neighbours < plain.neighbours:
        said.append(
            _("Its answers follow groups in the target less, and neighbours agree less often.")
        )
    if found.neighbours < (STRUCTURE_MILD if found.name == MILD else STRUCTURE):
        said.append(_("Neighbours in the target agree too seldom to believe any change."))
    prior = domain.moments.shares.astype(np.float64)
    now, before = (_distortion(t.shares, prior, len(domain.target)) for t in (found, plain))
    if now > RATIO and now > before:
        said.append(
            _(
                "The share of a class is {times:.1f} times larger or smaller than in training, and "
                "without adaptation none is as far off.",
                times=now,
            )
        )
    size = float(np.exp(entropy(np.array(found.shares))))
    if size < 0.5 * float(np.exp(entropy(prior))):
        said.append(
            _("It collapses: its answers are worth {size:.1f} equally common classes.", size=size)
        )
    return tuple(said)


def _distortion(shares: Sequence[float], prior: Floats, n: int) -> float:
    """Largest ratio of the counts of a class among answers and expected; one is added to both."""
    ratio = (np.asarray(shares) * n + 1) / (prior * n + 1)
    return float(np.exp(np.abs(np.log(ratio)).max()))


def _rare_in_training(shares: Sequence[float], domain: SourceFree) -> bool:
    top = int(np.argmax(shares))
    return shares[top] > (1 + float(domain.moments.shares[top])) / 2


def _changed(head: Head, domain: SourceFree) -> float:
    """Share of the answers that differ once the target has the moments of the source."""
    there, here = (head.logits(X).argmax(axis=1) for X in (domain.moved(), domain.target))
    return float((there != here).mean())


def _best(tried: Sequence[Tried], left: Sequence[int]) -> int:
    from scipy.stats import rankdata

    by = [
        [-(getattr(tried[i], score) or 0.0) for i in left] for score in ("clusters", "neighbours")
    ]
    mean = np.mean([rankdata(values) for values in by], axis=0)
    return left[int(mean.argmin())]
