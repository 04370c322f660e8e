"""Backbones side by side: ``A+B``, whose embedding is A's and B's, one after the other.

``A@LAYER+B`` takes a layer of A, or ``all`` of them, where ``A`` alone is its last one. To
everything else it is one backbone with one card. Each part runs in an engine of its own and its
vectors are cached as its own, so a network that was run before is not run again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import unquote

from headstart.backbones import ALL, EMBEDDING, Card, Ref, resolve
from headstart.errors import ConfigError
from headstart.modalities.side_by_side import SideBySide
from headstart.said import _, listed

if TYPE_CHECKING:
    from headstart.backbones.layer import LayerRef
    from headstart.backbones.network import Backbone
    from headstart.backbones.side_by_side_network import SideBySideNetwork
    from headstart.backbones.stages import Stages, StagesRef

PLUS, AT = "+", "@"


class Source(Protocol):
    """What gives the vectors of a layer of a backbone, or of all of them."""

    def fingerprint(self) -> str | None:
        """Hash that identifies the weights and their use, or None if only loading can tell."""

    def load(self) -> Backbone | Stages:
        """Build the network."""


Part = tuple[Source, str]
"""A source, and the name of the layer."""


@dataclass(frozen=True)
class SideBySideRef(Ref):
    """Several backbones by name; ``name`` holds the full names, each with its layer.

    A ``seed`` and what is ``asked`` are those of all parts.
    """

    @classmethod
    def of(cls, parts: Sequence[tuple[Ref, str]]) -> SideBySideRef:
        """Put layers of backbones side by side, of which all ask for the same look."""
        name = PLUS.join(label(_quoted(str(ref)), layer) for ref, layer in parts)
        return cls("", name, parts[0][0].seed, parts[0][0].asked)

    @property
    def refs(self) -> tuple[tuple[Ref, str], ...]:
        """The backbones, and the layer of each."""
        found = []
        for part in self.name.split(PLUS):
            full, layer = _apart(part)
            prefix, _colon, name = unquote(full).partition(":")
            found.append((Ref(prefix, name, self.seed, self.asked), layer))
        return tuple(found)

    def parts(self) -> tuple[Part, ...]:
        """Return what gives the vectors of each."""
        return tuple((at(ref, layer), layer) for ref, layer in self.refs)

    def __str__(self) -> str:
        return PLUS.join(label(str(ref), layer) for ref, layer in self.refs)

    def fingerprint(self) -> str | None:
        """Hash that identifies all weights and their use, or None if only loading can tell."""
        return _fingerprint(self.parts())

    def engine(self) -> Any:
        """None: the parts have engines."""
        return None

    def load(self) -> SideBySideNetwork:
        """Build all networks."""
        return _load(self.parts())


@dataclass(frozen=True)
class SideBySideSaved:
    """Stands where a :class:`~headstart.backbones.Ref` does, for parts kept in a model folder."""

    own: tuple[Part, ...]
    seed: None = None

    def parts(self) -> tuple[Part, ...]:
        """Return what gives the vectors of each."""
        return self.own

    def __str__(self) -> str:
        return PLUS.join(label(str(source), layer) for source, layer in self.own)

    def fingerprint(self) -> str | None:
        """Hash that identifies all weights and their use, or None if only loading can tell."""
        return _fingerprint(self.own)

    def load(self) -> SideBySideNetwork:
        """Build all networks."""
        return _load(self.own)


def named_side_by_side(name: str) -> SideBySideRef:
    """Turn ``A+B`` as a user typed it, each with a layer or without, into what it stands for.

    Raises
    ------
    UnknownNameError, ConfigError
        A part that is no backbone; the same part twice.
    """
    parts = [(resolve(full), layer) for full, layer in map(_apart, name.split(PLUS))]
    if len(set(parts)) < len(parts):
        raise ConfigError(
            _("{name!r} names the same backbone and layer twice.", name=name),
            _("Name two backbones, or two layers: A@blocks.1+A@blocks.3."),
        )
    return SideBySideRef.of(parts)


def at(ref: Ref, layer: str) -> Ref | LayerRef | StagesRef:
    """Return what gives the vectors of a layer, or of all of them, of a backbone."""
    if layer == EMBEDDING:
        return ref
    if layer == ALL:
        from headstart.backbones.stages import StagesRef  # imports torch

        return StagesRef(ref)
    from headstart.backbones.layer import LayerRef

    return LayerRef(ref, layer)


def label(name: str, layer: str) -> str:
    """Name a layer of a backbone as ``--backbone`` takes it.

    Examples
    --------
    >>> label("embedded:speaker", "lstm.1"), label("embedded:speaker", "embedding")
    ('embedded:speaker@lstm.1', 'embedded:speaker')
    """
    return name if layer == EMBEDDING else f"{name}{AT}{layer}"


def card_of(parts: Sequence[tuple[Card, str]]) -> Card:
    """Write the one card of several networks, each with the name of the layer it ends at.

    Raises
    ------
    ConfigError
        Networks for examples of different kinds.
    """
    cards, names = [card for card, _layer in parts], [label(c.name, layer) for c, layer in parts]
    if len({card.modality for card in cards}) > 1:
        kinds = [f"{card.name} ({card.modality})" for card in cards]
        raise ConfigError(
            _(
                "{name} puts backbones for examples of different kinds side by side: {kinds}.",
                name=PLUS.join(names),
                kinds=listed(kinds),
            ),
            _("Name backbones that are all for your examples; `headstart backbones` lists them."),
        )
    marks = "|".join(card.weights_hash for card in cards)
    return Card(
        name=PLUS.join(names),
        architecture=PLUS.join(card.architecture for card in cards),
        modality=cards[0].modality,
        dim=sum(card.dim for card in cards),
        parameters=sum(card.parameters for card in cards),
        licence=", ".join(dict.fromkeys(card.licence for card in cards)),
        source=", ".join(dict.fromkeys(card.source for card in cards)),
        weights_hash=hashlib.sha256(f"{marks} side by side".encode()).hexdigest(),
        look=SideBySide(tuple(card.look for card in cards)),
        layers=tuple((n, c.architecture, c.parameters) for n, c in zip(names, cards, strict=True)),
    )


def _load(parts: Sequence[Part]) -> SideBySideNetwork:
    from headstart.backbones.side_by_side_network import SideBySideNetwork  # imports torch

    networks = [source.load() for source, _layer in parts]
    layers = [layer for _source, layer in parts]
    return SideBySideNetwork(
        networks, card_of([(n.card, layer) for n, layer in zip(networks, layers, strict=True)])
    )


def _fingerprint(parts: Sequence[Part]) -> str | None:
    marks = [source.fingerprint() for source, _layer in parts]
    known = [mark for mark in marks if mark is not None]
    if len(known) < len(marks):
        return None
    return hashlib.sha256(f"{'|'.join(known)} side by side".encode()).hexdigest()


def _apart(part: str) -> tuple[str, str]:
    """Split ``A@LAYER``; an @ within a path is none of ours."""
    name, _at, layer = part.rpartition(AT)
    return (name, layer) if name and layer and "/" not in layer else (part, EMBEDDING)


def _quoted(name: str) -> str:
    """Hide what has a meaning here from a name that holds it, as the path of a folder may."""
    for sign in ("%", PLUS, AT):
        name = name.replace(sign, f"%{ord(sign):02X}")
    return name
