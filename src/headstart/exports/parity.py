"""Parity: whether an exported model answers as the run does, on real examples, in its own runtime.

Two comparisons. The core: what the runtime answers against what torch answers for the very input
that the runtime's graph prepared. End to end: against the run's own answer, with its own reading
and resizing, in float32.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from headstart.data.items import Examples
from headstart.errors import ArtifactError, DataError
from headstart.events import Event, OnEvent, ignore
from headstart.exports.graph import PROBABILITIES, Graph
from headstart.run import Run
from headstart.said import Said, _, commas
from headstart.transfer import FittedModel
from headstart.transfer.crew import one_thread

CORE, P99, LARGEST = 1e-5, 2e-3, 5e-3
"""The most that probabilities may differ: in the core, of 99 % of all end to end, of any. A level
of grey more or less, as rounding gives, alone moves a probability by up to 1e-3."""
DOUBT = 1e-2
"""A label may differ where the two best are as near as that, or a label's threshold is."""
EXAMPLES = 100
"""How many are compared, evenly drawn from all (plain choice)."""


class Runtime(Protocol):
    """What runs an exported model."""

    def named(self, given: NDArray[Any]) -> dict[str, NDArray[Any]]:
        """Answer for one example: outputs by name, ``probabilities`` among them."""


@dataclass(frozen=True)
class Parity:
    """How far the answers of an exported model are from those of its run.

    Attributes
    ----------
    examples : int
        That were compared.
    core : float or None
        The largest difference of a probability for the same prepared input; None where the runtime
        does not tell what it prepared.
    p99, largest : float
        Of the differences end to end, the largest of each example.
    labels : float, 0 to 1
        Share of the examples with the same label.
    astray : int
        Examples with another label, though the run was in no doubt.
    arithmetic : float
        The largest difference between the run's answers as it computes and in float32.
    """

    examples: int
    core: float | None
    p99: float
    largest: float
    labels: float
    astray: int
    arithmetic: float

    def failures(self) -> list[Said]:
        """Say where it misses what is asked, one sentence each."""
        said = []
        if self.core is not None and not self.core <= CORE:
            said.append(
                _(
                    "for the same input a probability differs by {core:.1e}, and {most:g} is "
                    "allowed",
                    core=self.core,
                    most=CORE,
                )
            )
        if not self.p99 <= P99:
            said.append(
                _(
                    "for 1 in 100 examples a probability differs by {p99:.4f} or more, and "
                    "{most:g} is allowed",
                    p99=self.p99,
                    most=P99,
                )
            )
        if not self.largest <= LARGEST:
            said.append(
                _(
                    "a probability differs by {largest:.4f}, and {most:g} is allowed",
                    largest=self.largest,
                    most=LARGEST,
                )
            )
        if self.astray:
            said.append(_("{n} of {all} labels differ", n=self.astray, all=self.examples))
        return said

    def refuse(self, name: str) -> None:
        """Raise ``ArtifactError`` where it misses what is asked."""
        if failures := self.failures():
            raise ArtifactError(
                _(
                    "{name} does not answer as the run does: {how}.",
                    name=name,
                    how=commas(failures),
                ),
                _("It is not handed over. Try another --format."),
            )

    def to_json(self) -> dict[str, Any]:
        """Return plain types only."""
        return asdict(self)


def compare(
    run: Run, graph: Graph, runtime: Runtime, examples: Examples, on_event: OnEvent = ignore
) -> Parity:
    """Run an exported model on examples, beside the run itself.

    Parameters
    ----------
    run : Run
    graph : Graph
        Of the run, in torch.
    runtime : Runtime
    examples : Examples
        Of which up to ``EXAMPLES`` are taken, evenly spread; what cannot be read is left out.

    Raises
    ------
    DataError
        None of them can be read.
    """
    chosen = spread(examples)
    features = run.embed(chosen)
    rows = [row for row in range(len(chosen)) if row not in features.unreadable]
    if not rows:
        raise DataError(
            _("None of the {many} can be read.", many=run.modality.unit.many),
            _("Name others: --examples DATA"),
        )
    model = run.saved.model
    own = model.predict_proba(features.vectors[0][rows])
    exact, got, core = np.empty_like(own), np.empty_like(own), []
    with one_thread():  # one example at a time: threads would only wait for each other
        for k, row in enumerate(rows):
            x = chosen.read(row, run.saved.card.look.detail)
            exact[k] = graph.answered(graph.entry.prepare(x))
            out = runtime.named(graph.entry.given(x))
            got[k] = out[PROBABILITIES]
            if set(graph.entry.prepared) <= set(out):
                core.append(np.abs(got[k] - _inner(graph, out, exact[k])).max())
            on_event(Event(_("comparing with the run"), k + 1, len(rows), run.modality.unit.many))
    off = np.abs(got - exact).max(axis=1)
    same, sure = _same(model, exact, got), _sure(model, exact)
    return Parity(
        examples=len(rows),
        core=float(max(core)) if core else None,
        p99=float(np.quantile(off, 0.99)),
        largest=float(off.max()),
        labels=float(same.mean()),
        astray=int((~same & sure).sum()),
        arithmetic=float(np.abs(own - exact).max()),
    )


def spread(examples: Examples, most: int = EXAMPLES) -> Examples:
    """Choose examples evenly: all of them, where there are few."""
    if len(examples) <= most:
        return examples
    return examples.take(np.linspace(0, len(examples) - 1, most).round().astype(int))


def _inner(
    graph: Graph, out: Mapping[str, NDArray[Any]], exact: NDArray[np.floating]
) -> NDArray[np.floating]:
    """Answer by torch for what a runtime prepared, which may be the example as it was given."""
    if not graph.entry.prepared:
        return exact
    return graph.answered([torch.from_numpy(out[n][None]) for n in graph.entry.prepared])


def _same(
    model: FittedModel, exact: NDArray[np.floating], got: NDArray[np.floating]
) -> NDArray[np.bool_]:
    if model.thresholds is None:
        return np.asarray(exact.argmax(axis=1) == got.argmax(axis=1))
    least = np.array(model.thresholds)
    return np.asarray(((exact >= least) == (got >= least)).all(axis=1))


def _sure(model: FittedModel, exact: NDArray[np.floating]) -> NDArray[np.bool_]:
    """Tell answers that no rounding may turn."""
    if model.thresholds is not None:
        return np.asarray((np.abs(exact - np.array(model.thresholds)) > DOUBT).all(axis=1))
    second, first = np.sort(exact, axis=1)[:, -2:].T
    return np.asarray(first - second > DOUBT)
