"""The small network for sound, trained from scratch on digits with each speaker held out in turn.

    OMP_NUM_THREADS=1 python benchmarks/small_sound.py FSDD [--speakers george,lucas]

FSDD is the folder of the Free Spoken Digit Dataset, ``{digit}_{speaker}_{n}.wav``, of which 20 of
each digit and speaker are taken. Epochs, rate, batch and decay are those of ``--method small-cnn``;
the loop is plain, without calibration, so that one fit is all that is timed. Printed are accuracy
and CPU seconds of each speaker.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from headstart.backbones import Ref
from headstart.modalities import Fed, modality
from headstart.transfer.recipe import defaults

TAKES, WARM = 20, 0.1
Ints = NDArray[np.int64]


def accuracy(fed: list[Fed], y: Ints, train: Ints, test: Ints) -> float:
    """Train on some recordings, and score others."""
    recipe, network = defaults("small-cnn"), Ref("embedded", "small-sound", seed=0).load()
    look, size = network.card.look, recipe.batch_size
    network.requires_grad_(True).train()
    head = torch.nn.Linear(network.card.dim, int(y.max()) + 1)
    torch.nn.init.zeros_(head.weight)

    def embedded(rows: Ints) -> torch.Tensor:
        vectors: torch.Tensor = network(torch.from_numpy(look.batch([fed[i] for i in rows])))
        return vectors

    def all_of(rows: Ints) -> torch.Tensor:
        with torch.no_grad():
            return torch.cat([embedded(rows[i : i + 64]) for i in range(0, len(rows), 64)])

    mean, scale = all_of(train).mean(0), all_of(train).std(0)
    scale = scale.clamp(min=0.1 * float(scale.mean()))
    weights = [*network.parameters(), *head.parameters()]
    optimizer = torch.optim.AdamW(weights, lr=recipe.rate, weight_decay=recipe.decay)
    steps = recipe.epochs * -(-len(train) // size)
    pace = torch.optim.lr_scheduler.OneCycleLR(optimizer, recipe.rate, steps, pct_start=WARM)
    rng = np.random.default_rng(0)
    for _epoch in range(recipe.epochs):
        order = rng.permutation(train)
        for rows in (order[i : i + size] for i in range(0, len(order), size)):
            logits = head((embedded(rows) - mean) / scale)
            loss = functional.cross_entropy(logits, torch.from_numpy(y[rows]))
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(weights, 1.0)
            optimizer.step()
            pace.step()
    network.eval()
    found = head((all_of(test) - mean) / scale).argmax(1).numpy()
    return float((found == y[test]).mean())


def main() -> None:
    """Hold out each speaker."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--speakers", default="")
    given = parser.parse_args()
    named = [(f, *f.stem.split("_")) for f in sorted(given.folder.glob("*_*_*.wav"))]
    taken = [(f, digit, speaker) for f, digit, speaker, n in named if int(n) < TAKES]
    audio, look = modality("audio"), Ref("embedded", "small-sound", seed=0).load().card.look
    fed = [look(audio.read(f.read_bytes())) for f, *_rest in taken]
    y = np.array([int(digit) for _f, digit, _speaker in taken])
    speakers = np.array([speaker for *_rest, speaker in taken])
    for one in filter(None, given.speakers.split(",") or sorted(set(speakers))):
        began = time.process_time()
        out = np.flatnonzero(speakers == one)
        found = accuracy(fed, y, np.flatnonzero(speakers != one), out)
        print(f"{one:10} {found:.3f}  {time.process_time() - began:.0f} CPU s", flush=True)


if __name__ == "__main__":
    main()
