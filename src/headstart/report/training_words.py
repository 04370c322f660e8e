"""Training in words: what was trained, what it cost, and what its curves say."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from headstart.modalities import Unit
from headstart.notation import decimal, percent
from headstart.report.curves import TRAINING, VALIDATION, Curves
from headstart.report.words import amount, duration
from headstart.said import N_, _, _n, commas, sentences
from headstart.transfer.recipe import FROM_SCRATCH

DEPTHS = {
    "all": N_("all layers"),
    "last-stage": N_("last stage"),
    "last-blocks": N_("last blocks"),
}
TUNED = {
    "bias": N_(
        "Of these layers only the biases (numbers that are added, not multiplied) and the "
        "scales of the normalisation were trained."
    ),
    "norm": N_(
        "Of these layers only the normalisation (a scale and a shift per channel) was trained."
    ),
    "lora": N_(
        "LoRA: the weights of these layers stayed; to those of every linear layer a product of two "
        "thin matrices was added, and only these were trained."
    ),
}
PAIRED = N_(
    "Training drew embeddings of one class together and those of different classes apart, in pairs "
    "of your {many}; the head was fitted afterwards, on the embeddings it found."
)
KEPT = {
    "l2-sp": N_("L2-SP: a penalty pulls the weights back to where they started."),
    "bss": N_(
        "BSS, batch spectral shrinkage: directions of the features that carry little are damped."
    ),
    "co-tuning": N_("Co-tuning: the classes that the network knew from before are a second task."),
}
BATCHNORMS = {
    "frozen": N_("frozen: its statistics, scales and shifts stayed as they came"),
    "train": N_("trained: its statistics follow your {many}"),
}
CHANGED = {
    "all": N_("yes"),
    "bias": N_("yes, biases"),
    "norm": N_("yes, normalisation"),
    "lora": N_("yes, LoRA"),
}
OUTCOMES = {
    "tried": N_("tried"),
    "skipped": N_("not tried"),
    "interrupted": N_("stopped before its end"),
    "failed": N_("failed"),
}
SCHEDULES = {
    "cosine": N_("{optimizer}, cosine learning rate"),
    "one-cycle": N_("{optimizer}, one-cycle learning rate"),
    "constant": N_("{optimizer}, constant learning rate"),
}
STAYED, FELL, ROSE = "stayed", "fell", "rose"
MOVED = {
    (TRAINING, STAYED): N_("The training loss stayed at {last}."),
    (TRAINING, FELL): N_("The training loss fell from {first} to {last}."),
    (TRAINING, ROSE): N_("The training loss rose from {first} to {last}."),
    (VALIDATION, STAYED): N_("The validation loss stayed at {last}; lowest after epoch {epoch}."),
    (VALIDATION, FELL): N_(
        "The validation loss fell from {first} to {last}; lowest after epoch {epoch}."
    ),
    (VALIDATION, ROSE): N_(
        "The validation loss rose from {first} to {last}; lowest after epoch {epoch}."
    ),
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
        return _("network trained from nothing")
    return _("network fine-tuned ({depth})", depth=depth(training["unfreeze"]))


def depth(unfreeze: str) -> str:
    """Say how much of a network is trained.

    Examples
    --------
    >>> depth("all"), depth("last-stage"), depth("1"), depth("blocks.5")
    ('all layers', 'last stage', 'last layer', 'from blocks.5 on')
    """
    if unfreeze.isdigit():
        return _n("last layer", "last {n} layers", int(unfreeze))
    if unfreeze in DEPTHS:
        return _(DEPTHS[unfreeze])
    return _("from {layer} on", layer=unfreeze)


def own(training: dict[str, Any] | None) -> str:
    """Name this model in the comparison with others.

    Examples
    --------
    >>> own(None)
    'pretrained network (this model)'
    """
    if training is None:
        return _("pretrained network (this model)")
    if training["method"] in FROM_SCRATCH:
        return _("network trained from nothing (this model)")
    return _("pretrained network, fine-tuned (this model)")


def trained(training: dict[str, Any], layers: int, unit: Unit) -> str:
    """Say which part of the network was trained, and how much of it that is.

    Parameters
    ----------
    layers : int
        Blocks of the whole network.
    """
    tuned = training.get("tune", "all")
    return sentences(
        _part(training, layers, unit),
        _(PAIRED, many=unit.many) if training.get("loss") == "pairs" else "",
        _(TUNED[tuned]) if tuned in TUNED else "",
        _(
            "{free} of the network's {all} parameters could change ({share}).",
            free=amount(training["trainable_parameters"]),
            all=amount(training["parameters"]),
            share=percent(training["trainable_parameters"] / max(training["parameters"], 1)),
        ),
    )


def _part(training: dict[str, Any], layers: int, unit: Unit) -> str:
    """Say which layers were trained."""
    blocks = training["blocks"]
    if training["method"] in FROM_SCRATCH:
        return _(
            "The whole network was trained from nothing, on your {many} alone: no pretrained "
            "weights are in it.",
            many=unit.many,
        )
    if len(blocks) >= layers or not blocks:
        return _(
            "The whole network and the head were trained further on your {many}.", many=unit.many
        )
    several = _("{first} to {last}", first=blocks[0], last=blocks[-1])
    last = _n(
        "The last layer of the network ({layers}) and the head were trained further on your "
        "{many}.",
        "The last {n:,} layers of the network ({layers}) and the head were trained further on your "
        "{many}.",
        len(blocks),
        layers=several if len(blocks) > 1 else blocks[0],
        many=unit.many,
    )
    before = _n(
        "Everything before them ({n:,} layer) stayed frozen, that is, exactly as it came.",
        "Everything before them ({n:,} layers) stayed frozen, that is, exactly as it came.",
        layers - len(blocks),
    )
    return sentences(last, before)


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
        return _("Nothing was kept from step to step: every step computed the whole network.")
    behind = _("Each epoch computed only the layers behind them.")
    passes, views = int(training["prefix_forwards"] or 0), int(training["views"] or 1)
    if not passes:
        again = _(
            "The frozen layers, up to {layer}, were not computed again: an earlier run had kept "
            "what they give.",
            layer=training["cut"],
        )
        return sentences(again, behind)
    work = _n("{n:,} forward pass", "{n:,} forward passes", passes)
    looked = next((n for n in sizes if n * views == passes), None)
    if looked:
        work = _(
            "{examples} × {views} = {passes}",
            examples=unit.count(looked),
            views=_n("{n:,} view", "{n:,} views", views),
            passes=work,
        )
    values = {"layer": training["cut"], "one": unit.one, "work": work}
    size = training.get("cache_mb")
    if size is None:
        once = _(
            "The frozen layers, up to {layer}, were computed once per {one} and view: {work}.",
            **values,
        )
    else:
        once = _(
            "The frozen layers, up to {layer}, were computed once per {one} and view: {work}, kept "
            "in {size:,.1f} MB.",
            **values,
            size=size,
        )
    return sentences(once, behind)


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
        return _("One epoch is too few to see where the curves lead.")
    if not validation:
        return sentences(
            _moved(TRAINING, training),
            _(
                "No {many} were held out of this fit, so the curve cannot tell whether it learned "
                "by heart.",
                many=unit.many,
            ),
        )
    best_epoch, best = min(validation, key=lambda point: point[1])
    end = validation[-1][1]
    if not training:
        return _moved(VALIDATION, validation, epoch=best_epoch)
    jump = _jump(training)
    if jump:
        return jump
    last = training[-1][1]
    if end - best > max(0.05 * best, 0.01):
        return _risen(training, best_epoch, best, end, unit)
    first = training[0][1]
    guess = math.log(max(classes, 2))
    if last > 0.95 * first and end > 0.5 * guess:
        return _(
            "Both losses hardly moved and are high (training {training}, validation {validation}; "
            "guessing would be {guess}): too little freedom or too low a learning rate. Train more "
            "layers, or raise the rate.",
            training=decimal(last),
            validation=decimal(end),
            guess=decimal(guess),
        )
    before = validation[-1 - math.ceil(len(validation) / 4)][1]
    if end < 0.97 * before:
        trend = _(
            "The validation loss was still falling at the end, to {end}: more epochs may help.",
            end=decimal(end),
        )
    else:
        trend = _(
            "The validation loss settled at {end}: more epochs would change little.",
            end=decimal(end),
        )
    return sentences(trend, _gap(last, end, unit))


def lines(curves: Curves, unit: Unit) -> str:
    """Say what the lines of the curves are."""
    if not curves.folds:
        if not curves.validation:
            return _("Curves of the fit of the model that was kept.")
        return _(
            "Curves of the fit of the model that was kept; validation: {many} held out of it.",
            many=unit.many,
        )
    if curves.folds == 1:
        measured = _(
            "Curves of one fold: solid line and discs, training; dashed line and squares, {many} "
            "held out.",
            many=unit.many,
        )
    else:
        measured = _(
            "Means over {folds} folds, for the epochs that all of them reached: solid line and "
            "discs, training; dashed line and squares, {many} held out.",
            folds=curves.folds,
            many=unit.many,
        )
    final = _(
        "Thin dotted line: training of the model that was kept, on all training {many}.",
        many=unit.many,
    )
    return sentences(measured, final if curves.final else "")


def mixture(training: dict[str, Any], unit: Unit) -> str:
    """Explain the mixture of the weights before and after training, with the share chosen."""
    said = _(
        "WiSE-FT mixes the weights from before and after training: a mixture is often steadier on "
        "new {many} than either.",
        many=unit.many,
    )
    alpha = training.get("wise_alpha")
    if alpha is None:
        return said
    kept = _("Kept: {alpha:.0%} of the way (alpha {alpha:g}).", alpha=alpha)
    return sentences(said, kept)


def budget(seconds: float) -> str:
    """Say how long a run was allowed to take.

    Examples
    --------
    >>> budget(180), budget(90)
    ('The budget was 3 min.', 'The budget was 1 min 30 s.')
    """
    minutes, rest = divmod(round(seconds), 60)
    if rest:
        return _("The budget was {time}.", time=duration(seconds))
    return _("The budget was {minutes:,} min.", minutes=minutes)


def settings(training: dict[str, Any], unit: Unit) -> list[tuple[str, str]]:
    """List the settings, each with its value in words; what is not on record is left out."""
    t = training
    keep = [word for word in (t.get("keep") or "").split(",") if word]
    rows = {
        _("Method"): commas([t["method"], depth(t["unfreeze"])]),
        _("Length"): _length(t, unit),
        _("Optimiser"): _optimiser(t),
        _("Learning rate"): _rates(t),
        _("Batch normalisation"): unit.into(BATCHNORMS.get(t.get("batchnorm") or "", "")),
        _("Views of {example}", example=unit.a): t.get("views_said"),
        _("Held on to"): sentences(*(_(KEPT[word]) if word in KEPT else word for word in keep)),
        _("Place of the cut"): t.get("cut_reason"),
        _("Speed"): _speed(t, unit),
    }
    return [(label, value) for label, value in rows.items() if value]


def _length(t: dict[str, Any], unit: Unit) -> str:
    if not t.get("epochs"):
        return ""
    return _n(
        "{n:,} epoch (each once through all training {many}), {examples} a step",
        "{n:,} epochs (each once through all training {many}), {examples} a step",
        t["epochs"],
        many=unit.many,
        examples=unit.count(t.get("batch_size") or 0),
    )


def _optimiser(t: dict[str, Any]) -> str:
    schedule = t.get("schedule")
    if not t.get("optimizer") or schedule not in SCHEDULES:
        return t.get("optimizer") or ""
    return _(SCHEDULES[schedule], optimizer=t["optimizer"])


def _rates(t: dict[str, Any]) -> str:
    if not t.get("lr"):
        return ""
    if not t.get("head_lr"):
        return _("{rate:g} at most for the network", rate=t["lr"])
    return _(
        "{rate:g} at most for the network, {head_rate:g} for the head",
        rate=t["lr"],
        head_rate=t["head_lr"],
    )


def _speed(t: dict[str, Any], unit: Unit) -> str:
    if not t.get("images_per_s"):
        return ""
    return _(
        "{examples} a second; {time} in all",
        examples=unit.count(round(t["images_per_s"])),
        time=duration(t["seconds"]),
    )


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
    if not _is_trained(layer, kind, training):
        return _("no, frozen")
    tune = (training or {}).get("tune", "all")
    return _(CHANGED.get(tune, CHANGED["all"]))


def _is_trained(layer: str, kind: str, training: dict[str, Any] | None) -> bool:
    """Tell whether anything in a layer was trained."""
    if training is None or layer not in training["blocks"]:
        return False
    still = training.get("batchnorm") == "frozen" and kind.startswith("BatchNorm")
    return not (still and training.get("tune", "all") == "all")


def outcome(candidate: dict[str, Any]) -> str:
    """Say what became of a method.

    Examples
    --------
    >>> outcome({"status": "skipped", "reason": "would take about 210 s"})
    'not tried: would take about 210 s'
    """
    status = candidate["status"]
    said = _(OUTCOMES[status]) if status in OUTCOMES else status
    reason = candidate.get("reason")
    return _("{outcome}: {reason}", outcome=said, reason=reason) if reason else said


def _moved(side: str, curve: Sequence[tuple[int, float]], **more: int) -> str:
    first, last = curve[0][1], curve[-1][1]
    way = FELL if last < first else ROSE
    if abs(last - first) <= 0.02 * abs(first):
        way = STAYED
    return _(MOVED[side, way], first=decimal(first), last=decimal(last), **more)


def _jump(training: Sequence[tuple[int, float]]) -> str:
    """Find the largest rise of the training loss from one epoch to the next, if it is marked."""
    rises = [(b - a, a, b, epoch) for (_before, a), (epoch, b) in pairwise(training)]
    rise, before, after, epoch = max(rises, default=(0.0, 0.0, 0.0, 0))
    if rise <= max(0.2 * before, 0.05):
        return ""
    return _(
        "The training loss jumped from {before} to {after} in epoch {epoch}: training is unsteady, "
        "and the learning rate probably too high.",
        before=decimal(before),
        after=decimal(after),
        epoch=epoch,
    )


def _risen(
    training: Sequence[tuple[int, float]], epoch: int, best: float, end: float, unit: Unit
) -> str:
    """Read a validation loss that ends above its lowest."""
    then = min(training, key=lambda point: abs(point[0] - epoch))[1]
    last = training[-1][1]
    values = {"epoch": epoch, "best": decimal(best), "end": decimal(end), "last": decimal(last)}
    if last < then:
        return _(
            "The validation loss was lowest after epoch {epoch} ({best}) and then rose to {end}, "
            "while the training loss fell to {last}: from there on the network learned its "
            "training {many} by heart. Fewer epochs, or fewer trained layers, would do.",
            **values,
            many=unit.many,
        )
    return _(
        "The validation loss was lowest after epoch {epoch} ({best}) and then rose to {end}, and "
        "the training loss did not fall either: the learning rate is probably too high.",
        **values,
    )


def _gap(training: float, validation: float, unit: Unit) -> str:
    """Compare the two losses at the end."""
    values = {"training": decimal(training), "many": unit.many}
    if validation > 2 * training and validation - training > 0.1:
        if training <= 0.001:
            return _(
                "It is far above the training loss ({training}): part of what was learned holds "
                "only for the training {many}.",
                **values,
            )
        return _(
            "It is {times:.1f} times the training loss ({training}): part of what was learned "
            "holds only for the training {many}.",
            **values,
            times=validation / training,
        )
    if training > 1.2 * validation:
        return _(
            "The training loss ({training}) is higher, for it is measured while learning, on "
            "altered {many}.",
            **values,
        )
    return _(
        "The training loss ({training}) is close to it: no sign of learning by heart.", **values
    )
