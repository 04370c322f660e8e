"""What is said of the faces in a set of pictures, before anything is learned."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from headstart.findings import Finding
from headstart.modalities.image.digest import Digest
from headstart.said import N_, _, _n

SMALL = 40
"""Pixels of a face below which it is called small. The equal error rate of pairs is 0.4 % at 92
pixels, 0.6 % at 80, 2 % at 40, 6 % at 30 and 19 % at 20 (benchmarks/faces.py)."""
TILTED = 30
"""Degrees from which a face is called tilted (plain choice): turned by 30, nearly all are found."""
CONSENT = N_(
    "Telling people by their faces concerns them: use only pictures of people who have agreed to "
    "this use, tell them what it is for, and delete pictures, vectors and models when they ask. "
    "The network may err more often for some groups than for others, by skin colour, age and sex: "
    "measure it on people like yours, and let no decision about a person rest on it alone. In many "
    "countries such use is limited or forbidden by law; ask before you start."
)


def consent() -> Finding:
    """Say what every use of a network for faces has to reckon with."""
    return Finding("consent", "info", _(CONSENT), {})


def check_faces(refs: Sequence[str], digests: Sequence[Digest]) -> list[Finding]:
    """Report pictures without a face, with several, and faces that are small or not upright.

    Parameters
    ----------
    refs : sequence of str, length n
    digests : sequence of Digest, length n
        With what was seen.
    """
    seen = [d.face for d in digests]
    count = np.array([-1 if s is None else s.count for s in seen])
    sides = np.array([np.inf if s is None or not s.count else s.side for s in seen])
    tilted = np.array(
        [s is not None and s.count > 0 and (s.turned > 0 or abs(s.tilt) > TILTED) for s in seen],
        bool,
    )
    return [
        consent(),
        *_no_face(refs, np.flatnonzero(count == 0)),
        *_several(refs, np.flatnonzero(count > 1)),
        *_small(refs, np.flatnonzero(sides < SMALL), sides),
        *_tilted(refs, np.flatnonzero(tilted)),
    ]


def _no_face(refs: Sequence[str], rows: np.ndarray) -> list[Finding]:
    if not len(rows):
        return []
    text = _n(
        "In {n} of {all} pictures no face was found (first: {name}): the whole picture was taken "
        "instead, which tells nobody apart. Leave it out, or bring a picture that shows the face.",
        "In {n} of {all} pictures no face was found (first: {name}): the whole picture was taken "
        "instead, which tells nobody apart. Leave them out, or bring pictures that show the face.",
        len(rows),
        all=len(refs),
        name=refs[rows[0]],
    )
    return [Finding("no_face", "warning", text, _details(refs, rows))]


def _several(refs: Sequence[str], rows: np.ndarray) -> list[Finding]:
    if not len(rows):
        return []
    text = _n(
        "{n} of {all} pictures shows several faces (first: {name}): the largest is taken. Cut the "
        "right one out where it is not the largest.",
        "{n} of {all} pictures show several faces (first: {name}): the largest is taken. Cut the "
        "right one out where it is not the largest.",
        len(rows),
        all=len(refs),
        name=refs[rows[0]],
    )
    return [Finding("several_faces", "warning", text, _details(refs, rows))]


def _small(refs: Sequence[str], rows: np.ndarray, sides: np.ndarray) -> list[Finding]:
    if not len(rows):
        return []
    least = rows[np.argmin(sides[rows])]
    text = _n(
        "In {n} of {all} pictures the face is smaller than {least} pixels (smallest: {name}, "
        "{side:.0f} pixels): people are confused more often there. A larger original would help.",
        "In {n} of {all} pictures the face is smaller than {least} pixels (smallest: {name}, "
        "{side:.0f} pixels): people are confused more often there. Larger originals would help.",
        len(rows),
        all=len(refs),
        least=SMALL,
        name=refs[least],
        side=float(sides[least]),
    )
    return [Finding("small_faces", "warning", text, _details(refs, rows))]


def _tilted(refs: Sequence[str], rows: np.ndarray) -> list[Finding]:
    if not len(rows):
        return []
    text = _n(
        "In {n} of {all} pictures the face lies on its side, upside down or leans by more than "
        "{most} degrees (first: {name}): it was turned upright. Check that it is a face.",
        "In {n} of {all} pictures the face lies on its side, upside down or leans by more than "
        "{most} degrees (first: {name}): it was turned upright. Check that these are faces.",
        len(rows),
        all=len(refs),
        most=TILTED,
        name=refs[rows[0]],
    )
    return [Finding("tilted_faces", "info", text, _details(refs, rows))]


def _details(refs: Sequence[str], rows: np.ndarray) -> dict[str, object]:
    return {"count": len(rows), "refs": [refs[row] for row in rows]}
