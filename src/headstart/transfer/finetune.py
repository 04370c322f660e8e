"""The methods that train a network: fine-tuning behind a cut, all of it, or from scratch.

They differ in what they are given: where the body starts, how much of it is unfrozen, what it is
fed. One fit is always the same: build the network, train it with the loop, evaluate held-out rows.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.modules.dropout import _DropoutNd

from headstart.backbones.cutting import suffix
from headstart.backbones.network import Backbone, hash_weights
from headstart.transfer.checkpoint import Checkpoints, Tensors
from headstart.transfer.crew import Crew, crew
from headstart.transfer.heads import LinearHead
from headstart.transfer.logistic import Floats, softmax
from headstart.transfer.loop import Loop
from headstart.transfer.losses import interpolate
from headstart.transfer.network import Network
from headstart.transfer.objective import objective
from headstart.transfer.parts import Inputs, OnPoint, Point, Rows
from headstart.transfer.recipe import Recipe

if TYPE_CHECKING:
    from torch import nn

ALPHAS = tuple(a / 10 for a in range(11))
"""Shares of the fine-tuned weights that WiSE-FT tries."""
FINAL = "final"
"""Label of the fit on all training rows, whose weights are the model."""
HELD_BACK = 5
"""With patience, one in so many training rows decides when to stop."""


@dataclass(frozen=True)
class Setting:
    """All that the fits of one method have in common.

    Attributes
    ----------
    name : str
        Of the method, for messages and checkpoints: ``"finetune last-stage"``.
    recipe : Recipe
    backbone : Backbone
        Where the body starts; copied, never changed.
    blocks : list of str
        Names of the trained blocks, shallow to deep.
    cut : str or None
        The block after which ``inputs`` enter; None: they are examples.
    inputs : Inputs
    X : ndarray of shape (n, dim)
        Embeddings by the network as it starts, by row; (0, dim) from scratch, where they mean
        nothing.
    y : ndarray of int64, shape (n,)
    n_classes : int
    start : callable
        Rows to the head that training them starts from.
    refit : callable or None
        Embeddings (n_rows, dim) and rows to the head that is fitted on them, where training does
        not train one.
    balanced : bool
    seed : int
    device : str
    workers : int
        Threads that share a batch.
    checkpoints : Checkpoints
        Where checkpoints are kept.
    on_fit, on_point, on_trouble : callable
        Hear that a fit begins, every epoch, and what had to be changed.
    """

    name: str
    recipe: Recipe
    backbone: Backbone
    blocks: list[str]
    cut: str | None
    inputs: Inputs
    X: NDArray[np.float32]
    y: NDArray[np.int64]
    n_classes: int
    start: Callable[[Rows], LinearHead]
    balanced: bool = False
    seed: int = 0
    device: str = "cpu"
    workers: int = 1
    checkpoints: Checkpoints = field(default_factory=Checkpoints)
    refit: Callable[[NDArray[np.float32], Rows], LinearHead] | None = None
    on_fit: Callable[[str], None] = lambda fit: None
    on_point: Callable[[str, Point], None] = lambda fit, point: None
    on_trouble: Callable[[str], None] = lambda message: None

    def network(self, rows: Rows) -> Network:
        """Build the network as it is before training on some rows."""
        whole = self.backbone if self.cut is None else suffix(self.backbone, self.cut)
        body: nn.Module = copy.deepcopy(whole)
        inner = body.net if isinstance(body, Backbone) else body
        blocks = [(name, inner.get_submodule(name)) for name in self.blocks]
        blocks = [*_dropouts_between(inner, self.backbone), *blocks]
        head = copy.deepcopy(self.backbone.source_head) if "co-tuning" in self.recipe.keep else None
        X = self.X[rows] if len(self.X) else None
        return Network(body, blocks, self.start(rows), self.recipe, head, X, self.device)


@dataclass(frozen=True)
class Fit:
    """What one fit leaves.

    Attributes
    ----------
    learned : dict of tensors
        All that training changed; empty for a fold.
    logits : ndarray of shape (A, n_held, K)
        Of the held-out rows; A = 1, or one per alpha of WiSE-FT.
    history : list of Point
    trouble : str
    """

    learned: Tensors
    logits: Floats
    history: list[Point]
    trouble: str


@dataclass(frozen=True)
class Tuned:
    """The model that a final fit leaves: a backbone of its own and a head on its embeddings."""

    backbone: Backbone
    head: LinearHead
    features: NDArray[np.float32]  # (n_train, dim), of the rows it was trained on
    trainable: int  # parameters of the backbone that were trained


def fit(setting: Setting, rows: Rows, held: Rows, label: str) -> Fit:
    """Train on some rows and answer for others; what an interrupted run finished is not redone.

    Parameters
    ----------
    label : str
        Names this fit among those of the setting: ``"fold 1"``, ``FINAL``.

    Notes
    -----
    Held-out rows are watched (their curve is drawn, by ``Recipe.watched`` of them) but decide
    nothing: with patience, stopping
    is decided by a part of the training rows.
    """
    name = f"{setting.name} / {label}"

    def work() -> tuple[Tensors, dict[str, Any]]:
        done = _train(setting, rows, held, name)
        said = {"history": [vars(p) for p in done.history], "trouble": done.trouble}
        kept = done.learned if label == FINAL else {}  # of a fold only the answers are used
        return {**kept, "logits": torch.from_numpy(done.logits)}, said

    tensors, said = setting.checkpoints.remembered(name, work)
    logits = np.asarray(tensors.pop("logits"))
    return Fit(tensors, logits, [Point(**p) for p in said["history"]], said["trouble"])


def _train(setting: Setting, rows: Rows, held: Rows, name: str) -> Fit:
    setting.on_fit(name)
    recipe = setting.recipe
    network = setting.network(rows)
    before = network.learned()
    y = setting.y[rows]
    X = setting.X[rows] if len(setting.X) else setting.X
    goal = objective(network, recipe, X, y, balanced=setting.balanced)
    rows, watched = (
        _hold_back(setting, rows) if recipe.patience else (rows, _to_watch(setting, rows, held))
    )
    loop = Loop(
        network,
        setting.inputs,
        setting.y,
        goal,
        recipe,
        rows,
        watched,
        seed=setting.seed,
        keeper=setting.checkpoints.keeper(name),
        on_point=lambda point: setting.on_point(name, point),
        on_trouble=setting.on_trouble,
        workers=setting.workers if setting.device == "cpu" else 1,
    )
    trained = loop.run()
    logits = []
    with crew(loop.workers) as threads:
        if not recipe.trains_head and setting.refit is not None:
            found = network.logits(setting.inputs, rows, threads)[0].numpy()
            network.take_head(setting.refit(found, rows))
        after = network.learned()
        for alpha in ALPHAS if recipe.wise else (1.0,):
            network.learn(interpolate(before, after, alpha) if alpha < 1 else after)
            logits.append(_answers(network, setting.inputs, held, threads))
    cpu = {k: v.cpu() for k, v in after.items()}
    return Fit(cpu, np.stack(logits), trained.history, trained.trouble)


def finish(setting: Setting, rows: Rows, fitted: Fit, alpha: float = 1.0) -> Tuned:
    """Turn the fit on all training rows into a model: a whole backbone with its card, and a head.

    Parameters
    ----------
    alpha : float, 0..1
        Share of the fine-tuned weights (WiSE-FT); the rest is as before training.
    """
    network = setting.network(rows)
    if alpha < 1:
        before = {k: v.cpu() for k, v in network.learned().items()}
        network.learn(interpolate(before, fitted.learned, alpha))
    else:
        network.learn(fitted.learned)
    with crew(setting.workers) as threads:
        features = network.logits(setting.inputs, rows, threads)[0].numpy()
    backbone = copy.deepcopy(setting.backbone).cpu()
    own = "net." if setting.cut is None else ""  # a suffix names its blocks as the network does
    trainable = sum(p.numel() for p in network.tuned())
    body = {k.removeprefix(own): v for k, v in network.weights().items()}
    whole = backbone.net.state_dict()
    backbone.net.load_state_dict({k: body.get(k, v) for k, v in whole.items()})
    backbone.use(replace(backbone.card, weights_hash=hash_weights(backbone.net)))
    return Tuned(backbone, network.fitted_head(), features, trainable)


def zero_head(dim: int, n_classes: int) -> LinearHead:
    """Return the head to start from where there is no probe: every class alike."""
    return LinearHead(np.zeros((dim, n_classes)), np.zeros(n_classes))


def probabilities(logits: Floats, temperature: float) -> Floats:
    """Softmax of logits (n, K) at a temperature."""
    return softmax(logits.astype(np.float64) / temperature)


def _dropouts_between(body: nn.Module, backbone: Backbone) -> list[tuple[str, nn.Module]]:
    """Find dropouts that belong to no block, such as those of VGG's classifier."""
    blocks = tuple(f"{name}." for name, _ in backbone.blocks())
    return [
        (name, module)
        for name, module in body.named_modules()
        if isinstance(module, _DropoutNd) and not f"{name}.".startswith(blocks)
    ]


def _answers(network: Network, inputs: Inputs, rows: Rows, threads: Crew) -> NDArray[np.float32]:
    if not len(rows):
        return np.zeros((0, network.head.out_features), np.float32)
    return network.logits(inputs, rows, threads)[1].numpy()


def _hold_back(setting: Setting, rows: Rows) -> tuple[Rows, Rows]:
    """Split off every fifth row of each class, at random, to decide when to stop."""
    rng = np.random.default_rng([setting.seed, 7])
    order = rng.permutation(rows)
    order = order[np.argsort(setting.y[order], kind="stable")]
    back = np.arange(len(order)) % HELD_BACK == HELD_BACK - 1
    return np.sort(order[~back]), np.sort(order[back])


def _to_watch(setting: Setting, rows: Rows, held: Rows) -> Rows:
    """Draw the held-out rows that the curve looks at."""
    few = setting.recipe.watched(len(rows), len(held))
    if few == len(held):
        return held
    return np.sort(np.random.default_rng([setting.seed, 8]).choice(held, few, replace=False))


__all__ = ["ALPHAS", "Fit", "OnPoint", "Setting", "Tuned", "finish", "fit", "probabilities"]
