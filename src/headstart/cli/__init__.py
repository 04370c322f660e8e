"""The command line: words and progress on stderr, data on stdout.

Exit 0: done. 2: the user's mistake, said without a traceback. 1: ours (``--debug`` shows where).
130: stopped with Ctrl-C.
"""

from __future__ import annotations

import gc
import io
import os
import sys
import traceback
from contextlib import suppress
from importlib import import_module
from typing import TYPE_CHECKING

from headstart.errors import HeadstartError
from headstart.text import ANY_NAME

if TYPE_CHECKING:
    from typer import Typer

STOPPED = 130
COMMANDS = ("train", "adapt", "studies", "runs", "machine")
"""Modules that declare commands, in the order in which help lists them."""


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


def run(arguments: list[str], *, debug: bool = False) -> int:
    """Run one command; return the exit status."""
    from headstart.cli.console import complain, say

    try:
        application()(arguments, prog_name="headstart")
    except SystemExit as done:  # typer's way to return, for help and wrong options too
        if done.code == STOPPED:
            say("\nStopped. What was computed is cached: the same command goes on from there.")
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
        complain(
            f"{cause.strerror or cause}: {cause.filename or 'unknown file'}",
            "Check permissions and free space. HEADSTART_CACHE names another cache folder.",
        )
        return 2
    except Exception as fault:
        if debug:
            traceback.print_exc()
        complain(
            f"headstart failed: {type(fault).__name__}: {fault}",
            "This is our fault, not yours. Run it again with --debug and report what it prints.",
        )
        return 1
    return 0
