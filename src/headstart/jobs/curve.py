"""The command ``curve``: accuracy against the number of labels."""

from __future__ import annotations

from typing import Any

from headstart.events import OnEvent, ignore
from headstart.folder.place import destination
from headstart.jobs.study import SCHEMA, PathLike, data_name, ticker, write_study
from headstart.judge.curve import label_curve
from headstart.machine import worker_count
from headstart.prepare.config import configure
from headstart.prepare.source import baseline_spaces, prepare


def curve(
    data: PathLike,
    *,
    out: PathLike | None = None,
    overwrite: bool = False,
    on_event: OnEvent = ignore,
    **options: Any,
) -> dict[str, Any]:
    """Measure accuracy against labels per class, with transfer and without, and look ahead.

    Parameters and errors are those of :func:`rank`, with ``backbone`` for the one network.

    Returns
    -------
    dict
        ``curve.json`` (docs/architecture.md), and ``folder``.
    """
    config = configure(data, {**options, "method": "probe"})
    folder = destination(config.data, out, overwrite, study="curve")
    prepared = prepare(config, baseline=True, on_event=on_event)
    X, labels = prepared.training()
    found = label_curve(
        X,
        {name: space[prepared.train] for name, space in baseline_spaces(prepared).items()},
        labels,
        workers=worker_count(),
        tick=ticker(on_event, "fitting on parts of the labels"),
    )
    document = {
        "schema": SCHEMA,
        "study": "curve",
        "data": data_name(config),
        "n": len(X),
        "classes": list(prepared.dataset.classes),
        "backbone": prepared.engine.card.name,
        **found,
    }
    return write_study(folder, document, on_event)
