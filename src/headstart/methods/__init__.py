"""Methods: how knowledge is transferred. A method leaves a model, and what it was tried on.

:class:`Method` is the contract, ``method_of`` the table. A method is imported when it is asked for:
the probe needs no torch.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from headstart.backbones import Card
from headstart.errors import BackboneError
from headstart.judge.estimate import Plan
from headstart.machine import Machine
from headstart.methods.kept import Kept
from headstart.modalities.side_by_side import SideBySide
from headstart.prepare.config import LAYERS, MIX, PROBE, Config
from headstart.prepare.source import Prepared
from headstart.registry import Record, Registry
from headstart.said import N_, _
from headstart.transfer import FittedModel
from headstart.transfer.probe import Choice
from headstart.transfer.recipe import RECIPES


@dataclass(frozen=True)
class Work:
    """What a method works on.

    Attributes
    ----------
    config : Config
    prepared : Prepared
    machine : Machine
    probe : FittedModel
        The floor: a head on the frozen network, fitted on all training rows.
    choice : Choice
        How that head was chosen.
    plan : Plan
        The folds on which the probe is judged.
    checkpoints : Path
        Folder for what an interrupted run should not train again.
    began : float
        When the run did, by ``time.monotonic``: its budget counts from there.
    """

    config: Config
    prepared: Prepared
    machine: Machine
    probe: FittedModel
    choice: Choice
    plan: Plan
    checkpoints: Path
    began: float


class Method(Protocol):
    """The contract of a method."""

    @property
    def name(self) -> str:
        """What ``--method`` calls it."""

    @property
    def needs_blocks(self) -> bool:
        """Whether it works on single blocks of the backbone, so that one without will not do."""

    @property
    def takes(self) -> frozenset[str]:
        """Options of the recipe that mean something to it."""

    def __call__(self, work: Work) -> Kept:
        """Transfer; return the model with what is needed to judge it."""


def _probe() -> Method:
    from headstart.methods.probe import Probe

    return Probe()


def _layers() -> Method:
    from headstart.methods.layers import Layers

    return Layers()


def _mix() -> Method:
    from headstart.methods.mix import Mix

    return Mix()


def _networks(method: str) -> Callable[[], Method]:
    def make() -> Method:
        from headstart.methods.networks import Networks  # imports torch

        return Networks(method)

    return make


METHODS: Registry[Method] = Registry(N_("method"))
METHODS.add(Record(PROBE, _probe, "a head on the frozen network"))
METHODS.add(Record(LAYERS, _layers, "a head on all layers of the frozen network"))
METHODS.add(Record(MIX, _mix, "the probe beside a rival that counts"))
for _name in ("auto", *RECIPES):
    METHODS.add(Record(_name, _networks(_name), "networks, trained on the examples"))


def method_of(config: Config, *, backbone_was_picked: bool = False) -> Method:
    """Make the method of a run.

    ``auto`` that may train nothing is the probe, alone or mixed with what counts beside it; where
    the backbone was picked by the probe it is the probe, since the estimate is of that choice.
    """
    if config.method != "auto" or config.trains_networks:
        return METHODS.get(config.method).factory()
    if backbone_was_picked:
        return METHODS.get(PROBE).factory()
    from headstart.methods.mix import Mix

    return Mix(auto=True)


def refuse_unfit(method: Method, card: Card) -> None:
    """Raise ``BackboneError`` for a backbone without the blocks that a method works on."""
    if method.needs_blocks and isinstance(card.look, SideBySide):
        raise BackboneError(
            _(
                "--method {method} works on the layers of one network, and {backbone} is several "
                "side by side.",
                method=method.name,
                backbone=card.name,
            ),
            _("Use --method probe, or name one of them."),
        )
    if method.needs_blocks and not card.layers:
        raise BackboneError(
            _(
                "--method {method} works on single blocks, and {backbone} has none.",
                method=method.name,
                backbone=card.name,
            ),
            _("Use --method probe, or another --backbone."),
        )
