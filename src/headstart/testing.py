"""Conformance checks for plug-in authors: call them in your own tests."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from headstart.backbones import Card

if TYPE_CHECKING:
    from headstart.backbones.network import Backbone


def check_backbone(backbone: Backbone) -> None:
    """Hold a backbone to the contract; raises ``AssertionError`` with what is amiss.

    Parameters
    ----------
    backbone : Backbone
        What a provider's ``load`` returned.

    Examples
    --------
    >>> from headstart.backbones import resolve
    >>> check_backbone(resolve("efficientnet-lite0").load())
    """
    import torch

    card = backbone.card
    assert not backbone.training, "a backbone is loaded in eval mode"
    fed = torch.from_numpy(card.look.drawn(3))
    with torch.inference_mode():
        together, alone = backbone(fed), backbone(fed[1:2])
    assert together.shape == (3, card.dim), f"embeds to {tuple(together.shape)}, not (3, dim)"
    assert torch.isfinite(together).all(), "an embedding holds values that are not finite"
    assert torch.allclose(together[1:2], alone, atol=1e-4), "an example depends on its batch"
    counted = sum(p.numel() for p in backbone.net.parameters())
    assert card.parameters == counted, f"the card says {card.parameters} parameters, not {counted}"
    assert len(backbone.blocks()) >= 2, "blocks() lists the stages from shallow to deep"
    assert sum(p for _, _, p in card.layers) == card.parameters, "layers leave parameters out"
    assert card.licence, "the licence of the weights must be stated, if only as 'not stated'"
    assert card.source, "the source of the weights must be stated"
    copy = Card.from_json(json.loads(json.dumps(card.to_json())))
    assert copy == card, "the card does not survive JSON"
