"""How a recording is shown: its spectrogram, and a clip to play."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.modalities.audio.clip import Clip
from headstart.modalities.audio.digest import AudioDigest
from headstart.modalities.audio.parts import Heard
from headstart.modalities.audio.play import playable
from headstart.modalities.audio.spectrogram import coloured, data_uri, marked, spectrogram
from headstart.said import N_

SMALL = (64, 40)
"""Pixels of a point of a map: there are hundreds."""
POINT_QUALITY = 50
HINTS = (
    N_(
        "Time runs to the right, pitch from low to high. The brighter the colour laid over a "
        "stretch, and the taller the bar below it, the more this stretch spoke for the answer: "
        "with it covered, the model believes less in it. What stays grey spoke little for it, or "
        "against it."
    ),
    N_("Marks on the sounds that make the difference: the answer has a good reason."),
    N_(
        "Marks on a pause, a click, a hum or the very end: it may be a shortcut that new "
        "recordings do not have. Play it, and listen for the room and the device."
    ),
    N_(
        "A stretch is covered with the noise of the recording's own pauses. Sounds that last, or "
        "come again, are still heard elsewhere, and may have no mark."
    ),
)


class ShowRecordings:
    """Recordings on a page: a picture and a clip, as ``data:`` addresses."""

    detail = 0

    def large(self, x: Clip) -> dict[str, Any]:
        """Draw a recording, and let its beginning be played."""
        return {"image": data_uri(coloured(spectrogram(x))), **_played(x)}

    def stand_in(self, d: AudioDigest) -> dict[str, Any]:
        """Draw the small picture: there is nothing to play any more."""
        return {"image": data_uri(coloured(_small(d))), "seconds": round(d.seconds, 2)}

    def point(self, d: AudioDigest) -> dict[str, Any]:
        """Draw the small picture."""
        return {"image": data_uri(coloured(_small(d)).resize(SMALL), POINT_QUALITY)}

    def marked(self, seen: Heard, weight: NDArray[np.floating]) -> dict[str, Any]:
        """Draw a recording as the network hears it, and with weights laid over time."""
        picture = spectrogram(seen.clip)
        return {
            "image": data_uri(coloured(picture)),
            "map": data_uri(marked(picture, weight)),
            **_played(seen.clip),
        }


def _small(d: AudioDigest) -> NDArray[np.uint8]:
    """Return the picture of a digest, low pitch in the last row."""
    return d.picture[::-1]


def _played(x: Clip) -> dict[str, Any]:
    """Return the clip, how long the recording is, and how much of it is played."""
    audio, seconds = playable(x)
    return {"audio": audio, "seconds": round(x.seconds, 2), "played": round(seconds, 2)}
