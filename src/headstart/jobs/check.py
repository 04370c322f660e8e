"""The command ``check``: what a score would hide, without a model to keep."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from headstart.events import OnEvent, ignore
from headstart.jobs.answer import shortcut_findings, shortcuts_in
from headstart.jobs.judged import order_findings
from headstart.jobs.record import counts
from headstart.jobs.tagged import refuse_tags
from headstart.machine import Machine
from headstart.methods.probe import fit
from headstart.prepare.config import configure, taken
from headstart.prepare.refusals import job
from headstart.prepare.source import prepare


@job
def check(
    data: str | Path,
    *,
    backbone: str | None = None,
    size: int | None = None,
    seed: int = 0,
    device: str = "auto",
    balanced: bool = False,
    strict: bool = False,
    x: str | None = None,
    y: str | None = None,
    task: str | None = None,
    groups: str | None = None,
    groups_from: str | None = None,
    names: str | None = None,
    encoding: str = "utf-8",
    modality: str | None = None,
    on_event: OnEvent = ignore,
) -> dict[str, Any]:
    """Run every check on a dataset without training a model to keep.

    Parameters
    ----------
    data, backbone, size, seed, device, balanced, strict, on_event
        As in :func:`headstart.train`; of ``backbone`` one.
    x, y, task, groups, groups_from, names, encoding, modality
        As there.

    Returns
    -------
    dict
        ``n`` (counts, per class and of what was skipped), ``modality`` and ``findings``, as in
        metrics.json.
    """
    given = taken("check", locals())
    refuse_tags("check", data, given)
    config = configure(data, given)
    machine = Machine.here(config.device, on_event)
    prepared = prepare(config, baseline=False, machine=machine)
    _, choice = fit(prepared, on_event)
    findings = shortcut_findings(prepared, shortcuts_in(prepared))
    findings += [*prepared.dataset.findings, *order_findings(prepared, choice, machine)]
    return {
        "n": counts(prepared),
        "modality": prepared.dataset.modality.name,
        "findings": [asdict(f) for f in findings],
    }
