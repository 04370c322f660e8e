"""The command line: words and progress on stderr, data on stdout.

Exit 0: done. 2: the user's mistake, said without a traceback. 1: ours (``--debug`` shows where).
130: stopped with Ctrl-C.
"""

from __future__ import annotations

import gc
import gettext
import io
import os
import sys
import traceback
from contextlib import suppress
from importlib import import_module
from typing import TYPE_CHECKING

from headstart.cli.stopped import STOPPED, Stopped
from headstart.errors import ConfigError, HeadstartError
from headstart.language import CATALOGUES, DOMAIN, in_force, languages
from headstart.said import N_, _, commas
from headstart.speaking import speak
from headstart.text import ANY_NAME

if TYPE_CHECKING:
    from typer import Typer

COMMANDS = (
    *("train", "adapt", "recommend", "keywords", "translate", "studies", "runs", "identify"),
    *("export", "hub", "serve", "machine"),
)
"""Modules that declare commands, in the order in which help lists them."""
OF_SYSTEMS = (
    *(N_("No space left on device"), N_("Disk quota exceeded"), N_("Read-only file system")),
    *(N_("Permission denied"), N_("No such file or directory"), N_("Input/output error")),
    *(N_("Is a directory"), N_("Not a directory"), N_("File name too long")),
)
"""What systems say of files that cannot be read or written."""


def application() -> Typer:
    """Return the application with every command in it."""
    for name in COMMANDS:
        import_module(f"headstart.cli.{name}")
    return import_module("headstart.cli.app").app


def main() -> None:
    """Run the command line and exit."""
    gc.set_threshold(100_000, 50, 100)  # hardly any garbage goes in circles: 5 % of a short run
    _write_utf8()
    debug = "--debug" in sys.argv
    arguments = [a for a in sys.argv[1:] if a != "--debug"]
    status = run(arguments, debug=debug)
    with suppress(OSError):  # whoever read them may be gone
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(status)  # all is written; to take every object apart would take half a second more


def _write_utf8() -> None:
    """Let what we print be UTF-8 whatever the locale says; a name that is not keeps its bytes."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors=ANY_NAME)


def _without_language(arguments: list[str]) -> tuple[list[str], str | None]:
    """Take ``--lang`` out of a line, wherever it stands: help needs it before commands are read."""
    others: list[str] = []
    asked, words = None, iter(arguments)
    for word in words:
        option, equals, value = word.partition("=")
        if word == "--":  # what follows is no option
            return [*others, word, *words], asked
        if option != "--lang":
            others.append(word)
            continue
        asked = value if equals else next(words, "")
        if not asked or asked.startswith("-"):
            raise ConfigError(
                _("--lang names no language."), _("One of: {names}.", names=commas(languages()))
            )
    return others, asked


def _let_click_speak() -> None:
    """Give the library that reads the line our catalogue for its own words, such as "Options"."""
    os.environ["LANGUAGE"] = in_force().code
    gettext.bindtextdomain(DOMAIN, CATALOGUES)
    gettext.textdomain(DOMAIN)


def run(arguments: list[str], *, debug: bool = False) -> int:
    """Run one command; return the exit status."""
    from headstart.cli.console import complain, say, warn

    try:
        arguments, asked = _without_language(arguments)
        if trouble := speak(asked):
            warn(trouble)
        _let_click_speak()
        application()(arguments, prog_name="headstart")
    except SystemExit as done:  # typer's way to return, for help and wrong options too
        if done.code == STOPPED:
            usual = _("Stopped. What was computed is cached: the same command goes on from there.")
            say("")
            say(done.said if isinstance(done, Stopped) else usual)
        return done.code if isinstance(done.code, int) else 0
    except HeadstartError as mistake:
        if debug:
            traceback.print_exc()
        complain(mistake.message, mistake.hint)
        return 2
    except BrokenPipeError:  # `headstart ... | head` closed our stdout: nothing is wrong
        return 0
    except OSError as cause:
        if debug:
            traceback.print_exc()
        trouble = cause.strerror or str(cause)
        complain(
            _(
                "{trouble}: {file}",
                trouble=_(trouble) if trouble in OF_SYSTEMS else trouble,
                file=cause.filename or _("unknown file"),
            ),
            _("Check permissions and free space. HEADSTART_CACHE names another cache folder."),
        )
        return 2
    except Exception as fault:
        if debug:
            traceback.print_exc()
        complain(
            _("headstart failed: {kind}: {fault}", kind=type(fault).__name__, fault=str(fault)),
            _("This is our fault, not yours. Run it again with --debug and report what it prints."),
        )
        return 1
    return 0
