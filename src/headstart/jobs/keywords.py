"""Find the keywords of documents; with gold ones, learn what makes one, and say what helped."""

from __future__ import annotations

import hashlib
import importlib.metadata
import platform
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from headstart._version import __version__
from headstart.backbones import Card, Ref, resolve
from headstart.errors import BackboneError, ConfigError, DataError
from headstart.events import Event, OnEvent, ignore
from headstart.features.engines import Kitchen
from headstart.folder.extractor import save_extractor
from headstart.folder.files import whole_folder, write_json, write_rows
from headstart.folder.layout import HISTORY, KEYWORDS, KEYWORDS_TABLE, METRICS, MODEL, RUN
from headstart.folder.model import refuse_unsavable
from headstart.folder.place import destination
from headstart.jobs.clock import Clock
from headstart.jobs.history import write_curves
from headstart.jobs.keyword_findings import Seen, findings
from headstart.keyword_run import MOST, KeywordRun
from headstart.machine import Machine
from headstart.modalities.text.copies import find_copies
from headstart.modalities.text.digest import TextDigest, digest
from headstart.modalities.text.language import backbone_for
from headstart.modalities.text.read import refuse_without_extra as refuse_without_texts
from headstart.phrases.cutting import LONGEST
from headstart.phrases.documents import Document, Documents, open_documents
from headstart.phrases.extractor import Answer, Extractor, Keywords, Settings
from headstart.phrases.outcome import (
    EXAMPLES,
    SHOWN,
    examples_of,
    kept,
    pieces,
    scores_of,
    verdict_of,
)
from headstart.phrases.scoring import DIVERSITY
from headstart.phrases.stop_words import languages, refuse_unknown, refuse_without_extra
from headstart.phrases.trial import (
    FEWEST,
    FINETUNE,
    METHODS,
    PROBE,
    TRAINED,
    Judged,
    Reader,
    Trial,
)
from headstart.phrases.vectors import Vectors
from headstart.prepare.refusals import job
from headstart.report.keywords import REPORT
from headstart.said import _, _n, commas
from headstart.speaking import speaking

PathLike = str | Path
SCHEMA = 1
JUDGED = 1_000
"""Documents with gold keywords that are learned from and judged: more are drawn from. At 1,000 the
interval of F1 is 3 points wide, and the phrases take 150 MB (plain choice)."""
LEAST = 2
"""Documents with gold keywords from which on there is a verdict."""
WIDEST = 10
"""Words of a phrase that may be asked for."""


@job
def keywords(
    data: PathLike,
    *,
    gold: str | None = None,
    x: str | None = None,
    out: PathLike | None = None,
    overwrite: bool = False,
    language: str | None = None,
    top: int = 10,
    longest: int = LONGEST,
    diversity: float = DIVERSITY,
    method: str = PROBE,
    backbone: str | None = None,
    encoding: str = "utf-8",
    device: str = "auto",
    seed: int = 0,
    lang: str | None = None,
    on_event: OnEvent = ignore,
) -> KeywordRun:
    """Find keywords, judge them where gold ones are known, and write a run folder.

    Parameters
    ----------
    data : str or Path
        A CSV, TSV, JSONL or Parquet table with a column of texts; a folder of texts; a zip or tar
        of either; a single text. Keywords of ``NAME.txt`` are read from ``NAME.key`` beside it, or
        in a folder ``keys`` beside that of the texts, one a line.
    gold : str, optional
        The column of a table with keywords that people gave: a JSON list, or with ``;`` between.
    x : str, optional
        The column of texts; default: the one with the longest.
    out, overwrite
        The run folder; default ``runs/DATA``, numbered.
    language : str, optional
        ISO 639-1 code of all documents; default: told of each.
    top : int, 1 to 1,000
        Keywords of a document in ``keywords.csv``.
    longest : int, 1 to 10, words
        Of a keyword.
    diversity : float, 0 to 1
        What likeness to a better keyword costs one; without gold only.
    method : {"probe", "finetune"}
        How it is learned from gold keywords which words of a document belong to one: by a head on
        the frozen network, or, minutes instead of seconds, by its last layers as well.
    backbone : str, optional
        A network for texts; default: by their language.
    seed : int
        Draws the folds, and documents where there are very many.

    Returns
    -------
    KeywordRun

    Raises
    ------
    DataError
        What cannot be read; no texts; a column of gold keywords that is blank.
    ConfigError
        An option that does not fit, or a place that cannot be written to.
    UnknownNameError
        A language without a list of stop words, a backbone that is none.
    """
    with speaking(lang):
        refuse_without_texts()
        refuse_without_extra()
        _refuse(top, longest, diversity, method)
        if language is not None:
            refuse_unknown(language)
        folder = destination(str(data), out, overwrite)
        clock, machine = Clock(), Machine.here(device, on_event)
        with clock.timed("read_s"):
            documents = open_documents(
                data, gold=gold, x=x, encoding=encoding, cache_dir=machine.cache, on_event=on_event
            )
            judged, sample = _gold_of(documents, seed, on_event)
        told = Counter(one.language for one in sample)
        settings = Settings(language or "", _usual(told), longest, float(diversity))
        ref = _backbone(backbone, language, told)
        on_event(Event(_("preparing the backbone")))
        engine = Kitchen(machine.cache, machine.workers, on_event).engine(
            ref, device=machine.device
        )
        _refuse_network(ref, engine.card)
        vectors = Vectors(engine, machine.workers)
        trial, extractor = None, Extractor(settings)
        with clock.timed("judge_s"):
            if len(judged) >= LEAST:
                reader = _reader(ref, method, machine)
                trial = _tried(judged, settings, vectors, seed, reader, on_event)
                _refuse_untrained(method, trial)
                on_event(Event(_("learning from all documents")))
                extractor = trial.final(kept(trial))
            elif method == FINETUNE:
                _refuse_untrained(method, None)
        seen = Seen()
        rng = np.random.default_rng(seed)
        shown: list[dict[str, Any]] = []
        on_event(Event(_("looking for keywords")))
        with whole_folder(folder) as beside:
            with clock.timed("find_s"):
                save_extractor(
                    beside / MODEL,
                    extractor,
                    engine.card,
                    ref,
                    engine.name,
                    column=documents.column,
                )
                ask = partial(extractor.answers, vectors=vectors, n=top, machine=machine)
                rows = _found(documents, ask, top, seen, shown, rng, on_event)
                write_rows(rows, beside / KEYWORDS_TABLE)
            _refuse_unreadable(seen)
            found = {
                "schema": SCHEMA,
                "modality": KEYWORDS,
                "data": _data(documents, seen, trial),
                "model": _model(extractor, engine.card, engine.name, seen, vectors),
                "scores": [] if trial is None else scores_of(trial),
                "verdict": None if trial is None else verdict_of(trial),
                "examples": shown if trial is None else examples_of(trial),
                "findings": [asdict(f) for f in findings(seen, trial, sample, engine.card)],
                "seed": seed,
            }
            clock.rest("other_s")
            found["timing"] = {"total_s": clock.total, **clock.parts}
            on_event(Event(_("writing the run")))
            write_json(beside / METRICS, found)
            write_json(beside / RUN, _record(data, documents, settings, ref, top, method, seed))
            if trial is not None and trial.marking is not None and trial.marking.curves:
                write_curves(beside / HISTORY, trial.marking.curves)
            REPORT.render(beside, name=folder.name)
        return KeywordRun(folder)


def _refuse(top: int, longest: int, diversity: float, method: str) -> None:
    if method not in METHODS.values():
        raise ConfigError(
            _("--method {method} does not learn keywords.", method=method),
            _("One of: {names}.", names=commas(sorted(METHODS.values(), reverse=True))),
        )
    if not 1 <= top <= MOST:
        raise ConfigError(
            _("--top {n} is not possible.", n=top), _("Give 1 to {most:,}.", most=MOST)
        )
    if not 1 <= longest <= WIDEST:
        raise ConfigError(
            _("--longest {n} is not possible.", n=longest), _("Give 1 to {most:,}.", most=WIDEST)
        )
    if not 0 <= diversity <= 1:
        raise ConfigError(
            _("--diversity {n:g} is not possible.", n=diversity), _("Give a number from 0 to 1.")
        )


def _refuse_network(ref: Ref, card: Card) -> None:
    refuse_unsavable(ref, card)
    if card.modality != "text":
        raise ConfigError(
            _("{backbone} is no network for texts.", backbone=card.name),
            _("`{command}` lists what there is.", command="headstart backbones --modality text"),
        )


def _gold_of(
    documents: Documents, seed: int, on_event: OnEvent
) -> tuple[list[Judged], list[TextDigest]]:
    """Draw documents with gold keywords; digest the first that can be read."""
    rng = np.random.default_rng(seed)
    drawn: list[Judged] = []
    sample: list[TextDigest] = []
    n = 0
    for part in documents:
        if not sample:
            sample = [digest(one.text) for one in part if one.text]
        for one in part:
            if not one.gold or not one.text:
                continue
            n += 1
            place = len(drawn) if len(drawn) < JUDGED else int(rng.integers(n))
            judged = Judged(one.ref, one.text, one.gold)
            if place == len(drawn):
                drawn.append(judged)
            elif place < JUDGED:
                drawn[place] = judged
        on_event(Event(_("reading documents"), message=_("{n:,} with gold keywords", n=n)))
        if not documents.gold and sample:
            break
    return drawn, sample


def _usual(told: Counter[str]) -> str:
    """Return the language of most documents that tell theirs; English where none does."""
    known = Counter({name: n for name, n in told.items() if name})
    return known.most_common(1)[0][0] if known else "en"


def _backbone(name: str | None, language: str | None, told: Counter[str]) -> Ref:
    if name is None:
        name = backbone_for([language] if language else list(told.elements()))
    return resolve(name)


def _reader(ref: Ref, method: str, machine: Machine) -> Reader | None:
    """Return what learns to mark words; None for a network that does not read them one by one."""
    from headstart.backbones.text_network import TextBackbone  # imports torch
    from headstart.phrases.marking import Marking

    backbone = ref.load()
    if isinstance(backbone, TextBackbone):
        return partial(Marking, backbone=backbone, machine=machine, method=method)
    if method == FINETUNE:
        raise BackboneError(
            _("{backbone} does not read texts as one network of layers.", backbone=str(ref)),
            _("Name one such as minilm-l6, e5-small or hf:FOLDER."),
        )
    return None


def _refuse_untrained(method: str, trial: Trial | None) -> None:
    """Raise ``DataError`` where a network was to be trained, and there is too little to do so."""
    if method == FINETUNE and (trial is None or TRAINED not in trial.answers):
        raise DataError(
            _(
                "--method {method} learns from gold keywords: it takes {least} documents with "
                "some, and there are {n}.",
                method=method,
                least=FEWEST,
                n=0 if trial is None else len(trial.documents),
            ),
            _("Name their column with --gold, or leave out --method."),
        )


def _tried(
    judged: list[Judged],
    settings: Settings,
    vectors: Vectors,
    seed: int,
    reader: Reader | None,
    on_event: OnEvent,
) -> Trial:
    stage = _("judging on documents left out")
    on_event(Event(_("embedding phrases")))
    digests = [digest(one.text) for one in judged]
    hashes = [hashlib.sha256(one.text.encode()).hexdigest() for one in judged]
    groups = find_copies(hashes, digests).component

    def tell(done: int, total: int) -> None:
        on_event(Event(stage, done, total, _("folds")))

    trial = Trial(judged, groups, settings, vectors, seed, reader, tell)
    trial.run()
    return trial


def _found(
    documents: Documents,
    ask: Callable[[list[str]], list[Answer]],
    top: int,
    seen: Seen,
    shown: list[dict[str, Any]],
    rng: np.random.Generator,
    on_event: OnEvent,
) -> Iterator[dict[str, Any]]:
    """Give the keywords of one document after the other, and note what is seen on the way."""
    for part in documents:
        readable = [one for one in part if one.text]
        answers = iter(ask([one.text for one in readable]))
        for one in part:
            seen.documents += 1
            seen.gold += bool(one.gold)
            if not one.text:
                seen.unreadable += 1
                if len(seen.reasons) < 3:
                    seen.reasons.append((one.ref, one.error))
                yield Keywords(one.ref, error=one.error).row()
                continue
            answer = next(answers)
            seen.languages[answer.cut.language] += 1
            seen.empty += not answer.cut.phrases
            seen.long += bool(answer.cut.left_out)
            seen.phrases += len(answer.cut.phrases)
            _show(shown, one, answer, top, seen.documents, rng)
            yield Keywords.of(one.ref, answer, top).row()
        on_event(
            Event(_("looking for keywords"), message=_("{n:,} documents done", n=seen.documents))
        )


def _show(
    shown: list[dict[str, Any]],
    document: Document,
    answer: Answer,
    top: int,
    n: int,
    rng: np.random.Generator,
) -> None:
    """Keep a few documents, drawn by chance, to show."""
    place = len(shown) if len(shown) < EXAMPLES else int(rng.integers(n))
    if place >= EXAMPLES or not answer.order:
        return
    given = [answer.cut.phrases[k] for k in answer.order[:top]]
    one = {
        "ref": document.ref,
        "language": answer.cut.language,
        "best": None,
        "f1": None,
        "pieces": pieces(document.text, [(phrase, "found") for phrase in given]),
        "cut": len(document.text) > SHOWN,
        "keywords": [
            {"text": text, "score": score, "right": None} for text, score in answer.first(top)
        ],
        "missed": [],
        "absent": [],
    }
    shown[place:] = [one] if place == len(shown) else [one, *shown[place + 1 :]]


def _refuse_unreadable(seen: Seen) -> None:
    if seen.documents == seen.unreadable:
        raise DataError(
            _n(
                "The document cannot be read ({named}).",
                "None of the {n:,} documents can be read ({named}).",
                seen.documents,
                named=commas(f"{ref}: {why}" for ref, why in seen.reasons),
            ),
            _("Check that they are texts, and not empty."),
        )


def _data(documents: Documents, seen: Seen, trial: Trial | None) -> dict[str, Any]:
    given, present = (0, 0) if trial is None else trial.present()
    gold = {
        "source": documents.gold,
        "documents": seen.gold,
        "judged": 0 if trial is None else len(trial.documents),
        "keywords": given,
        "present": present,
    }
    known = languages()
    return {
        "name": documents.name,
        "documents": seen.documents,
        "unreadable": seen.unreadable,
        "empty": seen.empty,
        "languages": dict(seen.languages.most_common()),
        "unlisted": {name: n for name, n in seen.languages.items() if name not in known},
        "gold": gold if documents.gold else None,
    }


def _model(
    extractor: Extractor, card: Card, engine: str, seen: Seen, vectors: Vectors
) -> dict[str, Any]:
    ranker, read = extractor.ranker, seen.documents - seen.unreadable
    return {
        "learned": ranker is not None,
        "marked": "" if extractor.marker is None else extractor.marker.method,
        "backbone": card.name,
        "engine": engine,
        "longest": extractor.settings.longest,
        "diversity": extractor.settings.diversity,
        "phrases": vectors.made,
        "per_document": seen.phrases / max(read, 1),
        "threshold": None if ranker is None else ranker.threshold,
    }


def _record(
    data: PathLike,
    documents: Documents,
    settings: Settings,
    ref: Ref,
    top: int,
    method: str,
    seed: int,
) -> dict[str, Any]:
    """Write down what would be needed to repeat the run; no user or host name goes in."""
    packages = ("numpy", "rjieba", "scikit-learn", "snowballstemmer", "stopwordsiso")
    return {
        "modality": KEYWORDS,
        "config": {
            "data": Path(data).name,
            "gold": documents.gold,
            "x": documents.column,
            **asdict(settings),
            "backbone": str(ref),
            "method": method,
            "top": top,
            "seed": seed,
        },
        "versions": {"headstart": __version__, "python": platform.python_version()}
        | {name: importlib.metadata.version(name) for name in packages},
        "host": {"system": platform.system(), "machine": platform.machine()},
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
    }
