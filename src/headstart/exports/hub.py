"""Hugging Face's hub: what a repository may be called, and its refusals in words."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from headstart.errors import ArtifactError, ConfigError, HeadstartError
from headstart.said import _

LOG_IN = "hf auth login"
"""The hub's own command, which keeps a token."""
_REPOSITORY = re.compile(r"(?!.*(--|\.\.))[\w.-]{1,96}/[\w.-]{1,96}", re.ASCII)


def checked(repository: str) -> str:
    """Return the name of a repository; raise ``ConfigError`` for what cannot be one."""
    if not _REPOSITORY.fullmatch(repository) or repository.endswith((".git", ".", "-")):
        raise ConfigError(
            _("{name!r} is no name of a repository.", name=repository),
            _("Write OWNER/NAME, for example ann/flowers: letters, digits, - _ and . only."),
        )
    return repository


def refuse_without_token() -> None:
    """Raise ``ConfigError`` where nobody is logged in."""
    from huggingface_hub import get_token

    if not get_token():
        raise ConfigError(
            _("Nobody is logged in to the hub here, so nothing can be sent there."),
            _(
                "Run `{login}` once, with a key that may write, or set HF_TOKEN.",
                login=LOG_IN,
            ),
        )


@contextmanager
def in_words(repository: str, *, sending: bool = False) -> Iterator[None]:
    """Turn what the hub's client raises into our words, and keep its bars to itself."""
    from huggingface_hub.utils import (  # type: ignore[attr-defined]
        are_progress_bars_disabled,
        disable_progress_bars,
        enable_progress_bars,
    )

    shown = not are_progress_bars_disabled()
    if shown:
        disable_progress_bars()
    try:
        yield
    except HeadstartError:
        raise
    except Exception as cause:  # the hub's client raises some thirty kinds
        raise _said(repository, cause, sending=sending) from cause
    finally:
        if shown:
            enable_progress_bars()


def _said(repository: str, cause: Exception, *, sending: bool) -> HeadstartError:
    from huggingface_hub import constants, errors

    chain = [cause, *_causes(cause)]
    if constants.HF_HUB_OFFLINE or _any(chain, errors.OfflineModeIsEnabled):
        return ArtifactError(
            _("The hub is not asked: HF_HUB_OFFLINE says that there is no network here."),
            _("Unset HF_HUB_OFFLINE where there is one."),
        )
    if _any(chain, errors.GatedRepoError):
        return ArtifactError(
            _("Not everyone may have {name}: its owner gives access on request.", name=repository),
            _(
                "Ask for it on {page}, then log in here: {login}.",
                page=f"{constants.ENDPOINT}/{repository}",
                login=LOG_IN,
            ),
        )
    if _any(chain, errors.RevisionNotFoundError):
        return ArtifactError(
            _("{name} has no such revision.", name=repository),
            _("Name a branch, a tag or the whole SHA of a commit; without --revision the newest."),
        )
    status = _status(chain)
    if _any(chain, errors.RepositoryNotFoundError) and status != 403:
        return ArtifactError(
            _("The hub has no {name}, or does not show it to you.", name=repository),
            _("Look at the spelling. --create makes it.")
            if sending
            else _(
                "Look at the spelling. Where it is private, log in first: {login}.", login=LOG_IN
            ),
        )
    if status in (401, 403):
        return ConfigError(
            _(
                "The hub does not let you do that to {name} ({status}).",
                name=repository,
                status=status,
            ),
            _("Log in with a key that may: {login}.", login=LOG_IN),
        )
    first = next(iter(str(cause).strip().splitlines()), "") or type(cause).__name__
    return ArtifactError(
        _(
            "The hub at {address} cannot be reached, or answers otherwise than it should: {cause}",
            address=constants.ENDPOINT,
            cause=first[:300],
        ),
        _("Look whether there is a network, and try again."),
    )


def _causes(error: BaseException) -> Iterator[BaseException]:
    while error.__cause__ is not None:
        error = error.__cause__
        yield error


def _any(chain: list[BaseException] | list[Exception], kind: type[BaseException]) -> bool:
    return any(isinstance(error, kind) for error in chain)


def _status(chain: list[BaseException] | list[Exception]) -> int | None:
    found = (getattr(getattr(error, "response", None), "status_code", None) for error in chain)
    return next((status for status in found if status is not None), None)
