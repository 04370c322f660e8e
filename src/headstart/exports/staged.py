"""What of a run goes to the hub: the model, its card and its numbers, without names of files."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from headstart.errors import HeadstartError
from headstart.events import Event, OnEvent
from headstart.exports.handover import export
from headstart.folder.layout import (
    CARD,
    FIGURES,
    HISTORY,
    ISSUES,
    METRICS,
    MODEL,
    MODEL_JSON,
    PAGE,
    PICTURES,
    PREDICTIONS,
    RUN,
    SPLIT,
    TARGET_PREDICTIONS,
    TIMM,
    TO_LABEL,
)
from headstart.folder.model import describe, described_in
from headstart.folder.nameless import Names, without_names
from headstart.folder.reading import read_document
from headstart.report import card
from headstart.report.facts import read
from headstart.run import Run
from headstart.said import _
from headstart.text import to_json

ALWAYS = (MODEL, CARD, METRICS, RUN)
"""What goes along in any case."""
WITH_PICTURES = (
    *(PICTURES, PAGE, FIGURES, SPLIT, PREDICTIONS, ISSUES, HISTORY),
    *(TARGET_PREDICTIONS, TO_LABEL),
)
"""What shows the data, or names their files."""


@dataclass(frozen=True)
class Staged:
    """A folder that is ready to go.

    Attributes
    ----------
    files : tuple of str
        Sorted.
    hidden : tuple of str
        Places in the documents where names of files were taken out: ``"metrics.json: findings"``.
    not_timm : str
        Why timm cannot read it; "" where it can.
    """

    folder: Path
    files: tuple[str, ...]
    hidden: tuple[str, ...]
    not_timm: str


def stage(run: Run, repository: str, folder: Path, *, pictures: bool, on_event: OnEvent) -> Staged:
    """Lay out in an empty folder what a repository will hold."""
    facts = read(run.folder, run.folder.resolve().name)
    names = Names.of(facts.metrics, facts.run, facts.split)
    (folder / CARD).write_text(card.compose(facts, repository), "utf-8")
    hidden: list[str] = []
    if pictures:
        shutil.copytree(run.folder / MODEL, folder / MODEL)
        for name in (METRICS, RUN, *WITH_PICTURES):
            _copy(run.folder / name, folder / name)
    else:
        hidden += _model(run.folder / MODEL, folder / MODEL, names)
        for name in (METRICS, RUN):
            document, places = without_names(read_document(run.folder / name), names)
            (folder / name).write_text(to_json(document, indent=1) + "\n", "utf-8")
            hidden += [f"{name}: {place}" for place in places]
    why = _timm(run, folder, on_event)
    files = sorted(f.relative_to(folder).as_posix() for f in folder.rglob("*") if f.is_file())
    return Staged(folder, tuple(files), tuple(hidden), why)


def _copy(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target)
    elif source.is_file():
        shutil.copyfile(source, target)


def _model(source: Path, target: Path, names: Names) -> list[str]:
    """Copy a model; a backbone that was read from a folder does not tell where that lies."""
    shutil.copytree(source, target)
    described = described_in(source)
    cards = [described["backbone"], described.get("layers")]
    weights = described["weights"]
    for part in weights.get("parts", ()) if isinstance(weights, dict) else ():
        cards += [part["backbone"], part.get("layers")]
    changed = set()
    for told in filter(None, cards):
        for key in ("name", "source"):
            said = names.hidden(told[key])
            if said != told[key]:
                told[key] = said
                changed.add(f"{MODEL}/{MODEL_JSON}: backbone.{key}")
    if changed:
        describe(target, described)
    return sorted(changed)


def _timm(run: Run, folder: Path, on_event: OnEvent) -> str:
    """Put timm's layout beside ours, once it was shown to answer the same; say why not."""
    beside = folder.with_name(f"{folder.name}-timm")
    try:
        export(run, beside, format="timm", on_event=on_event)
        for name in TIMM:
            shutil.move(beside / name, folder / name)
    except HeadstartError as refused:
        on_event(Event(_("preparing"), message=refused.message, level="note"))
        return refused.message
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    return ""
