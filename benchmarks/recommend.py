"""Recommendation: does what happened in another shop help, and is a wrong source declined?

    python benchmarks/recommend.py ML100K [--seeds 3]

ML100K is the folder of MovieLens 100k (``u.data``, ``u.item``). Every rating counts as chosen; the
last one of a user, in time, is to be found among all items that the user has not seen.

A new community: 40 users with their last k interactions before it are the target, 754 others the
source; shuffled: the items of the source are dealt anew. Another domain: the items of one genre are
the target, all others the source; a quarter of the users who know both come without anything in the
target, only with what they did in the source before; shuffled: the users of the source are dealt
anew. The weight of the source, 0 among them, is chosen without the items that are to be found: on
the last but one of each history, and on another quarter of the users. ``gain`` is of Recall@20
against the better of popularity and EASE of the target alone, with a 95 % interval over users.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np
from scipy.sparse import csr_array, vstack

from headstart.behaviour.ease import Ease, fit, weighed
from headstart.behaviour.items import read_items
from headstart.behaviour.log import Log
from headstart.behaviour.read import Spec, read_log
from headstart.behaviour.weight import WEIGHTS, choose
from headstart.judge.verdict import from_test_set
from headstart.tasks.ranking import discount, ndcg_at, ranks, recall_at

STRENGTH, NEIGHBOURS, COMMUNITY = 100.0, 40, 754
UNSEEN = 0.1  # the weight where a history of one leaves nothing to choose it by
HISTORIES, GENRES = (1, 3, 10, 1000), ("Sci-Fi", "Horror", "Romance", "Children's")
Ints = np.ndarray


def part(log: Log, rows: np.ndarray) -> Log:
    """Keep some interactions and only the users and items in them."""
    users, user = np.unique(log.user[rows], return_inverse=True)
    items, item = np.unique(log.item[rows], return_inverse=True)
    names = tuple(log.users[u] for u in users), tuple(log.items[i] for i in items)
    return Log(*names, user.astype(np.int32), item.astype(np.int32))


def shuffled(names: tuple[str, ...], rng: np.random.Generator) -> tuple[str, ...]:
    """Deal names anew."""
    return tuple(names[i] for i in rng.permutation(len(names)))


def with_popularity(model: Ease, histories: csr_array, popular: np.ndarray) -> np.ndarray:
    """Score, and let popularity order what no history speaks for."""
    return model.scores(histories) + 1e-6 * popular / max(popular.max(), 1)


def told(name: str, ours: np.ndarray, rivals: dict[str, np.ndarray], weights: list[float]) -> None:
    """Print recall, nDCG, gain with its interval and the weights chosen."""
    best = max(rivals, key=lambda n: recall_at(rivals[n], 20).mean())
    recall, ndcg = recall_at(ours, 20), ndcg_at(ours, 10)
    found = from_test_set(recall, recall_at(rivals[best], 20), metric="recall")
    low, high = found.gain_ci95
    others = ", ".join(f"{n} {recall_at(r, 20).mean():.3f}" for n, r in rivals.items())
    print(
        f"{name}: Recall@20 {recall.mean():.3f}, nDCG@10 {ndcg.mean():.3f} ({others}); gain "
        f"{found.gain:+.3f} ({low:+.3f} to {high:+.3f}), {found.decision}; weights {weights}",
        flush=True,
    )


def community(log: Log, k: int, seeds: int, *, wrong: bool) -> None:
    """Let a small community learn from a large one."""
    ours: list[np.ndarray] = []
    rivals: dict[str, list[np.ndarray]] = {"popularity": [], "EASE": [], "source's popularity": []}
    weights = []
    for seed in range(seeds):
        rng = np.random.default_rng(seed)
        dealt = rng.permutation(len(log.users))
        order = np.lexsort((rng.random(len(log)), log.time, log.user))
        own, last = [], []
        for user in dealt[:NEIGHBOURS]:
            rows = order[log.user[order] == user]
            own.append(rows[:-1][-k:])
            last.append(log.items[log.item[rows[-1]]])
        others = np.flatnonzero(np.isin(log.user, dealt[NEIGHBOURS : NEIGHBOURS + COMMUNITY]))
        source = part(log, others)
        if wrong:
            source = replace(source, items=shuffled(source.items, rng))
        target = part(log, np.concatenate(own))
        fewer = part(log, np.concatenate([rows[:-1] for rows in own])) if k > 1 else None
        users = [log.users[u] for u in dealt[:NEIGHBOURS]]

        def rank(own: Log, wanted: list[str], weight: float, source: Log = source,
                 users: list[str] = users) -> np.ndarray:  # fmt: skip
            X, union = weighed(own, source, weight)
            n = len(union.items)
            empty = csr_array((1, n), dtype=np.float32)
            place = union.place_of_user
            H = vstack([X[[place[u]]] if u in place else empty for u in users]).tocsr()
            at = np.array([union.place_of_item[name] for name in wanted])
            popular = np.asarray(X.multiply(X).sum(axis=0)).ravel()
            return ranks(with_popularity(fit(X, STRENGTH), H, popular), at, H.toarray() > 0)

        known = [i for i, name in enumerate(last) if name in {*target.items, *source.items}]
        last = [name if i in known else source.items[0] for i, name in enumerate(last)]
        weight = UNSEEN
        if fewer is not None:
            hidden = [log.items[log.item[rows[-1]]] for rows in own]
            there = {*fewer.items, *source.items}
            hidden = [name if name in there else source.items[0] for name in hidden]
            weight = choose({w: discount(rank(fewer, hidden, w)) for w in WEIGHTS})
        weights.append(weight)
        ours.append(rank(target, last, weight)[known])
        rivals["EASE"].append(rank(target, last, 0.0)[known])
        for name, log_of in (("popularity", target), ("source's popularity", source)):
            _, union = weighed(target, source, 0.0)
            count = dict.fromkeys(union.items, 0)
            for i in log_of.item:
                count[log_of.items[i]] += 1
            popular = np.array([count[i] for i in union.items], float)
            H = np.zeros((NEIGHBOURS, len(union.items)), bool)
            at = union.place_of_item
            for row, user in enumerate(users):
                mine = target.item[target.user == target.place_of_user[user]]
                H[row, [at[target.items[i]] for i in mine]] = True
            places = np.array([at[n] for n in last])
            found = ranks(np.tile(popular, (NEIGHBOURS, 1)), places, H)
            rivals[name].append(found[known])
    joined = {name: np.concatenate(found) for name, found in rivals.items()}
    name = f"new community, last {k if k < 1000 else 'all'}{', items shuffled' if wrong else ''}"
    told(name, np.concatenate(ours), joined, weights)


def domain(log: Log, mine: np.ndarray, genre: str, seeds: int, *, wrong: bool) -> None:
    """Recommend in a domain to users who are known from another."""
    ours, popularity, weights = [], [], []
    inside = mine[log.item]
    for seed in range(seeds):
        rng = np.random.default_rng(seed)
        order = np.lexsort((rng.random(len(log)), log.time, log.user))
        count = np.bincount(log.user[inside], minlength=len(log.users))
        both = rng.permutation(np.flatnonzero(count >= 2))
        new, asked = np.array_split(both, 4)[:2]

        def rank(users: Ints, hidden: Ints, weight: float, order: Ints = order,
                 seed: int = seed) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
            learned = ~np.isin(log.user, hidden)
            source = part(log, learned & ~inside)
            if wrong:
                source = replace(source, users=shuffled(source.users, np.random.default_rng(seed)))
            target = part(log, learned & inside)
            X, union = weighed(target, source, weight)
            columns, at = np.arange(len(target.items)), union.place_of_item
            wanted, H = [], np.zeros((len(users), len(union.items)), np.float32)
            for row, user in enumerate(users):
                rows = order[log.user[order] == user]
                last = rows[inside[rows]][-1]
                before = rows[~inside[rows] & (log.time[rows] < log.time[last])]
                names = (log.items[i] for i in log.item[before])
                H[row, [at[n] for n in names if n in at]] = np.sqrt(weight)
                wanted.append(at.get(log.items[log.item[last]], 0))
            popular = np.bincount(target.item, minlength=len(columns)).astype(float)
            scores = with_popularity(fit(X, STRENGTH, columns), csr_array(H), popular)
            none = np.zeros(scores.shape, bool)
            at_rank = np.array(wanted)
            alone = ranks(np.tile(popular, (len(users), 1)), at_rank, none)
            return ranks(scores, at_rank, none), alone

        hidden = np.concatenate([new, asked])
        weight = choose({w: discount(rank(asked, hidden, w)[0]) for w in WEIGHTS})
        weights.append(weight)
        found, alone = rank(new, new, weight)
        ours.append(found)
        popularity.append(alone)
    name = f"{genre}, nothing in it{', users shuffled' if wrong else ''}"
    told(name, np.concatenate(ours), {"popularity": np.concatenate(popularity)}, weights)


def main() -> None:
    """Read the log, and go through the set-ups."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seeds", type=int, default=3)
    given = parser.parse_args()
    log = read_log(given.folder / "u.data", Spec())[0]
    table = read_items(given.folder / "u.item", "utf-8")[0]
    tags = dict(zip(table.ids, table.tags, strict=True))
    for wrong in (False, True):
        for k in HISTORIES:
            community(log, k, given.seeds, wrong=wrong)
        for genre in GENRES:
            mine = np.array([genre in tags.get(item, ()) for item in log.items])
            domain(log, mine, genre, given.seeds, wrong=wrong)


if __name__ == "__main__":
    main()
