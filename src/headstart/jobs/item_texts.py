"""Vectors of what a table says of items, by the text encoder that is usual for their language."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from headstart.backbones import resolve
from headstart.data.items import Cells, Examples
from headstart.errors import HeadstartError
from headstart.events import Event, ignore
from headstart.features.engines import Kitchen
from headstart.findings import Finding
from headstart.machine import Machine
from headstart.modalities import modality
from headstart.prepare.source import embed
from headstart.said import _, sentences

MOST = 20_000
"""Texts that are embedded at most: so many take minutes without an accelerator (plain choice)."""
TOGETHER = 10
"""Texts whose language is told at once: of the films of MovieLens 100k, by their titles and genres
alone, more than a quarter would else be taken for Tagalog or French."""
Vectors = NDArray[np.float32]


def text_vectors(
    texts: Sequence[str], machine: Machine, backbone: str | None = None
) -> tuple[Vectors | None, list[Finding]]:
    """Embed texts, from the cache of the machine where possible.

    Parameters
    ----------
    texts : sequence of str
        "" where nothing is said.
    backbone : str, optional
        Default: the usual one for the language of the texts.

    Returns
    -------
    vectors : ndarray of float32, shape (len(texts), dim), or None
        Zeros where there is no text; None where they cannot be embedded: nothing else fails for it.
    findings : list of Finding
        Why they cannot.
    """
    there = np.array([bool(text.strip()) for text in texts], bool)
    if not there.any():
        return None, [_without(_("The table of items has no texts."))]
    if there.sum() > MOST:
        said = _("{n:,} texts are too many to be read ({most:,}).", n=int(there.sum()), most=MOST)
        return None, [_without(said)]
    rows = np.flatnonzero(there)
    try:
        own = _embedded([texts[row] for row in rows.tolist()], machine, backbone)
    except HeadstartError as cause:
        return None, [_without(sentences(cause.message, cause.hint))]
    vectors = np.zeros((len(texts), own.shape[1]), np.float32)
    vectors[rows] = own
    return vectors, []


def _embedded(texts: list[str], machine: Machine, backbone: str | None) -> Vectors:
    backbone = _usual(texts, machine) if backbone is None else backbone
    machine.on_event(Event(_("preparing the backbone")))
    kitchen = Kitchen(machine.cache, machine.workers, machine.on_event)
    engine = kitchen.engine(resolve(backbone), device=machine.device)
    return embed(_examples(texts), [engine], machine).vectors[0]


def _usual(texts: list[str], machine: Machine) -> str:
    """Name the encoder for the language that texts have, several of them together."""
    together = ["\n".join(texts[at : at + TOGETHER]) for at in range(0, len(texts), TOGETHER)]
    read = embed(_examples(together), [], replace(machine, on_event=ignore)).digests
    return modality("text").backbone(lambda: [digest for digest in read if digest is not None])


def _examples(texts: list[str]) -> Examples:
    return Examples(tuple(map(str, range(len(texts)))), Cells(tuple(texts)), modality("text"))


def _without(why: str) -> Finding:
    said = _("New items are told without the texts of the table.")
    return Finding("note", "info", sentences(why, said), {})
