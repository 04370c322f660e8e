"""Backbones from timm, by ``architecture`` or ``architecture.tag`` (``timm:resnet18.a1_in1k``)."""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from headstart.backbones import LISTING, Listing, cannot_download
from headstart.modalities.image.look import Preprocessing
from headstart.registry import unknown_name

if TYPE_CHECKING:
    from torch import nn

    from headstart.backbones.vision import VisionBackbone


class TimmProvider:
    """Every pretrained network timm knows; weights go to the ecosystem's own cache."""

    def listings(self) -> Iterable[Listing]:
        """List all names with a tag, marking those whose weights are on this machine."""
        import timm

        for name in timm.list_models(pretrained=True):
            config: Any = timm.get_pretrained_cfg(name)
            yield Listing(
                name,
                f"{config.input_size[-1]} px" if config.input_size else "",
                config.license or "",
                available=is_cached(config),
            )

    def fingerprint(self, name: str) -> str | None:
        """Return None: only loading tells which weights a name stands for."""
        return None

    def load(self, name: str, *, pretrained: bool = True) -> VisionBackbone:
        """Build ``name``; downloads the weights if they are not in the cache."""
        import timm

        if not timm.is_model(name.partition(".")[0]):
            raise unknown_name("timm backbone", name, timm.list_models(pretrained=True), LISTING)
        try:
            model = timm.create_model(name, pretrained=pretrained)
        except RuntimeError as cause:
            # An unknown tag of a known architecture, or no weights published for it at all.
            raise unknown_name(
                "timm backbone", name, timm.list_pretrained(name.partition(".")[0]), LISTING
            ) from cause
        except Exception as cause:  # the hub client raises a dozen kinds when the network is away
            raise cannot_download(f"timm:{name}", cause) from cause
        return wrap_timm(model, name=f"timm:{name}")


def wrap_timm(model: Any, *, name: str, **said: str) -> VisionBackbone:
    """Cut a timm model at its embedding and read its preprocessing from its own config.

    Parameters
    ----------
    model : nn.Module
        From ``timm.create_model``, with its classifier.
    said : str
        ``licence`` and ``source`` where the caller knows better than the config.
    """
    from timm.data.config import resolve_model_data_config

    from headstart.backbones.vision import wrap

    config = resolve_model_data_config(model)
    size = int(config["input_size"][-1])
    preprocessing = Preprocessing(
        size=size,
        resize=math.floor(size / config["crop_pct"]),
        mean=tuple(config["mean"]),
        std=tuple(config["std"]),
        interpolation=config["interpolation"],
    )
    published = model.pretrained_cfg
    head: nn.Module = model.get_classifier()
    model.reset_classifier(0)
    return wrap(
        model,
        name=name,
        architecture=f"timm:{published['architecture']}",
        preprocessing=preprocessing,
        licence=said.get("licence") or published.get("license") or "not stated",
        source=said.get("source") or published.get("hf_hub_id") or published.get("url") or "timm",
        source_head=head,
    )


def is_cached(config: Any) -> bool:
    """Tell whether the weights of a timm config lie in the hub's or torch's cache."""
    import torch
    from huggingface_hub import try_to_load_from_cache

    if config.hf_hub_id:
        for filename in ("model.safetensors", "pytorch_model.bin"):
            if isinstance(try_to_load_from_cache(config.hf_hub_id, filename), str):
                return True
    if config.url:
        return (Path(torch.hub.get_dir()) / "checkpoints" / config.url.rpartition("/")[2]).exists()
    return False
