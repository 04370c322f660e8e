"""Networks that adapt: the last blocks of a backbone, or a whole small network, on two domains.

Everything is as in fine-tuning (:mod:`headstart.transfer.finetune`), with a second batch in every
step: examples of the target, without labels, about which an objective of the deep family
(:mod:`headstart.adaptation.objectives`) has something to say. Not worth its time where adapting the
cached features does as well, which takes seconds.

Each domain is normalised by itself: the embeddings are, and the batch norms of the trained blocks.
The domains' batches go through the network one after the other, and in the end each domain's
statistics are measured on all of its rows. What is shared is all that is learned.

References
----------
Chang et al. (2019), "Domain-specific batch normalization for unsupervised domain adaptation", CVPR,
arXiv:1906.03950; Li et al. (2018), "Adaptive batch normalization for practical domain adaptation",
Pattern Recognition 80.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from headstart.adaptation.batchnorm import estimate
from headstart.adaptation.bottleneck import DEEP, LEARNERS, WIDTH
from headstart.adaptation.loop import Schedule, Side, adapt_network
from headstart.adaptation.losses import ramp
from headstart.adaptation.names import NETWORK, PLAIN, called
from headstart.adaptation.objectives import OBJECTIVES, Batch, DomainObjective, SourceOnly
from headstart.adaptation.trials import Trial
from headstart.backbones.network import Backbone, hash_weights
from headstart.errors import ConfigError
from headstart.registry import unknown_name
from headstart.said import N_, _, sentences
from headstart.transfer.crew import seeded
from headstart.transfer.finetune import Setting, Tuned
from headstart.transfer.heads import LinearHead
from headstart.transfer.logistic import Ints
from headstart.transfer.network import EVALUATION_BATCH, LEAST_SPREAD, Network
from headstart.transfer.parts import Inputs, Point, Rows

SOURCE_ONLY = PLAIN
"""The network trained on the source alone; each domain is normalised as everywhere here."""
NETWORK_METHODS = (SOURCE_ONLY, *OBJECTIVES)
PRETRAINED = Schedule(epochs=12, lr=0.01, body_share=0.1)
"""What was trained before moves slowly, what is new ten times as fast: TLlib's rates. In so few
steps MCC gains much, and adversarial methods (DANN, CDAN) nothing: their discriminator wins."""
UNTRAINED = Schedule(
    epochs=12, batch_size=64, lr=0.02, body_share=1.0, weight_decay=5e-4, gamma=0.01
)
"""For a small network that starts from random weights: nothing in it deserves a slow rate, which
has to fall faster; measured on digits (``benchmarks/adapt_digits.py``)."""
PLAIN_SUMMARY = N_("Learns from the source alone; each domain is normalised by its own statistics.")
LEAST_ROWS = 2
"""Of either domain: statistics of one row are none."""


@dataclass(frozen=True)
class TargetInputs:
    """The unlabelled domain as a network is fed it. Labels have no place here.

    Attributes
    ----------
    inputs : Inputs
        Of the same kind as the source's: examples, or activations behind the same cut.
    n : int
        Rows.
    """

    inputs: Inputs
    n: int

    @property
    def rows(self) -> Rows:
        """Return all of them."""
        return np.arange(self.n)


@dataclass(frozen=True)
class AdaptedNetwork:
    """What adapting a network leaves.

    Attributes
    ----------
    name : str
        Of the method: ``"MCC"``.
    tuned : Tuned
        The model for examples like the target's: a backbone of its own with its statistics, and a
        linear head on its embeddings. ``tuned.features``: embeddings by it of the source rows it
        was trained on, (n_rows, dim), which only mean something to its head where batch norms are
        frozen.
    source_logits : ndarray of shape (n_held, K), float64
        Of the source rows held out, normalised as the source is: the honest check.
    target_logits : ndarray of shape (n_t, K), float64
        Of all target rows by ``tuned``.
    target_features : ndarray of shape (n_t, dim), float32
        Embeddings of all target rows by ``tuned.backbone``.
    history : list of Point
        One an epoch.
    trouble : str
        What went wrong, or "".
    seconds : float
    """

    name: str
    tuned: Tuned
    source_logits: NDArray[np.float64]
    target_logits: NDArray[np.float64]
    target_features: NDArray[np.float32]
    history: list[Point]
    trouble: str
    seconds: float

    def trial(self, held_y: Ints) -> Trial:
        """Return the same as a candidate for :func:`headstart.adaptation.select.choose`.

        Parameters
        ----------
        held_y : ndarray of int64, shape (n_held,)
            Classes of the source rows held out.

        Notes
        -----
        There is no rehearsal: it would cost a second training. Training that went wrong counts as
        failure.
        """
        known = next((a for a in DEEP if a.name == self.name.replace("-IM", "")), None)
        n_classes = self.target_logits.shape[1]
        nothing = np.empty((0, n_classes))
        return Trial(
            self.name + NETWORK,
            "network",
            sentences(
                _("Trains blocks of the network."), _(known.summary if known else PLAIN_SUMMARY)
            ),
            _(known.reference) if known else "",
            nothing if self.trouble else self.source_logits,
            held_y,
            nothing if self.trouble else self.target_logits,
            seconds=self.seconds,
            failure=self.trouble,
        )


def adapt_network_of(
    setting: Setting,
    target: TargetInputs,
    method: str,
    rows: Rows,
    held: Rows,
    *,
    schedule: Schedule | None = None,
    own_statistics: bool = True,
) -> AdaptedNetwork:
    """Train a network on labelled rows of the source and on all of the target.

    Parameters
    ----------
    setting : Setting
        Of the source, as for fine-tuning: backbone, trained blocks, cut, inputs, labels, the head
        to start from. Of its recipe ``tune``, ``gradual`` and ``batchnorm`` count, the rest is the
        schedule's. Without embeddings (``X`` of no rows) the network counts as untrained.
    target : Target
    method : str
        ``"no adaptation"`` or one of :data:`~headstart.adaptation.objectives.OBJECTIVES`.
    rows, held : ndarray of int64
        Source rows to train on, and rows to answer for; disjoint, ``held`` may be empty.
    schedule : Schedule, optional
        None: ``PRETRAINED`` or, from random weights, ``UNTRAINED``.
    own_statistics : bool, default=True
        Batch norms of the trained blocks are trained, and have statistics of each domain. From
        photos to sketches (280 examples each) this was worth 25 points: 47.5 % right with frozen
        ones, 72.5 % with their own, by MCC in the last blocks. False: as the recipe says.

    Raises
    ------
    UnknownNameError
        No such method.
    ConfigError
        Fewer than two rows of a domain.

    Notes
    -----
    All that is random comes from ``setting.seed``. Rows held out and the target's labels decide
    nothing.
    """
    start = time.perf_counter()
    _check(method, rows, target)
    schedule = schedule or (PRETRAINED if len(setting.X) else UNTRAINED)
    if own_statistics:
        setting = replace(setting, recipe=replace(setting.recipe, batchnorm="train"))
    fit = _("{name} / {way}", name=_(setting.name), way=called(method))
    with seeded(torch.device(setting.device), setting.seed):
        network = _two_domains(setting, rows)
        trained = adapt_network(
            network,
            Side(setting.inputs, rows, setting.y, _weights(setting, rows)),
            Side(target.inputs, target.rows),
            _objective(method, network, setting.seed),
            schedule,
            seed=setting.seed,
            on_point=lambda point: setting.on_point(fit, point),
            begin=network.begin,
        )
    joint = copy.deepcopy(network.state_dict())
    network.measure(setting.inputs, rows)
    source_logits = network.answers(setting.inputs, held)[1]
    network.load_state_dict(joint)
    network.measure(target.inputs, target.rows)
    features, logits = network.answers(target.inputs, target.rows)
    tuned = _finish(setting, network, network.answers(setting.inputs, rows)[0])
    took = time.perf_counter() - start
    history, trouble = trained.history, trained.trouble
    return AdaptedNetwork(method, tuned, source_logits, logits, features, history, trouble, took)


class TwoDomains(nn.Module):
    """A body and a head with a batch norm between them, which tells no domain from another.

    Its features are the standardised embeddings, so that objectives and head see each domain in
    the same place and at the same scale. In training a batch is standardised by itself; before
    answering for a domain its statistics are measured (:meth:`measure`).

    Parameters
    ----------
    network : Network
        As it is before training; taken over.
    norms : sequence of nn.Module
        Batch norms of the body whose statistics belong to each domain too.
    """

    def __init__(self, network: Network, norms: Sequence[nn.Module] = ()) -> None:
        super().__init__()
        self.body, self.head = network.body, network.head
        self.neck = _neck(network)
        self._network = [network]  # in a list: its parameters are registered once, above
        self._measured = [_Part([self.neck, *norms], self)]

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return standardised embeddings (B, dim) and logits (B, K)."""
        features: Tensor = self.neck(self.body(x).float())
        return features, self.head(features)

    def begin(self, epoch: int) -> None:
        """Switch to training what is trained, and leave alone what is frozen."""
        self._network[0].train_mode(epoch)
        self.neck.train()
        self.head.train()

    def measure(self, inputs: Inputs, rows: Rows) -> None:
        """Give batch norms the statistics of a domain, mixed with those of training.

        Those of n rows count n / (n + 16), so few rows move little.
        """
        self.eval()
        estimate(self._measured[0], lambda: self._batches(inputs, rows), len(rows))

    def answers(
        self, inputs: Inputs, rows: Rows
    ) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
        """Answer for rows as prediction sees them: raw embeddings (n, dim), logits (n, K)."""
        self.eval()
        dim, n_classes = self.head.in_features, self.head.out_features
        features, logits = [np.zeros((0, dim), np.float32)], [np.zeros((0, n_classes))]
        with torch.inference_mode():
            for x in self._batches(inputs, rows):
                embedded = self.body(x).float()
                features.append(embedded.cpu().numpy())
                logits.append(self.head(self.neck(embedded)).double().cpu().numpy())
        return np.concatenate(features), np.concatenate(logits)

    def fitted_head(self) -> LinearHead:
        """Return the head on raw embeddings, the statistics of the neck folded in; float64."""
        assert self.neck.running_mean is not None and self.neck.running_var is not None
        tensors = (
            self.head.weight, self.head.bias, self.neck.running_mean, self.neck.running_var
        )  # fmt: skip
        weight, bias, mean, var = (t.detach().cpu().double().numpy() for t in tensors)
        W = (weight / np.sqrt(var + self.neck.eps)).T.copy()
        return LinearHead(W, bias - mean @ W)

    def trainable(self) -> int:
        """Count the parameters of the body that were trained."""
        return sum(p.numel() for p in self._network[0].tuned())

    def _batches(self, inputs: Inputs, rows: Rows) -> Iterator[Tensor]:
        place = self._network[0].place
        for i in range(0, len(rows), EVALUATION_BATCH):
            yield place(inputs.plain(rows[i : i + EVALUATION_BATCH]))


class _Growing(DomainObjective):
    """An objective that is believed as little at first as a reversed gradient is.

    What asks for sure answers on the target must not be asked of a head that knows nothing yet.
    """

    def __init__(self, objective: DomainObjective) -> None:
        super().__init__()
        self.objective = objective

    def forward(self, source: Batch, target: Batch, progress: float) -> Tensor:
        loss: Tensor = ramp(progress) * self.objective(source, target, progress)
        return loss


class _Part(nn.Module):
    """Some batch norms of a network, behind the whole of it: what ``estimate`` may change."""

    def __init__(self, norms: list[nn.Module], network: nn.Module) -> None:
        super().__init__()
        self.norms = nn.ModuleList(norms)
        self._network = [network]  # in a list: no part of this module

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        answers: tuple[Tensor, Tensor] = self._network[0](x)
        return answers


def _two_domains(setting: Setting, rows: Rows) -> TwoDomains:
    network = setting.network(rows)
    if setting.recipe.batchnorm == "frozen":
        return TwoDomains(network)
    body = network.body.net if isinstance(network.body, Backbone) else network.body
    blocks = nn.ModuleList([body.get_submodule(name) for name in setting.blocks])
    return TwoDomains(network, [m for m in blocks.modules() if isinstance(m, _BatchNorm)])


def _neck(network: Network) -> nn.BatchNorm1d:
    """Build the batch norm of the embeddings; it starts at the statistics of the source."""
    scale = network.scale.detach()
    # The same floor as of the scales, for what hardly varies in a batch but may elsewhere.
    neck = nn.BatchNorm1d(len(scale), eps=(LEAST_SPREAD * float(scale.mean())) ** 2, affine=False)
    assert neck.running_mean is not None and neck.running_var is not None
    with torch.no_grad():
        neck.running_mean.copy_(network.mean)
        neck.running_var.copy_(scale**2)
    return neck.to(network.device)


def _objective(method: str, network: TwoDomains, seed: int) -> DomainObjective:
    """Build what is minimised; what it learns itself starts from the seed.

    Discriminators have 256 hidden units, not the papers' 1024: those cost more than a small network
    itself.
    """
    if method == SOURCE_ONLY:
        return SourceOnly()
    factory = OBJECTIVES[method]
    dim, n_classes = network.head.in_features, network.head.out_features
    if method in LEARNERS:  # adversarial: these grow by themselves
        return factory(dim, n_classes, hidden=WIDTH, seed=seed)
    return _Growing(factory(dim, n_classes))


def _weights(setting: Setting, rows: Rows) -> NDArray[np.floating] | None:
    """Weigh classes so that all count alike, mean one over the rows; None where they need not."""
    if not setting.balanced:
        return None
    counts = np.bincount(setting.y[rows], minlength=setting.n_classes)
    return len(rows) / (np.count_nonzero(counts) * np.maximum(counts, 1))


def _finish(setting: Setting, network: TwoDomains, features: NDArray[np.float32]) -> Tuned:
    """Put the adapted body back into a whole backbone with a card of its own."""
    backbone = copy.deepcopy(setting.backbone).cpu()
    own = "net." if setting.cut is None else ""  # a suffix names its blocks as the network does
    body = {k.removeprefix(own): v.cpu() for k, v in network.body.state_dict().items()}
    whole = backbone.net.state_dict()
    backbone.net.load_state_dict({k: body.get(k, v) for k, v in whole.items()})
    backbone.use(replace(backbone.card, weights_hash=hash_weights(backbone.net)))
    return Tuned(backbone, network.fitted_head(), features, network.trainable())


def _check(method: str, rows: Rows, target: TargetInputs) -> None:
    if method not in NETWORK_METHODS:
        raise unknown_name(_("method of adapting a network"), method, NETWORK_METHODS)
    if min(len(rows), target.n) < LEAST_ROWS:
        raise ConfigError(
            _(
                "Adapting a network takes at least {least} examples of each domain; the source has "
                "{source} and the target has {target}.",
                least=LEAST_ROWS,
                source=len(rows),
                target=target.n,
            ),
            _("Add some, or use the model as it is."),
        )
