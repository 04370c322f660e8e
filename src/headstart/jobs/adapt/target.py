"""Models and answers for the target of an adaptation; labels that may be shown for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.data.unlabelled import Unlabelled, read_labels
from headstart.errors import DataError
from headstart.findings import Finding
from headstart.judge.calibration import false_alarms
from headstart.machine import cache_folder, worker_count
from headstart.prepare.config import Config
from headstart.prepare.source import Prepared
from headstart.prepare.target import Target
from headstart.run import answer
from headstart.tasks.classification import Classification
from headstart.tasks.labels import Labels, Stream
from headstart.transfer import Familiarity, FittedModel, Moments
from headstart.transfer.familiar import KIND
from headstart.transfer.heads import Head

METHOD = "adapt"
"""Of a model that was adapted."""
UNKNOWN, UNLABELLED = -1, -2
"""Places of target labels that are of no source class, and of images without one."""


def model_for(
    goal: Target, model: FittedModel, head: Head, temperature: float
) -> tuple[FittedModel, dict[str, Any]]:
    """Give a model a head for the target, and a sense of what is familiar there.

    Returns
    -------
    model : FittedModel
    unfamiliar : dict
        How often ordinary images of the target are called unfamiliar, as ``metrics.json`` has it.
    """
    X, K = goal.X, len(model.classes)
    said = head.logits(X.astype(np.float64)).argmax(axis=1).astype(np.int64)
    familiar = Familiarity.fit(X, said, K)
    adapted = replace(
        model,
        method=METHOD,
        head=head,
        temperature=temperature,
        familiar=familiar,
        abstain=None,  # a promise measured on the source does not hold here
        moments=Moments.fit(X, said, K),
    )
    labels = Labels(said, Classification(model.classes), None, False, 0)
    folds = labels.folds(np.arange(len(said)), 5, Stream.FALSE_ALARMS)
    alarms = false_alarms(X, said, K, folds, workers=worker_count())
    return adapted, {"kind": KIND, "threshold": familiar.threshold, **alarms.to_json()}


def answers(listed: Unlabelled, goal: Target, model: FittedModel) -> list[dict[str, Any]]:
    """Answer for every image of the target, as ``predict`` would: one row each, in order."""
    vectors = np.zeros((len(listed), goal.X.shape[1]), np.float32)
    vectors[goal.kept] = goal.X
    found = answer(model, listed.refs, vectors, goal.unreadable)
    return [p.row(model.classes, abstains=model.abstain is not None) for p in found]


def labels_told(
    config: Config, listed: Unlabelled, data: str | Path | None, option: str
) -> dict[int, str]:
    """Read labels for images among those listed, by place; none where none are given."""
    if data is None:
        return {}
    return read_labels(
        data,
        listed.examples,
        option=option,
        x=config.x,
        y=config.y,
        encoding=config.encoding,
        cache_dir=cache_folder(),
    )


def encode(told: dict[int, str], goal: Target, classes: Sequence[str]) -> NDArray[np.int64]:
    """Turn labels by place into classes by row: ``UNKNOWN``, ``UNLABELLED`` or 0 to K - 1.

    Raises
    ------
    DataError
        All images that have a label are unreadable.
    """
    if told.keys().isdisjoint(goal.kept.tolist()):
        raise DataError(
            f"None of the {len(told)} labelled images of the target can be read.",
            "Label some that can, or replace those files.",
        )
    number = {name: c for c, name in enumerate(classes)}
    return np.array(
        [number.get(told[i], UNKNOWN) if i in told else UNLABELLED for i in goal.kept.tolist()],
        np.int64,
    )


def shared_images(prepared: Prepared, goal: Target) -> list[Finding]:
    """Say which images of the target the source holds too."""
    data, features = goal.data, goal.features
    n = len(prepared.dataset)
    hashes = [*prepared.features.hashes, *features.hashes]
    digests = [*prepared.features.digests, *features.digests]
    component = data.examples.modality.copies(hashes, digests).component
    again = np.flatnonzero(np.isin(component[n:], component[:n]))
    if not len(again):
        return []
    named = ", ".join(data.refs[i] for i in again[:3]) + (", ..." if len(again) > 3 else "")
    verb = "is a copy of a source image" if len(again) == 1 else "are copies of source images"
    text = (
        f"{len(again)} of {len(data)} images of the target {verb} ({named}): for those the answer "
        "was learned by heart, and the target is less new than it looks."
    )
    return [Finding("copies", "warning", text, {"files": [data.refs[i] for i in again[:100]]})]
