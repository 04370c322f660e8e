"""Backbones: what a pretrained network is to the rest of headstart, and how a name becomes one.

A backbone name is ``provider:name`` (``timm:resnet18.a1_in1k``) or a short name that only one
provider knows (``efficientnet-lite0``); ``A+B`` is two of them side by side. Providers are found
through the entry-point group ``headstart.backbones``; the built-in ones enter by the same door.
Nothing in this module imports torch: a :class:`Card` is plain data, and ``Provider.load`` does the
heavy work when it is wanted.
"""

from __future__ import annotations

import fnmatch
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from headstart.errors import ConfigError
from headstart.modalities import DEFAULT as DEFAULT_MODALITY
from headstart.modalities import Look, Modality, modality
from headstart.modalities.side_by_side import FORM, SideBySide
from headstart.registry import Registry, unknown_name
from headstart.said import N_, _, listed

if TYPE_CHECKING:
    from headstart.backbones.network import Backbone


IDENTITY = "identity"
LISTING = "headstart backbones"
EMBEDDING = "embedding"
"""Name of the last layer: what a backbone gives as it is."""
ALL = "all"
"""Name of all layers beside each other."""


@dataclass(frozen=True)
class Card:
    """Everything about a backbone that is data: what listings, run folders and reports show.

    Attributes
    ----------
    name : str
        Canonical, with its provider: ``"embedded:efficientnet-lite0"``.
    architecture : str
        Who builds the layers: ``"timm:tf_efficientnet_lite0"``.
    dim : int
        Length of an embedding.
    parameters : int
        Of the network without its source head.
    licence, source : str
        Of the weights, as far as their publisher says.
    weights_hash : str
        SHA-256 over the weights; the same weights under another name hash the same.
    layers : tuple of (name, kind, parameters)
        The blocks from shallow to deep, for the model summary.
    """

    name: str
    architecture: str
    modality: str
    dim: int
    parameters: int
    licence: str
    source: str
    weights_hash: str
    look: Look[Any]
    layers: tuple[tuple[str, str, int], ...] = ()

    @property
    def learned(self) -> bool:
        """Whether there is anything that pretraining could have taught."""
        return self.parameters > 0

    def to_json(self) -> dict[str, Any]:
        """Return plain types only."""
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        del values["look"], values["layers"]
        layers = [list(layer) for layer in self.layers]
        return {**values, "preprocessing": self.look.to_json(), "layers": layers}

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Card:
        """Rebuild a card; raises ``TypeError`` on missing or unknown keys."""
        look = _look(modality(values["modality"]), values["preprocessing"])
        layers = tuple((str(n), str(k), int(p)) for n, k, p in values["layers"])
        rest = {k: v for k, v in values.items() if k not in ("preprocessing", "layers")}
        return cls(**rest, look=look, layers=layers)


def _look(examples: Modality[Any, Any], values: dict[str, Any]) -> Look[Any]:
    """Rebuild a look, or those of networks side by side."""
    if values.get("form") == FORM:
        return SideBySide(tuple(_look(examples, own) for own in values["looks"]))
    return examples.look(dict(values))


@dataclass(frozen=True)
class Listing:
    """One row of ``headstart backbones``.

    ``available`` is true when the weights are on this machine, so that no network is needed;
    ``general`` is false for a network of one purpose, which ``auto`` leaves to who names it.
    """

    name: str
    summary: str = ""
    licence: str = ""
    parameters: int | None = None
    available: bool = False
    modality: str = DEFAULT_MODALITY
    general: bool = True


class Provider(Protocol):
    """The contract of a backbone plug-in: a class without arguments that has these members.

    Two more may be there: ``packaged = True`` where weights come with an installed package, so
    that models need not hold them; ``engine(ref)``, where a network needs no library to run.
    """

    def listings(self) -> Iterable[Listing]:
        """All names this provider can load, without its prefix; must not download."""

    def load(self, name: str, *, pretrained: bool = True) -> Backbone:
        """Build the network, with its weights or with PyTorch's own initialisation.

        Raises ``UnknownNameError`` for a name it does not know and ``BackboneError`` for weights
        that cannot be had or do not fit.
        """

    def fingerprint(self, name: str) -> str | None:
        """Identify the weights without building the network, or None where that is impossible."""


PROVIDERS: Registry[Provider] = Registry(N_("backbone provider"), LISTING)


@cache
def _provider(prefix: str) -> Provider:
    return _providers().get(prefix).factory()


@cache
def _providers() -> Registry[Provider]:
    PROVIDERS.add_entry_points("headstart.backbones")
    return PROVIDERS


class Loadable(Protocol):
    """Where a network comes from: a name, or a folder it was saved in."""

    def fingerprint(self) -> str | None:
        """Hash that identifies weights and their use, or None if only loading can tell."""

    def load(self) -> Backbone:
        """Build it."""


@dataclass(frozen=True)
class Ref:
    """A resolved backbone name, and whether its weights are the pretrained ones.

    Attributes
    ----------
    prefix, name : str
        Provider and the name within it.
    seed : int or None
        None for the pretrained weights; a number for the same architecture re-initialised with
        that seed, which is the cleanest "no transfer" to compare with (Wang et al. 2019,
        "Characterizing and avoiding negative transfer": only the weights differ).
    asked : tuple of (str, value)
        What of its look is not the network's own, such as ``("size", 96)``.
    """

    prefix: str
    name: str
    seed: int | None = None
    asked: tuple[tuple[str, Any], ...] = ()

    def at(self, **asked: Any) -> Ref:
        """Return the same with another look; None leaves what it was."""
        given = {name: value for name, value in asked.items() if value is not None}
        return replace(self, asked=tuple({**dict(self.asked), **given}.items()))

    def __str__(self) -> str:
        return f"{self.prefix}:{self.name}"

    def fingerprint(self) -> str | None:
        """Hash that identifies weights and their use, or None if only loading can tell."""
        mark = _provider(self.prefix).fingerprint(self.name)
        if mark is None:
            return None
        if self.seed is not None:
            mark = _marked(mark, f"re-initialised with seed {self.seed}")
        return _marked(mark, f"with {self.asked}") if self.asked else mark

    def engine(self) -> Any:
        """Return the network as an engine where it needs no library to run; None elsewhere."""
        make = getattr(_provider(self.prefix), "engine", None)
        return None if make is None else make(self)

    def load(self) -> Backbone:
        """Build the backbone in eval mode with its :class:`Card`; imports torch."""
        backbone = self._load()
        if self.asked:
            backbone.ask(**dict(self.asked))
        return backbone

    def _load(self) -> Backbone:
        provider = _provider(self.prefix)
        if self.seed is None:
            return provider.load(self.name)
        import torch

        # A private stream: the caller's global random state is none of our business.
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            return provider.load(self.name, pretrained=False)


def untrained(name: str) -> Backbone:
    """Build a network by its full name, without its weights."""
    prefix, _, own = name.partition(":")
    return _provider(prefix).load(own, pretrained=False)


def is_packaged(ref: Ref) -> bool:
    """Whether weights come with an installed package, so that a model need not hold them."""
    return bool(getattr(_provider(ref.prefix), "packaged", False))


def _marked(fingerprint: str, how: str) -> str:
    return hashlib.sha256(f"{fingerprint} {how}".encode()).hexdigest()


def resolve(name: str) -> Ref:
    """Turn what a user typed into a :class:`Ref`.

    Parameters
    ----------
    name : str
        ``provider:name``, or a short name known to exactly one provider; ``timm:resnet50`` and
        ``resnet50.a1_in1k`` alike. The embedded provider wins over others for short names. With
        ``+`` between them, several side by side (``backbones/side_by_side.py``).

    Raises
    ------
    UnknownNameError
        With near names as the hint.
    ConfigError
        If several providers know the short name.
    """
    if not name:
        raise ConfigError(
            _("The backbone name is empty."), _("`{command}` lists what there is.", command=LISTING)
        )
    prefix, colon, rest = name.partition(":")
    path, _hash, architecture = rest.partition("#")
    if "+" in architecture or ("+" in name and not (path and Path(path).exists())):
        from headstart.backbones.side_by_side import named_side_by_side

        return named_side_by_side(name)
    if colon and prefix in _providers():
        return Ref(prefix, rest)
    if colon:
        raise unknown_name(_("backbone provider"), prefix, _providers().names(), LISTING)
    known: dict[str, set[str]] = {}
    for prefix in _providers().names():  # "embedded" comes first, and is cheap to ask
        known[prefix] = {row.name for row in _listings(prefix)}
        if prefix == "embedded" and name in known[prefix]:
            return Ref(prefix, name)
    homes = [prefix for prefix, names in known.items() if name in names]
    if len(homes) == 1:
        return Ref(homes[0], name)
    if homes:
        raise ConfigError(
            _("Backbone {name!r} is offered by {homes}.", name=name, homes=listed(homes)),
            _("Say which: {option}.", option=listed((f"{home}:{name}" for home in homes), "or")),
        )
    raise unknown_name(_("backbone"), name, set().union(*known.values()), LISTING)


def _listings(prefix: str) -> list[Listing]:
    return list(_provider(prefix).listings())


def available(
    pattern: str = "*", *, everything: bool = False, modality: str | None = None
) -> list[Listing]:
    """List backbones by full name: those usable now without a network, or all of them.

    Parameters
    ----------
    pattern : str
        Shell-style, matched against the name with and without its provider.
    everything : bool, default=False
        Also list those whose weights would have to be downloaded.
    modality : str, optional
        Only those for examples of this kind.
    """
    rows = []
    for prefix in _providers().names():
        for row in _listings(prefix):
            full = f"{prefix}:{row.name}"
            if not (everything or row.available) or modality not in (None, row.modality):
                continue
            if fnmatch.fnmatch(full, pattern) or fnmatch.fnmatch(row.name, pattern):
                rows.append(replace(row, name=full))

    def order(row: Listing) -> tuple[bool, bool, str]:
        return not row.available, row.modality != DEFAULT_MODALITY, row.name

    return sorted(rows, key=order)
