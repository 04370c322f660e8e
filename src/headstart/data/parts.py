"""Parts: what is the training set and what the test set, told by names and by what they hold."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from headstart.data.walk import FOLDER, Here, folders_in, holds_files, named
from headstart.errors import DataError
from headstart.findings import Finding
from headstart.modalities import recognised
from headstart.said import _, listed, sentences

Role = Literal["training", "validation", "test"]

_WORDS: dict[str, Role] = {
    **dict.fromkeys(("train", "training", "trainval"), "training"),
    **dict.fromkeys(("val", "valid", "validation", "dev"), "validation"),
    **dict.fromkeys(("test", "testing"), "test"),
}
_HOLDS = re.compile(r"(sets?|data|images?|imgs?|files?|dir)$")
"""What stands behind such a word in one piece with it: ``trainset``, ``testdata``."""
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_WRAPPERS = frozenset({"images", "image", "imgs", "img", "data"})
ALIKE = 0.5
"""Share of sub-folder names that folders have in common from which on it is said (plain choice)."""


def words(name: str) -> list[str]:
    """Split a name at capitals and at whatever is no letter.

    Examples
    --------
    >>> words("Train_Data2"), words("JPEGImages")
    (['train', 'data'], ['jpeg', 'images'])
    """
    return [word.casefold() for word in _WORD.findall(name)]


def role(name: str) -> Role | None:
    """Tell of which part a name speaks; None: of none, or of several.

    Examples
    --------
    >>> [role(name) for name in ("seg_train", "Test Set", "valImages", "training", "trainval")]
    ['training', 'test', 'validation', 'training', 'training']
    >>> [role(name) for name in ("trainer", "latest", "train or test", "cat")]
    [None, None, None, None]
    """
    said = {_WORDS.get(word) or _WORDS.get(_HOLDS.sub("", word)) for word in words(name)} - {None}
    if said == {"training", "validation"}:  # train_val: together, against a test set
        return "training"
    return said.pop() if len(said) == 1 else None


def held_out(names: Iterable[str]) -> tuple[frozenset[str], list[Finding]]:
    """Decide which of the parts there are make the test set.

    ``test`` where there is one, and then ``val`` joins training; otherwise ``val``.

    Examples
    --------
    >>> sorted(held_out(["train", "val"])[0]), sorted(held_out(["train", "val", "test"])[0])
    (['val'], ['test'])
    """
    roles = {name: role(name) for name in dict.fromkeys(names)}
    test = sorted(name for name, of in roles.items() if of == "test")
    validation = sorted(name for name, of in roles.items() if of == "validation")
    if not (test and validation):
        return frozenset(test or validation), []
    message = _(
        "{test!r} is the test set; {others!r} joins training.",
        test=listed(test),
        others=listed(validation),
    )
    return frozenset(test), [Finding("note", "info", message)]


@dataclass(frozen=True)
class Part:
    """A training or test set in folders.

    Attributes
    ----------
    root : Path
        What holds its class folders.
    is_test : bool
    """

    root: Path
    is_test: bool


def parts_of(folders: Sequence[Path]) -> tuple[list[Part], list[Finding]]:
    """Find training and test sets among folders, with a note on those that are neither.

    A folder whose name speaks of training may as well be a class (``bullet_train``): it is a
    training set if it holds class folders, and if it is called just that, or another part holds
    some of the same classes, or all folders are named for parts.

    Returns
    -------
    parts : list of Part
        Empty where the folders are classes.
    findings : list of Finding
    """
    held = {f: kinds for f in folders if role(f.name) and (kinds := _kinds(f))}
    training = [f for f in held if role(f.name) == "training"]
    known = frozenset[str]().union(*(held[f] for f in training))
    fits = [f for f in held if is_plain(f) or f in training or held[f] & known]
    several = len({role(f.name) for f in fits}) > 1
    whole = all(role(f.name) for f in folders)
    if not training or not (several or whole or any(map(is_plain, training))):
        return [], []
    others = [f for f in folders if f not in fits]
    if not several and any(_kinds(f) == known for f in others):  # bus/, train/: left/, right/
        return [], []
    test, findings = held_out(f.name for f in fits)
    if others:
        ignored = [f.name for f in others]
        message = _(
            "Ignored beside the training set: {folders}. Only train, val and test with class "
            "folders in them are read.",
            folders=named(ignored, FOLDER),
        )
        findings.append(Finding("note", "warning", message, {"folders": ignored}))
    return [Part(_inner(f), f.name in test) for f in fits], findings


def is_plain(folder: Path) -> bool:
    """Whether a folder is called for a part and nothing else: ``train``, ``val``."""
    return folder.name.casefold() in _WORDS


def are_flat_parts(folders: Sequence[Path]) -> bool:
    """Whether all folders are named for parts but hold no class folders, as beside a table."""
    roles = {role(f.name) for f in folders}
    return None not in roles and len(roles) > 1 and not any(map(_kinds, folders))


def check_alike(
    folders: Sequence[Path], shown: str, groups_from: str | None = None
) -> list[Finding]:
    """Refuse classes that all hold folders of the same names: those may be the classes.

    Parameters
    ----------
    folders : sequence of Path
        What would be the classes.
    shown : str
        What the user calls the folder they lie in.
    groups_from : str, optional
        Where this pattern reads the names of the sub-folders as groups, it is said what they are.

    Returns
    -------
    list of Finding
        Names the sub-folders where they are only nearly the same.
    """
    nested = {f: kinds for f in folders if (kinds := _kinds(f)) and not _holds_examples(f)}
    if len(nested) < 2 or _are_groups(nested, groups_from):
        return []
    common = frozenset.intersection(*nested.values())
    if len(common) < 2 or len(common) < ALIKE * len(frozenset.union(*nested.values())):
        return []
    inner = [folder / name for f in nested for name in common for folder in [_inner(f)]]
    if not all(map(holds_files, inner)):
        return []
    outside, inside = named([f.name for f in nested], FOLDER), named(sorted(common), FOLDER)
    mend = _(
        "If those inside are the classes, call the outer ones train and test, or pass one of them "
        "(`headstart adapt` takes a model from one to another). If the outer ones are the classes, "
        "say what is inside: groups such as patients or views with {option}; or move the files up, "
        "or list them in a CSV with the columns path and label.",
        option="--groups-from '^[^/]+/([^/]+)/'",
    )
    same = all(kinds == common for kinds in nested.values())
    if same and all(f in nested or not holds_files(f) for f in folders):
        raise DataError(
            _(
                "{folder} holds {outside} which all hold the same {inside}. Which are the classes?",
                folder=shown,
                outside=outside,
                inside=inside,
            ),
            mend,
        )
    message = _(
        "{outside} were read as classes, but hold {inside} of the same names.",
        outside=outside,
        inside=inside,
    )
    figures: dict[str, object] = {"folders": [f.name for f in nested]}
    return [Finding("note", "warning", sentences(message, mend), figures)]


def _inner(folder: Path) -> Path:
    """Pass through a folder that only repeats its name: ``seg_train/seg_train/``, ``test/images/``.

    Archives are often packed that way.
    """
    seen = {folder.resolve()}
    while len(held := folders_in(folder)) == 1 and _repeats(folder.name, held[0].name):
        real = held[0].resolve()
        if real in seen or not folders_in(held[0]):
            break
        folder = held[0]
        seen.add(real)
    return folder


def _repeats(outer: str, inner: str) -> bool:
    told = role(inner)
    same = inner == outer or (told is not None and told == role(outer))
    return same or inner.casefold() in _WRAPPERS


def _kinds(folder: Path) -> frozenset[str]:
    """Names of what would be the class folders of a part."""
    return frozenset(kind.name for kind in folders_in(_inner(folder)))


def _holds_examples(folder: Path) -> bool:
    return any(recognised(file.name) for file in Here.of(_inner(folder)).files)


def _are_groups(nested: dict[Path, frozenset[str]], pattern: str | None) -> bool:
    """Whether a pattern for groups reads the names of all sub-folders."""
    if pattern is None:
        return False
    for folder, kinds in nested.items():
        base = _inner(folder).relative_to(folder.parent).as_posix()
        for name in kinds:
            try:
                found = re.search(pattern, f"{base}/{name}/")
            except re.error:  # refused where it is read
                return True
            if not found or (found[1] if found.re.groups else found[0]) not in name:
                return False
    return True
