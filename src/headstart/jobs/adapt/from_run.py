"""The command ``adapt`` where the source is a run folder: its images are not needed.

The model is all there is of the source, with what it keeps of its training embeddings. So nothing
can be checked on labelled images, and less is tried; what the run says of the source stays.
"""

from __future__ import annotations

import json
import shutil
import time
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from headstart.adaptation.outcome import PLAIN
from headstart.adaptation.sealed import TargetLabels
from headstart.adaptation.sourcefree import Selected, SourceFree, select_source_free
from headstart.data.unlabelled import open_unlabelled
from headstart.errors import ArtifactError
from headstart.events import Event, OnEvent
from headstart.folder.files import whole_folder, write_json, write_rows
from headstart.folder.model import MODEL_JSON, save_with_head
from headstart.folder.place import destination
from headstart.jobs.adapt.target import answers, encode, labels_told, model_for
from headstart.jobs.adapt.truth import compare_with_truth
from headstart.machine import cache_folder
from headstart.prepare.config import Config
from headstart.prepare.target import Target, read_target
from headstart.report import render
from headstart.report.shown import collect_adaptation
from headstart.run import Run
from headstart.transfer import FittedModel

KEPT = ("predictions.csv", "history.csv", "split.json", "run.json", "label_issues.csv")
"""Files that speak of the source, taken over as they are."""


def is_run(folder: str | Path) -> bool:
    """Whether a path leads to a run folder."""
    return Path(folder, "model", MODEL_JSON).is_file()


def adapt_run(
    source: str | Path,
    target: str | Path,
    config: Config,
    *,
    out: str | Path | None,
    overwrite: bool,
    target_labels: str | Path | None,
    on_event: OnEvent,
) -> Run:
    """Give the model of a finished run a head for images that look different.

    Parameters are those of :func:`headstart.jobs.adapt.adapt.adapt`; of ``config`` count ``x``,
    ``encoding``, ``strict`` and ``seed``.

    Raises
    ------
    ArtifactError
        The run cannot be read, or keeps too little of its training.
    ConfigError
        A folder that cannot be written.
    """
    start = time.perf_counter()
    before = Run(source)
    model = before.saved.model
    if model.moments is None:
        raise ArtifactError(
            f"The model in {source} keeps nothing of its training embeddings to adapt by.",
            "Train it again with this version (method layers keeps nothing), or give the labelled "
            "images as SOURCE.",
        )
    folder = destination(config.data, out, overwrite, target=str(target), labels=[target_labels])
    listed = open_unlabelled(
        target,
        before.modality,
        columns=before.saved.card.look.columns,
        x=config.x,
        encoding=config.encoding,
        cache_dir=cache_folder(),
        on_event=on_event,
    )
    told = labels_told(config, listed, target_labels, "--target-labels")
    features = before.embed(listed.examples, on_event)
    goal = read_target(config, listed, features)
    embedded = time.perf_counter()
    with threadpool_limits(1):  # see judge.crossval.in_threads
        selected = select_source_free(
            SourceFree(
                model.head, model.moments, goal.X.astype(np.float64), model.temperature, config.seed
            ),
            tick=partial(_tick, on_event),
        )
        adapted, unfamiliar = model, before.metrics["unfamiliar"]
        if selected.name != PLAIN:
            temperature = model.temperature if selected.head.kind == model.head.kind else 1.0
            adapted, unfamiliar = model_for(goal, model, selected.head, temperature)
    section = describe(before, goal, selected)
    if told:
        y = TargetLabels(encode(told, goal, model.classes)).reveal(selected)
        own, plain = (m.predict_proba(goal.X).argmax(axis=1) for m in (adapted, model))
        answered = {t.name: t.answers for t in selected.tried if t.answers is not None}
        section |= compare_with_truth(y, section, answered, own, plain)
    numbers = {
        **before.metrics,
        "method": adapted.method,
        "unfamiliar": unfamiliar,
        "adaptation": section,
        "findings": [*_of_source(before), *(vars(f) for f in goal.findings)],
    }
    numbers["timing"] = {
        **before.metrics["timing"],
        "total_s": round(time.perf_counter() - start, 3),
        "embed_s": round(features.seconds, 3),
        "adapt_s": round(time.perf_counter() - embedded, 3),
        "forward_examples": features.forward_examples,
        "cache_hits": features.cache_hits,
    }
    _write(before, folder, adapted, goal, numbers, answers(listed, goal, adapted), on_event)
    return Run(folder)


def describe(before: Run, goal: Target, selected: Selected) -> dict[str, Any]:
    """Return the section ``adaptation`` of metrics.json."""
    return {
        "decision": "not adapted" if selected.name == PLAIN else "adapted",
        "chosen": selected.name,
        "sentence": selected.sentence,
        "sure": selected.sure,
        "candidates": [
            {
                "family": "source-free",
                "source_accuracy": None,
                "source_accuracy_ci95": None,
                "rank": None,
                "seconds": None,
                "target_accuracy": None,
                "target_accuracy_ci95": None,
                **t.to_json(),
                "shares": dict(zip(before.classes, t.shares, strict=False)),
                "chosen": t.name == selected.name,
            }
            for t in selected.tried
        ],
        "evidence": [],
        "source": {"name": before.folder.name, "n": before.metrics["n"]["train"]},
        "target": {"name": goal.data.name, "n": len(goal.data), "note": goal.data.note},
        "shift": None,
        "target_labels": None,
        "proposals": None,
        "labelled": None,
    }


def _of_source(before: Run) -> list[dict[str, Any]]:
    """Return what was found in the source; not what an earlier adaptation said of its target."""
    return [f for f in before.metrics["findings"] if f["kind"] != "target"]


def _write(
    before: Run,
    folder: Path,
    model: FittedModel,
    goal: Target,
    numbers: dict[str, Any],
    rows: list[dict[str, Any]],
    on_event: OnEvent,
) -> None:
    with whole_folder(folder) as beside:
        on_event(Event("writing the run folder"))
        for name in KEPT:
            if (before.folder / name).is_file():
                shutil.copy(before.folder / name, beside / name)
        pictures = {}
        if (before.folder / "pictures.json").is_file():
            pictures = json.loads((before.folder / "pictures.json").read_text("utf-8"))
        pictures["adaptation"] = collect_adaptation(goal.data.examples, numbers["adaptation"])
        write_json(beside / "pictures.json", pictures)
        write_json(beside / "metrics.json", numbers)
        write_rows(rows, beside / "target_predictions.csv")
        save_with_head(before.folder / "model", beside / "model", model)
        render(beside, name=folder.name)


def _tick(on_event: OnEvent, done: int, total: int) -> None:
    on_event(Event("adapting", done, total, "fits"))
