"""Backbones from timm, by ``architecture`` or ``architecture.tag`` (``timm:resnet18.a1_in1k``)."""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from headstart.backbones import LISTING, Listing
from headstart.backbones.downloads import cannot_download, refuse_unreachable
from headstart.backbones.libraries import load_timm
from headstart.modalities.image.look import Preprocessing
from headstart.registry import unknown_name
from headstart.said import N_, _

if TYPE_CHECKING:
    from torch import nn

    from headstart.backbones.vision import VisionBackbone


class TimmProvider:
    """Every pretrained network timm knows; weights go to the ecosystem's own cache."""

    def listings(self) -> Iterable[Listing]:
        """List all names with a tag, marking those whose weights are on this machine."""
        load_timm()
        import timm

        for name in timm.list_models(pretrained=True):
            config: Any = timm.get_pretrained_cfg(name)
            yield Listing(
                name,
                _("{side} px", side=config.input_size[-1]) if config.input_size else "",
                config.license or "",
                available=is_cached(config),
            )

    def fingerprint(self, name: str) -> str | None:
        """Return None: only loading tells which weights a name stands for."""
        return None

    def load(self, name: str, *, pretrained: bool = True) -> VisionBackbone:
        """Build ``name``; downloads the weights if they are not in the cache."""
        load_timm()
        import timm

        if not timm.is_model(name.partition(".")[0]):
            raise unknown_name(_("timm backbone"), name, timm.list_models(pretrained=True), LISTING)
        config = _published(name) if pretrained else None
        if config is not None and not is_cached(config):
            _refuse_unreachable(name, config)
        # What is here is read from here: the hub's client would ask the network all the same.
        file = hub_file(config) if config is not None else None
        overlay = {"file": file} if file else None
        try:
            model = timm.create_model(name, pretrained=pretrained, pretrained_cfg_overlay=overlay)
        except RuntimeError as cause:
            # An unknown tag of a known architecture, or no weights published for it at all.
            raise unknown_name(
                _("timm backbone"), name, timm.list_pretrained(name.partition(".")[0]), LISTING
            ) from cause
        except Exception as cause:  # the hub client raises a dozen kinds when the network is away
            raise cannot_download(f"timm:{name}", cause, _by_hand(name, config)) from cause
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
        licence=said.get("licence") or published.get("license") or N_("not stated"),
        source=said.get("source") or published.get("hf_hub_id") or published.get("url") or "timm",
        source_head=head,
    )


def is_cached(config: Any) -> bool:
    """Tell whether the weights of a timm config lie in the hub's or torch's cache."""
    import torch

    if hub_file(config):
        return True
    if config.url:
        return (Path(torch.hub.get_dir()) / "checkpoints" / config.url.rpartition("/")[2]).exists()
    return False


def hub_file(config: Any) -> str | None:
    """Return where the weights of a timm config lie in the hub's cache."""
    from huggingface_hub import try_to_load_from_cache

    if not config.hf_hub_id:
        return None
    repository, _, revision = config.hf_hub_id.partition("@")
    found = (
        try_to_load_from_cache(repository, filename, revision=revision or None)
        for filename in ("model.safetensors", "pytorch_model.bin")
    )
    return next((path for path in found if isinstance(path, str)), None)


def _published(name: str) -> Any:
    """Return what timm says of the weights of a name; None for a tag that it does not know."""
    import timm

    try:
        return timm.get_pretrained_cfg(name)
    except RuntimeError:
        return None


def _refuse_unreachable(name: str, config: Any) -> None:
    from huggingface_hub import constants, hf_hub_url

    if constants.HF_HUB_OFFLINE:
        return  # the client refuses by itself, at once
    url = config.url
    if config.hf_hub_id:
        repository, _, revision = config.hf_hub_id.partition("@")
        url = hf_hub_url(repository, "model.safetensors", revision=revision or None)
    if url:
        refuse_unreachable(f"timm:{name}", url, _by_hand(name, config))


def _by_hand(name: str, config: Any) -> str:
    """Say which file a network needs, and how it is named then."""
    file, what = "weights.pth", str(_("its weights"))
    if config is not None and config.hf_hub_id:
        file = "model.safetensors"
        what = _(
            "{file} of {repository} from the Hugging Face hub",
            file=file,
            repository=config.hf_hub_id,
        )
    elif config is not None and config.url:
        file, what = config.url.rpartition("/")[2], config.url
    return _(
        "fetch {what} where there is a network, copy it here and name it: {option}.",
        what=what,
        option=f"--backbone 'file:{file}#timm:{name}'",
    )
