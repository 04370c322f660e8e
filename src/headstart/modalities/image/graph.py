"""Images enter as uint8 pixels of any size: the resizing is part of the graph.

Runtimes disagree about resizing, and some get it wrong without a word. Two matrix products do not:
each direction is a matrix of weights, built in the graph from the height and the width, and rounded
after as Pillow rounds.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from headstart.errors import ConfigError
from headstart.modalities.entry import Batch, Plain, batch_of, contiguous
from headstart.modalities.image.look import Preprocessing
from headstart.modalities.image.read import Picture
from headstart.said import N_, _, listed

HANDED = Path(__file__).parent / "handed"
NEEDS = N_(
    "8-bit RGB pixels (height, width, 3), decoded in full, turned upright by EXIF, colours not "
    "converted by their profile, transparency laid over white"
)
NEEDS_PREPARED = N_("pixels as `prepare` in predict.py makes them: resized and cropped")


class Pixels(Plain):
    """An image of any size."""

    name = "image"
    quantises = True
    handed = HANDED
    axes: tuple[str, ...] = ("height", "width")
    prepared: tuple[str, ...] = ("pixels",)

    def __init__(self, look: Preprocessing) -> None:
        self.look = look

    @property
    def needs(self) -> str:
        """Say what must have been done before."""
        return _(NEEDS)

    def given(self, x: Picture) -> NDArray[np.uint8]:
        """Return the pixels of a picture: (height, width, 3)."""
        return contiguous(np.asarray(x.at(self.look.levels)))

    def sample(self) -> NDArray[np.uint8]:
        """Return a picture of noise, (300, 400, 3)."""
        return np.random.default_rng(0).integers(0, 256, (300, 400, 3), dtype=np.uint8)

    def steps(self) -> list[nn.Module]:
        """Return the resizing."""
        return [Resize(self.look)]

    def notes(self, library: str) -> list[str]:
        """Say how large files are read, and how browsers and phones are to hand images over."""
        return _notes(self.look, library)

    def prepare(self, x: Picture) -> list[Tensor]:
        """Return what the product makes of it."""
        return [batch_of(self.look, x)]


class Square(Plain):
    """An image that was resized before, for runtimes that are slow with any size."""

    name = "pixels"
    handed = HANDED

    def __init__(self, look: Preprocessing) -> None:
        self.look = look

    @property
    def needs(self) -> str:
        """Say what must have been done before."""
        return _(NEEDS_PREPARED)

    def given(self, x: Picture) -> NDArray[np.uint8]:
        """Return the pixels that the network takes: (size, size, 3)."""
        return contiguous(self.look(x))

    def sample(self) -> NDArray[np.uint8]:
        """Return a smooth picture."""
        return contiguous(self.look.drawn(1)[0])

    def steps(self) -> list[nn.Module]:
        """Return the making of a batch of one."""
        return [Batch()]

    def notes(self, library: str) -> list[str]:
        """Say how large files are read, and how browsers and phones are to hand images over."""
        return _notes(self.look, library)

    def prepare(self, x: Picture) -> list[Tensor]:
        """Return what the product makes of it."""
        return [batch_of(self.look, x)]


def _notes(look: Preprocessing, library: str) -> list[str]:
    large = _(
        "JPEGs of {least} pixels or more on the short side are read by headstart at a reduced "
        "scale; `predict.py` does so, too. Who decodes them in full gets probabilities that may "
        "differ in the third decimal. Shrink very large images first: the time to resize grows "
        "with the area.",
        least=4 * look.resize,
    )
    if library != "onnx":
        return [large]
    browser = _(
        "In a browser: `index.html` and `predict.mjs`; put the folder `dist` of the package "
        "onnxruntime-web beside them, as `ort`. Leave `colorSpaceConversion` at `none`: with the "
        "default, browsers change the colours of photos that have a colour profile, and answers "
        "move by up to 0.05."
    )
    phone = _(
        "On Android and iOS: the same file runs in ONNX Runtime Mobile, "
        "`com.microsoft.onnxruntime:onnxruntime-android` and `onnxruntime-objc` of CocoaPods. Hand "
        "over pixels as above. We have not run it on a phone."
    )
    return [large, browser, phone]


class Resize(nn.Module):
    """Pixels of any size to those that ``Preprocessing.pixels`` makes, as a batch of one.

    Notes
    -----
    Pillow's weights (``src/libImaging/Resample.c``): output pixel i looks at the source around
    ``c = (i + 1/2) s + start``, where s is how many source pixels become one, through the kernel
    stretched by ``max(1, s)``, over whole pixels from ``floor(c - r + 1/2)`` up to before
    ``floor(c + r + 1/2)``, r the kernel's reach so stretched, within the image; weights sum to one.
    Width comes before height, and both are rounded to 0..255.

    Raises
    ------
    ConfigError
        An interpolation without a kernel.
    """

    def __init__(self, look: Preprocessing) -> None:
        super().__init__()
        if look.interpolation not in KERNELS:
            raise ConfigError(
                _(
                    "Images are resized by {how!r}, which no graph does as Pillow does.",
                    how=look.interpolation,
                ),
                _("A backbone of {names} can be exported.", names=listed(KERNELS, "or")),
            )
        self.size, self.side = look.size, look.resize
        self.reach, self.kernel = KERNELS[look.interpolation]

    def forward(self, image: Tensor) -> Tensor:
        """Resize the short side and crop: uint8 (h, w, 3) -> uint8 (1, size, size, 3)."""
        rows, columns = (torch.arange(n, dtype=torch.float64) for n in image.shape[:2])
        high, wide = (torch.ones_like(places).sum() for places in (rows, columns))
        short = torch.minimum(high, wide)
        across = self._weights(columns, wide, torch.floor(self.side * wide / short))
        down = self._weights(rows, high, torch.floor(self.side * high / short))
        narrow = _rounded(across @ image.float())  # (size, w) (h, w, 3) -> (h, size, 3)
        square = _rounded(down @ narrow.flatten(1)).reshape(1, self.size, self.size, 3)
        return square.to(torch.uint8)

    def _weights(self, places: Tensor, there: Tensor, wanted: Tensor) -> Tensor:
        """Weigh ``there`` pixels in each of ``size`` out of the middle of ``wanted``: (size, n)."""
        start = torch.round((wanted - self.size) / 2)
        step = there / wanted
        stretch = torch.clamp(step, min=1.0)
        centre = (start + torch.arange(self.size, dtype=torch.float64) + 0.5)[:, None] * step
        reach = self.reach * stretch
        first = torch.floor(centre - reach + 0.5)
        last = torch.floor(centre + reach + 0.5)
        weights = self.kernel((places - centre + 0.5) / stretch)
        weights = weights * ((places >= first) & (places < last))
        return (weights / weights.sum(1, keepdim=True)).float()


def _rounded(levels: Tensor) -> Tensor:
    return torch.clamp(torch.floor(levels + 0.5), 0, 255)


def _box(x: Tensor) -> Tensor:
    return ((x > -0.5) & (x <= 0.5)).to(x.dtype)


def _triangle(x: Tensor) -> Tensor:
    return torch.clamp(1 - x.abs(), min=0.0)


def _cubic(x: Tensor) -> Tensor:
    """Keys (1981), "Cubic convolution interpolation for digital image processing", a = -1/2."""
    x = x.abs()
    near = (1.5 * x - 2.5) * x * x + 1
    far = ((-0.5 * x + 2.5) * x - 4) * x + 2
    return torch.where(x < 1, near, torch.where(x < 2, far, torch.zeros_like(x)))


def _sinc(x: Tensor) -> Tensor:
    """Return ``sin(πx) / πx``: written out, for runtimes know no sinc."""
    angle = torch.pi * torch.where(x == 0, torch.ones_like(x), x)
    return torch.where(x == 0, torch.ones_like(x), torch.sin(angle) / angle)


def _hamming(x: Tensor) -> Tensor:
    window = 0.54 + 0.46 * torch.cos(torch.pi * x)
    return torch.where(x.abs() < 1, _sinc(x) * window, torch.zeros_like(x))


def _lanczos(x: Tensor) -> Tensor:
    return torch.where(x.abs() < 3, _sinc(x) * _sinc(x / 3), torch.zeros_like(x))


KERNELS = {
    "box": (0.5, _box),
    "bilinear": (1.0, _triangle),
    "hamming": (1.0, _hamming),
    "bicubic": (2.0, _cubic),
    "lanczos": (3.0, _lanczos),
}
"""How far each reaches, in target pixels, and its weight at a distance."""
