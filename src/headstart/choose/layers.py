"""Where in a network the knowledge lies that a task needs: a probe at every stage, compared.

Early stages are general and late ones special to what the network was trained on; how far the
features serve a new task is measured, not assumed. Nothing is claimed from the order of the point
estimates: "clearly" means a paired test on the same folds, with Holm's correction.

References
----------
Yosinski, Clune, Bengio & Lipson (2014), "How transferable are features in deep neural networks?",
NeurIPS, arXiv:1411.1792.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np

from headstart.judge.baselines import MAJORITY
from headstart.judge.crossval import Floats, Ints, Outcome, best_of, in_threads, judge_folds
from headstart.judge.estimate import Plan, assess, compare
from headstart.judge.holm import holm, holm_against_best
from headstart.judge.intervals import Interval
from headstart.judge.verdict import LEVEL, Comparison
from headstart.notation import in_points
from headstart.said import _, sentences
from headstart.tasks.labels import Labels, Stream
from headstart.transfer.combine import choose_combination
from headstart.transfer.logistic import softmax

Course = Literal["last", "earlier", "flat"]
Tick = Callable[[int, int], None]
NEAR = 0.03
"""An earlier layer is named as nearly as good where its whole interval lies within this share of
the last: a plain choice."""


@dataclass(frozen=True)
class Layer:
    """One stage of the network as a place to stop at.

    Attributes
    ----------
    name : str
    dim : int
        Length of its pooled vector.
    accuracy : float
        Of the cross-validated probe.
    accuracy_ci95 : (float, float)
    behind : float
        Accuracy lost against the best stage, on the same folds, in shares.
    behind_ci95 : (float, float)
        Of this difference alone; ``tie`` also knows that there are many.
    depth : float
        Share of the network's multiplications up to here, 0..1.
    map : tuple of (C, H, W), or None
        Shape of one example's maps, where the stage has maps.
    cache_mb_per_1000 : float
        What 1,000 examples' activations take at this cut, in float16, MB.
    tie : bool
        Whether it cannot be told apart from the best stage (Holm over all pairs of stages, since
        the best was picked by the same figures; 5 %). That is no proof that it is as good.
    """

    name: str
    dim: int
    accuracy: float
    accuracy_ci95: Interval
    behind: float
    behind_ci95: Interval
    depth: float
    map: tuple[int, ...] | None
    cache_mb_per_1000: float
    tie: bool


@dataclass(frozen=True)
class Combined:
    """All stages together, the most relevant columns kept, against the last stage.

    Attributes
    ----------
    accuracy, accuracy_ci95
        Nested: columns, share and strength were chosen inside every fold.
    fraction : float
        Share of the columns kept by the fit on all training rows.
    features : int
        How many those are.
    by_layer : dict of str to int
        Where they come from.
    gain : float
        Accuracy minus that of the embedding alone, paired.
    gain_ci95 : (float, float)
    p : float
    """

    accuracy: float
    accuracy_ci95: Interval
    fraction: float
    features: int
    by_layer: dict[str, int]
    gain: float
    gain_ci95: Interval
    p: float


@dataclass(frozen=True)
class Layers:
    """What was found at every stage, and what to do about it.

    Attributes
    ----------
    protocol : str
    n : int
        Examples, training and test.
    kind : {"last", "earlier", "flat"}
        ``"earlier"``: a stage is clearly better than the embedding; ``"flat"``: none is clearly
        better than the best model without the network's knowledge; ``"last"``: all else.
    advice : str
    layers : tuple of Layer
        Shallow to deep; the last is the embedding itself.
    combined : Combined or None
        None where it was not asked for.
    """

    protocol: str
    n: int
    kind: Course
    advice: str
    layers: tuple[Layer, ...]
    combined: Combined | None

    def to_json(self, *, data: str, classes: Sequence[str], backbone: str) -> dict[str, Any]:
        """Return the layers document: plain types only."""
        return {
            "schema": 1,
            "study": "layers",
            "data": data,
            "n": self.n,
            "classes": list(classes),
            "protocol": self.protocol,
            "backbone": backbone,
            "advice": self.advice,
            "kind": self.kind,
            "layers": [_plain(layer) for layer in self.layers],
            "combined": None if self.combined is None else _plain(self.combined),
        }


def study(
    names: Sequence[str],
    dims: Sequence[int],
    X: Floats,
    labels: Labels,
    chosen: Plan,
    depth: Sequence[float],
    shapes: Sequence[tuple[int, ...]],
    *,
    baselines: Mapping[str, Floats] | None = None,
    combine: bool = False,
    workers: int = 1,
    tick: Tick = lambda done, total: None,
) -> Layers:
    """Probe every stage on the same folds and compare.

    Parameters
    ----------
    names, dims, shapes
        As ``headstart.backbones.stages.Stages`` has them: shallow to deep, the embedding last.
    X : ndarray of shape (n, sum(dims)), float32
        The stages side by side.
    labels : Labels
    chosen : Plan
        The folds; with a fixed test set the exact paired test replaces the t-test.
    depth : sequence of float
        Share of the multiplications up to each stage, as ``stages.macs`` measures it.
    baselines : dict of str to ndarray of shape (n, dim), optional
        Feature spaces without transfer (a re-initialised network, colours); without any, stages
        are held against the majority class alone.
    combine : bool, default=False
        Also judge the combination of all stages (see ``headstart.transfer.combine``).
    tick : callable
        Told how many probes are done, and of how many.
    """
    ends = np.cumsum(dims)
    spaces = {name: X[:, end - d : end] for name, d, end in zip(names, dims, ends, strict=True)}
    jobs = len(chosen.folds) * (len(names) + len(baselines or {}))
    total = jobs + combine * len(chosen.folds)
    outcomes = judge_folds(
        {**spaces, **(baselines or {})},
        labels,
        chosen.folds,
        workers=workers,
        tick=lambda done, _: tick(done, total),
    )
    without = {name: outcomes[name] for name in (MAJORITY, *(baselines or {}))}
    stages = [outcomes[name] for name in names]
    layers = _layers(names, dims, stages, without[MAJORITY], labels, chosen, depth, shapes)
    combined = None
    if combine:
        combined = _combined(
            names, dims, X, labels, chosen, stages[-1], without[MAJORITY],
            workers, lambda done, _: tick(jobs + done, total),
        )  # fmt: skip
    kind, advice = _advise(layers, stages, without, labels, chosen)
    if combined is not None:
        advice = sentences(advice, _said(combined))
    return Layers(chosen.protocol, len(labels.y), kind, advice, layers, combined)


def judge_combination(
    X: Floats,
    labels: Labels,
    folds: list[tuple[Ints, Ints]],
    *,
    workers: int = 1,
    tick: Tick = lambda done, total: None,
) -> Outcome:
    """Judge the combination of stages by nested cross-validation.

    Scaling, relevance, share of columns and strength are found inside every fold's training part,
    on the same inner folds as the probe's.

    Parameters
    ----------
    X : ndarray of shape (n, D)
        All stages side by side.
    folds : list of (train rows, held-out rows)
    """

    def run(f: int) -> tuple[Floats, float]:
        train, held = folds[f]
        rows, inner = labels.inside(train, f)
        choice = choose_combination(
            X[rows], labels.y[rows], labels.n_classes, inner, balanced=labels.balanced
        )
        head, _ = choice.fit(X[train], labels.y[train], labels.n_classes)
        return softmax(head.logits(X[held]) / choice.temperature), choice.accuracy

    results = in_threads(run, range(len(folds)), workers, tick)
    return Outcome([proba for proba, _ in results], [accuracy for _, accuracy in results])


def _layers(
    names: Sequence[str],
    dims: Sequence[int],
    stages: list[Outcome],
    majority: Outcome,
    labels: Labels,
    chosen: Plan,
    depth: Sequence[float],
    shapes: Sequence[tuple[int, ...]],
) -> tuple[Layer, ...]:
    scores = [_accuracy(outcome, majority, labels, chosen) for outcome in stages]
    best = max(range(len(stages)), key=lambda i: (scores[i][0], i))  # of equals the deepest
    lost = [compare(stages[best], outcome, labels, chosen, balanced=False) for outcome in stages]
    others = [i for i in range(len(stages)) if i != best]
    adjusted = dict(zip(others, holm_against_best([lost[i].p for i in others]), strict=True))
    return tuple(
        Layer(
            name=names[i],
            dim=int(dims[i]),
            accuracy=scores[i][0],
            accuracy_ci95=scores[i][1],
            behind=lost[i].gain,
            behind_ci95=(0.0, 0.0) if i == best else lost[i].gain_ci95,
            depth=float(depth[i]),
            map=tuple(shapes[i]) if len(shapes[i]) == 3 else None,
            cache_mb_per_1000=2 * 1000 * int(np.prod(shapes[i])) / 1e6,
            tie=i == best or adjusted[i] >= LEVEL,
        )
        for i in range(len(names))
    )


def _advise(
    layers: tuple[Layer, ...],
    stages: list[Outcome],
    without: dict[str, Outcome],
    labels: Labels,
    chosen: Plan,
) -> tuple[Course, str]:
    floor, name = best_of(without, list(without))
    if not _clearly_better(stages, floor, labels, chosen):
        return "flat", _flat(layers, name, labels)
    better = _clearly_better(stages[:-1], stages[-1], labels, chosen)
    if not better:
        return "last", _last(layers, stages, labels, chosen)
    best = max(better, key=lambda i: layers[i].accuracy)
    return "earlier", _earlier(
        layers, best, compare(stages[best], stages[-1], labels, chosen, balanced=False)
    )


def _clearly_better(
    stages: list[Outcome], reference: Outcome, labels: Labels, chosen: Plan
) -> list[int]:
    """Which stages beat one that was fixed beforehand, Holm over the stages."""
    found = [compare(outcome, reference, labels, chosen, balanced=False) for outcome in stages]
    adjusted = holm([d.p for d in found])
    return [i for i, d in enumerate(found) if d.gain > 0 and adjusted[i] < LEVEL]


def _flat(layers: tuple[Layer, ...], name: str, labels: Labels) -> str:
    best = max(layers, key=lambda layer: layer.accuracy)
    return _(
        "No layer is clearly better than {baseline} (the best, {layer}, has {accuracy:.1%}): "
        "frozen features of this network do not serve this task, or {n} examples are too few to "
        "tell. Train more of it (--method finetune --unfreeze all), or choose another backbone "
        "(headstart rank).",
        baseline=_(name),
        layer=best.name,
        accuracy=best.accuracy,
        n=len(labels.y),
    )


def _last(layers: tuple[Layer, ...], stages: list[Outcome], labels: Labels, chosen: Plan) -> str:
    text = _(
        "No earlier layer is clearly better than the last ({accuracy:.1%}): use the probe "
        "(--method probe), and to go further fine-tune the last blocks (--method finetune).",
        accuracy=layers[-1].accuracy,
    )
    early = zip(layers, stages[:-1], strict=False)
    lost = (
        (layer, compare(stages[-1], own, labels, chosen, balanced=False)) for layer, own in early
    )
    near = next((layer for layer, loss in lost if loss.gain_ci95[1] <= NEAR), None)
    if near is None or near.depth >= 1:
        return text
    return sentences(
        text,
        _(
            "{layer}, at {depth:.0%} of the computation, loses at most {points:.0f} points against "
            "it (95 %).",
            layer=near.name,
            depth=near.depth,
            points=100 * NEAR,
        ),
    )


def _earlier(layers: tuple[Layer, ...], best: int, gain: Comparison) -> str:
    low, high = map(in_points, gain.gain_ci95)
    better = _(
        "{layer} is clearly better than the last layer: {gain} points (95 % interval {low} to "
        "{high}; Holm over {layers} layers).",
        layer=layers[best].name,
        gain=in_points(gain.gain),
        low=low,
        high=high,
        layers=len(layers) - 1,
    )
    advice = _(
        "What lies behind it is special to what the network was trained on: combine layers "
        "(--method layers)."
    )
    if best + 2 < len(layers):
        advice = _(
            "What lies behind it is special to what the network was trained on: combine layers "
            "(--method layers), or fine-tune from {behind} on (--method finetune --unfreeze "
            "{behind}).",
            behind=layers[best + 1].name,
        )
    return sentences(better, advice)


def _said(combined: Combined) -> str:
    low, high = map(in_points, combined.gain_ci95)
    told = {"gain": in_points(combined.gain), "low": low, "high": high}
    if combined.p >= LEVEL:
        return _(
            "Whether combining layers beats the last layer cannot be told: {gain} points (95 % "
            "interval {low} to {high}).",
            **told,
        )
    if combined.gain > 0:
        return _(
            "Combining layers is clearly better than the last layer alone: {gain} points (95 % "
            "interval {low} to {high}).",
            **told,
        )
    return _(
        "Combining layers is clearly worse than the last layer alone: {gain} points (95 % interval "
        "{low} to {high}).",
        **told,
    )


def _combined(
    names: Sequence[str],
    dims: Sequence[int],
    X: Floats,
    labels: Labels,
    chosen: Plan,
    last: Outcome,
    majority: Outcome,
    workers: int,
    tick: Tick,
) -> Combined:
    outcome = judge_combination(X, labels, chosen.folds, workers=workers, tick=tick)
    accuracy, interval = _accuracy(outcome, majority, labels, chosen)
    gain = compare(outcome, last, labels, chosen, balanced=False)
    train = np.unique(np.concatenate([rows for rows, _ in chosen.folds]))
    rows, inner = labels.choosing(train, Stream.INNER)
    choice = choose_combination(
        X[rows], labels.y[rows], labels.n_classes, inner, balanced=labels.balanced
    )
    _, columns = choice.fit(X[train], labels.y[train], labels.n_classes)
    layer = np.repeat(np.arange(len(names)), dims)[columns]
    counts = np.bincount(layer, minlength=len(names))
    return Combined(
        accuracy,
        interval,
        choice.fraction,
        len(columns),
        {name: int(count) for name, count in zip(names, counts, strict=True)},
        gain.gain,
        gain.gain_ci95,
        gain.p,
    )


def _accuracy(
    outcome: Outcome, majority: Outcome, labels: Labels, chosen: Plan
) -> tuple[float, Interval]:
    estimate = assess(outcome, {MAJORITY: majority}, labels, chosen).estimate
    low, high = estimate["accuracy_ci95"]
    return float(estimate["accuracy"]), (low, high)


def _plain(record: Any) -> dict[str, Any]:
    return {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(record).items()}
