"""Networks of which there is only the form: small ones, to be trained from scratch as rivals.

They are built by name, so that a model that was trained can be rebuilt, but have no weights to
list or to load.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING

from headstart.errors import BackboneError
from headstart.said import _

if TYPE_CHECKING:
    from headstart.backbones.network import Backbone


@dataclass(frozen=True)
class Form:
    """A network without weights.

    Attributes
    ----------
    module : str
        Whose ``build()`` builds it.
    mark : str
        Changes when it is built in another way.
    method : str
        What trains it.
    """

    module: str
    mark: str
    method: str

    def load(self, name: str, *, pretrained: bool) -> Backbone:
        """Build it with PyTorch's initialisation.

        Raises
        ------
        BackboneError
            Asked for pretrained weights.
        """
        if pretrained:
            raise BackboneError(
                _("{name} has no pretrained weights: it is trained from scratch.", name=name),
                _("Use --method {method}.", method=self.method),
            )
        built: Backbone = import_module(self.module).build()
        return built


FORMS = {"small-sound": Form("headstart.backbones.small_sound", "small-sound 1", "small-cnn")}
