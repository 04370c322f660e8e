"""What an option is: said once, in the field of the configuration that holds it.

The command line, the reference page and the messages about options are made from these fields.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import Field, dataclass, field, fields
from typing import Any

from headstart.errors import ConfigError
from headstart.said import _, commas


@dataclass(frozen=True)
class Option:
    """What a field says of itself to those who set it.

    Attributes
    ----------
    help : str
        One or two sentences, marked with ``N_``.
    metavar : str or None
        What stands for the value: ``"COLUMN"``. None: its type.
    panel : str or None
        Heading under which help lists it, marked with ``N_``.
    read : callable or None
        How the value is read from what was typed, where its type does not say.
    """

    help: str
    metavar: str | None = None
    panel: str | None = None
    read: Callable[[str], Any] | None = None


def option(
    default: Any,
    help: str,
    *,
    metavar: str | None = None,
    panel: str | None = None,
    read: Callable[[str], Any] | None = None,
) -> Any:
    """Declare a field that users set; parameters as in :class:`Option`."""
    return field(default=default, metadata={"option": Option(help, metavar, panel, read)})


def options_in(configuration: type) -> dict[str, Field[Any]]:
    """Return the fields of a dataclass that users set, by name."""
    return {f.name: f for f in fields(configuration) if "option" in f.metadata}


def flag(name: str) -> str:
    """Spell an option as it is typed.

    Examples
    --------
    >>> flag("groups_from")
    '--groups-from'
    """
    return f"--{name.replace('_', '-')}"


def flags(names: Iterable[str]) -> str:
    """Spell several options, with commas."""
    return commas(flag(name) for name in names)


def seconds(text: str) -> float:
    """Read a time span such as ``90``, ``90s``, ``5m``, ``1.5h``.

    Examples
    --------
    >>> seconds("90"), seconds("5m"), seconds("1.5h")
    (90.0, 300.0, 5400.0)
    """
    found = span(text)
    if found is None:
        raise ConfigError(
            _("--budget {value!r} is no time.", value=text), _("For example 90s, 5m or 1h.")
        )
    return found


def budget_of(value: float | str | None) -> float | None:
    """Read a budget, in seconds or as it is typed; None stays None.

    Examples
    --------
    >>> budget_of("5m"), budget_of(90.0)
    (300.0, 90.0)

    Raises
    ------
    ConfigError
        What is no time, or none that ends.
    """
    if isinstance(value, str):
        value = seconds(value)
    if value is not None and not 0 < value < math.inf:
        raise ConfigError(
            _("--budget {budget:g} s is no time.", budget=value), _("For example --budget 5m.")
        )
    return value


def length(text: str) -> float:
    """Read how long the stretches are that ``--every`` asks for, in seconds."""
    found = span(text)
    if found is None:
        raise ConfigError(
            _("--every {value!r} is no time.", value=text), _("For example 1s, 500ms or 1min.")
        )
    return found


def span(text: str) -> float | None:
    """Read a time span in seconds; None for what is none.

    Examples
    --------
    >>> span("500ms"), span("1 min"), span("soon")
    (0.5, 60.0, None)
    """
    units = {"ms": 0.001, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0}
    number = text.strip().rstrip("".join(units))
    try:
        return float(number) * units[text.strip()[len(number) :] or "s"]
    except (ValueError, KeyError):
        return None
