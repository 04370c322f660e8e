"""Recordings as pictures of their sound, through a network for photos: does it know what speech
encoders do not?

    python benchmarks/sound_pictures.py FSDD [--draws 2]

FSDD and its tasks are those of ``sound.py``. Of each recording 80 mels over time, 80 dB deep, are
stretched to a grey square and embedded by ``efficientnet-lite0``. Printed are accuracies with the
groups held out: of the picture alone; of Whisper's third block and of the speaker encoder's vector,
each alone and with the picture beside it; and how often the picture is chosen, alone or beside
another, where it competes with all layers of both encoders.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from threadpoolctl import threadpool_limits

from headstart.backbones import resolve
from headstart.features.engines import Kitchen
from headstart.machine import cache_folder
from headstart.modalities import modality
from headstart.modalities.audio.look import Mels, resampled
from headstart.modalities.audio.mels import whisper
from headstart.tasks.classification import Classification
from sound import Labels, Places, accuracy, best, fsdd, places, try_all

PICTURE = "picture embedding"
BESIDE = ("whisper-tiny blocks.2", "speaker embedding")
SIDE = 224


def picture(file: Path) -> NDArray[np.uint8]:
    """Draw a recording: (1, side, side, 3), grey, low pitches below."""
    clip = modality("audio").read(file.read_bytes())
    mels = whisper(resampled(clip, Mels().rate), 80)
    grey = ((mels - mels.max()) / 2 + 1).clip(0, 1)[::-1]  # 1 is 40 dB in Whisper's scale
    square = Image.fromarray((255 * grey).astype(np.uint8)).resize((SIDE, SIDE), Image.BILINEAR)
    return np.repeat(np.asarray(square)[None, :, :, None], 3, 3)


def main() -> None:
    """Embed both ways, judge, and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("fsdd", type=Path)
    parser.add_argument("--draws", type=int, default=2)
    asked = parser.parse_args()
    files, tasks = fsdd(asked.fsdd)
    embed = Kitchen(cache_folder(), 1).engine(resolve("efficientnet-lite0")).replica()
    drawn = np.concatenate([embed(picture(file)) for file in files])
    spaces = {n: X for n, X in places(files).items() if not n.startswith("without")}
    joined = {f"{name} + picture": np.hstack([spaces[name], drawn]) for name in BESIDE}
    judged = {PICTURE: drawn, **{n: spaces[n] for n in BESIDE}, **joined}
    rivals = {**spaces, PICTURE: drawn}
    competing = Places(rivals, {name: name.split()[0] for name in rivals})
    with threadpool_limits(1):
        for task in tasks:
            scores: dict[str, list[float]] = {name: [] for name in judged}
            picks = []
            for rows, held, seed in task.draws(asked.draws):
                kinds = Classification.numbered(int(task.y.max()) + 1)
                labels = Labels(task.y, kinds, task.groups, False, seed, True)
                for name, X in judged.items():
                    scores[name].append(accuracy(X, labels, rows, held))
                picks.append(best(try_all(competing.of(rows), labels.of(rows))).name)
            told = ", ".join(f"{name} {np.mean(found):.3f}" for name, found in scores.items())
            chosen = sum("picture" in name for name in picks)
            print(f"{task.name}: {told}; chosen in {chosen} of {len(picks)}", flush=True)


if __name__ == "__main__":
    main()
