"""Batches: on an accelerator, what several threads ask at the same moment goes through together."""

from __future__ import annotations

import queue
import threading
from collections.abc import Sequence
from concurrent.futures import Future
from time import monotonic

import numpy as np

from headstart.features.engines import Engine, Forward, Vectors
from headstart.modalities import Fed

PATIENCE = 0.005
"""Seconds that the first of a batch waits for others: far less than they take to come."""


class Gathered:
    """An engine of batches as one that takes an example at a time.

    Batches are padded to the size that the engine was asked for in training, too: the shape, hence
    the kernel, hence the numbers, are the same however many came together.

    Parameters
    ----------
    engine : Engine
        With a ``batch_size`` above 1.
    """

    batch_size = 1

    def __init__(self, engine: Engine) -> None:
        self.name, self.card = engine.name, engine.card
        self._engine = engine
        self._asked: queue.SimpleQueue[tuple[Fed, Future[Vectors]]] = queue.SimpleQueue()
        self._runner = threading.Thread(target=self._run, daemon=True)
        self._starting = threading.Lock()

    def replica(self) -> Forward:
        """Return a forward pass that waits for its part of a batch."""
        with self._starting:
            if self._runner.ident is None:
                self._runner.start()

        def forward(fed: Fed) -> Vectors:
            found: list[Future[Vectors]] = [Future() for _ in fed]
            for one, future in zip(fed, found, strict=True):
                self._asked.put((one, future))
            return np.concatenate([future.result() for future in found])

        return forward

    def _run(self) -> None:
        forward = self._engine.replica()
        while True:
            together = self._together()
            futures = [future for _fed, future in together]
            try:
                vectors = self._forward(forward, [fed for fed, _future in together])
            except BaseException as cause:
                for future in futures:
                    future.set_exception(cause)
            else:
                for k, future in enumerate(futures):
                    future.set_result(vectors[k : k + 1])

    def _together(self) -> list[tuple[Fed, Future[Vectors]]]:
        """Wait for one, then a moment for others."""
        found = [self._asked.get()]
        until = monotonic() + PATIENCE
        while len(found) < self._engine.batch_size:
            try:
                found.append(self._asked.get(timeout=max(0.0, until - monotonic())))
            except queue.Empty:
                break
        return found

    def _forward(self, forward: Forward, fed: Sequence[Fed]) -> Vectors:
        batch = self.card.look.batch(list(fed))
        lacking = self._engine.batch_size - len(batch)
        return forward(np.concatenate([batch, np.repeat(batch[:1], lacking, axis=0)]))
