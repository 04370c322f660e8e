"""Recommendation: does what happened in another shop help, and is a wrong source declined?

    python benchmarks/recommend.py ML100K [--seeds 3] [--only-new-items]

ML100K is the folder of MovieLens 100k (``u.data``, ``u.item``). Every rating counts as chosen; the
last one of a user, in time, is to be found among all items that the user has not chosen. All that
follows is asked by the trial that ``headstart recommend`` makes (``behaviour/trial.py``).

A new community: 40 users with their last k interactions before it are the target, 754 others the
source; shuffled: the items of the source are dealt anew. Another domain: the items of one genre are
the target, all others the source; shuffled: the users of the source are dealt anew. ``new``: users
with nothing in the target; ``known``: the others. ``gain`` is of Recall@20 against the best model
without the source, with a 95 % interval over users (of domains, whose users are the same in every
seed, that of the first seed).

Peers: on all of it, without a source, implicit's own ALS and BPR as it recommends to the users they
were trained on.

New items: three times a fifth of the films is held out as if nobody had chosen them, and told by
genres and year, by texts, and by both; ``gain_of_text`` is of the way that is chosen against genres
and year.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from scipy.sparse import csr_matrix
from threadpoolctl import threadpool_limits

from headstart.behaviour.cold import judge
from headstart.behaviour.content import features
from headstart.behaviour.items import ItemTable, read_items
from headstart.behaviour.log import Log
from headstart.behaviour.models import Candidate, fit, installed
from headstart.behaviour.outcome import compared
from headstart.behaviour.read import Spec, read_log
from headstart.behaviour.trial import KS, Answer, Asked, Trial, ranks_of
from headstart.behaviour.union import Union
from headstart.jobs.item_texts import text_vectors
from headstart.machine import Machine
from headstart.tasks.ranking import ndcg_at, ranks, recall_at

NEIGHBOURS, COMMUNITY = 40, 754
HISTORIES, GENRES = (1, 3, 10, 1000), ("Sci-Fi", "Horror", "Romance", "Children's")


def part(log: Log, rows: np.ndarray) -> Log:
    """Keep some interactions and only the users and items in them."""
    users, user = np.unique(log.user[rows], return_inverse=True)
    items, item = np.unique(log.item[rows], return_inverse=True)
    names = tuple(log.users[u] for u in users), tuple(log.items[i] for i in items)
    assert log.time is not None
    return Log(*names, user.astype(np.int32), item.astype(np.int32), log.time[rows])


def shuffled(names: tuple[str, ...], rng: np.random.Generator) -> tuple[str, ...]:
    """Deal names anew."""
    return tuple(names[i] for i in rng.permutation(len(names)))


def told(name: str, answers: list[Answer], more: str = "", *, again: bool = False) -> None:
    """Print recall, nDCG, the gain with its interval, and what the source weighed.

    ``again``: the answers are of the same users, so that the interval is that of the first.
    """
    ours = np.concatenate([one.ranks_with for one in answers])
    theirs = np.concatenate([one.ranks_without for one in answers])
    gain = recall_at(ours, 20).mean() - recall_at(theirs, 20).mean()
    found = (
        compared(answers[0].ranks_with, answers[0].ranks_without)
        if again
        else compared(ours, theirs)
    )
    low, high = found.gain_ci95
    print(
        f"{name}: Recall@20 {recall_at(theirs, 20).mean():.3f} -> {recall_at(ours, 20).mean():.3f}"
        f", nDCG@10 {ndcg_at(theirs, 10).mean():.3f} -> {ndcg_at(ours, 10).mean():.3f}; gain "
        f"{gain:+.3f} ({low:+.3f} to {high:+.3f}), {found.decision}; "
        f"{[(one.with_source.kind, one.with_source.weight) for one in answers]}{more}",
        flush=True,
    )


def communities(log: Log, k: int, seeds: int, *, wrong: bool) -> Iterator[tuple[Log, Log, int]]:
    """Draw small communities and large sources."""
    for seed in range(seeds):
        rng = np.random.default_rng(seed)
        dealt = rng.permutation(len(log.users))
        order = np.lexsort((rng.random(len(log)), log.time, log.user))
        own = [order[log.user[order] == user][-k - 1 :] for user in dealt[:NEIGHBOURS]]
        others = np.isin(log.user, dealt[NEIGHBOURS : NEIGHBOURS + COMMUNITY])
        source = part(log, others)
        if wrong:
            source = replace(source, items=shuffled(source.items, rng))
        yield part(log, np.concatenate(own)), source, seed


def community(log: Log, k: int, seeds: int, *, wrong: bool) -> None:
    """Let a small community learn from a large one."""
    known, popular = [], []
    for target, source, seed in communities(log, k, seeds, wrong=wrong):
        union = Union.of(target, source, everything=True)
        found = Trial(union, installed(), seed).known()
        known.append(found.answer)
        popular.append(found.rivals["source's popularity"])
    name = f"new community, last {k if k < 1000 else 'all'}{', items shuffled' if wrong else ''}"
    source = recall_at(np.concatenate(popular), 20).mean()
    told(name, known, f"; source's popularity {source:.3f}")


def domain(log: Log, mine: np.ndarray, genre: str, seeds: int, *, wrong: bool) -> None:
    """Recommend in a domain, with another domain's log."""
    inside = mine[log.item]
    known: list[Answer] = []
    new: dict[int, list[Answer]] = {k: [] for k in KS}
    for seed in range(seeds):
        target, source = part(log, inside), part(log, ~inside)
        if wrong:
            dealt = shuffled(source.users, np.random.default_rng(seed))
            source = replace(source, users=dealt)
        trial = Trial(Union.of(target, source, everything=False), installed(), seed)
        found = trial.known()
        known.append(found.answer)
        for k, answer in trial.new(found).answers.items():
            new[k].append(answer)
    name = f"{genre}{', users shuffled' if wrong else ''}"
    for k, answers in new.items():
        if k == 0 or not wrong:
            told(f"{name}, new users with {k}", answers, again=True)
    told(f"{name}, known users", known, again=True)


def peers(log: Log) -> None:
    """Compare models without a source: ours, and the library's own way of recommending."""
    from implicit.cpu.als import AlternatingLeastSquares
    from implicit.cpu.bpr import BayesianPersonalizedRanking

    union = Union.of(log, None, everything=False)
    trial = Trial(union, installed(), 0)
    users = np.flatnonzero(trial.history.counts >= 2)
    last = trial.history.back(users)
    rows = np.ones(len(log), bool)
    rows[last] = False
    asked, X = Asked(users, log.item[last]), union.matrix(0.0, rows)

    def line(name: str, found: np.ndarray, began: float) -> None:
        print(
            f"{name}: Recall@20 {recall_at(found, 20).mean():.3f}, nDCG@10 "
            f"{ndcg_at(found, 10).mean():.3f}, {time.process_time() - began:.1f} CPU s",
            flush=True,
        )

    with threadpool_limits(1):
        for kind in installed():
            began = time.process_time()
            model = fit(Candidate(kind, 0.0, 300.0), X, union.offered)
            line(kind, ranks_of(model, union, rows, asked), began)
        for maker in (AlternatingLeastSquares, BayesianPersonalizedRanking):
            began = time.process_time()
            model = maker(factors=64, random_state=0, num_threads=1)
            model.fit(csr_matrix(X), show_progress=False)
            scores = model.user_factors[users] @ model.item_factors.T
            found = ranks(scores, asked.wanted, X[users].toarray() > 0)
            line(f"implicit's {maker.__name__}, as it comes", found, began)


def cold(log: Log, table: ItemTable) -> None:
    """Tell films that nobody has chosen by their content."""
    place = log.place_of_item
    rows = np.array([row for row, name in enumerate(table.ids) if name in place])
    columns = np.array([place[table.ids[row]] for row in rows])
    vectors, findings = text_vectors([table.text[row] for row in rows], Machine.here())
    for finding in findings:
        print(finding.message)
    found = judge(log.matrix(), features(table, rows, vectors), columns)
    assert found is not None
    ways = ", ".join(f"{way['name']} {way['recall']:.3f}" for way in found["ways"])
    print(
        f"new items, {found['items']} held out: Recall@{found['at']} {found['chosen']:.3f} "
        f"({ways}; content shuffled {found['shuffled']:.3f}, by chance {found['chance']:.3f})"
    )
    for name in ("gain", "gain_of_text"):
        if found[name] is not None:
            low, high = found[name]["gain_ci95"]
            print(f"{name} {found[name]['gain']:+.3f} ({low:+.3f} to {high:+.3f})", flush=True)


def main() -> None:
    """Read the log, and go through the set-ups."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--only-new-items", action="store_true")
    given = parser.parse_args()
    log = read_log(given.folder / "u.data", Spec())[0]
    table = read_items(given.folder / "u.item", "utf-8")[0]
    cold(log, table)
    if given.only_new_items:
        return
    tags = dict(zip(table.ids, table.tags, strict=True))
    peers(log)
    for wrong in (False, True):
        for k in HISTORIES:
            community(log, k, given.seeds, wrong=wrong)
        for genre in GENRES:
            mine = np.array([genre in tags.get(item, ()) for item in log.items])
            domain(log, mine, genre, given.seeds, wrong=wrong)


if __name__ == "__main__":
    main()
