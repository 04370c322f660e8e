"""Learn to translate from pairs of sentences, and say whether what was known before helped."""

from __future__ import annotations

import importlib.metadata
import math
import platform
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from headstart._version import __version__
from headstart.backbones.hf_seq2seq import load_seq2seq, refuse_without_translate
from headstart.errors import ConfigError, DataError
from headstart.events import Event, OnEvent, ignore
from headstart.findings import Finding
from headstart.folder.files import whole_folder, write_json
from headstart.folder.layout import METRICS, MODEL, RUN, TRANSLATED, TRANSLATION
from headstart.folder.place import destination
from headstart.folder.translator import load_translator, save_translator
from headstart.jobs.clock import Clock
from headstart.modalities.text.digest import digest
from headstart.modalities.text.read import refuse_without_extra
from headstart.prepare.refusals import job
from headstart.report.translation import render_translation
from headstart.said import _, _n
from headstart.speaking import speaking
from headstart.translation.checks import check_languages, clean, refuse_shifted
from headstart.translation.memory import from_memory
from headstart.translation.network import small_network, start_from
from headstart.translation.outcome import OWN, Systems, curve_of, examples_of, outcome_of
from headstart.translation.pairs import Pairs
from headstart.translation.pieces import fit_pieces, pieces_used, with_pieces_of
from headstart.translation.read import Spec, read_pairs
from headstart.translation.scores import corpus_chrf
from headstart.translation.split import Parts, clusters, split
from headstart.translation.train import (
    LORA_PACE,
    SMALL,
    TUNING,
    Point,
    Recipe,
    Trained,
    for_few,
    train,
)
from headstart.translation.translator import BEAM, Translator
from headstart.translation_run import TranslateRun, refuse_beam, translates

PathLike = str | Path
SCHEMA = 1
TINY, HUB = "tiny", "hf:"
FEWEST = 50
"""Pairs without which there is nothing to learn from and to test on (plain choice)."""
FEW = 200
"""Sentences of a test below which a score says little: at 100, chrF is unsure by about 4 points."""
LOOKED_AT, STRANGE = 500, 0.05
"""Pairs whose tokens are looked at, and the share of unknown ones from which on it is said."""
LIBRARIES = ("numpy", "sacrebleu", "sentencepiece", "tokenizers", "torch", "transformers")


@job
def translate(
    pairs: PathLike,
    translations: PathLike | None = None,
    *,
    model: str = TINY,
    source_column: str | None = None,
    target_column: str | None = None,
    document_column: str | None = None,
    source_language: str | None = None,
    target_language: str | None = None,
    encoding: str = "utf-8",
    epochs: int | None = None,
    lr: float | None = None,
    batch: int | None = None,
    lora: bool = False,
    beam: int = BEAM,
    out: PathLike | None = None,
    overwrite: bool = False,
    seed: int = 0,
    lang: str | None = None,
    on_event: OnEvent = ignore,
) -> TranslateRun:
    """Learn to translate, judge it on sentences that were held out, and write a run folder.

    Parameters
    ----------
    pairs : str or Path
        Sentences with their translations: CSV, TSV, JSONL, Parquet, TMX; a folder with files such
        as ``news.en`` and ``news.zh``; or a file of sentences, one a line.
    translations : str or Path, optional
        The file of translations, line by line.
    model : str
        ``"tiny"``, a small network that starts from nothing; ``"hf:NAME"`` or ``"hf:FOLDER"``, a
        pretrained one, which is fine-tuned; or the run folder of another ``translate``, from which
        the network starts.
    source_column, target_column, document_column : str, optional
        Columns of a table; default: by their names.
    source_language, target_language : str, optional
        ISO 639-1 codes such as ``"en"``; default: as the file says, or as it looks.
    epochs, lr, batch : optional
        How it is trained. Default: of a pretrained network 3, 2e-5 and 16; of the small one 8 or
        more with few pairs, 1e-3 and 32.
    lora : bool
        Train a product of two thin matrices beside the weights alone.
    beam : int, 1 to 32
        Translations that are followed at once in the test.
    out, overwrite
        The run folder; default ``runs/PAIRS``, numbered.
    seed : int
        Draws the test, the weights that start from nothing, and the order of the pairs.

    Returns
    -------
    TranslateRun

    Raises
    ------
    DataError
        What cannot be read, or holds pairs that do not belong together; too few of them.
    ConfigError
        An option that does not fit, or a place that cannot be written to.
    BackboneError
        A network that cannot be had, or does not translate.
    """
    with speaking(lang):
        refuse_without_extra()
        refuse_without_translate()
        refuse_beam(beam)
        _refuse_recipe(epochs, lr, batch)
        _refuse_model(model, lora)
        read = [path for path in (translations,) if path is not None]
        folder = destination(str(pairs), out, overwrite, labels=read)
        clock = Clock()
        spec = Spec(
            source_column, target_column, document_column, source_language, target_language,
            encoding,
        )  # fmt: skip
        on_event(Event(_("reading the pairs")))
        with clock.timed("read_s"):
            data = _read(Path(pairs), None if translations is None else Path(translations), spec,
                         seed)  # fmt: skip
        knobs = {
            name: value
            for name, value in (("epochs", epochs), ("lr", lr), ("batch", batch))
            if value is not None
        }
        trial = _Trial(data, knobs, lora, beam, seed, on_event)
        with clock.timed("train_s"):
            made = trial.of(model)
        with clock.timed("judge_s"):
            on_event(Event(_("scoring the translations")))
            judged = outcome_of(made.systems, data.test, data.parts.cluster[data.parts.test])
        clock.rest("other_s")
        found = {
            "schema": SCHEMA,
            "modality": TRANSLATION,
            "data": data.counts(),
            "model": made.facts,
            **judged,
            "curves": made.curves,
            "examples": examples_of(made.systems, data.test, seed),
            "findings": [asdict(one) for one in [*data.findings, *trial.findings]],
            "seed": seed,
            "timing": {"total_s": clock.total, **clock.parts},
        }
        config = {
            "pairs": Path(pairs).name,
            "translations": None if translations is None else Path(translations).name,
            "model": Path(model).name if translates(model) else model,
            **asdict(spec),
            **knobs,
            "lora": lora,
            "beam": beam,
            "seed": seed,
        }
        on_event(Event(_("writing the run")))
        with whole_folder(folder) as beside:
            save_translator(beside / MODEL, made.translator)
            write_json(beside / METRICS, found)
            write_json(beside / RUN, _record(config))
            _write_test(beside / TRANSLATED, data.test, made.systems)
            render_translation(beside, name=folder.name)
        return TranslateRun(folder)


@dataclass(frozen=True)
class _Data:
    """Pairs, checked and parted."""

    read: int
    pairs: Pairs
    parts: Parts
    findings: list[Finding]

    @property
    def train(self) -> Pairs:
        return self.pairs.take(self.parts.train.tolist())

    @property
    def validation(self) -> Pairs:
        return self.pairs.take(self.parts.validation.tolist())

    @property
    def test(self) -> Pairs:
        return self.pairs.take(self.parts.test.tolist())

    def counts(self) -> dict[str, Any]:
        parts = self.parts
        return {
            "name": self.pairs.name,
            "languages": list(self.pairs.languages),
            "read": self.read,
            "pairs": len(self.pairs),
            "train": len(parts.train),
            "validation": len(parts.validation),
            "test": len(parts.test),
            "left_out": parts.left_out,
            "by": parts.by,
        }


def _read(path: Path, other: Path | None, spec: Spec, seed: int) -> _Data:
    """Read, check and part the pairs."""
    pairs = read_pairs(path, other, spec)
    refuse_shifted(pairs)
    digests = ([digest(text) for text in pairs.source], [digest(text) for text in pairs.target])
    kept, rows, findings = clean(pairs, digests)
    kept, more = check_languages(kept)
    if len(kept) < FEWEST:
        raise DataError(
            _n(
                "{name} has {n:,} pair that can be used.",
                "{name} has {n:,} pairs that can be used.",
                len(kept),
                name=pairs.name,
            ),
            _(
                "Give {least:,} or more: some are learned from, and others are left to test on.",
                least=FEWEST,
            ),
        )
    ours, theirs = ([side[i] for i in rows] for side in digests)
    parts = split(kept, clusters((ours, theirs)), seed)
    if not len(parts.train) or not len(parts.validation) or not len(parts.test):
        raise DataError(
            _("{name}: its sentences are nearly all the same.", name=pairs.name),
            _("Nothing is left to test on that was not learned from. Give more varied pairs."),
        )
    if len(parts.test) < FEW:
        message = _n(
            "The test has {n:,} sentence: its scores are unsure by several points.",
            "The test has {n:,} sentences: its scores are unsure by several points.",
            len(parts.test),
        )
        more = [*more, Finding("small_test", "info", message, {"test": len(parts.test)})]
    return _Data(len(pairs), kept, parts, [*pairs.findings, *findings, *more])


@dataclass(frozen=True)
class _Made:
    """A network that was trained, and what is to be told of it."""

    translator: Translator
    systems: Systems
    curves: list[dict[str, Any]]
    facts: dict[str, Any]


class _Trial:
    """Trains what was asked for, and what it is compared with."""

    def __init__(
        self,
        data: _Data,
        knobs: dict[str, Any],
        lora: bool,
        beam: int,
        seed: int,
        on_event: OnEvent,
    ) -> None:
        self.data, self.knobs, self.lora, self.beam = data, knobs, lora, beam
        self.seed, self.on_event = seed, on_event
        self.train, self.validation, self.test = data.train, data.validation, data.test
        self.findings: list[Finding] = []

    def of(self, model: str) -> _Made:
        """Train the network that an option names."""
        if model == TINY:
            return self._alone()
        if model.startswith(HUB):
            loaded = load_seq2seq(model.removeprefix(HUB))
            return self._tuned(Translator(*loaded, model, self._languages(loaded[1])), start="hf")
        parent = load_translator(Path(model) / MODEL)
        if parent.small:
            return self._transferred(parent)
        self._refuse_backwards(parent.languages)
        return self._tuned(replace(parent, languages=self._spoken()), start="run")

    def _spoken(self) -> tuple[str, str]:
        return self.data.pairs.languages

    def _languages(self, tokenizer: Any) -> tuple[str, str]:
        """Return the languages of the pairs; refuse a network that goes the other way."""
        ours = self._spoken()
        theirs = tuple(
            str(getattr(tokenizer, name, None) or "")[:2] for name in ("source_lang", "target_lang")
        )
        self._refuse_backwards((theirs[0], theirs[1]))
        return ours

    def _refuse_backwards(self, theirs: tuple[str, str]) -> None:
        """Raise ``ConfigError`` where a network translates in the other direction."""
        ours = self._spoken()
        if all(theirs) and all(ours) and theirs == (ours[1], ours[0]):
            raise ConfigError(
                _(
                    "The network translates from {theirs!r}, the pairs from {ours!r}.",
                    theirs=theirs[0],
                    ours=ours[0],
                ),
                _("Swap the columns or files, or take the network for the other direction."),
            )

    def _alone(self) -> _Made:
        """Train the small network from nothing; a translation memory is what it has to beat."""
        translator = self._small()
        recipe = self._recipe(for_few(SMALL, len(self.train)))
        trained = self._trained(translator, recipe, _("training"))
        systems = Systems(
            {OWN: self._translated(translator), "memory": self._looked_up()}, "memory", "memory"
        )
        return _Made(
            self._remembering(translator),
            systems,
            [curve_of(OWN, trained.kept, trained.curve)],
            self._facts(translator, "nothing", recipe),
        )

    def _transferred(self, parent: Translator) -> _Made:
        """Start the small network from another run, and once from nothing, on the same pairs."""
        if self.lora:
            raise ConfigError(
                _("--lora keeps what a network knows, and the small one has new words to learn."),
                _("Leave it out, or name a pretrained network with --model."),
            )
        recipe = self._recipe(for_few(SMALL, len(self.train)))
        ours, shared = self._warm(parent)
        warm = self._trained(ours, recipe, _("training, from the other run"))
        scratch = self._small()
        cold = self._trained(scratch, recipe, _("training, from nothing"))
        translations = {
            OWN: self._translated(ours),
            "scratch": self._translated(scratch),
            "memory": self._looked_up(),
        }
        return _Made(
            self._remembering(ours),
            Systems(translations, "source", "scratch"),
            [curve_of(OWN, warm.kept, warm.curve), curve_of("scratch", cold.kept, cold.curve)],
            self._facts(ours, "run", recipe, shared),
        )

    def _tuned(self, translator: Translator, start: str) -> _Made:
        """Fine-tune a pretrained network; how it was before is what it is compared with."""
        recipe = self._recipe(TUNING)
        if self.lora:
            recipe = replace(recipe, lr=recipe.lr * (1 if "lr" in self.knobs else LORA_PACE))
        self._say_unknown(translator)
        before = self._translated(translator, _("translating as it is"))
        watched = translator.translate(self.validation.source, beam=1)
        trained = self._trained(
            translator, recipe, _("fine-tuning"),
            start=corpus_chrf(watched, self.validation.target),
        )  # fmt: skip
        if not trained.kept:
            message = _("No epoch was better than the network as it was, which was kept.")
            self.findings.append(Finding("training", "warning", message, {}))
        systems = Systems(
            {OWN: self._translated(translator), "before": before, "memory": self._looked_up()},
            "tuning",
            "before",
        )
        curves = [curve_of(OWN, trained.kept, trained.curve)]
        return _Made(translator, systems, curves, self._facts(translator, start, recipe))

    def _say_unknown(self, translator: Translator) -> None:
        """Say where a network does not know what a side is written with: it sees blanks."""
        some = self.train.take(range(min(len(self.train), LOOKED_AT)))
        sides = (translator.fed(some.source), translator.wanted(some.target))
        for side, share in zip((_("source"), _("target")), translator.unknown(sides), strict=True):
            if share >= STRANGE:
                message = _(
                    "The network does not know {share:.0%} of the tokens of the {side}; to it they "
                    "are blanks. Take one for these languages.",
                    share=share,
                    side=side,
                )
                self.findings.append(Finding("unknown", "warning", message, {"share": share}))

    def _small(self) -> Translator:
        network = small_network(fit_pieces(self.train), self.seed)
        return Translator(*network, TINY, self._spoken())

    def _warm(self, parent: Translator) -> tuple[Translator, int]:
        """Make the small network with the pieces of another one, and its weights."""
        pieces = fit_pieces(self.train)
        if parent.languages[0] == self._spoken()[0]:
            pieces = with_pieces_of(pieces, parent.known)
        else:
            message = _(
                "The other run translates from {theirs!r}, these pairs from {ours!r}: only pieces "
                "that both know are taken over.",
                theirs=parent.languages[0],
                ours=self._spoken()[0],
            )
            figures: dict[str, object] = {"theirs": parent.languages[0], "ours": self._spoken()[0]}
            self.findings.append(Finding("languages", "warning", message, figures))
        model, tokenizer = small_network(pieces, self.seed)
        shared = start_from(model, tokenizer, parent.model, parent.tokenizer)
        return Translator(model, tokenizer, TINY, self._spoken()), shared

    def _remembering(self, translator: Translator) -> Translator:
        """Add the pieces of the source's language, which the next run may take over."""
        used = pieces_used(translator.tokenizer.backend_tokenizer, self.train.source)
        return replace(translator, known=tuple(used))

    def _recipe(self, usual: Recipe) -> Recipe:
        return replace(usual, **self.knobs)

    def _trained(
        self, translator: Translator, recipe: Recipe, stage: str, start: float | None = None
    ) -> Trained:
        trained = train(
            translator,
            self.train,
            self.validation,
            recipe,
            self.seed,
            lora=self.lora,
            start=start,
            on_point=self._told(stage),
            on_step=lambda done, total: self.on_event(Event(stage, done, total, _("steps"))),
        )
        if trained.left_out:
            message = _n(
                "{n:,} pair has a side of more than {most} tokens and was not learned from.",
                "{n:,} pairs have a side of more than {most} tokens and were not learned from.",
                trained.left_out,
                most=translator.longest,
            )
            finding = Finding("cut", "info", message, {"pairs": trained.left_out})
            if finding not in self.findings:
                self.findings.append(finding)
        if not trained.curve:
            raise DataError(
                _("All pairs have a side of more than {most} tokens.", most=translator.longest),
                _("Cut the texts into sentences: a pair is a sentence and its translation."),
            )
        return trained

    def _told(self, stage: str) -> Callable[[Point], None]:
        def tell(point: Point) -> None:
            message = _("epoch {n}: chrF {chrf:.1f}", n=point.epoch, chrf=100 * point.chrf)
            self.on_event(Event(stage, message=message, level="info"))

        return tell

    def _translated(self, translator: Translator, stage: str | None = None) -> Sequence[str]:
        called = stage or _("translating the test")

        def tell(done: int, total: int) -> None:
            self.on_event(Event(called, done, total, _("sentences")))

        return translator.translate(self.test.source, beam=self.beam, on_done=tell)

    def _looked_up(self) -> Sequence[str]:
        return from_memory(self.train, self.test.source)

    def _facts(
        self, translator: Translator, start: str, recipe: Recipe, shared: int | None = None
    ) -> dict[str, Any]:
        return {
            "name": translator.name,
            "start": start,
            "kind": str(translator.model.config.model_type),
            "parameters": translator.parameters,
            "lora": self.lora,
            "pieces": len(translator.tokenizer),
            "shared": shared,
            "beam": self.beam,
            "recipe": asdict(recipe),
        }


def _refuse_model(model: str, lora: bool) -> None:
    """Raise ``ConfigError`` for what names no network."""
    if model.startswith(HUB) and model != HUB:
        return
    small = model == TINY
    if not small and not translates(model):
        raise ConfigError(
            _("--model {model!r} is no network that translates.", model=model),
            _(
                "Give tiny, hf:NAME or hf:FOLDER of a pretrained network, or a run folder of "
                "`headstart translate`."
            ),
        )
    if small and lora:
        raise ConfigError(
            _("--lora adds to what a network knows, and the small one starts from nothing."),
            _("Leave it out, or name a pretrained network with --model."),
        )


def _refuse_recipe(epochs: int | None, lr: float | None, batch: int | None) -> None:
    if epochs is not None and not 1 <= epochs <= 1_000:
        raise ConfigError(_("--epochs {n} is not possible.", n=epochs), _("Give 1 to 1,000."))
    if lr is not None and not (0 < lr <= 1 and math.isfinite(lr)):
        raise ConfigError(_("--lr {lr:g} is no rate.", lr=lr), _("Give more than 0, such as 2e-5."))
    if batch is not None and not 1 <= batch <= 4_096:
        raise ConfigError(_("--batch {n} is not possible.", n=batch), _("Give 1 to 4,096."))


def _write_test(folder: Path, test: Pairs, systems: Systems) -> None:
    """Write the sentences of the test, a line each, so that any tool can score them again."""
    folder.mkdir()
    sides = {"source": test.source, "reference": test.target, **systems.translations}
    for name, texts in sides.items():
        lines = "".join(" ".join(text.split()) + "\n" for text in texts)
        (folder / f"{name}.txt").write_text(lines, "utf-8")


def _record(config: dict[str, Any]) -> dict[str, Any]:
    """Write down what would be needed to repeat the run; no user or host name goes in."""
    return {
        "modality": TRANSLATION,
        "config": config,
        "versions": {"headstart": __version__, "python": platform.python_version()}
        | {name: importlib.metadata.version(name) for name in LIBRARIES},
        "host": {"system": platform.system(), "machine": platform.machine()},
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
    }
