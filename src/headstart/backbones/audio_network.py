"""A network for sound as headstart sees it: frames or a wave in, one embedding a recording out.

Between its blocks a recording is a map of ``(D, W, t)``, D channels, W windows of t places, as
:mod:`headstart.backbones.maps` has it. What follows the end of a recording is exactly zero from the
look on; every part of a network that would look beyond the end (convolutions, attention, norms over
time) is held to what is there, so an answer does not depend on how far a batch is padded.

A block is described by the mean and the standard deviation of its channels over the recording's own
places, (B, 2 D), and so is the embedding: the last block after the last norm. Means tell what is
said, deviations add how it varies, which tells voices apart.
"""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from headstart.backbones import Card
from headstart.backbones.maps import Block, Spread, to_maps
from headstart.backbones.network import Backbone, count_parameters, hash_weights
from headstart.modalities.audio.look import Mels, Waves

CONFIG = "config.json"
LIBRARY = "transformers"
WAVES = ("wav2vec2", "hubert", "wavlm")
"""Kinds of networks that take waves, by the names of transformers."""


class WhisperStem(nn.Module):
    """Frames of mels (B, W, mels, t) to maps (B, D, W, t / 2): two convolutions, and positions.

    Parameters
    ----------
    encoder : nn.Module
        ``WhisperEncoder`` of transformers.

    References
    ----------
    Radford et al. (2022), "Robust speech recognition via large-scale weak supervision",
    arXiv:2212.04356, section 2.2.
    """

    positions: Tensor

    def __init__(self, encoder: Any) -> None:
        super().__init__()
        self.conv1, self.conv2 = encoder.conv1, encoder.conv2
        self.register_buffer("positions", encoder.embed_positions.weight.detach().clone())

    def forward(self, fed: Tensor) -> Tensor:
        """Run the convolutions, which see zeros beyond the end, as at the end of a lone one."""
        B, W, mels, t = fed.shape
        frames = fed.reshape(-1, mels, t)
        there = (frames != 0).any(1, keepdim=True)
        h = functional.gelu(self.conv1(frames)) * there
        h = functional.gelu(self.conv2(h)).transpose(1, 2)
        h = h + self.positions[: h.shape[1]]
        return to_maps(h * there[..., ::2].transpose(1, 2), B, W)


class WaveStem(nn.Module):
    """Waves (B, W, n) to maps of features (B, C, W, t), 20 ms a place.

    The first convolution of base networks is followed by a norm of each channel over time: it is
    taken over the recording's own places.

    Parameters
    ----------
    extractor : nn.Module
        ``feature_extractor`` of a network of ``WAVES``.

    References
    ----------
    Baevski et al. (2020), "wav2vec 2.0", arXiv:2006.11477, section 2 and 4.2.
    """

    def __init__(self, extractor: Any) -> None:
        super().__init__()
        self.layers = nn.ModuleList(extractor.conv_layers)
        self.field, self.stride = reach([layer.conv for layer in self.layers])
        self.first = reach([self.layers[0].conv])

    def forward(self, fed: Tensor) -> Tensor:
        """Run the convolutions, which look at nothing beyond the places that are there."""
        B, W, n = fed.shape
        wave = fed.reshape(-1, 1, n)
        h = self._first(wave)
        for layer in self.layers[1:]:
            h = layer(h)
        there = wave[..., self.field - 1 :: self.stride] != 0
        return to_maps((h * there).transpose(1, 2), B, W)

    def _first(self, wave: Tensor) -> Tensor:
        layer: Any = self.layers[0]
        norm = getattr(layer, "layer_norm", None)
        if not isinstance(norm, nn.GroupNorm):
            first: Tensor = layer(wave)
            return first
        h = layer.conv(wave)
        field, stride = self.first
        there = wave[..., field - 1 :: stride] != 0
        places = there.sum(-1, keepdim=True).clamp(min=1)
        off = (h - (h * there).sum(-1, keepdim=True) / places) * there
        variance = (off * off).sum(-1, keepdim=True) / places
        h = off * (variance + norm.eps).rsqrt() * norm.weight[:, None] + norm.bias[:, None]
        activated: Tensor = layer.activation(h)
        return activated


class WaveEmbed(nn.Module):
    """Maps of features (B, C, W, t) to maps (B, D, W, t): a projection, and places by convolution.

    Parameters
    ----------
    model : nn.Module
        Of ``WAVES``.
    """

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.projection = model.feature_projection
        self.positions = model.encoder.pos_conv_embed
        convolution = self.positions.conv
        if nn.utils.parametrize.is_parametrized(convolution):  # a weight is what can be saved
            nn.utils.parametrize.remove_parametrizations(convolution, "weight")
        self.norm = None if model.config.do_stable_layer_norm else model.encoder.layer_norm
        self.dropout = model.encoder.dropout

    def forward(self, maps: Tensor) -> Tensor:
        """Embed windows one by one."""
        B, C, W, t = maps.shape
        features = maps.permute(0, 2, 3, 1).reshape(-1, t, C)
        there = (features != 0).any(-1, keepdim=True)
        h = self.projection(features)
        h = (h if isinstance(h, Tensor) else h[0]) * there
        h = h + self.positions(h)
        h = self.dropout(h if self.norm is None else self.norm(h))
        return to_maps(h * there, B, W)


class ByDistance(nn.Module):
    """The attention of a layer of WavLM, which is told how far places are apart.

    In WavLM all layers share the first one's table of distances; here each has a copy, so that a
    network can be cut between them.

    Parameters
    ----------
    attention : nn.Module
        ``WavLMAttention`` of transformers.
    table : nn.Module
        That of the first layer.

    References
    ----------
    Chen et al. (2021), "WavLM", arXiv:2110.13900, section 3.1, equations 4 to 8.
    """

    def __init__(self, attention: Any, table: nn.Module) -> None:
        super().__init__()
        self.inner = attention
        self.inner.rel_attn_embed = copy.deepcopy(table)

    def forward(
        self, hidden_states: Tensor, attention_mask: Tensor, **_others: Any
    ) -> tuple[Tensor, None, None]:
        """Attend; ``attention_mask`` is added to what attention goes by."""
        inner, (n, t, D) = self.inner, hidden_states.shape

        def heads(x: Tensor) -> Tensor:
            return x.reshape(n, t, inner.num_heads, -1).transpose(1, 2)

        gates = inner.gru_rel_pos_linear(heads(hidden_states))
        gates = torch.sigmoid(gates.reshape(n, inner.num_heads, t, 2, 4).sum(-1))
        update, reset = gates.chunk(2, dim=-1)
        gate = update * (reset * inner.gru_rel_pos_const - 1) + 2
        out = functional.scaled_dot_product_attention(
            heads(inner.q_proj(hidden_states)),
            heads(inner.k_proj(hidden_states)),
            heads(inner.v_proj(hidden_states)),
            attn_mask=gate * inner.compute_bias(t, t) + attention_mask,
            dropout_p=inner.dropout if self.training else 0.0,
        )
        return inner.out_proj(out.transpose(1, 2).reshape(n, t, D)), None, None


class Encoder(nn.Module):
    """A stem, layers and pooling.

    Parameters
    ----------
    model : nn.Module
        Of transformers: ``WhisperEncoder``, or a whole network of ``WAVES``. Its parts are taken,
        not copied.
    """

    def __init__(self, model: Any) -> None:
        super().__init__()
        if model.config.model_type == "whisper":
            layers, norm = model.layers, model.layer_norm
            stem: list[nn.Module] = [WhisperStem(model)]
        else:
            encoder = model.encoder
            stem = [WaveStem(model.feature_extractor), WaveEmbed(model)]
            layers = encoder.layers
            norm = encoder.layer_norm if model.config.do_stable_layer_norm else None
        if model.config.model_type == "wavlm":
            table = layers[0].attention.rel_attn_embed
            for layer in layers:
                layer.attention = ByDistance(layer.attention, table)
        self.stem = nn.Sequential(*stem)
        last = len(layers) - 1
        self.blocks = nn.ModuleList(
            Block(layer, norm if k == last else None) for k, layer in enumerate(layers)
        )
        self.pool = Spread()

    def forward(self, fed: Tensor) -> Tensor:
        """Embed recordings: (B, W, mels, t) or (B, W, n) -> (B, 2 D)."""
        maps = self.stem(fed)
        for block in self.blocks:
            maps = block(maps)
        pooled: Tensor = self.pool(maps)
        return pooled


class AudioBackbone(Backbone):
    """A network from frames or waves to embeddings.

    Parameters
    ----------
    config : dict
        What transformers builds the network from; empty where its provider builds it by name.
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
        """Mean and deviation of what a block gives over its places, padding left out: (B, 2 D)."""
        spread: Tensor = Spread()(maps.float()) if maps.dim() == 4 else maps.float()
        return spread

    def save_beside(self, folder: Path) -> None:
        """Write what rebuilding needs besides the weights: the network's form."""
        if self.config:
            (folder / CONFIG).write_text(json.dumps(self.config, indent=1), "utf-8")


def rebuilt(folder: Path, card: Card) -> AudioBackbone:
    """Build the network that ``AudioBackbone.save_beside`` described, without its weights."""
    config = json.loads((folder / CONFIG).read_text("utf-8"))
    net = Encoder(built(config))
    return AudioBackbone(net, card, blocks_of(net), config)


def built(config: dict[str, Any]) -> Any:
    """Build a network of transformers from its form, with random weights; of Whisper, the encoder.

    Parameters
    ----------
    config : dict
        With ``model_type``.
    """
    from transformers import AutoConfig, AutoModel
    from transformers.models.whisper.modeling_whisper import WhisperEncoder
    from transformers.utils import logging

    logging.set_verbosity_error()
    form = {k: v for k, v in config.items() if k != "model_type"}
    made: Any = AutoConfig.for_model(config["model_type"], **form)
    if config["model_type"] == "whisper":
        return WhisperEncoder(made)
    return AutoModel.from_config(made)


def wrap(
    net: Encoder, config: Any, *, name: str, look: Mels | Waves, licence: str, source: str
) -> AudioBackbone:
    """Wrap a network with its :class:`Card`.

    Parameters
    ----------
    config : PretrainedConfig
        Of transformers.
    """
    form = config.to_diff_dict()
    net = net.eval().requires_grad_(False)
    card = card_of(
        net,
        blocks_of(net),
        name=name,
        architecture=f"{LIBRARY}:{form['model_type']}",
        look=look,
        dim=2 * int(config.hidden_size),
        licence=licence,
        source=source,
    )
    return AudioBackbone(net, card, blocks_of(net), form)


def card_of(net: nn.Module, stages: list[tuple[str, nn.Module]], **said: Any) -> Card:
    """Write the card of a network for sound."""
    return Card(
        modality="audio",
        parameters=count_parameters(net),
        weights_hash=hash_weights(net),
        layers=tuple((n, type(m).__name__, count_parameters(m)) for n, m in stages),
        **said,
    )


def blocks_of(net: Encoder) -> list[tuple[str, nn.Module]]:
    """Name the blocks of an encoder: its stem, then the layers."""
    stem = [(f"stem.{k}", part) for k, part in enumerate(net.stem)]
    return [*stem, *((f"blocks.{k}", block) for k, block in enumerate(net.blocks))]


def reach(convolutions: list[Any]) -> tuple[int, int]:
    """Return how many samples convolutions look at for one place, and how many lie between two."""
    field, stride = 1, 1
    for convolution in convolutions:
        field += (convolution.kernel_size[0] - 1) * stride
        stride *= convolution.stride[0]
    return field, stride
