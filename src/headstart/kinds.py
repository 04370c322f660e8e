"""What kinds of values public functions take: what they declare, and nothing else.

A word where a number belongs would end in a traceback somewhere inside. So arguments are compared
with the annotations, in one place.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from functools import cache, wraps
from numbers import Integral, Real
from os import PathLike
from pathlib import Path
from reprlib import repr as shortened
from types import NoneType, UnionType
from typing import Any, ParamSpec, TypeVar, Union, get_args, get_origin, get_type_hints

import numpy as np

from headstart.errors import ConfigError
from headstart.said import N_, _, listed, sentences

P = ParamSpec("P")
R = TypeVar("R")

KINDS: dict[Any, tuple[tuple[Any, ...], str]] = {
    bool: ((bool, np.bool_), N_("True or False")),
    int: ((Integral,), N_("a whole number")),
    float: ((Real,), N_("a number")),
    str: ((str,), N_("text")),
    Path: ((PathLike,), N_("a path")),
    Sequence[str]: ((Sequence,), N_("a list of texts")),
    Callable: ((Callable,), N_("a function")),
}
"""What an argument that is declared as a type may be, and what sentences call it. Numbers of numpy
and others are numbers too, but True is none."""


def declared(function: Callable[P, R]) -> Callable[P, R]:
    """Make a public function refuse arguments of another kind than it declares.

    Only what is declared as a plain type (see ``KINDS``), or as several, is looked at; numbers are
    handed on as Python's own.
    """
    signature = inspect.signature(function)

    @wraps(function)
    def checked(*args: P.args, **kwargs: P.kwargs) -> R:
        bound = signature.bind(*args, **kwargs)
        bound.arguments.update(as_declared(function, bound.arguments))
        return function(*bound.args, **bound.kwargs)

    return checked


def as_declared(
    function: Callable[..., Any], given: Mapping[str, Any], called: Callable[[str], str] = str
) -> dict[str, Any]:
    """Return arguments of a function, each of a kind that it declares.

    Parameters
    ----------
    function : callable
    given : mapping
        Arguments by name.
    called : callable
        What messages call one of a name.

    Raises
    ------
    ConfigError
        All that are of another kind.
    """
    kinds, wrong, read = _kinds(function), [], dict(given)
    for name, value in given.items():
        allowed = kinds.get(name)
        if allowed is None or (value is None and NoneType in allowed):
            continue
        fitting = [kind for kind in allowed if kind is not NoneType and _is_of(value, kind)]
        if fitting:
            read[name] = fitting[0](value) if fitting[0] in (bool, int, float) else value
            continue
        words = [_(KINDS[kind][1]) for kind in allowed if kind is not NoneType]
        wrong.append(
            _(
                "{name} takes {kinds}, not {value}.",
                name=called(name),
                kinds=listed(words, "or"),
                value=shortened(value),
            )
        )
    if wrong:
        raise ConfigError(
            sentences(*wrong),
            _("`help({function})` says what each one means.", function=_known_as(function)),
        )
    return read


@cache
def _kinds(function: Callable[..., Any]) -> dict[str, tuple[Any, ...]]:
    """Return the kinds that each parameter may be of, by name; those of others are not there."""
    found = {}
    for name, hint in get_type_hints(function).items():
        each = get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)
        allowed = tuple(Callable if get_origin(kind) is Callable else kind for kind in each)
        if all(kind is NoneType or kind in KINDS for kind in allowed):
            found[name] = allowed
    return found


def _is_of(value: object, kind: Any) -> bool:
    if isinstance(value, (bool, np.bool_)) and kind is not bool:
        return False
    if kind == Sequence[str] and isinstance(value, Sequence):
        return not isinstance(value, str) and all(isinstance(one, str) for one in value)
    return isinstance(value, KINDS[kind][0])


def _known_as(function: Callable[..., Any]) -> str:
    """Return the name by which users know a function or a method: without ``__init__``."""
    return f"headstart.{function.__qualname__.removesuffix('.__init__')}"
