"""How a text is shown: its beginning, and its words marked by weight."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.modalities.text.digest import TextDigest, digest
from headstart.modalities.text.parts import Taken
from headstart.said import N_

SHOWN, POINT = 2_000, 160
"""Characters shown of a text, and of one that is a point of a map."""
HINTS = (
    N_(
        "The stronger the colour behind a word, the more the word spoke for the answer: without "
        "it, the model believes less in it. What has no colour spoke little for it, or against it."
    ),
    N_("Colour on the words that carry the meaning: the answer has a good reason."),
    N_(
        "Colour on a name, a number, a signature or a turn of phrase: it may be a shortcut that "
        "new texts do not have."
    ),
    N_("Words work together: one that counts only beside another may have no colour."),
)
GAP = " … "


class ShowTexts:
    """Texts on a page: plain strings, which the page escapes, with their language."""

    detail = 0

    def large(self, x: str) -> dict[str, Any]:
        """Show the beginning of a text, with its lines."""
        lines = "\n".join(" ".join(line.split()) for line in x[: 2 * SHOWN].strip().splitlines())
        return _record(lines, SHOWN, digest(x[: 2 * SHOWN]).language)

    def stand_in(self, d: TextDigest) -> dict[str, Any]:
        """Show the beginning of what the digest kept."""
        return _record(d.text, SHOWN, d.language)

    def point(self, d: TextDigest) -> dict[str, Any]:
        """Show the first words."""
        return _record(d.text, POINT, d.language)

    def marked(self, seen: Taken, weight: NDArray[np.floating]) -> dict[str, Any]:
        """Show a text in pieces, each with its weight; of a long text, those that weigh most."""
        chosen = list(_chosen(seen, np.asarray(weight)))
        text = "".join(piece for piece, _w in chosen)
        spans = [{"text": piece, "weight": round(float(w), 3)} for piece, w in chosen]
        return {**_record(text, len(text), digest(text).language), "spans": spans}


def _record(text: str, most: int, language: str) -> dict[str, Any]:
    shown = text if len(text) <= most else text[: most - 1].rstrip() + "…"
    return {"text": shown, "lang": language} if language else {"text": shown}


def _chosen(seen: Taken, weight: NDArray[np.floating]) -> Iterator[tuple[str, float]]:
    """Choose the pieces of most weight that can be shown, in their order, with gaps between."""
    sizes = np.array([len(piece) for piece in seen.pieces])
    order = np.argsort(-weight, kind="stable")
    kept = np.zeros(len(sizes), bool)
    kept[order[np.cumsum(sizes[order]) <= SHOWN]] = True
    kept[order[0]] = True
    left_out = False
    for piece, w, there in zip(seen.pieces, weight, kept, strict=True):
        if not there:
            left_out = True
            continue
        if left_out:
            yield GAP, 0.0
        left_out = False
        yield piece[:SHOWN], float(w)
    if left_out or seen.rest:
        yield GAP, 0.0
