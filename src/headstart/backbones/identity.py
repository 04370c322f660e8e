"""The identity: numbers that are features already, computed by others or measured.

Nothing was learned, so nothing is transferred; the head does all the work.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from headstart.backbones import IDENTITY, LISTING, Card, Listing, Ref
from headstart.errors import ConfigError
from headstart.modalities import Fed
from headstart.modalities.arrays.look import Centred
from headstart.registry import unknown_name
from headstart.said import N_, _

if TYPE_CHECKING:
    from headstart.backbones.network import Backbone


class IdentityProvider:
    """The one network that does nothing, for rows of numbers."""

    packaged = True

    def listings(self) -> Iterable[Listing]:
        """List it; it is always there."""
        yield Listing(
            IDENTITY,
            N_("numbers as they are; nothing is transferred"),
            N_("none"),
            0,
            True,
            "array",
        )

    def fingerprint(self, name: str) -> str | None:
        """Return a constant: there are no weights."""
        return self._known(name)

    def load(self, name: str, *, pretrained: bool = True) -> Backbone:
        """Build it as a network without blocks; what its look is has to be asked of it."""
        from headstart.backbones.identity_network import IdentityBackbone  # imports torch

        self._known(name)
        return IdentityBackbone(card_of(Centred((), ())))

    def engine(self, ref: Ref) -> IdentityEngine:
        """Run without any library."""
        self._known(ref.name)
        look = Centred((), ()).asked(**dict(ref.asked))
        if not look.columns:
            raise ConfigError(_("identity takes rows of numbers."), _("Leave out --backbone."))
        return IdentityEngine(card_of(look))

    def _known(self, name: str) -> str:
        if name != IDENTITY:
            raise unknown_name(_("backbone for rows of numbers"), name, [IDENTITY], LISTING)
        return IDENTITY


@dataclass(frozen=True)
class IdentityEngine:
    """An engine that only centres: float64 ``(B, dim)`` -> float32 ``(B, dim)``.

    Centred before they are rounded: of a time stamp float32 would keep minutes only.
    """

    card: Card
    name: str = "identity-float32"
    batch_size: int = 1

    def replica(self) -> Callable[[Fed], NDArray[np.float32]]:
        """Return the pass."""
        look = self.card.look
        assert isinstance(look, Centred)
        middle = np.array(look.middle)
        return lambda fed: (fed - middle).astype(np.float32)


def card_of(look: Centred) -> Card:
    """Describe the identity on rows of so many columns."""
    return Card(
        name=f"array:{IDENTITY}",
        architecture=IDENTITY,
        modality="array",
        dim=len(look.columns),
        parameters=0,
        licence=N_("none: there are no weights"),
        source=N_("the numbers themselves"),
        weights_hash=IDENTITY,
        look=look,
    )
