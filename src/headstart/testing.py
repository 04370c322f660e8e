"""Conformance checks for plug-in authors: call them in your own tests."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from headstart.backbones import Card

if TYPE_CHECKING:
    from headstart.backbones.network import Backbone
    from headstart.tasks import Floats, Task


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


def check_task(task: Task, labels: Sequence[str], right: Floats) -> None:
    """Hold a task to the contract; raises ``AssertionError`` with what is amiss.

    Parameters
    ----------
    task : Task
    labels : sequence of str
        As they are written, several.
    right : ndarray of shape (n, n_outputs)
        Answers that could not be better about these labels.

    Examples
    --------
    >>> from headstart.tasks.classification import Classification
    >>> check_task(Classification(("cat", "dog")), ["cat", "dog"], np.eye(2))
    """
    y, n = task.encode(labels), len(labels)
    assert task.decode(y) == list(labels), "decode does not undo encode"
    shape = (n, task.n_outputs)
    assert right.shape == shape, f"answers have the shape {right.shape}, not {shape}"
    assert np.array_equal(task.score(y, right), np.ones(n)), "answers that are right do not score 1"
    rng = np.random.default_rng(0)
    out = rng.dirichlet(np.ones(task.n_outputs), n)
    out[::2] = right[::2]
    score, order = task.score(y, out), rng.permutation(n)
    assert score.shape == (n,), f"score gives {score.shape}: not one number per row"
    assert ((score >= 0) & (score <= 1)).all(), "a score lies outside 0 to 1"
    turned = task.score(y[order], out[order])
    assert np.array_equal(turned, score[order]), "the score of a row depends on the others"
    reported, again = task.scores(y, out), task.scores(y[order], out[order])
    assert np.isclose(reported[task.metric], score.mean()), "the metric is not the mean of score"
    assert all(np.isclose(again[k], v) for k, v in reported.items()), "the order of rows matters"
    floor = task.floor(y, 3)
    assert floor.shape == (3, task.n_outputs), f"the floor has the shape {floor.shape}"
    assert np.isfinite(floor).all(), "the floor holds values that are not finite"
    assert np.array_equal(task.floor(y[order], 3), floor), "the floor depends on the order of rows"
