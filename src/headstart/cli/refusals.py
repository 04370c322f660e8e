"""What can be wrong with a line that was typed, in the form of our other errors."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from headstart.errors import ConfigError
from headstart.prepare.refusals import stranger
from headstart.registry import unknown_name
from headstart.said import N_, _, listed, sentences

ANYWHERE = ("lang", "debug")
"""Options that every command takes, since they are taken out of the line before."""
NO_VALUE = {
    "int": N_("{option} {value!r} is no whole number."),
    "float": N_("{option} {value!r} is no number."),
}
"""By how pydantic's name of the error begins."""


def refusal(wrong: Any, ctx: Any) -> Exception:
    """Return our error for one of typer's.

    Those are of a click of its own, which nobody may import: their names tell them apart.
    """
    what: str
    match type(wrong).__name__:
        case "NoArgsIsHelpError":  # help was shown instead
            return wrong
        case "NoSuchOption":
            return _stranger(wrong.option_name, ctx)
        case "MissingParameter":
            name = (wrong.param.metavar or wrong.param.opts[0]).rstrip(".")
            what = _("{command} needs {name}.", command=ctx.command_path, name=name)
        case "BadParameter" if wrong.__cause__ is not None:
            return ConfigError(_no_value(wrong), _as_share(wrong) or _see(ctx))
        case "BadOptionUsage":
            what = _with_or_without_value(wrong.option_name, ctx)
        case _other:
            what = wrong.format_message()
    return ConfigError(what, _see(ctx))


def too_many(extra: list[str], ctx: Any) -> ConfigError:
    """Return the error for words that a command has no use for."""
    words = listed(repr(word) for word in extra)
    return ConfigError(
        _("{command} has no use for {words}.", command=ctx.command_path, words=words),
        sentences(_("A name with spaces needs quotes."), _see(ctx)),
    )


def no_command(name: str, commands: Collection[str]) -> Exception:
    """Return the error for a command that is none."""
    return unknown_name(N_("command"), name, commands, "headstart --help")


def _stranger(option: str, ctx: Any) -> ConfigError:
    if ctx.parent is None:
        return ConfigError(
            _("{option} is no option of {command}.", option=option, command=ctx.info_name),
            _("Options of a command stand behind it: headstart train DATA --seed 1."),
        )
    spelled = [_name(o) for p in ctx.command.params for o in p.opts if o.startswith("--")]
    return stranger(ctx.info_name, _name(option), [*spelled, *ANYWHERE])


def _with_or_without_value(option: str, ctx: Any) -> str:
    flags = [p for p in ctx.command.get_params(ctx) if getattr(p, "is_flag", False)]
    if any(option in (*p.opts, *p.secondary_opts) for p in flags):
        return _("{option} takes no value.", option=option)
    return _("{option} needs a value.", option=option)


def _no_value(wrong: Any) -> str:
    found, option = wrong.__cause__.errors()[0], wrong.param.opts[0]
    said = NO_VALUE.get(found["type"].partition("_")[0])
    if said is None:
        return _("{option}: {trouble}", option=option, trouble=wrong.message)
    return _(said, option=option, value=found["input"])


def _as_share(wrong: Any) -> str:
    """Say how a percentage is written as a share; "" where something else is wrong."""
    value, sign, rest = str(wrong.__cause__.errors()[0]["input"]).strip().partition("%")
    if not sign or rest:
        return ""
    try:
        return _("Write {option} {share:g}.", option=wrong.param.opts[0], share=float(value) / 100)
    except ValueError:
        return ""


def _see(ctx: Any) -> str:
    return _("`{command} --help` says what it takes.", command=ctx.command_path)


def _name(flag: str) -> str:
    return flag.lstrip("-").replace("-", "_")
