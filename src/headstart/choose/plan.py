"""The plan: what to train and where to cut, from measured cost; and what it will take."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from headstart.backbones.cutting import Prefix, cut_before, legal_cuts, unfrozen
from headstart.backbones.network import Backbone, count_parameters
from headstart.features.engines import Engine
from headstart.modalities import FixedViews, Padded, modality
from headstart.said import _, sentences
from headstart.transfer.checkpoint import Forgetful
from headstart.transfer.finetune import Setting, zero_head
from headstart.transfer.loop import Loop
from headstart.transfer.objective import CrossEntropy
from headstart.transfer.parts import Rows
from headstart.transfer.recipe import Recipe

ENOUGH_SECONDS = 0.5
"""A measurement this long is not repeated."""
TOO_LONG_SECONDS = 5.0
"""A first go this long is not repeated at all."""
CONVERSION_SECONDS = 6.0
"""Converting a prefix for the fast engine, once per cut and computer; measured at 4 to 6 s."""


@dataclass(frozen=True)
class TrainingPlan:
    """How a method will be carried out.

    Attributes
    ----------
    blocks : list of str
        Trained, shallow to deep.
    cut : str or None
        The block after which activations are kept; None: every step starts from the examples.
    views : FixedViews
    shape : tuple of int
        Of one view's activations.
    cache_bytes : int
    passes : int
        Passes of the frozen part: examples times views.
    why : str
        Why the cut is where it is.
    """

    blocks: list[str]
    cut: str | None
    views: FixedViews[Any]
    shape: tuple[int, ...]
    cache_bytes: int
    passes: int
    why: str


@dataclass(frozen=True)
class Cost:
    """Seconds per example, measured on this machine: a frozen pass, a training step, an answer."""

    prefix: float
    step: float
    answer: float

    def forecast(self, plan: TrainingPlan, recipe: Recipe, fits: list[tuple[int, int]]) -> float:
        """Seconds for the cache and the fits, each of (rows trained on, rows held out)."""
        once = CONVERSION_SECONDS + plan.passes * self.prefix if plan.cut else 0.0
        trained = sum(recipe.seen(n) for n, _ in fits)
        watched = sum(recipe.watched(n, held) for n, held in fits)
        answered = sum(held if recipe.trains_head else n + held for n, held in fits)
        each_epoch = self.step * trained + self.answer * watched
        return once + recipe.epochs * each_epoch + self.answer * answered


def make_plan(
    backbone: Backbone, recipe: Recipe, n: int, room: int, seed: int, extent: tuple[int, ...] = ()
) -> TrainingPlan:
    """Decide what is trained and where activations are kept.

    The cut lies as deep as what is frozen reaches, since every block before it is then computed
    once; if the maps there need more than ``room`` bytes, at the deepest earlier block where they
    need less; if there is none, nothing is kept.

    Parameters
    ----------
    n : int
        Examples.
    room : int
        Bytes that activations may take.
    extent : tuple of int
        Of the largest example as the network takes it, where they differ.
    """
    blocks = unfrozen(backbone, recipe.unfreeze)
    kind = _views(backbone, recipe, seed)
    uncut = TrainingPlan(blocks, None, kind, (), 0, 0, "")
    if not recipe.cached:
        fresh = _("every epoch draws new views, so nothing can be kept")
        asked = _("nothing is to be kept")
        return replace(uncut, why=fresh if recipe.augment != "none" else asked)
    if len(blocks) == len(backbone.blocks()):
        return replace(uncut, why=_("nothing is frozen"))
    deepest = cut_before(backbone, blocks[0])
    if deepest is None:
        return replace(uncut, why=_("this network cannot be cut there"))
    earlier = legal_cuts(backbone)
    shapes = shapes_at(backbone, earlier[: earlier.index(deepest) + 1], extent)
    for cut in reversed(list(shapes)):
        size = 2 * n * kind.count * int(np.prod(shapes[cut]))  # float16
        if size <= room:
            why = _("the deepest place before what is trained")
            if cut != deepest:
                why = _(
                    "activations behind {block} would not fit into {room:,.0f} MB",
                    block=deepest,
                    room=room / 1e6,
                )
            return TrainingPlan(blocks, cut, kind, shapes[cut], size, n * kind.count, why)
    return replace(uncut, why=_("activations would not fit into {room:,.0f} MB", room=room / 1e6))


def _views(backbone: Backbone, recipe: Recipe, seed: int) -> FixedViews[Any]:
    """Choose the fixed views of a recipe; the plain one alone where nothing is kept."""
    augmentation = modality(backbone.card.modality).views
    if not recipe.cached:
        return augmentation.fixed("none")
    return augmentation.fixed(recipe.augment, recipe.views, seed)


def shapes_at(
    backbone: Backbone, cuts: list[str], extent: tuple[int, ...] = ()
) -> dict[str, tuple[int, ...]]:
    """Shape of one example's activations behind each block named, padded to an extent."""
    return {cut: _padded(Prefix(backbone, cut).shape, backbone, extent) for cut in cuts}


def _padded(shape: tuple[int, ...], backbone: Backbone, extent: tuple[int, ...]) -> tuple[int, ...]:
    """Return the shape of maps as it is for an example of an extent."""
    look = backbone.card.look
    if not extent or not isinstance(look, Padded):
        return shape
    places = look.places(extent)
    return (*shape[: len(shape) - len(places)], *places)


def measure(
    backbone: Backbone,
    plan: TrainingPlan,
    recipe: Recipe,
    engine: Engine,
    workers: int,
    device: str,
    extent: tuple[int, ...] = (),
) -> Cost:
    """Time a frozen pass, a training step and an answer on made-up data, a few times each.

    Where examples differ in ``extent``, this is a usual one.
    """
    look = backbone.card.look
    fed = (look.asked(extent=extent) if extent else look).drawn(1)
    forward = engine.replica()
    prefix = _seconds(lambda: forward(fed)) / workers if plan.cut else 0.0
    # Of a whole network few examples are timed, unless they are small: then steps count more.
    batch = recipe.batch_size if plan.cut or extent else min(recipe.batch_size, 4)
    maps = np.random.default_rng(0).standard_normal(
        (1, *_padded(plan.shape, backbone, extent)), np.float32
    )
    inputs = _Noise(maps if plan.cut else fed)
    rows, none, dim = np.arange(batch), np.zeros(0, np.int64), backbone.card.dim
    one = replace(recipe, batch_size=batch, epochs=1, patience=0, ema=0.0, mixup=0.0, cutmix=0.0)
    setting = Setting(
        "", one, backbone, plan.blocks, plan.cut, inputs, np.zeros((0, dim), np.float32), rows % 2,
        2, lambda _: zero_head(dim, 2), device=device,
    )  # fmt: skip
    network, goal = setting.network(rows), CrossEntropy(0.0, None, [], False, None)
    crew = workers if device == "cpu" else 1
    loop = Loop(network, inputs, setting.y, goal, one, rows, none, 0, Forgetful(), workers=crew)
    step = _seconds(loop.run) / batch
    answer = _seconds(lambda: network.logits(inputs, rows)) / batch
    return Cost(prefix, step, answer)


def said(name: str, plan: TrainingPlan, backbone: Backbone, forecast: float) -> str:
    """Say a plan in one line."""
    time_said = _("This takes about {time}.", time=duration(forecast))
    return sentences(_trained(name, plan, backbone), _kept(plan), time_said)


def _trained(name: str, plan: TrainingPlan, backbone: Backbone) -> str:
    modules = dict(backbone.blocks())
    share = sum(count_parameters(modules[b]) for b in plan.blocks) / backbone.card.parameters
    if len(plan.blocks) == 1:
        return _(
            "{method}: train {block} ({share:.0%} of the parameters).",
            method=name,
            block=plan.blocks[0],
            share=share,
        )
    return _(
        "{method}: train {first} to {last} ({share:.0%} of the parameters).",
        method=name,
        first=plan.blocks[0],
        last=plan.blocks[-1],
        share=share,
    )


def _kept(plan: TrainingPlan) -> str:
    if plan.cut is None:
        return _("The whole network is computed every step: {why}.", why=plan.why)
    return _(
        "It is cut behind {cut}, {why}: {views}, {passes:,} frozen passes once, {size:,.0f} MB on "
        "disk.",
        cut=plan.cut,
        why=plan.why,
        views=plan.views.describe(),
        passes=plan.passes,
        size=plan.cache_bytes / 1e6,
    )


def duration(seconds: float) -> str:
    """Say a forecast roughly.

    Examples
    --------
    >>> duration(3.7), duration(100), duration(300)
    ('4 s', '100 s', '5 min')
    """
    if seconds < 120:
        return _("{seconds:.0f} s", seconds=seconds)
    return _("{minutes:.0f} min", minutes=seconds / 60)


@dataclass(frozen=True)
class _Noise:
    """One made-up input over and over; not zeros, on which some kernels are slow."""

    one: np.ndarray  # (1, ...)

    def plain(self, rows: Rows) -> np.ndarray:
        return np.repeat(self.one, len(rows), axis=0)

    def varied(self, rows: Rows, rng: np.random.Generator) -> np.ndarray:
        return self.plain(rows)


def _seconds(work: Callable[[], object]) -> float:
    """Time a piece of work: the fastest of two or three goes, or of one that takes very long.

    The first go is slow: kernels are made, memory is fetched. It alone would tell three times the
    seconds that training takes.
    """
    taken: list[float] = []
    while len(taken) < 2 or (len(taken) < 3 and sum(taken) < ENOUGH_SECONDS):
        if sum(taken) > TOO_LONG_SECONDS:
            break
        start = time.perf_counter()
        work()
        taken.append(time.perf_counter() - start)
    return min(taken)
