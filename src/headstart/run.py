"""A finished run: load it, predict with it, evaluate it, render its report."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.adaptation.testtime import adapt_to_inputs, check_kind
from headstart.data import timeline
from headstart.data.inputs import Input, each, expand
from headstart.data.items import Examples, distinct
from headstart.data.pieces import Pieces
from headstart.data.sources import open_source
from headstart.errors import ArtifactError, ConfigError, DataError
from headstart.events import Event, Level, OnEvent, ignore
from headstart.features.engines import Engine, Kitchen
from headstart.features.extract import Features, extract
from headstart.features.store import FeatureStore
from headstart.folder.adviser import is_adviser
from headstart.folder.layout import METRICS, MODEL, RUN, SPLIT
from headstart.folder.model import SavedModel, load_model
from headstart.folder.reading import read_document
from headstart.folder.tagger import is_tagger
from headstart.kinds import declared
from headstart.machine import cache_folder, worker_count
from headstart.modalities import Modality, Timed, modality
from headstart.options import length
from headstart.said import _
from headstart.speaking import speaking
from headstart.tasks import Encoded
from headstart.tasks.multilabel import MultiLabel, together
from headstart.transfer import FittedModel, Pair

SHORTEST = 0.05
"""Seconds of a stretch: of less there is hardly anything to see or hear (plain choice)."""


@dataclass(frozen=True)
class Prediction:
    """What the model says of one input.

    Attributes
    ----------
    path : str
        As the input named it.
    predicted : str
        "" where the input could not be read. Of a model for several labels all that are given, with
        ``;`` between them; there may be none.
    confidence : float or None
        The calibrated probability of ``predicted``; of several labels, that of the least sure one,
        given or not.
    probabilities : dict of str to float
    unfamiliar : bool or None
        Whether the input looks unlike everything trained on.
    error : str
        Why it could not be read, or "".
    note : str
        That it holds nothing to answer by, such as silence, in a few words; or "".
    abstained : bool or None
        Whether the model is too unsure to answer; None where it was trained without ``--abstain``.
    labels : tuple of str or None
        Of a model for several labels those that are given.
    start, end : float or None
        Of a stretch of an input, cut out by ``every``: where it lies, in seconds.
    """

    path: str
    predicted: str = ""
    confidence: float | None = None
    probabilities: dict[str, float] | None = None
    unfamiliar: bool | None = None
    error: str = ""
    abstained: bool | None = None
    labels: tuple[str, ...] | None = None
    start: float | None = None
    end: float | None = None
    note: str = ""

    def row(
        self, classes: Sequence[str], *, abstains: bool = False, timed: bool = False
    ) -> dict[str, Any]:
        """Return one flat row.

        Its columns: ``path, predicted, confidence, p:CLASS..., unfamiliar, note, error``.
        With ``timed`` also ``start, end``, after the path; with ``abstains`` also ``abstained``, at
        the end.
        """
        p = self.probabilities or {}
        row = {
            "path": self.path,
            **({"start": self.start, "end": self.end} if timed else {}),
            "predicted": self.predicted,
            "confidence": self.confidence,
            **{f"p:{name}": p.get(name) for name in classes},
            "unfamiliar": self.unfamiliar,
            "note": self.note,
            "error": self.error,
        }
        return {**row, "abstained": self.abstained} if abstains else row


class Run:
    """A run folder.

    Parameters
    ----------
    folder : str or Path

    Raises
    ------
    ArtifactError
        No run folder, from a newer headstart, or tampered with.
    """

    @declared
    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        if not self.folder.is_dir():
            raise ArtifactError(
                _("There is no run folder {folder!r}.", folder=str(folder)),
                _("`headstart train DATA` makes one."),
            )
        if is_adviser(self.folder / MODEL):
            raise ArtifactError(
                _("{folder!r} is a run of `recommend`.", folder=str(folder)),
                _("Load it with headstart.RecommendRun."),
            )
        if is_tagger(self.folder / MODEL):
            raise ArtifactError(
                _("{folder!r} tags words.", folder=str(folder)),
                _("Load it with headstart.TagRun."),
            )
        self.saved: SavedModel = load_model(self.folder / MODEL)

    @property
    def classes(self) -> tuple[str, ...]:
        """Class names, in the order of the probabilities."""
        return self.saved.model.classes

    @property
    def modality(self) -> Modality[Any, Any]:
        """What examples are to this model."""
        return modality(self.saved.card.modality)

    @cached_property
    def metrics(self) -> dict[str, Any]:
        """Everything in ``metrics.json``."""
        return read_document(self.folder / METRICS)

    @declared
    def predict(
        self,
        inputs: Input | Iterable[Input],
        *,
        x: str | None = None,
        encoding: str = "utf-8",
        adapt: str | None = None,
        every: float | str | None = None,
        strings: bool = True,
        on_event: OnEvent = ignore,
    ) -> list[Prediction]:
        """Predict files, folders, lists, what is in memory: one prediction an example, in order.

        Parameters
        ----------
        inputs : path, bytes, array, what the modality encodes, or iterable of these
            A path may be a pattern; a folder or archive stands for the examples below it, sorted; a
            table for those it lists or holds; a ``.txt`` for the paths in it, one a line; ``"-"``
            for such a list on standard input. To a model of rows of numbers an array of shape
            (n, n_columns) stands for its rows. Where examples are files, bytes are those of one,
            and ``Modality.held`` says what else is one; it is called by its place among the
            inputs. To a model of texts a string is a text itself, and what is to be read is named
            by a ``pathlib.Path``.
        x, encoding : str, optional
            The column of paths or examples of tables, and their encoding. Default: the column that
            the model was trained on, or as training would guess; the encoding by the bytes.
        adapt : {"bn", "tent", "statistics"}, optional
            Adapt to all inputs together before answering for any, where that looks safe; what
            came of it is said by an event (see ``adaptation.testtime.adapt_to_inputs``). The stored
            model is not changed, and ``unfamiliar`` is as without it.
        every : float or str, seconds or a time such as ``"1s"``, optional
            Cut what runs over time into stretches of this length: one prediction each, with its
            ``start`` and ``end``.
        strings : bool, default=True
            Whether strings are examples themselves to a model that takes strings. With False they
            name what is to be read, as they do to every other model.

        Raises
        ------
        DataError
            An input that names nothing.
        ConfigError
            A model whose network cannot be adapted that way; stretches of what has no time.
        """
        if adapt is not None and every is not None:
            raise ConfigError(
                _("--adapt needs all inputs at once, --every takes them bit by bit."),
                _("Leave one of them out."),
            )
        if adapt is None:
            return list(
                self.stream(
                    inputs, x=x, encoding=encoding, every=every, strings=strings, on_event=on_event
                )
            )
        how = self._reading(x, encoding, strings, on_event)
        return self._together(adapt, inputs, how, on_event)

    @declared
    def stream(
        self,
        inputs: Input | Iterable[Input],
        *,
        x: str | None = None,
        encoding: str = "utf-8",
        every: float | str | None = None,
        strings: bool = True,
        on_event: OnEvent = ignore,
    ) -> Iterator[Prediction]:
        """Predict as ``predict`` does, one after the other, for more than memory holds.

        A table is read through for whatever is wrong before the first answer comes, and then piece
        by piece. The same text twice in a piece is embedded once.

        Parameters
        ----------
        inputs, x, encoding, every, strings
            As of ``predict``.

        Raises
        ------
        DataError
            An input that names nothing.
        ConfigError
            Stretches of what has no time.
        """
        how = self._reading(x, encoding, strings, on_event)
        every = self.stretch(every)

        def answered() -> Iterator[Prediction]:
            pieces = Pieces(each(inputs), self.modality, **how)
            for part in self.in_parts(pieces, every, on_event=on_event):
                yield from part

        return answered()

    def pieces(
        self,
        inputs: Input | Iterable[Input],
        *,
        x: str | None = None,
        encoding: str = "utf-8",
        strings: bool = True,
        on_event: OnEvent = ignore,
    ) -> Pieces:
        """Look through inputs, and give them in pieces; with the mark that tells them from others.

        Parameters
        ----------
        inputs, x, encoding, strings
            As of ``predict``.

        Raises
        ------
        DataError
            An input that names nothing.
        """
        how = self._reading(x, encoding, strings, on_event)
        return Pieces(each(inputs), self.modality, **how, marked=True)

    def in_parts(
        self,
        pieces: Pieces,
        every: float | None = None,
        *,
        after: tuple[int, int] = (0, 0),
        on_event: OnEvent = ignore,
    ) -> Iterator[list[Prediction]]:
        """Answer part by part: the parts are the same every time, and so are the answers.

        Parameters
        ----------
        every : float, seconds, optional
            As ``stretch`` gives it.
        after : (int, int)
            Parts that are left out, since they were answered before, and answers in these. Of
            stretches of time they are cut again, but not answered again.
        """
        if every is None:
            return self._in_pieces(pieces, after, on_event)
        return self._over_time(pieces, every, after, on_event)

    def stretch(self, every: float | str | None) -> float | None:
        """Return the length of stretches in seconds; None for whole inputs.

        Raises
        ------
        ConfigError
            Stretches of what has no time, or no length of one.
        """
        if every is not None:
            every = length(every) if isinstance(every, str) else every
            self._refuse_timeless(every)
        return every

    def _in_pieces(
        self, pieces: Pieces, after: tuple[int, int], on_event: OnEvent
    ) -> Iterator[list[Prediction]]:
        (parts, done), total, workers = after, len(pieces), worker_count()
        if done >= total:
            return
        with FeatureStore(cache_folder()) as store:
            engine = self.engine(workers, on_event)
            for examples in itertools.islice(pieces, parts, None):
                once, rows = distinct(examples)
                heard = _as_part(on_event, done, len(examples), total)
                found = extract(once, [engine], store, workers=workers, on_event=heard)
                vectors = found.vectors[0]
                X = self.taken(vectors, found)
                answers = self.answers(once.refs, X, found)
                done += len(examples)
                named = zip(examples.refs, rows, strict=True)
                yield [replace(answers[row], path=ref) for ref, row in named]

    def _over_time(
        self,
        pieces: Pieces,
        every: float,
        after: tuple[int, int],
        on_event: OnEvent,
    ) -> Iterator[list[Prediction]]:
        """Answer for one stretch of the inputs after the other."""
        (parts, done), workers = after, worker_count()
        total = timeline.count(pieces, self.modality, every)
        with FeatureStore(cache_folder()) as store:
            engine = self.engine(workers, on_event)
            cut = timeline.pieces_of(pieces, self.modality, every)
            for piece in itertools.islice(cut, parts, None):
                examples = timeline.examples_of(piece, self.modality)
                heard = _as_part(on_event, done, len(examples), max(total, done + len(examples)))
                found = extract(examples, [engine], store, workers=workers, on_event=heard)
                vectors = found.vectors[0]
                X = self.taken(vectors, found)
                answers = iter(self.answers(examples.refs, X, found))
                done += len(piece)
                yield [
                    Prediction(moment.name, error=moment.error)
                    if moment.error
                    else replace(next(answers), start=moment.start, end=moment.end)
                    for moment in piece
                ]

    def _refuse_timeless(self, every: float) -> None:
        """Raise ``ConfigError`` where inputs cannot be cut into stretches of time."""
        if not isinstance(self.modality, Timed):
            raise ConfigError(
                _("--every: {many} do not run over time.", many=self.modality.unit.many),
                _("Leave it out."),
            )
        if not SHORTEST <= every < math.inf:
            raise ConfigError(
                _("--every {every:g} s is no length of a stretch.", every=every),
                _("Give {least:g} s or more, for example --every 1s.", least=SHORTEST),
            )

    def _reading(
        self, x: str | None, encoding: str, strings: bool, on_event: OnEvent
    ) -> dict[str, Any]:
        """Say how inputs are read for this model."""
        return {
            "columns": self.saved.card.look.columns,
            "column": self.column,
            "x": x,
            "encoding": encoding,
            "strings": strings,
            "cache_dir": cache_folder(),
            "on_event": on_event,
        }

    @cached_property
    def column(self) -> str:
        """The column of the table whose cells it was trained on; "" where it was no cells."""
        if "cell" not in self.modality.kinds or not (self.folder / RUN).exists():
            return ""
        return read_document(self.folder / RUN).get("column", "")

    def _together(
        self,
        adapt: str,
        inputs: Input | Iterable[Input],
        how: Mapping[str, Any],
        on_event: OnEvent,
    ) -> list[Prediction]:
        """Answer for all inputs at once, adapted to them."""
        check_kind(adapt)
        self._refuse_beside()
        examples = expand(each(inputs), self.modality, **how)
        features = self.embed(examples, on_event)
        vectors = self._adapted(adapt, examples, features, on_event)
        X = self.taken(vectors, features)
        return self.answers(examples.refs, X, features)

    def answers(
        self, refs: Sequence[str], X: NDArray[np.floating] | Pair, features: Features
    ) -> list[Prediction]:
        """Answer for what was embedded; what is unfamiliar is told by what the network gave."""
        return answer(
            self.saved.model,
            refs,
            X,
            features.unreadable,
            seen=features.vectors[0],
            notes=blanks(self.modality, features.digests),
        )

    @declared
    def evaluate(
        self,
        data: str | Path,
        *,
        x: str | None = None,
        y: str | None = None,
        encoding: str = "utf-8",
        on_event: OnEvent = ignore,
    ) -> dict[str, Any]:
        """Score the model on labelled data it has not seen; a given test part is used alone.

        Returns
        -------
        dict
            The scores of ``estimate`` in ``metrics.json``, ``n``, ``skipped``, how many of the
            examples the model was trained on, and the confusion matrix (rows: truth); of a model
            for several labels, ``labels`` of ``metrics.json`` in its place.

        Raises
        ------
        DataError
            Labels the model does not know, or nothing readable.
        """
        from headstart.judge.intervals import wilson  # needs scipy; predictions do not wait for it

        known = self.saved.model.task
        dataset = open_source(
            data,
            x=x,
            y=y,
            encoding=encoding,
            modality=self.modality.name,
            row=self.saved.card.look.columns,
            task=known.name,
            cache_dir=cache_folder(),
            on_event=on_event,
        )
        if dataset.is_test.any():
            dataset = dataset.take(dataset.is_test)
        truth = known.encode(dataset.written)
        features = self.embed(dataset.examples, on_event)
        rows = np.array([i for i in range(len(dataset)) if i not in features.unreadable], int)
        if not len(rows):
            raise DataError(
                _("None of the {many} can be read.", many=self.modality.unit.many),
                _("Check the files."),
            )
        X = self.taken(features.vectors[0], features)
        truth, proba = truth[rows], self.saved.model.answers(X[rows])
        found, right = known.scores(truth, proba), known.score(truth, proba).sum()
        return {
            "n": len(rows),
            "skipped": len(features.unreadable),
            "seen_in_training": len({features.hashes[i] for i in rows} & self._training_hashes()),
            **found,
            "accuracy_ci95": list(wilson(right, len(rows))),
            "classes": list(self.classes),
            **_in_detail(self.saved.model, truth, proba),
        }

    def rows(self, predictions: Sequence[Prediction]) -> list[dict[str, Any]]:
        """Return predictions as flat rows, alike in their columns."""
        timed = any(p.start is not None for p in predictions)
        return [self.row(p, timed=timed) for p in predictions]

    def row(self, prediction: Prediction, *, timed: bool = False) -> dict[str, Any]:
        """Return a prediction as a flat row, with the columns of all; ``timed``: with its times."""
        abstains = self.saved.model.abstain is not None
        return prediction.row(self.classes, abstains=abstains, timed=timed)

    def columns(self, *, timed: bool = False) -> tuple[str, ...]:
        """Names of the columns of a row."""
        return tuple(self.row(Prediction(""), timed=timed))

    @declared
    def report(self, *, lang: str | None = None) -> Path:
        """Render ``report.html`` and the figures afresh from the run's numbers.

        Parameters
        ----------
        lang : {"en", "zh"}, optional
            The language of the page. Default: the one that is spoken (see ``headstart.speak``).
        """
        from headstart.report import render  # which predictions do not wait for

        with speaking(lang):
            return render(self.folder)

    def __repr__(self) -> str:
        from headstart.report.glance import in_short

        try:
            return in_short(self.folder, self.metrics)
        except ArtifactError:  # who prints a run does not ask whether its numbers are whole
            return f"<Run {str(self.folder)!r}>"

    def _repr_html_(self) -> str:
        """Show the run in a notebook: verdict, accuracy, comparison; no script, nothing loaded."""
        from headstart.report.glance import of_run

        unit, learned = self.modality.unit, self.saved.card.learned
        return of_run(self.folder, self.metrics, unit, learned=learned)

    def examples(
        self,
        inputs: Input | Iterable[Input],
        *,
        strings: bool = False,
        on_event: OnEvent = ignore,
    ) -> Examples:
        """Read what a user names into examples, as ``predict`` does."""
        return expand(
            each(inputs), self.modality, **self._reading(None, "utf-8", strings, on_event)
        )

    def embed(self, examples: Examples, on_event: OnEvent = ignore) -> Features:
        """Embed examples as the model does; what the cache holds is not computed again."""
        workers = worker_count()
        with FeatureStore(cache_folder()) as store:
            engine = self.engine(workers, on_event)
            return extract(examples, [engine], store, workers=workers, on_event=on_event)

    def taken(
        self, vectors: NDArray[np.floating], features: Features
    ) -> NDArray[np.floating] | Pair:
        """Return what the head takes: vectors, beside counts where it learned from both."""
        beside = self.saved.model.beside
        if not beside:
            return vectors
        if beside not in self.modality.rivals:
            raise ArtifactError(
                _(
                    "The model answers by counts ({rival}) that are not made here.",
                    rival=_(beside),
                ),
                _("Install the versions that run.json names, or train again."),
            )
        return Pair.of(self.modality, beside, vectors, features.digests)

    def _adapted(
        self, kind: str, examples: Examples, features: Features, on_event: OnEvent
    ) -> NDArray[np.float32]:
        """Embed what can be read as a network adapted to it does; say what changed."""
        readable = [i for i in range(len(examples)) if i not in features.unreadable]
        vectors = features.vectors[0].copy()
        found = adapt_to_inputs(
            kind,
            self.saved.model,
            vectors[readable],
            source=self.saved.backbone,
            examples=examples.take(readable),
            hashes=[features.hashes[i] for i in readable],
            device="cuda" if self.saved.engine.startswith("cuda") and _cuda() else "cpu",
            on_event=on_event,
        )
        vectors[readable] = found.vectors
        level: Level = "note" if found.kind == kind else "warning"
        on_event(Event(_("adapting to the inputs"), message=found.sentence, level=level))
        return vectors

    def _refuse_beside(self) -> None:
        """Raise ``ConfigError`` for a model that adaptation of vectors alone would leave behind."""
        if self.saved.model.beside:
            raise ConfigError(
                _(
                    "This model answers by vectors and by counts ({rival}); only vectors can be "
                    "adapted.",
                    rival=_(self.saved.model.beside),
                ),
                _("Leave out --adapt, or train with --method probe."),
            )

    def _training_hashes(self) -> set[str]:
        if not (self.folder / SPLIT).exists():
            return set()
        examples = read_document(self.folder / SPLIT)["examples"]
        return {e["sha256"] for e in examples if e["role"] == "train"}

    def engine(self, workers: int, on_event: OnEvent) -> Engine:
        """Repeat the arithmetic of training, so that predictions do not depend on the machine."""
        kitchen = Kitchen(cache_folder(), workers, on_event)
        name = self.saved.engine
        device = "cuda" if name.startswith("cuda") and _cuda() else "cpu"
        engine = kitchen.engine(self.saved.backbone, device=device, name=name)
        if engine.card.weights_hash != self.saved.card.weights_hash:
            raise ArtifactError(
                _(
                    "The installed weights of {network} are not those the model was trained with.",
                    network=engine.card.name,
                ),
                _("Install the versions that run.json names, or train again."),
            )
        return engine


def _as_part(on_event: OnEvent, before: int, n: int, total: int) -> OnEvent:
    """Hear of a piece of ``n`` examples as of a part of all, with ``before`` before it."""

    def hear(event: Event) -> None:
        if event.total:
            done = before + event.done * n // event.total
            event = replace(event, done=done, total=total)
        on_event(event)

    return hear


def answer(
    model: FittedModel,
    names: Sequence[str],
    vectors: NDArray[np.floating] | Pair,
    unreadable: Mapping[int, str],
    *,
    seen: NDArray[np.floating] | None = None,
    notes: Mapping[int, str] | None = None,
) -> list[Prediction]:
    """Answer for embedded inputs, in order.

    Parameters
    ----------
    vectors : ndarray of shape (n, dim), or Pair
        Rows of unreadable inputs may hold anything.
    unreadable : dict of int to str
        Row -> reason.
    seen : ndarray of shape (n, dim), optional
        What tells unfamiliar inputs, where it is not ``vectors``.
    notes : dict of int to str, optional
        Row -> what there is to say of it, as ``blanks`` does.
    """
    notes = notes or {}
    own = vectors.vectors if isinstance(vectors, Pair) else vectors
    with np.errstate(over="ignore", invalid="ignore"):  # is told of the example, below
        out = model.answers(vectors)
        strange = model.is_unfamiliar(own if seen is None else seen)
    boundless = _("its values are so far out of all bounds that there is no answer")
    wrong = dict.fromkeys(np.flatnonzero(~np.isfinite(out).all(axis=1)).tolist(), boundless)
    unreadable = {**wrong, **unreadable}
    return [
        Prediction(name, error=unreadable[i])
        if i in unreadable
        else replace(
            _prediction(model, name, out[i], None if strange is None else bool(strange[i])),
            note=notes.get(i, ""),
        )
        for i, name in enumerate(names)
    ]


def blanks(modality: Modality[Any, Any], digests: Sequence[Any]) -> dict[int, str]:
    """Say which inputs hold nothing to answer by: row -> what is there instead.

    Parameters
    ----------
    digests : sequence
        None where an input could not be read.
    """
    told = {i: modality.blank(d) for i, d in enumerate(digests) if d is not None}
    return {i: note for i, note in told.items() if note}


def _prediction(
    model: FittedModel, name: str, p: NDArray[np.floating], unfamiliar: bool | None
) -> Prediction:
    task = model.task
    if isinstance(task, MultiLabel):
        given = [name for name, on in zip(task.classes, task.given(p[None])[0], strict=True) if on]
        each = zip(task.classes, map(float, task.probabilities(p[None])[0]), strict=True)
        sure = float(task.sureness(p[None])[0])
        return Prediction(name, together(given), sure, dict(each), unfamiliar, labels=tuple(given))
    best, least = int(p.argmax()), model.abstain
    return Prediction(
        name,
        model.classes[best],
        float(p[best]),
        dict(zip(model.classes, map(float, p), strict=True)),
        unfamiliar,
        abstained=None if least is None else bool(p[best] < least),
    )


def _in_detail(model: FittedModel, truth: Encoded, out: NDArray[np.floating]) -> dict[str, Any]:
    """Return what becomes of every class, or of each of several labels."""
    if model.thresholds is not None:
        from headstart.judge.label_scores import label_scores
        from headstart.tasks.labels import Labels

        labels = Labels(truth, model.task, None, False, 0)
        return {"labels": label_scores(labels, out, model.thresholds)}
    from headstart.tasks.metrics import confusion

    return {"confusion": confusion(truth, out.argmax(axis=1), len(model.classes)).tolist()}


def _cuda() -> bool:
    import torch

    return torch.cuda.is_available()
