"""A modality plug-in: lines of logs, in cells of a table or in files of one line each."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from headstart.backbones import Card, Listing
from headstart.modalities import Modality, Unit, UnreadableError, refuse_unknown
from headstart.modalities.copies import Copies, exact_copies

if TYPE_CHECKING:
    from headstart.backbones.network import Backbone


@dataclass(frozen=True)
class Pairs:
    """The look: counts of neighbouring characters, hashed into ``width`` places, of length 1."""

    width: int = 256
    detail = 0  # nothing can be saved by reading less of a line
    columns = ()  # a cell or a file is a line; no columns have to come together

    def __call__(self, x: str) -> np.ndarray:
        counts = np.zeros(self.width, np.float32)
        for pair in pairwise(x):
            counts[zlib.crc32("".join(pair).encode()) % self.width] += 1
        return counts / max(float(np.linalg.norm(counts)), 1.0)

    def batch(self, fed: Sequence[np.ndarray]) -> np.ndarray:
        return np.stack(fed)

    def drawn(self, n: int) -> np.ndarray:
        return np.random.default_rng(0).random((n, self.width), np.float32)

    def asked(self, **options: Any) -> Pairs:
        refuse_unknown(options, "a line of a log")
        return self

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    def says(self) -> str:
        return f"Pairs of neighbouring characters are counted in {self.width} places."


class Words:
    """The parts that may be left out, to see what an answer goes by."""

    def of(self, x: str, look: Pairs) -> tuple[list[str], Pairs]:
        return x.split(), look

    def shape(self, seen: tuple[list[str], Pairs]) -> tuple[int, ...]:
        return (len(seen[0]),)

    def without(self, seen: tuple[list[str], Pairs], gone: np.ndarray) -> np.ndarray:
        words, look = seen
        return look(
            " ".join(word for word, left_out in zip(words, gone, strict=True) if not left_out)
        )

    def spread(self, coarse: np.ndarray, seen: tuple[list[str], Pairs]) -> np.ndarray:
        return coarse


class Shown:
    """What a page shows: plain values, never HTML; the page escapes them."""

    detail = 0

    def large(self, x: str) -> dict[str, Any]:
        return {"text": x[:200]}

    stand_in = point = large  # the digest of a line is the line

    def marked(self, seen: tuple[list[str], Pairs], weight: np.ndarray) -> dict[str, Any]:
        words = zip(seen[0], weight, strict=True)
        return {"text": " ".join(f"»{word}«" if w > 0.5 else word for word, w in words)[:200]}


class Shape:
    """A rival that has learned nothing: how long a line is, and of what it is made."""

    says = "its length, and its share of digits and capitals"

    def describe(self, digests: Sequence[str]) -> np.ndarray:
        rows = [
            (len(d), *(sum(map(f, d)) / len(d) for f in (str.isdigit, str.isupper)))
            for d in digests
        ]
        return np.array(rows, np.float32)


class LogModality(Modality[str, str]):
    """Everything that is done with a line outside a network."""

    name = "log"
    unit = Unit("line", "lines")
    kinds = ("file", "cell")
    columns = ("line", "message")
    digest_key = "line 1"
    rivals = {"shape of the line": Shape()}  # noqa: RUF012
    show = Shown()
    parts = Words()

    def recognise(self, kind: str, name: str, head: bytes) -> float:
        return float(Path(name).suffix == ".log") if kind == "file" else 0.5 * (kind == "cell")

    def read(self, data: bytes, detail: int = 0) -> str:
        try:
            line = " ".join(data.decode("utf-8").split())
        except UnicodeDecodeError:
            raise UnreadableError("not UTF-8") from None
        if not line:
            raise UnreadableError("an empty line")
        return line

    def digest(self, x: str) -> str:
        return x

    def pack(self, d: str) -> bytes:
        return d.encode()

    def unpack(self, data: bytes) -> str:
        return data.decode()

    def look(self, values: dict[str, Any]) -> Pairs:
        return Pairs(**values)

    def backbone(self, digests: Any) -> str:
        return "log:pairs"

    def copies(self, hashes: Sequence[str], digests: Sequence[str]) -> Copies:
        """Two lines are copies where they differ in nothing but numbers and capitals."""
        alike = exact_copies([re.sub(r"\d+", "0", d.casefold()) for d in digests])
        return Copies(alike.component, exact_copies(hashes).exact)


class LogProvider:
    """A network for lines: two layers, which our own logs would have taught."""

    packaged = True  # installed with this file, so that a saved model need not hold the weights

    def listings(self) -> Iterable[Listing]:
        yield Listing("pairs", "pairs of characters", "internal", 20_576, True, "log")

    def fingerprint(self, name: str) -> str | None:
        return f"{name} 1"

    def load(self, name: str, *, pretrained: bool = True) -> Backbone:
        import torch
        from torch import nn

        from headstart.backbones.network import Backbone, count_parameters, hash_weights, stages_of

        look = Pairs()
        net = nn.Sequential(nn.Linear(look.width, 64), nn.ReLU(), nn.Linear(64, 64))
        if pretrained:  # stands for weights that training has left in a file
            draw = torch.Generator().manual_seed(1)
            for weights in net.parameters():
                nn.init.normal_(weights, std=0.1, generator=draw)
        stages = stages_of(net)
        layers = tuple((n, type(m).__name__, count_parameters(m)) for n, m in stages)
        card = Card(
            f"log:{name}", "log:pairs", "log", 64, count_parameters(net), "internal", "our team",
            hash_weights(net), look, layers,
        )  # fmt: skip
        return Backbone(net.eval(), card, stages)
