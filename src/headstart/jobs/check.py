"""The command ``check``: what a score would hide, without a model to keep."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from headstart.events import OnEvent, ignore
from headstart.jobs.judged import order_findings
from headstart.jobs.record import counts
from headstart.methods.probe import fit
from headstart.prepare.config import configure
from headstart.prepare.source import prepare


def check(data: str | Path, *, on_event: OnEvent = ignore, **options: Any) -> dict[str, Any]:
    """Run every check on a dataset without training a model to keep.

    Returns
    -------
    dict
        ``n`` (counts, per class and of what was skipped) and ``findings``, as in metrics.json.
    """
    prepared = prepare(configure(data, options), baseline=False, on_event=on_event)
    _, choice = fit(prepared, on_event)
    findings = [*prepared.dataset.findings, *order_findings(prepared, choice, on_event)]
    return {"n": counts(prepared), "findings": [asdict(f) for f in findings]}
