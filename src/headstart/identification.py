"""A finished run that knows who is who: ask it, compare two, enrol and forget."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from headstart.data.cells import unguarded, write_table
from headstart.data.inputs import Input
from headstart.errors import ConfigError, DataError
from headstart.events import Event, OnEvent, ignore
from headstart.features.extract import Features
from headstart.folder.files import whole_folder, write_json
from headstart.folder.layout import METRICS, MODEL, PICTURES, PREDICTIONS
from headstart.folder.others import refuse_others
from headstart.folder.reading import read_document
from headstart.folder.recogniser import Recogniser, identifies, load_recogniser, save_gallery
from headstart.folder.sentences import SENTENCES
from headstart.kinds import declared
from headstart.recognition.gallery import Gallery
from headstart.run import Prediction, Run, blanks
from headstart.said import _, commas
from headstart.speaking import speaking
from headstart.transfer import Pair

NAMED = 3
"""Inputs that are named with what is wrong with them."""


@dataclass(frozen=True)
class Identified(Prediction):
    """Who the model says one input is; ``predicted`` is "" and ``unfamiliar`` True for nobody.

    Attributes
    ----------
    similarity : float or None
        Mean similarity to the enrolled examples of the most similar name, -1 to 1.
    nearest, second : str
        That name, given or not, and the next one; "" where there is none.
    second_similarity : float or None
    """

    similarity: float | None = None
    nearest: str = ""
    second: str = ""
    second_similarity: float | None = None

    def row(
        self, classes: Sequence[str], *, abstains: bool = False, timed: bool = False
    ) -> dict[str, Any]:
        """Return one flat row.

        Its columns: ``path, predicted, similarity, nearest, second, second_similarity, unfamiliar,
        note, error``; with ``timed`` also ``start, end``.
        """
        return {
            "path": self.path,
            **({"start": self.start, "end": self.end} if timed else {}),
            "predicted": self.predicted,
            "similarity": self.similarity,
            "nearest": self.nearest,
            "second": self.second,
            "second_similarity": self.second_similarity,
            "unfamiliar": self.unfamiliar,
            "note": self.note,
            "error": self.error,
        }


@dataclass(frozen=True)
class Compared:
    """Whether two examples are the same.

    Attributes
    ----------
    similarity, threshold : float, -1 to 1
    same : bool
        Whether the similarity reaches the threshold.
    different_at_least : float, 0 to 1
        The share of pairs of two, when the run was made, that were at least as similar.
    same_at_most : float or None
        The share of pairs of one that were no more similar; None where there were none.
    """

    similarity: float
    threshold: float
    same: bool
    different_at_least: float
    same_at_most: float | None


class IdentifyRun(Run):
    """A run folder of ``headstart train DATA --task identify``.

    It predicts as a :class:`Run` does; its predictions are :class:`Identified`.

    Parameters
    ----------
    folder : str or Path

    Raises
    ------
    ArtifactError
        No such run folder, from a newer headstart, or tampered with.
    """

    saved: Recogniser  # type: ignore[assignment]

    def _load(self) -> Recogniser:  # type: ignore[override]
        if not identifies(self.folder / MODEL):
            refuse_others(self.folder)
        return load_recogniser(self.folder / MODEL)

    @property
    def classes(self) -> tuple[str, ...]:
        """Names that are known, sorted."""
        return self.saved.gallery.names

    def answers(
        self, refs: Sequence[str], X: NDArray[np.floating] | Pair, features: Features
    ) -> list[Prediction]:
        """Say who each embedded input is."""
        if isinstance(X, Pair):
            raise TypeError(type(X))
        gallery, known = self.saved.gallery, self.saved.thresholds.known
        notes = blanks(self.modality, features.digests)
        found: list[Prediction] = []
        for i, ref in enumerate(refs):
            if i in features.unreadable:
                found.append(Identified(ref, error=features.unreadable[i]))
                continue
            scores = gallery.similarities(X[i : i + 1])[0]
            first, *rest = np.argsort(-scores, kind="stable")[:2].tolist()
            there = bool(scores[first] >= known)
            second = (gallery.names[rest[0]], float(scores[rest[0]])) if rest else ("", None)
            found.append(
                Identified(
                    ref,
                    gallery.names[first] if there else "",
                    unfamiliar=not there,
                    note=notes.get(i, ""),
                    similarity=float(scores[first]),
                    nearest=gallery.names[first],
                    second=second[0],
                    second_similarity=second[1],
                )
            )
        return found

    def taken(
        self, vectors: NDArray[np.floating], features: Features
    ) -> NDArray[np.floating] | Pair:
        """Return the vectors: nothing stands beside them."""
        return vectors

    def row(self, prediction: Prediction, *, timed: bool = False) -> dict[str, Any]:
        """Return a prediction as a flat row."""
        own = prediction if isinstance(prediction, Identified) else Identified(
            prediction.path, error=prediction.error, start=prediction.start, end=prediction.end
        )  # fmt: skip
        return own.row(self.classes, timed=timed)

    def _together(
        self, adapt: str, inputs: Any, how: Mapping[str, Any], on_event: OnEvent
    ) -> NoReturn:
        raise ConfigError(
            _("--adapt: this model compares with a gallery, which would not be adapted with it."),
            _("Leave it out."),
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
        """Score the model on labelled data; names that it does not know are strangers.

        Returns
        -------
        dict
            ``n``, ``skipped``; of those who are known ``known``, ``right``, ``misnamed`` and
            ``rejected``; ``strangers`` and how many of them were ``accepted`` as someone.

        Raises
        ------
        DataError
            Nothing readable.
        """
        from headstart.data.sources import open_source
        from headstart.machine import cache_folder

        dataset = open_source(
            data,
            x=x,
            y=y,
            encoding=encoding,
            modality=self.modality.name,
            row=self.saved.card.look.columns,
            cache_dir=cache_folder(),
            on_event=on_event,
        )
        if dataset.is_test.any():
            dataset = dataset.take(dataset.is_test)
        features = self.embed(dataset.examples, on_event)
        answered = self.answers(dataset.refs, features.vectors[0], features)
        told = [(p.predicted, name) for p, name in zip(answered, dataset.written, strict=True)
                if not p.error]  # fmt: skip
        if not told:
            raise DataError(
                _("None of the {many} can be read.", many=self.modality.unit.many),
                _("Check the files."),
            )
        known = [(said, name) for said, name in told if name in self.classes]
        strange = [said for said, name in told if name not in self.classes]
        return {
            "n": len(told),
            "skipped": len(features.unreadable),
            "known": len(known),
            "right": sum(said == name for said, name in known),
            "misnamed": sum(said not in ("", name) for said, name in known),
            "rejected": sum(not said for said, _name in known),
            "strangers": len(strange),
            "accepted": sum(bool(said) for said in strange),
        }

    @declared
    def compare(self, a: Input, b: Input, *, on_event: OnEvent = ignore) -> Compared:
        """Say whether two inputs are the same, whether anyone knows them or not.

        Parameters
        ----------
        a, b : path, bytes, or what the modality encodes

        Raises
        ------
        DataError
            Inputs that cannot be read, or name more than one example each.
        """
        vectors = np.concatenate([self._one(one, on_event) for one in (a, b)])
        pair = Gallery.of(vectors[:1], np.zeros(1, np.int64), ("a",))
        similarity = float(pair.similarities(vectors[1:])[0, 0])
        same, different = self.saved.quantiles
        threshold = self.saved.thresholds.pair
        return Compared(
            similarity,
            threshold,
            similarity >= threshold,
            _share_from(different, similarity),
            1 - _share_from(same, similarity) if same else None,
        )

    @declared
    def enrol(
        self, name: str, inputs: Input | Iterable[Input], *, on_event: OnEvent = ignore
    ) -> int:
        """Enrol examples of someone, known or new; the run folder is replaced as a whole.

        Parameters
        ----------
        name : str
        inputs : as of ``predict``

        Returns
        -------
        int
            How many examples of that name are enrolled now.

        Raises
        ------
        DataError
            No name, or examples that cannot be read: then nothing is changed.
        """
        name = name.strip()
        if not name:
            raise DataError(
                _("The name is empty."), _("Say who it is: headstart enrol RUN NAME a.jpg.")
            )
        X = self._all(inputs, on_event)
        self._tell_of_others(name, X, on_event)
        gallery = self.saved.gallery.enrolled(name, X)
        self._replace(gallery, None)
        return int(gallery.counts[gallery.names.index(name)])

    @declared
    def forget(self, name: str) -> None:
        """Take someone out of the run: template, file names, rows and pictures; as a whole.

        What was measured when the run was made stays, as numbers over all. Features that were
        cached on this computer lie outside of the run: see ``headstart cache --clear``.

        Raises
        ------
        DataError
            Nobody of that name, or nobody else.
        """
        self._replace(self.saved.gallery.without(name), name)

    @declared
    def report(self, *, lang: str | None = None) -> Path:
        """Render ``report.html`` afresh, in the language that is spoken or in ``lang``."""
        from headstart.report.identification import REPORT

        with speaking(lang):
            return REPORT.render(self.folder)

    def __repr__(self) -> str:
        return f"<IdentifyRun {str(self.folder)!r}: {len(self.classes)} names>"

    def _repr_html_(self) -> str:
        """Show the run in a notebook: what came out, and the comparison; nothing is loaded."""
        from headstart.report.glance import of_identification

        return of_identification(self.folder, self.metrics)

    def _one(self, given: Input, on_event: OnEvent) -> NDArray[np.floating]:
        X = self._all([given], on_event)
        if len(X) != 1:
            raise DataError(
                _(
                    "{name!r} names {n} {many}; one was expected.",
                    name=str(given)[:80],
                    n=len(X),
                    many=self.modality.unit.many,
                ),
                _("Name two files: headstart compare RUN A B."),
            )
        return X

    def _all(self, inputs: Input | Iterable[Input], on_event: OnEvent) -> NDArray[np.floating]:
        """Embed all inputs, (n, d); raises ``DataError`` where one cannot be read."""
        examples = self.examples(inputs, on_event=on_event)
        features = self.embed(examples, on_event)
        if features.unreadable or not len(examples):
            bad = [
                _("{name}: {reason}", name=examples.refs[i], reason=why)
                for i, why in sorted(features.unreadable.items())[:NAMED]
            ]
            raise DataError(
                _("These cannot be read: {named}.", named=commas(bad))
                if bad
                else _("There is nothing to read."),
                _("Nothing was changed. Name files that can be read."),
            )
        return features.vectors[0]

    def _tell_of_others(self, name: str, X: NDArray[np.floating], on_event: OnEvent) -> None:
        """Say where examples look like somebody else who is known."""
        gallery = self.saved.gallery
        scores = gallery.similarities(X)
        nearest = scores.argmax(axis=1)
        others = {
            gallery.names[k]
            for row, k in enumerate(nearest)
            if gallery.names[k] != name and scores[row, k] >= self.saved.thresholds.known
        }
        if others:
            said = _(
                "What is enrolled as {name!r} looks like {others}, who is known already.",
                name=name,
                others=commas(map(repr, sorted(others))),
            )
            on_event(Event(_("enrolling"), message=said, level="warning"))

    def _replace(self, gallery: Gallery, gone: str | None) -> None:
        """Write the run anew beside itself with another gallery, without whoever is gone."""
        with whole_folder(self.folder) as beside:
            shutil.copytree(self.folder, beside, dirs_exist_ok=True)
            save_gallery(beside / MODEL, gallery)
            found = read_document(beside / METRICS)
            found.pop(SENTENCES, None)  # written again, without those of whoever is gone
            found["enrolled"] = {
                "identities": len(gallery.names),
                "examples": int(gallery.counts.sum()),
            }
            if gone is not None:
                _forget(beside, found, gone)
            write_json(beside / METRICS, found)
            from headstart.report.identification import REPORT

            REPORT.render(beside, name=self.folder.name)
        self.saved = self._load()
        self.__dict__.pop("metrics", None)


def _share_from(quantiles: Sequence[float], value: float) -> float:
    """Return the share of a sample, given by its quantiles, at or above a value."""
    at = np.array(quantiles)
    return float(1 - np.interp(value, at, np.linspace(0, 1, len(at)), left=0.0, right=1.0))


def _forget(folder: Path, found: dict[str, Any], gone: str) -> None:
    """Take the rows, pictures and findings of someone out of the files of a run; in place."""
    with (folder / PREDICTIONS).open(encoding="utf-8", newline="") as lines:
        columns, *rows = list(csv.reader(lines))
    label, path = columns.index("label"), columns.index("path")
    paths = {unguarded(row[path]) for row in rows if unguarded(row[label]) == gone}
    with (folder / PREDICTIONS).open("w", encoding="utf-8", newline="") as out:
        kept = [[unguarded(cell) for cell in row] for row in rows]
        write_table(
            out, columns,
            [["" if cell == gone else cell for cell in row] for row in kept if row[label] != gone],
        )  # fmt: skip
    shown = read_document(folder / PICTURES)
    for part in ("same", "different"):
        shown[part] = [pair for pair in shown[part] if not _names_one(pair, gone, paths)]
    write_json(folder / PICTURES, shown)
    found["per_identity"] = [row for row in found["per_identity"] if row["name"] != gone]
    found["findings"] = [one for one in found["findings"] if not _names_one(one, gone, paths)]


def _names_one(told: Any, gone: str, paths: set[str]) -> bool:
    """Tell whether a name, or one of the paths, stands anywhere in a document."""
    if isinstance(told, dict):
        return any(_names_one(value, gone, paths) for value in told.values())
    if isinstance(told, list | tuple):
        return any(_names_one(value, gone, paths) for value in told)
    if not isinstance(told, str) or told.startswith("data:"):
        return False
    return told == gone or repr(gone) in told or any(path in told for path in paths)
