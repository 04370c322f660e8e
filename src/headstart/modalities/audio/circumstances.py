"""Circumstances of a recording: how it was made, not what is heard."""

from __future__ import annotations

from headstart.modalities import Circumstance
from headstart.modalities.audio.digest import AudioDigest
from headstart.said import N_

OF_CONTENT = (
    "length in seconds",
    "loudness",
    "highest frequency",
    "background noise",
    "share of silence",
)
"""What is heard has a part in these, too: a bark is short and loud, an engine has no pauses."""


def circumstances(d: AudioDigest) -> dict[str, Circumstance]:
    """Tell rate, length, loudness, highest frequency, noise, and what its file tells.

    Returns
    -------
    dict of str to number or str
        By the names that sentences use.
    """
    return {
        N_("sampling rate"): float(d.rate),
        N_("length in seconds"): d.seconds,
        N_("loudness"): d.loudness,
        N_("highest frequency"): d.edge,
        N_("background noise"): d.noise,
        N_("share of silence"): d.silence,
        N_("file format"): d.origin.format,
        N_("encoding of the sound"): d.origin.subtype,
        N_("number of channels"): float(d.origin.channels),
    }
