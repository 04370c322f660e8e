"""Recordings: the layer that is chosen, beside every single one, on speakers or words held out.

    python benchmarks/sound.py [FSDD] [--draws 3] [--sentences FILE]
    HEADSTART_CACHE=EMPTY python benchmarks/sound.py FSDD --memory 300

FSDD is the folder of the Free Spoken Digit Dataset, ``{digit}_{speaker}_{n}.wav``, of which 20 of
each digit and speaker are taken. Digits are told with each speaker held out in turn, speakers with
each fifth of the digits; from all other recordings, and from 5 of each class, drawn anew. Layer and
encoder are chosen inside what is learned from, with its groups kept together; ``of one encoder`` is
the same without two of them side by side. ``best single`` is read off the held-out recordings, so
it flatters; ``last block`` is Whisper's. FILE has an English
sentence in every line, before a tab if there is one: 100 of them are spoken in seven dialects by
espeak-ng; fifths of the sentences are held out, and, in the second task, of the variants of the
voice, too.

Printed are mean accuracies over folds and draws, the places that were chosen, and CPU seconds.
With ``--memory``, so many recordings of FSDD, dealt evenly, are embedded and no more; printed is
the peak of resident memory.
"""

from __future__ import annotations

import argparse
import hashlib
import resource
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from headstart.backbones import ALL, resolve
from headstart.choose.layer import BESIDE, Places, best, try_all
from headstart.data.items import Examples, Files
from headstart.data.spoken import ENGLISH, VARIANTS, read_spoken
from headstart.events import ignore
from headstart.features.engines import Kitchen
from headstart.features.extract import extract
from headstart.features.store import FeatureStore
from headstart.machine import cache_folder, worker_count
from headstart.modalities import modality
from headstart.prepare.layer import Encoder
from headstart.tasks.classification import Classification
from headstart.tasks.labels import Labels, Stream
from headstart.transfer.choosing import choose

TAKES, FEW, FOLDS, SENTENCES = 20, 5, 5, 100
LAST = "whisper-tiny embedding"
Ints = NDArray[np.int64]
Split = tuple[Ints, Ints]


@dataclass(frozen=True)
class Task:
    """What is told from what, and what is held out.

    Attributes
    ----------
    name : str
    y, groups : ndarray of int64, shape (n,)
    splits : list of (rows to learn from, rows held out)
    few : int
        Recordings of a class that are drawn to learn from; 0 for all.
    """

    name: str
    y: Ints
    groups: Ints
    splits: list[Split]
    few: int = 0

    def draws(self, count: int) -> Iterator[tuple[Ints, Ints, int]]:
        """Give what is learned from, what is held out, and a seed."""
        for seed in range(count if self.few else 1):
            rng = np.random.default_rng(seed)
            for train, held in self.splits:
                rows = rng.permutation(train)
                if self.few:
                    own = [rows[self.y[rows] == c][: self.few] for c in np.unique(self.y)]
                    rows = np.concatenate(own)
                yield np.sort(rows), held, seed


def places(files: list[Path]) -> dict[str, NDArray[np.float32]]:
    """Embed files by all layers of the encoders that compete, and as the rivals do."""
    audio = modality("audio")
    examples = Examples(tuple(map(str, files)), Files(tuple(files)), audio)
    encoders = [Encoder.of(resolve(name)) for name in audio.encoders]
    kitchen = Kitchen(cache_folder(), worker_count())
    engines = [kitchen.engine(encoder.source) for encoder in encoders]
    with FeatureStore(cache_folder()) as store:
        found = extract(examples, engines, store, workers=worker_count())
    spaces = {
        f"{place.encoder.card.name.rsplit(':')[-1]} {place.layer}": place.X
        for encoder, X in zip(encoders, found.vectors, strict=True)
        for place in encoder.places(X)
    }
    rivals = {name: rival.describe(found.digests) for name, rival in audio.rivals.items()}
    return {**spaces, **{f"without transfer: {name}": X for name, X in rivals.items()}}


def accuracy(X: NDArray[np.float32], labels: Labels, rows: Ints, held: Ints) -> float:
    """Choose a head and fit it on some rows, score on others."""
    own = labels.of(rows)
    few, folds = own.choosing(np.arange(len(rows)), Stream.MODEL_HEAD)
    choice = choose(X[rows], own, few, folds)
    head = choice.fit(X[rows], own.y, own.n_classes)
    return float((head.logits(X[held]).argmax(axis=1) == labels.y[held]).mean())


def judge(task: Task, spaces: dict[str, NDArray[np.float32]], draws: int) -> None:
    """Print what is chosen, and every place by itself."""
    scores: dict[str, list[float]] = {name: [] for name in spaces}
    chosen, alone, picks = [], [], Counter[str]()
    names = [name for name in spaces if not name.startswith("without")]
    competing = Places({n: spaces[n] for n in names}, {n: n.split()[0] for n in names})
    for rows, held, seed in task.draws(draws):
        labels = Labels(task.y, Classification.numbered(int(task.y.max()) + 1), task.groups,
                        False, seed, True)  # fmt: skip
        tried = try_all(competing.of(rows), labels.of(rows))
        pick, single = best(tried).name, best(tried[: len(names)]).name
        for name, X in spaces.items():
            scores[name].append(accuracy(X, labels, rows, held))
        alone.append(scores[single][-1])
        both = BESIDE in pick
        chosen.append(accuracy(competing[pick], labels, rows, held) if both else alone[-1])
        picks["two side by side" if both else pick] += 1
    mean = {name: float(np.mean(found)) for name, found in scores.items()}
    single = max((n for n in competing if not n.endswith(ALL)), key=mean.__getitem__)
    rivals = ", ".join(f"{n.split(': ')[1]} {mean[n]:.3f}" for n in spaces if n not in competing)
    gain = np.array(chosen) - alone
    print(f"{task.name}: chosen {np.mean(chosen):.3f} ({dict(picks)}), of one encoder "
          f"{np.mean(alone):.3f} (standard error of the difference "
          f"{gain.std() / len(gain) ** 0.5:.3f}); best single {single} {mean[single]:.3f}; "
          f"last block {mean[LAST]:.3f}; {rivals}", flush=True)  # fmt: skip


def held_out(groups: Ints, folds: int) -> list[Split]:
    """Hold out groups, a fold of them at a time."""
    order = np.random.default_rng(0).permutation(int(groups.max()) + 1)
    parts = [np.isin(groups, part) for part in np.array_split(order, folds)]
    return [(np.flatnonzero(~part), np.flatnonzero(part)) for part in parts]


def numbered(names: list[str]) -> Ints:
    """Number names."""
    return np.unique(names, return_inverse=True)[1].astype(np.int64)


def fsdd(folder: Path) -> tuple[list[Path], list[Task]]:
    """Tell digits with speakers held out, and speakers with digits held out."""
    files = sorted(p for p in folder.rglob("*.wav") if int(p.stem.split("_")[2]) < TAKES)
    digit, speaker = (numbered([p.stem.split("_")[k] for p in files]) for k in (0, 1))
    digits = Task("digits, speakers held out", digit, speaker, held_out(speaker, 6))
    speakers = Task("speakers, digits held out", speaker, digit, held_out(digit, FOLDS))
    few = (replace(t, name=f"{t.name}, {FEW} a class", few=FEW) for t in (digits, speakers))
    return files, [digits, speakers, *few]


def spoken(file: Path) -> tuple[list[Path], list[Task]]:
    """Tell dialects spoken by rule."""
    lines = {line.split("\t")[0].strip() for line in file.open(encoding="utf-8")}
    fit = sorted(line for line in lines if 4 <= len(line.split()) <= 10)
    order = np.random.default_rng(0).permutation(len(fit))[:SENTENCES]
    script = replace(ENGLISH, texts=tuple(fit[i] for i in order))
    mark = hashlib.sha256("\n".join(script.texts).encode()).hexdigest()[:8]
    rows = read_spoken(f"spoken-{mark}", script, cache_folder(), ignore)
    files = [rows.items.path(row) for row in range(len(rows.refs))]
    y, sentence = numbered(rows.labels), numbered(rows.groups or [])
    cast = [(script.voices[p.parent.name], int(p.stem[:-1])) for p in files]
    variant = numbered([Random(f"{v} {n} 0").choice(VARIANTS) for v, n in cast])
    by_sentence, by_variant = held_out(sentence, FOLDS), held_out(variant, FOLDS)
    both = [
        (np.intersect1d(a, c), np.intersect1d(b, d))
        for (a, b), (c, d) in zip(by_sentence, by_variant, strict=True)
    ]
    return files, [
        Task("dialects, sentences held out", y, sentence, by_sentence),
        Task("dialects, sentences and variants held out", y, sentence, both),
    ]


def main() -> None:
    """Read, embed, choose and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("fsdd", type=Path, nargs="?")
    parser.add_argument("--draws", type=int, default=3)
    parser.add_argument("--sentences", type=Path)
    parser.add_argument("--memory", type=int)
    asked = parser.parse_args()
    if asked.fsdd and asked.memory:
        every = sorted(asked.fsdd.rglob("*.wav"))
        places([every[k * len(every) // asked.memory] for k in range(asked.memory)])
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(f"{asked.memory} recordings: {peak:.0f} MiB at most")
        return
    sets = [read(at) for read, at in ((fsdd, asked.fsdd), (spoken, asked.sentences)) if at]
    if not sets:
        parser.error("name the folder FSDD, --sentences FILE, or both")
    for files, tasks in sets:
        start = time.process_time()
        spaces = places(files)
        print(f"{len(files)} recordings embedded in {time.process_time() - start:.1f} CPU s")
        with threadpool_limits(1):
            for task in tasks:
                judge(task, spaces, asked.draws)


if __name__ == "__main__":
    main()
