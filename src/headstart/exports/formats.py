"""The forms a model can be exported in, by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from headstart.errors import ArtifactError, ConfigError
from headstart.exports import mlflow, onnx, openvino, program, timm
from headstart.exports.graph import Graph
from headstart.exports.parity import Runtime
from headstart.folder.model import SavedModel
from headstart.said import _, commas


class Loaded(Runtime, Protocol):
    """An exported model in its runtime."""

    @property
    def about(self) -> Mapping[str, str]:
        """What it says of itself (:mod:`headstart.exports.about`)."""


@dataclass(frozen=True)
class Format:
    """A form.

    Attributes
    ----------
    file : str
        The file that its runtime opens.
    write : callable
        (model, its graph, folder, what it says of itself) -> None.
    load : callable
        File -> the model in its runtime.
    whole : bool
        Whether all is done in the graph (``modalities.Exported.entry``).
    refuse : callable
        Raises ``ConfigError`` for a model that it cannot hold.
    executes : bool
        Whether opening a file that somebody prepared may run code in it.
    """

    file: str
    write: Callable[[SavedModel, Graph, Path, Mapping[str, str]], None]
    load: Callable[[Path], Loaded]
    whole: bool = True
    refuse: Callable[[SavedModel], None] = lambda saved: None
    executes: bool = False


def _onnx(_saved: SavedModel, graph: Graph, folder: Path, about: Mapping[str, str]) -> None:
    onnx.write(graph, folder / onnx.NAME, about)


def _openvino(_saved: SavedModel, graph: Graph, folder: Path, about: Mapping[str, str]) -> None:
    openvino.write(graph, folder / openvino.NAME, about)


def _torch(_saved: SavedModel, graph: Graph, folder: Path, about: Mapping[str, str]) -> None:
    program.write(graph, folder / program.NAME, about)


FORMATS = {
    "onnx": Format(onnx.NAME, _onnx, onnx.Session),
    "openvino": Format(openvino.NAME, _openvino, openvino.Compiled, whole=False),
    # torch unpickles parts of it, and evaluates the sizes that are written in it
    "torch": Format(program.NAME, _torch, program.Program, executes=True),
    "mlflow": Format(mlflow.NAME, mlflow.write, mlflow.Loaded),
    "timm": Format(timm.NAME, timm.write, timm.Timm, refuse=timm.refuse),
}
"""All that are made of a model as it is; int8 needs examples with labels besides."""
INT8 = "onnx-int8"
NAMES = (*FORMATS, INT8)


def known(name: str) -> str:
    """Return the name of a form; raise ``ConfigError`` for what is none."""
    if name not in NAMES:
        raise ConfigError(
            _("--format {name!r} is not known.", name=name),
            _("One of: {names}.", names=commas(NAMES)),
        )
    return name


def format_of(file: Path) -> Format:
    """Tell the form of a file, or of the file in a folder; raises ``ArtifactError``."""
    found = [form for form in FORMATS.values() if _is(file, form)]
    if not found:
        raise ArtifactError(
            _("{file!r} is no model that was exported.", file=str(file)),
            _("Name what `headstart export` wrote: {names}.", names=commas(_files())),
        )
    return found[-1]  # in the folder of another form a model.onnx may lie too


def _is(file: Path, form: Format) -> bool:
    if file.is_dir():
        return (file / form.file).is_file()
    same = file.suffix == Path(form.file).suffix
    return file.is_file() and (same if file.suffix not in (".json", "") else file.name == form.file)


def _files() -> list[str]:
    return [form.file for form in FORMATS.values()]
