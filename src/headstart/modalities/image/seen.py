"""What was seen of the faces of a picture: plain data, kept beside its vector."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

Places = tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Seen:
    """The face that a vector is of, and what else there was.

    Attributes
    ----------
    count : int
        Faces in the picture; 0: none, and the vector is of the whole picture.
    sure : float
        How sure the detector is of the face, 0 to 1; 0 where the whole picture was taken for one.
    side : float
        Of the face, pixels of the file: the geometric mean of its width and height.
    tilt : float
        How far it leans clockwise, degrees, -180 to 180.
    turned : int
        0, 90, 180 or 270: how far the picture had to be turned anticlockwise for a face to be seen.
    corners : tuple of (float, float)
        Of what was cut out for the network, from its left top corner clockwise, as shares of the
        picture's width and height; may lie beyond it.
    """

    count: int
    sure: float = 0.0
    side: float = 0.0
    tilt: float = 0.0
    turned: int = 0
    corners: Places = ()

    def pack(self) -> bytes:
        """Write it for the cache."""
        return json.dumps(asdict(self)).encode()

    @classmethod
    def unpack(cls, value: bytes) -> Seen:
        """Read what ``pack`` wrote."""
        values = json.loads(value)
        corners = tuple((float(x), float(y)) for x, y in values.pop("corners"))
        return cls(**values, corners=corners)
