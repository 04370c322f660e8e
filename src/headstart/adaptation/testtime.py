"""Test-time adaptation: a model looks at all inputs it was given before it answers for any.

Meant for many inputs at once that all changed alike (another camera, other light, drawings
instead of photos). Not for single inputs, nor for streams of one class: nothing here can tell a
batch of nothing but cats from dogs that all look like cats, so whoever adapts to one class
learns to see others in it. Inputs that nearly all get one answer are therefore left alone, and a
result that moves the shares of the answers far is undone.

Batch norms hold what the network was pretrained on, not what the head was trained on, where the
network was frozen: their statistics are then the wrong ones to replace, and ``statistics``, which
compares with the training examples themselves, does better. A probe on photos of PACS is right
about 85 % of 98 noisy photos as it is, about 91 % with ``statistics``, 61 % with new batch
statistics alone and 86 % with both, which is what ``bn`` does.

Nothing is measured here: without labels nobody knows whether the new answers are better.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from headstart.backbones import Card
from headstart.data.items import Examples
from headstart.errors import ArtifactError, ConfigError
from headstart.events import Event, OnEvent, ignore
from headstart.machine import worker_count
from headstart.modalities.side_by_side import SideBySide
from headstart.said import N_, _, commas, sentences
from headstart.transfer import FittedModel
from headstart.transfer.recipe import FROM_SCRATCH

if TYPE_CHECKING:
    import torch

    from headstart.features.engines import Network

Vectors = NDArray[np.float32]
Ints = NDArray[np.integer]

KINDS = {
    "bn": N_(
        "{changed:.0%} of the {n} answers changed: the statistics of the network's batch norms "
        "were estimated anew on these inputs."
    ),
    "tent": N_(
        "{changed:.0%} of the {n} answers changed: the network's batch norms were adapted to these "
        "inputs so that answers become surer."
    ),
    "statistics": N_(
        "{changed:.0%} of the {n} answers changed: the embeddings of these inputs were brought to "
        "the scale of the training {many}."
    ),
}
"""What can be done, and how that is said."""
PRETRAINED = N_(
    "The batch norms of a pretrained network describe what it was pretrained on: --adapt "
    "statistics is usually better for such a model."
)
LEAST = 16
"""Inputs below which nothing is adapted: the stored statistics would count for more than half."""
BATCH = 64
"""Examples at once, and the least that Tent is used on: Wang et al. (2021) use 64 and more."""
ONE_CLASS = 0.9
"""Share of the answers from which on inputs count as being of one class."""
FARTHEST = 3.0
"""Times that the share of a class among the answers may grow or shrink."""
STAGE = N_("adapting to the inputs")


@dataclass(frozen=True)
class AtTest:
    """What came of adapting.

    Attributes
    ----------
    vectors : ndarray of float32, shape (n, dim)
        Embeddings to answer from; the plain ones where nothing was adapted.
    kind : str
        What was kept: ``"bn"``, ``"tent"``, ``"statistics"``, or ``""`` where nothing was.
    changed : float, 0 to 1
        Share of the answers that differ from those of the plain model.
    sentence : str
    """

    vectors: Vectors
    kind: str
    changed: float
    sentence: str


class Loads(Protocol):
    """Where the network comes from: a fresh one every time, so that it may be changed."""

    def load(self) -> Network: ...  # noqa: D102


def adapt_to_inputs(
    kind: str,
    model: FittedModel,
    plain: Vectors,
    *,
    source: Loads,
    examples: Examples,
    hashes: Sequence[str],
    device: str = "cpu",
    on_event: OnEvent = ignore,
) -> AtTest:
    """Adapt a model to inputs that were given together, or leave it as it is and say why.

    Parameters
    ----------
    kind : {"bn", "tent", "statistics"}
        ``statistics``: the moments of the embeddings are brought to those of training
        (``transfer.moments``); needs no network. ``bn``: batch statistics of the inputs
        (``adapt.batchnorm.estimate``), then that, where the model knows the moments. ``tent``:
        batch statistics, one pass of entropy minimisation (``adapt.batchnorm.sharpen``), then
        that; with fewer than 64 inputs it is ``bn``.
    model : FittedModel
        Never changed.
    plain : ndarray of float32, shape (n, dim)
        Embeddings of the inputs as the model knows them.
    source : Ref, SavedBackbone or StagesRef
    examples, hashes : of length n
        Readable. Batches are formed in the order of their hashes, so that the answers do
        not depend on the order of the inputs.
    device : {"cpu", "cuda"}

    Raises
    ------
    ConfigError
        An unknown kind, a network without batch norms, or too little memory.
    ArtifactError
        ``statistics`` for a model that has none of the training examples.

    Notes
    -----
    What is tried is kept only where no class's share of the answers grows or shrinks more than
    three times (counts are smoothed, see ``moved_class``); where Tent fails that, plain ``bn`` is
    tried in its place.
    """
    check_kind(kind)
    n = len(plain)
    if n < LEAST:
        sentence = _(
            "--adapt {kind} needs at least {least} readable inputs at once, here are {n}: the "
            "model answered as it is.",
            kind=kind,
            least=LEAST,
            n=n,
        )
        return AtTest(plain, "", 0.0, sentence)
    before = _answers(model, plain)
    single = only_class(before, model)
    if single is not None:
        sentence = _(
            "Nearly all of these inputs look like {name!r}: nothing can be adapted to one class "
            "alone, so the model answered as it is.",
            name=model.classes[single],
        )
        return AtTest(plain, "", 0.0, sentence)
    undone = ""
    for name, make in _attempts(kind, model, plain, source, examples, hashes, device, on_event):
        vectors = make()
        after = _answers(model, vectors)
        moved = moved_class(before, after, len(model.classes))
        if moved is None:
            changed = float((before != after).mean())
            told = _told(name, model, changed, n, examples)
            return AtTest(vectors, name, changed, sentences(undone, told))
        undone = _(
            "--adapt {kind} was undone: it moved {name!r} from {before:.0%} to {after:.0%} of the "
            "answers, as happens where inputs are not of all classes.",
            kind=name,
            name=model.classes[moved],
            before=float((before == moved).mean()),
            after=float((after == moved).mean()),
        )
    kept = _("The model answered as it is; `headstart adapt SOURCE TARGET` weighs more evidence.")
    return AtTest(plain, "", 0.0, sentences(undone, kept))


def check_kind(kind: str) -> None:
    """Raise ``ConfigError`` for a kind there is not."""
    if kind not in KINDS:
        raise ConfigError(
            _("--adapt {kind!r} is no way to adapt at test time.", kind=kind),
            _("One of: {names}.", names=commas(KINDS)),
        )


def only_class(answers: Ints, model: FittedModel) -> int | None:
    """Return the class that nine in ten answers name, unless it was as common in training."""
    counts = np.bincount(answers, minlength=len(model.classes))
    top = int(counts.argmax())
    trained = 0.0 if model.moments is None else float(model.moments.shares[top])
    share = counts[top] / len(answers)
    return top if share >= ONE_CLASS and share > (1 + trained) / 2 else None


def moved_class(before: Ints, after: Ints, n_classes: int) -> int | None:
    """Return the class whose share of the answers moved most, if it moved too far.

    Parameters
    ----------
    before, after : ndarray of int, shape (n,)
        Answers of the plain and of the adapted model.

    Notes
    -----
    Too far is a ratio of counts outside 1/3 to 3. Both counts get ``max(2, n / 100)`` added, so
    that a class with few answers may change by a few.
    """
    extra = max(2.0, len(before) / 100)
    was, now = (np.bincount(a, minlength=n_classes) + extra for a in (before, after))
    ratio = np.abs(np.log(now / was))
    most = int(ratio.argmax())
    return most if ratio[most] > np.log(FARTHEST) + 1e-12 else None


def _told(name: str, model: FittedModel, changed: float, n: int, examples: Examples) -> str:
    """Say what was done, and what it may be worth."""
    pretrained = name != "statistics" and model.method not in FROM_SCRATCH
    return sentences(
        _(KINDS[name], changed=changed, n=n, many=examples.modality.unit.many),
        _("Whether they are better is not known without labels."),
        _(PRETRAINED) if pretrained else "",
    )


def _answers(model: FittedModel, vectors: Vectors) -> Ints:
    return model.predict_proba(vectors).argmax(axis=1)


def _attempts(
    kind: str,
    model: FittedModel,
    plain: Vectors,
    source: Loads,
    examples: Examples,
    hashes: Sequence[str],
    device: str,
    on_event: OnEvent,
) -> Iterator[tuple[str, Callable[[], Vectors]]]:
    """Offer what to try, boldest first; what is cautious runs only where the bold was undone."""
    if kind == "statistics":
        _refuse_without_moments(model, plain)
        yield kind, lambda: _rescaled(model, plain)
        return
    bold = kind == "tent" and len(plain) >= BATCH
    work = _NetworkWork(source, examples, hashes, device, 4 if bold else 2, on_event)
    if bold:
        yield "tent", lambda: _rescaled(model, work.sharpened(model))
    yield "bn", lambda: _rescaled(model, work.estimated())


def _rescaled(model: FittedModel, vectors: Vectors) -> Vectors:
    """Bring embeddings to the moments of the training examples, where the model knows them."""
    if not _knows_moments(model, vectors):
        return vectors
    assert model.moments is not None
    factor, offset = model.moments.affine(vectors)
    return (vectors * factor + offset).astype(np.float32)


def _knows_moments(model: FittedModel, vectors: Vectors) -> bool:
    return model.moments is not None and len(model.moments.mean) == vectors.shape[1]


def _refuse_without_moments(model: FittedModel, vectors: Vectors) -> None:
    if not _knows_moments(model, vectors):
        raise ArtifactError(
            _(
                "This model does not hold the statistics of its training examples, which --adapt "
                "statistics needs."
            ),
            _("Train it again with this version, with the method probe or finetune."),
        )


def _refuse_several(card: Card) -> None:
    if isinstance(card.look, SideBySide):
        raise ConfigError(
            _(
                "--adapt bn and tent adapt one network, and {backbone} is several side by side.",
                backbone=card.name,
            ),
            _("Use --adapt statistics: it works on the embeddings of any network."),
        )


class _NetworkWork:
    """The network of a saved model in torch, and the examples it is to be adapted to."""

    def __init__(
        self,
        source: Loads,
        examples: Examples,
        hashes: Sequence[str],
        device: str,
        passes: int,
        on_event: OnEvent,
    ) -> None:
        import torch

        from headstart.adaptation.batchnorm import batch_norms

        self.n, self.device, self.on_event = len(examples), device, on_event
        self.done, self.total = 0, passes * self.n
        network = source.load()
        batch_norms(network)  # refuse before any work is done
        _refuse_several(network.card)
        self.network = network.to(device).to(memory_format=torch.channels_last)
        self.order = np.array(sorted(range(self.n), key=lambda row: hashes[row]), np.int64)
        self.unit, look = examples.modality.unit.many, network.card.look
        self.fresh = examples.modality.views.fresh(
            lambda row: examples.read(row, look.detail),
            self.n,
            look,
            "none",
            workers=worker_count(),
            on_event=on_event,
        )
        self._estimated: dict[str, torch.Tensor] | None = None

    def estimated(self) -> Vectors:
        """Embed with statistics of the inputs."""
        self._estimate()
        return self._embed()

    def sharpened(self, model: FittedModel) -> Vectors:
        """Embed after a pass of Tent, with statistics estimated again behind it."""
        from headstart.adaptation.batchnorm import estimate, sharpen
        from headstart.transfer.crew import out_of_memory

        self._estimate()
        try:
            sharpen(self.network, self.batches, model.head, model.temperature)
        except (RuntimeError, MemoryError) as cause:
            if not out_of_memory(cause):
                raise
            raise ConfigError(
                _(
                    "There is not enough memory to train the batch norms on {n} {many} at once.",
                    n=BATCH,
                    many=self.unit,
                ),
                _("Use --adapt bn, which needs a small part of it."),
            ) from cause
        estimate(self.network, self.batches, self.n)
        return self._embed()

    def _estimate(self) -> None:
        """Estimate the statistics, once; come back to them from wherever the network went."""
        from headstart.adaptation.batchnorm import estimate

        if self._estimated is None:
            estimate(self.network, self.batches, self.n)
            state = self.network.state_dict()
            self._estimated = {name: tensor.clone() for name, tensor in state.items()}
        else:
            self.network.load_state_dict(self._estimated)
            self.total += self.n

    def _embed(self) -> Vectors:
        from headstart.adaptation.batchnorm import embed

        found = embed(self.network, self.batches)
        vectors = np.empty_like(found)
        vectors[self.order] = found
        return vectors

    def batches(self) -> Iterator[torch.Tensor]:
        """Give all examples in batches of nearly equal size: a pass, with its progress."""
        import torch

        for rows in np.array_split(self.order, max(1, round(self.n / BATCH))):
            yield torch.from_numpy(self.fresh.plain(rows)).to(self.device)
            self.done += len(rows)
            self.on_event(Event(_(STAGE), self.done, self.total, self.unit))
