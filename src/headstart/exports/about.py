"""What an exported model says of itself: plain text, by name, for any runtime to read."""

from __future__ import annotations

import json
from typing import Any

from headstart._version import __version__
from headstart.folder.layout import MODEL
from headstart.folder.model import described_in
from headstart.modalities.entry import Entry
from headstart.run import Run


def about(run: Run, entry: Entry) -> dict[str, str]:
    """Describe a model: every value is text, lists and numbers as JSON.

    Returns
    -------
    dict
        ``classes``, ``task``, ``thresholds`` (of familiarity, of abstention, of labels),
        ``temperature``, ``look`` (how an example is prepared), ``backbone``, ``weights_hash``,
        ``licence``, ``run`` (the checksum of the model in the run folder), ``headstart``, and where
        the run has scores, ``accuracy``, ``accuracy_ci95``, ``protocol`` and ``verdict``.
    """
    described, card, model = described_in(run.folder / MODEL), run.saved.card, run.saved.model
    told: dict[str, Any] = {
        "headstart": __version__,
        "run": described["checksum"],
        "modality": card.modality,
        "input": entry.name,
        "task": model.task.name,
        "method": model.method,
        "classes": list(model.classes),
        "thresholds": described["thresholds"],
        "temperature": model.temperature,
        "look": card.look.to_json(),
        "backbone": card.name,
        "weights_hash": card.weights_hash,
        "licence": card.licence,
        **_scores(run),
    }
    return {name: _plain(value) for name, value in told.items()}


def _scores(run: Run) -> dict[str, Any]:
    found = run.metrics
    scores = {k: found["estimate"][k] for k in ("accuracy", "accuracy_ci95", "protocol")}
    verdict = found.get("verdict")
    return {**scores, **({"verdict": verdict["decision"]} if verdict else {})}


def _plain(value: Any) -> str:
    return str(value) if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
