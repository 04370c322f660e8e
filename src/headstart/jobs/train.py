"""The main job: from labelled examples to a run folder that can be trusted.

Read this file to see the whole product in order: source, checks, features, head, networks,
estimate, verdict, artefact, report. Each step is one call into the module that owns it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from headstart.backbones import EMBEDDING
from headstart.data.dataset import Dataset
from headstart.errors import ConfigError
from headstart.events import Event, OnEvent, ignore
from headstart.folder.files import whole_folder
from headstart.folder.place import destination
from headstart.folder.unfinished import Unfinished
from headstart.jobs.answer import answer
from headstart.jobs.clock import Clock
from headstart.jobs.judged import judge_model
from headstart.jobs.rank import Picked, pick_backbone
from headstart.jobs.record import identity, write_run
from headstart.jobs.tagged import tags_are_given
from headstart.judge.estimate import plan
from headstart.machine import Machine
from headstart.methods import Method, Work, method_of, refuse_unfit
from headstart.methods.chosen_layer import ChosenLayer, LayerChoice
from headstart.methods.kept import Kept
from headstart.methods.probe import fit
from headstart.prepare.config import (
    Config,
    configure,
    refuse_several,
    refuse_unknown,
    several,
    suited,
    taken,
)
from headstart.prepare.layer import (
    asked,
    compete,
    say_that_a_budget_takes_the_last,
    with_encoders,
)
from headstart.prepare.refusals import job, refuse_of_names, refuse_resume
from headstart.prepare.source import Prepared, prepare, read_source
from headstart.report import render
from headstart.run import Run
from headstart.said import _
from headstart.tag_run import TagRun
from headstart.transfer.recipe import FROM_SCRATCH


@job
def train(
    data: str | Path,
    *,
    out: str | Path | None = None,
    overwrite: bool = False,
    resume: bool = False,
    backbone: str | None = None,
    method: str = "auto",
    layer: str | None = None,
    budget: float | str | None = None,
    size: int | None = None,
    seed: int = 0,
    device: str = "auto",
    balanced: bool = False,
    strict: bool = False,
    abstain: float | None = None,
    x: str | None = None,
    y: str | None = None,
    task: str | None = None,
    groups: str | None = None,
    groups_from: str | None = None,
    names: str | None = None,
    encoding: str = "utf-8",
    modality: str | None = None,
    unfreeze: str | int | None = None,
    tune: str | None = None,
    loss: str | None = None,
    batchnorm: str | None = None,
    embeddings: str | None = None,
    epochs: int | None = None,
    batch_size: int | None = None,
    optimizer: str | None = None,
    lr: float | None = None,
    head_lr: float | None = None,
    weight_decay: float | None = None,
    schedule: str | None = None,
    layer_decay: float | None = None,
    gradual: bool | None = None,
    label_smoothing: float | None = None,
    mixup: float | None = None,
    cutmix: float | None = None,
    ema: float | None = None,
    clip: float | None = None,
    patience: int | None = None,
    keep: str | Sequence[str] | None = None,
    wise: bool | None = None,
    precision: str | None = None,
    find_lr: bool | None = None,
    augment: str | None = None,
    views: int | None = None,
    cache: bool | None = None,
    false_accepts: float | None = None,
    pictures: bool = False,
    on_event: OnEvent = ignore,
) -> Run | TagRun:
    """Train on a dataset and write a run folder.

    Parameters
    ----------
    data : str or Path
        Folder of class folders, folder with train/ and val/ or test/, CSV, Parquet, JSONL, an
        archive of any of these, or ``builtin:NAME``. Or sentences whose words have tags, such as
        names of people: CoNLL files or JSONL (see ``task``).
    out : path, optional
        The run folder; default ``runs/NAME``, numbered if taken.
    overwrite : bool, default=False
        Replace an existing ``out``; only after the new run is complete.
    resume : bool, default=False
        Go on with an interrupted run of the same data and options: what it trained is not trained
        again.
    backbone : str, optional
        A backbone name; default: the usual one for such examples, of images
        ``efficientnet-lite0``, of rows of numbers ``identity``. Several, with commas, or
        ``"auto"`` for all that are usable here without a network: the best of them is chosen by
        measurement. ``"A+B"``: both side by side, ``"A@LAYER+B"`` with another layer than the
        last.
    method : str
        ``"auto"``, ``"probe"``, ``"layers"``, ``"mix"``, ``"finetune"``, ``"full"``,
        ``"contrastive"``, ``"scratch"`` or ``"small-cnn"``.
        What is trained: a head on frozen features, or on those of all layers, or beside counts of
        words (texts); also the last blocks of the network; all of it, by labels or by pairs of
        examples; nothing pretrained. ``"auto"``: the probe, of texts beside counts of words where
        that is clearly better; with ``budget`` the best of them.
    layer : str, optional
        Which layer's pooled vectors the head stands on: ``"last"``; ``"auto"``, the best by
        cross-validation inside the training part, of all backbones that are named, or the best
        two of them side by side; ``"all"`` beside each other; or one by the name that
        ``headstart layers`` gives it. Default: ``"last"``, of recordings ``"auto"``.
    budget : float or str, seconds or a time such as ``"5m"``, optional
        What ``"auto"`` may take in all.
    size : int, pixels, optional
        Side of the images the network sees; default: its own.
    seed : int, >= 0, default=0
        Of folds and of the re-initialised network.
    device : {"auto", "cpu", "cuda"}
    balanced : bool, default=False
        Weigh the classes equally, however many examples they have.
    strict : bool, default=False
        Refuse data with unreadable files instead of leaving them out.
    abstain : float, 0 to 1 (exclusive), optional
        Share of wrong answers that is wanted: the model learns when to give none.
    x, y, groups : str, optional
        Columns of a table: paths, labels, and what must not be split. Paths and labels are guessed
        from the names of the columns. Where examples are stretches of files, ``x`` may name three:
        paths, starts and ends in seconds. Several columns of 0 and 1, with commas between their
        names, are labels too.
    task : {"classification", "multilabel", "tagging", "identify"}, optional
        Whether an example has one label, any number of them, or every word of it a tag; default:
        as the labels look.
        ``"identify"``: labels are names of people or things, and what is made knows who is who
        (see :class:`~headstart.IdentifyRun`); one example each is enough.
    groups_from : str, optional
        Regular expression that reads the group out of each path (its first parenthesis).
    names : str, optional
        What the names of files say: ``"{label}_{speaker}_{n}"`` reads the class and what belongs
        together (any one name but ``label`` and ``n``; ``{group}`` where there are several) out of
        ``3_george_12.wav``. ``{n}`` is a number, ``*`` anything.
    encoding : str, default="utf-8"
        Of a text table.
    modality : str, optional
        What the examples are, ``"image"``, ``"array"`` or that of a plug-in, where names and
        first bytes do not tell.
    unfreeze, tune, loss, batchnorm, embeddings : optional
        Which blocks of the network are trained, and what in them.
    epochs, batch_size, optimizer, schedule, lr, head_lr, layer_decay, gradual : optional
        In how many steps, and at which rates.
    weight_decay, label_smoothing, mixup, cutmix, ema, clip, patience, keep, wise : optional
        What keeps it from learning by heart, and from forgetting.
    precision, find_lr : optional
        Its arithmetic; whether ``lr`` is looked for first.
    augment, views, cache : optional
        Which views of the examples it learns from. All of these are the fields of
        :class:`~headstart.transfer.recipe.Recipe`, explained there, and only for methods that
        train a network; None: the method's own.
    false_accepts : float, 0 to 1 (exclusive), optional
        With ``task="identify"``: the share of strangers, and of pairs of two, that may be taken for
        someone, or for one; default: 0.01.
    pictures : bool, default=False
        With ``task="identify"``: whether the report shows the examples it names. They may be faces,
        so it does not unless it is asked to.
    on_event : callable, optional
        Hears progress as :class:`~headstart.events.Event`.

    Returns
    -------
    Run or TagRun
        The second one where words have tags.
        With ``task="identify"`` an :class:`~headstart.IdentifyRun`.

    Raises
    ------
    DataError, ConfigError, UnknownNameError, BackboneError, MissingExtraError
        Before anything is written.
    """
    clock = Clock()
    given = taken("train", locals())
    if tags_are_given(data, given):
        from headstart.jobs.tag import tag  # imports torch

        return tag(data, given, out=out, overwrite=overwrite, resume=resume, on_event=on_event)
    config = configure(data, given)
    if config.identifies:
        from headstart.jobs.identify import identify  # which others do not wait for

        place = destination(config.data, out, overwrite)
        return identify(config, place, clock, false_accepts, on_event, pictures=pictures)
    refuse_of_names(false_accepts, pictures=pictures)
    if resume:
        refuse_resume(config.method, config.trains_networks)
    folder = destination(config.data, out, overwrite)
    machine = Machine.here(config.device, on_event)
    refuse_unknown(config)
    dataset = read_source(config, machine)
    config, picked = choose_backbone(config, dataset, machine)
    prepared, way = take(config, dataset, machine, picked)
    config = suited(config, prepared.dataset.modality.recipe)
    refuse_unfit(way, prepared.engine.card)
    clock.parts |= {"embed_s": prepared.features.seconds, "prepare_s": prepared.backbone_seconds}
    clock.rest("read_s")

    with clock.timed("fit_s"):
        probe, choice = fit(prepared, on_event)
    unfinished = Unfinished(folder)
    work = Work(
        config=config,
        prepared=prepared,
        machine=machine,
        probe=probe,
        choice=choice,
        plan=plan(prepared.labels, prepared.dataset.is_test),
        checkpoints=unfinished.folder,
        began=clock.began,
    )
    with clock.timed("train_s"):
        kept = carry_out(way, work, unfinished, resume)
    with clock.timed("judge_s"):
        known = answer(prepared, kept, machine, picked)
        clock.reached("answer_s")
        for event in known.events():
            on_event(event)
        judged = judge_model(config, prepared, choice, kept, machine, known, picked)
    with whole_folder(folder) as beside:
        on_event(Event(_("writing the run folder")))
        write_run(beside, judged, machine, clock)
        render(beside, name=folder.name)
    if way.takes:
        unfinished.clear()
    return Run(folder)


def take(
    config: Config, dataset: Dataset, machine: Machine, picked: Picked | None
) -> tuple[Prepared, Method]:
    """Embed a dataset, by layers where they compete; return it with the method of the run."""
    if not compete(config, dataset.modality):
        say_that_a_budget_takes_the_last(config, dataset.modality, machine.on_event)
        way = method_of(config, backbone_was_picked=picked is not None)
        return prepare(config, dataset, baseline=True, machine=machine), way
    choice = LayerChoice.of(config, dataset, machine)
    return choice.prepared, ChosenLayer(choice)


def choose_backbone(
    config: Config, dataset: Dataset, machine: Machine
) -> tuple[Config, Picked | None]:
    """Settle which backbone a run uses: by measurement, where several are named.

    Where layers compete, those of all backbones do, and nothing is settled before.
    """
    if compete(config, dataset.modality):
        return with_encoders(config, dataset.modality, machine.on_event), None
    if asked(config) != EMBEDDING:
        refuse_several(config)
    if not several(config):
        return config, None
    if config.method in FROM_SCRATCH:
        raise ConfigError(
            _(
                "--method {method} uses nothing pretrained to choose a backbone by.",
                method=config.method,
            ),
            _("Name one --backbone."),
        )
    picked = pick_backbone(config, dataset, machine)
    text = picked.ranking.sentence
    machine.on_event(Event(_("comparing backbones"), message=text, level="note"))
    return picked.config, picked


def carry_out(method: Method, work: Work, unfinished: Unfinished, resume: bool) -> Kept:
    """Let a method do its work; what trains networks may be interrupted and resumed."""
    if not method.takes:
        return method(work)
    unfinished.begin(identity(work.config, work.prepared), resume, work.machine.on_event)
    try:
        return method(work)
    except BaseException:
        unfinished.clear_if_empty()
        raise
