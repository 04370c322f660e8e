"""Checks of recordings: silence, clipping, missing ends, channels, rates."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from headstart.findings import Finding
from headstart.modalities.audio.digest import AudioDigest
from headstart.modalities.audio.look import Mels, Waves
from headstart.modalities.audio.read import MOST_SECONDS
from headstart.said import _, _n, commas, sentences

CLIPPED = 0.005
"""Share of samples at full scale from which on a recording is called clipped (plain choice): one
that only touches full scale has far fewer."""
MISSING = 0.05
"""Seconds that may be missing of a recording: codecs add and lose frames at its ends."""
QUIET, STEADY = -45.0, -2.0
"""Loudness in dB below full scale under which a recording may be nothing but noise, and how far its
softest tenth then lies below the whole: white noise -0.4 dB; of 3,000 spoken digits, some of them
as soft, none is above -2.5."""
NAMED = 3


def check(digests: Sequence[AudioDigest], refs: Sequence[str], look: Mels | Waves) -> list[Finding]:
    """Report what a score would hide."""
    return [
        *check_silence(digests, refs),
        *check_ends(digests, refs),
        *check_long(digests, refs, look.most * look.seconds),
        *check_channels(digests, refs),
        *check_values(digests, refs),
        *check_clipping(digests, refs),
        *check_rates(digests),
    ]


def is_silent(d: AudioDigest) -> bool:
    """Whether every window of a recording is silent."""
    return d.silence == 1


def blank(d: AudioDigest) -> str:
    """Say that there is nothing to hear."""
    if is_silent(d):
        return _("silence from beginning to end")
    if d.loudness < QUIET and d.noise > STEADY:
        return _("nothing but soft, even noise")
    return ""


def check_silence(digests: Sequence[AudioDigest], refs: Sequence[str]) -> list[Finding]:
    """Warn of recordings that hold nothing."""
    silent = [refs[i] for i, d in enumerate(digests) if is_silent(d)]
    if not silent:
        return []
    message = _n(
        "{n:,} recording is silent from beginning to end ({names}): it teaches nothing. Take it "
        "out, or record it anew.",
        "{n:,} recordings are silent from beginning to end (first: {names}): they teach nothing. "
        "Take them out, or record them anew.",
        len(silent),
        names=_first(silent),
    )
    return [Finding("silence", "warning", message, _figures(silent))]


def check_ends(digests: Sequence[AudioDigest], refs: Sequence[str]) -> list[Finding]:
    """Warn of files that end before they should."""
    rows = [i for i, d in enumerate(digests) if _ends_early(d)]
    if not rows:
        return []
    found = [refs[i] for i in rows]
    message = _n(
        "{n:,} recording ends before it should ({names}): its file is damaged, or was not copied "
        "to the end. What is there was read; better get it anew.",
        "{n:,} recordings end before they should (first: {names}): their files are damaged, or "
        "were not copied to the end. What is there was read; better get them anew.",
        len(rows),
        names=commas([*(_missing(digests[i], refs[i]) for i in rows[:NAMED]), *_more(found)]),
    )
    return [Finding("truncated", "warning", message, _figures(found))]


def check_long(digests: Sequence[AudioDigest], refs: Sequence[str], heard: float) -> list[Finding]:
    """Say what does not count of long recordings: a network hears ``heard`` seconds at most."""
    most = min(heard, MOST_SECONDS)
    long = [refs[i] for i, d in enumerate(digests) if d.origin.cut or d.seconds > most + MISSING]
    if not long:
        return []
    message = _n(
        "{n:,} recording is longer than the {minutes} minutes that are read of one ({names}): only "
        "its beginning counts. Cut it into shorter ones.",
        "{n:,} recordings are longer than the {minutes} minutes that are read of one (first: "
        "{names}): only their beginning counts. Cut them into shorter ones.",
        len(long),
        minutes=f"{most / 60:.3g}",
        names=_first(long),
    )
    return [Finding("cut", "warning", message, _figures(long))]


def check_channels(digests: Sequence[AudioDigest], refs: Sequence[str]) -> list[Finding]:
    """Say where channels cancel each other."""
    opposed = [refs[i] for i, d in enumerate(digests) if d.origin.opposed]
    if not opposed:
        return []
    message = _n(
        "In {n:,} recording the channels cancel each other ({names}), as where a microphone was "
        "wired the wrong way round: instead of their mean the loudest is used.",
        "In {n:,} recordings the channels cancel each other (first: {names}), as where a "
        "microphone was wired the wrong way round: instead of their mean the loudest is used.",
        len(opposed),
        names=_first(opposed),
    )
    return [Finding("channels", "info", message, _figures(opposed))]


def check_values(digests: Sequence[AudioDigest], refs: Sequence[str]) -> list[Finding]:
    """Say where values were no numbers, or are beyond full scale."""
    return [*_strange(digests, refs), *_beyond(digests, refs)]


def check_clipping(digests: Sequence[AudioDigest], refs: Sequence[str]) -> list[Finding]:
    """Say which recordings are clipped."""
    clipped = [refs[i] for i, d in enumerate(digests) if d.origin.clipped >= CLIPPED]
    if not clipped:
        return []
    message = _n(
        "{n:,} recording is clipped ({names}): it was recorded too loud, and its peaks are cut "
        "off. Nothing brings them back; record at a lower level.",
        "{n:,} recordings are clipped (first: {names}): they were recorded too loud, and their "
        "peaks are cut off. Nothing brings them back; record at a lower level.",
        len(clipped),
        names=_first(clipped),
    )
    return [Finding("clipped", "info", message, _figures(clipped))]


def check_rates(digests: Sequence[AudioDigest]) -> list[Finding]:
    """Say at which rates recordings come, where there are several."""
    counts = Counter(d.rate for d in digests)
    if len(counts) < 2:
        return []
    named = [_("{rate:,} Hz ({n:,})", rate=rate, n=n) for rate, n in counts.most_common(5)]
    least = min(counts)
    said = _(
        "The recordings come at {count} sampling rates: {rates}.",
        count=len(counts),
        rates=commas([*named, *(["..."] if len(counts) > len(named) else [])]),
    )
    mend = _(
        "Those at the lowest have nothing above {most:,} Hz, and a network may tell the others by "
        "that. If new ones will come at one rate, bring all to it.",
        most=least // 2,
    )
    figures: dict[str, object] = {"rates": {str(rate): n for rate, n in counts.most_common()}}
    return [Finding("rates", "info", sentences(said, mend), figures)]


def _strange(digests: Sequence[AudioDigest], refs: Sequence[str]) -> list[Finding]:
    mended = [refs[i] for i, d in enumerate(digests) if d.origin.mended]
    if not mended:
        return []
    message = _n(
        "{n:,} recording holds values that are no usable numbers (NaN, infinite, or beyond "
        "4 billion; {names}): they were taken for silence.",
        "{n:,} recordings hold values that are no usable numbers (NaN, infinite, or beyond "
        "4 billion; first: {names}): they were taken for silence.",
        len(mended),
        names=_first(mended),
    )
    return [Finding("numbers", "warning", message, _figures(mended))]


def _beyond(digests: Sequence[AudioDigest], refs: Sequence[str]) -> list[Finding]:
    real = ("FLOAT", "DOUBLE")
    rows = [i for i, d in enumerate(digests) if d.peak > 1 and d.origin.subtype in real]
    if not rows:
        return []
    found = [refs[i] for i in rows]
    message = _n(
        "{n:,} recording goes beyond full scale, which is 1 (up to {peak:.4g}; {names}). Its "
        "values are used as they are; a player would cut them off.",
        "{n:,} recordings go beyond full scale, which is 1 (up to {peak:.4g}; first: {names}). "
        "Their values are used as they are; a player would cut them off.",
        len(rows),
        peak=max(digests[i].peak for i in rows),
        names=_first(found),
    )
    return [Finding("beyond", "info", message, _figures(found))]


def _ends_early(d: AudioDigest) -> bool:
    """Whether it is broken, and by more than codecs lose."""
    known = d.origin.declared > d.seconds
    return d.origin.broken and not (known and d.origin.declared - d.seconds < MISSING)


def _missing(d: AudioDigest, ref: str) -> str:
    if d.origin.declared - d.seconds < MISSING:  # how long it should be is not known
        return ref
    return _(
        "{name}: {there:.2f} of {all:.2f} seconds",
        name=ref,
        there=d.seconds,
        all=d.origin.declared,
    )


def _first(found: Sequence[str]) -> str:
    return commas([*found[:NAMED], *_more(found)])


def _more(found: Sequence[str]) -> list[str]:
    return ["..."] if len(found) > NAMED else []


def _figures(found: Sequence[str]) -> dict[str, object]:
    return {"count": len(found), "files": list(found[:50])}
