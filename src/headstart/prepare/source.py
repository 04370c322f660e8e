"""The source: a labelled dataset read, checked and embedded, as every method and judge needs it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache, partial
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from headstart.backbones import EMBEDDING, Card, Ref, resolve
from headstart.backbones.side_by_side import at
from headstart.data.checks import (
    check_classes,
    check_copies,
    check_groups,
    check_originals,
    check_test_size,
    merge_groups,
)
from headstart.data.dataset import Dataset
from headstart.data.items import Examples, distinct, head
from headstart.data.label_checks import learnable
from headstart.data.sources import open_source
from headstart.errors import ConfigError, DataError
from headstart.events import Event, ignore
from headstart.features.engines import BESIDE, Engine, Kitchen, NetworkSource
from headstart.features.extract import Features, extract
from headstart.features.store import FeatureStore
from headstart.findings import Finding
from headstart.folder.model import refuse_unsavable
from headstart.judge.baselines import RANDOM_NETWORK
from headstart.machine import Machine
from headstart.modalities.plain import Plain
from headstart.modalities.side_by_side import looks_of
from headstart.prepare.config import (
    IDENTIFY,
    MIX,
    Config,
    backbones_of,
    refuse_several,
    refuse_unknown,
)
from headstart.prepare.layer import (
    Both,
    Encoder,
    Place,
    asked,
    refuse_layer_of_several,
    refuse_unknown_layer,
    refuse_unknown_layers,
)
from headstart.prepare.refusals import refuse_strange_views, refuse_with_several_labels
from headstart.said import N_, Said, _, commas, sentences
from headstart.tasks.classification import Classification
from headstart.tasks.labels import Labels

Loaded = TypeVar("Loaded")


@dataclass(frozen=True)
class Prepared:
    """Data that is read, checked and embedded: all a method or a judge needs.

    Attributes
    ----------
    dataset : Dataset
        Readable examples only, and no training copy of a test example.
    features : Features
        In the same rows; ``vectors[0]`` is pretrained, the last (if asked for) re-initialised.
    skipped : int
        Files that could not be read.
    left_out : list of (str, str)
        Every example that was dropped, with the reason.
    ref : Ref
        The backbone.
    engines : list of Engine
        What ran the networks; the first is that of ``ref``.
    backbone_seconds : float
        What preparing the engines took.
    reinitialised : bool
        Whether the last of ``features.vectors`` is by the network re-initialised.
    layer : str
        Of ``ref``, what ``vectors[0]`` is the output of; ``"all"``: of all, beside each other.
    encoders : tuple of Encoder
        The backbones by their layers, that of ``ref`` first; () where only the last was looked at.
    """

    dataset: Dataset
    features: Features
    skipped: int
    left_out: list[tuple[str, str]]
    ref: Ref
    engines: list[Engine]
    labels: Labels
    backbone_seconds: float
    reinitialised: bool
    layer: str = EMBEDDING
    encoders: tuple[Encoder, ...] = ()

    @property
    def source(self) -> NetworkSource:
        """What gives ``vectors[0]``."""
        return at(self.ref, self.layer)

    @property
    def whole(self) -> Card | None:
        """The card of the whole network, where the one that was run is not that."""
        return None if self.layer == EMBEDDING else self.encoders[0].card

    @property
    def engine(self) -> Engine:
        """What ran the backbone."""
        return self.engines[0]

    @property
    def train(self) -> NDArray[np.int64]:
        """Rows that may be learned from."""
        return np.flatnonzero(~self.dataset.is_test)

    def training(self) -> tuple[NDArray[np.float32], Labels]:
        """Return the pretrained vectors and the labels of the training rows alone."""
        train = self.train
        if len(train) == len(self.labels.y):
            return self.features.vectors[0], self.labels
        return self.features.vectors[0][train], self.labels.of(train)


def read_source(
    config: Config, machine: Machine, *, elsewhere: bool = False, named: bool = False
) -> Dataset:
    """List the examples of a configuration's data; nothing is decoded yet.

    With ``elsewhere`` other tables are read too, so ``x`` and ``encoding`` may be for them; with
    ``named`` labels may be names, one example of each.
    """
    if config.identifies and not named:
        raise ConfigError(
            _("--task {task} is for `headstart train`.", task=IDENTIFY), _("Leave it out.")
        )
    dataset = open_source(
        config.data,
        x=config.x,
        y=config.y,
        groups=config.groups,
        groups_from=config.groups_from,
        names=config.names,
        encoding=config.encoding,
        modality=config.modality,
        task=Classification.name if config.identifies else config.task,
        elsewhere=elsewhere,
        cache_dir=machine.cache,
        on_event=machine.on_event,
    )
    dataset = learnable(dataset)
    check_classes(dataset, least=1 if named else 2)
    if dataset.several:
        refuse_with_several_labels(
            config.method, config.trains_networks, config.abstain, balanced=config.balanced
        )
    return dataset


def prepare(
    config: Config,
    dataset: Dataset | None = None,
    *,
    baseline: bool,
    several: bool = False,
    by_layers: bool = False,
    machine: Machine | None = None,
) -> Prepared:
    """Read, embed and check a dataset.

    Parameters
    ----------
    dataset : Dataset, optional
        As ``read_source`` gives it, where it was read before.
    baseline : bool
        Also embed with the network re-initialised, for the verdict.
    several : bool
        Embed with all backbones that are named; else there must be one.
    by_layers : bool
        Embed by all layers of each, side by side; the network re-initialised comes with the choice
        among them (``at_place``). Else by the layer that the configuration names.
    machine : Machine, optional
        Default: the one this runs on, in silence.
    """
    machine = machine or Machine.here(config.device)
    if not several:
        refuse_several(config)
    refuse_unknown(config)
    dataset = dataset or read_source(config, machine)
    refuse_nothing_beside(config, dataset)
    views = dataset.modality.views
    if "augment" in config.given and not isinstance(views, Plain):
        refuse_strange_views(config.recipe.augment, views.kinds, dataset.modality.unit.many)
    refs = list(backbones_for(config, dataset, machine).values())
    kitchen = Kitchen(machine.cache, machine.workers, machine.on_event)
    machine.on_event(Event(_("preparing the backbone")))
    mark = time.perf_counter()
    refuse_layer_of_several(config.layer, refs)
    for ref in refs:
        refuse_unknown_layers(ref)
    layer, encoders = asked(config), tuple[Encoder, ...]()
    if by_layers or layer != EMBEDDING:
        encoders = tuple(_fitting(partial(Encoder.of, ref), ref, dataset) for ref in refs)
    if by_layers:
        sources: list[NetworkSource] = [encoder.source for encoder in encoders]
    elif encoders:
        refuse_unknown_layer(encoders[0], layer)
        sources = [at(refs[0], layer)]
    else:
        sources = list(refs)
    engines = [
        _engine(kitchen, source, ref, machine.device, dataset)
        for source, ref in zip(sources, refs, strict=True)
    ]
    learned = engines[0].card.learned
    if baseline and learned:
        random = at(replace(refs[0], seed=config.seed), layer)  # only the weights differ
        engines.append(kitchen.engine(random, device=machine.device, name=engines[0].name))
    backbone_seconds = time.perf_counter() - mark
    features = embed(dataset.examples, engines, machine)
    if features.trouble:
        message = _(
            "The feature cache is out of use: {trouble}. The run goes on without.",
            trouble=features.trouble,
        )
        machine.on_event(Event(_("reading and embedding"), message=message, level="warning"))
    found = _checked(
        config, dataset, features, refs[0], engines, backbone_seconds, baseline and learned
    )
    return replace(found, layer=layer, encoders=encoders)


def at_place(prepared: Prepared, place: Place | Both, seed: int, machine: Machine) -> Prepared:
    """Return a source that was embedded by layers as one of them shows it, or two side by side.

    Beside it comes that layer of the network re-initialised, which is run no further either.
    """
    own, mark = place.encoders, time.perf_counter()
    used = BESIDE.join(prepared.engines[prepared.encoders.index(e)].name for e in own)
    kitchen = Kitchen(machine.cache, machine.workers, machine.on_event)
    source = at(place.ref, place.layer)
    engines = [kitchen.engine(source, device=machine.device, name=used)]
    seen, learned = prepared.features, engines[0].card.learned
    vectors, seconds = [place.X], time.perf_counter() - mark
    if learned:
        random = at(replace(place.ref, seed=seed), place.layer)
        engines.append(kitchen.engine(random, device=machine.device, name=used))
        seconds = time.perf_counter() - mark
        found = embed(prepared.dataset.examples, engines[1:], machine)
        vectors.append(found.vectors[0])
        seen = replace(
            seen,
            forward_examples=seen.forward_examples + found.forward_examples,
            cache_hits=seen.cache_hits + found.cache_hits,
            seconds=seen.seconds + found.seconds,
        )
    return replace(
        prepared,
        features=replace(seen, vectors=vectors),
        ref=place.ref,
        engines=engines,
        backbone_seconds=prepared.backbone_seconds + seconds,
        reinitialised=learned,
        layer=place.layer,
        encoders=(*own, *(e for e in prepared.encoders if all(e is not o for o in own))),
    )


def refuse_nothing_beside(config: Config, dataset: Dataset) -> None:
    """Raise ``ConfigError`` where vectors are to be mixed with what such examples do not have."""
    modality = dataset.modality
    if config.method == MIX and not modality.beside:
        raise ConfigError(
            _(
                "--method {method} puts counts beside the vectors of a network; of {many} nothing "
                "is counted.",
                method=MIX,
                many=modality.unit.many,
            ),
            _("Use --method probe."),
        )


def embed(examples: Examples, engines: list[Engine], machine: Machine) -> Features:
    """Embed examples, from the cache of the machine where possible; each text but once."""
    once, rows = distinct(examples)
    with FeatureStore(machine.cache) as store:
        found = extract(once, engines, store, workers=machine.workers, on_event=machine.on_event)
    found = found.take(rows)
    if not engines:
        return found
    digests = examples.modality.settled(found.digests, looks_of(engines[0].card.look)[0])
    return replace(found, digests=digests)


def backbones_for(config: Config, dataset: Dataset, machine: Machine) -> dict[str, Ref]:
    """Resolve the backbones for a dataset: those named, or the usual one for such examples."""

    @cache
    def digests() -> list[Any]:
        read = embed(dataset.examples, [], replace(machine, on_event=ignore)).digests
        return [digest for digest in read if digest is not None]

    modality = dataset.modality
    named = backbones_of(config, modality.name)
    if not named:
        usual = modality.backbone(digests)
        named = {usual: resolve(usual)}
    items = dataset.examples.items

    def heads() -> Iterator[bytes]:
        return (head(items, row) for row in range(len(items)))

    asked = {**modality.asks(items.columns, heads, digests), "size": config.size}
    return {name: ref.at(**asked) for name, ref in named.items()}


def _engine(
    kitchen: Kitchen, source: NetworkSource, ref: Ref, device: str, dataset: Dataset
) -> Engine:
    """Prepare an engine; raises ``ConfigError`` where it is of no use for the dataset."""
    engine = _fitting(lambda: kitchen.engine(source, device=device), ref, dataset)
    refuse_unsavable(ref, engine.card)
    _refuse_strange(engine.card, dataset)
    return engine


def _fitting(load: Callable[[], Loaded], ref: Ref, dataset: Dataset) -> Loaded:
    """Load something of a network; raises ``ConfigError`` where that is for something else."""
    try:
        return load()
    except ConfigError:  # what was asked of its look; because it is for something else?
        _refuse_strange(replace(ref, asked=()).load().card, dataset)
        raise


def _refuse_strange(card: Card, dataset: Dataset) -> None:
    """Refuse a network for examples of another kind."""
    modality = dataset.modality
    if card.modality != modality.name:
        many = modality.unit.many
        raise ConfigError(
            _(
                "{network} is for examples of the kind {kind!r}; these are {many}.",
                network=card.name,
                kind=card.modality,
                many=many,
            ),
            _("Leave out --backbone, or name one for {many}.", many=many),
        )


def _checked(
    config: Config,
    dataset: Dataset,
    features: Features,
    ref: Ref,
    engines: list[Engine],
    backbone_seconds: float,
    reinitialised: bool,
) -> Prepared:
    """Leave out what cannot be used, note what a score would hide."""
    unreadable = [(dataset.refs[i], features.unreadable[i]) for i in sorted(features.unreadable)]
    found = note_unreadable(config, unreadable, dataset.examples)
    readable = np.array([i not in features.unreadable for i in range(len(dataset))])
    dataset, features = dataset.take(readable), features.take(np.flatnonzero(readable))
    if not config.identifies:
        check_classes(dataset)

    modality = dataset.modality
    copies = modality.copies(features.hashes, features.digests)
    keep, copy_findings = check_copies(dataset, copies)
    copy = _("copy of a test {one}", one=modality.unit.one)
    left_out = unreadable + [(dataset.refs[i], copy) for i in np.flatnonzero(~keep)]
    groups = merge_groups(copies.component[keep], _kept(dataset.groups, keep))
    dataset, features = dataset.take(keep), features.take(np.flatnonzero(keep))
    dataset = learnable(dataset, copies.component[keep])
    imbalance = (
        [
            *check_classes(dataset),
            *check_originals(dataset, copies.component[keep]),
        ]
        if not config.identifies
        else []
    )
    own = _own_checks(dataset, features, engines[0].card)
    dataset = dataset.noting(*found, *imbalance, *copy_findings, *own, *check_test_size(dataset))
    dataset = dataset.noting(*check_groups(dataset, groups))
    labels = Labels(
        dataset.labels,
        dataset.task,
        groups,
        config.balanced,
        config.seed,
        grouped=dataset.groups is not None,
    )
    return Prepared(
        dataset,
        features,
        len(unreadable),
        left_out,
        ref,
        engines,
        labels,
        backbone_seconds,
        reinitialised,
    )


def _own_checks(dataset: Dataset, features: Features, card: Card) -> list[Finding]:
    """Report what only the modality can see; of networks side by side, each kind but once."""
    found: list[Finding] = []
    for look in looks_of(card.look):
        known = {finding.kind for finding in found}
        own = dataset.modality.check(features.digests, dataset.refs, look)
        found += [finding for finding in own if finding.kind not in known]
    return found


def note_unreadable(
    config: Config, unreadable: list[tuple[str, str]], examples: Examples
) -> list[Finding]:
    """Say which examples (name, reason) are left out; refuse to where that is too much."""
    if not unreadable:
        return []
    text = _(
        "{n} of {all} {many} cannot be read ({named}).",
        n=len(unreadable),
        all=len(examples),
        many=examples.listed.many,
        named=with_reasons(unreadable, 5),
    )
    if len(unreadable) == len(examples):
        many = examples.modality.unit.many
        raise DataError(text, _("Check that they are {many} and not damaged.", many=many))
    if config.strict:
        raise DataError(text, _("Repair or remove them, or run without --strict."))
    return [
        Finding(
            "unreadable",
            "warning",
            sentences(text, _("They were left out.")),
            {"count": len(unreadable), "files": [list(pair) for pair in unreadable]},
        )
    ]


def with_reasons(unreadable: list[tuple[str, str]], most: int, n: int | None = None) -> str:
    """Name examples with why they cannot be read; beyond ``most``, say only how many more.

    Where only the first of them are given, ``n`` says how many there are.
    """
    named: dict[str, list[str]] = {}
    for name, why in unreadable[:most]:
        named.setdefault(why, []).append(name)
    first = [_("{name}: {reason}", name=commas(of), reason=why) for why, of in named.items()]
    more = (n or len(unreadable)) - min(len(unreadable), most)
    rest = [_("and {n} more", n=more)] if more else []
    return Said({"joined": [*first, *rest], "by": N_("{before}; {after}")})


def _kept(groups: NDArray[np.str_] | None, keep: NDArray[np.bool_]) -> NDArray[np.str_] | None:
    return None if groups is None else groups[keep]


def baseline_spaces(prepared: Prepared) -> dict[str, Any]:
    """Describe the examples without learned knowledge: what transfer is judged against."""
    features, rivals = prepared.features, prepared.dataset.modality.rivals
    described = {name: rival.describe(features.digests) for name, rival in rivals.items()}
    if not prepared.reinitialised:
        return described
    return {RANDOM_NETWORK: features.vectors[-1], **described}
