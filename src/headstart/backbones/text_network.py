"""A text network as headstart sees it: numbers of tokens in, one embedding per text out.

Between its blocks a text is a map of ``(D, W, t)``, D channels, W windows of t tokens, as
:mod:`headstart.backbones.maps` has it.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from headstart.backbones import Card
from headstart.backbones.dropout import draw_apart
from headstart.backbones.maps import Block, Mean
from headstart.backbones.network import Backbone, count_parameters, hash_weights
from headstart.modalities.text.look import Tokens
from headstart.modalities.text.tokenizer import keep, kept

CONFIG, TOKENIZER = "config.json", "tokenizer.json"
LIBRARY = "transformers"


class Embed(nn.Module):
    """Numbers of tokens (B, W, t) to maps (B, D, W, t)."""

    def __init__(self, embeddings: nn.Module, pad: int) -> None:
        super().__init__()
        self.embeddings = embeddings
        self.pad = pad

    def forward(self, fed: Tensor) -> Tensor:
        """Look tokens up, with their places in the window."""
        B, W, t = fed.shape
        ids = fed.reshape(-1, t)
        h = self.embeddings(input_ids=ids) * (ids != self.pad)[..., None]
        return h.reshape(B, W, t, -1).permute(0, 3, 1, 2)


class First(nn.Module):
    """Maps (B, D, W, t) to the mean over the first token of every window: (B, D)."""

    def forward(self, maps: Tensor) -> Tensor:
        """Average the first tokens, those of empty windows left out."""
        first = maps[..., 0]
        windows = (first != 0).any(1).sum(1).clamp(min=1)
        return first.sum(2) / windows[:, None]


POOLS: dict[str, type[nn.Module]] = {"mean": Mean, "first": First}


class Encoder(nn.Module):
    """Embeddings, layers and pooling of a network such as BERT (Devlin et al. 2019).

    Parameters
    ----------
    model : nn.Module
        Of the library transformers, with ``embeddings`` and ``encoder.layer``.
    """

    def __init__(self, model: Any, pad: int, pool: str) -> None:
        super().__init__()
        self.embed = Embed(model.embeddings, pad)
        self.blocks = nn.ModuleList(Block(layer) for layer in model.encoder.layer)
        self.pool = POOLS[pool]()
        draw_apart(self)

    def forward(self, fed: Tensor) -> Tensor:
        """Embed texts: ids (B, W, t) -> (B, D)."""
        maps = self.embed(fed)
        for block in self.blocks:
            maps = block(maps)
        pooled: Tensor = self.pool(maps)
        return pooled


class TextBackbone(Backbone):
    """A network from numbers of tokens to embeddings.

    Parameters
    ----------
    config : dict
        What transformers builds the network from, and ``pool``: ``"mean"`` or ``"first"``.
    """

    def __init__(
        self,
        net: nn.Module,
        card: Card,
        stages: list[tuple[str, nn.Module]],
        config: dict[str, Any],
    ) -> None:
        super().__init__(net, card, stages)
        self.config = config

    def pooled(self, maps: Tensor) -> Tensor:
        """Average what a block gives over its tokens, padding left out: (B, D)."""
        mean: Tensor = Mean()(maps.float()) if maps.dim() == 4 else maps.float()
        return mean

    def save_beside(self, folder: Path) -> None:
        """Write what rebuilding needs besides the weights: the network's form, its tokenizer."""
        (folder / CONFIG).write_text(json.dumps(self.config, indent=1), "utf-8")
        look = self.card.look
        assert isinstance(look, Tokens)
        (folder / TOKENIZER).write_bytes(kept(look.tokenizer))


def rebuilt(folder: Path, card: Card) -> TextBackbone:
    """Build the network that ``TextBackbone.save_beside`` described, without its weights."""
    config = json.loads((folder / CONFIG).read_text("utf-8"))
    keep((folder / TOKENIZER).read_bytes())
    look = card.look
    assert isinstance(look, Tokens)
    net = Encoder(built(config), look.pad, config["pool"])
    return TextBackbone(net, card, blocks_of(net), config)


def built(config: dict[str, Any]) -> Any:
    """Build a network of transformers from its form, with random weights."""
    from transformers import AutoConfig, AutoModel
    from transformers.utils import logging

    logging.set_verbosity_error()
    form = {k: v for k, v in config.items() if k not in ("pool", "model_type")}
    return AutoModel.from_config(AutoConfig.for_model(config["model_type"], **form))


def wrap(
    model: Any,
    *,
    name: str,
    look: Tokens,
    pool: str,
    licence: str,
    source: str,
) -> TextBackbone:
    """Wrap a network of transformers with its :class:`Card`.

    Parameters
    ----------
    model : nn.Module
        With ``embeddings``, ``encoder.layer`` and ``config``.
    """
    net = Encoder(model, look.pad, pool).eval()
    stages = blocks_of(net)
    card = Card(
        name=name,
        architecture=f"{LIBRARY}:{model.config.model_type}",
        modality="text",
        dim=int(model.config.hidden_size),
        parameters=count_parameters(net),
        licence=licence,
        source=source,
        weights_hash=hash_weights(net),
        look=look,
        layers=tuple((n, type(m).__name__, count_parameters(m)) for n, m in stages),
    )
    return TextBackbone(net, card, stages, {**model.config.to_diff_dict(), "pool": pool})


def blocks_of(net: Encoder) -> list[tuple[str, nn.Module]]:
    """Name the blocks of an encoder: the look-up of tokens, then the layers."""
    layers = [(f"blocks.{k}", block) for k, block in enumerate(net.blocks)]
    return [("embed", net.embed), *layers]
