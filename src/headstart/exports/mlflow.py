"""MLflow's layout: a folder that ``mlflow.pyfunc.load_model`` reads, without headstart.

``MLmodel`` names a loader in ``code/`` and ``model.onnx``; the form is MLflow's pyfunc flavour. It
is YAML, of which JSON is a part.
"""

from __future__ import annotations

import base64
import importlib.metadata
import importlib.util
import io
import json
import platform
import shutil
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart import modalities
from headstart.errors import ArtifactError, ConfigError
from headstart.exports import onnx
from headstart.exports.graph import PROBABILITIES, Graph
from headstart.folder.model import SavedModel
from headstart.said import _
from headstart.text import to_json

NAME, CODE, MODULE = "MLmodel", "code", "headstart_loader"
LOADER = "mlflow_loader.py"
"""Of a modality, among what it hands over."""
NEEDS, EXAMPLE = "requirements.txt", "input_example.json"


def write(saved: SavedModel, graph: Graph, folder: Path, about: Mapping[str, str]) -> None:
    """Write the folder; raise ``ConfigError`` for examples that need more than such a loader."""
    loader, entry = graph.entry.handed / LOADER, graph.entry
    if not loader.is_file() or saved.model.thresholds is not None:
        raise ConfigError(
            _("MLflow's form takes encoded files and gives one class; this model is another kind."),
            _("Use --format onnx."),
        )
    onnx.write(graph, folder / onnx.NAME, about)
    (folder / CODE).mkdir()
    shutil.copyfile(loader, folder / CODE / f"{MODULE}.py")
    needs = [
        f"{name}=={importlib.metadata.version(name)}" for name in ("numpy", "onnxruntime", "pillow")
    ]
    (folder / NEEDS).write_text("\n".join(needs) + "\n", "utf-8")
    example = {"columns": [entry.name], "data": [[_encoded(entry.sample())]]}
    (folder / EXAMPLE).write_text(json.dumps(example) + "\n", "utf-8")
    (folder / NAME).write_text(to_json(_described(saved, entry.name), indent=1) + "\n", "utf-8")


def _encoded(pixels: NDArray[Any]) -> str:
    """Write an example as a caller would: the bytes of a PNG, in base64."""
    from PIL import Image

    held = io.BytesIO()
    Image.fromarray(pixels).save(held, "PNG")
    return base64.b64encode(held.getvalue()).decode("ascii")


def _described(saved: SavedModel, column: str) -> dict[str, Any]:
    answers = [{"name": "predicted", "type": "string"}, {"name": "confidence", "type": "double"}]
    answers += [{"name": f"p:{name}", "type": "double"} for name in saved.model.classes]
    return {
        "flavors": {
            "python_function": {
                "loader_module": MODULE,
                "code": CODE,
                "data": onnx.NAME,
                "env": {"virtualenv": NEEDS},
                "python_version": platform.python_version(),
            }
        },
        "model_uuid": uuid.uuid4().hex,
        "utc_time_created": datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S.%f"),
        "saved_input_example_info": {
            "artifact_path": EXAMPLE,
            "type": "dataframe",
            "pandas_orient": "split",
        },
        "signature": {
            "inputs": json.dumps([{"name": column, "type": "binary", "required": True}]),
            "outputs": json.dumps(answers, ensure_ascii=False),
            "params": None,
        },
    }


class Loaded:
    """Such a folder, loaded as MLflow does it; but no code is run that is not ours."""

    def __init__(self, file: Path) -> None:
        flavour = json.loads(file.read_text("utf-8"))["flavors"]["python_function"]
        spec = importlib.util.spec_from_file_location(MODULE, _ours(file.parent))
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        self.model = module._load_pyfunc(file.parent / Path(flavour["data"]).name)
        self._input = self.model.session.get_inputs()[0].name

    @property
    def about(self) -> dict[str, str]:
        """What the model says of itself."""
        return dict(self.model.about)

    def named(self, given: NDArray[Any]) -> dict[str, NDArray[Any]]:
        """Answer for pixels."""
        (found,) = self.model.session.run([PROBABILITIES], {self._input: given})
        return {PROBABILITIES: np.asarray(found)}


def _ours(folder: Path) -> Path:
    """Return the loader of a folder as it lies in this package, byte for byte."""
    given = folder / CODE / f"{MODULE}.py"
    for own in Path(modalities.__file__).parent.glob(f"*/handed/{LOADER}"):
        if given.is_file() and own.read_bytes() == given.read_bytes():
            return own
    raise ArtifactError(
        _("{file} is not the file that was handed over: it was changed.", file=str(given)),
        _("Export it anew."),
    )
