"""The look of a network for faces: the largest one of a picture, upright, in a chip of one size."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from headstart.errors import ConfigError
from headstart.modalities.image.digest import Digest
from headstart.modalities.image.faces.chip import DLIB, TEMPLATES, Fit, cut, fit, whole
from headstart.modalities.image.faces.find import Found, find
from headstart.modalities.image.look import Preprocessing
from headstart.modalities.image.read import Picture
from headstart.modalities.image.seen import Seen
from headstart.said import _, commas, sentences

FORM = "face"
"""What tells this look from others in a file."""
DETAIL = 640
"""Pixels of the short side to read a picture in: a face that fills an eighth of it has 80 left, as
many as a chip wants between ears and chin."""
VERSION = 1
"""Raise it where the same weights find or cut faces in another way."""


@dataclass(frozen=True)
class Faces(Preprocessing):
    """How a picture becomes the chip of its largest face; it travels with the weights.

    ``size`` is the side of a chip; ``resize`` is the same. ``weights`` is the mark of the weights
    that look for faces, ``template`` what a face is laid over. Where there is no face the whole
    picture is taken.
    """

    weights: str = ""
    version: int = VERSION
    template: str = DLIB

    def scene(self, x: Picture) -> Image.Image:
        """Return the chip: random crops show a part of the face, not of the picture."""
        return Image.fromarray(self.notice(x)[0])

    def pixels(self, image: Image.Image) -> NDArray[np.uint8]:
        """Return the pixels of a chip."""
        return np.asarray(image)

    def notice(self, x: Picture) -> tuple[NDArray[np.uint8], bytes]:
        """Cut the largest face out of a picture; also return what was seen of it, packed."""
        image = x.at(self.levels)
        chip, seen = self._seen(image)
        scale = max(x.size) / max(image.size)
        return chip, replace(seen, side=round(seen.side * scale, 1)).pack()

    @property
    def notices(self) -> str:
        """Key of what is noticed: all that it depends on but for the file."""
        return hashlib.sha256(repr(self).encode()).hexdigest()[:32] + " faces"

    def told(self, d: Digest, noticed: bytes) -> Digest:
        """Return a digest with what was seen."""
        return replace(d, face=Seen.unpack(noticed))

    def _seen(self, image: Image.Image) -> tuple[NDArray[np.uint8], Seen]:
        found = find(image, self.size, self.weights)
        if not found.faces:
            return whole(image, self.size), Seen(0)
        face = found.faces[0]
        how = face.how if self.template == DLIB else fit(face.points, self.size, self.template)
        seen = Seen(
            len(found.faces),
            round(face.sure, 3),
            face.side,
            round(face.how.tilt, 1),
            found.turned,
            self._corners(found, how),
        )
        return cut(found.image, how, self.size), seen

    def _corners(self, found: Found, how: Fit) -> tuple[tuple[float, float], ...]:
        """Return where the corners of the chip lie in the picture before it was turned."""
        n = self.size
        places = [(z - how.shift) / how.turn for z in (0, n, complex(n, n), complex(0, n))]
        wide, high = found.image.size
        shares = [(z.real / wide, z.imag / high) for z in places]
        turned = [_turned_back(x, y, found.turned) for x, y in shares]
        return tuple((round(x, 4), round(y, 4)) for x, y in turned)

    @property
    def detail(self) -> int:
        """The short side that a picture is read in."""
        return DETAIL

    def asked(self, **options: Any) -> Faces:
        """Take ``levels`` for pictures of more than 8 bits; a chip has one size."""
        options = {k: v for k, v in options.items() if k != "size" or v != self.size}
        if "size" in options:
            raise ConfigError(
                _(
                    "--size {size}: faces are looked at in {own} pixels.",
                    size=options["size"],
                    own=self.size,
                ),
                _("Leave it out."),
            )
        look = super().asked(**options)
        assert isinstance(look, Faces)
        return look

    def to_json(self) -> dict[str, Any]:
        """Return plain types only."""
        return {"form": FORM, **asdict(self)}

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Faces:
        """Rebuild it; raises ``TypeError`` or ``ValueError`` for what is no look."""
        look = super().from_json({k: v for k, v in values.items() if k != "form"})
        assert isinstance(look, Faces)
        if look.version != VERSION:
            raise ValueError(
                _(
                    "faces are found as of version {own}, not {version}",
                    own=VERSION,
                    version=look.version,
                )
            )
        if look.template not in TEMPLATES:
            raise ValueError(_("faces are laid over no {template!r}", template=look.template))
        return look

    def says(self) -> str:
        """Say what happens to a picture before the network sees it."""
        mean, std = (commas(f"{v:g}" for v in dict.fromkeys(vs)) for vs in (self.mean, self.std))
        return sentences(
            self._says_levels(),
            _(
                "In every picture faces are looked for; the largest is turned upright, moved and "
                "enlarged until eyes, nose and mouth lie where all faces' do, and cut out in "
                "{side} × {side} pixels. Where there is no face the whole picture is taken. The "
                "vector is the mean of the face's and of its mirror image's.",
                side=self.size,
            ),
            _(
                "Colours are scaled to 0..1, then {mean} is subtracted and the result is divided "
                "by {std}.",
                mean=mean,
                std=std,
            ),
        )


def _turned_back(x: float, y: float, turned: int) -> tuple[float, float]:
    """Return where a place was before its picture was turned anticlockwise; shares of the sides."""
    for _quarter in range(turned // 90):
        x, y = 1 - y, x
    return x, y
