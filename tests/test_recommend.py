"""Recommending from logs: the trial, the models, the run on disk, the command."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from implicit.cpu.als import AlternatingLeastSquares
from scipy.sparse import csr_array, csr_matrix
from sklearn.base import clone
from threadpoolctl import threadpool_limits

import headstart as hs
from conftest import ITEMS, TASTES, USERS, draw_log
from headstart.behaviour import factors, neighbours
from headstart.behaviour.advice import Asking
from headstart.behaviour.hidden import History, known_before, told_by
from headstart.behaviour.log import Log
from headstart.behaviour.models import Candidate, Recommender, fit
from headstart.behaviour.trial import Asked, Trial, ranks_of
from headstart.behaviour.union import Union
from headstart.errors import ArtifactError


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A target, a source whose users have the same tastes, one whose users are dealt anew."""
    root = tmp_path_factory.mktemp("shop")
    draw_log(root / "books.csv", seed=0, prefix="b")
    draw_log(root / "films.csv", seed=1, prefix="f")
    others = [int(u) for u in np.random.default_rng(2).permutation(USERS)]
    draw_log(root / "others.csv", seed=1, prefix="f", users=others)
    with (root / "items.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["item_id", "title", "genre"])
        table.writerows([f"b{i}", f"Book <{i}>, The", f"taste{i % TASTES}"] for i in range(ITEMS))
    return root


@pytest.fixture(scope="module")
def run(shop: Path, tmp_path_factory: pytest.TempPathFactory) -> hs.RecommendRun:
    folder = tmp_path_factory.mktemp("runs") / "books"
    given = {"source": shop / "films.csv", "items": shop / "items.csv"}
    return hs.recommend(shop / "books.csv", out=folder, **given)


def log_of(rows: list[tuple[int, int, float]], users: int, items: int) -> Log:
    user, item, time = (np.array(column) for column in zip(*rows, strict=True))
    names = tuple(f"u{i}" for i in range(users)), tuple(f"i{i}" for i in range(items))
    return Log(*names, user.astype(np.int32), item.astype(np.int32), time.astype(float))


def test_the_last_choice_is_the_latest_and_those_before_it_follow() -> None:
    log = log_of([(0, 0, 3), (1, 1, 1), (0, 2, 1), (0, 1, 2), (1, 0, 5)], 3, 3)
    history = History.of(log, np.random.default_rng(0))
    assert history.counts.tolist() == [3, 2, 0]
    both = np.array([0, 1])
    assert log.item[history.back(both)].tolist() == [0, 0]
    assert log.item[history.back(both, 2)].tolist() == [1, 1]
    assert log.item[history.before(np.array([0]), 1)].tolist() == [1]
    assert sorted(log.item[history.before(both, 9)].tolist()) == [1, 1, 2]
    assert not len(history.before(both, 0))


def test_what_happened_at_one_moment_is_ordered_by_chance_and_by_the_seed() -> None:
    log = log_of([(0, i, 7) for i in range(8)], 1, 8)

    def last(seed: int) -> int:
        return int(History.of(log, np.random.default_rng(seed)).back(np.array([0]))[0])

    assert len({last(seed) for seed in range(20)}) > 3
    assert last(3) == last(3)


def test_of_the_source_only_what_came_before_a_users_last_choice_is_known() -> None:
    target = log_of([(0, 0, 5), (0, 1, 10), (1, 0, 20)], 3, 2)
    source = log_of([(0, 0, 9), (0, 1, 10), (1, 1, 15), (2, 0, 19), (2, 1, 21)], 3, 2)
    assert known_before(target, source).tolist() == [True, False, True, True, False]


def test_what_target_and_source_both_have_is_no_knowledge_of_the_source() -> None:
    target = log_of([(0, 0, 5), (0, 1, 10), (1, 2, 20)], 2, 3)
    source = log_of([(0, 1, 1), (0, 2, 1), (1, 2, 1)], 2, 3)
    assert told_by(target, source).tolist() == [True, False, True]


def test_a_copy_of_the_target_as_its_source_helps_nobody(shop: Path, tmp_path: Path) -> None:
    rows = [row.rpartition(",")[0] for row in (shop / "books.csv").read_text().splitlines()]
    for name in ("books", "copy"):
        (tmp_path / f"{name}.csv").write_text("\n".join(rows))
    given = {"source": tmp_path / "copy.csv", "out": tmp_path / "run"}
    found = hs.recommend(tmp_path / "books.csv", **given).metrics
    assert {verdict["decision"] for verdict in found["verdicts"].values()} == {"cannot tell"}


def test_two_logs_share_users_and_items_by_their_ids() -> None:
    target = log_of([(0, 0, 1), (1, 1, 1)], 2, 2)
    source = Log(("x", "u1"), ("i1", "y"), np.array([0, 1, 1], np.int32), np.array([0, 0, 1], "i4"))
    union = Union.of(target, source, everything=False)
    assert union.users == ("u0", "u1", "x")
    assert union.items == ("i0", "i1", "y")
    assert (union.own, union.offered) == (2, 2)
    X = union.matrix(0.25).toarray()
    assert X.tolist() == [[1, 0, 0], [0, 1, 0.5], [0, 0.5, 0]]  # u1 has i1 in both: it counts 1
    assert union.matrix(0.0).toarray().tolist() == [[1, 0, 0], [0, 1, 0], [0, 0, 0]]
    only = union.matrix(1.0, np.array([True, False])).toarray()
    assert only.tolist() == [[1, 0, 0], [0, 1, 1], [0, 1, 0]]


def test_neighbours_are_the_shrunk_cosines_of_columns() -> None:
    X = csr_array(np.array([[1, 1, 0], [1, 1, 0], [1, 0, 1]], np.float32))
    found = neighbours.fit(X, 3).matrix().toarray()
    length = np.sqrt([3, 2, 1])
    wanted = np.array([[0, 2, 1], [2, 0, 0], [1, 0, 0]]) / (np.outer(length, length) + 10)
    np.testing.assert_allclose(found, wanted, rtol=1e-6)
    few = neighbours.fit(X, 2)
    np.testing.assert_allclose(few.scores(X[[2]]), wanted[[0, 2]].sum(0)[None, :2], rtol=1e-6)


def test_only_the_nearest_neighbours_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(neighbours, "NEAREST", 2)
    monkeypatch.setattr(neighbours, "PART", 3)
    X = csr_array((np.random.default_rng(0).random((30, 8)) < 0.5).astype(np.float32))
    kept = neighbours.fit(X, 8).matrix().toarray()
    monkeypatch.setattr(neighbours, "NEAREST", 100)
    everything = neighbours.fit(X, 8).matrix().toarray()
    for column in range(8):
        best = np.sort(everything[:, column])[-2:]
        np.testing.assert_allclose(np.sort(kept[:, column])[-2:], best)
        assert (kept[:, column] > 0).sum() == 2


def test_a_history_is_placed_among_factors_as_implicit_places_it() -> None:
    X = csr_array((np.random.default_rng(0).random((50, 20)) < 0.3).astype(np.float32))
    ours = factors.fit(X, 20)
    again = factors.fit(X, 20)
    np.testing.assert_array_equal(ours.V, again.V)
    with threadpool_limits(1, "blas"):
        library = AlternatingLeastSquares(
            factors=factors.SIZE, regularization=factors.PENALTY, num_threads=1
        )
        library.item_factors = ours.V
        weighed = csr_matrix(X)
        weighed.data = 1 + factors.CONFIDENCE * weighed.data
        placed = library.recalculate_user(np.arange(50), weighed)
    np.testing.assert_allclose(ours.scores(X), placed @ ours.V.T, atol=1e-4)
    history = X[[3]]
    reasons = [ours.reasons(history, item).sum() for item in range(20)]
    np.testing.assert_allclose(reasons, ours.scores(history)[0], atol=1e-4)


def test_ranks_leave_out_what_was_chosen_in_the_target_alone() -> None:
    target = log_of([(0, 0, 1), (0, 1, 2), (1, 2, 1)], 2, 4)
    source = Log(("u0",), ("i3",), np.array([0], np.int32), np.array([0], np.int32))
    union = Union.of(target, source, everything=False)

    class Fixed:
        def scores(self, histories: csr_array) -> np.ndarray:
            return np.tile(np.array([4, 3, 2, 1], np.float32), (histories.shape[0], 1))

    model = Recommender(Candidate("fixed", 1.0), Fixed(), np.zeros(4, np.float32))  # type: ignore[arg-type]
    rows = np.array([True, False, True])  # the choice of i1 is hidden
    assert ranks_of(model, union, rows, Asked(np.array([0, 0]), np.array([1, 3]))).tolist() == [
        1,
        3,
    ]


def test_a_source_of_the_same_tastes_helps_new_users(run: hs.RecommendRun) -> None:
    found = run.metrics
    assert found["verdicts"]["new"]["decision"] == "helps"
    first = found["new"]["curve"][0]
    assert first["k"] == 0
    assert first["n"] == USERS
    assert first["with"] > first["without"] + 0.1
    assert found["new"]["cold"]["weight"] > 0
    assert found["known"]["recall"] > 0.6
    assert {row["name"] for row in found["known"]["rivals"]} >= {"popularity", "EASE", "ALS"}
    assert found["data"]["shared_users"] == USERS
    assert sum(row["n"] for row in found["known"]["by_history"]) == found["known"]["n"]


@pytest.mark.parametrize("seed", range(3))
def test_a_source_of_users_dealt_anew_never_helps(shop: Path, tmp_path: Path, seed: int) -> None:
    found = hs.recommend(
        shop / "books.csv", source=shop / "others.csv", out=tmp_path / "run", seed=seed
    ).metrics
    assert "helps" not in {verdict["decision"] for verdict in found["verdicts"].values()}
    assert found["new"]["curve"][0]["gain"] > -0.05


def test_without_a_source_histories_are_compared_with_popularity(
    shop: Path, tmp_path: Path
) -> None:
    found = hs.recommend(shop / "books.csv", out=tmp_path / "run").metrics
    assert found["verdicts"].keys() == {"known"}
    assert found["verdicts"]["known"]["decision"] == "helps"
    assert found["new"] is None
    assert not found["transferred"]


def test_known_users_get_what_they_have_not_chosen_with_reasons(run: hs.RecommendRun) -> None:
    union = run.adviser.union
    own = {union.items[i] for i in union.target.item[union.target.user == 5]}
    advice = list(run.predict([union.users[5]], n=ITEMS))
    assert not own & {one.item for one in advice}
    assert len(advice) == ITEMS - len(own)
    assert [one.rank for one in advice] == list(range(1, len(advice) + 1))
    assert advice[0].title.startswith("The Book <")
    assert advice[0].because


def test_a_history_speaks_for_its_taste_and_unknown_ids_are_named(run: hs.RecommendRun) -> None:
    chosen = Asking("someone", ("b0", "b4", "b8", "nothing"))
    advice = list(run.predict([chosen], n=5))
    assert sum(int(one.item[1:]) % TASTES == 0 for one in advice) >= 4
    assert "'nothing'" in advice[0].note
    assert not {"b0", "b4", "b8"} & {one.item for one in advice}


def test_whom_nobody_knows_gets_what_is_popular_and_is_told_so(run: hs.RecommendRun) -> None:
    stranger, empty, no_item = (
        list(run.predict([asking], n=3))
        for asking in ("stranger", Asking("empty", ()), Asking("other", ("zzz",)))
    )
    counts = np.bincount(run.adviser.union.target.item)
    assert counts[run.adviser.union.target.place_of_item[stranger[0].item]] == counts.max()
    assert "nobody knows" in stranger[0].note
    assert [one.item for one in empty] == [one.item for one in stranger]
    assert "'zzz'" in no_item[0].note


def test_a_user_whom_only_the_source_knows_gets_advice_by_it(shop: Path, tmp_path: Path) -> None:
    rows = (shop / "books.csv").read_text().splitlines()
    kept = [row for row in rows if not row.startswith("u8,")]
    (tmp_path / "books.csv").write_text("\n".join(kept))
    run = hs.recommend(tmp_path / "books.csv", source=shop / "films.csv", out=tmp_path / "run")
    advice = list(run.predict(["u8"], n=5))  # of taste 0
    assert sum(int(one.item[1:]) % TASTES == 0 for one in advice) >= 3
    assert all(one.item.startswith("b") for one in advice)
    assert "source" in advice[0].note


def test_a_history_from_the_source_counts_as_the_source_does(run: hs.RecommendRun) -> None:
    weight = run.adviser.cold.candidate.weight
    asked = [Asking("someone", ("f0", "f4", "f8"))]
    histories, _ = run.adviser._histories(weight, asked)
    assert histories.data == pytest.approx(np.full(3, weight**0.5))
    advice = list(run.predict(asked, n=5))
    assert sum(int(one.item[1:]) % TASTES == 0 for one in advice) >= 3
    assert all(one.item.startswith("b") for one in advice)
    assert advice[0].note == "new here: by what the user chose in the source"


def test_advice_by_a_source_that_was_declined_says_that_it_is_what_is_popular(
    run: hs.RecommendRun,
) -> None:
    declined = Candidate("popularity")
    union = run.adviser.union
    popular = fit(declined, union.matrix(0.0), union.offered)
    adviser = replace(run.adviser, cold=popular)
    advice = list(adviser.recommend([Asking("someone", ("f0",))], 3))
    assert advice[0].note.startswith("these are what is popular")
    assert not advice[0].because


def test_a_run_read_again_says_the_same_and_one_that_was_changed_is_refused(
    run: hs.RecommendRun, tmp_path: Path
) -> None:
    import shutil

    copy = tmp_path / "copy"
    shutil.copytree(run.folder, copy)
    users = list(run.adviser.union.users)
    before, after = (list(one.predict(users)) for one in (run, hs.RecommendRun(copy)))
    assert before == after
    tensors = copy / "model" / "behaviour.safetensors"
    tensors.write_bytes(tensors.read_bytes()[:-1] + b"x")
    with pytest.raises(ArtifactError, match="checksum differs"):
        hs.RecommendRun(copy)
    with pytest.raises(ArtifactError, match="is a run of `recommend`"):
        hs.Run(copy)


def test_the_same_log_and_seed_give_the_same_numbers(
    run: hs.RecommendRun, shop: Path, tmp_path: Path
) -> None:
    given = {"source": shop / "films.csv", "items": shop / "items.csv"}
    again = hs.recommend(shop / "books.csv", out=tmp_path / "again", **given)
    one, other = ({**r.metrics, "timing": None} for r in (run, again))
    assert one == other


def test_without_a_source_no_user_is_asked_as_if_new() -> None:
    target = log_of([(u, i, i) for u in range(6) for i in range(2)], 6, 3)
    trial = Trial(Union.of(target, None, everything=False), ["popularity", "EASE"], 0)
    known = trial.known()
    assert known.answer.users.tolist() == list(range(6))
    assert trial.rotations == 0


def test_the_estimator_says_what_the_models_say() -> None:
    X = csr_array((np.random.default_rng(0).random((80, 15)) < 0.5).astype(np.float64))
    others = csr_array((np.random.default_rng(1).random((80, 15)) < 0.3).astype(np.float64))
    model = clone(hs.ItemRecommender(strength=10.0, weight=0.25, n=4)).fit(X, source=others)
    gram = (X.T @ X + 0.25 * others.T @ others).toarray() + 10 * np.eye(15)
    P = np.linalg.inv(gram)
    B = -P / np.diag(P)
    np.fill_diagonal(B, 0)
    scores = X.toarray() @ B
    scores[X.toarray() > 0] = -np.inf
    np.testing.assert_array_equal(model.predict(X), np.argsort(-scores, axis=1)[:, :4])
    assert model.n_features_in_ == 15


def test_the_estimators_score_is_the_share_of_hidden_items_that_are_found() -> None:
    X = csr_array(np.array([[1, 1, 0, 0], [1, 1, 0, 0], [0, 0, 1, 1], [0, 0, 1, 1]]))
    model = hs.ItemRecommender(strength=1.0, n=1).fit(X)
    asked = csr_array(np.array([[1, 0, 0, 0], [0, 0, 1, 0]]))
    assert model.score(asked, [1, 3]) == 1
    assert model.score(asked, [1, 1]) == 0.5
    assert hs.ItemRecommender(kind="popularity", n=2).fit(X).predict(asked).shape == (2, 2)


def test_the_estimator_names_the_kinds_there_are() -> None:
    with pytest.raises(hs.UnknownNameError, match="EASE"):
        hs.ItemRecommender(kind="EASY").fit(np.eye(3))
