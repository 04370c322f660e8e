"""Training in words: what was trained, what it cost, and what its curves say."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from headstart.modalities import Unit
from headstart.notation import decimal
from headstart.report.curves import Curves
from headstart.report.words import amount, count, duration
from headstart.transfer.recipe import FROM_SCRATCH

"""Methods that start from random weights: nothing is transferred."""
TUNED = {
    "bias": "Of these layers only the biases (numbers that are added, not multiplied) and the "
    "scales of the normalisation were trained.",
    "norm": "Of these layers only the normalisation (a scale and a shift per channel) was trained.",
}
KEPT = {
    "l2-sp": "L2-SP: a penalty pulls the weights back to where they started",
    "bss": "BSS, batch spectral shrinkage: directions of the features that carry little are damped",
    "co-tuning": "co-tuning: the classes that the network knew from before are a second task",
}
BATCHNORMS = {
    "frozen": "frozen: its statistics, scales and shifts stayed as they came",
    "train": "trained: its statistics follow your {many}",
}
OUTCOMES = {
    "tried": "tried",
    "skipped": "not tried",
    "interrupted": "stopped before its end",
    "failed": "failed",
}


def masthead(training: dict[str, Any]) -> str:
    """Say in a few words that the network itself was trained.

    Examples
    --------
    >>> masthead({"method": "finetune", "unfreeze": "3"})
    'network fine-tuned (last 3 layers)'
    >>> masthead({"method": "scratch", "unfreeze": "all"})
    'network trained from nothing'
    """
    if training["method"] in FROM_SCRATCH:
        return "network trained from nothing"
    return f"network fine-tuned ({depth(training['unfreeze'])})"


def depth(unfreeze: str) -> str:
    """Say how much of a network is trained.

    Examples
    --------
    >>> depth("all"), depth("last-stage"), depth("1"), depth("blocks.5")
    ('all layers', 'last stage', 'last layer', 'from blocks.5 on')
    """
    if unfreeze.isdigit():
        return "last layer" if unfreeze == "1" else f"last {unfreeze} layers"
    known = {"all": "all layers", "last-stage": "last stage", "last-blocks": "last blocks"}
    return known.get(unfreeze, f"from {unfreeze} on")


def own(training: dict[str, Any] | None) -> str:
    """Name this model in the comparison with others.

    Examples
    --------
    >>> own(None)
    'pretrained network (this model)'
    """
    if training is None:
        return "pretrained network (this model)"
    if training["method"] in FROM_SCRATCH:
        return "network trained from nothing (this model)"
    return "pretrained network, fine-tuned (this model)"


def trained(training: dict[str, Any], layers: int, unit: Unit) -> str:
    """Say which part of the network was trained, and how much of it that is.

    Parameters
    ----------
    layers : int
        Blocks of the whole network.
    """
    blocks = training["blocks"]
    share = training["trainable_parameters"] / max(training["parameters"], 1)
    if training["method"] in FROM_SCRATCH:
        said = (
            f"The whole network was trained from nothing, on your {unit.many} alone: no pretrained "
            "weights are in it."
        )
    elif len(blocks) >= layers or not blocks:
        said = f"The whole network and the head were trained further on your {unit.many}."
    else:
        last = count(len(blocks), "layer") if len(blocks) > 1 else "layer"
        which = f"{blocks[0]} to {blocks[-1]}" if len(blocks) > 1 else blocks[0]
        said = (
            f"The last {last} of the network ({which}) and the head were trained further on your "
            f"{unit.many}. Everything before them ({count(layers - len(blocks), 'layer')}) stayed "
            "frozen, that is, exactly as it came."
        )
    tuned = TUNED.get(training.get("tune", "all"), "")
    return " ".join(
        part
        for part in (
            said,
            tuned,
            f"{amount(training['trainable_parameters'])} of the network's "
            f"{amount(training['parameters'])} parameters could change ({share:.1%}).",
        )
        if part
    )


def computed(training: dict[str, Any], sizes: Sequence[int], unit: Unit) -> str:
    """Say what was computed once and kept, and what in every step.

    Parameters
    ----------
    sizes : sequence of int
        How many the run may have looked at: those to train on, and all. Where an earlier run had
        kept a part, the passes on record are not one of these times the views.

    Examples
    --------
    >>> computed({"cut": "blocks.4", "prefix_forwards": 1196, "views": 4, "cache_mb": 44.1}, [299], Unit("row", "rows"))
    'The frozen layers, up to blocks.4, were computed once per row and view: 299 rows × 4 views = 1,196 forward passes, kept in 44.1 MB. Each epoch computed only the layers behind them.'
    """  # noqa: E501
    if training["cut"] is None:
        return "Nothing was kept from step to step: every step computed the whole network."
    passes, views = int(training["prefix_forwards"] or 0), int(training["views"] or 1)
    if not passes:
        return (
            f"The frozen layers, up to {training['cut']}, were not computed again: an earlier run "
            "had kept what they give. Each epoch computed only the layers behind them."
        )
    looked = next((n for n in sizes if n * views == passes), None)
    product = f"{unit.count(looked)} × {count(views, 'view')} = " if looked else ""
    size = training.get("cache_mb")
    kept = f", kept in {size:,.1f} MB" if size is not None else ""
    return (
        f"The frozen layers, up to {training['cut']}, were computed once per {unit.one} and view: "
        f"{product}{count(passes, 'forward pass', 'forward passes')}{kept}. Each epoch computed "
        "only the layers behind them."
    )


def reading(
    training: Sequence[tuple[int, float]],
    validation: Sequence[tuple[int, float]],
    classes: int,
    unit: Unit,
) -> str:
    """Read the loss curves: what they say about learning, and what to try next.

    Parameters
    ----------
    training, validation : sequence of (epoch, loss)
        Losses in nats; either may be empty.
    classes : int, >= 2
        A guess among so many has a loss of ``log(classes)``.

    Examples
    --------
    >>> falling = [(1, 0.9), (2, 0.5), (3, 0.2), (4, 0.05)]
    >>> print(
    ...     reading(falling, [(1, 0.8), (2, 0.6), (3, 0.7), (4, 0.9)], 3, Unit("row", "rows"))
    ... )  # doctest: +NORMALIZE_WHITESPACE
    The validation loss was lowest after epoch 2 (0.600) and then rose to 0.900, while the training
    loss fell to 0.050: from there on the network learned its training rows by heart. Fewer
    epochs, or fewer trained layers, would do.
    >>> print(
    ...     reading(falling, [(1, 0.8), (2, 0.6), (3, 0.4), (4, 0.3)], 3, Unit("row", "rows"))
    ... )  # doctest: +NORMALIZE_WHITESPACE
    The validation loss was still falling at the end, to 0.300: more epochs may help. It is 6.0
    times the training loss (0.050): part of what was learned holds only for the training rows.
    >>> reading([(1, 0.9)], [(1, 0.8)], 3, Unit("row", "rows"))
    'One epoch is too few to see where the curves lead.'
    """
    if max(len(training), len(validation)) < 2 or len(validation) == 1:
        return "One epoch is too few to see where the curves lead."
    if not validation:
        return (
            f"The training loss {_moved(training)}. No {unit.many} were held out of this fit, so "
            "the curve cannot tell whether it learned by heart."
        )
    best_epoch, best = min(validation, key=lambda point: point[1])
    end = validation[-1][1]
    if not training:
        return f"The validation loss {_moved(validation)}; lowest after epoch {best_epoch}."
    jump = _jump(training)
    if jump:
        return jump
    last = training[-1][1]
    if end - best > max(0.05 * best, 0.01):
        return _risen(training, best_epoch, best, end, unit)
    first = training[0][1]
    if last > 0.95 * first and end > 0.5 * math.log(max(classes, 2)):
        return (
            f"Both losses hardly moved and are high (training {decimal(last)}, validation "
            f"{decimal(end)}; guessing would be {decimal(math.log(max(classes, 2)))}): too little "
            "freedom or too low a learning rate. Train more layers, or raise the rate."
        )
    before = validation[-1 - math.ceil(len(validation) / 4)][1]
    if end < 0.97 * before:
        trend = f"The validation loss was still falling at the end, to {decimal(end)}: more epochs"
        trend += " may help."
    else:
        trend = f"The validation loss settled at {decimal(end)}: more epochs would change little."
    return f"{trend} {_gap(last, end, unit)}"


def lines(curves: Curves, unit: Unit) -> str:
    """Say what the lines of the curves are."""
    if not curves.folds:
        held = f"; validation: {unit.many} held out of it" if curves.validation else ""
        return f"Curves of the fit of the model that was kept{held}."
    over = (
        f"Means over {curves.folds} folds, for the epochs that all of them reached"
        if curves.folds > 1
        else "Curves of one fold"
    )
    said = f"{over}: solid line and discs, training; dashed line and squares, {unit.many} held out."
    if curves.final:
        said += (
            f" Thin dotted line: training of the model that was kept, on all training {unit.many}."
        )
    return said


def mixture(training: dict[str, Any], unit: Unit) -> str:
    """Explain the mixture of the weights before and after training, with the share chosen."""
    said = (
        "WiSE-FT mixes the weights from before and after training: a mixture is often steadier on "
        f"new {unit.many} than either."
    )
    alpha = training.get("wise_alpha")
    return said if alpha is None else f"{said} Kept: {alpha:.0%} of the way (alpha {alpha:g})."


def settings(training: dict[str, Any], unit: Unit) -> list[tuple[str, str]]:
    """List the settings, each with its value in words; what is not on record is left out."""
    t = training
    keep = [KEPT.get(word, word) for word in (t.get("keep") or "").split(",") if word]
    rows = {
        "Method": f"{t['method']}, {depth(t['unfreeze'])}",
        "Length": t.get("epochs")
        and f"{count(t['epochs'], 'epoch')} (each once through all training {unit.many}), "
        f"{t.get('batch_size')} {unit.many} a step",
        "Optimiser": t.get("optimizer") and f"{t['optimizer']}, {t.get('schedule')} learning rate",
        "Learning rate": t.get("lr")
        and f"{t['lr']:g} at most for the network"
        + (f", {t['head_lr']:g} for the head" if t.get("head_lr") else ""),
        "Batch normalisation": unit.into(BATCHNORMS.get(t.get("batchnorm") or "", "")),
        f"Views of {unit.a}": t.get("views_said"),
        "Held on to": "; ".join(keep),
        "Place of the cut": t.get("cut_reason"),
        "Speed": t.get("images_per_s")
        and f"{t['images_per_s']:,.0f} {unit.many} a second; {duration(t['seconds'])} in all",
    }
    return [(label, value) for label, value in rows.items() if value]


def changed(layer: str, kind: str, training: dict[str, Any] | None) -> str:
    """Say whether a layer was trained; a batch norm with frozen scales and shifts was not.

    Examples
    --------
    >>> t = {"blocks": ["blocks.6", "bn2"], "tune": "all", "batchnorm": "frozen"}
    >>> changed("blocks.6", "Sequential", t), changed("bn2", "BatchNorm2d", t)
    ('yes', 'no, frozen')
    >>> changed("blocks.6", "Sequential", t | {"tune": "bias"})
    'yes, biases'
    """
    if training is None or layer not in training["blocks"]:
        return "no, frozen"
    tune = training.get("tune", "all")
    if tune == "all" and training.get("batchnorm") == "frozen" and kind.startswith("BatchNorm"):
        return "no, frozen"
    return {"bias": "yes, biases", "norm": "yes, normalisation"}.get(tune, "yes")


def outcome(candidate: dict[str, Any]) -> str:
    """Say what became of a method.

    Examples
    --------
    >>> outcome({"status": "skipped", "reason": "would take about 210 s"})
    'not tried: would take about 210 s'
    """
    said = OUTCOMES.get(candidate["status"], candidate["status"])
    reason = candidate.get("reason")
    return f"{said}: {reason}" if reason else said


def _moved(curve: Sequence[tuple[int, float]]) -> str:
    first, last = curve[0][1], curve[-1][1]
    if abs(last - first) <= 0.02 * abs(first):
        return f"stayed at {decimal(last)}"
    return f"{'fell' if last < first else 'rose'} from {decimal(first)} to {decimal(last)}"


def _jump(training: Sequence[tuple[int, float]]) -> str:
    """Find the largest rise of the training loss from one epoch to the next, if it is marked."""
    rises = [(b - a, a, b, epoch) for (_, a), (epoch, b) in pairwise(training)]
    rise, before, after, epoch = max(rises, default=(0.0, 0.0, 0.0, 0))
    if rise <= max(0.2 * before, 0.05):
        return ""
    return (
        f"The training loss jumped from {decimal(before)} to {decimal(after)} in epoch {epoch}: "
        "training is unsteady, and the learning rate probably too high."
    )


def _risen(
    training: Sequence[tuple[int, float]], epoch: int, best: float, end: float, unit: Unit
) -> str:
    """Read a validation loss that ends above its lowest."""
    then = min(training, key=lambda point: abs(point[0] - epoch))[1]
    said = (
        f"The validation loss was lowest after epoch {epoch} ({decimal(best)}) and then rose to "
        f"{decimal(end)}"
    )
    last = training[-1][1]
    if last < then:
        return (
            f"{said}, while the training loss fell to {decimal(last)}: from there on the network "
            f"learned its training {unit.many} by heart. Fewer epochs, or fewer trained layers, "
            "would do."
        )
    return (
        f"{said}, and the training loss did not fall either: the learning rate is probably too "
        "high."
    )


def _gap(training: float, validation: float, unit: Unit) -> str:
    """Compare the two losses at the end."""
    if validation > 2 * training and validation - training > 0.1:
        above = f"{validation / training:.1f} times" if training > 0.001 else "far above"
        return (
            f"It is {above} the training loss ({decimal(training)}): part of what was learned "
            f"holds only for the training {unit.many}."
        )
    if training > 1.2 * validation:
        return (
            f"The training loss ({decimal(training)}) is higher, for it is measured while "
            f"learning, on altered {unit.many}."
        )
    return f"The training loss ({decimal(training)}) is close to it: no sign of learning by heart."
