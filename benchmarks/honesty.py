"""Is the judge honest? How often verdicts and intervals are wrong, where the truth is known.

Five studies, each over many data sets, with the judge and the protocol a run uses:

permuted   labels dealt at random: nothing can help or hurt, and accuracy is 1/K
random     real labels, two networks of random weights drawn from a few: neither is the better one
subsets    real labels, part of a larger set: the truth is how the same models do on the rest
planted    drawn data with a known gain: which gain is found 4 times in 5, and which was printed
ahead      half of the labels hidden: whether the forecast of the label curve holds what they show

    python benchmarks/honesty.py FOLDER --study permuted --n 72 --replicates 200

Features come from the cache (a first run fills it: the backbone and ``--nets`` random ones). Beside
the verdict stands the t-test people write over the same folds, which ignores that they overlap.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from scipy.stats import t
from threadpoolctl import threadpool_limits

from headstart.judge.baselines import RANDOM_NETWORK
from headstart.judge.crossval import Outcome, best_of, judge_folds
from headstart.judge.curve import label_curve
from headstart.judge.estimate import TRANSFER, Judgement, Plan, assess, plan
from headstart.judge.intervals import clopper_pearson
from headstart.prepare.config import configure
from headstart.prepare.source import prepare
from headstart.tasks.classification import Classification
from headstart.tasks.labels import Labels
from headstart.transfer.pair import Pair

Spaces = dict[str, np.ndarray]


def embed(folder: Path, nets: int) -> tuple[Spaces, list[np.ndarray], Labels]:
    """Return the spaces of a run, vectors of random networks, and the task."""
    made = [prepare(configure(folder, {"seed": s}), baseline=True) for s in range(nets)]
    first, modality = made[0].features, made[0].dataset.modality
    X = first.vectors[0]
    spaces = {
        TRANSFER: Pair.of(modality, modality.beside, X, first.digests) if modality.beside else X,
        **{n: r.describe(first.digests) for n, r in modality.rivals.items()},
    }
    return spaces, [m.features.vectors[1] for m in made], made[0].labels


def part(labels: Labels, n: int, rng: np.random.Generator) -> np.ndarray:
    """Draw n rows, the same number of every class."""
    k = labels.n_classes
    rows = [rng.permutation(np.flatnonzero(labels.y == c))[: -(-n // k)] for c in range(k)]
    return np.sort(np.concatenate(rows)[rng.permutation(sum(map(len, rows)))[:n]])


def judged(spaces: Spaces, labels: Labels) -> tuple[Judgement, dict[str, Outcome], Plan]:
    """Judge as a run does."""
    chosen = plan(labels, np.zeros(len(labels.y), bool))
    outcomes = judge_folds(spaces, labels, chosen.folds, workers=1)
    baselines = {name: o for name, o in outcomes.items() if name != TRANSFER}
    return assess(outcomes[TRANSFER], baselines, labels, chosen), outcomes, chosen


def right(outcome: Outcome, labels: Labels, chosen: Plan) -> list[np.ndarray]:
    """Which held-out rows are right, fold by fold."""
    pairs = zip(outcome.proba, chosen.folds, strict=True)
    return [p.argmax(axis=1) == labels.y[held] for p, (_, held) in pairs]


def naive(outcomes: dict[str, Outcome], labels: Labels, chosen: Plan) -> bool:
    """Whether the t-test over the folds, as if they were independent, claims a difference."""
    best, _ = best_of(outcomes, [name for name in outcomes if name != TRANSFER])
    own, other = (right(o, labels, chosen) for o in (outcomes[TRANSFER], best))
    d = np.array([a.mean() - b.mean() for a, b in zip(own, other, strict=True)])
    se = d.std(ddof=1) / np.sqrt(len(d))
    return bool(abs(d.mean()) > t.ppf(0.975, len(d) - 1) * se)


def permuted(a: argparse.Namespace) -> Callable[[int], dict]:
    spaces, nets, labels = embed(a.folder, 1)

    def once(seed: int) -> dict:
        rng = np.random.default_rng([seed, 1])
        rows = part(labels, a.n, rng)
        y = rng.permutation(labels.y[rows])
        own = {name: X[rows] for name, X in {**spaces, RANDOM_NETWORK: nets[0]}.items()}
        return facts(own, Labels(y, labels.task, None, False, seed), 1 / labels.n_classes)

    return once


def random(a: argparse.Namespace) -> Callable[[int], dict]:
    """Two nets are alike on average; which is better on these images, the rest of them tells."""
    _, nets, labels = embed(a.folder, a.nets)

    def pair(rng: np.random.Generator) -> Spaces:
        one, other = rng.permutation(a.nets)[:2]
        return {TRANSFER: nets[one], RANDOM_NETWORK: nets[other]}

    return against_the_rest(a, labels, pair)


def subsets(a: argparse.Namespace) -> Callable[[int], dict]:
    spaces, nets, labels = embed(a.folder, 1)
    everything = {**spaces, RANDOM_NETWORK: nets[0]}
    return against_the_rest(a, labels, lambda rng: everything)


def against_the_rest(
    a: argparse.Namespace, labels: Labels, deal: Callable[[np.random.Generator], Spaces]
) -> Callable[[int], dict]:
    """Judge on some rows; the truth is how the same folds' models do on all others."""

    def once(seed: int) -> dict:
        rng = np.random.default_rng([seed, 3])
        everything = deal(rng)
        rows = part(labels, a.n, rng)
        rest = np.setdiff1d(np.arange(len(labels.y)), rows)
        own = {name: X[rows] for name, X in everything.items()}
        small = Labels(labels.y[rows], labels.task, None, False, seed)
        chosen = plan(small, np.zeros(a.n, bool))
        folds = [(rows[train], rest) for train, _ in chosen.folds[:5]]
        outcomes = judge_folds(everything, replace(labels, seed=seed), folds, workers=1)
        baselines = [name for name in outcomes if name != TRANSFER]
        best, _ = best_of(outcomes, baselines)
        truth, against = (
            float(np.mean([(p.argmax(1) == labels.y[rest]).mean() for p in o.proba]))
            for o in (outcomes[TRANSFER], best)
        )
        return facts(own, small, truth, truth - against)

    return once


def planted(a: argparse.Namespace) -> Callable[[int], dict]:
    """Features whose classes lie ``distance`` apart: nearest-mean accuracy is Phi(distance / 2)."""

    def once(seed: int) -> dict:
        rng = np.random.default_rng([seed, 4])
        shift = np.linspace(0, a.most, a.steps)[seed % a.steps]
        y = rng.permutation(np.arange(a.n) % 2)
        own = {}
        for name, distance in ((TRANSFER, a.distance + shift), ("drawn", a.distance)):
            own[name] = rng.normal(size=(a.n, 5))
            own[name][:, 0] += distance * y
        return {
            **facts(own, Labels(y, Classification.numbered(2), None, False, seed), None),
            "shift": float(shift),
        }

    return once


def ahead(a: argparse.Namespace) -> None:
    """Forecast from half of the labels; print each beside what all labels reach."""
    spaces, nets, labels = embed(a.folder, 1)
    X = spaces.pop(TRANSFER)
    n, k = len(labels.y), labels.n_classes
    plain = replace(labels, groups=None)
    reached = label_curve(X, {}, plain)["points"][-1]
    for seed in range(a.replicates):
        rows = part(labels, n // 2, np.random.default_rng([seed, 6]))
        small = Labels(labels.y[rows], Classification.numbered(k), None, False, seed)
        more = round(reached["n_train"] / k - len(rows) / k)
        own = {name: S[rows] for name, S in {**spaces, RANDOM_NETWORK: nets[0]}.items()}
        start = time.perf_counter()
        told = label_curve(X[rows], own, small, more=more)["forecast"]
        low, high = told["accuracy_ci95"]
        line = {
            "per_class": [round(len(rows) / k), told["per_class"]],
            "forecast": round(told["accuracy"], 3),
            "ci95": [round(low, 3), round(high, 3)],
            "trust": told["trust"],
            "reached": round(reached["transfer"], 3),
            "inside": low <= reached["transfer"] <= high,
            "seconds": round(time.perf_counter() - start, 1),
        }
        print(json.dumps(line), flush=True)


def facts(spaces: Spaces, labels: Labels, accuracy: float | None, gain: float = 0.0) -> dict:
    """Judge once; note what was claimed and whether the truth is inside."""
    judgement, outcomes, chosen = judged(spaces, labels)
    verdict, estimate = judgement.verdict, judgement.estimate
    assert verdict is not None
    wrong = (verdict.decision == "helps" and gain <= 0) or (
        verdict.decision == "hurts" and gain >= 0
    )
    low, high = estimate["accuracy_ci95"]
    return {
        "decision": verdict.decision,
        "wrong": wrong,
        "wrong_rivals": any(r["decision"] != "cannot tell" for r in verdict.to_json()["rivals"]),
        "harmed": any(c["harmed"] for c in verdict.to_json()["per_class"]),
        "naive": naive(outcomes, labels, chosen),
        "covers": None if accuracy is None else low <= accuracy <= high,
        "covers_gain": verdict.gain_ci95[0] <= gain <= verdict.gain_ci95[1],
        "width": high - low,
        "accuracy": estimate["accuracy"],
        "truth": accuracy,
        "gain": verdict.gain,
        "true_gain": gain,
        "detectable": verdict.detectable,
    }


def share(rows: list[dict], key: str) -> dict | None:
    """Share of replicates with its exact interval."""
    values = [r[key] for r in rows if r[key] is not None]
    if not values:
        return None
    low, high = clopper_pearson(sum(values), len(values))
    return {"rate": round(np.mean(values), 3), "ci95": [round(low, 3), round(high, 3)]}


def power(rows: list[dict]) -> dict:
    """Find the gain found 4 times in 5 by a probit fit of "helps" on the mean gain per step."""
    steps = sorted({r["shift"] for r in rows})
    grouped = [[r for r in rows if r["shift"] == s] for s in steps]
    gains = [float(np.mean([r["gain"] for r in g])) for g in grouped]
    found = [float(np.mean([r["decision"] == "helps" for r in g])) for g in grouped]
    at = float(np.interp(0.8, np.maximum.accumulate(found), gains))
    near = min(range(len(steps)), key=lambda i: abs(gains[i] - at))
    printed = float(np.median([r["detectable"] for r in grouped[near]]))
    return {
        "gains": [round(g, 3) for g in gains],
        "found": [round(f, 3) for f in found],
        "found_4_in_5": round(at, 3),
        "printed": round(printed, 3),
        "printed_at_no_gain": round(float(np.median([r["detectable"] for r in grouped[0]])), 3),
        "ratio": round(printed / at, 2) if at else None,
    }


def main() -> None:
    ask = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    ask.add_argument("folder", type=Path, nargs="?", help="of class folders, or a table")
    ask.add_argument("--study", choices=("permuted", "random", "subsets", "planted", "ahead"))
    ask.add_argument("--n", type=int, default=72)
    ask.add_argument("--replicates", type=int, default=200)
    ask.add_argument("--nets", type=int, default=6, help="random networks to draw pairs from")
    ask.add_argument("--distance", type=float, default=1.35, help="planted: 1.35 is 75 %%")
    ask.add_argument("--most", type=float, default=2.0, help="planted: largest added distance")
    ask.add_argument("--steps", type=int, default=8)
    a = ask.parse_args()
    if a.study == "ahead":
        return ahead(a)
    start, rows = time.perf_counter(), []
    with threadpool_limits(1):
        once = globals()[a.study](a)
        for seed in range(a.replicates):
            rows.append(once(seed))
    found = {
        "study": a.study,
        "folder": a.folder.name if a.folder else None,
        "n": a.n,
        "replicates": len(rows),
        **{key: share(rows, key) for key in ("wrong", "naive", "covers", "covers_gain")},
        **{key: share(rows, key) for key in ("wrong_rivals", "harmed")},
        "mean_width": round(float(np.mean([r["width"] for r in rows])), 3),
        "mean_gain": round(float(np.mean([r["gain"] for r in rows])), 3),
        "detectable": round(float(np.median([r["detectable"] for r in rows])), 3),
        "power": power(rows) if a.study == "planted" else None,
        "seconds": round(time.perf_counter() - start),
    }
    print(json.dumps(found), flush=True)


if __name__ == "__main__":
    main()
