"""A run that answers: loaded once, its network ready in every thread, nothing kept of a request."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from headstart.data.items import Examples, Items
from headstart.errors import ConfigError
from headstart.events import OnEvent, ignore
from headstart.features.engines import Engine, Forward, single
from headstart.features.extract import Embedder, Features
from headstart.modalities import Noticing
from headstart.run import Prediction, Run
from headstart.said import _
from headstart.serve.batches import Gathered
from headstart.serve.limits import MB, Limits
from headstart.serve.pool import Job
from headstart.tasks.multilabel import MultiLabel

Own = dict[str, list[Forward]]
"""Forward passes of a thread, by the name of their model."""


class Served:
    """A run that answers.

    Parameters
    ----------
    name : str
        What requests call it.
    folder : Path
    limits : Limits
    workers : int
        Threads that will ask it at once.

    Raises
    ------
    ArtifactError
        No run folder, or one that was tampered with.
    ConfigError
        A run that recommends or finds keywords.
    """

    def __init__(
        self,
        name: str,
        folder: Path,
        limits: Limits,
        workers: int,
        on_event: OnEvent = ignore,
    ) -> None:
        self.name = name
        self.run = Run(folder)
        self._limits = limits
        engine = self.run.engine(workers, on_event)
        once = [_alone(one) for one in single(engine)]
        self.batched = any(isinstance(one, Gathered) for one in once)
        told = any(isinstance(one.card.look, Noticing) for one in once)
        self._embed = Embedder(once, digests=told or bool(self.run.saved.model.beside))
        self.look = engine.card.look

    @property
    def kinds(self) -> tuple[str, ...]:
        """Where its examples may lie: files, cells, rows."""
        return self.run.modality.kinds

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns that make a row; () where examples are no rows."""
        return self.look.columns

    def replicas(self) -> list[Forward]:
        """Return forward passes for the calling thread, each used once: the first is slow."""
        forwards = self._embed.replicas()
        for engine, forward in zip(self._embed.engines, forwards, strict=True):
            forward(engine.card.look.drawn(1))
        return forwards

    def about(self) -> dict[str, Any]:
        """Describe it: what it was trained for, and what it takes."""
        saved, model = self.run.saved, self.run.saved.model
        takes = {"file": "items", "cell": "texts", "row": "rows"}
        return {
            "name": self.name,
            "task": model.task.name,
            "modality": saved.card.modality,
            "classes": list(self.run.classes),
            "takes": [takes[kind] for kind in self.kinds],
            "columns": list(self.columns),
            "method": model.method,
            "backbone": saved.card.name,
            "licence": saved.card.licence,
            "several_labels": isinstance(model.task, MultiLabel),
            "abstains": model.abstain is not None,
        }

    def jobs(self, examples: Examples, workers: int) -> list[Job[Own]]:
        """Cut examples into jobs: as many as there are threads, or small enough to take turns."""
        n = len(examples)
        most = 1 if self.batched else examples.modality.taken
        size = max(1, min(most, -(-n // workers)))
        parts = [examples.take(range(at, min(at + size, n))) for at in range(0, n, size)]
        return [Job(len(part), partial(self._embedded, part)) for part in parts]

    def answers(self, examples: Examples, parts: Sequence[Features]) -> list[Prediction]:
        """Answer for embedded examples, in order, as ``Run.predict`` does."""
        found = parts[0] if len(parts) == 1 else _joined(parts)
        X = self.run.taken(found.vectors[0], found)
        return self.run.answers(examples.refs, X, found)

    def examples(self, refs: Sequence[str], items: Items) -> Examples:
        """Take what a request brought for examples."""
        return Examples(tuple(refs), items, self.run.modality)

    def _embedded(self, examples: Examples, own: Own) -> Features:
        """Embed examples, but for those that would become too large."""
        sizes = [self._unpacked(examples, row) for row in range(len(examples))]
        small = [row for row, size in enumerate(sizes) if size <= self._limits.unpacked * MB]
        taken = examples if len(small) == len(sizes) else examples.take(small)
        found = self._embed(taken, own[self.name])
        return found if taken is examples else self._spread(found, small, sizes)

    def _unpacked(self, examples: Examples, row: int) -> int:
        return self.run.modality.unpacked(examples.items.data(row))

    def _spread(self, found: Features, rows: Sequence[int], sizes: Sequence[int]) -> Features:
        """Lay out what was embedded among what was refused."""
        n = len(sizes)
        vectors = np.zeros((n, found.vectors[0].shape[1]), np.float32)
        vectors[list(rows)] = found.vectors[0]
        digests: list[Any] = [None] * n
        for row, digest in zip(rows, found.digests, strict=True):
            digests[row] = digest
        reasons = {rows[k]: reason for k, reason in found.unreadable.items()}
        too_large = _(
            "too large once it is unpacked: the limit is {most:g} MB", most=self._limits.unpacked
        )
        reasons |= {row: too_large for row in range(n) if row not in set(rows)}
        return Features([vectors], digests, [""] * n, reasons, found.forward_examples, 0, 0.0)


def _alone(engine: Engine) -> Engine:
    return Gathered(engine) if engine.batch_size > 1 else engine


def _joined(parts: Sequence[Features]) -> Features:
    """Put features one after the other."""
    starts = np.cumsum([0, *(len(part.hashes) for part in parts)])
    reasons = {
        int(start) + row: reason
        for start, part in zip(starts, parts, strict=False)
        for row, reason in part.unreadable.items()
    }
    return Features(
        [np.concatenate([part.vectors[0] for part in parts])],
        [digest for part in parts for digest in part.digests],
        [sha for part in parts for sha in part.hashes],
        reasons,
        sum(part.forward_examples for part in parts),
        0,
        0.0,
    )


def named(runs: Sequence[str]) -> dict[str, Path]:
    """Name runs: ``NAME=FOLDER``, or by the name of the folder.

    Raises
    ------
    ConfigError
        Two of one name, or a name that no address can hold.
    """
    found: dict[str, Path] = {}
    for given in runs:
        before, equals, after = given.partition("=")
        by_name = bool(equals) and not Path(given).exists()
        folder = Path(after if by_name else given)
        name = before if by_name else folder.resolve().name
        if not name or set(name) & set("/\\?#%") or not name.isprintable():
            raise ConfigError(
                _("{name!r} cannot be the name of a model.", name=name),
                _("Name it with letters and digits: headstart serve NAME=RUN."),
            )
        if name in found:
            raise ConfigError(
                _("Two runs are called {name!r}.", name=name),
                _("Name one of them: headstart serve NAME=RUN."),
            )
        found[name] = folder
    return found
