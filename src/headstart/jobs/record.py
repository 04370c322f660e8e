"""What a run folder holds besides its report: model, numbers and tables, written down."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import platform
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from headstart._version import __version__
from headstart.backbones import ALL
from headstart.data.cells import write_table
from headstart.data.items import column_of
from headstart.features.engines import describe, single
from headstart.features.extract import Features
from headstart.folder.files import write_json
from headstart.folder.layout import (
    HISTORY,
    ISSUES,
    METRICS,
    MODEL,
    PICTURES,
    PREDICTIONS,
    RUN,
    SPLIT,
)
from headstart.folder.model import save_model
from headstart.jobs.clock import Clock
from headstart.jobs.doubts import Suspect
from headstart.jobs.judged import Judged
from headstart.judge.estimate import Judgement
from headstart.judge.label_scores import label_scores
from headstart.machine import Machine
from headstart.methods.chosen_layer import asked_for
from headstart.methods.kept import Kept
from headstart.prepare.config import Config
from headstart.prepare.source import Prepared
from headstart.report.shown import collect
from headstart.transfer import FittedModel
from headstart.transfer.probe import Choice

if TYPE_CHECKING:
    from headstart.transfer.parts import Point


SCHEMA = 1


def metrics(judged: Judged) -> dict[str, Any]:
    """Return ``metrics.json``, but for the timing."""
    prepared, kept, judgement = judged.prepared, judged.kept, judged.judgement
    dataset, doubts = prepared.dataset, judged.doubts
    card = kept.network.backbone.card if kept.network else prepared.engine.card
    return {
        "schema": SCHEMA,
        "task": prepared.labels.task.name,
        "modality": dataset.modality.name,
        "classes": list(dataset.classes),
        "method": kept.model.method,
        "backbone": card.name,
        "n": counts(prepared),
        "estimate": judgement.estimate,
        "verdict": judgement.verdict.to_json() if judgement.verdict else None,
        "baselines": judgement.baselines,
        "head": describe_head(kept.model, kept.C, _tried(judged.choice)),
        "training": kept.network.training if kept.network else None,
        "candidates": kept.compared.to_json() if kept.compared else [],
        "choice": {"sentence": kept.sentence, "budget_s": judged.config.budget},
        "learning_curve": judged.curve,
        "findings": [asdict(f) for f in judged.findings],
        "abstention": doubts.abstention and doubts.abstention.to_json(),
        "unfamiliar": doubts.unfamiliar and doubts.unfamiliar.to_json(),
        "label_issues": doubts.label_issues.to_json(),
        "explanations": judged.tested,
        "ranking": judged.picked and judged.picked.document(),
        "layer": kept.layer or asked_for(prepared),
        **_of_labels(judged),
    }


def _of_labels(judged: Judged) -> dict[str, Any]:
    """Describe each label by itself, where examples have several; else nothing."""
    thresholds, judgement = judged.kept.model.thresholds, judged.judgement
    if thresholds is None:
        return {}
    labels = judged.prepared.labels
    groups = labels.groups if labels.grouped else None
    found = label_scores(
        labels.of(judgement.rows),
        judgement.proba,
        thresholds,
        groups=None if groups is None else groups[judgement.rows],
    )
    return {"labels": found}


def describe_head(model: FittedModel, C: float | None, tried: Mapping[str, Any]) -> dict[str, Any]:
    """Describe the head of a model, and what was tried on the frozen network.

    Parameters
    ----------
    C : float or None
        Inverse regularisation of that head, if it was fitted with one.
    tried : mapping
        The same of a probe: ``kind``, ``C``, ``temperature``, ``candidates``.

    Returns
    -------
    dict
        ``head`` of ``metrics.json``; with ``probe``, the head chosen among the candidates, where
        that is not the one that was kept.
    """
    own = {"kind": model.head.kind, "C": C, "temperature": model.temperature}
    probe = tried.get("probe", {name: tried[name] for name in own})
    told = {**own, "candidates": tried["candidates"]}
    return told if own == probe else {**told, "probe": probe}


def _tried(choice: Choice) -> dict[str, Any]:
    return {
        "kind": choice.kind,
        "C": choice.C,
        "temperature": choice.temperature,
        "candidates": choice.candidates,
    }


def counts(prepared: Prepared) -> dict[str, Any]:
    """Count examples: to train on, to test on, skipped, and per class."""
    dataset = prepared.dataset
    per_class = (
        dataset.labels.sum(axis=0)
        if dataset.several
        else np.bincount(dataset.labels, minlength=len(dataset.classes))
    ).tolist()
    return {
        "train": int((~dataset.is_test).sum()),
        "test": int(dataset.is_test.sum()),
        "classes": len(dataset.classes),
        "skipped": prepared.skipped,
        "per_class": dict(zip(dataset.classes, per_class, strict=True)),
    }


def timing(clock: Clock, features: Features) -> dict[str, Any]:
    """Return the seconds of each part of a run, and what the feature pass had to do."""
    rate = features.forward_examples / features.seconds if features.seconds else 0.0
    return {
        "total_s": round(clock.total, 3),
        **{name: round(s, 3) for name, s in {**clock.moments, **clock.parts}.items()},
        "examples_per_s": round(rate, 1),
        "forward_examples": features.forward_examples,
        "cache_hits": features.cache_hits,
    }


def write_predictions(path: Path, prepared: Prepared, judgement: Judgement) -> None:
    """Write the held-out answers, one row per example."""
    dataset = prepared.dataset
    columns = ["path", "label", "predicted", *(f"p:{name}" for name in dataset.classes), "fold"]
    said, proba = dataset.task.decode_answers(judgement.proba)
    held = zip(judgement.rows, said, proba, judgement.fold, strict=True)
    rows = (
        [dataset.refs[row], dataset.written[row], answer, *(f"{x:.6f}" for x in p), fold]
        for row, answer, p, fold in held
    )
    with path.open("w", encoding="utf-8", newline="") as out:
        write_table(out, columns, rows)


def write_issues(path: Path, suspects: Iterable[Suspect]) -> None:
    """Write suspected labels as a table to mend: correct the column ``label`` where it is wrong."""
    columns = ["path", "label", "suggested", "confidence", "given"]
    rows = (
        [*(row[name] for name in columns[:3]), *(f"{row[name]:.4f}" for name in columns[3:])]
        for row in (suspect.to_json() for suspect in suspects)
    )
    with path.open("w", encoding="utf-8", newline="") as out:
        write_table(out, columns, rows)


def write_history(
    path: Path, choice: Choice, seconds: float, curves: Iterable[tuple[str, Point]]
) -> None:
    """Write one row per candidate head, since fitting it has no epochs, then one per epoch."""
    columns = ["step", "split", "loss", "accuracy", "lr", "seconds", "head", "C", "fit"]
    rows: list[list[Any]] = []
    for step, c in enumerate(choice.candidates):
        kept = [f"{c['log_loss']:.6f}", f"{c['accuracy']:.6f}", ""]
        share = f"{seconds / len(choice.candidates):.4f}"
        rows.append([step, "cross-validation", *kept, share, c["head"], c["C"] or "", "probe"])
    for fit, p in curves:
        accuracy = "" if p.accuracy is None else f"{p.accuracy:.6f}"
        numbers = [f"{p.loss:.6f}", accuracy, f"{p.lr:.3g}", f"{p.seconds:.2f}"]
        rows.append([p.epoch, p.split, *numbers, "", "", fit])
    with path.open("w", encoding="utf-8", newline="") as out:
        write_table(out, columns, rows)


def split(prepared: Prepared, judgement: Judgement) -> dict[str, Any]:
    """Say which example went where."""
    dataset, hashes = prepared.dataset, prepared.features.hashes
    fold = {int(r): int(f) for r, f in zip(judgement.rows, judgement.fold, strict=True)}
    groups = prepared.labels.groups
    return {
        "protocol": judgement.protocol,
        "examples": [
            {
                "path": dataset.refs[i],
                "sha256": hashes[i],
                "label": dataset.written[i],
                "role": "test" if dataset.is_test[i] else "train",
                "fold": fold.get(i),
                "group": None if groups is None else int(groups[i]),
            }
            for i in range(len(dataset))
        ],
        "left_out": [{"path": ref, "reason": reason} for ref, reason in prepared.left_out],
    }


def write_model(folder: Path, prepared: Prepared, kept: Kept) -> None:
    """Write the model, with the network that was trained for it, if any."""
    engine, trained = prepared.engine, kept.network.backbone if kept.network else None
    card = trained.card if trained else kept.layers.card if kept.layers else engine.card
    base, layer = (engine.card, ALL) if kept.layers else (prepared.whole, prepared.layer)
    name = single(engine)[0].name if trained else engine.name  # what was trained is one network
    save_model(folder, kept.model, card, prepared.ref, name, trained, base, layer)


def identity(config: Config, prepared: Prepared) -> dict[str, Any]:
    """Say what a run is the run of: options and data, flat, to be compared on ``--resume``."""
    digest = hashlib.sha256()
    for row, sha in enumerate(prepared.features.hashes):
        said = f"{sha} {prepared.labels.y[row]} {prepared.dataset.is_test[row]}\n"
        digest.update(said.encode())
    flat = {**asdict(config), **asdict(config.recipe), "version": __version__}
    del flat["recipe"], flat["given"]
    flat["data"] = Path(config.data).name
    flat["images"] = f"{len(prepared.dataset)} (SHA-256 {digest.hexdigest()[:12]})"
    return dict(json.loads(json.dumps(flat)))


def record(config: Config, prepared: Prepared, machine: Machine) -> dict[str, Any]:
    """Write down what would be needed to repeat the run; no user or host name goes in."""
    packages = (
        "numpy",
        "openvino",
        "pillow",
        "pot",
        "scikit-learn",
        "scipy",
        "timm",
        "torch",
    )
    return {
        "config": {
            **{k: v for k, v in asdict(config).items() if k not in ("recipe", "given")},
            "recipe": asdict(config.recipe) if config.trains_networks else None,
            "data": Path(config.data).name,  # paths may hold a user's name
            "backbone": prepared.engine.card.name,
        },
        **({"column": column} if (column := column_of(prepared.dataset.examples.items)) else {}),
        "engine": describe(prepared.engine),
        "versions": {"headstart": __version__, "python": platform.python_version()}
        | {name: importlib.metadata.version(name) for name in packages},
        "host": {
            "system": platform.system(),
            "machine": platform.machine(),
            "cores": machine.workers,
        },
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def write_run(
    folder: Path,
    judged: Judged,
    machine: Machine,
    clock: Clock,
    *,
    sections: Mapping[str, Any] = MappingProxyType({}),
    pictures: Mapping[str, Any] = MappingProxyType({}),
    asked: Mapping[str, Any] = MappingProxyType({}),
) -> None:
    """Write everything of a run but its report.

    Parameters
    ----------
    sections, pictures, asked
        What else goes into metrics.json, pictures.json and run.json.
    """
    prepared, judgement, kept = judged.prepared, judged.judgement, judged.kept
    suspects = judged.doubts.label_issues.rows
    write_model(folder / MODEL, prepared, kept)
    write_predictions(folder / PREDICTIONS, prepared, judgement)
    write_history(folder / HISTORY, judged.choice, clock.parts["fit_s"], kept.curves)
    write_json(folder / SPLIT, split(prepared, judgement))
    write_json(folder / RUN, {**record(judged.config, prepared, machine), **asked})
    write_issues(folder / ISSUES, suspects)
    shown = collect(
        prepared.dataset,
        prepared.features,
        judgement,
        prepared.labels,
        label_issues=[suspect.to_json() for suspect in suspects],
        explanations=judged.shown,
    )
    write_json(folder / PICTURES, {**shown, **pictures})
    numbers = {**metrics(judged), **sections, "timing": timing(clock, prepared.features)}
    write_json(folder / METRICS, numbers)
