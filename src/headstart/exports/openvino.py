"""OpenVINO: a folder for Intel's runtime, which takes what is prepared."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.exports import onnx
from headstart.exports.graph import Traced
from headstart.scratch import scratch

NAME = "model.xml"
ABOUT = "headstart"


def write(graph: Traced, file: Path, about: Mapping[str, str]) -> None:
    """Write ``model.xml`` and ``model.bin``, float32, with what it says of itself inside."""
    import openvino

    with scratch("openvino-", file.parent) as folder:
        onnx.write(graph, folder / onnx.NAME, about)
        model = openvino.Core().read_model(folder / onnx.NAME)
    for name, value in about.items():
        model.set_rt_info(value, [ABOUT, name])
    openvino.save_model(model, file, compress_to_fp16=False)


class Compiled:
    """Such a folder as OpenVINO runs it, on one example at a time."""

    def __init__(self, file: Path) -> None:
        import openvino

        core = openvino.Core()
        model = core.read_model(file)
        told = model.get_rt_info()
        said: dict[str, Any] = told[ABOUT] if model.has_rt_info(ABOUT) else {}
        self.about: dict[str, str] = {name: value.value for name, value in said.items()}
        settings = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": 1}
        self._request = core.compile_model(model, "CPU", settings).create_infer_request()

    def named(self, given: NDArray[Any]) -> dict[str, NDArray[Any]]:
        """Run it: outputs by name."""
        found = self._request.infer([given])
        return {out.get_any_name(): np.array(value) for out, value in found.items()}
