"""What is trained: a body (a whole backbone, or what lies behind its cut) and a linear head."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable

import numpy as np
import torch
from numpy.typing import NDArray
from timm.layers.drop import DropPath
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.dropout import _DropoutNd

from headstart.backbones.dropout import Dropout
from headstart.transfer.crew import Crew
from headstart.transfer.heads import LinearHead
from headstart.transfer.lora import add_low_rank, merge
from headstart.transfer.parts import Inputs, Rows, Sized
from headstart.transfer.recipe import Recipe

EVALUATION_BATCH = 64
UNDIVIDED = (_BatchNorm, _DropoutNd, DropPath)
LEAST_SPREAD = 0.1
"""Least standard deviation an embedding is divided by, as a share of the mean one."""
SILENT = 1e-3
"""Share of the mean one below which a standard deviation is that of rounding errors, such as where
a norm's scale is 1e-33. On the frozen network the probe may read them, under weights of tens of
thousands; a step of training wakes them up, and the loss becomes hundreds."""
NORMS = (_BatchNorm, nn.LayerNorm, nn.GroupNorm, nn.modules.instancenorm._InstanceNorm)


class Network(nn.Module):
    """A body and a head, with some of the body's blocks to be trained.

    Parameters
    ----------
    body : nn.Module
        Inputs ``(B, ...)`` to embeddings ``(B, dim)``.
    blocks : list of (str, nn.Module)
        The trained parts of it, shallow to deep.
    head : LinearHead
        Where the new head starts: the converged probe, or zeros.
    recipe : Recipe
        ``tune`` and ``batchnorm`` decide which parameters of the blocks are trained.
    X : ndarray of shape (n, dim), optional
        Embeddings of the training rows before training. The head sees embeddings less their mean
        and over their standard deviation: on raw ones, whose scales differ a hundredfold, one
        learning rate does not fit all of the head, and SGD collapses.

    Attributes
    ----------
    source_head : nn.Module or None
        The classifier the backbone was pretrained with; trained along where it is used.
    """

    mean: Tensor
    scale: Tensor

    def __init__(
        self,
        body: nn.Module,
        blocks: list[tuple[str, nn.Module]],
        head: LinearHead,
        recipe: Recipe,
        source_head: nn.Module | None = None,
        X: NDArray[np.floating] | None = None,
        device: str = "cpu",
    ) -> None:
        super().__init__()
        self.body = body.to(memory_format=torch.channels_last)
        dim, n_classes = head.W.shape
        self.head = nn.utils.skip_init(nn.Linear, dim, n_classes)  # filled below
        mean, scale = np.zeros(dim), np.ones(dim)
        if X is not None:
            mean, spread = X.mean(axis=0), X.std(axis=0)
            # Embeddings that hardly vary now may vary once the body is trained: a floor.
            scale = np.maximum(spread, max(LEAST_SPREAD * float(spread.mean()), 1e-6))
            head = _without_silent(head, mean, spread < SILENT * spread.mean())
        self.register_buffer("mean", torch.from_numpy(np.asarray(mean, np.float32)))
        self.register_buffer("scale", torch.from_numpy(np.asarray(scale, np.float32)))
        self.take_head(head)
        self.source_head = source_head
        self._blocks = blocks
        self._batchnorm = recipe.batchnorm
        self._gradual = recipe.gradual
        self._reduced = recipe.precision == "bfloat16"
        if recipe.precision == "auto":
            self._reduced = device != "cpu"
        if self._reduced and device == "cpu":
            _keep_depthwise_exact(self.body)
        self._divisible = "bss" not in recipe.keep and recipe.loss != "pairs"
        self.body.requires_grad_(False)
        if recipe.tune == "lora":
            self._tuned = list(add_low_rank(blocks).items())
        else:
            self._tuned = [(name, _trainable(module, recipe)) for name, module in blocks]
        for _, parameters in self._tuned:
            for parameter in parameters:
                parameter.requires_grad_(True)
        self.eval()
        self.to(device)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return embeddings (B, dim) and logits (B, K)."""
        # Answers are given in float32, as prediction gives them: only training is reduced.
        reduced = self._reduced and torch.is_grad_enabled()
        with torch.autocast(self.device.type, torch.bfloat16, enabled=reduced):
            features: Tensor = self.body(x)
        features = features.float()
        return features, self.head((features - self.mean) / self.scale)

    def optimizer(self, recipe: Recipe) -> torch.optim.Optimizer:
        """Build the optimiser over what is trained, and nothing else: a group a block.

        The head's group is last; the rate of a block is that of the next deeper one times
        ``layer_decay``.
        """
        depth = len(self._tuned)
        groups = [
            {"params": parameters, "base_lr": recipe.rate * recipe.layer_decay ** (depth - 1 - i)}
            for i, (_, parameters) in enumerate(self._tuned)
            if parameters
        ]
        heads = [m for m in (self.head, self.source_head) if m is not None]
        new = [p for m in heads for p in m.parameters()]
        groups.append({"params": new, "base_lr": recipe.head_rate})
        for group in groups:
            group["lr"] = group["base_lr"]
            # L2-SP pulls towards the start, and the head towards zero, itself.
            group["weight_decay"] = 0.0 if "l2-sp" in recipe.keep else recipe.decay
        if recipe.optimizer == "sgd":
            return torch.optim.SGD(groups, momentum=0.9, nesterov=True)
        return {"adamw": torch.optim.AdamW, "adam": torch.optim.Adam}[recipe.optimizer](groups)

    def train_mode(self, epoch: int) -> None:
        """Switch on dropout and the like in trained blocks, and nothing where it is frozen.

        A frozen batch norm is in evaluation mode: it uses its statistics and leaves them alone.
        With gradual unfreezing, epoch e (from 0) trains the last e + 1 blocks.
        """
        self.eval()
        active = len(self._blocks) if not self._gradual else min(epoch + 1, len(self._blocks))
        for i, ((_, block), (_, parameters)) in enumerate(
            zip(self._blocks, self._tuned, strict=True)
        ):
            on = i >= len(self._blocks) - active
            block.train(on)
            for parameter in parameters:
                parameter.requires_grad_(on)
        if self._batchnorm == "frozen":
            for module in self.body.modules():
                if isinstance(module, _BatchNorm):
                    module.eval()

    def trained(self) -> list[nn.Parameter]:
        """Return the parameters that receive gradients."""
        return [p for p in self.parameters() if p.requires_grad]

    def tuned(self) -> list[nn.Parameter]:
        """Return the body's parameters that are ever trained, shallow to deep."""
        return [p for _, parameters in self._tuned for p in parameters]

    def learned(self) -> dict[str, Tensor]:
        """Copy all that training may change: trained parameters, and statistics not frozen."""
        return {name: tensor.detach().clone() for name, tensor in self._changing()}

    def learn(self, values: dict[str, Tensor]) -> None:
        """Put back what ``learned`` copied."""
        with torch.no_grad():
            for name, tensor in self._changing():
                tensor.copy_(values[name])

    def follow(self, average: dict[str, Tensor], decay: float) -> None:
        """Move a running average of the weights one step, in place."""
        for name, tensor in self._changing():
            if name in average and tensor.is_floating_point():
                average[name].lerp_(tensor.detach().to(average[name]), 1 - decay)

    @property
    def device(self) -> torch.device:
        """Where the network lies."""
        return self.head.weight.device

    def place(self, x: NDArray[np.generic]) -> Tensor:
        """Move an array to the network's device."""
        tensor = torch.from_numpy(x).to(self.device)
        maps = x.ndim == 4 and x.dtype != np.uint8  # pixels become channels-last by themselves
        return tensor.contiguous(memory_format=torch.channels_last) if maps else tensor

    def mixed(self, x: Tensor, y: Tensor, recipe: Recipe) -> tuple[Tensor, Tensor]:
        """Mix inputs and labels of a batch; with both mixup and cutmix, each half the time.

        Images are (B, H, W, 3); activations (B, C, H, W), and mixing those is manifold mixup.
        """
        kinds = [k for k in ("mixup", "cutmix") if getattr(recipe, k)]
        if not kinds or len(x) < 2 or x.dim() != 4:
            return x, y
        from torchvision.transforms import v2

        kind = kinds[int(torch.randint(len(kinds), ()))]
        mixer = {"mixup": v2.MixUp, "cutmix": v2.CutMix}[kind]
        mix = mixer(alpha=getattr(recipe, kind), num_classes=self.head.out_features)
        if x.is_floating_point():
            maps, labels = mix(x, y)
            return maps.contiguous(memory_format=torch.channels_last), labels
        images, labels = mix(x.permute(0, 3, 1, 2).float(), y)
        return images.permute(0, 2, 3, 1), labels

    def divisible(self) -> bool:
        """Whether parts of a batch can be worked on at once, with the result of the whole.

        torch's dropout draws from one stream of random numbers, and batch norms in training look at
        the whole batch; so do BSS and pairs.
        """
        busy = (m for m in self.body.modules() if m.training)
        return self._divisible and not any(isinstance(m, UNDIVIDED) for m in busy)

    def draws(self) -> bool:
        """Whether training draws, for every part of a batch by itself (``backbones.dropout``)."""
        return any(isinstance(m, Dropout) and m.p and m.training for m in self.body.modules())

    def logits(self, inputs: Inputs, rows: Rows, crew: Crew | None = None) -> tuple[Tensor, Tensor]:
        """Answer for rows as prediction sees them: embeddings (n, dim), logits (n, K), on CPU."""
        self.eval()

        def work(part: Rows) -> tuple[Tensor, Tensor]:
            with torch.inference_mode():
                features, logits = self(self.place(inputs.plain(part)))
                return features.float().cpu(), logits.float().cpu()

        sizes = inputs.sizes(rows) if isinstance(inputs, Sized) else None
        order = np.arange(len(rows)) if sizes is None else np.argsort(sizes, kind="stable")
        starts = range(0, len(rows), EVALUATION_BATCH)
        done = (crew or Crew()).map(work, [rows[order[i : i + EVALUATION_BATCH]] for i in starts])
        place = torch.from_numpy(np.argsort(order))
        return torch.cat([f for f, _ in done])[place], torch.cat([z for _, z in done])[place]

    def take_head(self, head: LinearHead) -> None:
        """Put a head on embeddings in the place of the network's own."""
        mean, scale = (t.cpu().double().numpy() for t in (self.mean, self.scale))
        with torch.no_grad():
            self.head.weight.copy_(torch.from_numpy((head.W * scale[:, None]).T.copy()))
            self.head.bias.copy_(torch.from_numpy(head.b + mean @ head.W))

    def fitted_head(self) -> LinearHead:
        """Return the head as arrays, float64."""
        tensors = (self.head.weight, self.head.bias, self.mean, self.scale)
        weight, bias, mean, scale = (t.detach().cpu().double().numpy() for t in tensors)
        W = (weight / scale).T.copy()
        return LinearHead(W, bias - mean @ W)

    def weights(self) -> dict[str, Tensor]:
        """Return the body's weights on the CPU, in the form it came in; ends the training."""
        merge(self.body)
        return {name: tensor.cpu() for name, tensor in self.body.state_dict().items()}

    def _changing(self) -> Iterable[tuple[str, Tensor]]:
        tuned = {id(p) for p in self.tuned()}
        for name, parameter in self.named_parameters():
            if id(parameter) in tuned or not name.startswith("body."):
                yield name, parameter
        if self._batchnorm == "train":
            yield from ((n, b) for n, b in self.named_buffers() if "running_" in n or "num_" in n)


def _without_silent(
    head: LinearHead, mean: NDArray[np.floating], silent: NDArray[np.bool_]
) -> LinearHead:
    """Return a head that does not read what is silent: what it says of its mean is in the bias."""
    W, b = head.W.copy(), head.b + mean[silent] @ head.W[silent]
    W[silent] = 0
    return LinearHead(W, b)


def _keep_depthwise_exact(body: nn.Module) -> None:
    """Let grouped convolutions compute in float32: on CPUs bfloat16 makes their gradients slow."""
    for module in body.modules():
        if isinstance(module, nn.Conv2d) and module.groups > 1:
            module.forward = functools.partial(_in_float32, module.forward)  # type: ignore[method-assign]


def _in_float32(forward: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    with torch.autocast("cpu", enabled=False):
        return forward(x.float())


def _trainable(block: nn.Module, recipe: Recipe) -> list[nn.Parameter]:
    """Choose the parameters of a block that are trained."""
    chosen = []
    for module in block.modules():
        if isinstance(module, nn.Embedding) and recipe.embeddings == "frozen":
            continue
        norm = isinstance(module, NORMS)
        for name, parameter in module.named_parameters(recurse=False):
            if recipe.tune == "all":
                kept = isinstance(module, _BatchNorm) and recipe.batchnorm == "frozen"
                wanted = not kept
            elif recipe.tune == "bias":
                wanted = norm or name.endswith("bias")
            else:
                wanted = norm
            if wanted:
                chosen.append(parameter)
    return chosen
