"""The target of an adaptation: examples without labels, embedded beside a source."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from headstart.data.unlabelled import Unlabelled
from headstart.features.engines import Engine
from headstart.features.extract import Features
from headstart.findings import Finding
from headstart.machine import Machine
from headstart.prepare.config import Config
from headstart.prepare.source import embed, note_unreadable


@dataclass(frozen=True)
class Target:
    """The target as adaptation sees it: readable examples, their features, and no labels.

    Attributes
    ----------
    data : Unlabelled
    features : Features
        In the same rows.
    kept : ndarray of int64
        Their places among all that were listed.
    unreadable : dict of int to str
        Place among those listed -> why it cannot be read.
    findings : tuple of Finding
    """

    data: Unlabelled
    features: Features
    kept: NDArray[np.int64]
    unreadable: dict[int, str]
    findings: tuple[Finding, ...]

    @property
    def X(self) -> NDArray[np.float32]:
        """Embeddings, (n_t, dim)."""
        return self.features.vectors[0]

    def embedded(self, X: NDArray[np.float32]) -> Target:
        """Return the same examples with embeddings by another network."""
        return replace(self, features=replace(self.features, vectors=[X]))


def embed_target(config: Config, engine: Engine, listed: Unlabelled, machine: Machine) -> Target:
    """Embed the target with the source's backbone."""
    return read_target(config, listed, embed(listed.examples, [engine], machine))


def read_target(config: Config, listed: Unlabelled, features: Features) -> Target:
    """Leave out what could not be read, and say what was not taken for a label."""
    bad = dict(sorted(features.unreadable.items()))
    named = [(listed.refs[i], reason) for i, reason in bad.items()]
    found = note_unreadable(config, named, listed.examples)
    rows = np.array([i for i in range(len(listed)) if i not in bad], np.int64)
    data, features = listed.take(rows.tolist()), features.take(rows)
    if data.note:
        found.append(Finding("target", "info", data.note))
    return Target(data, features, rows, bad, tuple(found))
