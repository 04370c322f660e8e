"""Examples as tests give them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from headstart.data.items import Examples
from headstart.judge.crossval import judge_folds
from headstart.judge.estimate import TRANSFER, Judgement, Plan, assess
from headstart.modalities import modality
from headstart.modalities.image.read import Picture
from headstart.tasks.labels import Labels

IMAGE = modality("image")


def images(files: Sequence[str | Path]) -> Examples:
    """Image files as examples."""
    return Examples.of_files(files, IMAGE)


def picture(image: Image.Image) -> Picture:
    """A picture in memory, as if it had been read at full size."""
    return Picture(image, image.size)


def judge(
    features: NDArray[np.floating],
    baselines: dict[str, NDArray[np.floating]],
    labels: Labels,
    chosen: Plan,
    *,
    classes: Sequence[str] | None = None,
    workers: int = 1,
) -> Judgement:
    """Score the probe on held-out rows and compare it with baselines, as a run does."""
    spaces = {TRANSFER: features, **baselines}
    outcomes = judge_folds(spaces, labels, chosen.folds, workers=workers)
    return assess(outcomes.pop(TRANSFER), outcomes, labels, chosen, classes)
