"""How often does a choice among adaptations help, as far as its wording promises it?

    python benchmarks/adapt_choices.py rows.csv --pacs FOLDER --digits FOLDER [--emoji FOLDER]
        [--minutes 30] [--seed 0]
    python benchmarks/adapt_choices.py rows.csv --count [--write] [--only pacs,digits]

Draws pairs of a labelled source and a target from public sets whose labels are all known, lets
``select`` and ``select_source_free`` choose as ``headstart adapt`` would, and only then looks at
the target's labels. One row of the table is one choice; the table grows until the time is over,
in rounds of all pairs, and another run goes on with other seeds.

The pairs are those of ``adapt.py`` (which says what the folders hold), those of three collections
of digits (the folder of ``adapt_digits.py``), and of each domain with itself, in two halves without
a shift. Every draw has three, five or seven classes (or the two there are), 15 or 40 images a class
in the source, a target of about 7, 15, 30, 60 or 150 a class, at most 300 in all, and in every
second draw uneven shares of the classes in the target. Embeddings of the default backbone.

With --count nothing is drawn: the table is counted by kind of choice and size of the target, of
some sets alone where --only names them. With --write the counts become the module
``precedent_counts`` of the package, which tells users how often choices like theirs helped.
"""

from __future__ import annotations

import argparse
import csv
import itertools
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

import adapt
import adapt_digits
from headstart.adaptation import precedents
from headstart.adaptation.families import adapters_of
from headstart.adaptation.precedents import MARGIN, SOURCE_FREE, size_of
from headstart.adaptation.select import PLAIN, SCORES, Selection
from headstart.adaptation.sourcefree import SourceFree, select_source_free

SIZES = (7, 15, 30, 60, 150)
"""Target images a class."""
MOST = 150
"""Images of a class that are embedded of any domain."""
MOST_OF_ALL = 300
"""Target images of a draw: more take long."""
NUMBERS = (
    "accuracy", "plain", "rival_trial", "plain_trial", "free_accuracy", "free_plain",
    "most_frequent",
)  # fmt: skip
COUNTS_FILE = Path(precedents.__file__).with_name("precedent_counts.py")
MODULE = '''"""Choices that were measured, by kind and size of the target. Written, not by hand.

By ``benchmarks/adapt_choices.py --count --write``; docs/measurements.md says on which sets. Each
is ``n, helped, worse, guessing`` as in ``precedents``.
"""

COUNTED = "{day}"

METHODS = (
{0}
)

COUNTS = {{
{1}
}}
'''
STYLES = ("art_painting", "cartoon", "photo", "sketch")

Features = tuple[np.ndarray, np.ndarray]  # X (n, dim), y (n,)


def main() -> None:
    ask = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    ask.add_argument("rows", type=Path)
    ask.add_argument("--pacs", type=Path)
    ask.add_argument("--digits", type=Path)
    ask.add_argument("--emoji", type=Path)
    ask.add_argument("--no-elpv", action="store_true")
    ask.add_argument("--minutes", type=float, default=30)
    ask.add_argument("--seed", type=int, default=0)
    ask.add_argument("--count", action="store_true")
    ask.add_argument("--write", action="store_true")
    ask.add_argument("--only", default="")
    a = ask.parse_args()
    if a.count:
        count(a.rows, a.only, write=a.write)
        return
    sets = dict(domains_of(a))
    end = time.monotonic() + 60 * a.minutes
    for row in choices(sets, a.seed):
        append(a.rows, row)
        if time.monotonic() > end:
            return


def domains_of(a: argparse.Namespace) -> Iterator[tuple[str, dict[str, Features]]]:
    """Embed every domain once."""
    with tempfile.TemporaryDirectory() as scratch:
        if a.pacs:
            yield "pacs", {style: embed(a.pacs / style) for style in STYLES}
        if a.digits:
            yield "digits", {p.name: embed(p) for p in digits(a.digits, Path(scratch, "digits"))}
        if not a.no_elpv:
            cells = {path.stem: embed(path) for path in adapt.elpv(Path(scratch))}
            yield "elpv", cells
        if a.emoji:
            drawn = {p.name: embed(p) for p in adapt.emoji(a.emoji, Path(scratch, "emoji"))}
            yield "emoji", drawn


def embed(data: Path) -> Features:
    X, y = adapt.features(data)
    rng = np.random.default_rng(0)
    rows = np.concatenate([some(np.flatnonzero(y == k), MOST, rng) for k in np.unique(y)])
    return X[rows].astype(float), y[rows]


def digits(folder: Path, into: Path) -> Iterator[Path]:
    """Write 150 of each digit; what MNIST-M was drawn over is left out of MNIST."""
    found = {name: (source, target) for name, source, target, _ in adapt_digits.pairs(folder)}
    mnist, mixed = found["MNIST-MNIST-M"]
    names = {"mnist": mnist, "usps": found["USPS-MNIST"][0], "mnist_m": mixed}
    for name, drawn in names.items():
        rng = np.random.default_rng(0)
        for k in range(10):
            home = into / name / str(k)
            home.mkdir(parents=True)
            for i in some(np.flatnonzero(drawn.y == k), MOST, rng):
                Image.fromarray(drawn.x[i]).save(home / f"{i}.png")
        yield into / name


def choices(sets: dict[str, dict[str, Features]], seed: int) -> Iterator[dict[str, Any]]:
    """Choose for one draw after the other, in rounds of all pairs in a random order."""
    for round_ in itertools.count(seed):
        rng = np.random.default_rng([round_, 77])
        plan = [
            (name, s, t, size)
            for name, domains in sets.items()
            for s, t in itertools.product(domains, repeat=2)
            for size in sizes(name, s == t, rng)
        ]
        for i in rng.permutation(len(plan)):
            name, s, t, size = plan[i]
            drawn = draw(sets[name][s], sets[name][t], size, rng, halves=s == t)
            start = time.perf_counter()
            row = judge(*drawn, seed=round_)
            row["seconds"] = round(time.perf_counter() - start, 1)
            yield {"benchmark": name, "source": s, "target": t, "seed": round_, **row}


def sizes(name: str, halves: bool, rng: np.random.Generator) -> list[int]:
    """Say which sizes a round tries of a pair: the small ones oftener, they cost less."""
    if halves:
        return [int(rng.choice(SIZES[:4]))]
    if name == "pacs":  # 40 a class are all there are
        return [15, 40, int(rng.choice((7, 30)))]
    return [15, int(rng.choice((7, 30))), int(rng.choice((30, 60, 150)))]


def draw(
    source: Features, target: Features, size: int, rng: np.random.Generator, *, halves: bool
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, bool]:
    """Draw classes, and of each some images of both domains."""
    (Xs, ys), (Xt, yt) = source, target
    there = np.intersect1d(ys, yt)
    wanted = [k for k in (3, 5, 7) if k <= len(there)] or [len(there)]
    classes = np.sort(rng.choice(there, int(rng.choice(wanted)), replace=False))
    K = len(classes)
    even = bool(rng.random() < 0.5)
    shares = np.full(K, 1 / K) if even else rng.dirichlet(np.full(K, 2.0))
    counts = np.maximum(1, np.round(min(size * K, MOST_OF_ALL) * shares)).astype(int)
    n_source = int(rng.choice((15, 40)))
    at_source, at_target = [], []
    for k, n in zip(classes, counts, strict=True):
        rows_t = some(np.flatnonzero(yt == k), len(yt), rng)
        rows_s = rows_t[len(rows_t) // 2 :] if halves else np.flatnonzero(ys == k)
        at_target.append((rows_t[: len(rows_t) // 2] if halves else rows_t)[:n])
        at_source.append(some(rows_s, n_source, rng))
    s, t = np.concatenate(at_source), np.concatenate(at_target)
    return Xs[s], np.searchsorted(classes, ys[s]), Xt[t], np.searchsorted(classes, yt[t]), even


def some(rows: np.ndarray, n: int, rng: np.random.Generator) -> np.ndarray:
    return rng.permutation(rows)[:n]


def judge(
    Xs: np.ndarray, ys: np.ndarray, Xt: np.ndarray, yt: np.ndarray, even: bool, *, seed: int
) -> dict[str, Any]:
    """Choose, with and without the source; only then look at the target's labels."""
    K = int(ys.max()) + 1
    found, model, shift = adapt.run_select(Xs, ys, Xt, seed, workers=1)
    assert model.moments is not None
    free = select_source_free(SourceFree(model.head, model.moments, Xt))

    def right(said: np.ndarray) -> float:
        return round(float((said == yt).mean()), 5)

    def answered(head: Any) -> float:
        return right(head.logits(Xt).argmax(axis=1))

    trials = {c.name: c.trial for c in found.candidates if not c.trial.failure}
    rival = found.evidence[0].against if found.evidence else ""
    prefers = [e.prefers for e in found.evidence]
    return {
        "classes": K, "n_source": len(ys), "n_target": len(yt), "even": int(even),
        "auc": round(shift.auc, 4), "decision": found.decision, "chosen": found.chosen,
        "sure": found.sure, "why": found.why, "rival": rival, "for": prefers.count("adaptation"),
        "against": prefers.count(PLAIN), "sentence": found.sentence,
        "changed": round(float(found.winner.changed or 0), 4),
        "rival_changed": next((round(float(c.changed or 0), 4) for c in found.candidates
                               if c.name == rival), ""),
        "source_accuracy": round(float(trials[PLAIN].right.mean()), 4),
        "most_frequent": round(float(np.bincount(yt).max() / len(yt)), 5),
        "plain": answered(found.plain.target), "accuracy": answered(found.adapted.target),
        "plain_trial": right(trials[PLAIN].answers),
        "rival_trial": right(trials[rival].answers) if rival else "",
        "best_trial": max(right(t.answers) for t in trials.values()),
        **scores(found),
        "free": free.name, "free_sure": free.sure, "free_accuracy": answered(free.head),
        "free_plain": answered(model.head),
    }  # fmt: skip


def scores(found: Selection) -> dict[str, Any]:
    said = {e.score: e for e in found.evidence}
    return {
        f"{score} {who}": round(getattr(said[score], who), 4) if said else ""
        for score in SCORES
        for who in ("none", "rival")
    }


def count(path: Path, only: str, *, write: bool) -> None:
    """Print what became of the choices, by kind and size; write it down for the package."""
    with path.open(newline="", encoding="utf-8") as file:
        rows = [r for r in csv.DictReader(file) if not only or r["benchmark"] in only.split(",")]
    cells: dict[tuple[str, str], list[tuple[float, bool]]] = {}
    for row in rows:
        size = size_of(int(row["n_target"]), int(row["classes"]))
        for why, gain, guessing in outcomes(row):
            cells.setdefault((why, size), []).append((gain, guessing))
    counts = {}
    print(f"{len(rows)} choices\n{'kind':16} {'a class':12}   n helped worse guessing  median gain")
    for (why, size), found in sorted(cells.items()):
        gains = np.array([gain for gain, _ in found])
        helped, worse = int((gains > MARGIN).sum()), int((gains < -MARGIN).sum())
        counts[why, size] = (len(found), helped, worse, sum(guessing for _, guessing in found))
        told = "{:>3} {:>6} {:>5} {:>8}".format(*counts[why, size])
        print(f"{why:16} {size:12} {told}  {100 * np.median(gains):+.1f}")
    if write:
        lines = [f"    {key!r}: {counts[key]!r},".replace("'", '"') for key in counts]
        methods = [f'    "{a.name}",' for a in adapters_of("auto")]
        COUNTS_FILE.write_text(MODULE.format("\n".join(methods), "\n".join(lines),
                                             day=time.strftime("%Y-%m-%d")), "utf-8")  # fmt: skip


def outcomes(row: dict[str, str]) -> Iterator[tuple[str, float, bool]]:
    """Say what a choice gained, or its best rival would have, and whether it beats one class."""
    number = {name: float(row[name] or "nan") for name in NUMBERS}
    gain = number["accuracy"] - number["plain"]
    if row["decision"] == "not adapted":
        gain = number["rival_trial"] - number["plain_trial"]
    if row["rival"]:
        yield row["why"], gain, number["accuracy"] <= number["most_frequent"]
    if row["free"] != PLAIN:
        gain = number["free_accuracy"] - number["free_plain"]
        yield SOURCE_FREE, gain, number["free_accuracy"] <= number["most_frequent"]


def append(path: Path, row: dict[str, Any]) -> None:
    new = not path.exists()
    with path.open("a", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, row)
        if new:
            writer.writeheader()
        writer.writerow(row)


if __name__ == "__main__":
    main()
