"""The methods by name: which of them compete, and which a user asked for."""

from __future__ import annotations

from headstart.adaptation.align import Coral, GaussianTransport, Standardisation, SubspaceAlignment
from headstart.adaptation.bottleneck import DEEP
from headstart.adaptation.domains import Adapter
from headstart.adaptation.prototypes import T3A, Prototypes
from headstart.adaptation.pseudo import LabelPropagation, SelfTraining
from headstart.adaptation.transport import OptimalTransport
from headstart.adaptation.weighting import ImportanceWeighting
from headstart.errors import ConfigError, UnknownNameError
from headstart.registry import unknown_name
from headstart.said import _, commas

AUTO = "auto"

ADAPTERS: tuple[Adapter, ...] = (
    Standardisation(),
    Coral(),
    GaussianTransport(),
    SubspaceAlignment(),
    OptimalTransport(),
    ImportanceWeighting(),
    T3A(),
    SelfTraining(),
    LabelPropagation(),
    Prototypes(),
    *DEEP,
)
"""All that work on features."""

UNASKED = ("Deep CORAL", "AFN")
"""Compete only if they are named: the one does what CORAL does, the other was last of all."""


def adapters_of(methods: str) -> tuple[Adapter, ...]:
    """Find adapters by their names, with commas between them; ``"auto"``: the default family.

    Raises
    ------
    UnknownNameError
        No such method.
    ConfigError
        No name at all.
    """
    if methods.strip() == AUTO:
        return tuple(a for a in ADAPTERS if a.name not in UNASKED)
    known = {adapter.name.lower(): adapter for adapter in ADAPTERS}
    names = dict.fromkeys(name.strip() for name in methods.split(",") if name.strip())
    for name in names:
        if name.lower() not in known:
            every = [a.name for a in ADAPTERS]
            near = unknown_name(_("adaptation method"), name, every)
            there = _("There are {names}.", names=commas(every))
            raise UnknownNameError(near.message, near.hint or there)
    asked = {name.lower() for name in names}
    if not asked:
        raise ConfigError(
            _("--methods {methods!r} names nothing.", methods=methods),
            _("Name one, or leave it out."),
        )
    # In the order of ADAPTERS, not of the user: the first of two that are equally good is taken.
    return tuple(adapter for adapter in ADAPTERS if adapter.name.lower() in asked)
