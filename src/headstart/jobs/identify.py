"""From examples with names to a run that knows who is who: ``headstart train --task identify``.

Nothing is trained. Examples are embedded and compared, thresholds are set so that few strangers
are taken for someone, and everything is judged on identities that had no say in it.
"""

from __future__ import annotations

import importlib.metadata
import platform
from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from headstart._version import __version__
from headstart.backbones import available
from headstart.backbones.side_by_side import at
from headstart.data.cells import write_table
from headstart.data.dataset import Dataset
from headstart.errors import ConfigError
from headstart.events import Event, OnEvent, Tone
from headstart.features.engines import describe
from headstart.findings import Finding
from headstart.folder.files import whole_folder, write_json
from headstart.folder.layout import IDENTIFICATION, METRICS, MODEL, PICTURES, PREDICTIONS, RUN
from headstart.folder.recogniser import Recogniser, Thresholds, save_recogniser
from headstart.identification import IdentifyRun
from headstart.jobs.answer import TONES
from headstart.jobs.clock import Clock
from headstart.jobs.record import timing
from headstart.machine import Machine
from headstart.modalities import Framing
from headstart.prepare.config import Config, backbones_of, several
from headstart.prepare.refusals import refuse_with_names
from headstart.prepare.source import Prepared, baseline_spaces, prepare, read_source
from headstart.recognition import outcome
from headstart.recognition.choice import Choice, choose
from headstart.recognition.doubts import find_doubts
from headstart.recognition.gallery import Gallery
from headstart.recognition.open_set import OpenSet
from headstart.recognition.outcome import Space
from headstart.recognition.similarity import Ints
from headstart.report.identification import REPORT
from headstart.report.identification_words import answers
from headstart.report.shown import quieten
from headstart.said import _, _n, commas

SCHEMA = 1
FALSE_ACCEPTS = 0.01
MOST = 4_000
"""Examples that are compared with one another: their pairs have the square (plain choice)."""
QUANTILES = np.linspace(0, 1, 101)
NAMED = 5


def identify(
    config: Config,
    folder: Path,
    clock: Clock,
    false_accepts: float | None,
    on_event: OnEvent,
    *,
    pictures: bool,
) -> IdentifyRun:
    """Enrol a dataset, judge it, and write a run folder; see :func:`headstart.train`."""
    accepted = FALSE_ACCEPTS if false_accepts is None else false_accepts
    if not 0 < accepted < 1:
        raise ConfigError(
            _("--false-accepts {rate:g} is not between 0 and 1.", rate=accepted),
            _("For example --false-accepts 0.01: one stranger in a hundred."),
        )
    refuse_with_names(
        config.method,
        config.given,
        budget=config.budget is not None,
        abstain=config.abstain is not None,
        balanced=config.balanced,
        layer=config.layer is not None,
    )
    machine = Machine.here(config.device, on_event)
    dataset = read_source(config, machine, named=True)
    config, chosen = choose_backbone(config, dataset, machine)
    prepared = prepare(config, dataset, baseline=True, machine=machine)
    clock.parts |= {"embed_s": prepared.features.seconds, "prepare_s": prepared.backbone_seconds}
    clock.rest("read_s")
    with clock.timed("judge_s"):
        on_event(Event(_("comparing all pairs")))
        rows = compared_rows(prepared)
        model, found, own = judge(config, prepared, rows, accepted, chosen)
    for line in answers(found):
        tone: Tone = TONES.get((found["verdict"] or {}).get("decision", ""), "unsure")
        on_event(Event(_("answering"), message=line, level="answer", tone=tone))
    found["timing"] = timing(clock, prepared.features)
    with whole_folder(folder) as beside:
        on_event(Event(_("writing the run folder")))
        save_recogniser(
            beside / MODEL, model, prepared.ref, base=prepared.whole, layer=prepared.layer
        )
        write_json(beside / METRICS, found)
        write_json(beside / RUN, record(config, prepared, machine, accepted))
        write_json(beside / PICTURES, shown(prepared, rows, own, pictures=pictures))
        _write_predictions(beside / PREDICTIONS, prepared, rows, own, model)
        REPORT.render(beside, name=folder.name)
    return IdentifyRun(folder)


def choose_backbone(
    config: Config, dataset: Dataset, machine: Machine
) -> tuple[Config, Choice | None]:
    """Settle which backbone knows who is who: by measurement, where several may."""
    if config.backbone is None:
        usable = {row.name.partition(":")[2]: row for row in
                  available(modality=dataset.modality.name)}  # fmt: skip
        wanted = dataset.modality.recognisers
        names = [name for name in wanted if name in usable]
        _tell_of_missing([name for name in wanted if name not in usable], machine)
        if not names:
            return config, None
        config = replace(config, backbone=",".join(names))
    if not several(config):
        return config, None
    prepared = prepare(config, dataset, baseline=False, several=True, machine=machine)
    names = list(backbones_of(config, dataset.modality.name))
    rows = compared_rows(prepared)
    labels = prepared.labels.of(rows)
    spaces = {
        name: Space.of(X[rows], labels.y, labels.groups, config.seed)
        for name, X in zip(names, prepared.features.vectors, strict=True)
    }
    found = choose(spaces, config.seed)
    if found.rates:
        shares = commas(
            _("{name} {rate:.1%}", name=name, rate=rate) for name, rate in found.rates.items()
        )
        said = _("Recognised from one example: {shares}. Used: {name}.", shares=shares,
                 name=found.name)  # fmt: skip
        machine.on_event(Event(_("comparing backbones"), message=said, level="note"))
    return replace(config, backbone=found.name), found


def _tell_of_missing(names: Sequence[str], machine: Machine) -> None:
    """Say which networks that tell identities are not here; they come where they are named."""
    for name in names:
        said = _(
            "The network {name}, made to tell who it is, is not on this computer and so does not "
            "compete. --backbone {name} fetches it.",
            name=name,
        )
        machine.on_event(Event(_("comparing backbones"), message=said, level="note"))


def compared_rows(prepared: Prepared) -> Ints:
    """Choose the training rows that are compared with one another: all, or ``MOST`` by chance."""
    rows = prepared.train
    if len(rows) <= MOST:
        return rows
    rng = np.random.default_rng(prepared.labels.seed)
    return np.sort(rng.choice(rows, MOST, replace=False))


def judge(
    config: Config, prepared: Prepared, rows: Ints, accepted: float, chosen: Choice | None
) -> tuple[Recogniser, dict[str, Any], Space]:
    """Set thresholds, and describe how well it goes; return the model, ``metrics.json``, pairs."""
    labels, seed = prepared.labels.of(rows), config.seed
    y, groups = labels.y, labels.groups
    names, dataset = prepared.dataset.classes, prepared.dataset
    X = prepared.features.vectors[0]
    own = Space.of(X[rows], y, groups, seed)
    if chosen is not None:
        own = chosen.judged(own)
    scored = OpenSet.of(own.S, y, groups)
    rivals = {
        name: Space.of(described[rows], y, groups, seed)
        for name, described in baseline_spaces(prepared).items()
    }
    verdict = outcome.verdict(own, rivals) if prepared.engine.card.learned else None
    thresholds = Thresholds(
        own.pairs.threshold_at(accepted), scored.threshold_at(accepted), accepted
    )
    gallery = Gallery.of(X[prepared.train], prepared.labels.y[prepared.train], names)
    quantiles = [
        tuple(np.quantile(one, QUANTILES).tolist()) if len(one) else ()
        for one in (own.pairs.same, own.pairs.different)
    ]
    model = Recogniser(
        gallery,
        thresholds,
        (quantiles[0], quantiles[1]),
        prepared.engine.card,
        prepared.engine.name,
        at(prepared.ref, prepared.layer),
    )
    counts = np.bincount(prepared.labels.y[prepared.train], minlength=len(names))
    found = {
        "schema": SCHEMA,
        "task": IDENTIFICATION,
        "modality": dataset.modality.name,
        "backbone": prepared.engine.card.name,
        "data": {
            "identities": len(gallery.names),
            "examples": int(counts.sum()),
            "single": int((counts == 1).sum()),
            "test": int(dataset.is_test.sum()),
            "compared": len(rows),
            "skipped": prepared.skipped,
            "grouped": labels.grouped,
        },
        "enrolled": {"identities": len(gallery.names), "examples": int(gallery.counts.sum())},
        "thresholds": vars(thresholds),
        "verification": outcome.verification(own, seed),
        "identification": outcome.identification(own, groups, seed),
        "strangers": outcome.strangers(scored, accepted, seed),
        "test": _tested(prepared, model),
        "verdict": verdict.to_json() if verdict else None,
        "compared": outcome.compared(rivals, seed) if own.testable else [],
        "choice": {} if chosen is None else chosen.rates,
        "per_identity": _per_identity(own, scored, thresholds, y, names),
        "findings": [
            asdict(f)
            for f in [*dataset.findings, *_doubts(prepared, rows, own, scored)]
        ],
        "seed": seed,
    }  # fmt: skip
    return model, found, own


def _tested(prepared: Prepared, model: Recogniser) -> dict[str, int] | None:
    """Count what becomes of a test part that was given, at the thresholds of the model."""
    test = np.flatnonzero(prepared.dataset.is_test)
    if not len(test):
        return None
    scores = model.gallery.similarities(prepared.features.vectors[0][test])
    names = np.array([prepared.dataset.written[i] for i in test])
    known = np.isin(names, model.gallery.names)
    said = np.array(model.gallery.names)[scores.argmax(axis=1)]
    named = scores.max(axis=1) >= model.thresholds.known
    return {
        "known": int(known.sum()),
        "right": int((named & (said == names)).sum()),
        "misnamed": int((named & known & (said != names)).sum()),
        "rejected": int((~named & known).sum()),
        "strangers": int((~known).sum()),
        "accepted": int((named & ~known).sum()),
    }


def _per_identity(
    own: Space, scored: OpenSet, thresholds: Thresholds, y: Ints, names: tuple[str, ...]
) -> list[dict[str, Any]]:
    """Describe every identity by itself, the one that is recognised least first."""
    told = scored.answers(thresholds.known)
    rows = []
    for c in np.unique(y):
        of = y == c
        asked = np.isfinite(own.one[of])
        rows.append(
            {
                "name": names[c],
                "n": int(of.sum()),
                "one": float(own.one[of][asked].mean()) if asked.any() else None,
                "rejected": float(np.nanmean(told["rejected"][of])) if asked.any() else None,
                "accepted": float(told["accepted"][of].mean()),
            }
        )
    return sorted(rows, key=lambda row: (row["one"] is None, row["one"] or 0.0))


def _doubts(prepared: Prepared, rows: Ints, own: Space, scored: OpenSet) -> list[Finding]:
    """Say which names may be wrong."""
    dataset, y = prepared.dataset, own.pairs.y
    names, refs = dataset.classes, [dataset.refs[i] for i in rows]
    found, findings = find_doubts(own.S, y, scored), list[Finding]()
    if found.twice:
        message = _n(
            "{n} pair of names looks like one: {named}. Is it the same person or thing twice?",
            "{n} pairs of names look like one: {named}. Are they the same person or thing twice?",
            len(found.twice),
            named=commas(f"{names[a]!r} + {names[b]!r}" for a, b in found.twice[:NAMED]),
        )
        pairs = [[names[a], names[b]] for a, b in found.twice]
        findings.append(Finding("names", "warning", message, {"twice": pairs}))
    if found.mixed:
        message = _n(
            "{n} name holds two who do not look alike: {named}.",
            "{n} names hold two who do not look alike: {named}.",
            len(found.mixed),
            named=commas(
                f"{names[c]!r} ({commas(refs[i] for i in part[:NAMED])})"
                for c, part in found.mixed[:NAMED]
            ),
        )
        mixed = [[names[c], *(refs[i] for i in part)] for c, part in found.mixed]
        findings.append(Finding("names", "warning", message, {"mixed": mixed}))
    if found.misplaced:
        message = _n(
            "{n} {one} looks like another name than its own: {named}.",
            "{n} {many} look like another name than their own: {named}.",
            len(found.misplaced),
            one=dataset.modality.unit.one,
            many=dataset.modality.unit.many,
            named=commas(f"{refs[i]} ({names[c]!r}?)" for i, c in found.misplaced[:NAMED]),
        )
        misplaced = [[refs[i], names[c]] for i, c in found.misplaced]
        findings.append(Finding("names", "warning", message, {"misplaced": misplaced}))
    return findings


def shown(prepared: Prepared, rows: Ints, own: Space, *, pictures: bool) -> dict[str, Any]:
    """Name the hardest pairs, with what they look or sound like only where that was asked for."""
    dataset = prepared.dataset
    found: dict[str, Any] = {"schema": SCHEMA, "task": IDENTIFICATION}
    same, different = outcome.hardest(own.pairs)
    for part, pairs in (("same", same), ("different", different)):
        found[part] = []
        for k in pairs:
            two = []
            for place in (own.pairs.first[k], own.pairs.second[k]):
                row = int(rows[place])
                seen = _seen(prepared, row) if pictures else {}
                two.append({"path": dataset.refs[row], "label": dataset.written[row], **seen})
            found[part].append({"similarity": float(own.pairs.score[k]), "two": two})
    quieten([one for part in ("same", "different") for pair in found[part] for one in pair["two"]])
    return found


def _seen(prepared: Prepared, row: int) -> dict[str, Any]:
    """Show an example, with what the network was given of it where it tells."""
    dataset, show = prepared.dataset, prepared.dataset.modality.show
    if show is None:
        return {}
    x = dataset.examples.read(row, show.detail)
    if isinstance(show, Framing):
        return show.framed(x, prepared.features.digests[row])
    return show.large(x)


def _write_predictions(
    path: Path, prepared: Prepared, rows: Ints, own: Space, model: Recogniser
) -> None:
    """Write who each example would be said to be without itself and its group in the gallery."""
    labels = prepared.labels.of(rows)
    scored = OpenSet.of(own.S, labels.y, labels.groups)
    names, dataset = prepared.dataset.classes, prepared.dataset
    is_own = scored.own > scored.other
    best = np.where(is_own, scored.own, scored.other)
    columns = ["path", "label", "predicted", "similarity", "nearest"]
    table = []
    for k, row in enumerate(rows):
        nearest = names[labels.y[k] if is_own[k] else scored.rival[k]]
        said = nearest if best[k] >= model.thresholds.known else ""
        table.append([dataset.refs[row], dataset.written[row], said, f"{best[k]:.6f}", nearest])
    with path.open("w", encoding="utf-8", newline="") as out:
        write_table(out, columns, table)


def record(config: Config, prepared: Prepared, machine: Machine, accepted: float) -> dict[str, Any]:
    """Write down what would be needed to repeat the run; no user or host name goes in."""
    packages = ("numpy", "openvino", "pillow", "scipy", "torch")
    kept = {k: v for k, v in asdict(config).items() if k not in ("recipe", "given")}
    return {
        "task": IDENTIFICATION,
        "config": {
            **kept,
            "data": Path(config.data).name,
            "backbone": prepared.engine.card.name,
            "false_accepts": accepted,
        },
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
