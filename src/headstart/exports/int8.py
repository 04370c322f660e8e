"""int8: weights and activations in 8 bits, and a head fitted to the vectors that come of it.

Quantising moves the vectors, and a head that was fitted to others answers differently. So the head
is fitted anew, on the training examples as the quantised network sees them, and both are scored on
the same held-out examples.
"""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.data.items import Examples
from headstart.errors import ArtifactError, ConfigError
from headstart.events import Event, OnEvent
from headstart.exports import onnx
from headstart.exports.graph import BATCH, Graph, Tail, entry_of
from headstart.folder.layout import RUN, SPLIT
from headstart.folder.model import SavedModel
from headstart.folder.reading import read_document
from headstart.judge.intervals import wilson
from headstart.modalities import modality
from headstart.run import Run
from headstart.said import _
from headstart.scratch import scratch
from headstart.tasks.splits import pairs, stratified_folds
from headstart.transfer import FittedModel
from headstart.transfer.probe import fit_probe

CALIBRATED_ON = 100
"""Examples whose activations set the scales; the largest and smallest value of each count."""
QUANTISED = ("Conv", "Gemm", "MatMul")
ALLOWED = 0.02
"""Of accuracy, that 8 bits may cost."""
FIRST = 2
"""Operations with weights that stay in 32 bits: they weigh nothing, and what the first ones lose,
all lose. On flower_photos the cosine to the exact vectors is .95 with them and .85 without."""
SHARE = 0.5
"""Of a run's examples, that must be found again for its head to be fitted anew."""
FOLDS = 5


@dataclass(frozen=True)
class Scores:
    """How often both answer right on the same held-out examples.

    Attributes
    ----------
    examples : int
    exact, quantised : float, 0 to 1
        Accuracy.
    interval : (float, float)
        Of the quantised model's accuracy, 95 %.
    protocol : str
    """

    examples: int
    exact: float
    quantised: float
    interval: tuple[float, float]
    protocol: str

    @classmethod
    def of(cls, exact: NDArray[np.bool_], quantised: NDArray[np.bool_], protocol: str) -> Scores:
        """Score, by which of the same examples each is right about."""
        interval = wilson(int(quantised.sum()), len(quantised))
        low, high = (float(end) for end in interval)
        means = float(exact.mean()), float(quantised.mean())
        return cls(len(exact), *means, (low, high), protocol)

    def refuse(self) -> None:
        """Raise ``ArtifactError`` where 8 bits cost more than is allowed."""
        if self.quantised < self.exact - ALLOWED:
            raise ArtifactError(
                _(
                    "In 8 bits the model is right for {quantised:.1%} of {n} examples, in 32 bits "
                    "for {exact:.1%}; {allowed:.0%} less is allowed.",
                    quantised=self.quantised,
                    exact=self.exact,
                    n=self.examples,
                    allowed=ALLOWED,
                ),
                _("It is not handed over. Use --format onnx."),
            )


def quantise(
    graph: Graph,
    calibration: Sequence[Callable[[], NDArray[Any]]],
    folder: Path,
    on_step: Callable[[], None],
) -> Path:
    """Write the embedding part of a graph in int8: from an example to its vector.

    Static quantisation in the form of quantise-dequantise nodes: weights per channel, signed;
    activations unsigned, between the smallest and the largest value seen. Only operations with
    weights are quantised, so neither the resizing nor the head is. Weights take 7 of the 8 bits:
    with all of them, processors without the instruction for it arrive at other sums.

    References
    ----------
    Jacob et al. (2018), "Quantization and training of neural networks for efficient
    integer-arithmetic-only inference", arXiv:1712.05877, section 2.
    """
    from onnxruntime.quantization import QuantFormat, QuantType, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    exact, ready, small = (folder / f"{name}.onnx" for name in ("exact", "ready", "small"))
    onnx.write(graph.body, exact, {})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        quant_pre_process(exact, ready, skip_symbolic_shape=True)
        quantize_static(
            ready,
            small,
            _Reader(graph.entry.name, calibration, on_step),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            reduce_range=True,
            op_types_to_quantize=list(QUANTISED),
            nodes_to_exclude=_exact(ready),
        )
    return small


def vectors(
    file: Path, given: Sequence[Callable[[], NDArray[Any]]], on_step: Callable[[], None]
) -> NDArray[np.float32]:
    """Embed examples by a quantised network, on all cores: (n, dim)."""
    session = onnx.Session(file)

    def one(make: Callable[[], NDArray[Any]]) -> NDArray[np.float32]:
        found: NDArray[np.float32] = session.named(make())[BATCH][0]
        on_step()
        return found

    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        return np.stack(list(pool.map(one, given)))


def join(embedding: Path, graph: Graph, tail: Tail, file: Path, about: Mapping[str, str]) -> None:
    """Put a head behind a quantised network, and write both as one file."""
    import onnx as library
    from onnx import compose, helper

    with scratch("head-", file.parent) as folder:
        onnx.write(tail, folder / onnx.NAME, {})
        behind = library.load(folder / onnx.NAME)
    front = library.load(embedding)
    behind.ir_version = front.ir_version
    whole = compose.merge_models(
        front,
        compose.add_prefix(behind, "head/", rename_inputs=False, rename_outputs=False),
        io_map=[(BATCH, BATCH)],
        outputs=[*tail.outputs, *graph.entry.prepared],
    )
    whole.producer_name = "headstart"
    helper.set_model_props(whole, dict(about))
    library.save(whole, file)


def _exact(file: Path) -> list[str]:
    """Name the operations to leave as they are: the first with weights, and those without."""
    import onnx as library

    graph = library.load(file).graph
    weights = {tensor.name for tensor in graph.initializer}
    heavy = [n for n in graph.node if n.op_type in QUANTISED]
    with_weights = [n.name for n in heavy if weights & set(n.input)]
    return [n.name for n in heavy if n.name not in with_weights[FIRST:]]


class _Reader:
    """Hands examples to onnxruntime's calibration, one after the other."""

    def __init__(
        self, name: str, given: Sequence[Callable[[], NDArray[Any]]], on_step: Callable[[], None]
    ) -> None:
        self._name, self._given, self._on_step = name, iter(given), on_step

    def get_next(self) -> dict[str, NDArray[Any]] | None:
        """Return the next example, by the name of the input; None at the end."""
        make = next(self._given, None)
        if make is None:
            return None
        self._on_step()
        return {self._name: make()}


def refuse(saved: SavedModel) -> None:
    """Raise ``ConfigError`` for a model that cannot be had in 8 bits."""
    if saved.model.thresholds is not None:
        raise ConfigError(
            _("A model for several labels cannot be had in 8 bits."), _("Use --format onnx.")
        )
    if not entry_of(saved.card).quantises:
        raise ConfigError(
            _(
                "Networks for {many} lose too much in 8 bits.",
                many=modality(saved.card.modality).unit.many,
            ),
            _("Use --format onnx."),
        )


def write(
    run: Run, graph: Graph, file: Path, about: Mapping[str, str], data: Path, on_event: OnEvent
) -> Scores:
    """Quantise a model, fit its head anew, score it beside the run's, and write it.

    Parameters
    ----------
    data : Path
        Where the examples lie that the run was trained, and tested, on.

    Raises
    ------
    ConfigError
        Most of them are not there.
    ArtifactError
        The quantised model is right less often, by more than ``ALLOWED``.
    """
    known = _Labelled.of(run, data, on_event)
    given = [partial(_given, run, graph, known.examples, row) for row in range(len(known.y))]
    calibration = np.flatnonzero(known.train)
    calibration = calibration[:: max(1, -(-len(calibration) // CALIBRATED_ON))]
    with scratch("int8-", file.parent) as folder:
        steps = _Steps(_("quantising"), len(calibration), on_event)
        small = quantise(graph, [given[row] for row in calibration], folder, steps)
        steps = _Steps(_("embedding in 8 bits"), len(given), on_event)
        X = vectors(small, given, steps)
        fitted = known.fit(X, known.train)
        scores = known.scores(run.saved.model, X)
        scores.refuse()
        model = replace(fitted, abstain=run.saved.model.abstain)
        told = {
            **about,
            "temperature": str(model.temperature),
            "thresholds": json.dumps(
                {"familiar": model.familiar and model.familiar.threshold, "abstain": model.abstain}
            ),
            "int8": json.dumps(asdict(scores)),
        }
        join(small, graph, Tail(model, run.saved.card.dim), file, told)
    return scores


@dataclass(frozen=True)
class _Labelled:
    """The examples of a run that were found again.

    Attributes
    ----------
    examples : Examples
    X : ndarray of shape (n, dim)
        Their vectors in full precision.
    y, groups : ndarray of int64, shape (n,)
    train : ndarray of bool, shape (n,)
        Whether it was trained on; else tested on.
    """

    examples: Examples
    X: NDArray[np.float32]
    y: NDArray[np.int64]
    groups: NDArray[np.int64]
    train: NDArray[np.bool_]
    classes: tuple[str, ...]
    balanced: bool

    @classmethod
    def of(cls, run: Run, data: Path, on_event: OnEvent) -> _Labelled:
        """Find the examples of a run, by their bytes."""
        listed = read_document(run.folder / SPLIT)["examples"]
        asked = read_document(run.folder / RUN)["config"]
        by_hash = {e["sha256"]: e for e in listed}
        examples = run.examples([data], on_event=on_event)
        features = run.embed(examples, on_event)
        once = {sha: row for row, sha in enumerate(features.hashes) if sha in by_hash}
        if len(once) < SHARE * len(by_hash):
            raise ConfigError(
                _(
                    "{data!r} holds {n} of the {all} examples that the run knows.",
                    data=str(data),
                    n=len(once),
                    all=len(by_hash),
                ),
                _("Name what it was trained on: --examples DATA."),
            )
        rows, found = np.array([*once.values()]), [by_hash[sha] for sha in once]
        codes = {name: k for k, name in enumerate(run.classes)}
        return cls(
            examples.take(rows),
            features.vectors[0][rows],
            np.array([codes[e["label"]] for e in found]),
            np.array([e.get("group", row) for row, e in enumerate(found)]),
            np.array([e["role"] == "train" for e in found]),
            run.classes,
            bool(asked.get("balanced")),
        )

    def fit(self, X: NDArray[np.float32], rows: NDArray[np.bool_]) -> FittedModel:
        """Fit a head to vectors, everything chosen by cross-validation among these rows."""
        y, groups = self.y[rows], self.groups[rows]
        fold = stratified_folds(y, groups, FOLDS, np.random.default_rng(0))
        model, _choice = fit_probe(
            X[rows],
            y,
            self.classes,
            pairs(fold),
            balanced=self.balanced,
            groups=groups,
            rivals=False,
        )
        return model

    def scores(self, exact: FittedModel, X: NDArray[np.float32]) -> Scores:
        """Score both on the test part, or by cross-validation where there is none."""
        held = ~self.train
        if held.any():
            right = _right(exact, self.X[held], self.y[held])
            small = _right(self.fit(X, self.train), X[held], self.y[held])
            return Scores.of(right, small, _("the test part"))
        fold = stratified_folds(self.y, self.groups, FOLDS, np.random.default_rng(1))
        right, small = np.zeros(len(self.y), bool), np.zeros(len(self.y), bool)
        for k in range(FOLDS):
            held = fold == k
            for hits, vectors_ in ((right, self.X), (small, X)):
                model = self.fit(vectors_, ~held)
                hits[held] = _right(model, vectors_[held], self.y[held])
        return Scores.of(right, small, _("cross-validation of the head"))


def _right(model: FittedModel, X: NDArray[np.float32], y: NDArray[np.int64]) -> NDArray[np.bool_]:
    return np.asarray(model.predict_proba(X).argmax(axis=1) == y)


def _given(run: Run, graph: Graph, examples: Examples, row: int) -> NDArray[Any]:
    return graph.entry.given(examples.read(row, run.saved.card.look.detail))


class _Steps:
    """Tells of progress, from any thread."""

    def __init__(self, what: str, total: int, on_event: OnEvent) -> None:
        self._what, self._total, self._on_event = what, total, on_event
        self._done, self._lock = 0, Lock()

    def __call__(self) -> None:
        with self._lock:
            self._done += 1
            self._on_event(Event(self._what, self._done, self._total))
