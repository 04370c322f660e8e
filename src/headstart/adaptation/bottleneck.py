"""The deep family on cached features: a hidden layer that both domains share, trained by losses.

Each domain is standardised by itself and both are rotated to shared axes; a bottleneck of one
hidden layer and a linear head are trained on the source's labels and an objective of
the module ``objectives``. Batch norm sees one domain at a time and is folded into the head of each
domain with the statistics of all its rows, so that what is left is one
:class:`~headstart.transfer.heads.BottleneckHead` per domain.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from headstart.adaptation.domains import Adapted, Domains
from headstart.adaptation.standard import AXES, Shared, Standard
from headstart.said import N_
from headstart.transfer.heads import BottleneckHead
from headstart.transfer.logistic import Floats, row_weights, softmax

if TYPE_CHECKING:
    from headstart.adaptation.loop import Schedule, Side
    from headstart.adaptation.objectives import HiddenLayer
    from headstart.transfer.parts import Rows

WIDTH = 256
"""Hidden units of the bottleneck, as everywhere in the family, and of the discriminators (1024 in
the papers, where the backbone is trained too)."""
LEARNERS = ("DANN", "CDAN+E", "MDD")
"""Objectives with a network of their own."""


@dataclass(frozen=True)
class Bottleneck:
    """An adapter of the deep family, by one objective.

    Attributes
    ----------
    name : str
        In :data:`~headstart.adaptation.objectives.OBJECTIVES`.
    summary, reference : str
    weight : float
        Multiplier of the objective.
    lr : float
        Rate at the first step; of 0.001, 0.003, 0.01 and 0.03 the best for MCC and no worse for the
        source alone.
    steps : int
        Three times as many gained nothing at this rate.
    batch_size : int
        Rows of each domain in a step.
    """

    name: str
    summary: str
    reference: str
    weight: float = 1.0
    lr: float = 0.03
    steps: int = 100
    batch_size: int = 128

    def fit(self, domains: Domains) -> Adapted:
        """Train the bottleneck; everything random is ``domains.seed``'s.

        Where the loss becomes no number, the weights before that are kept.
        """
        from headstart.adaptation.loop import adapt_network
        from headstart.adaptation.objectives import OBJECTIVES

        own = {"hidden": WIDTH, "seed": domains.seed} if self.name in LEARNERS else {}
        with _one_thread():
            task = _Task.of(domains)
            network = task.network()
            factory = OBJECTIVES[self.name]
            objective = factory(WIDTH, domains.n_classes, weight=self.weight, **own)
            schedule = _schedule(self.steps, self.batch_size, self.lr)
            adapt_network(network, *task.sides(), objective, schedule, seed=domains.seed)
            return task.adapted(network)


@dataclass(frozen=True)
class Shot:
    """SHOT: a source classifier whose head is kept, and a bottleneck that fits the target to it.

    The centres of the labels that the target gives itself are taken in the embedding, which is
    frozen here: those in the bottleneck, whose start is random, cost nine points on average over
    five pairs of domains.

    Attributes
    ----------
    name, summary, reference : str
    weight : float
        Of information maximisation; the paper's.
    beta : float
        Of the cross entropy to the labels the target gives itself; the paper's.
    smoothing : float
        Of the source's labels in the first stage; the paper's.
    lr : float
    steps : int
        Of each stage.
    rounds : int
        How often those labels are given anew; the paper's 15 epochs.
    batch_size : int
    """

    name: str = "SHOT"
    summary: str = N_(
        "Keeps the source's classifier and moves the target's features towards it: sure answers, "
        "not all alike, near the closest class centre."
    )
    reference: str = N_(
        "Liang, Hu & Feng (2020), Do we really need to access the source data?, ICML, "
        "arXiv:2002.08546, equations 2 to 7"
    )
    weight: float = 1.0
    beta: float = 0.3
    smoothing: float = 0.1
    lr: float = 0.01
    steps: int = 100
    rounds: int = 15
    batch_size: int = 128

    def fit(self, domains: Domains) -> Adapted:
        """Train on the source, freeze the head, then train the bottleneck on the target alone."""
        from headstart.adaptation.loop import Side, adapt_network
        from headstart.adaptation.objectives import SHOT, SourceOnly

        with _one_thread():
            task = _Task.of(domains)
            network = task.network()
            source, target = task.sides()
            first = _schedule(self.steps, self.batch_size, self.lr, smoothing=self.smoothing)
            adapt_network(network, source, target, SourceOnly(), first, seed=domains.seed)
            network.head.requires_grad_(False)
            adapt_network(
                network,
                Side(source.inputs, source.rows[:0]),
                target,
                SHOT(WIDTH, domains.n_classes, weight=self.weight, beta=self.beta),
                _schedule(self.steps, self.batch_size, self.lr, self.rounds),
                seed=domains.seed + 1,
                relabel=lambda epoch: nearest_centre(task.target, task.beliefs(network)),
            )
            return task.adapted(network)


def nearest_centre(features: Floats, proba: Floats) -> NDArray[np.int64]:
    """Label rows by the nearest class centre in angle, twice.

    Parameters
    ----------
    features : ndarray of shape (n, D)
    proba : ndarray of shape (n, K)
        A classifier's beliefs about them.

    Returns
    -------
    ndarray of int64, shape (n,)
        Centres are first means weighted by belief, then means of the rows so labelled; a class
        that no row is nearest to in the first round gets none in the second.

    References
    ----------
    Liang et al. (2020), arXiv:2002.08546, equations 4 to 6; a constant feature of 1 is appended,
    as in the authors' code.
    """
    rows = np.concatenate([features, np.ones((len(features), 1))], axis=1)
    rows = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    belief, empty = proba, np.zeros(proba.shape[1], bool)
    for _ in range(2):
        centres = belief.T @ rows  # (K, D + 1); of any length, since angles are compared
        centres /= np.maximum(np.linalg.norm(centres, axis=1, keepdims=True), 1e-12)
        likeness = np.where(empty, -np.inf, rows @ centres.T)
        labels = likeness.argmax(axis=1)
        belief = np.eye(proba.shape[1])[labels]
        empty = belief.sum(axis=0) == 0
    return labels


@dataclass(frozen=True)
class _Task:
    """Both domains as the bottleneck sees them: on shared axes, of mean variance one."""

    shared: Shared
    size: float
    source: NDArray[np.float32]
    target: NDArray[np.float32]
    domains: Domains

    @classmethod
    def of(cls, domains: Domains) -> _Task:
        """Prepare two domains; the order of the target leaves no trace."""
        shared = Shared.fit(domains, AXES)
        both = np.concatenate([shared.source, shared.target])
        size = max(float(np.sqrt(np.square(both).mean())), 1e-12)
        source, target = (np.asarray(Z / size, np.float32) for Z in (shared.source, shared.target))
        return cls(shared, size, source, target, domains)

    def network(self) -> HiddenLayer:
        """Build it, as the seed says."""
        from headstart.adaptation.objectives import HiddenLayer

        return HiddenLayer(
            self.source.shape[1], WIDTH, self.domains.n_classes, seed=self.domains.seed
        )

    def sides(self) -> tuple[Side, Side]:
        """Return both domains as the loop sees them, the source with its labels."""
        from headstart.adaptation.loop import Side

        y = np.asarray(self.domains.y, np.int64)
        weight = None
        if self.domains.balanced:
            rows = row_weights(y, self.domains.n_classes, True) * len(y)
            weight = np.zeros(self.domains.n_classes)
            weight[y] = rows
        source = Side(_Array(self.source), np.arange(len(self.source)), y, weight)
        return source, Side(_Array(self.target), np.arange(len(self.target)))

    def beliefs(self, network: HiddenLayer) -> Floats:
        """Say what the network believes of the target: ``(n_t, K)``."""
        A, a, W, b = _folded(network, self.target)
        return softmax(np.maximum(self.target @ A + a, 0) @ W + b)

    def adapted(self, network: HiddenLayer) -> Adapted:
        """Write the network down as one head per domain."""
        return Adapted(
            self._head(network, self.source, self.shared.at_source),
            self._head(network, self.target, self.shared.at_target),
        )

    def _head(
        self, network: HiddenLayer, rows: NDArray[np.float32], standard: Standard
    ) -> BottleneckHead:
        A, a, W, b = _folded(network, rows)
        return BottleneckHead(
            standard.mean, standard.scale, self.shared.basis @ A / self.size, a, W, b
        )


@dataclass(frozen=True)
class _Array:
    """Rows that look the same every time (the protocol ``Inputs``)."""

    X: NDArray[np.float32]

    def plain(self, rows: Rows) -> NDArray[np.float32]:
        return self.X[rows]

    def varied(self, rows: Rows, rng: np.random.Generator) -> NDArray[np.float32]:
        return self.X[rows]


def _folded(network: HiddenLayer, rows: NDArray[np.float32]) -> tuple[Floats, ...]:
    """Fold batch norm, with the statistics of these rows, into the layer before it: float64."""
    first, norm, last = network.first, network.norm, network.head
    weight, gain, shift, W, b = (
        t.detach().double().numpy()
        for t in (first.weight, norm.weight, norm.bias, last.weight, last.bias)
    )
    before = rows @ weight.T  # (n, WIDTH)
    gain = gain / np.sqrt(before.var(axis=0) + norm.eps)
    return weight.T * gain, shift - before.mean(axis=0) * gain, W.T.copy(), b.copy()


def _schedule(
    steps: int, batch_size: int, lr: float, epochs: int = 1, smoothing: float = 0.0
) -> Schedule:
    from headstart.adaptation.loop import Schedule

    each = max(1, round(steps / epochs))
    return Schedule(epochs=epochs, steps=each, batch_size=batch_size, lr=lr, smoothing=smoothing)


_LOCK = threading.Lock()
_INSIDE: list[int] = []
"""Torch's own number of threads, once for every fit that is under way."""


@contextmanager
def _one_thread() -> Iterator[None]:
    """Keep torch on one thread: operations this small only wait for each other on more.

    Several fits may be under way; the last to end puts back what the first found.
    """
    import torch

    with _LOCK:
        _INSIDE.append(_INSIDE[0] if _INSIDE else torch.get_num_threads())
        torch.set_num_threads(1)
    try:
        yield
    finally:
        with _LOCK:
            own = _INSIDE.pop()
            if not _INSIDE:
                torch.set_num_threads(own)


_SPECS = (
    (
        "DANN",
        N_("Learns features by which a discriminator cannot tell the two domains apart."),
        N_(
            "Ganin et al. (2016), Domain-adversarial training of neural networks, JMLR 17, "
            "arXiv:1505.07818, equations 9 to 18"
        ),
    ),
    (
        "CDAN+E",
        N_(
            "As DANN, but the discriminator sees features together with answers, and sure answers "
            "count more."
        ),
        N_(
            "Long, Cao, Wang & Jordan (2018), Conditional adversarial domain adaptation, NeurIPS, "
            "arXiv:1705.10667, equations 6 to 9"
        ),
    ),
    (
        "DAN",
        N_("Learns features whose two clouds look alike to kernels of five widths."),
        N_(
            "Long, Cao, Wang & Jordan (2015), Learning transferable features with deep adaptation "
            "networks, ICML, arXiv:1502.02791, equations 1 and 2"
        ),
    ),
    (
        "JAN",
        N_("As DAN, on features and answers together."),
        N_(
            "Long, Zhu, Wang & Jordan (2017), Deep transfer learning with joint adaptation "
            "networks, ICML, arXiv:1605.06636, section 4"
        ),
    ),
    (
        "Deep CORAL",
        N_("Learns features whose covariances are alike in the two domains."),
        N_("Sun & Saenko (2016), Deep CORAL, ECCV workshops, arXiv:1607.01719, equations 1 to 3"),
    ),
    (
        "MCC",
        N_("Learns answers on the target that do not confuse one class with another."),
        N_(
            "Jin, Wang, Long & Wang (2020), Minimum class confusion for versatile domain "
            "adaptation, ECCV, arXiv:1912.03699, section 3"
        ),
    ),
    (
        "MDD",
        N_(
            "Learns features on which no rival classifier agrees on the source but not on the "
            "target."
        ),
        N_(
            "Zhang, Liu, Long & Jordan (2019), Bridging theory and algorithm for domain "
            "adaptation, ICML, arXiv:1904.05801, section 4"
        ),
    ),
    (
        "AFN",
        N_("Learns longer features, which are said to transfer better, and sure answers."),
        N_(
            "Xu, Li, Yang & Lin (2019), Larger norm more transferable, ICCV, arXiv:1811.07456, "
            "section 3"
        ),
    ),
)

_TUNED: dict[str, dict[str, float]] = {
    "DANN": {"batch_size": 64},
    "CDAN+E": {"batch_size": 64},
    "DAN": {"weight": 10.0},
    "Deep CORAL": {"weight": 100.0},
    "AFN": {"weight": 0.05},
}
"""Where the multiplier of 1 or the batch was not kept. Multipliers tried on five pairs of domains:
of DAN and JAN 1 and 10, of Deep CORAL 100 and 1000 (at 1 it does nothing), of AFN its own 0.05 and
0.3. Smaller batches for the two slowest."""

DEEP: tuple[Bottleneck | Shot, ...] = (
    *(Bottleneck(*spec, **_TUNED.get(spec[0], {})) for spec in _SPECS),  # type: ignore[arg-type]
    Shot(),
)
"""The adapters of the deep family."""
