"""Answers written to a file, part by part, so that an interrupted one goes on where it was."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from headstart._version import __version__
from headstart.data.inputs import Input
from headstart.errors import DataError
from headstart.events import OnEvent, ignore
from headstart.folder.layout import MODEL
from headstart.folder.model import described_in
from headstart.folder.partial import begun
from headstart.language import in_force
from headstart.said import _, _n

if TYPE_CHECKING:
    from headstart.run import Prediction, Run

NAMED = 3
"""Inputs that are named with what is wrong with them."""


@dataclass
class Tally:
    """Counts what could be read, and remembers the first reasons why something could not.

    Attributes
    ----------
    n, unread, blanks : int
        Predictions; those of inputs that could not be read, and that held nothing to answer by.
    bad : list of (str, str)
        Inputs that could not be read, and why: the first, and some more while nothing else came.
    blank : (str, str)
        The first that held nothing, and what is there instead.
    """

    n: int = 0
    unread: int = 0
    blanks: int = 0
    bad: list[tuple[str, str]] = field(default_factory=list)
    blank: tuple[str, str] = ("", "")

    @classmethod
    def of(cls, state: Mapping[str, Any]) -> Tally:
        """Read what ``state`` returned; from nothing, begin to count."""
        told = dict(state)
        if told:
            told |= {"bad": [(a, b) for a, b in told["bad"]], "blank": tuple(told["blank"])}
        return cls(**told)

    def state(self) -> dict[str, Any]:
        """Return plain values."""
        return {
            "n": self.n,
            "unread": self.unread,
            "blanks": self.blanks,
            "bad": [[str(one) for one in pair] for pair in self.bad],
            "blank": [str(one) for one in self.blank],
        }

    def count(self, prediction: Prediction) -> None:
        """Count one more."""
        self.n += 1
        if prediction.error:
            self.unread += 1
            if self.unread in (1, self.n) and len(self.bad) < NAMED:
                self.bad.append((prediction.path, prediction.error))
        if prediction.note:
            self.blanks += 1
            if self.blanks == 1:
                self.blank = prediction.path, prediction.note

    def over(self, predictions: Iterable[Prediction], many: str) -> Iterator[Prediction]:
        """Pass predictions on; raise at the end where nothing could be read."""
        for prediction in predictions:
            self.count(prediction)
            yield prediction
        self.refuse_unreadable(many)

    def refuse_unreadable(self, many: str) -> None:
        """Raise ``DataError`` where there are inputs, called so, and none could be read."""
        if not self.unread or self.unread < self.n:
            return
        from headstart.prepare.source import with_reasons  # others do not wait for it

        raise DataError(
            _n(
                "The input cannot be read ({named}).",
                "None of the {n} inputs can be read ({named}).",
                self.n,
                named=with_reasons(self.bad, NAMED, self.n),
            ),
            _("Check that they are {many} and that the paths are right.", many=many),
        )


def predict_into(
    run: Run,
    inputs: Input | Iterable[Input],
    out: Path,
    *,
    x: str | None = None,
    encoding: str = "utf-8",
    every: float | None = None,
    strings: bool = True,
    resume: bool = False,
    on_event: OnEvent = ignore,
) -> Tally:
    """Predict into a file, which appears when it is whole; what was answered till then is kept.

    Parameters
    ----------
    inputs, x, encoding, every, strings
        As of ``Run.predict``.
    out : Path
        In a folder that is there; its suffix says the format (``folder.rows.SUFFIXES``).
    resume : bool
        Whether to go on where an interrupted call with the same model, inputs and options was.

    Raises
    ------
    DataError
        An input that names nothing, or none that can be read.
    ConfigError
        Stretches of what has no time; ``resume`` with other inputs, options or another model.
    ArtifactError
        ``resume`` where what was kept was changed.
    """
    every = run.stretch(every)
    timed = every is not None
    pieces = run.pieces(inputs, x=x, encoding=encoding, strings=strings, on_event=on_event)
    columns = list(run.columns(timed=timed))
    identity = {
        "headstart": __version__,
        "model": described_in(run.folder / MODEL)["checksum"],
        "inputs": pieces.mark,
        "n": len(pieces),
        "options": {"--every": every, "--x": x, "--encoding": encoding},
        "columns": columns,
        "language": in_force().code,  # of notes and reasons
    }
    with begun(out, identity, resume=resume, on_event=on_event) as partial:
        done = partial.done
        tally = Tally.of(done.state)
        after = done.parts, done.rows
        for part in run.in_parts(pieces, every, after=after, on_event=on_event):
            for prediction in part:
                tally.count(prediction)
            partial.add([run.row(p, timed=timed) for p in part], tally.state())
        try:
            tally.refuse_unreadable(run.modality.unit.many)
        except DataError:
            partial.discard()
            raise
        partial.finish(columns)
    return tally
