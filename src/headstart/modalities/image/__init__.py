"""Images: what their files hold, how networks see them, what is known of them without one.

Read ``read.py`` (bytes to a picture), ``look.py`` (a picture to pixels), ``digest.py`` (what is
kept of it), ``copies.py``, ``baselines.py``, ``views.py`` and ``fresh.py`` (augmentation),
``parts.py`` and ``show.py``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from headstart.findings import Finding
from headstart.modalities import Kind, Modality, Unit
from headstart.modalities.copies import Copies
from headstart.modalities.image import read
from headstart.modalities.image.augmentation import Augmentation
from headstart.modalities.image.baselines import RIVALS
from headstart.modalities.image.digest import DIGEST_KEY, THUMB_FROM, Digest, check_sizes, digest
from headstart.modalities.image.look import Preprocessing
from headstart.modalities.image.parts import PixelParts
from headstart.modalities.image.read import SUFFIXES, Picture
from headstart.modalities.image.show import HINTS, ShowImages


class ImageModality(Modality[Picture, Digest]):
    """Photos and drawings in files."""

    name = "image"
    unit = Unit("image", "images", coming="photos")
    columns = ("image", "image_path", "img", "图片")
    original = Unit("picture", "pictures")
    turned = "mirrored or upside down"
    rivals = RIVALS
    show = ShowImages()
    parts = PixelParts()
    hints = HINTS
    views = Augmentation()
    small_network = ("timm:test_resnet", {"size": 96})
    digest_key = DIGEST_KEY
    digest_detail = THUMB_FROM

    def recognise(self, kind: Kind, name: str, head: bytes) -> float:
        """Judge a file by its suffix."""
        return float(kind == "file" and Path(name).suffix.lower() in SUFFIXES)

    def read(self, data: bytes, detail: int = 0) -> Picture:
        """Decode a file; ``detail`` is the side in pixels that will be seen."""
        return read.decode(data, detail)

    def level(self, data: bytes, detail: int) -> int:
        """Return how many times smaller a file is decoded for that detail."""
        return read.reduction(data, detail)

    def quiet(self) -> AbstractContextManager[None]:
        """Silence Pillow."""
        return read.quiet()

    def digest(self, x: Picture) -> Digest:
        """Keep a small copy and the size."""
        return digest(x)

    def pack(self, d: Digest) -> bytes:
        """Write a digest."""
        return d.pack()

    def unpack(self, data: bytes) -> Digest:
        """Read a digest."""
        return Digest.unpack(data)

    def look(self, values: dict[str, Any]) -> Preprocessing:
        """Rebuild a look."""
        return Preprocessing.from_json(values)

    def backbone(self, digests: Callable[[], Sequence[Digest]]) -> str:
        """Name the network that comes with the install, whatever the images are."""
        return "efficientnet-lite0"

    def check(
        self, digests: Sequence[Digest], refs: Sequence[str], look: Preprocessing
    ) -> list[Finding]:
        """Report images that are smaller than the network wants them."""
        return check_sizes(refs, digests, look.size)

    def copies(self, hashes: Sequence[str], digests: Sequence[Digest]) -> Copies:
        """Find copies, resized, recompressed, toned or turned over."""
        from headstart.modalities.image.copies import find_copies  # scipy.fft: only when asked

        return find_copies(hashes, digests)
