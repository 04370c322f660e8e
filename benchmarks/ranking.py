"""Does the ranking pick well? The accuracy lost by following it (regret), and the time it takes.

    python benchmarks/ranking.py FOLDER... builtin:elpv [--seeds 3]
    python benchmarks/ranking.py builtin:elpv --seeds 0 --time 1000

Every set is cut into halves, copies of a picture on one side; the entrants (EfficientNet-Lite 0, 1
and 2, the first re-initialised, and colour histograms with HOG) are ranked on one half, and each is
trained there and scored on the other. Regret is the accuracy of the best entrant there minus that
of the pick. Where two are equally good the luckier counts as the best, so even a perfect ranking
has some regret on a small half; "floor" is what always taking the entrant that is best on average
over all halves of that set would have lost. With --time, everything after the features are cached
is timed on that many examples.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

from headstart.choose.rank import Entrant, pick_by_fold, rank
from headstart.features.speed import seconds_per_1000
from headstart.judge.baselines import RANDOM_NETWORK
from headstart.judge.estimate import plan
from headstart.machine import worker_count
from headstart.modalities.image.baselines import HOG, RIVALS
from headstart.prepare.config import configure
from headstart.prepare.source import prepare
from headstart.tasks.labels import Labels, Stream
from headstart.tasks.splits import stratified_folds
from headstart.transfer.probe import fit_probe

BACKBONES = ("efficientnet-lite0", "efficientnet-lite1", "efficientnet-lite2")
HISTOGRAM_SECONDS = 1.0


def main() -> None:
    ask = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    ask.add_argument("data", nargs="+", help="folders of class folders, or builtin:NAME")
    ask.add_argument("--seeds", type=int, default=3)
    ask.add_argument("--first", type=int, default=0, help="the first of them")
    ask.add_argument("--time", type=int, default=0, metavar="N", help="time this many examples")
    a = ask.parse_args()
    lost, random_won, runs = [], 0, 0
    for data in a.data:
        entrants, labels = enter(data)
        if a.time:
            clock(data, entrants, labels, a.time)
        found = [halves(entrants, labels, seed) for seed in range(a.first, a.first + a.seeds)]
        if not found:
            continue
        picks = [pick for pick, _ in found]
        scores = np.array([list(held.values()) for _, held in found])  # (seeds, entrants)
        names = [e.name for e in entrants]
        own = np.array([s[names.index(p)] for s, p in zip(scores, picks, strict=True)])
        regret = (scores.max(axis=1) - own).mean()
        floor = (scores.max(axis=1) - scores[:, scores.mean(axis=0).argmax()]).mean()
        lost.append(regret)
        random_won += picks.count(RANDOM_NETWORK)
        runs += len(picks)
        table = ", ".join(f"{n} {s:.3f}" for n, s in zip(names, scores.mean(axis=0), strict=True))
        print(f"{Path(data).name}: n = {len(labels.y)}, held-out accuracy {table}")
        counts = {name: picks.count(name) for name in names if name in picks}
        print(f"    regret {100 * regret:.2f} points (floor {100 * floor:.2f}); picks {counts}")
    if lost:
        print(
            f"mean regret over {len(lost)} sets: {100 * np.mean(lost):.2f} points; "
            f"random weights picked {random_won} times of {runs}"
        )


def enter(data: str) -> tuple[list[Entrant], Labels]:
    """Embed the data with everything that takes part."""
    found, labels, workers = [], None, worker_count()
    for name in BACKBONES:
        first = name == BACKBONES[0]
        prepared = prepare(configure(data, {"backbone": name}), baseline=first)
        card, features = prepared.engine.card, prepared.features
        examples = prepared.dataset.examples.take(range(200))
        cost = (
            card.parameters,
            4e-6 * card.parameters,
            seconds_per_1000(prepared.engine, examples, workers),
            card.licence,
            card.look.size,
        )
        found.append(Entrant(name, features.vectors[0], *cost))
        if first:
            labels = prepared.labels
            found.append(Entrant(RANDOM_NETWORK, features.vectors[1], *cost))
            described = RIVALS[HOG].describe(features.digests)
            found.append(Entrant(HOG, described, 0, 0.0, HISTOGRAM_SECONDS, "", 64))
    assert labels is not None
    return found, labels


def halves(entrants: list[Entrant], labels: Labels, seed: int) -> tuple[str, dict[str, float]]:
    """Rank on one half; return the pick, and what each scores on the other half."""
    fold = stratified_folds(labels.y, labels.groups, 2, np.random.default_rng(seed))
    train, held = np.flatnonzero(fold == 0), np.flatnonzero(fold == 1)
    some, own = subset(entrants, labels, train, seed)
    ranking = rank(some, own, plan(own, np.zeros(len(train), bool)), workers=worker_count())
    rows, folds = own.choosing(np.arange(len(train)), Stream.MODEL_HEAD)
    classes = tuple(map(str, range(labels.n_classes)))
    scores = {}
    with threadpool_limits(1):
        for e in entrants:
            model, _ = fit_probe(e.X[train], own.y, classes, folds, rows=rows)
            answers = model.predict_proba(e.X[held]).argmax(axis=1)
            scores[e.name] = float((answers == labels.y[held]).mean())
    print(f"  seed {seed}: {ranking.sentence}", flush=True)
    return ranking.recommended, scores


def clock(data: str, entrants: list[Entrant], labels: Labels, n: int) -> None:
    """Time the ranking and the picks inside the folds on n examples."""
    rows = np.sort(np.random.default_rng(0).permutation(len(labels.y))[:n])
    some, own = subset(entrants, labels, rows, 0)
    chosen = plan(own, np.zeros(len(rows), bool))
    start, cpu = time.perf_counter(), time.process_time()
    ranking = rank(some, own, chosen, workers=worker_count())
    _, picks = pick_by_fold(some, ranking.outcomes, own, chosen)
    wall, cpu = time.perf_counter() - start, time.process_time() - cpu
    print(
        f"{Path(data).name}: {len(rows)} examples, {len(some)} entrants, {chosen.protocol}: "
        f"{wall:.1f} s ({cpu:.1f} s of CPU); picks by fold {picks}"
    )


def subset(
    entrants: list[Entrant], labels: Labels, rows: np.ndarray, seed: int
) -> tuple[list[Entrant], Labels]:
    """Keep some rows of everything."""
    groups = None if labels.groups is None else labels.groups[rows]
    own = Labels(labels.y[rows], labels.task, groups, labels.balanced, seed, labels.grouped)
    some = [
        Entrant(e.name, e.X[rows], e.params, e.mb, e.seconds_per_1000, e.licence, e.size)
        for e in entrants
    ]
    return some, own


if __name__ == "__main__":
    main()
