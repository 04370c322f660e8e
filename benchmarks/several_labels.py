"""With several labels an example: is chance taken for transfer, and which thresholds serve whom?

Draws features that decide eight labels each, with noise; labels are on 3 to 60 % of the rows. First
counts verdicts where the features know nothing of the labels, and where they do. Then compares
thresholds on 4,000 fresh rows: one for all labels, one for each by its F1 wherever that is better
for the label, and those that headstart chooses.

    OMP_NUM_THREADS=1 python benchmarks/several_labels.py
"""

from __future__ import annotations

from collections import Counter

import numpy as np
from scipy.stats import norm

from headstart.judge.crossval import judge_folds
from headstart.judge.estimate import assess, plan
from headstart.tasks.labels import Labels, Stream
from headstart.tasks.multilabel import MultiLabel, jaccard
from headstart.transfer.logistic import sigmoid
from headstart.transfer.multilabel import (
    OWN,
    best_f1,
    choose_labels,
    choose_thresholds,
    f1,
    shared_threshold,
)

LABELS, DIM, FRESH = 8, 20, 4000


def draw(rng: np.random.Generator, n: int, signal: float) -> tuple[np.ndarray, np.ndarray]:
    X = rng.normal(size=(n, DIM)).astype(np.float32)
    rates = np.geomspace(0.03, 0.6, LABELS)
    strength = signal * np.linspace(0.5, 1.5, LABELS)[rng.permutation(LABELS)]
    hidden = strength * X[:, :LABELS] + rng.normal(size=(n, LABELS))
    return X, hidden > norm.ppf(1 - rates) * np.sqrt(1 + signal**2)


def labelled(y: np.ndarray, seed: int) -> Labels:
    return Labels(y, MultiLabel(tuple("abcdefgh")), None, False, seed)


def verdicts(n: int, signal: float, seeds: int = 40) -> Counter[str]:
    found: Counter[str] = Counter()
    for seed in range(seeds):
        rng = np.random.default_rng(seed)
        X, y = draw(rng, n, signal)
        labels, other = labelled(y, seed), rng.normal(size=X.shape).astype(np.float32)
        protocol = plan(labels, np.zeros(n, bool), costly=True)
        outcomes = judge_folds({"own": X, "other": other}, labels, protocol.folds, workers=1)
        judged = assess(outcomes.pop("own"), outcomes, labels, protocol)
        found[judged.verdict.decision] += 1
    return found


def by_f1(p: np.ndarray, y: np.ndarray) -> np.ndarray:
    """One threshold for each label by its F1, where this is better on the other half of the rows.

    As ``choose_thresholds`` does, without a look at whole rows.
    """
    shared = shared_threshold(p, y)
    found = np.full(LABELS, shared)
    half = np.arange(len(y)) % 2 == 0
    for k in range(LABELS):
        own, there = p[:, k], y[:, k]
        if not OWN <= there.sum() <= len(y) - OWN:
            continue
        given = np.empty(len(y), bool)
        for part in (half, ~half):
            given[part] = own[part] >= best_f1(own[~part], there[~part])
        always = 2 * there.mean() / (1 + there.mean())
        doubt = np.sqrt(always * (1 - always) / there.sum())
        if f1(there, given) > max(f1(there, own >= shared), always + doubt):
            found[k] = best_f1(own, there)
    return found


def thresholds(n: int, signal: float, seeds: int = 10) -> dict[str, np.ndarray]:
    found: dict[str, list[tuple[float, float]]] = {}
    for seed in range(seeds):
        X, y = draw(np.random.default_rng(seed), n + FRESH, signal)
        X, fresh, y, truth = X[:n], X[n:], y[:n], y[n:]
        labels = labelled(y, seed)
        folds = labels.folds(np.arange(n), 5, Stream.MODEL_HEAD)
        held = np.concatenate([out for _, out in folds])
        choice = choose_labels(X, y, folds)
        heads = choice.fit_folds(X, y, LABELS, [rows for rows, _ in folds])
        pairs = zip(heads, folds, strict=True)
        p = np.concatenate([sigmoid(head.logits(X[out])) for head, (_, out) in pairs])
        new = sigmoid(choice.head.logits(fresh))
        ways = {
            "one for all": np.full(LABELS, shared_threshold(p, y[held])),
            "each by its F1": by_f1(p, y[held]),
            "headstart's": choose_thresholds(p, y[held]),
        }
        for name, least in ways.items():
            scores = np.mean([f1(truth[:, k], new[:, k] >= least[k]) for k in range(LABELS)])
            found.setdefault(name, []).append((jaccard(truth, new >= least).mean(), scores))
        same = labels.task.score(truth, labels.task.floor(y, FRESH)).mean()
        found.setdefault("always the same labels", []).append((same, np.nan))
    return {name: np.mean(rows, axis=0) for name, rows in found.items()}


def main() -> None:
    for n in (60, 200):
        for signal in (0.0, 2.0):
            print(f"{n} rows, signal {signal:g}: {dict(verdicts(n, signal))}", flush=True)
    for n in (300, 3000):
        for signal in (0.5, 1.0, 2.0):
            for name, (accuracy, macro) in thresholds(n, signal).items():
                print(
                    f"{n} rows, signal {signal:g}, {name:<22} accuracy {accuracy:.3f}  "
                    f"macro F1 {macro:.3f}",
                    flush=True,
                )


if __name__ == "__main__":
    main()
