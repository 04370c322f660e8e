"""Pulling: a run comes from the hub, and is held to its checksums before it is put in place."""

from __future__ import annotations

import shutil
from pathlib import Path

from headstart.errors import ArtifactError
from headstart.events import Event, OnEvent, ignore
from headstart.exports.hub import checked, in_words
from headstart.exports.staged import ALWAYS, WITH_PICTURES
from headstart.folder.files import whole_folder
from headstart.folder.layout import FIGURES, METRICS, MODEL, MODEL_JSON, RUN
from headstart.folder.model import load_model
from headstart.folder.place import destination
from headstart.folder.reading import read_document
from headstart.kinds import declared
from headstart.run import Run
from headstart.said import _

CLIENT = ".cache"
"""What the hub's client leaves beside the files."""


@declared
def pull(
    repository: str,
    out: str | Path | None = None,
    *,
    revision: str | None = None,
    overwrite: bool = False,
    on_event: OnEvent = ignore,
) -> Run:
    """Fetch a run from a repository of Hugging Face's hub.

    Only files that a run has are fetched. None of them is code, and all are read as those of any
    run are.

    Parameters
    ----------
    repository : str
        ``OWNER/NAME``.
    out : str or Path, optional
        The folder to write. Default: ``runs/NAME``, numbered.
    revision : str, optional
        A branch, a tag, or the SHA of a commit, which can never change. Default: the newest.
    overwrite : bool, default=False
        Replace an earlier run in the same place.
    on_event : callable, optional
        Hears of progress.

    Raises
    ------
    ConfigError
        No name of a repository; a place that is taken.
    ArtifactError
        No such repository, one without a run of headstart, files that are not those that were
        saved, or a hub that cannot be reached.
    """
    name = checked(repository).partition("/")[2]
    folder = destination(name, out, overwrite)
    on_event(Event(_("fetching")))
    with in_words(repository):
        sha = _revision(repository, revision)
    with whole_folder(folder) as beside:
        with in_words(repository):
            _fetch(repository, sha, beside)
        load_model(beside / MODEL)
        for document in (METRICS, RUN):
            read_document(beside / document)
    return Run(folder)


def _revision(repository: str, asked: str | None) -> str:
    """Return the SHA of a revision that holds a run; raise ``ArtifactError`` for any other."""
    from huggingface_hub import HfApi, constants

    found = HfApi(endpoint=constants.ENDPOINT).model_info(repository, revision=asked)
    lacking = {f"{MODEL}/{MODEL_JSON}", METRICS, RUN} - {f.rfilename for f in found.siblings or ()}
    if lacking:
        raise ArtifactError(
            _(
                "{name} holds no run of headstart: there is no {file}.",
                name=repository,
                file=min(lacking),
            ),
            _(
                "`headstart push` makes such. To learn from the weights of another repository: "
                "{option}.",
                option=f"--backbone hf:{repository}",
            ),
        )
    return str(found.sha)


def _fetch(repository: str, sha: str, folder: Path) -> None:
    """Fetch what a run has, and nothing else."""
    from huggingface_hub import constants, snapshot_download

    snapshot_download(
        repository,
        revision=sha,
        local_dir=folder,
        allow_patterns=[*ALWAYS, f"{MODEL}/*", *WITH_PICTURES, f"{FIGURES}/*"],
        endpoint=constants.ENDPOINT,
    )
    shutil.rmtree(folder / CLIENT, ignore_errors=True)
