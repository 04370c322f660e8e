"""The workshop: the data, the machine and the backbone, from which any method's setting is made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from headstart.backbones import Ref, resolve
from headstart.backbones.cutting import PrefixRef
from headstart.backbones.network import Backbone
from headstart.choose.candidates import Candidate
from headstart.choose.plan import Cost, TrainingPlan, make_plan, measure, said, shapes_at
from headstart.data.items import Examples
from headstart.errors import ConfigError
from headstart.events import Event, OnEvent, ignore
from headstart.features.activations import Activations, activate, room
from headstart.features.engines import Engine, Kitchen
from headstart.modalities import Padded
from headstart.said import _
from headstart.tasks.labels import Labels, Stream
from headstart.transfer.checkpoint import Checkpoints
from headstart.transfer.finetune import FINAL, Setting, zero_head
from headstart.transfer.heads import LinearHead
from headstart.transfer.logistic import fit_logistic
from headstart.transfer.parts import Inputs, Point, Rows
from headstart.transfer.probe import choose_head
from headstart.transfer.recipe import FROM_SCRATCH


@dataclass
class Workshop:
    """Everything that training a network on a data set needs.

    Attributes
    ----------
    examples, hashes : by row
    X : ndarray of shape (n, dim)
        Embeddings by the pretrained backbone.
    labels : Labels
    ref : Ref
    engine : Engine
        Of the whole backbone; its arithmetic runs the prefix too.
    cache : Path
    workers : int
    device : str
    checkpoints : Checkpoints
        Where checkpoints go.
    """

    examples: Examples
    hashes: Sequence[str]
    X: NDArray[np.float32]
    labels: Labels
    ref: Ref
    engine: Engine
    cache: Path
    workers: int
    device: str
    checkpoints: Checkpoints = field(default_factory=Checkpoints)
    on_event: OnEvent = ignore
    passes: dict[str, int] = field(default_factory=dict)
    _backbones: dict[Ref, Backbone] = field(default_factory=dict)
    _heads: dict[bytes, LinearHead] = field(default_factory=dict)
    _known: dict[str, NDArray[np.int64]] = field(default_factory=dict)  # extents, by look

    def backbone_of(self, method: str) -> Backbone:
        """Return where a method starts: pretrained weights, or random ones; loaded once."""
        ref = self.ref
        if method == "scratch":
            ref = replace(self.ref, seed=self.labels.seed)
        elif method == "small-cnn":
            ref = self._small_network()
        if ref not in self._backbones:
            self._backbones[ref] = ref.load()
        return self._backbones[ref]

    def plan(self, candidate: Candidate, fits: list[tuple[int, int]]) -> tuple[TrainingPlan, float]:
        """TrainingPlan a candidate and forecast its seconds, from costs measured here."""
        backbone, recipe = self.backbone_of(candidate.method), candidate.recipe
        n, extents = len(self.examples), self._extents(backbone)
        largest, usual = ((), ()) if extents is None else (_largest(extents), _usual(extents))
        plan = make_plan(backbone, recipe, n, room(self.cache), self.labels.seed, largest)
        cost: Cost = measure(backbone, plan, recipe, self.engine, self.workers, self.device, usual)
        return plan, cost.forecast(plan, recipe, fits)

    def resized(self, candidate: Candidate, plan: TrainingPlan) -> TrainingPlan:
        """Return the plan of other examples, with room for the activations of these."""
        backbone = self.backbone_of(candidate.method)
        extents = self._extents(backbone)
        if plan.cut is None or extents is None:
            return plan
        shape = shapes_at(backbone, [plan.cut], _largest(extents))[plan.cut]
        return replace(plan, shape=shape)

    def setting(
        self, candidate: Candidate, plan: TrainingPlan, forecast: float | None = None
    ) -> Setting:
        """Prepare a candidate's fits: its backbone, its inputs, the head it starts from.

        With a ``forecast`` the plan is told.
        """
        backbone, recipe = self.backbone_of(candidate.method), candidate.recipe
        if forecast is not None:
            self._say(said(candidate.name, plan, backbone, forecast))
        scratch = candidate.method in FROM_SCRATCH
        dim = backbone.card.dim
        live = _Live(self.on_event, recipe.epochs)
        return Setting(
            candidate.name,
            recipe,
            backbone,
            plan.blocks,
            plan.cut,
            self._inputs(candidate, plan, backbone),
            np.zeros((0, dim), np.float32) if scratch else self.X,
            self.labels.y,
            self.labels.n_classes,
            (lambda rows: zero_head(dim, self.labels.n_classes)) if scratch else self.probe_head,
            self.labels.balanced,
            self.labels.seed,
            self.device,
            self.workers,
            self.checkpoints,
            refit=self.fitted_head,
            on_fit=live.begin,
            on_point=live,
            on_trouble=lambda message: self._say(message, warning=True),
        )

    def probe_head(self, rows: Rows) -> LinearHead:
        """Fit the converged linear probe on some rows, its strength chosen inside them (LP-FT).

        Every method starts from it on the same folds, so it is fitted once a fold.
        """
        known = self._heads.get(rows.tobytes())
        if known is not None:
            return known
        self._heads[rows.tobytes()] = head = self.fitted_head(self.X[rows], rows)
        return head

    def fitted_head(self, X: NDArray[np.float32], rows: Rows) -> LinearHead:
        """Fit a linear head on the embeddings (n_rows, dim) of some rows, as the probe is."""
        few, inner = self.labels.choosing(rows, Stream.NETWORK_HEAD, len(rows))
        place = np.zeros(len(self.labels.y), np.int64)
        place[rows] = np.arange(len(rows))
        y, k, balanced = self.labels.y, self.labels.n_classes, self.labels.balanced
        X_few = X if few is rows else X[place[few]]
        choice = choose_head(X_few, y[few], k, inner, balanced=balanced, rivals=False)
        return LinearHead(*fit_logistic(X, y[rows], k, choice.C, balanced=balanced, exact=True))

    def _inputs(self, candidate: Candidate, plan: TrainingPlan, backbone: Backbone) -> Inputs:
        if plan.cut is None:
            look, views = backbone.card.look, self.examples.modality.views
            return views.fresh(
                lambda row: self.examples.read(row, look.detail),
                len(self.examples),
                look,
                candidate.recipe.augment,
                workers=self.workers,
                on_event=self.on_event,
            )
        kitchen = Kitchen(self.cache, self.workers, self.on_event)
        prefix = PrefixRef(self.ref, plan.cut)
        engine = kitchen.engine(prefix, device=self.device, name=self.engine.name)
        found: Activations = activate(
            self.examples,
            self.hashes,
            engine,
            plan.shape,
            plan.views,
            self.cache,
            workers=self.workers,
            on_event=self.on_event,
            extents=self._places(backbone),
        )
        self.passes[candidate.name] = found.forwards
        return found

    def _extents(self, backbone: Backbone) -> NDArray[np.int64] | None:
        """Extents (n, k) of the examples as a network takes them; None where all are alike."""
        look = backbone.card.look
        if not isinstance(look, Padded):
            return None
        key = repr(look)
        if key not in self._known:
            read = (self.examples.read(row, look.detail) for row in range(len(self.examples)))
            self._known[key] = np.array([look(x).shape for x in read])
        return self._known[key]

    def _places(self, backbone: Backbone) -> NDArray[np.int64] | None:
        """Extents (n, k) of the maps that a network makes of the examples, where they differ."""
        extents, look = self._extents(backbone), backbone.card.look
        if extents is None or not isinstance(look, Padded):
            return None
        return np.array([look.places(tuple(map(int, one))) for one in extents])

    def _small_network(self) -> Ref:
        """Name the network of ``--method small-cnn``, at the size asked for or its own here."""
        small = self.examples.modality.small_network
        if small is None:
            raise ConfigError(
                _(
                    "--method small-cnn: there is no small network for {many}.",
                    many=self.examples.modality.unit.many,
                ),
                _("Use --method scratch."),
            )
        name, asked = small
        ref = replace(resolve(name), seed=self.labels.seed)
        return ref.at(**{**asked, **dict(self.ref.asked)})

    def _say(self, message: str, *, warning: bool = False) -> None:
        level = "warning" if warning else "note"
        self.on_event(Event(_("planning"), message=message, level=level))  # type: ignore[arg-type]


def _largest(extents: NDArray[np.int64]) -> tuple[int, ...]:
    """Return the extent that holds every example."""
    return tuple(map(int, extents.max(axis=0)))


def _usual(extents: NDArray[np.int64]) -> tuple[int, ...]:
    """Return the extent of the example whose size is nearest to the mean."""
    sizes = extents.prod(axis=1)
    return tuple(map(int, extents[np.abs(sizes - sizes.mean()).argmin()]))


@dataclass
class _Live:
    """Turns the points of the curves into events, one stage a fit."""

    on_event: OnEvent
    epochs: int
    losses: dict[str, dict[int, float]] = field(default_factory=dict)  # by fit, then epoch

    def begin(self, fit: str) -> None:
        """Say that a fit begins: its first epoch may take minutes."""
        self.on_event(Event(_stage(fit), 0, self.epochs, _("epochs")))

    def __call__(self, fit: str, point: Point) -> None:
        curve = self.losses.setdefault(fit, {})
        curve[point.epoch] = point.loss  # that of validation comes last, and stays
        self.on_event(
            Event(
                _stage(fit),
                point.epoch,
                self.epochs,
                _("epochs"),
                _progress(point),
                curve=tuple(curve.values()),
            )
        )


def _stage(fit: str) -> str:
    """Say what is trained: ``"full / fold 1"``, ``"full / final"``."""
    method, _between, part = fit.rpartition(" / ")
    if part == FINAL:
        return _("training {method} / final", method=method)
    if part.startswith("fold "):
        return _("training {method} / fold {fold}", method=method, fold=part.removeprefix("fold "))
    return _("training {fit}", fit=fit)


def _progress(point: Point) -> str:
    told = {"loss": point.loss, "accuracy": point.accuracy}
    if point.split == "validation":
        return _("validation loss {loss:.3f}, accuracy {accuracy:.1%}", **told)
    if point.accuracy is None:
        return _("training loss {loss:.3f}", **told)
    return _("training loss {loss:.3f}, accuracy {accuracy:.1%}", **told)
