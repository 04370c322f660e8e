"""File names that say what belongs together: ``3_george_12.wav`` looks as if george spoke it.

Names are cut at whatever is no letter or digit. Where all names have the same shape, a part with
several values, of several files each, that is neither the class nor a counter nor a date, may be a
speaker, a patient or a place. Such a part is offered, and never taken: only the user knows.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from headstart.data.name_patterns import NamePattern
from headstart.errors import ConfigError
from headstart.findings import Finding
from headstart.said import _, commas

LEAST_VALUES, LEAST_FILES = 3, 3
"""Of a part that is offered: values, and files of each in the middle (plain choice)."""
_WHO = frozenset(
    {
        *("spk", "speaker", "actor", "voice", "singer", "client", "user", "participant", "person"),
        *("patient", "pat", "pt", "subject", "subj", "sub", "case", "donor", "animal"),
        *("session", "sess", "recording", "rec", "video", "vid", "clip", "scene", "site", "device"),
    }
)
"""Words in front of a number that say what it counts."""
_DATE = re.compile(r"(19|20)\d\d[-_. ]?(0\d|1[0-2])[-_. ]?([0-2]\d|3[01])(?!\d)")
_BETWEEN = re.compile(r"([\W_]+)")
_LETTERS_NUMBER = re.compile(r"([^\W\d_]+)(\d+)")
_CLASS, _DAY = "ʘ", "ǂ"
"""Letters, hardly ever in names, that stand for the name of the class and for a date."""


@dataclass(frozen=True)
class _Part:
    """One place in names of one shape.

    Attributes
    ----------
    values : list of str
        By file.
    before : str
        What stands before every value: ``spk`` of ``spk01``.
    """

    values: list[str]
    before: str = ""

    @property
    def is_number(self) -> bool:
        """Whether all values are digits."""
        return all(value.isdecimal() for value in self.values)

    @property
    def is_fixed(self) -> bool:
        """Whether all are the same."""
        return len(set(self.values)) == 1

    @property
    def is_word(self) -> bool:
        """Whether it is made of names rather than of numbers or of single letters."""
        named = [value for value in set(self.values) if len(value) > 1 and not value.isdecimal()]
        return 2 * len(named) > len(set(self.values))


def offer(
    refs: Sequence[str],
    kinds: NDArray[np.int64],
    labels: Sequence[str],
    *,
    over_time: bool,
    labelled: bool = False,
) -> Finding | None:
    """Say which part of the names of files may say what belongs together; None where none does.

    Parameters
    ----------
    refs : sequence of str
        Paths with forward slashes.
    kinds : ndarray of int64, shape (n,)
        Equal where labels are.
    labels : sequence of str
        As they are written, since that may stand in the names of files.
    over_time : bool
        Whether these are recordings, which have speakers: then bare numbers, and words that one
        class alone has, are offered too.
    labelled : bool
        Whether the names tell the classes, so that the pattern has to tell them, too.
    """
    found = _parts([ref.rpartition("/")[2] for ref in refs], labels)
    if found is None:
        return None
    between, parts = found
    ranked = [(_rank(part, k, parts, kinds, over_time), k) for k, part in enumerate(parts)]
    best = max((rank for rank, _k in ranked), default=0)
    fit = [k for rank, k in ranked if rank == best]
    if not best or (len(fit) > 1 and best < 2):  # of several bare numbers none is told
        return None
    k = max(fit, key=lambda k: len(set(parts[k].values)))
    told = (i for i, part in enumerate(parts) if labelled and _is_class(_member(part), kinds))
    pattern = _written(between, parts, k, next(told, None))
    if not _reads(pattern, refs, parts[k].values) or labelled != ("{label}" in pattern):
        return None
    return _worded(parts[k], pattern)


def shape(names: Sequence[str]) -> str:
    """Suggest a pattern for files without class folders, by the shape of their names; or ""."""
    found = _parts(names, [""] * len(names))
    if found is None:
        return ""
    between, parts = found
    said = iter(("{label}", "{speaker}"))
    written = [
        part.values[0] if part.is_fixed
        else "{n}" if part.is_number and k == len(parts) - 1
        else next(said, "*")
        for k, part in enumerate(parts)
    ]  # fmt: skip
    text = "".join(
        place + part.before + field
        for place, part, field in zip(between, parts, written, strict=True)
    )
    return text if "{label}" in text else ""


def _parts(names: Sequence[str], labels: Sequence[str]) -> tuple[list[str], list[_Part]] | None:
    """Cut names of one shape: what stands before each part, and the parts; None of many shapes."""
    pairs = zip(names, labels, strict=True)
    cut = [_BETWEEN.split(_bare(name, label)) for name, label in pairs]
    if not cut or len({tuple(pieces[1::2]) for pieces in cut}) > 1:
        return None
    between = ["", *cut[0][1::2]]
    places: list[str] = []
    parts: list[_Part] = []
    for place, values in zip(between, zip(*(p[::2] for p in cut), strict=True), strict=True):
        for k, part in enumerate(_split(list(values))):
            places.append("" if k else place)
            parts.append(part)
    return (places, parts) if len(parts) > 1 else None


def _bare(name: str, label: str) -> str:
    """Take off the suffix, and put one sign for a date and for the label."""
    stem = name.rpartition(".")[0] or name
    day = _DATE.search(stem)
    if day:
        stem = stem[: day.start()] + _DAY + stem[day.end() :]
    return stem.replace(label, _CLASS, 1) if len(label) > 1 else stem


def _split(values: list[str]) -> list[_Part]:
    """Take letters off numbers: always the same (``spk01``), or before a counter (``ann01``)."""
    found = [_LETTERS_NUMBER.fullmatch(value) for value in values]
    cut = [(match[1], match[2]) for match in found if match]
    if len(cut) < len(values):
        return [_Part(values)]
    letters, numbers = ([pair[k] for pair in cut] for k in (0, 1))
    if len(set(letters)) == 1:
        return [_Part(numbers, letters[0])]
    if 2 * len(set(values)) > len(values) and 2 * len(set(letters)) < len(set(values)):
        return [_Part(letters), _Part(numbers)]
    return [_Part(values)]


def _rank(
    part: _Part, k: int, parts: Sequence[_Part], kinds: NDArray[np.int64], over_time: bool
) -> int:
    """Tell how much a part looks like what belongs together: 3 by its word, 2 a name, 1 a number.

    0: not at all.
    """
    distinct, member, sizes = np.unique(part.values, return_inverse=True, return_counts=True)
    odd = any(sign in value for value in distinct for sign in (_CLASS, _DAY))
    few = len(distinct) < LEAST_VALUES or np.median(sizes) < LEAST_FILES
    if odd or few or _is_class(member, kinds):
        return 0
    inside = len(np.unique(np.stack([member, kinds]), axis=1).T) == len(distinct)
    if part.is_number and _counts(k, parts):
        return 0
    if part.before.casefold() in _WHO:
        return 3
    if inside and not over_time:  # a kind of its class, such as a breed
        return 0
    if part.is_word:
        return 2
    return int(part.is_number and over_time)


def _member(part: _Part) -> NDArray[np.int64]:
    return np.unique(part.values, return_inverse=True)[1].astype(np.int64)


def _is_class(member: NDArray[np.int64], kinds: NDArray[np.int64]) -> bool:
    """Whether a part says the class, in other words."""
    pairs = len(np.unique(np.stack([member, kinds]), axis=1).T)
    return pairs == member.max() + 1 and pairs <= len(np.unique(kinds))


def _counts(k: int, parts: Sequence[_Part]) -> bool:
    """Whether a number counts files: the last one that changes, as a counter mostly is."""
    numbers = [i for i, part in enumerate(parts) if part.is_number and not part.is_fixed]
    return bool(numbers) and k == numbers[-1] and parts[k].before.casefold() not in _WHO


def _written(between: Sequence[str], parts: Sequence[_Part], group: int, label: int | None) -> str:
    """Write the pattern that reads one of the parts as the group, and one as the class."""
    text = ""
    for k, (place, part) in enumerate(zip(between, parts, strict=True)):
        plain = part.is_fixed and not {_CLASS, _DAY} & set(part.values[0])
        field = "{group}" if k == group else "{label}" if k == label else ""
        field = field or (part.values[0] if plain else "")
        text += place + part.before + (field or ("{n}" if part.is_number else "*"))
    return text


def _reads(pattern: str, refs: Sequence[str], values: Sequence[str]) -> bool:
    """Whether a pattern finds in all names what was seen there."""
    try:
        return NamePattern.of(pattern).read(refs)[1] == list(values)
    except ConfigError:
        return False


def _worded(part: _Part, pattern: str) -> Finding:
    distinct, sizes = np.unique(part.values, return_counts=True)
    shown = [repr(f"{part.before}{value}") for value in distinct[:3].tolist()]
    least, most = int(sizes.min()), int(sizes.max())
    message = _(
        "The file names look like {pattern}, and one part of them has {n} values ({values}), of "
        "{files} files each. If it says what belongs together, such as who speaks or "
        "which patient it is, the score is too good, since some of each are learned from and "
        "others tested on. Then add {option}.",
        pattern=pattern,
        n=len(distinct),
        values=commas([*shown, "..."] if len(distinct) > 3 else shown),
        files=_("{least} to {most}", least=least, most=most) if least < most else most,
        option=f"--names '{pattern}'",
    )
    figures: dict[str, object] = {"names": pattern, "values": len(distinct)}
    return Finding("groups", "warning", message, figures)
