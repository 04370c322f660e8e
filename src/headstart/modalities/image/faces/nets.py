"""The networks that look for faces: a detector, and one for 68 points of a face.

Each is built by the names of the package @vladmandic/face-api, whose tensors it takes.

References
----------
Redmon and Farhadi (2017), "YOLO9000: better, faster, stronger", arXiv:1612.08242; Howard et al.
(2017), "MobileNets: efficient convolutional neural networks for mobile vision applications",
arXiv:1704.04861.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from headstart.modalities.image.faces.tfjs import Tensors

POINTS_MEAN = (122.782, 117.001, 104.298)
TINY_MEAN = (117.001, 114.697, 97.404)
"""Subtracted from red, green and blue, before all is divided by 255."""
ANCHORS = (
    (1.603231, 2.094468),
    (6.041143, 7.080126),
    (2.882459, 3.518061),
    (4.266906, 5.178857),
    (9.041765, 10.66308),
)
"""Width and height of the boxes that the small detector starts from, in its cells."""


def tensor(tensors: Tensors, name: str) -> Tensor:
    """Return a tensor as torch has it: filters (h, w, in, out) become (out, in, h, w).

    Depthwise filters (h, w, channels, 1) become (channels, 1, h, w).
    """
    values = torch.from_numpy(tensors[name].copy())
    if values.dim() != 4:
        return values
    return values.permute((2, 3, 0, 1) if "depthwise" in name else (3, 2, 0, 1)).contiguous()


def same(x: Tensor, kernel: int, stride: int, value: float = 0.0) -> Tensor:
    """Pad maps as TensorFlow's SAME does: what is odd comes to the right and to the bottom."""
    pads = []
    for side in (x.shape[3], x.shape[2]):
        lacking = max((-(-side // stride) - 1) * stride + kernel - side, 0)
        pads += [lacking // 2, lacking - lacking // 2]
    return functional.pad(x, pads, value=value) if any(pads) else x


class Weighted(nn.Module):
    """A network whose tensors are kept by the names of the package."""

    def __init__(self, tensors: Tensors) -> None:
        super().__init__()
        self._of = {name: name.replace("/", "__") for name in tensors}
        for name, own in self._of.items():
            self.register_buffer(own, tensor(tensors, name))

    def w(self, name: str) -> Tensor:
        """Return one of them."""
        found: Tensor = getattr(self, self._of[name])
        return found

    def separable(self, x: Tensor, name: str, stride: int) -> Tensor:
        """Run a depthwise filter and a pointwise one, padded as SAME."""
        deep = self.w(f"{name}/depthwise_filter")
        x = functional.conv2d(
            same(x, deep.shape[2], stride), deep, stride=stride, groups=deep.shape[0]
        )
        return functional.conv2d(x, self.w(f"{name}/pointwise_filter"), self.w(f"{name}/bias"))

    def full(self, x: Tensor, name: str, stride: int) -> Tensor:
        """Run a convolution padded as SAME."""
        filters = self.w(f"{name}/filters")
        x = same(x, filters.shape[2], stride)
        return functional.conv2d(x, filters, self.w(f"{name}/bias"), stride=stride)


class Points(Weighted):
    """A face (B, 3, 112, 112), 0 to 255, to its 68 points (B, 68, 2), x and y, 0 to 1."""

    SIDE = 112

    def forward(self, x: Tensor) -> Tensor:
        """Find the points."""
        x = (x - x.new_tensor(POINTS_MEAN).view(1, 3, 1, 1)) / 255
        for block in range(4):
            x = self._dense(x, f"dense{block}", first=block == 0)
        x = functional.avg_pool2d(x, 7, 2).permute(0, 2, 3, 1).flatten(1)
        return (x @ self.w("fc/weights") + self.w("fc/bias")).view(-1, 68, 2)

    def _dense(self, x: Tensor, name: str, *, first: bool) -> Tensor:
        a = torch.relu((self.full if first else self.separable)(x, f"{name}/conv0", 2))
        b = self.separable(a, f"{name}/conv1", 1)
        c = self.separable(torch.relu(a + b), f"{name}/conv2", 1)
        d = self.separable(torch.relu(a + b + c), f"{name}/conv3", 1)
        return torch.relu(a + b + c + d)


class TinyDetector(Weighted):
    """A picture (1, 3, s, s), 0 to 255, to boxes (n, 4), 0 to 1, and how sure they are (n,).

    ``s`` is a multiple of 32; a box is left, top, right, bottom.
    """

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Find boxes, one for every anchor of every cell."""
        x = (x - x.new_tensor(TINY_MEAN).view(1, 3, 1, 1)) / 255
        x = functional.leaky_relu(self.full(x, "conv0", 1), 0.1)
        for k in range(1, 6):
            x = functional.max_pool2d(same(x, 2, 2, -torch.inf), 2, 2)
            x = functional.leaky_relu(self.separable(x, f"conv{k}", 1), 0.1)
        x = functional.max_pool2d(same(x, 2, 1, -torch.inf), 2, 1)
        return self._decoded(self.full(x, "conv8", 1))

    def _decoded(self, out: Tensor) -> tuple[Tensor, Tensor]:
        cells = out.shape[2]
        out = out[0].permute(1, 2, 0).reshape(cells, cells, len(ANCHORS), 5)
        place = torch.arange(cells, dtype=out.dtype)
        corner = torch.stack(torch.meshgrid(place, place, indexing="xy"), -1)[:, :, None]
        centre = (corner + torch.sigmoid(out[..., :2])) / cells
        half = torch.exp(out[..., 2:4]) * out.new_tensor(ANCHORS) / cells / 2
        boxes = torch.cat([centre - half, centre + half], -1)
        return boxes.reshape(-1, 4), torch.sigmoid(out[..., 4]).reshape(-1)
