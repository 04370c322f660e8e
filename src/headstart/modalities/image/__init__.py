"""Images: what their files hold, how networks see them, what is known of them without one.

Read ``read.py`` (bytes to a picture), ``look.py`` (a picture to pixels), ``digest.py`` (what is
kept of it), ``deep.py`` (more than 8 bits), ``circumstances.py``, ``copies.py``, ``baselines.py``,
``views.py`` and ``fresh.py`` (augmentation), ``parts.py`` and ``show.py``; ``faces/`` where faces
are looked for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

from headstart.errors import ConfigError
from headstart.findings import Finding
from headstart.modalities import Circumstance, Kind, Modality, Unit
from headstart.modalities.copies import Copies
from headstart.modalities.image import read
from headstart.modalities.image.augmentation import Augmentation
from headstart.modalities.image.baselines import RIVALS
from headstart.modalities.image.circumstances import colours, shape
from headstart.modalities.image.deep import levels_of
from headstart.modalities.image.digest import (
    DIGEST_KEY,
    THUMB_FROM,
    Digest,
    blank,
    check_levels,
    check_sizes,
    digest,
)
from headstart.modalities.image.encode import encode
from headstart.modalities.image.faces.checks import check_faces
from headstart.modalities.image.faces.look import FORM as FACE
from headstart.modalities.image.faces.look import Faces
from headstart.modalities.image.formats import may_be_deep, may_be_image
from headstart.modalities.image.look import Preprocessing
from headstart.modalities.image.parts import PixelParts
from headstart.modalities.image.read import Picture
from headstart.modalities.image.show import HINTS, ShowImages
from headstart.said import N_, NN_, _

if TYPE_CHECKING:
    from headstart.modalities.entry import Entry

NN_("{n:,} image", "{n:,} images"), N_("an image")
NN_("{n:,} picture", "{n:,} pictures"), N_("a picture")


class ImageModality(Modality[Picture, Digest]):
    """Photos and drawings in files."""

    name = "image"
    unit = Unit(N_("image"), N_("images"), brought=N_("photos"))
    held = N_(
        "Give a picture of Pillow, the bytes of a file, or an array of uint8, 0 to 255, of shape "
        "(h, w), (h, w, 3) or (h, w, 4); several of them as a list."
    )
    columns = ("image", "image_path", "img", "图片")
    original = Unit(N_("picture"), N_("pictures"))
    turned = N_("mirrored or upside down")
    rivals = RIVALS
    show = ShowImages()
    parts = PixelParts()
    hints = HINTS
    views = Augmentation()
    recognisers = ("efficientnet-lite0", "face")
    small_network = ("timm:test_resnet", {"size": 96})
    of_content = ("mean colour", "border colour", "file size in bytes")
    digest_key = DIGEST_KEY
    digest_detail = THUMB_FROM

    def recognise(self, kind: Kind, name: str, head: bytes) -> float:
        """Judge a file by its suffix or its first bytes."""
        return float(kind == "file" and may_be_image(name, head))

    def read(self, data: bytes, detail: int = 0) -> Picture:
        """Decode a file; ``detail`` is the side in pixels that will be seen."""
        return read.decode(data, detail)

    def unpacked(self, data: bytes) -> int:
        """Count the pixels that the header promises, at three bytes each."""
        return read.unpacked(data)

    def encode(self, held: object) -> bytes | None:
        """Write a picture of Pillow, or an array of grey or colour values, without loss."""
        return encode(held)

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
        kind = Faces if values.get("form") == FACE else Preprocessing
        return kind.from_json(values)

    def backbone(self, digests: Callable[[], Sequence[Digest]]) -> str:
        """Name the network that comes with the install, whatever the images are."""
        return "efficientnet-lite0"

    def asks(
        self,
        columns: tuple[str, ...],
        heads: Callable[[], Iterable[bytes]],
        digests: Callable[[], Sequence[Digest]],
    ) -> dict[str, Any]:
        """Choose the levels of images of more than 8 bits, where there are any."""
        if not any(map(may_be_deep, heads())):
            return {}
        spans = [d.span for d in digests() if d.span is not None]
        return {"levels": levels_of(spans)} if spans else {}

    def settled(self, digests: Sequence[Digest | None], look: Preprocessing) -> list[Digest | None]:
        """Scale small copies as the network sees the images."""
        return [d and d.at(look.levels) for d in digests]

    def check(
        self, digests: Sequence[Digest], refs: Sequence[str], look: Preprocessing
    ) -> list[Finding]:
        """Report the scale of deep images, and those smaller than the network wants them.

        Where a network looks at faces: what was seen of them.
        """
        levels = check_levels(digests, look.levels)
        if isinstance(look, Faces):
            return [*levels, *check_faces(refs, digests)]
        return [*levels, *check_sizes(refs, digests, look.size)]

    def blank(self, d: Digest) -> str:
        """Tell one colour all over, as behind a cap."""
        return blank(d)

    def circumstances(self, d: Digest) -> Mapping[str, Circumstance]:
        """Tell its shape, file, camera, and its colours on the whole and at the border."""
        return {**shape(d.size), **colours(d.thumb), **d.circumstances}

    def copies(self, hashes: Sequence[str], digests: Sequence[Digest]) -> Copies:
        """Find copies, resized, recompressed, toned or turned over."""
        from headstart.modalities.image.copies import find_copies  # scipy.fft: only when asked

        return find_copies(hashes, digests)

    def entry(self, looks: Sequence[Preprocessing], *, whole: bool = True) -> Entry | None:
        """Return how images enter a graph.

        Raises
        ------
        ConfigError
            Faces are looked for in them first.
        """
        if any(isinstance(look, Faces) for look in looks):
            raise ConfigError(
                _("A model of faces cannot be exported: what looks for faces is no part of it."),
                _("Use `headstart predict` or `headstart serve`."),
            )
        from headstart.modalities.image.graph import Pixels, Square  # imports torch

        return (Pixels if whole else Square)(looks[0]) if len(looks) == 1 else None
