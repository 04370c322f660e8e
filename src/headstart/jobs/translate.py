"""Learn to translate from pairs of sentences, and say whether what was known before helped."""

from __future__ import annotations

import importlib.metadata
import math
import platform
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from headstart._version import __version__
from headstart.backbones.hf_seq2seq import refuse_without_translate
from headstart.errors import ConfigError
from headstart.events import Event, OnEvent, ignore
from headstart.folder.files import whole_folder, write_json
from headstart.folder.layout import METRICS, MODEL, RUN, TRANSLATED, TRANSLATION
from headstart.folder.place import destination
from headstart.folder.translator import save_translator
from headstart.jobs.clock import Clock
from headstart.jobs.translation_data import read_data
from headstart.jobs.translation_trial import HUB, TINY, Trial
from headstart.modalities.text.read import refuse_without_extra
from headstart.prepare.refusals import job
from headstart.report.translation import REPORT
from headstart.said import _
from headstart.speaking import speaking
from headstart.translation.outcome import Systems, examples_of, outcome_of
from headstart.translation.pairs import Pairs
from headstart.translation.read import Spec
from headstart.translation.translator import BEAM
from headstart.translation_run import TranslateRun, refuse_beam, translates

PathLike = str | Path
SCHEMA = 1
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
            other = None if translations is None else Path(translations)
            data = read_data(Path(pairs), other, spec, seed)
        knobs = {
            name: value
            for name, value in (("epochs", epochs), ("lr", lr), ("batch", batch))
            if value is not None
        }
        trial = Trial(data, knobs, lora, beam, seed, on_event)
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
            REPORT.render(beside, name=folder.name)
        return TranslateRun(folder)


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
