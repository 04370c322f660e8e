"""A finished run that tags words: load it, let it tag, score it, render its report."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from headstart.data.decoding import decode, settled
from headstart.errors import ArtifactError, DataError
from headstart.events import OnEvent, ignore
from headstart.folder.layout import METRICS, MODEL
from headstart.folder.reading import read_document
from headstart.folder.tagger import is_tagger, load_tagger
from headstart.kinds import declared
from headstart.machine import Machine
from headstart.said import _
from headstart.speaking import speaking
from headstart.tagging.measure import Counts, interval
from headstart.tagging.read import read_tagged, read_untagged, recognised
from headstart.tagging.schemes import to_iob2
from headstart.tagging.sentences import groups_of

if TYPE_CHECKING:
    from headstart.tagging.tagger import Answer, Tagger

LINES = (".txt", "")
"""Suffixes of files whose rows are sentences, unless they hold tokens in columns."""
AT_ONCE = 256
"""Sentences that are tagged together."""


class TagRun:
    """The run folder of ``train`` on tagged sentences.

    Parameters
    ----------
    folder : str or Path

    Raises
    ------
    ArtifactError
        No such run folder, from a newer headstart, or tampered with.
    """

    @declared
    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        if not self.folder.is_dir():
            raise ArtifactError(
                _("There is no run folder {folder!r}.", folder=str(folder)),
                _("`headstart train DATA` makes one."),
            )
        self.tagger: Tagger = load_tagger(self.folder / MODEL)

    @cached_property
    def metrics(self) -> dict[str, Any]:
        """Everything in ``metrics.json``."""
        return read_document(self.folder / METRICS)

    @property
    def tags(self) -> tuple[str, ...]:
        """The tags it gives, in IOB2."""
        return self.tagger.head.tags

    def predict(
        self,
        inputs: str | Path | Sequence[str | Path | Sequence[str]],
        *,
        encoding: str = "utf-8",
        on_event: OnEvent = ignore,
    ) -> list[Answer]:
        """Tag texts, lists of tokens, or what is in files; one answer a sentence, in order.

        Parameters
        ----------
        inputs : str, Path, or sequence of str, Path or sequence of str
            A string is a sentence, which is cut as ``Tagger.cut`` says; a sequence of strings
            inside a sequence is one that is cut already; a Path is a CoNLL or JSONL file, or a text
            with a sentence in every row.
        encoding : str, optional
            Of files; default: told by the bytes.

        Raises
        ------
        DataError
            A file that cannot be read, or nothing to tag.
        """
        given = [inputs] if isinstance(inputs, str | Path) else inputs
        return list(self.stream(given, encoding=encoding, on_event=on_event))

    def stream(
        self,
        inputs: Iterable[str | Path | Sequence[str]],
        *,
        encoding: str = "utf-8",
        on_event: OnEvent = ignore,
    ) -> Iterator[Answer]:
        """Tag as ``predict`` does, a few hundred sentences at a time."""
        sentences = [tokens for one in inputs for tokens in self._cut(one, encoding)]
        if not sentences:
            raise DataError(
                _("There is nothing to tag."), _("Give a sentence, or a file with some in it.")
            )
        machine = Machine.here("auto", on_event)
        for at in range(0, len(sentences), AT_ONCE):
            yield from self.tagger.tag(sentences[at : at + AT_ONCE], machine, on_event)

    def evaluate(
        self, data: str | Path, *, encoding: str = "utf-8", on_event: OnEvent = ignore
    ) -> dict[str, Any]:
        """Score the model on tagged sentences that it has not seen.

        Returns
        -------
        dict
            ``n`` (sentences), ``f1``, ``f1_ci95``, ``precision``, ``recall``, ``token_accuracy``
            and ``types``, as in ``metrics.json``.

        Raises
        ------
        DataError
            As of ``headstart.train``.
        """
        machine = Machine.here("auto", on_event)
        known = read_tagged(data, encoding, machine.cache, on_event, alone=True).sentences
        told = self.tagger.tag([one.tokens for one in known], machine, on_event)
        answers = [to_iob2(one.tags, self.tagger.scheme)[0] for one in told]
        counts = Counts.of([one.tags for one in known], answers)
        low, high = interval(counts.of_all(), groups_of(known))
        return {
            "n": len(known),
            **counts.scores(),
            "f1_ci95": [low, high],
            "types": counts.rows(),
        }

    @declared
    def report(self, *, lang: str | None = None) -> Path:
        """Render ``report.html`` afresh, in the language that is spoken or in ``lang``."""
        from headstart.report.tagging import REPORT

        with speaking(lang):
            return REPORT.render(self.folder)

    def __repr__(self) -> str:
        return f"<TagRun {str(self.folder)!r}>"

    def _repr_html_(self) -> str:
        """Show the run in a notebook: what came out, and the comparison; nothing is loaded."""
        from headstart.report.glance import of_tagging

        return of_tagging(self.folder, self.metrics)

    def _cut(self, given: str | Path | Sequence[str], encoding: str) -> Iterator[Sequence[str]]:
        """Give the sentences of one input, cut into tokens."""
        if isinstance(given, Path):
            yield from self._of_file(given, encoding)
        elif isinstance(given, str):
            tokens = self.tagger.cut(given)
            if not tokens:
                raise DataError(_("There is nothing to tag in {text!r}.", text=given[:40]), "")
            yield tokens
        else:
            tokens = [str(token).strip() for token in given]
            if not tokens or not all(tokens):
                raise DataError(
                    _("A sentence has blank tokens, or none."), _("Leave blank tokens out.")
                )
            yield tokens

    def _of_file(self, path: Path, encoding: str) -> Iterator[Sequence[str]]:
        if not path.is_file():
            raise DataError(
                _("There is no file {name}.", name=str(path)),
                _("Name a CoNLL, JSONL or text file, or give sentences with --text."),
            )
        lines = path.suffix.lower() in LINES and not recognised(path, Machine.here("cpu").cache)
        if lines:
            text = decode(path.name, path.read_bytes(), settled(path, encoding)[0])
            yield from filter(None, map(self.tagger.cut, text.splitlines()))
        else:
            yield from (one.tokens for one in read_untagged(path, encoding))


def tags_words(folder: str | Path) -> bool:
    """Tell whether a run folder tags words, without reading its model."""
    return is_tagger(Path(folder) / MODEL)
