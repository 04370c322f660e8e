"""The recipe: everything that decides how a network is trained, with where each default is from."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import partial
from typing import Any

from headstart.errors import ConfigError
from headstart.modalities import augmentations
from headstart.options import flag, option
from headstart.said import N_, _, commas, sentences

TUNES = ("all", "bias", "norm", "lora")
LOSSES = ("labels", "pairs")
OPTIMIZERS = ("adamw", "adam", "sgd")
SCHEDULES = ("cosine", "one-cycle", "constant")
BATCHNORMS = ("frozen", "train")
EMBEDDINGS = BATCHNORMS
PRECISIONS = ("auto", "float32", "bfloat16")
KEEPS = ("l2-sp", "bss", "co-tuning")
TRAINING = N_(
    "Training networks (--method finetune, full, contrastive, scratch, small-cnn, or auto with "
    "--budget)"
)
_knob = partial(option, panel=TRAINING)


def words(text: str) -> tuple[str, ...]:
    """Read words between commas."""
    return tuple(word.strip() for word in text.split(",") if word.strip())


@dataclass(frozen=True)
class Recipe:
    """How a network is trained.

    Attributes
    ----------
    unfreeze : str
        How much is trained: a number of blocks from the end, ``"last-blocks"``, ``"last-stage"``,
        ``"all"``, or the first block to train. Little by default, as every guide advises.
    tune : {"all", "bias", "norm", "lora"}
        What is trained in those blocks: all weights; only biases and the norms' scales and shifts
        (BitFit, Ben Zaken et al. 2022, arXiv:2106.10199); only the norms'; only a matrix of rank 8
        that is added to the weights of every linear layer (LoRA: ``transfer/lora.py``).
    loss : {"labels", "pairs"}
        What training makes small: the cross entropy of the answers; or the error of the cosines
        between embeddings, 1 within a class and 0 between classes, after which the head is fitted
        as that of the probe is (SetFit, Tunstall et al. 2022, arXiv:2209.11055). Pairs are many
        where labels are few.
    batchnorm : {"frozen", "train"}
        Frozen: batch norms keep their statistics, scales and shifts, in trained blocks too. Below
        some 5,000 images batches are too small to estimate them. (``tune`` "bias" and "norm" train
        scales and shifts all the same; the statistics stay.)
    embeddings : {"frozen", "train"}
        Frozen: tables that look vectors up by number (of words, of places) stay as they are, in
        trained blocks too: words that are not in the training texts would be left behind by those
        that are, and the table is half of a small network's weights.
    epochs : int, >= 1
    batch_size : int, >= 1
        Rows are dealt into equal batches of at most this many: there is no short last one.
    optimizer : {"adamw", "adam", "sgd"}
        SGD with Nesterov's momentum of 0.9.
    lr : float or None, per step, > 0
        Of the pretrained layers; the head's is ``head_lr``. None: ``LR[optimizer]``, and with
        LoRA ``LORA_PACE`` times that.
    head_lr : float or None, per step, > 0
        None: the same as ``lr`` for a head that starts from the converged probe (LP-FT, Kumar et
        al. 2022, arXiv:2202.10054), which needs no haste.
    weight_decay : float or None, >= 0
        Never reaches what is frozen. None: ``DECAY[optimizer]``.
    schedule : {"cosine", "one-cycle", "constant"}
        Cosine to zero after a warm-up over the first tenth; one-cycle rises for 30 % (Smith &
        Topin 2019, arXiv:1708.07120).
    layer_decay : float, 0 to 1
        The rate of a block is this times that of the next deeper one; ULMFiT uses 1/2.6 (Howard &
        Ruder 2018, arXiv:1801.06146, section 3.2).
    gradual : bool
        Unfreeze one more block every epoch, from the last (ULMFiT, section 3.3).
    label_smoothing : float, 0 to 1 (exclusive)
    mixup, cutmix : float, >= 0
        The Beta distribution's parameter; 0 is off. Zhang et al. 2018, arXiv:1710.09412; Yun et al.
        2019, arXiv:1905.04899. Cached activations are mixed as examples are (manifold mixup, Verma
        et al. 2019, arXiv:1806.05236).
    ema : float, 0 to 1 (exclusive)
        Decay of a running average of the weights, which is then the model; 0 is off.
    clip : float, >= 0
        Longest gradient; 0 is off.
    patience : int, >= 0
        Stop after this many epochs without a better validation loss, on a fifth of the training
        rows held back for it, and keep the best; 0 trains all epochs on all rows.
    keep : tuple of str
        Penalties that hold on to what was learned: ``"l2-sp"``, ``"bss"``, ``"co-tuning"``.
    wise : bool
        Mix the weights before and after (WiSE-FT), at the share that cross-validation prefers.
    precision : {"auto", "float32", "bfloat16"}
        Of forward and backward passes in training; weights, steps and answers are float32 always.
        ``"auto"`` is bfloat16 on CUDA. On a CPU it is faster too, with depthwise layers left in
        float32 (``benchmarks/finetune.py``), but solar cells came out a point worse, so there it
        has to be asked for.
    find_lr : bool
        Choose ``lr`` by a range test first.
    augment : str
        One of the kinds that the modality of the examples has (``Views.kinds``).
    views : int or None
        Fixed views per example; None: the kind's own number.
    cache : bool
        Keep activations at the cut on disk, of fixed views. Without: every epoch draws afresh, and
        computes the frozen layers again.
    """

    unfreeze: str = _knob(
        "last-blocks",
        N_(
            "Blocks to train: a number from the end, last-blocks, last-stage, all, or a block's "
            "name."
        ),
        metavar="DEPTH",
    )
    tune: str = _knob("all", N_("What to train in them: all, bias (BitFit), norm or lora."))
    loss: str = _knob(
        "labels",
        N_("labels: that answers are right. pairs: that examples of one class come to lie close."),
    )
    batchnorm: str = _knob("frozen", N_("frozen: batch norms stay as they are; train."))
    embeddings: str = _knob("frozen", N_("frozen: vectors of words stay as they are; train."))
    epochs: int = _knob(12, N_("How often every example is seen."))
    batch_size: int = _knob(32, N_("Examples per step."))
    optimizer: str = _knob("adamw", N_("adamw, adam or sgd."))
    lr: float | None = _knob(None, N_("Learning rate of pretrained layers."))
    head_lr: float | None = _knob(None, N_("Learning rate of the head."))
    weight_decay: float | None = _knob(None, N_("Never reaches what is frozen."))
    schedule: str = _knob("cosine", N_("Of the rate: cosine, one-cycle or constant."))
    layer_decay: float = _knob(1.0, N_("Rate of a block over that of the next deeper one, 0 to 1."))
    gradual: bool = _knob(False, N_("Unfreeze one more block every epoch."))
    label_smoothing: float = _knob(0.0, N_("Share of each label given to all classes."))
    mixup: float = _knob(0.0, N_("Mix inputs and labels in pairs, with this Beta parameter."))
    cutmix: float = _knob(0.0, N_("Paste parts of one into another, with this Beta parameter."))
    ema: float = _knob(0.0, N_("Keep a running average of the weights with this decay, e.g. 0.99."))
    clip: float = _knob(1.0, N_("Longest gradient; 0: any."))
    patience: int = _knob(0, N_("Stop after so many epochs without a better validation loss."))
    keep: tuple[str, ...] = _knob(
        (),
        N_("Hold on to what was learned: l2-sp, bss, co-tuning (several by commas)."),
        read=words,
    )
    wise: bool = _knob(
        False, N_("Mix the weights before and after training, as validation prefers.")
    )
    precision: str = _knob("auto", N_("float32, bfloat16, or auto: bfloat16 on CUDA."))
    find_lr: bool = _knob(False, N_("Choose --lr by a range test first."))
    augment: str = _knob(
        "crops",
        N_(
            "none, mirror, flips, crops, pad, colour or randaugment; of sound none, noise, shift, "
            "gain, specaugment or sound."
        ),
    )
    views: int | None = _knob(None, N_("Fixed views of each example whose activations are cached."))
    cache: bool = _knob(
        True,
        N_("Keep activations of fixed views; or compute frozen layers, and new views, every time."),
    )

    def __post_init__(self) -> None:
        wrong = [*_wrong_words(self), *_wrong_numbers(self), *_at_odds(self)]
        if self.views is not None and not self.cached:
            wrong.append(_("--views are fixed, and without a cache every epoch draws new ones."))
        if wrong:
            raise ConfigError(sentences(*wrong), _("`headstart train --help` lists the options."))

    @property
    def rate(self) -> float:
        """Learning rate of the pretrained layers."""
        usual = LR[self.optimizer] * (LORA_PACE if self.tune == "lora" else 1)
        return usual if self.lr is None else self.lr

    @property
    def head_rate(self) -> float:
        """Learning rate of the head."""
        return self.rate if self.head_lr is None else self.head_lr

    @property
    def decay(self) -> float:
        """Weight decay."""
        return DECAY[self.optimizer] if self.weight_decay is None else self.weight_decay

    @property
    def trains_head(self) -> bool:
        """Whether the head is trained along; else it is fitted afterwards."""
        return self.loss == "labels"

    def seen(self, n: int) -> int:
        """Return how many of ``n`` rows an epoch sees."""
        return n if self.loss == "labels" else min(n, PAIRED)

    def watched(self, n: int, held: int) -> int:
        """Return by how many of ``held`` rows each point of a curve is drawn, of ``n`` to train."""
        return min(held, max(n, WATCHED)) if self.trains_head else 0

    @property
    def cached(self) -> bool:
        """Whether activations of fixed views are kept."""
        return self.cache and augmentations().get(self.augment, 0) > 0


LR = {"adamw": 1e-4, "adam": 1e-4, "sgd": 1e-3}
"""Default rates: of AdamW measured on solar cells (docs/measurements.md); of SGD that of the
backbone in TLlib's fine-tuning baseline."""
LORA_PACE = 10
"""Of LoRA, times the usual rate: Hu et al. (2021), table 9, train it at 4e-4 to 5e-4 where the
whole of networks like BERT is trained at 2e-5 to 5e-5."""
PAIRED = 512
"""Rows that an epoch of pairs sees at most: of B rows there are B (B - 1) / 2 pairs in a batch, so
more of them cost time and teach little. A plain choice."""
WATCHED = 256
"""Held-out rows that each point of a curve is drawn by, where there are that many, and no more than
are trained on: beside few labels and a large test set, watching took longer than training. An
accuracy of 256 is uncertain by 3 points; scores are of all rows."""
DECAY = {"adamw": 0.01, "adam": 0.0, "sgd": 5e-4}
"""torch's own default for AdamW and Adam; of SGD as in TLlib."""
NAMES = tuple(f.name for f in fields(Recipe))


def pace(step: int, steps: int, schedule: str) -> float:
    """Share of the full learning rate at a step: 0 <= step < steps, result in (0, 1].

    Examples
    --------
    >>> [round(pace(s, 10, "cosine"), 2) for s in (0, 1, 5, 9)]
    [1.0, 0.99, 0.59, 0.03]
    >>> [round(pace(s, 10, "one-cycle"), 2) for s in (0, 2, 9)]
    [0.25, 1.0, 0.06]
    """
    if schedule == "constant":
        return 1.0
    rising = math.ceil((0.3 if schedule == "one-cycle" else 0.1) * steps)
    if step < rising:
        share = (step + 1) / rising
        return share if schedule == "cosine" else (1 - math.cos(math.pi * share)) / 2
    falling = (step - rising + 1) / (steps - rising + 1)
    return (1 + math.cos(math.pi * falling)) / 2


def _wrong_words(recipe: Recipe) -> list[str]:
    allowed: dict[str, tuple[str, ...]] = {
        "tune": TUNES,
        "loss": LOSSES,
        "batchnorm": BATCHNORMS,
        "embeddings": EMBEDDINGS,
        "optimizer": OPTIMIZERS,
        "schedule": SCHEDULES,
        "augment": tuple(augmentations()),
        "precision": PRECISIONS,
    }
    said: list[tuple[str, str, tuple[str, ...]]] = [
        *((name, getattr(recipe, name), words) for name, words in allowed.items()),
        *(("keep", word, KEEPS) for word in recipe.keep),
    ]
    return [
        _(
            "{option} {value!r} is not one of {words}.",
            option=flag(name),
            value=word,
            words=commas(words),
        )
        for name, word, words in said
        if word not in words
    ]


def _wrong_numbers(recipe: Recipe) -> list[str]:
    limits: dict[str, tuple[float, float]] = {
        "epochs": (1, math.inf),
        "batch_size": (1, math.inf),
        "lr": (1e-12, 100),
        "head_lr": (1e-12, 100),
        "weight_decay": (0, 100),
        "layer_decay": (1e-6, 1),
        "label_smoothing": (0, 0.999),
        "mixup": (0, 100),
        "cutmix": (0, 100),
        "ema": (0, 0.99999),
        "clip": (0, math.inf),
        "patience": (0, math.inf),
        "views": (1, 64),
    }
    return [
        _(
            "{option} {value:g} is not between {low:g} and {high:g}.",
            option=flag(name),
            value=value,
            low=low,
            high=high,
        )
        for name, (low, high) in limits.items()
        if (value := getattr(recipe, name)) is not None and not low <= value <= high
    ]


def _at_odds(recipe: Recipe) -> list[str]:
    """Name options that mean nothing beside others."""
    wrong: list[str] = []
    usual = {name: getattr(Recipe, name) for name in OF_ANSWERS}
    set_too = [name for name, value in usual.items() if getattr(recipe, name) != value]
    if "co-tuning" in recipe.keep:
        set_too.append("keep")
    if recipe.loss == "pairs" and set_too:
        wrong.append(
            _(
                "{options}: with --loss pairs the head is fitted after training, and nothing "
                "watches its answers.",
                options=commas(map(flag, set_too)),
            )
        )
    if recipe.tune == "lora" and recipe.wise:
        wrong.append(_("--wise mixes weights, and --tune lora leaves them as they are."))
    return wrong


OF_ANSWERS = ("head_lr", "label_smoothing", "mixup", "cutmix", "patience", "wise")
"""Options that mean something only where the head's answers are trained."""

RECIPES: dict[str, dict[str, Any]] = {
    "finetune": {},
    "full": {"unfreeze": "all", "cache": False},
    "contrastive": {
        "unfreeze": "all",
        "cache": False,
        "loss": "pairs",
        "epochs": 10,
        "lr": 1e-4,
    },
    "scratch": {
        "unfreeze": "all",
        "cache": False,
        "batchnorm": "train",
        "embeddings": "train",
        "lr": 1e-3,
        "epochs": 30,
    },
}
"""What each method that trains a network changes of the defaults. From scratch there are no
statistics to freeze, and nothing to be careful of; 30 epochs are a plain choice. Rate and epochs of
pairs were measured on sentences (``benchmarks/text_tuning.py``)."""
RECIPES["small-cnn"] = RECIPES["scratch"]


SMALL_CNN = "small-cnn"
FROM_SCRATCH = {
    SMALL_CNN: N_("small network, trained from scratch"),
    "scratch": N_("same network, trained from scratch"),
}
"""Methods that transfer nothing, and what they are called as rivals."""


def defaults(method: str) -> Recipe:
    """Return a method's own recipe."""
    return Recipe(**RECIPES[method])


def from_options(
    method: str, options: Mapping[str, Any], usual: Mapping[str, Any] | None = None
) -> Recipe:
    """Build a method's recipe, changed by those of the options that were given (not None).

    Parameters
    ----------
    usual : mapping, optional
        What is usual for such examples, as ``Modality.recipe`` has it; the method's own settings
        go before it.

    Raises
    ------
    ConfigError
        Values that make no sense, all of them named.
    """
    given = {k: v for k, v in options.items() if k in NAMES and v is not None}
    own = {**(usual or {}), **RECIPES.get(method, {})}
    if "lr" in own:  # is stated for AdamW
        own["lr"] *= LR.get(given.get("optimizer", "adamw"), 1e-4) / LR["adamw"]
        own["lr"] *= LORA_PACE if given.get("tune") == "lora" else 1
    if "keep" in given:
        keep = given["keep"]
        given["keep"] = words(keep if isinstance(keep, str) else ",".join(keep))
    if "unfreeze" in given:
        given["unfreeze"] = str(given["unfreeze"])
    return Recipe(**{**own, **given})
