"""Train on tagged sentences: what ``train`` does where every word has a tag of its own."""

from __future__ import annotations

import importlib.metadata
import platform
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from headstart._version import __version__
from headstart.backbones import Ref, resolve
from headstart.backbones.text_network import TextBackbone
from headstart.data.walk import first
from headstart.errors import BackboneError, ConfigError, DataError
from headstart.events import Event, OnEvent, Tone
from headstart.findings import Finding
from headstart.folder.files import whole_folder, write_json
from headstart.folder.layout import HELD_OUT, HISTORY, METRICS, MODEL, RUN, TAGGING
from headstart.folder.place import destination
from headstart.folder.tagger import save_tagger
from headstart.jobs.clock import Clock
from headstart.jobs.history import write_curves
from headstart.machine import Machine
from headstart.modalities.text.check import STRANGE
from headstart.modalities.text.language import OTHERS, backbone_for, language_of
from headstart.modalities.text.read import refuse_without_extra
from headstart.options import flag
from headstart.prepare.config import Config
from headstart.report.tagging import REPORT
from headstart.report.tagging_words import score_line
from headstart.said import _, _n, commas
from headstart.tag_run import TagRun
from headstart.tagging.finetune import RECIPE
from headstart.tagging.read import read_tagged
from headstart.tagging.schemes import entities
from headstart.tagging.sentences import Sentence, groups_of, joined, split_of
from headstart.tagging.tagger import Tagger
from headstart.tagging.trial import Judgement, judged, plan
from headstart.tagging.ways import FINETUNE, PROBE, Finetune, Material, Probe, Way
from headstart.transfer.recipe import Recipe

SCHEMA = 1
TAKEN = ("backbone", "method", "seed", "device", "encoding", "task")
TUNED = (
    *("unfreeze", "epochs", "batch_size", "optimizer", "lr", "head_lr", "weight_decay"),
    *("schedule", "layer_decay", "gradual", "ema", "clip"),
)
"""Options that mean something here; the second ones only where a network is trained."""
ASKED = 500
"""Sentences by which the language is told."""
ALIKE = 4
"""Words from which on a sentence that is in the test file too was not written twice by chance."""
SHOWN = 12
"""Sentences that the report shows of the best, and of the worst."""
TONES: dict[str, Tone] = {"helps": "good", "hurts": "bad"}


def tag(
    data: str | Path,
    given: Mapping[str, Any],
    *,
    out: str | Path | None,
    overwrite: bool,
    resume: bool,
    on_event: OnEvent,
) -> TagRun:
    """Learn to tag, judge it on sentences that were held out, and write a run folder.

    Parameters
    ----------
    data, out, overwrite, resume, on_event
        As of :func:`headstart.train`.
    given : mapping
        All other options of it.

    Raises
    ------
    DataError
        What cannot be read, or no entities to learn from.
    ConfigError
        An option that does not fit.
    BackboneError
        A network that reads no texts.
    """
    method, recipe = _settled(given, resume)
    refuse_without_extra()
    folder = destination(str(data), out, overwrite)
    clock, machine = Clock(), Machine.here(given["device"], on_event)
    with clock.timed("read_s"):
        read = read_tagged(data, given["encoding"], machine.cache, on_event)
        sentences, findings = _fit_to_learn(read.sentences)
        findings = [*read.findings, *findings]
        ref, backbone, more = _encoder(given["backbone"], sentences)
    groups = groups_of(sentences)
    planned = plan(sentences, groups, given["seed"])
    _refuse_too_little(sentences, groups)
    dev = np.flatnonzero([one.part == "dev" for one in sentences])
    material = Material(sentences, groups, dev, backbone, machine, given["seed"])
    way: Way = Probe(material) if recipe is None else Finetune(material, recipe)
    with clock.timed("embed_s"):
        way.read()
    with clock.timed("judge_s"):
        found = judged(material, way, planned, machine.ticker(_("learning and judging")))
        for event in _events(found):
            on_event(event)
    with clock.timed("fit_s"):
        train = np.flatnonzero([one.part != "test" for one in sentences])
        if len(dev):
            train = np.setdiff1d(train, dev)
        with threadpool_limits(1):  # see judge.crossval.in_threads
            network, head = way.final(train)
    tagger = Tagger(network, head, way.pool, split_of(sentences), read.scheme)
    clock.rest("other_s")
    numbers = {
        "schema": SCHEMA,
        "modality": TAGGING,
        "task": TAGGING,
        "n": _counts(sentences),
        "tags": list(head.tags),
        "scheme": read.scheme,
        "split": tagger.split,
        "method": method,
        "backbone": backbone.card.name,
        "layer": head.space,
        "C": head.C,
        "estimate": found.estimate,
        "types": found.counts.rows(),
        "baselines": found.baselines,
        "verdict": found.verdict,
        "examples": _examples(found, sentences),
        "findings": [asdict(one) for one in [*findings, *more]],
        "seed": given["seed"],
        "timing": {"total_s": clock.total, **clock.parts},
    }
    on_event(Event(_("writing the run")))
    with whole_folder(folder) as beside:
        save_tagger(beside / MODEL, tagger, ref, method, trained=recipe is not None)
        write_json(beside / METRICS, numbers)
        write_json(beside / RUN, _record(data, given, method, recipe))
        _write_held_out(beside / HELD_OUT, found, sentences)
        if isinstance(way, Finetune):
            write_curves(beside / HISTORY, way.curves)
        REPORT.render(beside, name=folder.name)
    return TagRun(folder)


def _settled(given: Mapping[str, Any], resume: bool) -> tuple[str, Recipe | None]:
    """Settle the method and its recipe; refuse what has no meaning here.

    Raises
    ------
    ConfigError
        All options that tags of words have no use for.
    """
    usual = {f.name: f.default for f in fields(Config)}
    strange = [
        name
        for name, value in given.items()
        if name not in (*TAKEN, *TUNED) and value not in (None, usual.get(name))
    ]
    strange += ["resume"] if resume else []
    if strange:
        raise ConfigError(
            _n(
                "{options} has no meaning where every word has a tag.",
                "{options} have no meaning where every word has a tag.",
                len(strange),
                options=commas(map(flag, strange)),
            ),
            _("Leave it out."),
        )
    method = PROBE if given["method"] == "auto" else given["method"]
    if method not in (PROBE, FINETUNE):
        raise ConfigError(
            _("--method {method} does not learn tags of words.", method=method),
            _("One of: {names}.", names=commas([PROBE, FINETUNE])),
        )
    knobs = {name: given[name] for name in TUNED if given[name] is not None}
    if method == PROBE:
        if knobs:
            raise ConfigError(
                _(
                    "{options}: {method} trains no network, so there is nothing to set.",
                    options=commas(map(flag, knobs)),
                    method=PROBE,
                ),
                _("Pass --method {method}, or leave them out.", method=FINETUNE),
            )
        return method, None
    if "unfreeze" in knobs:
        knobs["unfreeze"] = str(knobs["unfreeze"])
    return method, Recipe(**{**RECIPE, **knobs})


def _fit_to_learn(
    sentences: Sequence[Sentence],
) -> tuple[list[Sentence], list[Finding]]:
    """Leave out training sentences that the test has too, and say what else is strange."""
    test = {one.tokens for one in sentences if one.part == "test"}
    kept = [
        one
        for one in sentences
        if one.part == "test" or one.tokens not in test or len(one.tokens) < ALIKE
    ]
    found = []
    if left := len(sentences) - len(kept):
        message = _n(
            "{n:,} sentence of the training part is in the test file too, and was left out.",
            "{n:,} sentences of the training part are in the test file too, and were left out.",
            left,
        )
        found.append(Finding("duplicates", "warning", message, {"left_out": left}))
    return kept, [*found, *_new_types(kept), *_contradictions(kept)]


def _new_types(sentences: Sequence[Sentence]) -> list[Finding]:
    """Name types of entities that only the test file has."""
    own, held = (
        {e.kind for one in sentences if (one.part == "test") == test for e in entities(one.tags)}
        for test in (False, True)
    )
    new = sorted(held - own)
    if not new or not own:
        return []
    message = _n(
        "{n} type is in the test file alone, so it cannot be learned, and counts as missed: "
        "{names}.",
        "{n} types are in the test file alone, so they cannot be learned, and count as missed: "
        "{names}.",
        len(new),
        names=first([*map(repr, new)], 5),
    )
    return [Finding("labels", "warning", message, {"types": new})]


def _contradictions(sentences: Sequence[Sentence]) -> list[Finding]:
    """Say how many sentences stand twice with different tags."""
    seen: dict[tuple[str, ...], Sentence] = {}
    wrong = [
        one
        for one in sentences
        if seen.setdefault(one.tokens, one).tags != one.tags and len(one.tokens) >= ALIKE
    ]
    if not wrong:
        return []
    before = seen[wrong[0].tokens]
    message = _n(
        "{n:,} sentence stands twice with different tags (first: {one} and {other}).",
        "{n:,} sentences stand twice with different tags (first: {one} and {other}).",
        len(wrong),
        one=before.where,
        other=wrong[0].where,
    )
    return [Finding("conflicts", "warning", message, {"count": len(wrong)})]


def _refuse_too_little(sentences: Sequence[Sentence], groups: Any) -> None:
    """Raise ``DataError`` where there is nothing to learn, or nothing to find again."""
    learned = [one.part == "train" for one in sentences]
    tagged = [bool(entities(one.tags)) for one in sentences]
    with_some = {g for g, a, b in zip(groups, learned, tagged, strict=True) if a and b}
    if not with_some:
        raise DataError(
            _("No sentence to learn from has an entity: all tags are O."),
            _("Check that the tags are in the last column."),
        )
    if len(with_some) < 2 and not any(one.part == "test" for one in sentences):
        raise DataError(
            _("Only one sentence, or one document, has entities."),
            _("Nothing can be held out and found again: give more, or a test file."),
        )


def _encoder(
    name: str | None, sentences: Sequence[Sentence]
) -> tuple[Ref, TextBackbone, list[Finding]]:
    """Load the network that was asked for, or that reads the language."""
    rows = np.unique(np.linspace(0, len(sentences) - 1, min(ASKED, len(sentences))).astype(int))
    texts = [joined(sentences[row].tokens) for row in rows]
    ref = resolve(name or backbone_for([language_of(text) for text in texts]))
    backbone = ref.load()
    if not isinstance(backbone, TextBackbone):
        raise BackboneError(
            _("{backbone} does not read texts as one network of layers.", backbone=str(ref)),
            _("Name one such as minilm-l6, e5-small or hf:FOLDER."),
        )
    look = backbone.card.look
    share = float(np.mean([look.strange(text) for text in texts]))  # type: ignore[attr-defined]
    if share < STRANGE:
        return ref, backbone, []
    message = _(
        "The network does not know {share:.0%} of the tokens (words and pieces of words) of these "
        "texts: to it they are blanks. Take one that was trained on their language: --backbone "
        "{backbone} knows about 100 languages.",
        share=share,
        backbone=OTHERS,
    )
    return ref, backbone, [Finding("unknown", "warning", message, {"share": round(share, 4)})]


def _events(found: Judgement) -> list[Event]:
    """Say the answer, as soon as it is known."""
    lines = [Event(_("answering"), message=score_line(found.estimate), level="answer")]
    if found.verdict is not None:
        said = _("Verdict: {verdict}", verdict=found.verdict["sentence"])
        tone = TONES.get(found.verdict["decision"], "unsure")
        lines.append(Event(_("answering"), message=said, level="answer", tone=tone))
    return lines


def _counts(sentences: Sequence[Sentence]) -> dict[str, int]:
    parts = Counter(one.part for one in sentences)
    return {
        **{part: parts[part] for part in ("train", "dev", "test")},
        "tokens": sum(len(one.tokens) for one in sentences),
        "entities": sum(len(entities(one.tags)) for one in sentences),
        "documents": len({one.document for one in sentences if one.document}),
    }


def _examples(found: Judgement, sentences: Sequence[Sentence]) -> dict[str, list[dict[str, Any]]]:
    """Show held-out sentences that went best, and worst: each stretch found, missed or wrong."""
    rows = found.plan.held
    wrong = (found.counts.given + found.counts.there - 2 * found.counts.right).sum(axis=1)
    right = found.counts.right.sum(axis=1)
    some = np.flatnonzero(wrong + right)

    def shown(order: Any) -> list[dict[str, Any]]:
        return [_shown(sentences[rows[k]], found.answers[k]) for k in order[:SHOWN]]

    best = [k for k in some[np.lexsort((some, -right[some], wrong[some]))] if not wrong[k]]
    worst = [k for k in some[np.lexsort((some, right[some], -wrong[some]))] if wrong[k]]
    return {"best": shown(best), "worst": shown(worst)}


def _shown(sentence: Sentence, answer: Sequence[str]) -> dict[str, Any]:
    there, given = set(entities(sentence.tags)), set(entities(answer))
    states = [("found", there & given), ("missed", there - given), ("wrong", given - there)]
    marks = [
        {"state": state, "type": e.kind, "start": e.start, "end": e.end}
        for state, some in states
        for e in some
    ]
    marks.sort(key=lambda mark: (mark["start"], mark["end"], mark["state"]))
    return {"where": sentence.where, "tokens": list(sentence.tokens), "marks": marks}


def _write_held_out(path: Path, found: Judgement, sentences: Sequence[Sentence]) -> None:
    """Write every held-out sentence: token, tag and answer a row."""
    with path.open("w", encoding="utf-8") as out:
        for row, answer in zip(found.plan.held, found.answers, strict=True):
            one = sentences[row]
            for cells in zip(one.tokens, one.tags, answer, strict=True):
                out.write("\t".join(cells) + "\n")
            out.write("\n")


def _record(
    data: str | Path, given: Mapping[str, Any], method: str, recipe: Recipe | None
) -> dict[str, Any]:
    """Write down what would be needed to repeat the run; no user or host name goes in."""
    knobs = {} if recipe is None else {name: getattr(recipe, name) for name in TUNED}
    own = {name: given[name] for name in TAKEN}
    return {
        "modality": TAGGING,
        "config": {"data": Path(data).name, **own, "method": method, **knobs},
        "versions": {"headstart": __version__, "python": platform.python_version()}
        | {name: importlib.metadata.version(name) for name in ("numpy", "torch", "transformers")},
        "host": {"system": platform.system(), "machine": platform.machine()},
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
    }
