"""A network that tells faces apart: a residual network over a face and its mirror image.

Its tensors are those of the recognition network of the package @vladmandic/face-api, which derives
from dlib's. Two faces of one person lie within 0.6 of each other, as dlib has it.

References
----------
He et al. (2016), "Deep residual learning for image recognition", arXiv:1512.03385; King (2009),
"Dlib-ml: a machine learning toolkit", JMLR 10.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from headstart.backbones import Card
from headstart.backbones.network import count_parameters, hash_weights, stages_of
from headstart.backbones.vision import VisionBackbone
from headstart.modalities.image.faces.look import Faces
from headstart.modalities.image.faces.nets import POINTS_MEAN, tensor
from headstart.modalities.image.faces.tfjs import Tensors

ARCHITECTURE = "embedded:face"
DIM, SIDE, ONES = 128, 150, (1.0, 1.0, 1.0)
BLOCKS = (
    *((f"conv32_{k}", 32, False) for k in (1, 2, 3)),
    ("conv64_down", 64, True),
    *((f"conv64_{k}", 64, False) for k in (1, 2, 3)),
    ("conv128_down", 128, True),
    *((f"conv128_{k}", 128, False) for k in (1, 2)),
    ("conv256_down", 256, True),
    *((f"conv256_{k}", 256, False) for k in (1, 2)),
    ("conv256_down_out", 256, True),
)
"""Name, channels, and whether it halves the maps."""


class Both(nn.Module):
    """A step that is done alike to a face and to its mirror image: (B, 2, C, H, W) in and out."""

    def forward(self, both: Tensor) -> Tensor:
        """Run the step."""
        out = self.step(both.flatten(0, 1))
        return out.unflatten(0, (-1, 2))

    def step(self, x: Tensor) -> Tensor:
        """Do it to maps (B, C, H, W)."""
        raise NotImplementedError


class Stem(Both):
    """The first convolution."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 32, 7, 2)

    def step(self, x: Tensor) -> Tensor:
        """Convolve and pool."""
        return functional.max_pool2d(torch.relu(self.conv(x)), 3, 2)


class Residual(Both):
    """Two convolutions, added to what came in; where they halve maps that is averaged by two.

    What is larger, maps or channels, is met with zeros.
    """

    def __init__(self, inputs: int, width: int, *, down: bool) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, width, 3, 2 if down else 1, 0 if down else 1)
        self.conv2 = nn.Conv2d(width, width, 3, 1, 1)
        self.down = down

    def step(self, x: Tensor) -> Tensor:
        """Run it."""
        out = self.conv2(torch.relu(self.conv1(x)))
        if self.down:
            x = functional.avg_pool2d(x, 2)
            high, wide = x.shape[2] - out.shape[2], x.shape[3] - out.shape[3]
            out = functional.pad(out, (0, wide, 0, high))
            x = functional.pad(x, (0, 0, 0, 0, 0, out.shape[1] - x.shape[1]))
        return torch.relu(out + x)


class Vector(nn.Module):
    """Maps (B, 2, C, H, W) to a vector a face, (B, DIM): of it and its mirror image the mean."""

    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(256, DIM, bias=False)

    def forward(self, both: Tensor) -> Tensor:
        """Average over places, project, and average the two."""
        vectors: Tensor = self.fc(both.mean((3, 4))).mean(1)
        return vectors


class FaceNet(nn.Module):
    """Faces and their mirror images, (B, 2, 3, H, W), to vectors (B, DIM)."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = Stem()
        width = 32
        for name, channels, down in BLOCKS:
            self.add_module(name, Residual(width, channels, down=down))
            width = channels
        self.vector = Vector()

    def forward(self, both: Tensor) -> Tensor:
        """Embed faces."""
        for step in self.children():
            both = step(both)
        return both


class FaceBackbone(VisionBackbone):
    """The network with its look: chips of faces in, one vector a face out."""

    def normalise(self, fed: Tensor) -> Tensor:
        """Scale pixels, and put the mirror image beside: uint8 (B, H, W, 3) to (B, 2, 3, H, W)."""
        x = super().normalise(fed)
        return torch.stack([x, x.flip(3)], 1)

    def pooled(self, out: Tensor) -> Tensor:
        """Average what a block gives over its places, and over face and mirror image: (B, C)."""
        return out.float().mean((1, 3, 4)) if out.dim() == 5 else super().pooled(out)

    def ask(self, **asked: Any) -> None:
        """Take another look at faces, as ``Faces.asked`` makes it."""
        self.use(replace(self.card, look=self.look.asked(**asked)))

    def sizes_of_maps(self) -> dict[str, tuple[int, ...]]:
        """Measure (height, width) of what every block gives."""
        sizes: dict[str, tuple[int, ...]] = {}
        x = torch.zeros(1, 2, 3, self.look.size, self.look.size)
        with torch.no_grad():
            for name, step in self.net.named_children():
                x = step(x)
                sizes[name] = tuple(x.shape[3:]) if x.dim() == 5 else ()
        return sizes


def build(tensors: Tensors | None, *, weights: str, licence: str, source: str) -> FaceBackbone:
    """Build the network.

    Parameters
    ----------
    tensors : dict of arrays or None
        By the names of the package; None leaves the initialisation.
    weights : str
        The mark of the weights that look for faces.

    Raises
    ------
    RuntimeError, KeyError
        Tensors that do not fit.
    """
    net = FaceNet()
    if tensors is not None:
        net.load_state_dict(dict(_state(tensors)))
    net = net.eval()
    stages = stages_of(net)
    red, green, blue = (v / 255 for v in POINTS_MEAN)
    card = Card(
        name=ARCHITECTURE,
        architecture=ARCHITECTURE,
        modality="image",
        dim=DIM,
        parameters=count_parameters(net),
        licence=licence,
        source=source,
        weights_hash=hash_weights(net),
        look=Faces(SIDE, SIDE, (red, green, blue), ONES, "bilinear", weights=weights),
        layers=tuple((n, type(m).__name__, count_parameters(m)) for n, m in stages),
    )
    return FaceBackbone(net, card, stages)


def _state(tensors: Tensors) -> Iterator[tuple[str, Tensor]]:
    """Rename the tensors; a scale behind a convolution becomes part of it."""
    convolutions = {"stem.conv": "conv32_down"}
    for block, _width, _down in BLOCKS:
        convolutions |= {f"{block}.{conv}": f"{block}/{conv}" for conv in ("conv1", "conv2")}
    for own, name in convolutions.items():
        filters, bias, scale, shift = (
            tensor(tensors, f"{name}/{part}")
            for part in ("conv/filters", "conv/bias", "scale/weights", "scale/biases")
        )
        yield f"{own}.weight", filters * scale[:, None, None, None]
        yield f"{own}.bias", bias * scale + shift
    yield "vector.fc.weight", tensor(tensors, "fc").T.contiguous()
