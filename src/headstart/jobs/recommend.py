"""Recommend from a log of behaviour, and say whether another shop's log helped."""

from __future__ import annotations

import importlib.metadata
import math
import platform
from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from headstart._version import __version__
from headstart.behaviour.advice import Adviser
from headstart.behaviour.checks import check_log, check_pair, same_ids
from headstart.behaviour.items import ItemTable, read_items
from headstart.behaviour.log import Log
from headstart.behaviour.models import Candidate, Recommender, fit, installed
from headstart.behaviour.outcome import known_of, new_of
from headstart.behaviour.read import Spec, read_log
from headstart.behaviour.trial import Known, New, Trial
from headstart.behaviour.union import Union
from headstart.errors import ConfigError, DataError
from headstart.events import Event, OnEvent, ignore
from headstart.findings import Finding
from headstart.folder.adviser import save_adviser
from headstart.folder.files import whole_folder, write_json
from headstart.folder.layout import BEHAVIOUR, METRICS, MODEL, RUN
from headstart.folder.place import destination
from headstart.jobs.clock import Clock
from headstart.jobs.new_items import find_new_items
from headstart.options import budget_of
from headstart.prepare.refusals import job
from headstart.recommendation import RecommendRun
from headstart.report.recommendation import REPORT
from headstart.said import _, _n, listed
from headstart.speaking import speaking

PathLike = str | Path
SCHEMA = 1
CATALOGUES = ("auto", "target", "both")
SHARED = 0.5
"""Share of the target's items that the source has too, from which on both have one catalogue."""
LARGEST = 20_000
"""Items up to which EASE is fitted: its matrix has their square."""
EXAMPLES = 6
"""Users that the report shows; drawn, not picked by what came out."""
SHOWN = 8
"""Items of a history, and recommendations, that it shows of each."""


@job
def recommend(
    target: PathLike,
    *,
    source: PathLike | None = None,
    items: PathLike | None = None,
    out: PathLike | None = None,
    overwrite: bool = False,
    user: str | None = None,
    item: str | None = None,
    rating: str | None = None,
    time: str | None = None,
    at_least: float | None = None,
    item_id: str | None = None,
    encoding: str = "utf-8",
    catalogue: str = "auto",
    budget: float | str | None = None,
    seed: int = 0,
    lang: str | None = None,
    on_event: OnEvent = ignore,
) -> RecommendRun:
    """Learn what to recommend, judge it on what users chose last, and write a run folder.

    Parameters
    ----------
    target : str or Path
        The log of the shop to recommend in: CSV, TSV, JSONL, Parquet, or MovieLens' own files; a
        column of users, one of items, and if there are, ratings and times.
    source : str or Path, optional
        The log of another shop, which has users or items in common with it.
    items : str or Path, optional
        A table of items: id, title, genres, year.
    out, overwrite
        The run folder; default ``runs/TARGET``, numbered.
    user, item, rating, time : str, optional
        Columns of the logs; default: by their names.
    at_least : float, optional
        The rating from which on an interaction counts; default: all count.
    item_id : str, optional
        The column of ids in ``items``.
    catalogue : {"auto", "target", "both"}
        What may be recommended: the target's items, or the source's too; ``"auto"``: both, if half
        of the target's items are among the source's.
    budget : float or str, optional
        How long models and weights may be tried: seconds, or ``"5m"``; the quick ones come first.
    seed : int
        Draws the order of what happened at one moment, and who is asked where there are many.

    Returns
    -------
    RecommendRun

    Raises
    ------
    DataError
        What cannot be read, one user or one item in all, nobody with two choices.
    ConfigError
        An option that does not fit, or a place that cannot be written to.
    """
    with speaking(lang):
        _refuse_unknown(catalogue)
        budget = budget_of(budget)
        read = [path for path in (source, items) if path is not None]
        folder = destination(str(target), out, overwrite, labels=read)
        clock = Clock()
        spec = Spec(user, item, rating, time, encoding, at_least)
        with clock.timed("read_s"):
            logs, table, findings = _read(target, source, items, spec, item_id, on_event)
        union = Union.of(*logs, everything=_everything(logs, catalogue))
        kinds, more = _kinds(union)
        with clock.timed("judge_s"):
            trial, known, new = _tried(union, kinds, seed, budget, on_event)
            more += _left_out(trial)
        with clock.timed("fit_s"):
            on_event(Event(_("fitting the models to everything")))
            adviser = _fitted(union, table, known, new)
        with clock.timed("new_items_s"):
            weight = adviser.known.candidate.weight
            unchosen, judged, told = find_new_items(table, union, weight, seed, on_event)
            adviser = replace(adviser, new=unchosen)
        found = {
            "schema": SCHEMA,
            "modality": BEHAVIOUR,
            "data": _counts(logs, union, target, source, trial.later),
            **known_of(known, new, trial, source is not None),
            "new": None if new is None else new_of(new),
            **({} if judged is None else {"cold_items": judged}),
            "examples": _examples(adviser, trial, known, seed),
            "findings": [asdict(one) for one in [*findings, *more, *told]],
            "seed": seed,
        }
        clock.rest("other_s")
        found["timing"] = {"total_s": clock.total, **clock.parts}
        on_event(Event(_("writing the run")))
        with whole_folder(folder) as beside:
            save_adviser(beside / MODEL, adviser)
            write_json(beside / METRICS, found)
            write_json(beside / RUN, _record(spec, target, source, items, catalogue, seed))
            REPORT.render(beside, name=folder.name)
        return RecommendRun(folder)


def _refuse_unknown(catalogue: str) -> None:
    if catalogue not in CATALOGUES:
        raise ConfigError(
            _("--catalogue {catalogue!r} is none.", catalogue=catalogue),
            _("Choose one of {names}.", names=listed(CATALOGUES, "or")),
        )


def _read(
    target: PathLike,
    source: PathLike | None,
    items: PathLike | None,
    spec: Spec,
    item_id: str | None,
    on_event: OnEvent,
) -> tuple[tuple[Log, Log | None], ItemTable | None, list[Finding]]:
    """Read and check what was given."""
    if source is not None and Path(source).resolve() == Path(target).resolve():
        raise ConfigError(
            _("Target and source are one file, {name}.", name=Path(target).name),
            _("Name another log with --source, or leave it out."),
        )
    log, findings = read_log(Path(target), spec, on_event)
    findings += check_log(log, Path(target).name)
    other, table = None, None
    if source is not None:
        other, more = read_log(Path(source), spec, on_event)
        findings += [*more, *check_log(other, Path(source).name)]
        findings += [*check_pair(log, other), *same_ids(log, other)]
    if items is not None:
        table, more = read_items(Path(items), spec.encoding, item_id)
        findings += [*more, *_unnamed(log, table, Path(items).name)]
    elif item_id is not None:
        raise ConfigError(
            _("--item-id names a column of a table of items, and there is none."),
            _("Pass the table with --items, or leave it out."),
        )
    if (np.bincount(log.user) >= 2).sum() < 2:
        raise DataError(
            _("{name}: fewer than two users chose two items.", name=Path(target).name),
            _("Nothing can be hidden and found again: at least some users need two choices."),
        )
    return (log, other), table, findings


def _unnamed(log: Log, table: ItemTable, name: str) -> list[Finding]:
    """Say how many items of the log the table knows."""
    unknown = len(set(log.items) - set(table.ids))
    if not unknown:
        return []
    if unknown == len(log.items):
        raise DataError(
            _(
                "{name} knows none of the log's {n:,} items: it writes ids such as {one!r}, the "
                "log such as {other!r}.",
                name=name,
                n=unknown,
                one=table.ids[0][:40],
                other=log.items[0][:40],
            ),
            _("Name the column of ids with --item-id, and write them in one way."),
        )
    message = _n(
        "{name} does not know {n:,} of the log's {all:,} items; it goes by its id.",
        "{name} does not know {n:,} of the log's {all:,} items; they go by their ids.",
        unknown,
        name=name,
        all=len(log.items),
    )
    return [Finding("note", "info", message, {"items": unknown})]


def _everything(logs: tuple[Log, Log | None], catalogue: str) -> bool:
    """Tell whether the source's items may be recommended too."""
    log, other = logs
    if other is None or catalogue == "target":
        return False
    shared = len(set(log.items) & set(other.items))
    return catalogue == "both" or shared >= SHARED * len(log.items)


def _kinds(union: Union) -> tuple[list[str], list[Finding]]:
    """List the models that can compete on so many items."""
    kinds, found = installed(), list[Finding]()
    if "ALS" not in kinds:
        message = _(
            "ALS does not compete: it needs the package implicit. Install it: {command}",
            command="pip install 'headstart[recommend]'",
        )
        found.append(Finding("note", "info", message, {}))
    if len(union.items) > LARGEST:
        kinds.remove("EASE")
        message = _(
            "EASE does not compete: its matrix has the square of the items ({n:,}; it is fitted to "
            "{most:,}).",
            n=len(union.items),
            most=LARGEST,
        )
        found.append(Finding("note", "info", message, {"items": len(union.items)}))
    return kinds, found


def _left_out(trial: Trial) -> list[Finding]:
    """Say what the budget left no time for."""
    if not trial.left_out:
        return []
    message = _(
        "The budget left no time for {n:,} of {all:,} models and weights; a longer one tries them.",
        n=trial.left_out,
        all=trial.fits,
    )
    return [Finding("note", "info", message, {"left_out": trial.left_out})]


def _tried(
    union: Union, kinds: Sequence[str], seed: int, budget: float | None, on_event: OnEvent
) -> tuple[Trial, Known, New | None]:
    def tell(done: int, total: int) -> None:
        on_event(Event(_("hiding choices and looking for them"), done, total, _("models")))

    trial = Trial(union, kinds, seed, tell, math.inf if budget is None else budget)
    known = trial.known()
    new = trial.new(known) if len(trial.union.source) else None
    on_event(Event(_("hiding choices and looking for them"), trial.fits, trial.fits, _("models")))
    return trial, known, new


def _fitted(union: Union, table: ItemTable | None, known: Known, new: New | None) -> Adviser:
    """Fit what was chosen to all that there is; one model for roles that chose the same."""
    chosen = known.answer.with_source
    roles = {
        "known": chosen,
        "cold": new.cold if new else chosen,
        "few": new.few if new else chosen,
    }
    models: dict[Candidate, Recommender] = {}
    for candidate in roles.values():
        if candidate not in models:
            models[candidate] = fit(candidate, union.matrix(candidate.weight), union.offered)
    titles = dict(zip(table.ids, table.titles, strict=True)) if table else {}
    named = tuple(titles.get(one, "") for one in union.items)
    known_to, new_to, by_history = (models[candidate] for candidate in roles.values())
    return Adviser(union, named, known_to, new_to, by_history)


def _counts(
    logs: tuple[Log, Log | None],
    union: Union,
    target: PathLike,
    source: PathLike | None,
    later: int,
) -> dict[str, Any]:
    def of(log: Log | None, path: PathLike | None) -> dict[str, Any] | None:
        if log is None or path is None:
            return None
        return {
            "name": Path(path).name,
            "users": len(log.users),
            "items": len(log.items),
            "interactions": len(log),
            "timed": log.time is not None,
        }

    log, other = logs
    return {
        "target": of(log, target),
        "source": of(other, source),
        "shared_users": len(set(log.users) & set(other.users)) if other else 0,
        "shared_items": len(set(log.items) & set(other.items)) if other else 0,
        "offered": union.offered,
        "later": later,
    }


def _examples(adviser: Adviser, trial: Trial, known: Known, seed: int) -> list[dict[str, Any]]:
    """Show users with what they chose, what was hidden, and what was recommended."""
    rng = np.random.default_rng(seed)
    answer = known.answer
    drawn = rng.permutation(len(answer.users))[:EXAMPLES]
    found = []
    for place in sorted(drawn.tolist()):
        user = answer.users[[place]]
        before = trial.union.target.item[trial.history.before(user, SHOWN)]
        hidden = int(trial.union.target.item[trial.history.back(user)[0]])
        found.append(
            {
                "user": trial.union.users[int(user[0])],
                "history": [adviser.title(int(i)) for i in before],
                "hidden": adviser.title(hidden),
                "rank": float(answer.ranks_with[place]),
                "rank_without": float(answer.ranks_without[place]),
                "recommended": [adviser.title(int(i)) for i in known.first[place][:SHOWN]],
            }
        )
    return found


def _record(
    spec: Spec,
    target: PathLike,
    source: PathLike | None,
    items: PathLike | None,
    catalogue: str,
    seed: int,
) -> dict[str, Any]:
    """Write down what would be needed to repeat the run; no user or host name goes in."""
    names = {"target": target, "source": source, "items": items}
    return {
        "modality": BEHAVIOUR,
        "config": {
            **{k: None if path is None else Path(path).name for k, path in names.items()},
            **asdict(spec),
            "catalogue": catalogue,
            "seed": seed,
        },
        "versions": {"headstart": __version__, "python": platform.python_version()}
        | {name: importlib.metadata.version(name) for name in ("numpy", "pyarrow", "scipy")},
        "host": {"system": platform.system(), "machine": platform.machine()},
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
    }
