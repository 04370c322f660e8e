"""How an image is shown: small copies for a page, and maps laid over pictures."""

from __future__ import annotations

import io
from base64 import b64encode
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from headstart.modalities.image.digest import Digest
from headstart.modalities.image.read import Picture
from headstart.said import N_

SIDE, MARKED_SIDE = 160, 224
"""Pixels of the longer side in galleries, and of explained images; under 25 kB each."""
POINT_SIDE, POINT_QUALITY = 40, 70
FRAME = ((4, "black"), (2, "white"))
"""Lines of an outline, pixels wide: seen on dark and on light."""
HINTS = (
    N_(
        "The map goes from purple over orange to bright yellow: the brighter, the more this part "
        "spoke for the answer. What stays grey spoke little for it, or against it."
    ),
    N_("Bright on the thing itself: the answer has a good reason, even where it is wrong."),
    N_(
        "Bright on the background, an edge, a label or a ruler: it uses a shortcut that new photos "
        "may not have."
    ),
    N_("The maps are coarse: read a region, not its outline."),
)


def thumbnail_data_uri(image: Image.Image, side: int, quality: int = 80) -> str:
    """Encode a small copy as a ``data:`` address that a self-contained page can show."""
    small = image.copy()
    small.thumbnail((side, side))
    out = io.BytesIO()
    small.save(out, "JPEG", quality=quality)
    return "data:image/jpeg;base64," + b64encode(out.getvalue()).decode("ascii")


def overlay(
    image: Image.Image | NDArray[np.uint8], heat: NDArray[np.float32], side: int = 256
) -> Image.Image:
    """Lay a map over its image, in gray, so that only the map has colour.

    Parameters
    ----------
    image : PIL image or uint8 (h, w, 3)
        What the network saw.
    heat : ndarray of shape (h, w), 0 to 1
    side : int, pixels
        The longer side of the result, at most.

    Notes
    -----
    The colours are matplotlib's *inferno*: even to the eye, and its lightness alone tells low from
    high, whatever colours a reader sees. What is not marked stays as it is, in gray.
    """
    from matplotlib import colormaps

    picture = Image.fromarray(np.asarray(image))
    picture.thumbnail((side, side))
    weight = np.asarray(
        Image.fromarray(np.asarray(heat, np.float32)).resize(picture.size, Image.Resampling.BICUBIC)
    ).clip(0, 1)[..., None]
    gray = np.asarray(picture.convert("L").convert("RGB"), np.float32)
    colour = 255 * colormaps["inferno"](weight[..., 0])[..., :3]
    mixed = gray + 0.7 * weight * (colour - gray)
    return Image.fromarray(mixed.round().astype(np.uint8))


class ShowImages:
    """Images on a page: JPEG ``data:`` addresses, so that a page needs no other file."""

    detail = SIDE

    def large(self, x: Picture) -> dict[str, Any]:
        """Shrink an image: about 6 kB."""
        return {"image": thumbnail_data_uri(x.image, SIDE)}

    def framed(self, x: Picture, d: Digest) -> dict[str, Any]:
        """Shrink an image, and outline the face that was cut out of it, if one was."""
        if d.face is None or not d.face.corners:
            return self.large(x)
        image = x.image.convert("RGB")
        image.thumbnail((SIDE, SIDE))
        corners = [(a * image.width, b * image.height) for a, b in d.face.corners]
        draw = ImageDraw.Draw(image)
        for width, colour in FRAME:
            draw.line([*corners, *corners[:2]], colour, width, "curve")
        return {"image": thumbnail_data_uri(image, SIDE), "framed": True}

    def stand_in(self, d: Digest) -> dict[str, Any]:
        """Show the small copy."""
        return {"image": thumbnail_data_uri(Image.fromarray(d.thumb), SIDE)}

    def point(self, d: Digest) -> dict[str, Any]:
        """Shrink the small copy further: there are hundreds of points."""
        image = Image.fromarray(d.thumb)
        return {"image": thumbnail_data_uri(image, POINT_SIDE, POINT_QUALITY)}

    def marked(self, seen: NDArray[np.uint8], weight: NDArray[np.floating]) -> dict[str, Any]:
        """Show pixels as the network saw them, and with a map laid over them."""
        plain = thumbnail_data_uri(Image.fromarray(np.asarray(seen)), MARKED_SIDE)
        heat = overlay(seen, np.asarray(weight, np.float32))
        return {"image": plain, "map": thumbnail_data_uri(heat, MARKED_SIDE)}
