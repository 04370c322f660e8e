"""Checks of logs: what limits the figures, and what a source can have in common with a target."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np

from headstart.behaviour.log import Log
from headstart.errors import DataError
from headstart.findings import Finding
from headstart.said import N_, _, _n, commas, day, sentences

TOP = 0.01
"""Share of items that count as the most popular (plain choice)."""
UNIQUE = 0.9
"""Items per interaction from which on hardly anything is chosen twice (plain choice)."""
SAME = 0.9
"""Share of ids that two columns have in common from which on they are one (plain choice)."""
AT_ONCE = 0.1
"""Share of interactions at one second with another of the user from which on it is said."""
JOINED = 0.05
"""Share of the smaller set of ids that a change of spelling joins, from which on it is said."""
_WHOLE = r"^0*(\d+)(?:\.0+)?$"


def check_log(log: Log, name: str) -> list[Finding]:
    """Look at a log by itself.

    Parameters
    ----------
    name : str
        What sentences call it, such as the file's name.

    Raises
    ------
    DataError
        Nothing, or one user, or one item in all: there is nothing to compare.
    """
    if not len(log):
        raise DataError(_("{name} has no interactions.", name=name))
    _refuse_single(log, name)
    return [*_history(log, name), *_popularity(log, name), *_looks(log, name), *_order(log, name)]


def check_pair(target: Log, source: Log) -> list[Finding]:
    """Say what a source has in common with a target, and what it knows of the target's future."""
    (our_users, our_items), (their_users, their_items) = _present(target), _present(source)
    users, items = len(our_users & their_users), len(our_items & their_items)
    figures: dict[str, object] = {
        "users": users,
        "items": items,
        "target_users": len(our_users),
        "target_items": len(our_items),
    }
    found = [*_swapped(target, source, users, items), *_future(target, source)]
    if not users and not items:
        message = _(
            "Target and source share no user and no item, so nothing that users of the source did "
            "can be transferred. What items are can be: pass their titles or descriptions with "
            "--items."
        )
        return [Finding("shared", "warning", message, figures), *found]
    message = _(
        "Target and source share {users:,} of the target's {all_users:,} users and {items:,} of "
        "its {all_items:,} items.",
        users=users,
        all_users=len(our_users),
        items=items,
        all_items=len(our_items),
    )
    return [Finding("shared", "info", message, figures), *found]


def _present(log: Log) -> tuple[set[str], set[str]]:
    """Return the users and items that meet anything: of a part of a log not all do."""
    users = {log.users[place] for place in np.unique(log.user).tolist()}
    return users, {log.items[place] for place in np.unique(log.item).tolist()}


def same_ids(target: Log, source: Log) -> list[Finding]:
    """Find ids that would be shared if both tables wrote them in one way: ``1`` and ``1.0``.

    Ids stay as they are written: only whoever made the tables knows whether ``01`` is ``1``.
    """
    return [
        *_joined(target.users, source.users, _USERS),
        *_joined(target.items, source.items, _ITEMS),
    ]


_USERS = N_(
    "Target and source share {shared:,} users as they are written, and {joined:,} if case, spaces, "
    "leading zeros and .0 did not count: {examples}. If they are the same people, write their ids "
    "in one way in both tables."
)
_ITEMS = N_(
    "Target and source share {shared:,} items as they are written, and {joined:,} if case, spaces, "
    "leading zeros and .0 did not count: {examples}. If they are the same things, write their ids "
    "in one way in both tables."
)


def _joined(target: Sequence[str], source: Sequence[str], said: str) -> list[Finding]:
    ours, theirs = dict(_spelled(target)), dict(_spelled(source))
    shared = len(set(target) & set(source))
    apart = [s for s in ours.keys() & theirs.keys() if ours[s] != theirs[s]]
    joined = len(ours.keys() & theirs.keys())
    if joined - shared < max(1, JOINED * min(len(target), len(source))):
        return []
    pairs = [_("{one!r} and {other!r}", one=ours[s], other=theirs[s]) for s in sorted(apart)[:3]]
    message = _(said, shared=shared, joined=joined, examples=commas(pairs))
    return [Finding("shared", "warning", message, {"shared": shared, "joined": joined})]


def _spelled(ids: Sequence[str]) -> list[tuple[str, str]]:
    """Pair every id, written in the plainest way, with itself."""
    import pyarrow as pa
    import pyarrow.compute as pc

    texts = pc.utf8_lower(pc.utf8_normalize(pa.array(ids, pa.string()), "NFKC"))
    texts = pc.replace_substring_regex(texts, r"\s+", "")
    texts = pc.replace_substring_regex(texts, _WHOLE, r"\1")
    return list(zip(texts.to_pylist(), ids, strict=True))


def _refuse_single(log: Log, name: str) -> None:
    if (log.user == log.user[0]).all():
        only = log.users[log.user[0]][:40]
        raise DataError(
            _("{name} has one user in all, {id!r}.", name=name, id=only),
            _("To recommend, others have to have chosen too. Is the right column named (--user)?"),
        )
    if (log.item == log.item[0]).all():
        only = log.items[log.item[0]][:40]
        raise DataError(
            _("{name} has one item in all, {id!r}.", name=name, id=only),
            _("There is nothing else to recommend. Is the right column named (--item)?"),
        )


def _history(log: Log, name: str) -> list[Finding]:
    """Count the users and items of which hardly anything is known."""
    by_user, by_item = (np.unique(codes, return_counts=True)[1] for codes in (log.user, log.item))
    users, items = int((by_user == 1).sum()), int((by_item == 1).sum())
    if not users and not items:
        return []
    message = _(
        "{name}: {users:,} of {all_users:,} users chose one item only, and {items:,} of "
        "{all_items:,} items were chosen once: little can be learned of them. Who chose one item "
        "cannot be judged: it would be the one to find.",
        name=name,
        users=users,
        all_users=len(by_user),
        items=items,
        all_items=len(by_item),
    )
    most = users > len(by_user) / 2
    figures: dict[str, object] = {"users": users, "items": items}
    return [Finding("history", "warning" if most else "info", message, figures)]


def _popularity(log: Log, name: str) -> list[Finding]:
    counts = np.sort(np.unique(log.item, return_counts=True)[1])[::-1]
    top = max(1, round(TOP * len(counts)))
    share = float(counts[:top].sum() / counts.sum())
    message = _n(
        "{name}: the most popular item ({part:.1%} of them) holds {share:.1%} of all interactions.",
        "{name}: the {n:,} most popular items ({part:.1%} of them) hold {share:.1%} of all "
        "interactions.",
        top,
        name=name,
        part=top / len(counts),
        share=share,
    )
    return [Finding("popularity", "info", message, {"items": top, "share": share})]


def _looks(log: Log, name: str) -> list[Finding]:
    """Doubt columns that look like something else."""
    found = []
    if len(log.items) > UNIQUE * len(log):
        message = _(
            "{name}: nearly every interaction has an item of its own ({items:,} items in {n:,} "
            "interactions). If the column numbers orders or visits, name that of the items with "
            "--item.",
            name=name,
            items=len(log.items),
            n=len(log),
        )
        found.append(Finding("note", "warning", message, {"items": len(log.items)}))
    users, items = set(log.users), set(log.items)
    is_one = len(users & items) >= SAME * len(users | items)
    if is_one and not all(map(str.isdecimal, users)):
        message = _(
            "{name}: users and items have the same ids. Are both columns the right ones (--user, "
            "--item)?",
            name=name,
        )
        found.append(Finding("note", "warning", message, {"same": len(users & items)}))
    return found


def _order(log: Log, name: str) -> list[Finding]:
    """Say over which time it goes, and how much of it has no order."""
    if log.time is None:
        return []
    order = np.lexsort((log.time, log.user))
    user, second = log.user[order], np.floor(log.time[order])
    ties = (user[1:] == user[:-1]) & (second[1:] == second[:-1])
    tied = np.append(ties, False) | np.insert(ties, 0, False)
    share = float(tied.mean()) if len(log) else 0.0
    untied = np.zeros(len(log.users), bool)
    untied[user[1:][(user[1:] == user[:-1]) & (second[1:] != second[:-1])]] = True
    several = np.bincount(log.user, minlength=len(log.users)) > 1
    at_once = int((several & ~untied).sum())
    span = _span(log, name)
    if share < AT_ONCE and not at_once:
        return [Finding("order", "info", span)] if span else []
    ties_said = _(
        "{share:.1%} of the interactions have the same second as another of the same user: which "
        "of them counts as the last is drawn by chance.",
        share=share,
    )
    forms_said = _n(
        "{n:,} user has all at one second, as forms and imports write them.",
        "{n:,} users have all at one second, as forms and imports write them.",
        at_once,
    )
    said = sentences(span, ties_said, forms_said if at_once else "")
    return [Finding("order", "info", said, {"share": share, "users": at_once})]


def _span(log: Log, name: str) -> str:
    """Say the first and the last day; nothing where times are only numbers in order."""
    assert log.time is not None
    try:
        first, last = (datetime.fromtimestamp(t, UTC) for t in (log.time.min(), log.time.max()))
    except (ValueError, OverflowError, OSError):
        return ""
    if first.year < 1971 and last.year < 1974:  # a counter
        return ""
    return _("{name} goes from {first} to {last}.", name=name, first=day(first), last=day(last))


def _swapped(target: Log, source: Log, users: int, items: int) -> list[Finding]:
    """Notice that the users of one are the items of the other."""
    if all(map(str.isdecimal, (*target.users[:100], *target.items[:100]))):
        return []  # both count from 1
    crossed = len(set(target.users) & set(source.items)) + len(
        set(target.items) & set(source.users)
    )
    if crossed <= users + items:
        return []
    message = _n(
        "{n:,} id is a user in one table and an item in the other: the columns look swapped. Name "
        "them with --user and --item.",
        "{n:,} ids are users in one table and items in the other: the columns look swapped. Name "
        "them with --user and --item.",
        crossed,
    )
    return [Finding("note", "warning", message, {"crossed": crossed})]


def _future(target: Log, source: Log) -> list[Finding]:
    """Count what the source holds from after the target's last interactions.

    Of a shared user his own last interaction counts, of others that of all.
    """
    if target.time is None or source.time is None:
        return []
    last = np.full(len(target.users), -np.inf)
    np.maximum.at(last, target.user, target.time)
    place = target.place_of_user
    end = float(target.time.max())
    until = np.array([last[place[u]] if u in place else end for u in source.users])
    later = int((source.time > until[source.user]).sum())
    if not later:
        return []
    message = _(
        "{share:.1%} of the source's interactions ({n:,}) are later than the target's last ones, "
        "of the same user where there is one. What is recommended for a day may not be learned "
        "from the days after it: for judging they are left out.",
        n=later,
        share=later / len(source),
    )
    return [Finding("note", "info", message, {"later": later})]
