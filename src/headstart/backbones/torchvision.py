"""Backbones from torchvision, by its model names (``torchvision:vgg16``), with default weights."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from headstart.backbones import LISTING, Listing
from headstart.backbones.downloads import cannot_download, refuse_unreachable
from headstart.backbones.libraries import load_torchvision
from headstart.errors import BackboneError
from headstart.modalities.image.look import Preprocessing
from headstart.registry import unknown_name
from headstart.said import N_, _

if TYPE_CHECKING:
    from torch import nn

    from headstart.backbones.vision import VisionBackbone

LICENCE = N_("not stated (torchvision: BSD-3-Clause code, ImageNet-trained weights)")


class TorchvisionProvider:
    """Every classification network of ``torchvision.models``."""

    def listings(self) -> Iterable[Listing]:
        """List the classifiers, marking those whose weights are in torch's cache."""
        for name in _names():
            weights = _weights(name)
            yield Listing(
                name,
                _("{side} px", side=_crop(weights)),
                LICENCE,
                int(weights.meta["num_params"]),
                _cached(weights),
            )

    def fingerprint(self, name: str) -> str | None:
        """Return None: only loading tells."""
        return None

    def load(self, name: str, *, pretrained: bool = True) -> VisionBackbone:
        """Build ``name``; downloads the default weights if they are not in the cache."""
        load_torchvision()
        from torchvision.models import get_model

        if name not in _names():
            raise unknown_name(_("torchvision backbone"), name, _names(), LISTING)
        weights = _weights(name)
        by_hand = _by_hand(weights)
        if pretrained and not _cached(weights):
            refuse_unreachable(f"torchvision:{name}", weights.url, by_hand)
        try:
            model = get_model(name, weights=weights if pretrained else None)
        except OSError as cause:
            raise cannot_download(f"torchvision:{name}", cause, by_hand) from cause
        return wrap_torchvision(model, name, weights)


def wrap_torchvision(
    model: nn.Module, name: str, weights: Any, *, label: str = "", source: str = ""
) -> VisionBackbone:
    """Cut a torchvision model before its last linear layer; preprocessing is its weights' own."""
    from torch import nn

    from headstart.backbones.vision import wrap

    linears = [n for n, m in model.named_modules() if isinstance(m, nn.Linear)]
    if not linears:
        raise BackboneError(
            _("torchvision:{name} has no final linear layer to cut at.", name=name),
            _("Choose another backbone."),
        )
    head = model.get_submodule(linears[-1])
    parent, _dot, last = linears[-1].rpartition(".")
    setattr(model.get_submodule(parent), last, nn.Identity())
    look = weights.transforms()
    return wrap(
        model,
        name=label or f"torchvision:{name}",
        architecture=f"torchvision:{name}",
        preprocessing=Preprocessing(
            size=_crop(weights),
            resize=int(look.resize_size[0]),
            mean=tuple(look.mean),
            std=tuple(look.std),
            interpolation=look.interpolation.value,
        ),
        licence=LICENCE,
        source=source or weights.url,
        source_head=head,
    )


def _names() -> list[str]:
    load_torchvision()
    import torchvision

    # The two with auxiliary heads change their output in training; everything else is uniform.
    skip = ("inception_v3", "googlenet", "squeezenet1_0", "squeezenet1_1")
    names: list[str] = torchvision.models.list_models(module=torchvision.models)
    return [name for name in names if name not in skip]


def _weights(name: str) -> Any:
    from torchvision.models import get_model_weights

    return get_model_weights(name).DEFAULT


def _crop(weights: Any) -> int:
    return int(weights.transforms().crop_size[0])


def _cached(weights: Any) -> bool:
    return _place(weights).exists()


def _place(weights: Any) -> Path:
    """Where torch keeps them."""
    import torch

    return Path(torch.hub.get_dir()) / "checkpoints" / str(weights.url).rpartition("/")[2]


def _by_hand(weights: Any) -> str:
    return _(
        "fetch {url} where there is a network and copy it to {place}.",
        url=weights.url,
        place=str(_place(weights)),
    )
