"""A toy modality of sounds with a network of its own, so that tests need no real one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from headstart import backbones, modalities
from headstart.backbones import Card, Listing, Provider
from headstart.modalities import Unit
from headstart.modalities.audio import AudioModality
from headstart.registry import Record

RATE, WIDTH = 8000, 32


def bands(x: Any) -> np.ndarray:
    """How loud equal bands of a recording are."""
    power = np.abs(np.fft.rfft(x.samples, max(len(x.samples), 8 * WIDTH)))
    return np.log10([b.mean() + 1e-3 for b in np.array_split(power, WIDTH)]).astype(np.float32)


@dataclass(frozen=True)
class Bands:
    """A look."""

    detail: int = 0
    columns: tuple[str, ...] = ()

    def __call__(self, x: Any) -> np.ndarray:
        return bands(x)

    def batch(self, fed: Sequence[np.ndarray]) -> np.ndarray:
        return np.stack(fed)

    def drawn(self, n: int) -> np.ndarray:
        return np.random.default_rng(0).normal(size=(n, WIDTH)).astype(np.float32)

    def asked(self, **options: Any) -> Bands:
        return self

    def to_json(self) -> dict[str, Any]:
        return {}

    def says(self) -> str:
        return "Bands."


class Toy(AudioModality):
    """Recordings, without what real ones need: named, never recognised."""

    name, digest_key = "toy", "toy 1"
    unit = Unit("recording", "recordings")

    def recognise(self, kind: str, name: str, head: bytes) -> float:
        return 0.0

    def digest(self, x: Any) -> np.ndarray:
        return bands(x)

    def pack(self, d: np.ndarray) -> bytes:
        return d.tobytes()

    def unpack(self, data: bytes) -> np.ndarray:
        return np.frombuffer(data, np.float32)

    def look(self, values: dict[str, Any]) -> Bands:
        return Bands(**values)

    def backbone(self, digests: Any) -> str:
        return "toy:bands"

    def check(self, digests: Any, refs: Any, look: Any) -> list[Any]:
        return []

    def copies(self, hashes: Sequence[str], digests: Any) -> Any:
        return modalities.Modality.copies(self, hashes, digests)

    def circumstances(self, d: Any) -> dict[str, Any]:
        return {}

    def blank(self, d: Any) -> str:
        return ""

    rivals: dict[str, Any] = {}  # noqa: RUF012
    show = parts = small_network = None
    layered, encoders = False, ()
    views = modalities.Modality.views


class ToyProvider(Provider):
    """One network: two layers."""

    packaged = True

    def listings(self) -> Iterable[Listing]:
        yield Listing("bands", "bands", "none", 2 * WIDTH**2, True, "toy")

    def fingerprint(self, name: str) -> str | None:
        return "toy 1"

    def load(self, name: str, *, pretrained: bool = True) -> Any:
        import torch
        from torch import nn

        from headstart.backbones.network import Backbone, count_parameters, hash_weights, stages_of

        net = nn.Sequential(nn.Linear(WIDTH, WIDTH), nn.ReLU(), nn.Linear(WIDTH, WIDTH))
        if pretrained:
            draw = torch.Generator().manual_seed(1)
            for weights in net.parameters():
                nn.init.normal_(weights, std=0.3, generator=draw)
        card = Card(
            "toy:bands", "toy", "toy", WIDTH, count_parameters(net), "none", "tests",
            hash_weights(net), Bands(), tuple((n, "Linear", 1) for n, _m in stages_of(net)),
        )  # fmt: skip
        return Backbone(net.eval(), card, stages_of(net))


@contextmanager
def toys() -> Iterator[None]:
    """Make the toy known for a while."""
    modalities.names(), backbones._providers()
    modalities.MODALITIES.add(Record("toy", Toy))
    backbones.PROVIDERS.add(Record("toy", ToyProvider))
    try:
        yield
    finally:
        del modalities.MODALITIES._records["toy"], backbones.PROVIDERS._records["toy"]


def tone(pitch: float, seconds: float, rng: np.random.Generator, rate: int = RATE) -> np.ndarray:
    """A tone in noise."""
    t = np.arange(int(seconds * rate)) / rate
    return 0.4 * np.sin(2 * np.pi * pitch * t) + rng.normal(0, 0.02, len(t))


def clips(root: Path, per_class: int = 12, seconds: float = 0.5) -> Path:
    """Write class folders ``low`` and ``high`` of tones."""
    rng = np.random.default_rng(0)
    for name, pitch in (("low", 300), ("high", 2500)):
        (root / name).mkdir(parents=True)
        for k in range(per_class):
            sound = tone(pitch * rng.uniform(0.9, 1.1), seconds, rng)
            soundfile.write(root / name / f"{k}.wav", sound, RATE)
    return root
