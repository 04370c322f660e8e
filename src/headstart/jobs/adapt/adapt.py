"""The command ``adapt``: from a labelled source and an unlabelled target to a run folder.

Read in order: the target and its source are read and embedded (look), a method chosen without
target labels (choose), the model for the target made and judged (judge), a run folder written.
Labels of the target, where the user has some to show, are revealed when all that is over.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from headstart.adaptation.sealed import TargetLabels
from headstart.data.items import Examples, written
from headstart.data.unlabelled import STANDS_FOR
from headstart.events import Event, OnEvent, ignore
from headstart.folder.files import whole_folder, write_rows
from headstart.folder.layout import TARGET_PREDICTIONS, TO_LABEL
from headstart.folder.place import destination
from headstart.jobs.adapt.asked import Asked
from headstart.jobs.adapt.from_images import FromImages
from headstart.jobs.adapt.from_run import FromRun, is_run
from headstart.jobs.adapt.source import Settled, Source
from headstart.jobs.adapt.target import answers, encode
from headstart.jobs.adapt.truth import compare_with_truth
from headstart.jobs.clock import Clock
from headstart.machine import Machine
from headstart.prepare.config import PROBE, configure, taken
from headstart.prepare.refusals import changed, job, refuse_for_run
from headstart.report import render
from headstart.report.shown import collect_adaptation
from headstart.run import Run
from headstart.said import _

PROPOSED = ("predicted", STANDS_FOR, "why")
L = TypeVar("L")
C = TypeVar("C")


@job
def adapt(
    source: str | Path,
    target: str | Path,
    *,
    out: str | Path | None = None,
    overwrite: bool = False,
    methods: str = "auto",
    networks: bool = False,
    target_labels: str | Path | None = None,
    label_budget: int | None = None,
    labelled: str | Path | None = None,
    backbone: str | None = None,
    layer: str | None = None,
    size: int | None = None,
    seed: int = 0,
    device: str = "auto",
    balanced: bool = False,
    strict: bool = False,
    x: str | None = None,
    y: str | None = None,
    groups: str | None = None,
    groups_from: str | None = None,
    names: str | None = None,
    encoding: str = "utf-8",
    modality: str | None = None,
    on_event: OnEvent = ignore,
) -> Run:
    """Take what a labelled source teaches to a target that looks different.

    Parameters
    ----------
    source : str or Path
        Labelled data, as :func:`headstart.train` takes it; or a run folder.
    target : str or Path
        Examples without labels: a folder, a table of paths, an archive, ``builtin:NAME``. Labels in
        it are not read.
    out, overwrite, on_event
        As in :func:`headstart.train`; the default folder is ``runs/SOURCE-to-TARGET``.
    methods : str
        Names of methods with commas, or ``"auto"``. Not adapting always competes, and wins unless
        there is evidence against it.
    networks : bool, default=False
        Also fine-tune the last layers on both domains.
    target_labels : str or Path, optional
        Labels of the target to score the finished result with; they decide nothing.
    label_budget : int, optional
        Propose so many examples of the target to be labelled.
    labelled : path, optional
        A table of the target's examples some of which have a label: learned from.
    backbone, layer, size, seed, device, balanced, strict
        As in :func:`headstart.train`; of ``backbone`` one, unless layers compete: then the best for
        the source, by all its labels, is taken. With ``networks`` it is the last one.
    x, y, groups, groups_from, names, encoding, modality
        As there; ``x`` and ``encoding`` also for a table of the target.

    Returns
    -------
    Run
        Its model is for examples like the target's.

    Raises
    ------
    DataError, ConfigError, UnknownNameError, BackboneError
        Before anything is written.
    """
    given = locals()  # of all that follows nothing yet: the options alone
    clock = Clock()
    asked = Asked(target, methods, networks, target_labels, label_budget, labelled)
    config = configure(source, {**taken("adapt", given), "method": PROBE})
    if is_run(source):
        refuse_for_run(changed(adapt, given), tables=asked.in_tables)
    machine = Machine.here(config.device, on_event)
    kind = FromRun if is_run(source) else FromImages
    origin: Source[Any, Any] = kind.of(config, asked, machine, clock)
    labels = (target_labels, labelled)
    folder = destination(config.data, out, overwrite, target=str(target), labels=labels)
    settled = scored(settle(origin))
    with whole_folder(folder) as beside:
        on_event(Event(_("writing the run folder")))
        write(beside, settled)
        render(beside, name=folder.name)
    return Run(folder)


def settle(origin: Source[L, C]) -> Settled:
    """Look at both domains, choose, judge."""
    look = origin.look()
    return origin.judge(look, origin.choose(look))


def scored(settled: Settled) -> Settled:
    """Reveal labels of the target, where there are any, now that they can change nothing."""
    labels, target, model = settled.given.to_score, settled.target, settled.model
    if not labels:
        return settled
    told = encode(labels, target, model.classes)
    truth = compare_with_truth(
        TargetLabels(told.y).reveal(settled.selection),
        len(model.classes),
        {name: said[told.rows] for name, said in settled.answered.items()},
        model.predict_proba(target.X).argmax(axis=1)[told.rows],
        settled.source_only[told.rows],
        target.data.examples.modality.unit,
    )
    return replace(settled, section=replace(settled.section, truth=truth))


def write(folder: Path, settled: Settled) -> None:
    """Write everything of a run but its report."""
    target, section = settled.target, settled.section.to_json()
    examples = target.data.examples
    settled.record(folder, section, collect_adaptation(examples, section))
    rows = answers(settled.given.listed, target, settled.model)
    write_rows(rows, folder / TARGET_PREDICTIONS)
    if section["proposals"]:
        write_rows(_to_label(section["proposals"], examples), folder / TO_LABEL)


def _to_label(proposed: Sequence[Mapping[str, Any]], target: Examples) -> list[dict[str, Any]]:
    """Make a table to fill in; its paths are whole, so that it may be moved.

    What lies in a table itself is written out: the columns of a row, the text of a cell.
    """
    row_of = {ref: row for row, ref in enumerate(target.refs)}
    return [
        {**written(target, row_of[p["path"]]), "label": "", **{k: p[k] for k in PROPOSED}}
        for p in proposed
    ]
