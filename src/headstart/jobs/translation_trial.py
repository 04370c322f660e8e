"""The trainings of a translation: from nothing, from a network that knows, or none at all."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from headstart.backbones.hf_seq2seq import load_seq2seq
from headstart.errors import ConfigError, DataError
from headstart.events import Event, OnEvent
from headstart.findings import Finding
from headstart.folder.layout import MODEL
from headstart.folder.translator import load_translator
from headstart.jobs.translation_data import Data
from headstart.said import _, _n
from headstart.translation.memory import from_memory
from headstart.translation.network import small_network, start_from
from headstart.translation.outcome import OWN, Systems, curve_of
from headstart.translation.pieces import fit_pieces, pieces_used, with_pieces_of
from headstart.translation.scores import corpus_chrf
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
from headstart.translation.translator import Translator

TINY, HUB = "tiny", "hf:"
LOOKED_AT, STRANGE = 500, 0.05
"""Pairs whose tokens are looked at, and the share of unknown ones from which on it is said."""


@dataclass(frozen=True)
class Made:
    """A network that was trained, and what is to be told of it."""

    translator: Translator
    systems: Systems
    curves: list[dict[str, Any]]
    facts: dict[str, Any]


class Trial:
    """Trains what was asked for, and what it is compared with."""

    def __init__(
        self,
        data: Data,
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

    def of(self, model: str) -> Made:
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

    def _alone(self) -> Made:
        """Train the small network from nothing; a translation memory is what it has to beat."""
        translator = self._small()
        recipe = self._recipe(for_few(SMALL, len(self.train)))
        trained = self._trained(translator, recipe, _("training"))
        systems = Systems(
            {OWN: self._translated(translator), "memory": self._looked_up()}, "memory", "memory"
        )
        return Made(
            self._remembering(translator),
            systems,
            [curve_of(OWN, trained.kept, trained.curve)],
            self._facts(translator, "nothing", recipe),
        )

    def _transferred(self, parent: Translator) -> Made:
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
        return Made(
            self._remembering(ours),
            Systems(translations, "source", "scratch"),
            [curve_of(OWN, warm.kept, warm.curve), curve_of("scratch", cold.kept, cold.curve)],
            self._facts(ours, "run", recipe, shared),
        )

    def _tuned(self, translator: Translator, start: str) -> Made:
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
        return Made(translator, systems, curves, self._facts(translator, start, recipe))

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
