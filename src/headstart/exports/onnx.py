"""ONNX: one file that onnxruntime reads in Python, in browsers and on phones."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from headstart.exports.graph import Traced

OPSET = 18
"""The oldest operations the exporter writes: more runtimes read them than later ones."""
NAME = "model.onnx"


def write(graph: Traced, file: Path, about: Mapping[str, str]) -> None:
    """Write a graph, with its weights inside and what it says of itself in the metadata."""
    import onnx

    entry = graph.entry
    given = torch.from_numpy(entry.sample())
    free = dict.fromkeys(range(len(entry.axes)), torch.export.Dim.DYNAMIC)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what the exporter will no longer do some day
        program = torch.onnx.export(
            graph,
            (given,),
            dynamo=True,
            opset_version=OPSET,
            input_names=[entry.name],
            output_names=list(graph.outputs),
            dynamic_shapes=(free,) if free else None,
            verbose=False,
        )
    assert program is not None
    model = program.model_proto
    _name_axes(model, entry.axes)
    model.producer_name = "headstart"
    for name, value in about.items():
        model.metadata_props.add(key=name, value=value)
    onnx.save(model, file)


def _name_axes(model: Any, axes: Sequence[str]) -> None:
    """Call what varies as users would: ``height``, not ``s40``."""
    dims = model.graph.input[0].type.tensor_type.shape.dim
    called = {dims[k].dim_param: name for k, name in enumerate(axes)}
    graph = model.graph
    for value in (*graph.input, *graph.output, *graph.value_info):
        for dim in value.type.tensor_type.shape.dim:
            if dim.dim_param in called:
                dim.dim_param = called[dim.dim_param]


class Session:
    """An ONNX file as onnxruntime runs it, on one example at a time."""

    def __init__(self, file: Path) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(
            file, options, providers=["CPUExecutionProvider"]
        )
        self._outputs = [out.name for out in self._session.get_outputs()]
        self._input = self._session.get_inputs()[0].name

    @property
    def about(self) -> dict[str, str]:
        """What the file says of itself."""
        return dict(self._session.get_modelmeta().custom_metadata_map)

    def named(self, given: NDArray[Any]) -> dict[str, NDArray[Any]]:
        """Run it: outputs by name."""
        found = self._session.run(self._outputs, {self._input: given})
        return dict(zip(self._outputs, map(np.asarray, found), strict=True))
