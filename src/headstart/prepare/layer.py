"""Layers of encoders as places for a head to stand on, and two of them side by side.

All layers of an encoder are embedded in one pass, so to compare them costs no more than the last
one alone. Once one is taken, what is needed of the network ends there.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from headstart.backbones import ALL, EMBEDDING, Card, Ref, available, resolve
from headstart.backbones.side_by_side import PLUS, SideBySideRef, at, label
from headstart.choose.layer import BESIDE
from headstart.errors import BackboneError, ConfigError
from headstart.events import Event, OnEvent
from headstart.modalities import Modality
from headstart.said import _, commas, listed, sentences

if TYPE_CHECKING:
    from headstart.backbones.stages import StagesRef
    from headstart.prepare.config import Config

AUTO, LAST = "auto", "last"
WORDS = (AUTO, LAST, ALL)
"""What ``--layer`` takes besides names."""


@dataclass(frozen=True)
class Encoder:
    """A backbone by its layers.

    Attributes
    ----------
    ref : Ref
    card : Card
        Of the whole network.
    names : tuple of str
        Its layers, shallow to deep, ``"embedding"`` last.
    dims : tuple of int
        Length of the pooled vector of each.
    hidden : frozenset of str
        Layers that only a network that goes on has (``Stages.overwritten``).
    """

    ref: Ref
    card: Card
    names: tuple[str, ...]
    dims: tuple[int, ...]
    hidden: frozenset[str] = frozenset()

    @classmethod
    def of(cls, ref: Ref) -> Encoder:
        """Look at the layers of a backbone; one without blocks has the last alone."""
        from headstart.backbones.stages import Stages  # imports torch

        backbone = ref.load()
        try:
            stages = Stages(backbone)
        except BackboneError:
            return cls(ref, backbone.card, (EMBEDDING,), (backbone.card.dim,))
        return cls(ref, backbone.card, stages.names, stages.dims, stages.overwritten)

    @property
    def source(self) -> Ref | StagesRef:
        """What embeds by all layers at once."""
        return at(self.ref, ALL if len(self.names) > 1 else EMBEDDING)  # type: ignore[return-value]

    def places(self, X: NDArray[np.float32]) -> Iterator[Place]:
        """Cut what ``source`` gives, (n, sum(dims)), into places: each layer, all together."""
        end = 0
        for name, dim in zip(self.names, self.dims, strict=True):
            end += dim
            if name not in self.hidden:
                yield Place(self, name, X[:, end - dim : end])
        if len(self.names) > 1:
            yield Place(self, ALL, X)


@dataclass(frozen=True)
class Place:
    """A layer of an encoder, or all of its layers beside each other.

    Attributes
    ----------
    encoder : Encoder
    layer : str
        A name among the encoder's, or ``"all"``.
    X : ndarray of float32, shape (n, dim)
        What it makes of the examples.
    """

    encoder: Encoder
    layer: str
    X: NDArray[np.float32]

    @property
    def name(self) -> str:
        """Tell it from all others."""
        return f"{self.encoder.card.name} {self.layer}"

    @property
    def of(self) -> str:
        """Name the encoder."""
        return self.encoder.card.name

    @property
    def at(self) -> str:
        """Name the layer."""
        return self.layer

    @property
    def ref(self) -> Ref:
        """The backbone that has the layer."""
        return self.encoder.ref

    @property
    def encoders(self) -> tuple[Encoder, ...]:
        """What it is a place of."""
        return (self.encoder,)


@dataclass(frozen=True)
class Both:
    """Places of two encoders side by side, which are a backbone of their own.

    Attributes
    ----------
    places : tuple of two Place
    """

    places: tuple[Place, ...]
    layer: str = EMBEDDING

    @property
    def name(self) -> str:
        """Tell it from all others."""
        return BESIDE.join(place.name for place in self.places)

    @property
    def of(self) -> str:
        """Name the encoders."""
        return PLUS.join(place.of for place in self.places)

    @property
    def at(self) -> str:
        """Name the layers."""
        return PLUS.join(place.layer for place in self.places)

    @property
    def ref(self) -> Ref:
        """The backbone that both are parts of."""
        return SideBySideRef.of([(place.ref, place.layer) for place in self.places])

    @property
    def encoders(self) -> tuple[Encoder, ...]:
        """What they are places of."""
        return tuple(place.encoder for place in self.places)

    @cached_property
    def X(self) -> NDArray[np.float32]:
        """What both make of the examples: (n, dim), float32."""
        return np.hstack([place.X for place in self.places])


def compete(config: Config, modality: Modality[Any, Any]) -> bool:
    """Whether layers compete in a run: where it is asked for, or usual for such examples.

    Of backbones side by side the user has said which layers stand there.
    """
    if not config.on_layers:
        return False
    if config.layer is None:
        return modality.layered and not _are_side_by_side(config)
    return config.layer == AUTO


def _are_side_by_side(config: Config) -> bool:
    """Whether one backbone is named, which is several side by side."""
    names = (config.backbone or "").split(",")
    return len(names) == 1 and PLUS in names[0] and isinstance(resolve(names[0]), SideBySideRef)


def refuse_layer_of_several(layer: str | None, refs: Sequence[Ref]) -> None:
    """Raise ``ConfigError`` for ``--layer`` where several side by side each have their own."""
    if len(refs) == 1 and isinstance(refs[0], SideBySideRef) and layer not in (None, LAST):
        raise ConfigError(
            _(
                "--layer {layer!r}: {backbone} is several side by side, each with a layer of its "
                "own.",
                layer=layer,
                backbone=str(refs[0]),
            ),
            _("Write the layer of each behind an @: {example}.", example="A@blocks.1+B@all"),
        )


def refuse_unknown_layers(ref: Ref) -> None:
    """Raise ``ConfigError`` for a layer that one of several backbones side by side has not."""
    for part, layer in ref.refs if isinstance(ref, SideBySideRef) else ():
        names = () if layer == EMBEDDING else Encoder.of(part).names
        known = (EMBEDDING, *names, *((ALL,) if len(names) > 1 else ()))
        if layer not in known:
            raise ConfigError(
                _(
                    "{part}: {backbone} has no layer {layer!r}. It has: {names}.",
                    part=label(str(part), layer),
                    backbone=str(part),
                    layer=layer,
                    names=commas(names),
                ),
                _("Write one of these, or all, behind the @; without it the last layer is taken."),
            )


def say_that_a_budget_takes_the_last(
    config: Config, modality: Modality[Any, Any], on_event: OnEvent
) -> None:
    """Say that no layer is chosen where networks may be trained, though it is usual here."""
    if modality.layered and config.budget is not None:
        message = _(
            "With --budget networks are trained, which stand on their last layer. Without it the "
            "best layer of several encoders is chosen: compare the two runs."
        )
        on_event(Event(_("comparing layers"), message=message, level="note"))


def asked(config: Config) -> str:
    """Return the layer that is asked for by name; the last where none is."""
    return EMBEDDING if config.layer in (None, LAST, AUTO) else str(config.layer)


def with_encoders(config: Config, modality: Modality[Any, Any], on_event: OnEvent) -> Config:
    """Name the encoders that compete, where the user named none and the modality does."""
    if config.backbone is None and modality.encoders:
        return replace(config, backbone=",".join(within_reach(modality.encoders, on_event)))
    return config


def within_reach(names: Sequence[str], on_event: OnEvent) -> list[str]:
    """Return the backbones whose weights are here or can be fetched; say which are left out.

    Raises
    ------
    BackboneError
        None of them can be had.
    """
    here = {row.name.partition(":")[2] for row in available()}
    failed: dict[str, BackboneError] = {}
    on_event(Event(_("preparing the backbone")))
    for name in names:
        try:
            if name not in here:
                resolve(name).load()
        except BackboneError as cause:
            failed[name] = cause
    found = [name for name in names if name not in failed]
    if not found:
        raise failed[names[0]]
    for name, error in failed.items():
        said = _(
            "The layers of {others} are compared without those of {name}.",
            others=listed(found),
            name=name,
        )
        message = sentences(error.message, said, error.hint)
        on_event(Event(_("preparing the backbone"), message=message, level="warning"))
    return found


def refuse_unknown_layer(encoder: Encoder, layer: str) -> None:
    """Raise ``ConfigError`` for a layer that a backbone does not have, with those it has."""
    if layer in (ALL, EMBEDDING, *encoder.names) and (layer != ALL or len(encoder.names) > 1):
        return
    raise ConfigError(
        _(
            "--layer {layer!r} is no layer of {backbone}, which has: {names}.",
            layer=layer,
            backbone=encoder.card.name,
            names=commas(encoder.names),
        ),
        _("Name one of these, or {words}.", words=commas(WORDS)),
    )


def refuse_only_one(encoders: Sequence[Encoder]) -> None:
    """Raise ``BackboneError`` where there is nothing to choose among, though it was asked for."""
    if len(encoders) == 1 and len(encoders[0].names) == 1:
        raise BackboneError(
            _(
                "{backbone} has no blocks whose outputs could be compared.",
                backbone=encoders[0].card.name,
            ),
            _("Leave out --layer, or name another --backbone."),
        )
