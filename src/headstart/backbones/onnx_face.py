"""A network for faces as others publish it: one ONNX file, run by OpenVINO as it is.

Its input is ``(N, 3, 112, 112)``, the chip of a face as ArcFace cuts it; its output one vector a
face. A face and its mirror image count alike, as of the network ``face``. It is none of torch's, so
it has no blocks: it can be probed and recognise, not be trained on.

References
----------
Deng et al. (2019), "ArcFace: additive angular margin loss for deep face recognition", CVPR.
"""

from __future__ import annotations

import hashlib
import threading
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from headstart.backbones import Card
from headstart.backbones.libraries import load_openvino
from headstart.backbones.network import Backbone
from headstart.errors import BackboneError
from headstart.modalities.image.faces import package
from headstart.modalities.image.faces.chip import ARCFACE
from headstart.modalities.image.faces.look import Faces
from headstart.said import _

ARCHITECTURE = "onnx:face"
BESIDE_FILE = "backbone.onnx"
"""Of a run folder."""
SIDE = 112
ELSEWHERE = b"\x0a\x08location\x12"
"""How ONNX names another file that holds a network's weights."""


class OnnxFaces(Backbone):
    """The network: uint8 chips (B, 112, 112, 3) in, vectors (B, dim) out."""

    net: OnnxNet

    def __init__(self, net: OnnxNet, card: Card) -> None:
        super().__init__(net, card, [])

    def openvino_graph(self) -> Any:
        """Return it as OpenVINO has it, for one chip."""
        look = self.card.look
        assert isinstance(look, Faces)
        return self.net.graph(look)

    def forward(self, fed: Tensor) -> Tensor:
        """Embed chips."""
        vectors = self.net.run(self.openvino_graph, fed.cpu().numpy())
        return torch.from_numpy(vectors).to(fed.device)

    def save_beside(self, folder: Path) -> None:
        """Write the file."""
        (folder / BESIDE_FILE).write_bytes(self.net.data)


class OnnxNet(nn.Module):
    """The contents of a file.

    Parameters
    ----------
    data : bytes
    name : str
        For messages.
    shuffled : bool
        Every tensor's numbers stand in random order, which torch's random state decides: nothing
        learned is left, and their spread is as it was.

    Raises
    ------
    BackboneError
        What is no ONNX network, or none from chips to vectors.
    """

    def __init__(self, data: bytes, name: str, *, shuffled: bool = False) -> None:
        super().__init__()
        self.data = data
        self.name = name
        self.mark = hashlib.sha256(data).hexdigest()
        self.shuffled = torch.initial_seed() if shuffled else None
        if shuffled:
            mark = f"{self.mark} shuffled by {self.shuffled}"
            self.mark = hashlib.sha256(mark.encode()).hexdigest()
        self._compiled: Any = None
        self._lock = threading.Lock()
        if ELSEWHERE in data:
            raise BackboneError(
                _("{file} keeps its weights in another file.", file=name),
                _('Save it as one: onnx.save(onnx.load("{file}"), "whole.onnx").', file=name),
            )
        network = self._read(1)
        self.dim = int(network.output(0).shape[1])
        self.count = sum(int(np.prod(op.output(0).shape)) for op in _weights(network))

    def graph(self, look: Faces) -> Any:
        """Return the graph from one chip, with scaling and mirror image: (1, 112, 112, 3) uint8."""
        openvino, ops = _openvino()
        fed = ops.parameter([1, SIDE, SIDE, 3], np.uint8, name="chip")
        mean, std = (np.array(v, np.float32).reshape(1, 1, 1, 3) for v in (look.mean, look.std))
        scaled = ops.divide(
            ops.subtract(ops.convert(fed, np.float32), ops.constant(255 * mean)),
            ops.constant(255 * std),
        )
        chip = ops.transpose(scaled, ops.constant(np.array([0, 3, 1, 2])))
        back = ops.constant(np.arange(SIDE)[::-1].copy())
        mirrored = ops.gather(chip, back, ops.constant(np.int64(3)))
        try:
            networks, given = [self._read(2)], [ops.concat([chip, mirrored], 0)]
        except BackboneError:  # made for one chip at a time
            networks, given = [self._read(1), self._read(1)], [chip, mirrored]
        found = []
        for network, x in zip(networks, given, strict=True):
            (entry,) = network.get_parameters()
            for target in entry.output(0).get_target_inputs():
                target.replace_source_output(x.output(0))
            found.append(network.get_results()[0].input_value(0))
        both = ops.concat(found, 0) if len(found) > 1 else found[0]
        return openvino.Model([ops.reduce_mean(both, np.array([0]), keep_dims=True)], [fed], "face")

    def run(self, graph: Any, fed: np.ndarray) -> np.ndarray:
        """Embed uint8 chips (B, 112, 112, 3) one by one: float32 (B, dim)."""
        with self._lock:
            if self._compiled is None:
                exact = {"INFERENCE_PRECISION_HINT": "f32"}
                self._compiled = _openvino()[0].Core().compile_model(graph(), "CPU", exact)
        request = self._compiled.create_infer_request()
        return np.concatenate([request.infer([one[None]])[0].copy() for one in fed])

    def _read(self, batch: int) -> Any:
        """Read the network for so many chips at a time."""
        openvino, ops = _openvino()
        try:
            network = openvino.Core().read_model(self.data, b"")
        except RuntimeError as cause:
            raise BackboneError(
                _(
                    "{file} is no ONNX network that OpenVINO can read ({cause}).",
                    file=self.name,
                    cause=str(cause).strip().splitlines()[-1].rstrip("."),
                ),
                _("Get the file anew; it must be a whole .onnx file."),
            ) from cause
        _refuse_strange(network, self.name)
        try:
            network.reshape([batch, 3, SIDE, SIDE])
            gives = network.output(0).partial_shape
        except RuntimeError as cause:
            raise BackboneError(
                _("{file} cannot be run for one face at a time.", file=self.name),
                _("Name a network that gives one vector a face."),
            ) from cause
        if gives.is_dynamic or len(gives) != 2 or gives[0].get_length() != batch:
            raise BackboneError(
                _(
                    "{file} gives {shape} for each face, not one vector.",
                    file=self.name,
                    shape=str(gives),
                ),
                _("Name a network that gives one vector a face."),
            )
        if self.shuffled is not None:
            _shuffle(network, self.shuffled, ops)
        return network


def _refuse_strange(network: Any, name: str) -> None:
    """Raise ``BackboneError`` for what takes something else than chips, or gives several things."""
    if len(network.inputs) != 1 or len(network.outputs) != 1:
        raise BackboneError(
            _(
                "{file} has {inputs} inputs and {outputs} outputs; a network for faces has one of "
                "each.",
                file=name,
                inputs=len(network.inputs),
                outputs=len(network.outputs),
            ),
            _("Name the network that recognises faces, not one that looks for them."),
        )
    takes = network.input(0).partial_shape
    wanted = [3, SIDE, SIDE]
    fits = takes.rank.is_static and len(takes) == 4
    fits = fits and [d.get_length() if d.is_static else None for d in list(takes)[1:]] == wanted
    kind = network.input(0).element_type.get_type_name()
    if not fits or kind != "f32":
        raise BackboneError(
            _(
                "{file} takes {shape} of {kind}; a network for faces takes N × 3 × {side} × {side} "
                "of f32.",
                file=name,
                shape=str(takes),
                kind=kind,
                side=SIDE,
            ),
            _("Name the network that recognises faces, not one that looks for them."),
        )


def _weights(network: Any) -> list[Any]:
    """List the constants that were learned, or may have been."""
    return [
        op
        for op in network.get_ops()
        if op.get_type_name() == "Constant"
        and op.get_element_type().is_real()
        and int(np.prod(op.output(0).shape)) > 1
    ]


def _shuffle(network: Any, seed: int, ops: Any) -> None:
    """Put the numbers of every tensor in another order."""
    rng = np.random.default_rng(seed)
    for op in _weights(network):
        values = op.data.copy()
        shuffled = ops.constant(rng.permutation(values.ravel()).reshape(values.shape))
        for target in op.output(0).get_target_inputs():
            target.replace_source_output(shuffled.output(0))


def _openvino() -> tuple[Any, Any]:
    """Import OpenVINO, and its operations."""
    openvino = load_openvino()
    from openvino import opset13

    return openvino, opset13


def build(
    data: bytes,
    name: str,
    scale: tuple[float, float],
    *,
    licence: str,
    source: str,
    pretrained: bool = True,
) -> OnnxFaces:
    """Build the network of a file's contents.

    Parameters
    ----------
    scale : tuple of float
        What is subtracted from colours of 0 to 255, and what the result is divided by.

    Raises
    ------
    BackboneError
        As ``OnnxNet``.
    """
    net = OnnxNet(data, name, shuffled=not pretrained)
    mean, std = (v / 255 for v in scale)
    weights = package.FACE_API.mark
    card = Card(
        name=f"file:{name}",
        architecture=ARCHITECTURE,
        modality="image",
        dim=net.dim,
        parameters=net.count,
        licence=licence,
        source=source,
        weights_hash=net.mark,
        look=Faces(
            SIDE, SIDE, (mean,) * 3, (std,) * 3, "bilinear", weights=weights, template=ARCFACE
        ),
    )
    return OnnxFaces(net, card)


def rebuilt(folder: Path, card: Card) -> OnnxFaces:
    """Build the network that lies in a run folder."""
    try:
        data = (folder / BESIDE_FILE).read_bytes()
    except OSError as cause:
        raise BackboneError(
            _("There is no weights file {path!r}.", path=str(folder / BESIDE_FILE)),
            _("Restore the run folder, or train again."),
        ) from cause
    return OnnxFaces(OnnxNet(data, card.name), card)
