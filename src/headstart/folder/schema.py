"""What every file of a run, and of a study, must hold for the rest of headstart to read it.

One type a document, as docs/architecture.md explains it. A key may be there that is not named
here; one that came with a later version is ``NotRequired``, since older runs lack it. Bounds are
wide: they keep out what no run writes and no chart could draw, such as infinities.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, NotRequired

from pydantic import AfterValidator, Field, TypeAdapter, ValidationError
from typing_extensions import TypedDict

from headstart.folder.layout import (
    BACKBONE_FILE,
    BEHAVIOUR,
    EXPORT,
    IDENTIFICATION,
    IDENTITY,
    KEYWORDS,
    METRICS,
    MODEL_JSON,
    PICTURES,
    RUN,
    SPLIT,
    STUDIES,
    TAGGING,
    TRANSLATION,
)
from headstart.said import N_, _, listed

_FINITE = {"allow_inf_nan": False}
Number = Annotated[float, Field(ge=-1e12, le=1e12, **_FINITE)]
Share = Annotated[float, Field(ge=-2, le=2, **_FINITE)]
"""0 to 1, or a difference of two such; ends of intervals may lie a little outside."""
Seconds = Annotated[float, Field(ge=0, le=1e12, **_FINITE)]
Strength = Annotated[float, Field(ge=1e-30, le=1e30, **_FINITE)]
Freedom = Annotated[float, Field(ge=0, le=1e30, **_FINITE)]
"""0 where a head has no strength."""
Count = Annotated[int, Field(ge=0, le=10**12)]
Width = Annotated[int, Field(ge=1, le=10**7)]
Ci95 = Annotated[list[Share], Field(min_length=2, max_length=2)]
Names = Annotated[list[str], Field(min_length=1)]
Table = dict[str, Any]


def _moment(text: str) -> str:
    try:
        datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(_("it should be a date and a time")) from None
    return text


FOR_LOGISTIC = N_("{names} must be there for logistic regression")
FOR_THRESHOLD = N_("{names} must be there where there is a threshold")
FOR_ERROR = N_("{names} must be there where there is an error")
FOR_BASELINE = N_("{names} must be there where there is a baseline")


def _needs(row: Any, *names: str, why: str) -> None:
    missing = [name for name in names if row.get(name) is None]
    if missing:
        raise ValueError(_(why, names=listed(missing)))


# ---- metrics.json: the source ------------------------------------------------------------------


class Counts(TypedDict):
    """How many examples."""

    train: Count
    test: Count
    classes: Count
    skipped: Count


class Scored(TypedDict):
    """An accuracy with its doubt."""

    accuracy: Share
    accuracy_ci95: Ci95


class Estimate(Scored):
    """The scores on held-out examples."""

    protocol: str
    balanced_accuracy: Share
    macro_f1: Share
    log_loss: Number
    ece: Share
    ece_ci95: NotRequired[Ci95 | None]
    micro_f1: NotRequired[Share]
    average_precision: NotRequired[Share]
    subset_accuracy: NotRequired[Share]
    hamming_loss: NotRequired[Share]


class LabelRow(TypedDict):
    """One of several labels by itself."""

    name: str
    n: Count
    given: Count
    precision: Share | None
    precision_ci95: Ci95 | None
    recall: Share | None
    recall_ci95: Ci95 | None
    f1: Share | None
    f1_ci95: Ci95 | None
    average_precision: Share | None
    average_precision_ci95: Ci95 | None
    threshold: Share


class LabelScores(TypedDict):
    """Each of several labels, where examples may have any number of them."""

    macro_f1_ci95: Ci95 | None
    micro_f1_ci95: Ci95 | None
    average_precision_ci95: Ci95 | None
    rows: list[LabelRow]


class Baseline(Scored):
    """A model without transfer."""

    name: str


class Rival(TypedDict):
    """The test against one baseline."""

    baseline: str
    gain: Share
    gain_ci95: Ci95
    p: Share | None
    p_holm: Share | None
    decision: str


class ClassGain(TypedDict):
    """What transfer did to one class."""

    name: str
    n: Count
    gain: Share
    harmed: bool


class Verdict(TypedDict):
    """Whether transfer helped."""

    decision: str
    gain: Share
    gain_ci95: Ci95
    baseline: str
    detectable: Share
    test: str
    metric: str
    caution: NotRequired[str]
    withheld: NotRequired[str]
    sentence: str
    rivals: NotRequired[list[Rival]]
    per_class: NotRequired[list[ClassGain]]


class HeadTried(TypedDict):
    """A head that was tried on the frozen network."""

    head: str
    C: Freedom | None
    accuracy: Share
    log_loss: Number
    log_loss_se: Number


def _strength(row: Any) -> Any:
    if row["head"] == "logistic":
        _needs({"C": row["C"] or None}, "C", why=FOR_LOGISTIC)
    return row


class HeadKept(TypedDict):
    """A head and its settings."""

    kind: str
    C: Freedom | None
    temperature: NotRequired[Number]


class Head(HeadKept):
    """The head that was kept, and what it was chosen among."""

    candidates: list[Annotated[HeadTried, AfterValidator(_strength)]]
    probe: NotRequired[HeadKept]


def _chosen_strength(row: Any) -> Any:
    tried = {**row, **row.get("probe", {})}
    if tried["kind"] == "logistic" and any(c["C"] for c in row["candidates"]):
        _needs({"C": tried["C"] or None}, "C", why=FOR_LOGISTIC)
    return row


class Mixture(TypedDict):
    """The weights before and after training, mixed."""

    alpha: Share
    accuracy: Share | None


class RateFinder(TypedDict):
    """A trial of learning rates; losses may be anything where training fell apart."""

    lrs: list[Number]
    losses: list[float | None]
    suggested: NotRequired[Strength | None]


class Training(TypedDict):
    """How the network itself was trained."""

    method: str
    unfreeze: str
    blocks: list[str]
    cut: str | None
    trainable_parameters: Count
    parameters: Count
    prefix_forwards: Count | None
    views: Count | None
    views_said: NotRequired[str | None]
    cache_mb: NotRequired[Number | None]
    cut_reason: NotRequired[str | None]
    epochs: NotRequired[Count | None]
    batch_size: NotRequired[Count | None]
    optimizer: NotRequired[str | None]
    schedule: NotRequired[str | None]
    lr: NotRequired[Number | None]
    head_lr: NotRequired[Number | None]
    batchnorm: NotRequired[str | None]
    tune: NotRequired[str]
    loss: NotRequired[str]
    embeddings: NotRequired[str]
    keep: NotRequired[str | None]
    images_per_s: NotRequired[Number | None]
    seconds: Seconds
    wise: list[Mixture] | None
    wise_alpha: Share | None
    finder: RateFinder | None


class MethodTried(TypedDict):
    """A method that ``auto`` compared."""

    name: str
    accuracy: Share | None
    accuracy_ci95: Ci95 | None
    seconds: Seconds | None
    forecast_s: Seconds | None
    status: str
    chosen: bool
    reason: NotRequired[str | None]


class Choice(TypedDict):
    """Why a method was kept."""

    sentence: str
    budget_s: NotRequired[Seconds | None]


class OperatingPoint(TypedDict):
    """What a confidence below which nothing is answered would do."""

    threshold: NotRequired[Share | None]
    coverage: Share
    error: Share | None


class Abstention(TypedDict):
    """When the model keeps silent."""

    wanted_error: Share | None
    threshold: Share | None
    coverage: Share | None
    coverage_ci95: Ci95 | None
    error: Share | None
    error_ci95: Ci95 | None
    curve: NotRequired[list[OperatingPoint] | None]


def _measured(row: Any) -> Any:
    if row["threshold"] is not None:
        if row["wanted_error"] is not None and row["coverage"] != 0:
            _needs(row, "coverage", "coverage_ci95", why=FOR_THRESHOLD)
        if row["error"] is not None:
            _needs(row, "coverage", "coverage_ci95", "error_ci95", why=FOR_ERROR)
    return row


class Unfamiliar(TypedDict):
    """How often a familiar example is called unfamiliar."""

    false_alarm_rate: Share
    false_alarm_ci95: Ci95


class Suspect(TypedDict):
    """A label that held-out answers contradict."""

    path: str
    label: str
    suggested: str
    confidence: Share
    given: Share


class LabelIssues(TypedDict):
    """The suspected labels."""

    rows: list[Suspect]
    sentence: str
    expected_gain: Share | None
    expected_gain_ci95: Ci95 | None


class Explained(TypedDict):
    """The test of the maps."""

    sentence: str


class CurvePoint(Scored):
    """An accuracy with fewer labels."""

    n_train: Annotated[Number, Field(gt=0)]


class Finding(TypedDict):
    """What a check found; what its figures are depends on the kind."""

    kind: str
    severity: str
    message: str
    figures: Table


class Deals(TypedDict):
    """The figures of the check of the order."""

    shuffled_accuracy: Share
    shuffled_accuracy_ci95: Ci95
    block_accuracy: Share
    block_accuracy_ci95: Ci95


class Listed(TypedDict):
    """The figures of a check that names files, alone or with those they go with."""

    files: list[str | list[str]]


_DEALS, _LISTED = TypeAdapter(Deals), TypeAdapter(Listed)


def _figures(row: Any) -> Any:
    """Hold the figures that a page shows to their types."""
    try:
        if row["kind"] == "order" and row["severity"] == "warning":
            _DEALS.validate_python(row["figures"], strict=True)
        if "files" in row["figures"]:
            _LISTED.validate_python(row["figures"], strict=True)
    except ValidationError as cause:
        where = ".".join(map(str, cause.errors()[0]["loc"]))
        raise ValueError(_("its figures are wrong at {place}", place=where)) from None
    return row


class Timing(TypedDict):
    """Seconds of each part of a run."""

    total_s: Seconds
    read_s: Seconds
    embed_s: Seconds
    fit_s: Seconds
    judge_s: Seconds
    forward_examples: Count
    cache_hits: Count


class Ranked(Scored):
    """A backbone among others."""

    name: str
    behind: Share | None
    behind_ci95: NotRequired[Ci95 | None]
    tie: bool
    logme: Number | None
    h_score: Number | None
    knn: Share | None
    dim: Width
    size: Number | None
    params: Count | None
    mb: Number | None
    seconds_per_1000: Seconds | None
    licence: str | None


class Ranking(TypedDict):
    """The backbones that were compared."""

    recommended: str
    sentence: str
    backbones: list[Ranked]


class LayerTried(TypedDict):
    """A layer that was compared."""

    encoder: str
    layer: str
    dim: Width
    accuracy: Share
    log_loss: Number
    picked: Count
    chosen: bool


class LastLayer(Scored):
    """The last layer, and what the choice gained on it."""

    encoder: str
    gain: Share | None
    gain_ci95: Ci95 | None
    p: Share | None


class LayerTaken(TypedDict):
    """Which layer the head stands on, and why."""

    encoder: str
    layer: str
    sentence: str
    folds: Count
    tried: list[LayerTried]
    last: LastLayer | None


# ---- metrics.json: the adaptation; gaps and nulls are filled by who reads it -------------------


class Domain(TypedDict, total=False):
    """The source, or the target."""

    name: str | None
    n: Count | None
    note: str | None


class Candidate(TypedDict):
    """A way to adapt."""

    name: str
    family: NotRequired[str | None]
    summary: NotRequired[str | None]
    reference: NotRequired[str | None]
    source_accuracy: NotRequired[Share | None]
    source_accuracy_ci95: NotRequired[Ci95 | None]
    scores: NotRequired[dict[str, Number | None] | None]
    rank: NotRequired[Number | None]
    changed: NotRequired[Share | None]
    shares: NotRequired[dict[str, Share] | None]
    guards: NotRequired[list[str] | None]
    chosen: NotRequired[bool | None]
    seconds: NotRequired[Seconds | None]
    target_accuracy: NotRequired[Share | None]
    target_accuracy_ci95: NotRequired[Ci95 | None]


class Evidence(TypedDict):
    """What one score says."""

    score: str
    says: NotRequired[str | None]
    higher_is_better: NotRequired[bool | None]
    none: NotRequired[Number | None]
    chosen: NotRequired[Number | None]
    against: NotRequired[str | None]
    prefers: NotRequired[str | None]


ClassPrior = TypedDict(
    "ClassPrior",
    {
        "class": str,
        "source": NotRequired[Share | None],
        "target": NotRequired[Share | None],
        "target_ci95": NotRequired[Ci95 | None],
    },
)


class Prior(TypedDict, total=False):
    """How frequent the classes are."""

    sentence: str | None
    huge: bool | None
    classes: list[ClassPrior] | None


class Example(TypedDict):
    """An example of the target."""

    path: str
    score: NotRequired[Share | None]
    predicted: NotRequired[str | None]
    why: NotRequired[str | None]


class Unknown(TypedDict, total=False):
    """Classes that the source does not have."""

    sentence: str | None
    flagged: bool | None
    share: Share | None
    share_ci95: Ci95 | None
    examples: list[Example] | None


Spot = Annotated[list[Annotated[int, Field(ge=0, le=10**6)]], Field(min_length=3, max_length=3)]


class DomainMap(TypedDict):
    """Points of both domains: x, y, number of the class."""

    source: list[Spot] | None
    target: list[Spot] | None


class Shift(TypedDict, total=False):
    """How far the domains lie apart."""

    auc: Share | None
    auc_ci95: Ci95 | None
    found: bool | None
    sentence: str | None
    prior: Prior | None
    least_like: list[Example] | None
    unknown: Unknown | None
    map: DomainMap | None


class Best(TypedDict):
    """The candidate that labels would have chosen."""

    name: str
    accuracy: NotRequired[Share | None]


class Truth(TypedDict, total=False):
    """What labels of the target said after the choice."""

    n: Count | None
    unknown: Count | None
    accuracy: Share | None
    accuracy_ci95: Ci95 | None
    source_only_accuracy: Share | None
    source_only_accuracy_ci95: Ci95 | None
    gain: Share | None
    gain_ci95: Ci95 | None
    decision: str | None
    sentence: str | None
    best: Best | None


class Labelled(TypedDict, total=False):
    """What labels that came back decided."""

    n: Count | None
    sentence: str | None
    chosen: str | None
    accuracy: Share | None
    accuracy_ci95: Ci95 | None
    candidates: list[Baseline] | None
    before: dict[str, str] | None


class Precedents(TypedDict):
    """What became of choices like the one that was made."""

    n: Count
    helped: Count
    worse: Count
    guessing: Count
    why: NotRequired[str | None]
    per_class: NotRequired[str | None]


class Adaptation(TypedDict):
    """What ``headstart adapt`` found."""

    decision: str
    chosen: NotRequired[str | None]
    sentence: NotRequired[str | None]
    sure: NotRequired[str | None]
    measured: NotRequired[Precedents | None]
    source: NotRequired[Domain | None]
    target: NotRequired[Domain | None]
    candidates: NotRequired[list[Candidate] | None]
    evidence: NotRequired[list[Evidence] | None]
    shift: NotRequired[Shift | None]
    target_labels: NotRequired[Truth | None]
    proposals: NotRequired[list[Example] | None]
    labelled: NotRequired[Labelled | None]


class Metrics(TypedDict):
    """metrics.json."""

    classes: Names
    backbone: str
    method: str
    task: NotRequired[str]
    modality: NotRequired[str]
    n: Counts
    estimate: Estimate
    verdict: Verdict | None
    baselines: list[Baseline]
    head: Annotated[Head, AfterValidator(_chosen_strength)]
    training: NotRequired[Training | None]
    candidates: NotRequired[list[MethodTried] | None]
    choice: NotRequired[Choice | None]
    learning_curve: list[CurvePoint]
    findings: list[Annotated[Finding, AfterValidator(_figures)]]
    abstention: NotRequired[Annotated[Abstention, AfterValidator(_measured)] | None]
    unfamiliar: NotRequired[Unfamiliar | None]
    label_issues: NotRequired[LabelIssues | None]
    explanations: NotRequired[Explained | None]
    ranking: NotRequired[Ranking | None]
    layer: NotRequired[LayerTaken | None]
    timing: Timing
    adaptation: NotRequired[Adaptation | None]
    labels: NotRequired[LabelScores]


# ---- the other files of a run ------------------------------------------------------------------


class CardRecord(TypedDict):
    """A backbone as data; its modality knows what the preprocessing holds."""

    name: str
    architecture: str
    modality: str
    dim: Width
    parameters: Count
    licence: str
    source: str
    weights_hash: str
    preprocessing: Table
    layers: list[Annotated[list[Any], Field(min_length=3, max_length=3)]]


class Thresholds(TypedDict, total=False):
    """Below which a model marks, keeps silent, or does not give a label."""

    familiar: Number | None
    abstain: Share | None
    labels: list[Share]


def _source_of_weights(weights: Any) -> Any:
    named = isinstance(weights, dict) and all(
        isinstance(weights.get(key), str) for key in ("provider", "name")
    )
    parts = isinstance(weights, dict) and weights.get("parts")
    if isinstance(parts, list):
        for part in parts:
            PART_OF_MODEL.validate_python(part)
    elif not named and weights != BACKBONE_FILE:
        raise ValueError(
            _("weights are of a provider and a name, or in {file}", file=BACKBONE_FILE)
        )
    return weights


class Part(TypedDict):
    """One of several backbones side by side."""

    backbone: CardRecord
    weights: Annotated[Any, AfterValidator(_source_of_weights)]
    layers: CardRecord | None
    layer: str


PART_OF_MODEL = TypeAdapter(Part)


class Model(TypedDict):
    """model.json."""

    schema: int
    method: str
    task: NotRequired[str]
    classes: Names
    head: str
    temperature: Strength
    beside: NotRequired[str]
    thresholds: Thresholds
    engine: str
    backbone: CardRecord
    weights: Annotated[Any, AfterValidator(_source_of_weights)]
    layers: NotRequired[CardRecord | None]
    layer: NotRequired[str]
    files: dict[str, str]
    checksum: str


class Config(TypedDict):
    """The options of a run, as far as its page shows them."""

    data: str
    seed: int
    method: NotRequired[str]


class Named(TypedDict):
    """An engine."""

    name: str


class Host(TypedDict):
    """The computer."""

    system: str
    machine: str
    cores: Count


class Versions(TypedDict):
    """Of headstart, and of what it stands on."""

    headstart: str


class RunRecord(TypedDict):
    """run.json."""

    config: Config
    column: NotRequired[str]
    engine: Named
    versions: Versions
    host: Host
    finished: Annotated[str, AfterValidator(_moment)]


class Dealt(TypedDict):
    """Where an example went."""

    sha256: str
    role: str


class LeftOut(TypedDict):
    """A file that was not used."""

    path: str
    reason: str


class Split(TypedDict):
    """split.json."""

    examples: list[Dealt]
    left_out: list[LeftOut]


class Shown(TypedDict):
    """An example as a page shows it."""

    path: str
    image: NotRequired[str | None]
    text: NotRequired[str | None]
    lang: NotRequired[str | None]


class Answered(Shown):
    """An example, its label and the answer."""

    label: str
    predicted: str
    confidence: Share


class Mended(Suspect):
    """A suspected label, shown."""

    image: NotRequired[str | None]
    text: NotRequired[str | None]
    lang: NotRequired[str | None]


class Span(TypedDict):
    """A piece of a text, and how much it spoke for the answer."""

    text: str
    weight: Share


class Looked(Answered):
    """An example with the map of what spoke for the answer."""

    kind: str
    map: NotRequired[str]
    spans: NotRequired[list[Span]]


class MapPoint(Shown):
    """A point of the map."""

    x: Share
    y: Share
    label: str
    predicted: str | None
    right: bool | None


class Map(TypedDict):
    """The map."""

    method: str
    points: list[MapPoint]


class Gallery(TypedDict):
    """Mistakes and doubts."""

    most_wrong: list[Answered]
    least_sure: list[Answered]


class Pictures(TypedDict, total=False):
    """pictures.json."""

    gallery: Gallery
    map: Map
    label_issues: list[Mended] | None
    explanations: list[Looked] | None
    adaptation: dict[str, list[Shown] | None] | None


# ---- the studies -------------------------------------------------------------------------------


class Study(TypedDict):
    """What all studies say."""

    study: str
    data: str
    n: Count
    classes: list[str] | int
    protocol: str
    modality: NotRequired[str]
    headstart: NotRequired[str]


class RankStudy(Study, Ranking):
    """rank.json."""


class Layer(Scored):
    """A layer of a backbone."""

    name: str
    dim: Width
    depth: Share
    behind: Share | None
    behind_ci95: NotRequired[Ci95 | None]
    map: list[Count] | None
    cache_mb_per_1000: Number | None
    tie: bool


class Combined(Scored):
    """A head on all layers."""

    fraction: Share
    features: Count
    by_layer: dict[str, Count]


class LayersStudy(Study):
    """layers.json."""

    backbone: str
    kind: str
    advice: str
    layers: Annotated[list[Layer], Field(min_length=1)]
    combined: Combined | None


class Measured(TypedDict):
    """Accuracies with so many labels."""

    per_class: Strength
    n_train: Number
    transfer: Share
    transfer_ci95: Ci95
    baseline: Share | None
    baseline_ci95: Ci95 | None
    baseline_name: str | None


def _whole_baseline(row: Any) -> Any:
    if row["baseline"] is not None:
        _needs(row, "baseline_ci95", "baseline_name", why=FOR_BASELINE)
    return row


class Law(TypedDict):
    """error = a n^-b + c."""

    a: Number
    b: Annotated[Number, Field(ge=-20, le=20)]
    c: Number


class Fit(TypedDict):
    """The laws of both lines."""

    transfer: Law | None
    baseline: Law | None


class Forecast(Scored):
    """What more labels would bring."""

    more: Count
    per_class: Strength
    gain: Share
    trust: str
    sentence: str


class Worth(TypedDict):
    """What transfer is worth in labels."""

    sentence: str


class CurveStudy(Study):
    """curve.json."""

    backbone: str
    learned: NotRequired[bool]
    points: list[Annotated[Measured, AfterValidator(_whole_baseline)]]
    fit: Fit | None
    forecast: Forecast | None
    worth: NotRequired[Worth | None]


class LogCounts(TypedDict):
    """A log of behaviour."""

    name: str
    users: Count
    items: Count
    interactions: Count
    timed: bool


class Logs(TypedDict):
    """The logs of a run that recommends, and what they share."""

    target: LogCounts
    source: LogCounts | None
    shared_users: Count
    shared_items: Count
    offered: Count
    later: Count


class ChosenModel(TypedDict):
    """A model of behaviour; its weight is that of the source."""

    kind: str
    weight: Share
    strength: Number


class RankingScores(TypedDict):
    """How often what was hidden is among the first."""

    recall: Share
    recall_ci95: Ci95
    ndcg: Share


class RankingRival(RankingScores):
    """A model without the source, or what is popular in the source."""

    name: str


WithAndWithout = TypedDict("WithAndWithout", {"n": Count, "with": Share, "without": Share})
"""Recall with and without the source."""


class ByHistory(WithAndWithout):
    """Of users with so many choices before the hidden one; ``most`` None: no limit."""

    least: Count
    most: Count | None


class ByPopularity(WithAndWithout):
    """Of users whose hidden choice is popular, or is not."""

    name: str


class KnownUsers(RankingScores):
    """Users of the target, their last choice hidden."""

    n: Count
    coverage: Share
    chosen: ChosenModel
    without: ChosenModel
    rivals: list[RankingRival]
    by_history: list[ByHistory]
    by_popularity: list[ByPopularity]


class NewUsersPoint(WithAndWithout):
    """Users who are given ``k`` choices in the target."""

    k: Count
    gain: Share
    gain_ci95: Ci95


class NewUsers(TypedDict):
    """Users as if they were new to the target; ``ends``: from so many choices on no gain shows."""

    curve: list[NewUsersPoint]
    ends: Count | None
    cold: ChosenModel
    few: ChosenModel


class RankingVerdict(TypedDict):
    """Whether the source helped; without a source, whether histories beat popularity."""

    decision: str
    gain: Share
    gain_ci95: Ci95
    detectable: Share
    p: Share
    test: str
    metric: str


class RecallGain(TypedDict):
    """A gain of recall over users."""

    gain: Share
    gain_ci95: Ci95
    p: Share
    decision: str


class RecallBy(TypedDict):
    """Recall by something with a name."""

    name: str
    recall: Share


class ColdItems(TypedDict):
    """``n`` items that stand in no log, and how well others that were held out could be told."""

    n: Count
    way: str
    at: Count
    items: Count
    users: Count
    chance: Share
    shuffled: Share
    chosen: Share
    ways: list[RecallBy]
    gain: RecallGain
    gain_of_text: RecallGain | None


class Shopper(TypedDict):
    """A user as an example."""

    user: str
    history: list[str]
    hidden: str
    rank: Number
    rank_without: Number
    recommended: list[str]


class Recommendation(TypedDict):
    """The metrics.json of a run that recommends."""

    schema: int
    modality: str
    data: Logs
    known: KnownUsers
    verdicts: dict[str, RankingVerdict]
    transferred: bool
    new: NewUsers | None
    cold_items: NotRequired[ColdItems]
    examples: list[Shopper]
    findings: list[Finding]
    seed: int
    timing: dict[str, Seconds]


class AdviserModel(TypedDict):
    """The model.json of a run that recommends."""

    schema: int
    headstart: str
    modality: str
    own: Count
    offered: Count
    roles: dict[str, Table]
    new: NotRequired[Table | None]
    files: dict[str, str]
    checksum: str


class TagScores(TypedDict):
    """How well words were tagged; F1, precision and recall are those of entities."""

    f1: Share | None
    f1_ci95: Ci95
    precision: Share | None
    recall: Share | None
    token_accuracy: Share


class TagEstimate(TagScores):
    """The scores on held-out sentences."""

    protocol: str


class TagRival(TagScores):
    """A model without transfer."""

    name: str


class TagType(TypedDict):
    """One type of entity: how many are there, were named, and are right."""

    name: str
    n: Count
    given: Count
    right: Count
    f1: Share | None
    precision: Share | None
    recall: Share | None


class TagMark(TypedDict):
    """A stretch of a sentence: an entity that was found, missed, or wrongly named."""

    state: str
    type: str
    start: Count
    end: Count


class TaggedSentence(TypedDict):
    """A held-out sentence with its marks."""

    where: str
    tokens: Names
    marks: list[TagMark]


class TagExamples(TypedDict):
    """Sentences that went best, and worst."""

    best: list[TaggedSentence]
    worst: list[TaggedSentence]


class TagCounts(TypedDict):
    """How much there was: sentences by part, tokens, entities, documents."""

    train: Count
    dev: Count
    test: Count
    tokens: Count
    entities: Count
    documents: Count


class Tagged(TypedDict):
    """The metrics.json of a run that tags words."""

    schema: int
    modality: str
    task: str
    n: TagCounts
    tags: Names
    scheme: str
    split: str
    method: str
    backbone: str
    layer: Count
    C: Freedom
    estimate: TagEstimate
    types: list[TagType]
    baselines: list[TagRival]
    verdict: Verdict | None
    examples: TagExamples
    findings: list[Finding]
    seed: int
    timing: dict[str, Seconds]


class TaggerModel(TypedDict):
    """The model.json of a run that tags words."""

    schema: int
    headstart: str
    modality: str
    method: str
    tags: Names
    C: Freedom
    layer: Count
    pool: str
    split: str
    scheme: str
    backbone: Table
    weights: str | Table
    licence: str
    files: dict[str, str]
    checksum: str


class PairCounts(TypedDict):
    """The pairs of a run that translates; ``by``: what was drawn as a whole."""

    name: str
    languages: Annotated[list[str], Field(min_length=2, max_length=2)]
    read: Count
    pairs: Count
    train: Count
    validation: Count
    test: Count
    left_out: Count
    by: str


class TranslatorFacts(TypedDict):
    """The network that translates; ``shared`` of its pieces came with the one it started from."""

    name: str
    start: str
    kind: str
    parameters: Count
    lora: bool
    pieces: Count
    shared: Count | None
    beam: Count
    recipe: Table


class TranslationScores(TypedDict):
    """How good a system's translations are; ``p`` against the first one, by the bootstrap."""

    name: str
    bleu: Share
    bleu_ci95: Ci95
    bleu_p: Share | None
    chrf: Share
    chrf_ci95: Ci95
    chrf_p: Share | None


class TranslationVerdict(RankingVerdict):
    """Whether what was asked helped: ``tuning``, a ``source``, or learning at all (``memory``)."""

    question: str
    against: str


class TranslationEpoch(TypedDict):
    """A point of a curve."""

    epoch: Count
    loss: Number | None
    chrf: Share
    lr: Number


class TranslationCurve(TypedDict):
    """How a network was trained; ``kept`` 0: as it was."""

    name: str
    kept: Count
    points: list[TranslationEpoch]


class TranslationExample(TypedDict):
    """A sentence of the test; ``why``: drawn, best or worst."""

    why: str
    source: str
    reference: str
    before: str
    after: str
    chrf: Share
    chrf_before: Share


class TranslationMetrics(TypedDict):
    """The metrics.json of a run that translates."""

    schema: int
    modality: str
    data: PairCounts
    model: TranslatorFacts
    scores: list[TranslationScores]
    signatures: dict[str, str]
    verdict: TranslationVerdict
    curves: list[TranslationCurve]
    examples: list[TranslationExample]
    findings: list[Finding]
    seed: int
    timing: dict[str, Seconds]


class TranslatorModel(TypedDict):
    """The model.json of a run that translates."""

    schema: int
    headstart: str
    modality: str
    files: dict[str, str]
    checksum: str


class KeywordData(TypedDict):
    """The documents of a run that finds keywords; ``gold`` None: nobody gave any."""

    name: str
    documents: Count
    unreadable: Count
    empty: Count
    languages: dict[str, Count]
    unlisted: dict[str, Count]
    gold: GoldCounts | None


class GoldCounts(TypedDict):
    """Gold keywords, and how many of those in the documents that were judged stand in them."""

    source: str
    documents: Count
    judged: Count
    keywords: Count
    present: Count


class KeywordModel(TypedDict):
    """How keywords are found; ``learned`` False: by fixed weights.

    ``marked`` is how it was learned to mark words, "" where that is not done.
    """

    learned: bool
    marked: NotRequired[str]
    backbone: str
    engine: str
    longest: Count
    diversity: Freedom
    phrases: Count
    per_document: Number
    threshold: Share | None


class KeywordScores(TypedDict):
    """A way to rank phrases, on documents whose gold keywords it had not seen."""

    name: str
    network: bool
    f1_5: Share
    f1_5_ci95: Ci95
    f1_10: Share
    f1_10_ci95: Ci95
    f1_m: Share
    f1_m_ci95: Ci95
    f1_5_exact: Share
    f1_5_exact_ci95: Ci95
    f1_10_exact: Share
    f1_10_exact_ci95: Ci95
    f1_m_exact: Share
    f1_m_exact_ci95: Ci95
    given: Number


class KeywordGain(TypedDict):
    """A gain of F1@10 over documents, over the way of that name."""

    name: NotRequired[str]
    gain: Share
    gain_ci95: Ci95
    p: Share
    decision: str


class KeywordVerdict(TypedDict):
    """Whether the network helped, against the best way without one."""

    way: str
    rival: str
    decision: str
    gain: Share
    gain_ci95: Ci95
    detectable: Share
    p: Share
    test: str
    metric: str
    rivals: list[KeywordGain]
    learning: KeywordGain | None
    training: NotRequired[KeywordGain | None]


class Piece(TypedDict):
    """A piece of a text, and what it is marked as."""

    text: str
    mark: str


class GivenKeyword(TypedDict):
    """A keyword that was found; ``right`` None: nobody gave any to compare with."""

    text: str
    score: Number
    right: bool | None


class ShownDocument(TypedDict):
    """A document as an example."""

    ref: str
    language: str
    best: bool | None
    f1: Share | None
    pieces: list[Piece]
    cut: bool
    keywords: list[GivenKeyword]
    missed: list[str]
    absent: list[str]


class KeywordMetrics(TypedDict):
    """The metrics.json of a run that finds keywords."""

    schema: int
    modality: str
    data: KeywordData
    model: KeywordModel
    scores: list[KeywordScores]
    verdict: KeywordVerdict | None
    examples: list[ShownDocument]
    findings: list[Finding]
    seed: int
    timing: dict[str, Seconds]


class KeywordSettings(TypedDict):
    """How documents are cut and keywords picked."""

    language: str
    usual: str
    longest: Annotated[int, Field(ge=1, le=100)]
    diversity: Freedom


class ExtractorModel(TypedDict):
    """The model.json of a run that finds keywords."""

    schema: int
    headstart: str
    modality: str
    settings: KeywordSettings
    known: list[str]
    threshold: Share | None
    documents: Count
    column: str
    engine: str
    backbone: CardRecord
    weights: Annotated[Any, AfterValidator(_source_of_weights)]
    layers: CardRecord | None
    layer: str
    licence: str
    files: dict[str, str]
    checksum: str


class Rate(TypedDict):
    """A share of examples, its interval over names."""

    rate: Share
    ci95: Ci95


class EqualError(TypedDict):
    """The equal error rate of pairs, and where it is."""

    rate: Share
    ci95: Ci95 | None
    threshold: Share


class Accepted(TypedDict):
    """Same pairs that are accepted where so few different ones are."""

    false: Share
    true: Share
    ci95: Ci95 | None
    threshold: Share


class ErrorsAt(TypedDict):
    """Both errors at a threshold."""

    threshold: Share
    false_accepts: Share
    false_rejects: Share


class Verification(TypedDict):
    """How well pairs are told."""

    same: Count
    different: Count
    equal_error: EqualError | None
    accepts: list[Accepted]
    curve: list[ErrorsAt]


class IdentifiedFrom(Rate):
    """How many are recognised from ``k`` enrolled examples each."""

    k: Count
    n: Count


class Keeping(Rate):
    """Strangers that are rejected where so few of those known are."""

    rejected: Share


class Strangers(TypedDict):
    """What becomes of strangers, and of those who are known."""

    wanted: Share
    accepted: Rate | None
    right: Rate | None
    misnamed: Rate | None
    rejected: Rate | None
    keeping: Keeping | None


class NamedRival(Rate):
    """A rival of the network, by recognition from one example."""

    name: str
    equal_error: Share


class Identity(TypedDict):
    """A name by itself."""

    name: str
    n: Count
    one: Share | None
    rejected: Share | None
    accepted: Share


class GalleryThresholds(TypedDict):
    """From which similarity on two are one, and someone is known."""

    pair: Share
    known: Share
    false_accepts: Share


class Enrolled(TypedDict):
    """How many names and examples a gallery has."""

    identities: Count
    examples: Count


class GalleryData(Enrolled):
    """What a gallery was made and judged on."""

    single: Count
    test: Count
    compared: Count
    skipped: Count
    grouped: bool


class Identification(TypedDict):
    """The metrics.json of a run that knows who is who."""

    schema: int
    task: str
    modality: str
    backbone: str
    data: GalleryData
    enrolled: Enrolled
    thresholds: GalleryThresholds
    verification: Verification
    identification: list[IdentifiedFrom]
    strangers: Strangers
    test: dict[str, Count] | None
    verdict: Verdict | None
    compared: list[NamedRival]
    choice: dict[str, Share]
    per_identity: list[Identity]
    findings: list[Finding]
    seed: int
    timing: dict[str, Seconds]


class GalleryModel(TypedDict):
    """The model.json of a run that knows who is who."""

    schema: int
    headstart: str
    task: str
    names: Names
    counts: list[Count]
    thresholds: GalleryThresholds
    quantiles: Annotated[list[list[Share]], Field(min_length=2, max_length=2)]
    engine: str
    backbone: CardRecord
    weights: Annotated[Any, AfterValidator(_source_of_weights)]
    layers: NotRequired[CardRecord | None]
    layer: NotRequired[str]
    files: dict[str, str]
    checksum: str


class ShownOne(Shown):
    """An example of a pair; with what it looks or sounds like, where that was asked for."""

    label: str


class ShownPair(TypedDict):
    """A pair that is hard to tell."""

    similarity: Share
    two: Annotated[list[ShownOne], Field(min_length=2, max_length=2)]


class ShownPairs(TypedDict):
    """The pictures.json of a run that knows who is who."""

    task: str
    same: list[ShownPair]
    different: list[ShownPair]


class ExportRecord(TypedDict):
    """export.json."""

    schema: int
    headstart: str
    format: str
    file: str
    files: dict[str, str]
    about: dict[str, str]
    parity: Table
    int8: Table | None


DOCUMENTS: dict[str, Any] = {
    f"{BEHAVIOUR}/{METRICS}": Recommendation,
    f"{BEHAVIOUR}/{MODEL_JSON}": AdviserModel,
    f"{BEHAVIOUR}/{RUN}": Table,
    f"{TAGGING}/{METRICS}": Tagged,
    f"{TAGGING}/{MODEL_JSON}": TaggerModel,
    f"{TAGGING}/{RUN}": Table,
    f"{TRANSLATION}/{METRICS}": TranslationMetrics,
    f"{TRANSLATION}/{MODEL_JSON}": TranslatorModel,
    f"{TRANSLATION}/{RUN}": Table,
    f"{KEYWORDS}/{METRICS}": KeywordMetrics,
    f"{KEYWORDS}/{MODEL_JSON}": ExtractorModel,
    f"{KEYWORDS}/{RUN}": Table,
    f"{IDENTIFICATION}/{METRICS}": Identification,
    f"{IDENTIFICATION}/{MODEL_JSON}": GalleryModel,
    f"{IDENTIFICATION}/{PICTURES}": ShownPairs,
    f"{IDENTIFICATION}/{RUN}": RunRecord,
    METRICS: Metrics,
    MODEL_JSON: Model,
    RUN: RunRecord,
    SPLIT: Split,
    PICTURES: Pictures,
    IDENTITY: Table,
    EXPORT: ExportRecord,
    **dict(zip(STUDIES, (RankStudy, LayersStudy, CurveStudy), strict=True)),
}
"""The type of each file, by its name."""
