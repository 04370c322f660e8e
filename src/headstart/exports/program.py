"""torch's own form of a graph (``.pt2``): for programs in torch, and for ExecuTorch."""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from numpy.typing import NDArray

from headstart.exports.graph import Traced

NAME = "model.pt2"
ABOUT = "about.json"


def write(graph: Traced, file: Path, about: Mapping[str, str]) -> None:
    """Write a graph, with what it says of itself in ``about.json`` inside the file."""
    given = torch.from_numpy(graph.entry.sample())
    free = dict.fromkeys(range(len(graph.entry.axes)), torch.export.Dim.DYNAMIC)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.export.export(graph, (given,), dynamic_shapes=(free,) if free else None)
        said = {**about, "outputs": json.dumps(graph.outputs)}
        torch.export.save(program, file, extra_files={ABOUT: json.dumps(said, ensure_ascii=False)})


class Program:
    """Such a file as torch runs it, on one example at a time."""

    def __init__(self, file: Path) -> None:
        beside = {ABOUT: ""}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self._module = torch.export.load(file, extra_files=beside).module()
        self.about: dict[str, str] = json.loads(beside[ABOUT])
        self._outputs = json.loads(self.about["outputs"])

    def named(self, given: NDArray[Any]) -> dict[str, NDArray[Any]]:
        """Run it: outputs by name."""
        with torch.inference_mode():
            out = self._module(torch.from_numpy(given))
        return {name: t.numpy() for name, t in zip(self._outputs, out, strict=True)}
