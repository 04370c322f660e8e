"""LoRA: a matrix of low rank is added to the weights of linear layers, and alone is trained.

It is laid over the weights with torch's own parametrisation, so every layer computes with the sum
as if it were its weight, whatever calls it. Merged, the network has its old form, with new weights.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from headstart.errors import ConfigError
from headstart.said import _, commas

RANK, ALPHA = 8, 16
"""Of Hu et al. (2021), table 9: rank 8 and alpha 8 or 16 for networks such as BERT."""


class LowRank(nn.Module):
    """A weight (out, in) plus ``ALPHA / RANK`` times B A, with B (out, RANK) and A (RANK, in).

    Parameters
    ----------
    weight : Tensor of shape (out, in)
        Stays as it is. A starts as torch starts a linear layer, B at zero: so does the sum.
    generator : torch.Generator
        Draws A.

    References
    ----------
    Hu et al. (2021), "LoRA: Low-rank adaptation of large language models", arXiv:2106.09685,
    section 4.1.
    """

    def __init__(self, weight: Tensor, generator: torch.Generator) -> None:
        super().__init__()
        out, into = weight.shape
        A = torch.empty(RANK, into)
        nn.init.kaiming_uniform_(A, a=5**0.5, generator=generator)
        self.A = nn.Parameter(A)
        self.B = nn.Parameter(torch.zeros(out, RANK))

    def forward(self, weight: Tensor) -> Tensor:
        """Add what is learned to the weight."""
        return weight + ALPHA / RANK * self.B @ self.A


def add_low_rank(blocks: list[tuple[str, nn.Module]]) -> dict[str, list[nn.Parameter]]:
    """Lay a ``LowRank`` over the weight of every linear layer in some blocks.

    All of them, not attention's alone: Dettmers et al. (2023), "QLoRA", arXiv:2305.14314, section
    4, found that needed to match training all weights.

    Returns
    -------
    dict of str to list of Parameter
        What is to be trained, by block.

    Raises
    ------
    ConfigError
        Blocks without linear layers.
    """
    generator = torch.Generator().manual_seed(0)
    added: dict[str, list[nn.Parameter]] = {}
    for name, block in blocks:
        linear = [m for m in block.modules() if isinstance(m, nn.Linear)]
        laid = [LowRank(m.weight, generator) for m in linear]
        for module, low in zip(linear, laid, strict=True):
            parametrize.register_parametrization(module, "weight", low)
        added[name] = [p for low in laid for p in low.parameters()]
    if not any(added.values()):
        raise ConfigError(
            _(
                "--tune lora adds to linear layers, and {blocks} have none.",
                blocks=commas(name for name, _block in blocks),
            ),
            _("Use --tune all, bias or norm, or unfreeze more."),
        )
    return added


def merge(body: nn.Module) -> None:
    """Make the sums the weights, in place: the network has its old form again."""
    for module in list(body.modules()):
        if isinstance(module, nn.Linear) and parametrize.is_parametrized(module, "weight"):
            parametrize.remove_parametrizations(module, "weight", leave_parametrized=True)
