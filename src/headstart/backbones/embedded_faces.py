"""A network for faces, whose weights arrive as a package of npm."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from headstart.backbones import Listing
from headstart.errors import BackboneError
from headstart.modalities.image.faces import package
from headstart.said import N_, _

if TYPE_CHECKING:
    from headstart.backbones.face import FaceBackbone

FORMAT = "1"
"""Raise it when the network is made of the package in another way."""


@dataclass(frozen=True)
class FacePackage:
    """The weights of the network, and of those that look for faces.

    Attributes
    ----------
    parameters : int
        Of the network, as it is built.
    licence, summary : str
    """

    parameters: int
    licence: str
    summary: str

    def listing(self, name: str) -> Listing:
        """Return the row of ``headstart backbones``."""
        here = self._here
        return Listing(name, self.summary, self.licence, self.parameters, here, general=False)

    @property
    def _here(self) -> bool:
        try:
            return package.FACE_API.available
        except BackboneError:  # said where the network is asked for
            return False

    def fingerprint(self) -> str:
        """SHA-256 of all files, and how they are read: known before they are here."""
        return hashlib.sha256(f"{package.FACE_API.mark} {FORMAT}".encode()).hexdigest()

    def load(self, *, pretrained: bool) -> FaceBackbone:
        """Build the network; without ``pretrained``, with random weights.

        Faces are looked for with the package's weights in both cases.

        Raises
        ------
        BackboneError
            Weights that cannot be had, or do not fit.
        """
        from headstart.backbones.face import build

        source = package.FACE_API
        tensors = source.tensors(package.RECOGNITION) if pretrained else None
        try:
            return build(
                tensors,
                weights=source.mark,
                licence=self.licence,
                source=_("package {package}", package=f"{source.name} {source.version}"),
            )
        except (RuntimeError, KeyError) as cause:
            raise BackboneError(
                _(
                    "The weights of {name} cannot be used ({cause}).",
                    name="face",
                    cause=str(cause).splitlines()[0],
                ),
                _("Install the package again."),
            ) from cause


FACES = {"face": FacePackage(5_607_488, "MIT", N_("faces: who is seen"))}
