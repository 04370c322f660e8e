"""What each method of the deep family minimises besides the cross entropy of the source.

An objective is a small module: a formula of the module ``losses`` with its multiplier, and
whatever it learns itself (a discriminator, a rival head). The network that is adapted does not know
which one it is trained with, and the module ``loop`` trains them all alike.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from headstart.adaptation import losses


@dataclass(frozen=True)
class Batch:
    """What the network says of some rows of one domain.

    Attributes
    ----------
    features : Tensor of shape (B, D)
    logits : Tensor of shape (B, K)
    y : Tensor of shape (B,), int64, or None
        Labels; of the target those that a method gave it itself, never others.
    """

    features: Tensor
    logits: Tensor
    y: Tensor | None = None

    @property
    def proba(self) -> Tensor:
        """Beliefs, (B, K)."""
        return F.softmax(self.logits, dim=1)


class DomainObjective(nn.Module):
    """The contract: two batches and the share of training that is done, to one scalar.

    Every objective sees two batches of at least two rows; without a source (SHOT) the first has
    none.
    """

    def forward(self, source: Batch, target: Batch, progress: float) -> Tensor:
        """Return what is added to the cross entropy of the source, its multiplier included."""
        raise NotImplementedError


def linear(n_in: int, n_out: int, generator: torch.Generator) -> nn.Linear:
    """Build a layer as torch does (He uniform), but drawn from a stream of one's own."""
    layer = nn.utils.skip_init(nn.Linear, n_in, n_out)
    bound = n_in**-0.5
    with torch.no_grad():
        layer.weight.uniform_(-bound, bound, generator=generator)
        layer.bias.uniform_(-bound, bound, generator=generator)
    return layer


def _layers(sizes: tuple[int, ...], generator: torch.Generator) -> nn.Sequential:
    """Linear layers with batch norm and ReLU between them."""
    parts: list[nn.Module] = []
    for n_in, n_out in itertools.pairwise(sizes[:-1]):
        parts += [linear(n_in, n_out, generator), nn.BatchNorm1d(n_out), nn.ReLU()]
    return nn.Sequential(*parts, linear(sizes[-2], sizes[-1], generator))


class HiddenLayer(nn.Module):
    """A bottleneck and a linear head: ``(B, dim)`` to hidden units (B, width) and logits (B, K).

    Parameters
    ----------
    dim, width, n_classes : int
    seed : int
        Of the first weights.
    """

    def __init__(self, dim: int, width: int, n_classes: int, seed: int = 0) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(seed)
        self.first = linear(dim, width, generator)
        self.norm = nn.BatchNorm1d(width)
        self.head = linear(width, n_classes, generator)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return hidden units after batch norm and ReLU, and logits."""
        hidden = F.relu(self.norm(self.first(x)))
        return hidden, self.head(hidden)


class SourceOnly(DomainObjective):
    """Nothing besides the cross entropy of the source: what adaptation is compared with."""

    def forward(self, source: Batch, target: Batch, progress: float) -> Tensor:
        """Zero."""
        return source.logits.new_zeros(())


class DANN(DomainObjective):
    """Features that a discriminator cannot tell the domains by.

    Parameters
    ----------
    dim, n_classes : int
        D and K.
    weight : float, default=1
    hidden : int, default=1024
        Width of the discriminator's two hidden layers, as in the paper.
    seed : int

    References
    ----------
    Ganin et al. (2016), arXiv:1505.07818; batch norm in the discriminator as in TLlib.
    """

    def __init__(
        self, dim: int, n_classes: int, *, weight: float = 1.0, hidden: int = 1024, seed: int = 0
    ) -> None:
        super().__init__()
        self.weight = weight
        generator = torch.Generator().manual_seed(seed)
        self.discriminator = _layers((dim, hidden, hidden, 1), generator)

    def forward(self, source: Batch, target: Batch, progress: float) -> Tensor:
        """``weight`` times the discriminator's loss, reversed for the features."""
        both = torch.cat([source.features, target.features])
        logits = self.discriminator(losses.reverse(both, losses.ramp(progress)))[:, 0]
        n = len(source.features)
        return self.weight * losses.domain_bce(logits[:n], logits[n:])


class CDAN(DomainObjective):
    """As DANN, but the discriminator sees features and beliefs multiplied, of sure rows the more.

    Parameters
    ----------
    dim, n_classes, weight, hidden, seed
        As of :class:`DANN`.
    width : int, default=1024
        Of the random map that replaces products where there are more than 4096 of them.

    References
    ----------
    Long et al. (2018), arXiv:1705.10667, with entropy conditioning: CDAN+E.
    """

    feature_map: Tensor
    proba_map: Tensor

    def __init__(
        self,
        dim: int,
        n_classes: int,
        *,
        weight: float = 1.0,
        hidden: int = 1024,
        width: int = 1024,
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.weight = weight
        generator = torch.Generator().manual_seed(seed)
        self.mapped = dim * n_classes > losses.WIDEST
        if self.mapped:
            draw = torch.randn(dim + n_classes, width, generator=generator)
            self.register_buffer("feature_map", draw[:dim].clone())
            self.register_buffer("proba_map", draw[dim:].clone())
        seen = width if self.mapped else dim * n_classes
        self.discriminator = _layers((seen, hidden, hidden, 1), generator)

    def forward(self, source: Batch, target: Batch, progress: float) -> Tensor:
        """``weight`` times the discriminator's loss, reversed for the features."""
        features = torch.cat([source.features, target.features])
        features = losses.reverse(features, losses.ramp(progress))
        proba = torch.cat([source.proba, target.proba])
        if self.mapped:
            seen = losses.random_outer(features, proba, self.feature_map, self.proba_map)
        else:
            seen = losses.outer(features, proba)
        logits, n = self.discriminator(seen)[:, 0], len(source.features)
        weights = [losses.entropy_weights(b.logits) for b in (source, target)]
        return self.weight * losses.domain_bce(logits[:n], logits[n:], *weights)


class DAN(DomainObjective):
    """Features whose two clouds look alike to kernels of five widths.

    References
    ----------
    Long et al. (2015), arXiv:1502.02791; on the features alone, as in TLlib.
    """

    def __init__(self, dim: int, n_classes: int, *, weight: float = 1.0) -> None:
        super().__init__()
        self.weight = weight

    def forward(self, source: Batch, target: Batch, progress: float) -> Tensor:
        """``weight`` times MK-MMD."""
        return self.weight * losses.mk_mmd(source.features, target.features)


class JAN(DomainObjective):
    """Features and beliefs together whose two clouds look alike.

    References
    ----------
    Long et al. (2017), arXiv:1605.06636.
    """

    def __init__(self, dim: int, n_classes: int, *, weight: float = 1.0) -> None:
        super().__init__()
        self.weight = weight

    def forward(self, source: Batch, target: Batch, progress: float) -> Tensor:
        """``weight`` times the joint discrepancy."""
        found = losses.joint_mmd(source.features, target.features, source.proba, target.proba)
        return self.weight * found


class DeepCORAL(DomainObjective):
    """Features whose covariances are alike.

    References
    ----------
    Sun & Saenko (2016), arXiv:1607.01719. The paper sets the multiplier so that the two losses
    match at the end.
    """

    def __init__(self, dim: int, n_classes: int, *, weight: float = 1.0) -> None:
        super().__init__()
        self.weight = weight

    def forward(self, source: Batch, target: Batch, progress: float) -> Tensor:
        """``weight`` times CORAL."""
        return self.weight * losses.coral(source.features, target.features)


class MCC(DomainObjective):
    """Answers on the target that do not confuse classes.

    References
    ----------
    Jin et al. (2020), arXiv:1912.03699: multiplier 1, temperature 2.5.
    """

    def __init__(
        self,
        dim: int,
        n_classes: int,
        *,
        weight: float = 1.0,
        temperature: float = losses.TEMPERATURE,
    ) -> None:
        super().__init__()
        self.weight, self.temperature = weight, temperature

    def forward(self, source: Batch, target: Batch, progress: float) -> Tensor:
        """``weight`` times the confusion."""
        return self.weight * losses.class_confusion(target.logits, self.temperature)


class MDD(DomainObjective):
    """Features on which no rival head agrees with the head on the source but not on the target.

    Parameters
    ----------
    dim, n_classes, weight, hidden, seed
        As of :class:`DANN`.
    margin : float, default=4
    most : float, default=0.1
        Share of the gradient that is reversed at the end: TLlib's.

    References
    ----------
    Zhang et al. (2019), arXiv:1904.05801.
    """

    def __init__(
        self,
        dim: int,
        n_classes: int,
        *,
        weight: float = 1.0,
        hidden: int = 1024,
        margin: float = losses.MARGIN,
        most: float = 0.1,
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.weight, self.margin, self.most = weight, margin, most
        generator = torch.Generator().manual_seed(seed)
        first, last = linear(dim, hidden, generator), linear(hidden, n_classes, generator)
        self.rival = nn.Sequential(first, nn.ReLU(), last)

    def forward(self, source: Batch, target: Batch, progress: float) -> Tensor:
        """``weight`` times the disparity, reversed for the features."""
        both = torch.cat([source.features, target.features])
        rival = self.rival(losses.reverse(both, self.most * losses.ramp(progress)))
        n = len(source.features)
        return self.weight * losses.margin_disparity(
            source.logits, target.logits, rival[:n], rival[n:], self.margin
        )


class AFN(DomainObjective):
    """Longer features in both domains, and sure answers on the target.

    References
    ----------
    Xu et al. (2019), arXiv:1811.07456: 0.05 times the norm's loss, 0.1 times the entropy.
    """

    def __init__(
        self, dim: int, n_classes: int, *, weight: float = 0.05, entropy: float = 0.1
    ) -> None:
        super().__init__()
        self.weight, self.entropy = weight, entropy

    def forward(self, source: Batch, target: Batch, progress: float) -> Tensor:
        """``weight`` times both norms' losses and ``entropy`` times the entropy."""
        longer = losses.feature_norm(source.features) + losses.feature_norm(target.features)
        return self.weight * longer + self.entropy * losses.entropy(target.logits).mean()


class SHOT(DomainObjective):
    """Sure answers on the target that are not all the same, near the labels it gave itself.

    Parameters
    ----------
    dim, n_classes : int
    weight : float, default=1
        Of information maximisation.
    beta : float, default=0.3
        Of the cross entropy to ``target.y``, where there are any.

    References
    ----------
    Liang et al. (2020), arXiv:2002.08546, equation 7: beta 0.3, 0.1 for digits.
    """

    def __init__(self, dim: int, n_classes: int, *, weight: float = 1.0, beta: float = 0.3) -> None:
        super().__init__()
        self.weight, self.beta = weight, beta

    def forward(self, source: Batch, target: Batch, progress: float) -> Tensor:
        """``weight`` times (minus) the information, and ``beta`` times the cross entropy."""
        loss = self.weight * losses.information(target.logits)
        if target.y is not None:
            loss = loss + self.beta * F.cross_entropy(target.logits, target.y)
        return loss


OBJECTIVES: dict[str, Callable[..., DomainObjective]] = {
    "DANN": DANN,
    "CDAN+E": CDAN,
    "DAN": DAN,
    "JAN": JAN,
    "Deep CORAL": DeepCORAL,
    "MCC": MCC,
    "MDD": MDD,
    "AFN": AFN,
    "SHOT-IM": SHOT,
}
"""Name to factory ``(dim, n_classes, **settings) -> Objective``; settings are those of the class,
and those that learn something themselves (DANN, CDAN+E, MDD) take a ``seed``."""
