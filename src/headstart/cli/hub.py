"""The commands that bring runs to Hugging Face's hub and back: ``push``, ``pull``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from headstart.cli.app import command
from headstart.cli.console import Bars, print_json, say, say_what_to_type, warn
from headstart.cli.export import warn_of_licence
from headstart.cli.options import Json, Overwrite, RunFolder
from headstart.said import _, _n, commas

if TYPE_CHECKING:
    from headstart.exports.push import Pushed

Repository = Annotated[
    str, typer.Argument(metavar="REPO", help=_("A repository of the hub, as OWNER/NAME."))
]


@command(
    help=_(
        "Push: send a run to Hugging Face's hub: model, model card and numbers; nothing that "
        "shows the data or names its files.\n\n"
        "For example: headstart push runs/photos ann/flowers --create --private"
    )
)
def push(
    run: RunFolder,
    repository: Repository,
    create: Annotated[
        bool, typer.Option("--create", help=_("Make the repository, where there is none."))
    ] = False,
    private: Annotated[
        bool, typer.Option("--private", help=_("With --create: nobody else may see it."))
    ] = False,
    pictures: Annotated[
        bool,
        typer.Option(
            "--pictures",
            help=_(
                "Send the whole run: report, small copies of the data, predictions, names of files."
            ),
        ),
    ] = False,
    as_json: Json = False,
) -> None:
    """Push."""
    from headstart.exports.push import push as send
    from headstart.run import Run

    with Bars() as bars:
        done = send(
            run, repository, create=create, private=private, pictures=pictures, on_event=bars
        )
    if as_json:
        print_json(
            {
                "url": done.url,
                "revision": done.revision,
                "files": list(done.files),
                "hidden": list(done.hidden),
                "not_timm": done.not_timm,
            }
        )
        return
    _say(done, pictures=pictures)
    warn_of_licence(Run(run).saved.card.licence)


def _say(done: Pushed, *, pictures: bool) -> None:
    said = _n("{n} file is there now: {files}.", "{n} files are there now: {files}.",
              len(done.files), files=commas(done.files))  # fmt: skip
    say(escape(said))
    if pictures:
        warn(_("Small copies of your data and the names of their files are among them."))
    elif done.hidden:
        said = _("Names of files were taken out of: {places}.", places=commas(done.hidden))
        say(escape(said))
    if done.not_timm:
        said = _("Without headstart it cannot be loaded: {why}", why=done.not_timm)
    else:
        said = _("timm loads it too: {line}", line=f'timm.create_model("hf-hub:{done.repository}")')
    say(escape(said))
    say(escape(_("Address: {url}", url=done.url)))
    line = f"headstart pull {done.repository} --revision {done.revision}"
    say(escape(_("To have this very one: {line}", line=line)))


@command(
    help=_(
        "Pull: fetch a run from Hugging Face's hub, and hold it to its checksums.\n\n"
        "For example: headstart pull ann/flowers"
    )
)
def pull(
    repository: Repository,
    revision: Annotated[
        str | None,
        typer.Option(
            metavar="SHA",
            help=_("A branch, a tag or, which can never change, a commit. Default: the newest."),
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help=_("Folder to write. Default: runs/NAME, numbered."))
    ] = None,
    overwrite: Overwrite = False,
    as_json: Json = False,
) -> None:
    """Pull."""
    from headstart.exports.pull import pull as fetch

    with Bars() as bars:
        run = fetch(repository, out, revision=revision, overwrite=overwrite, on_event=bars)
    if as_json:
        print_json({"folder": str(run.folder), "classes": list(run.classes)})
        return
    estimate = run.metrics["estimate"]
    low, high = estimate["accuracy_ci95"]
    said = _(
        "Accuracy, as whoever sent it measured: {accuracy:.1%} (95 % interval {low:.1%} to "
        "{high:.1%}).",
        accuracy=estimate["accuracy"],
        low=low,
        high=high,
    )
    say(escape(said))
    warn_of_licence(run.saved.card.licence)
    say(escape(_("Model card: {file}", file=str(run.folder / "README.md"))))
    say_what_to_type(run.folder, run.saved.card.modality)
