"""Handing over: a model is written, compared with its run, and put in place only if it agrees."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from headstart._version import __version__
from headstart.errors import ArtifactError, BackboneError, ConfigError, HeadstartError
from headstart.events import Event, OnEvent, ignore
from headstart.exports import examples as comparing
from headstart.exports import int8
from headstart.exports.about import about
from headstart.exports.extra import refuse_without_extra
from headstart.exports.formats import FORMATS, INT8, NAMES, Format, Loaded, format_of, known
from headstart.exports.graph import Graph, graph_of
from headstart.exports.int8 import Scores
from headstart.exports.parity import Parity, compare
from headstart.exports.readme import Shown, write_beside
from headstart.folder.files import whole_folder, write_json
from headstart.folder.layout import EXPORT, EXPORTS, MODEL
from headstart.folder.model import described_in
from headstart.folder.place import make_room
from headstart.folder.reading import read_document
from headstart.kinds import declared
from headstart.run import Run
from headstart.said import _, commas


@dataclass(frozen=True)
class Exported:
    """An exported model.

    Attributes
    ----------
    folder, file : Path
        Where it lies, and what its runtime opens.
    parity : Parity
    licence : str
        Of the backbone's weights.
    int8 : Scores or None
        How often it is right, where it is in 8 bits.
    """

    folder: Path
    file: Path
    parity: Parity
    licence: str
    int8: Scores | None = None

    @property
    def bytes(self) -> int:
        """Size of the model's files."""
        return sum(f.stat().st_size for f in self.folder.iterdir() if f.suffix in WEIGHTS)


WEIGHTS = {".onnx", ".xml", ".bin", ".pt2", ".safetensors"}


@declared
def export(
    run: Run | str | Path,
    out: str | Path | None = None,
    *,
    format: str = "onnx",
    examples: str | Path | None = None,
    overwrite: bool = False,
    on_event: OnEvent = ignore,
) -> Exported:
    """Write a model for use without headstart, once it was shown to answer the same.

    Parameters
    ----------
    run : Run, str or Path
        The run, or its folder.
    out : str or Path, optional
        The folder to write. Default: ``export/FORMAT`` in the run folder.
    format : {"onnx", "onnx-int8", "openvino", "torch", "mlflow", "timm"}
    examples : str or Path, optional
        What to compare on, as ``predict`` takes it; up to 100, evenly spread. Default: what the run
        keeps for its report. With ``"onnx-int8"``: what it was trained on, with labels.
    overwrite : bool, default=False
        Replace an earlier export in the same place.
    on_event : callable, optional
        Hears of progress.

    Raises
    ------
    MissingExtraError
        The extra ``export`` is not installed.
    ConfigError
        A model that the form cannot hold; a place that is taken; nothing to compare on.
    ArtifactError
        What was written does not answer as the run does: then nothing is handed over.
    """
    refuse_without_extra()
    run = run if isinstance(run, Run) else Run(run)
    form = FORMATS["onnx" if known(format) == INT8 else format]
    (int8.refuse if format == INT8 else form.refuse)(run.saved)
    folder = _place(run, out, format, overwrite)
    _say(on_event, _("building the graph"))
    graph = graph_of(run.saved, whole=form.whole)
    told = about(run, graph.entry)
    with whole_folder(folder) as beside:
        scores = None
        if format == INT8:
            if examples is None:
                raise ConfigError(
                    _("In 8 bits a head is fitted anew, which needs examples with their labels."),
                    _("Name what the run was trained on: --examples DATA."),
                )
            scores = int8.write(run, graph, beside / form.file, told, Path(examples), on_event)
            runtime = form.load(beside / form.file)
            told = dict(runtime.about)
            parity = _compared(run, graph, runtime, examples, on_event)
        else:
            _say(on_event, _("writing the model"))
            _write(form, format, run, graph, beside, told)
            parity = _compared(run, graph, form.load(beside / form.file), examples, on_event)
            parity.refuse(form.file)
        write_beside(Shown(run, graph.entry, format, form.file, told, parity, scores), beside)
        write_json(beside / EXPORT, _record(format, form, beside, told, parity, scores))
        _for_all(beside)
    return Exported(folder, folder / form.file, parity, run.saved.card.licence, scores)


@declared
def verify(
    file: str | Path,
    run: Run | str | Path,
    *,
    examples: str | Path | None = None,
    trust: bool = False,
    on_event: OnEvent = ignore,
) -> Parity:
    """Compare an exported model with its run again.

    Parameters
    ----------
    file : str or Path
        The model, or the folder that ``export`` wrote.
    run : Run, str or Path
    examples : str or Path, optional
        As of :func:`export`.
    trust : bool, default=False
        Open also a file of torch, which may run code: only one that you exported yourself.

    Raises
    ------
    ConfigError
        A file that may run code, without ``trust``.
    ArtifactError
        A file that was changed, is of another run, or does not answer as the run does.
    """
    refuse_without_extra()
    run = run if isinstance(run, Run) else Run(run)
    file = Path(file)
    if not file.exists():
        raise ArtifactError(
            _("There is no {file!r}.", file=str(file)), _("`headstart export RUN` makes one.")
        )
    form = format_of(file)
    file = file / form.file if file.is_dir() else file
    record = file.parent / EXPORT
    document = read_document(record) if record.is_file() else {}
    _refuse_changed(file.parent, document.get("files", {}))
    if form.executes and not trust:
        raise ConfigError(
            _("{file} is opened by torch, which may run code that is in it.", file=str(file)),
            _("If you exported it yourself, pass --trust."),
        )
    runtime = _loaded(form, file)
    _refuse_other_run(file, runtime, run)
    graph = graph_of(run.saved, whole=form.whole)
    parity = _compared(run, graph, runtime, examples, on_event)
    if "int8" not in runtime.about:  # 8 bits answer otherwise: their file is known by its hash
        parity.refuse(str(file))
    elif not document:
        raise ArtifactError(
            _(
                "{record} does not lie beside {file}, which is in 8 bits.",
                record=EXPORT,
                file=str(file),
            ),
            _("Verify the whole folder that was exported."),
        )
    return parity


def _place(run: Run, out: str | Path | None, format: str, overwrite: bool) -> Path:
    """Decide the folder, and refuse now what could not be written later."""
    folder = run.folder / EXPORTS / format if out is None else Path(out)
    if folder.exists() and not ((folder / EXPORT).is_file() and folder.is_dir()):
        raise ConfigError(
            _("{folder!r} exists, and was not exported.", folder=str(folder)),
            _("Choose another --out."),
        )
    if folder.exists() and not overwrite:
        raise ConfigError(
            _("The output {folder!r} exists.", folder=str(folder)),
            _("Choose another --out, or pass --overwrite."),
        )
    make_room(folder.parent)
    return folder


def _write(
    form: Format, name: str, run: Run, graph: Graph, folder: Path, told: dict[str, str]
) -> None:
    """Write a model; a network that a form has no words for is refused in ours."""
    try:
        form.write(run.saved, graph, folder, told)
    except (HeadstartError, OSError):
        raise
    except Exception as cause:  # exporters raise whatever their many passes do
        raise BackboneError(
            _(
                "{network} cannot be written as {form}: {cause}",
                network=run.saved.card.name,
                form=name,
                cause=_first_line(cause),
            ),
            _("Try another --format: {names}.", names=commas(n for n in NAMES if n != name)),
        ) from cause


def _first_line(cause: Exception) -> str:
    """Say why, in one line."""
    lines = str(cause.__cause__ or cause).strip().splitlines()
    return lines[0] if lines else type(cause).__name__


def _compared(
    run: Run, graph: Graph, runtime: Loaded, examples: str | Path | None, on_event: OnEvent
) -> Parity:
    return compare(run, graph, runtime, comparing.chosen(run, examples, on_event), on_event)


def _loaded(form: Format, file: Path) -> Loaded:
    """Open a model in its runtime; what comes of a damaged file is said in our words."""
    try:
        return form.load(file)
    except Exception as cause:  # every runtime has its own
        raise ArtifactError(
            _("{file} cannot be opened: {cause}", file=str(file), cause=_first_line(cause)),
            _("Export it anew."),
        ) from cause


def _refuse_other_run(file: Path, runtime: Loaded, run: Run) -> None:
    if runtime.about.get("run") != described_in(run.folder / MODEL)["checksum"]:
        raise ArtifactError(
            _("{file} was not exported from {run}.", file=str(file), run=str(run.folder)),
            _("Name the run it is of: --against RUN."),
        )


def _refuse_changed(folder: Path, files: dict[str, str]) -> None:
    """Raise ``ArtifactError`` unless files are those that were handed over."""
    for name, digest in files.items():
        path = folder / Path(name).name
        if not path.is_file() or _sha256(path) != digest:
            raise ArtifactError(
                _("{file} is not the file that was handed over: it was changed.", file=str(path)),
                _("Export it anew."),
            )


def _record(
    format: str,
    form: Format,
    folder: Path,
    told: dict[str, str],
    parity: Parity,
    scores: Scores | None,
) -> dict[str, Any]:
    files = sorted(f for f in folder.iterdir() if f.suffix in WEIGHTS or f.name == form.file)
    return {
        "schema": 1,
        "headstart": __version__,
        "format": format,
        "file": form.file,
        "files": {f.name: _sha256(f) for f in files},
        "about": told,
        "parity": parity.to_json(),
        "int8": None if scores is None else asdict(scores),
    }


def _for_all(folder: Path) -> None:
    """Let everyone read the files: safetensors writes them for their owner alone."""
    for file in folder.rglob("*"):
        if file.is_file():
            file.chmod(0o644)


def _sha256(path: Path) -> str:
    with path.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def _say(on_event: OnEvent, what: str) -> None:
    on_event(Event(what))
