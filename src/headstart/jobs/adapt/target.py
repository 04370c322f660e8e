"""The target of an adaptation: as it is given, the model for it, its answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.data.unlabelled import Unlabelled, open_unlabelled, read_labels
from headstart.errors import ConfigError, DataError
from headstart.findings import Finding
from headstart.jobs.adapt.asked import Asked
from headstart.jobs.doubts import Unfamiliar
from headstart.judge.calibration import false_alarms
from headstart.machine import Machine
from headstart.modalities import Modality
from headstart.prepare.config import Config
from headstart.prepare.source import Prepared
from headstart.prepare.target import Target
from headstart.run import answer, blanks
from headstart.said import _, _n, commas
from headstart.tasks.classification import Classification
from headstart.tasks.labels import Labels, Stream
from headstart.transfer import FittedModel, Moments
from headstart.transfer.familiar import fit_familiar
from headstart.transfer.heads import Head

METHOD = "adapt"
"""Of a model that was adapted."""
NAMED = 3
"""So many files are named in a sentence."""


@dataclass(frozen=True)
class Given:
    """The target as the user gave it.

    Attributes
    ----------
    listed : Unlabelled
        Whatever is there, readable or not.
    to_score, to_learn : mapping of int to str
        Labels by place among those listed: to score the finished result with, and to learn from.
        No example has both.
    """

    listed: Unlabelled
    to_score: Mapping[int, str]
    to_learn: Mapping[int, str]


def open_target(
    asked: Asked,
    config: Config,
    machine: Machine,
    modality: Modality[Any, Any],
    columns: Sequence[str],
    column: str = "",
) -> Given:
    """List the target; read the labels that were given for it, before anything takes time.

    Parameters
    ----------
    modality, columns, column
        Of the source: what its examples are, and the columns of numbers that they are made of or
        the one whose cells they are.

    Raises
    ------
    DataError, ConfigError
        Nothing to read; no labels to score with but those that are learned from.
    """
    listed = open_unlabelled(
        asked.target,
        modality,
        columns=columns,
        column=column,
        x=config.x,
        encoding=config.encoding,
        cache_dir=machine.cache,
        on_event=machine.on_event,
    )

    def labels(data: str | Path | None, option: str) -> dict[int, str]:
        if data is None:
            return {}
        return read_labels(
            data,
            listed.examples,
            option=option,
            x=config.x,
            y=config.y,
            encoding=config.encoding,
            cache_dir=machine.cache,
        )

    to_score = labels(asked.target_labels, "--target-labels")
    to_learn = labels(asked.labelled, "--labelled")
    to_score = {place: label for place, label in to_score.items() if place not in to_learn}
    if asked.target_labels is not None and not to_score:
        unit = listed.examples.modality.unit
        raise ConfigError(
            _(
                "--target-labels names no {one} but those that --labelled learns from: a score on "
                "them would flatter.",
                one=unit.one,
            ),
            _("Give labels of other {many}, or leave --target-labels out.", many=unit.many),
        )
    return Given(listed, to_score, to_learn)


@dataclass(frozen=True)
class Labelled:
    """Labels of some rows of a target.

    Attributes
    ----------
    rows : ndarray of int64, shape (m,), ascending
    y : ndarray of int64, shape (m,)
        Places in ``names``.
    names : tuple of str
        Classes of the source, then others that were named.
    """

    rows: NDArray[np.int64]
    y: NDArray[np.int64]
    names: tuple[str, ...]


def encode(labels: Mapping[int, str], target: Target, classes: Sequence[str]) -> Labelled:
    """Turn labels by place into classes by row.

    Raises
    ------
    DataError
        All examples that have a label are unreadable.
    """
    places = target.kept.tolist()
    rows = [row for row, place in enumerate(places) if place in labels]
    if not rows:
        raise DataError(
            _(
                "None of the {n} labelled {many} of the target can be read.",
                n=len(labels),
                many=target.data.examples.modality.unit.many,
            ),
            _("Label some that can, or replace those files."),
        )
    said = [labels[places[row]] for row in rows]
    names = (*classes, *sorted(set(said) - set(classes)))
    number = {name: c for c, name in enumerate(names)}
    y = np.array([number[label] for label in said], np.int64)
    return Labelled(np.array(rows, np.int64), y, names)


def model_for(
    target: Target, model: FittedModel, head: Head, temperature: float, machine: Machine
) -> tuple[FittedModel, Unfamiliar]:
    """Give a model a head for the target, and a sense of what is familiar there.

    Returns
    -------
    model : FittedModel
    unfamiliar : Unfamiliar
        How often ordinary examples of the target are called unfamiliar.
    """
    X, K = target.X, len(model.classes)
    said = head.logits(X.astype(np.float64)).argmax(axis=1).astype(np.int64)
    widths = model.familiar.widths if model.familiar else ()
    familiar = fit_familiar(X, said, K, widths)
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
    alarms = false_alarms(X, said, K, folds, widths=widths, workers=machine.workers)
    return adapted, Unfamiliar(familiar.threshold, alarms)


def answers(listed: Unlabelled, target: Target, model: FittedModel) -> list[dict[str, Any]]:
    """Answer for every example that was listed, as ``predict`` would: one row each, in order."""
    vectors = np.zeros((len(listed), target.X.shape[1]), np.float32)
    vectors[target.kept] = target.X
    digests: list[Any] = [None] * len(listed)
    for place, d in zip(target.kept.tolist(), target.features.digests, strict=True):
        digests[place] = d
    notes = blanks(listed.examples.modality, digests)
    found = answer(model, listed.refs, vectors, target.unreadable, notes=notes)
    return [p.row(model.classes, abstains=model.abstain is not None) for p in found]


def shared_images(prepared: Prepared, target: Target) -> list[Finding]:
    """Say which examples of the target the source holds too."""
    data, features = target.data, target.features
    n = len(prepared.dataset)
    hashes = [*prepared.features.hashes, *features.hashes]
    digests = [*prepared.features.digests, *features.digests]
    component = data.examples.modality.copies(hashes, digests).component
    again = np.flatnonzero(np.isin(component[n:], component[:n]))
    if not len(again):
        return []
    named = [data.refs[i] for i in again[:NAMED]]
    unit = data.examples.modality.unit
    text = _n(
        "{n} of {all} {many} of the target is a copy of a source {one} ({named}): for it the "
        "answer was learned by heart, and the target is less new than it looks.",
        "{n} of {all} {many} of the target are copies of source {many} ({named}): for those the "
        "answer was learned by heart, and the target is less new than it looks.",
        len(again),
        all=len(data),
        one=unit.one,
        many=unit.many,
        named=commas([*named, "..."] if len(again) > NAMED else named),
    )
    return [Finding("copies", "warning", text, {"files": [data.refs[i] for i in again[:100]]})]
