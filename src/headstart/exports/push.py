"""Pushing: a run goes to the hub, without pictures and names of files unless they are asked for."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

from headstart.errors import ConfigError
from headstart.events import Event, OnEvent, ignore
from headstart.exports.hub import checked, in_words, refuse_without_token
from headstart.exports.staged import ALWAYS, WITH_PICTURES, Staged, stage
from headstart.folder.adviser import is_adviser
from headstart.folder.layout import FIGURES, MODEL, TIMM
from headstart.folder.translator import is_translator
from headstart.kinds import declared
from headstart.run import Run
from headstart.said import _

FOLDERS = (MODEL, FIGURES)


@dataclass(frozen=True)
class Pushed:
    """What lies on the hub now.

    Attributes
    ----------
    repository, url : str
    revision : str
        SHA of the commit: what ``pull --revision`` takes.
    files : tuple of str
    hidden : tuple of str
        Places of the documents where names of files were taken out.
    not_timm : str
        Why timm cannot read it; "" where it can.
    """

    repository: str
    url: str
    revision: str
    files: tuple[str, ...]
    hidden: tuple[str, ...]
    not_timm: str


@declared
def push(
    run: Run | str | Path,
    repository: str,
    *,
    create: bool = False,
    private: bool = False,
    pictures: bool = False,
    on_event: OnEvent = ignore,
) -> Pushed:
    """Send a run to a repository of Hugging Face's hub.

    The model, its card and its numbers go; where timm can hold the model, timm's layout too. Names
    of files are taken out of the numbers. What an earlier push left there and this one does not
    bring is removed from the newest revision; older revisions keep it.

    Parameters
    ----------
    run : Run, str or Path
        The run, or its folder.
    repository : str
        ``OWNER/NAME``.
    create : bool, default=False
        Make the repository where there is none.
    private : bool, default=False
        Only with ``create``: for its owner alone.
    pictures : bool, default=False
        Send the whole run: report, small pictures, predictions, and the names of files.
    on_event : callable, optional
        Hears of progress.

    Raises
    ------
    ConfigError
        No name of a repository; nobody is logged in, or not with the right to write; a run of
        ``recommend``, whose model holds who chose what.
    ArtifactError
        No such repository; a hub that cannot be reached; a run that is not whole.
    """
    checked(repository)
    if private and not create:
        raise ConfigError(
            _("--private is for a repository that is made now."),
            _("Add --create; of one that is there, its page on the hub decides."),
        )
    if not isinstance(run, Run):
        _refuse_behaviour(Path(run))
        _refuse_translation(Path(run))
        run = Run(run)
    with in_words(repository, sending=True):
        refuse_without_token()
    with tempfile.TemporaryDirectory(prefix="headstart-push-") as room:
        folder = Path(room) / "repository"
        folder.mkdir()
        on_event(Event(_("preparing")))
        staged = stage(run, repository, folder, pictures=pictures, on_event=on_event)
        on_event(Event(_("sending")))
        url, revision = _send(staged, repository, create=create, private=private)
    return Pushed(repository, url, revision, staged.files, staged.hidden, staged.not_timm)


def _refuse_behaviour(folder: Path) -> None:
    if is_adviser(folder / MODEL):
        raise ConfigError(
            _(
                "{run!r} recommends: its model holds who chose what, and is not sent.",
                run=str(folder),
            ),
            _("Send the report.html alone, to whom you trust with it."),
        )


def _refuse_translation(folder: Path) -> None:
    if is_translator(folder / MODEL):
        raise ConfigError(
            _("{run!r} translates; only runs that predict are sent.", run=str(folder)),
            _(
                "Its model/ is a folder as transformers writes it, and any tool for the hub can "
                "send it."
            ),
        )


def _send(staged: Staged, repository: str, *, create: bool, private: bool) -> tuple[str, str]:
    """Upload a folder in one commit; return the address and the SHA."""
    with in_words(repository, sending=True):
        from huggingface_hub import HfApi, constants

        api = HfApi(endpoint=constants.ENDPOINT, library_name="headstart")
        if create:
            api.create_repo(repository, private=private, exist_ok=True)
        else:
            api.repo_info(repository)
        names = {name for name in (*ALWAYS, *WITH_PICTURES, *TIMM) if name not in FOLDERS}
        done = api.upload_folder(
            repo_id=repository,
            folder_path=staged.folder,
            commit_message="A run of headstart",
            delete_patterns=[*sorted(names), *(f"{name}/*" for name in FOLDERS)],
        )
    return f"{constants.ENDPOINT}/{repository}", str(done.oid)
