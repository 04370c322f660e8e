"""Are wrong labels found, and is what mending brings foretold?

Flips 5 % of the labels at random, predicts every image by cross-validation, and counts how many of
the planted errors are among the most suspicious labels and among those that are listed; once more
without planted errors. Then compares the foretold gain of mending with the true one, scored against
the labels before the flips. With cleanlab installed, also what its filters list.

    python benchmarks/planted_labels.py FOLDER [FOLDER ...]
"""

from __future__ import annotations

import argparse
import math
import warnings
from dataclasses import replace

import numpy as np

from headstart.judge.crossval import judge_folds
from headstart.judge.label_issues import find_label_issues, gain_of_mending
from headstart.prepare.config import configure
from headstart.prepare.source import prepare
from headstart.tasks.labels import Labels, Stream
from headstart.transfer.probe import choose_head

FILTERS = (
    "prune_by_noise_rate",
    "prune_by_class",
    "both",
    "confident_learning",
    "predicted_neq_given",
    "low_normalized_margin",
    "low_self_confidence",
)


def main() -> None:
    ask = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    ask.add_argument("data", nargs="+")
    ask.add_argument("--share", type=float, default=0.05)
    ask.add_argument("--seeds", type=int, default=5)
    a = ask.parse_args()
    for source in a.data:
        ready = prepare(configure(source, {}), baseline=False)
        X, labels = ready.features.vectors[0], ready.labels
        found: dict[str, list] = {}
        for seed in range(a.seeds):
            one(X, replace(labels, seed=seed), a.share, found)
        print(f"{source}: {len(X)} labels, {a.share:.0%} planted errors, {a.seeds} seeds")
        for name, rows in found.items():
            print(f"  {name:<52} mean {np.mean(rows, 0).round(3)} worst {np.min(rows, 0).round(3)}")


def one(X, clean: Labels, share: float, found: dict[str, list]) -> None:  # noqa: ANN001
    """Plant, look, and note what came out."""
    rng = np.random.default_rng([clean.seed, 77])
    planted = rng.choice(len(X), round(share * len(X)), replace=False)
    y = clean.y.copy()
    y[planted] = (y[planted] + rng.integers(1, clean.n_classes, len(planted))) % clean.n_classes
    labels = replace(clean, y=y)
    proba = held_out(X, labels)
    given = proba[np.arange(len(y)), y]
    hits = np.isin(np.argsort(given, kind="stable"), planted).cumsum()
    for recall in (0.6, 0.8):
        wanted = math.ceil(recall * len(planted) - 1e-9)
        precision = wanted / (np.searchsorted(hits, wanted) + 1)
        found.setdefault(f"precision at recall {recall}", []).append([precision])
    issues = find_label_issues(y, proba)
    hit = np.isin(issues.rows, planted)
    right = issues.suggested[hit] == clean.y[issues.rows[hit]]
    note = [hit.mean(), hit.sum() / len(planted), len(issues), right.mean()]
    found.setdefault("listed: precision, recall, number, suggestion right", []).append(note)
    bare = find_label_issues(clean.y, held_out(X, clean))
    found.setdefault("listed without planted errors", []).append([len(bare)])
    for name, rows in by_cleanlab(y, proba):
        note = [np.isin(rows, planted).mean(), np.isin(rows, planted).sum() / len(planted)]
        found.setdefault(f"cleanlab {name}: precision, recall", []).append([*note, len(rows)])
    rows, folds = labels.choosing(np.arange(len(y)), Stream.INNER)
    choice = choose_head(X[rows], y[rows], labels.n_classes, folds)
    for remedy in ("relabel", "leave out"):
        mending = gain_of_mending(X, labels, issues, choice, remedy=remedy)
        if mending is not None:
            note = [mending.gain, *mending.gain_ci95, true_gain(X, labels, clean, choice, remedy)]
            found.setdefault(f"{remedy}: foretold gain, interval, true gain", []).append(note)


def held_out(X, labels: Labels):  # noqa: ANN001, ANN201
    """Predict every row once, by the usual nested cross-validation."""
    folds = labels.folds(np.arange(len(labels.y)), 5, Stream.ESTIMATE, 0)
    proba = np.zeros((len(labels.y), labels.n_classes))
    parts = judge_folds({"it": X}, labels, folds, workers=2)["it"].proba
    for (_, held), part in zip(folds, parts, strict=True):
        proba[held] = part
    return proba


def true_gain(X, labels: Labels, clean: Labels, choice, remedy: str) -> float:  # noqa: ANN001
    """Mend the training part of every fold, score all held-out rows against the true labels."""
    from headstart.judge.label_issues import FOLDS, _suspects

    gains = []
    folds = labels.folds(np.arange(len(labels.y)), FOLDS, Stream.MENDING, 0)
    for f, (train, held) in enumerate(folds):
        issues, _whole = _suspects(X[train], labels.of(train), choice, f)
        y, keep = labels.y.copy(), np.ones(len(train), bool)
        if remedy == "relabel":
            y[train[issues.rows]] = issues.suggested
        else:
            keep[issues.rows] = False
        before = choice.fit(X[train], labels.y[train], labels.n_classes).logits(X[held])
        after = choice.fit(X[train[keep]], y[train[keep]], labels.n_classes).logits(X[held])
        right = [(z.argmax(axis=1) == clean.y[held]).mean() for z in (before, after)]
        gains.append(right[1] - right[0])
    return float(np.mean(gains))


def by_cleanlab(y, proba):  # noqa: ANN001, ANN201
    """Yield the rows that each of cleanlab's filters lists, where it is installed."""
    try:
        from cleanlab.filter import find_label_issues as filtered
    except ImportError:
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name in FILTERS:
            yield name, np.flatnonzero(filtered(y, proba, filter_by=name, n_jobs=1))


if __name__ == "__main__":
    main()
