"""Items that nobody has chosen yet: told by their content, judged, saved, recommended."""

from __future__ import annotations

import csv
import importlib.util
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.sparse import csr_array

import headstart as hs
from headstart.behaviour import content
from headstart.behaviour.cold import judge
from headstart.behaviour.content import HeldOut, features, fit, item_places, of
from headstart.behaviour.items import ItemTable, sentence
from headstart.behaviour.new_items import NewItems
from headstart.cli import run as run_command
from headstart.errors import ArtifactError, ConfigError
from headstart.events import ignore
from headstart.jobs.item_texts import _usual, text_vectors
from headstart.machine import Machine
from headstart.modalities.text import read
from headstart.modalities.text.language import ENGLISH, OTHERS, backbone_for, language_of
from headstart.report.new_items_words import new_items_line

KINDS, USERS, ITEMS = 4, 150, 120


def table_of(n: int = ITEMS, *, tags: bool = True, years: bool = True) -> ItemTable:
    """Items of one of four genres, in turn."""
    genres = tuple((f"genre{i % KINDS}",) if tags else () for i in range(n))
    when = np.array([1980.0 + i % 30 if years else np.nan for i in range(n)])
    titles = tuple(f"Film {i}" for i in range(n))
    text = tuple(sentence(t, y, g, "") for t, y, g in zip(titles, when, genres, strict=True))
    ids = tuple(f"i{i}" for i in range(n))
    return ItemTable(ids, titles, when, genres, text, (None,) * n)


def choices(seed: int = 0) -> csr_array:
    """Users who like one genre, three times in four."""
    rng = np.random.default_rng(seed)
    kind = np.arange(ITEMS) % KINDS
    liked = kind[None] == (np.arange(USERS) % KINDS)[:, None]
    return csr_array((rng.random((USERS, ITEMS)) < np.where(liked, 0.3, 0.03)).astype(np.float32))


X, ALL = choices(), np.arange(ITEMS)


def test_tags_count_from_two_items_on_and_a_missing_year_has_a_flag() -> None:
    table = replace(
        table_of(4),
        tags=(("a", "b"), ("a",), ("b", "c"), ()),
        years=np.array([1990.0, 2000.0, np.nan, 2010.0]),
    )
    found = features(table, range(4))
    assert found.keys() == {"tags", "year"}
    assert found["tags"].tolist() == [[1, 1], [1, 0], [0, 1], [0, 0]]
    year = found["year"]
    assert year.shape == (4, 10)
    assert year[:, -1].tolist() == [0, 0, 1, 0]
    assert not year[2, :-1].any()
    knots = np.linspace(1990, 2010, 9)
    np.testing.assert_allclose(year[[0, 1, 3], :-1] @ knots, [1990, 2000, 2010])
    assert (year[[0, 1, 3], :-1] > 0).sum() == 3  # each at a knot


def test_years_are_told_apart_where_there_are_many_of_them() -> None:
    years = np.array([1930.0] + [1995.0 + i % 4 for i in range(40)])
    table = replace(table_of(41), years=years)
    year = features(table, range(41))["year"]
    knots = np.unique(np.quantile(years, np.linspace(0, 1, content.SPANS + 1)))
    assert year.shape == (41, len(knots) + 1)
    np.testing.assert_allclose(year[:, :-1].sum(axis=1), 1, rtol=1e-6)
    np.testing.assert_allclose(year[:, :-1] @ knots, years, rtol=1e-6)
    assert len(np.unique(year, axis=0)) == 5
    one = replace(table, years=np.full(41, 1999.0))
    assert "year" not in features(one, range(41))
    some = replace(table, years=np.array([1999.0] * 40 + [np.nan]))
    assert features(some, range(41))["year"].tolist() == [[1, 0]] * 40 + [[0, 1]]


def test_an_item_without_a_text_has_the_mean_one() -> None:
    vectors = np.array([[1, 0], [0, 0], [0, 3]], np.float32)
    found = features(table_of(3), [0, 1, 2], vectors)
    np.testing.assert_allclose(found["text"], [[1, 0], [0.5, 1.5], [0, 3]])


def test_what_is_alike_in_all_items_is_no_content() -> None:
    table = table_of(6, tags=False, years=False)
    assert not features(table, range(6), np.ones((6, 3), np.float32))
    assert not features(table, range(6), np.zeros((6, 3), np.float32))
    assert not features(table, [])
    one = replace(table, tags=(("a",),) * 6)
    assert not features(one, range(6))
    assert fit(X, {}, ALL) is None
    assert judge(X, {}, ALL) is None


def test_the_regression_is_that_of_the_formula() -> None:
    blocks = features(table_of(), ALL)
    found = fit(X, blocks, ALL)
    assert found is not None
    A = np.concatenate([blocks["tags"], blocks["year"][:, :-1]], axis=1).astype(float)
    flag = np.zeros((ITEMS, 1))
    Z = np.concatenate([A - A.mean(0), flag], axis=1)
    Z /= np.append(A.std(0), 1) * np.sqrt([4] * 4 + [10] * 10)
    V = item_places(X)
    W = np.linalg.solve(Z.T @ Z + ITEMS * found.strength * np.eye(14), Z.T @ (V - V.mean(0)))
    np.testing.assert_allclose(found.W, W, atol=1e-5)
    rows = X[[0, 5]].toarray()
    U = rows / np.linalg.norm(rows, axis=1, keepdims=True) @ V
    wanted = U @ (Z @ W + V.mean(0)).T
    np.testing.assert_allclose(found.scores(X[[0, 5]], blocks), wanted, atol=1e-5)


def test_new_items_of_a_users_genre_come_first() -> None:
    blocks = features(table_of(), ALL)
    warm, cold = ALL[:100], ALL[100:]
    found = fit(content.without(X, cold), of(blocks, warm), warm)
    assert found is not None
    scores = found.scores(content.without(X, cold)[:40], of(blocks, cold))
    best = cold[np.argsort(-scores, axis=1)[:, :3]] % KINDS
    assert (best == (np.arange(40) % KINDS)[:, None]).mean() > 0.9


def test_who_chose_nothing_stands_where_the_mean_user_does() -> None:
    blocks = features(table_of(), ALL)
    found = fit(X, blocks, ALL)
    assert found is not None
    nobody = found.scores(csr_array((1, ITEMS), dtype=np.float32), blocks)
    np.testing.assert_allclose(nobody, found.scores(X, blocks).mean(axis=0)[None], atol=1e-5)


def test_judging_tells_content_that_says_something_from_content_that_does_not() -> None:
    blocks = features(table_of(), ALL)
    found = judge(X, blocks, ALL)
    assert found is not None
    assert found["items"] == 24
    assert found["at"] == 4
    assert found["chosen"] > 2 * found["chance"]
    assert found["shuffled"] < 1.5 * found["chance"]
    assert found["gain"]["decision"] == "helps"
    assert found["gain_of_text"] is None
    assert judge(X, blocks, ALL) == found
    rng = np.random.default_rng(1)
    nonsense = judge(X, of(blocks, rng.permutation(ITEMS)), ALL)
    assert nonsense is not None
    assert nonsense["gain"]["gain"] < 0.05


def test_texts_are_taken_where_they_say_more() -> None:
    rng = np.random.default_rng(0)
    kind = np.eye(KINDS)[ALL % KINDS]
    noise = rng.normal(size=(ITEMS, 16))
    telling = (kind @ rng.normal(size=(KINDS, 16)) + 0.3 * noise).astype(np.float32)
    found = judge(X, features(table_of(tags=False), ALL, telling), ALL)
    assert found is not None
    assert [way["name"] for way in found["ways"]] == ["year", "text", "year+text"]
    assert found["gain_of_text"]["decision"] == "helps"


@pytest.mark.parametrize("years", [True, False])
def test_texts_that_say_nothing_are_declined_also_where_items_of_a_genre_are_alike(
    years: bool,
) -> None:
    table, taken = table_of(years=years), 0
    for seed in range(12):
        idle = np.random.default_rng(seed).normal(size=(ITEMS, 16)).astype(np.float32)
        found = fit(X, features(table, ALL, idle), ALL, seed)
        assert found is not None
        taken += "text" in found.way
    assert taken <= 5  # a lead of one standard error: one in six
    judged = judge(X, features(table, ALL, idle), ALL)
    assert judged is not None
    assert judged["gain_of_text"]["decision"] == "cannot tell"


def test_the_other_choices_of_a_user_are_not_ranked_against_his_drawn_one() -> None:
    rows = csr_array(np.array([[1, 1, 1, 0], [0, 0, 0, 1]], np.float32))
    asked = HeldOut.of(rows, np.array([0, 1, 3]), np.random.default_rng(0), 9)
    assert asked.users.tolist() == [0, 1]
    assert asked.histories.toarray().tolist() == [[0, 0, 1, 0], [0, 0, 0, 0]]
    V = np.array([[3.0], [3.0], [1.0]], np.float32)
    better, alike = asked.places(np.ones((2, 1), np.float32), V)
    assert (better.tolist(), alike.tolist()) == ([0, 2], [1, 1])
    np.testing.assert_allclose(asked.chance(1), [1 / 2, 1 / 3])


def test_items_without_a_choice_are_not_learned_from() -> None:
    blocks = features(table_of(), ALL)
    bare = content.without(X, ALL[60:])
    found = fit(bare, blocks, ALL)
    alone = fit(bare, of(blocks, ALL[:60]), ALL[:60])
    assert found is not None
    assert alone is not None
    np.testing.assert_array_equal(found.W, alone.W)
    assert fit(csr_array((USERS, ITEMS), dtype=np.float32), blocks, ALL) is None
    assert judge(csr_array((USERS, ITEMS), dtype=np.float32), blocks, ALL) is None
    assert fit(bare, of(blocks, ALL[:9]), ALL[:9]) is None


def test_a_log_of_few_users_has_a_space_of_few_dimensions() -> None:
    blocks = features(table_of(), ALL)
    few = X[:3]
    found = fit(few, blocks, ALL)
    assert found is not None
    assert found.V.shape == (ITEMS, 2)
    judged = judge(few, blocks, ALL)
    assert judged is not None
    assert judged["gain"]["decision"] == "cannot tell"
    assert np.isfinite(found.scores(few, blocks)).all()


def test_texts_are_embedded_once_each_and_blank_ones_are_zeros(
    tiny_bert: str, tmp_path: Path
) -> None:
    machine = Machine(tmp_path, 1, "cpu", ignore)
    texts = ["good food", "", "bad room", "good food"]
    vectors, findings = text_vectors(texts, machine, tiny_bert)
    assert vectors is not None
    assert not findings
    assert vectors.shape == (4, 16)
    assert not vectors[1].any()
    np.testing.assert_array_equal(vectors[0], vectors[3])
    assert np.abs(vectors[0] - vectors[2]).max() > 0.01


def test_the_language_of_a_table_is_told_by_several_titles_together(tmp_path: Path) -> None:
    machine = Machine(tmp_path, 1, "cpu", ignore)
    titles = (
        *("Toy Story", "GoldenEye", "Four Rooms", "Get Shorty", "Copycat", "Twelve Monkeys"),
        *("Babe", "Dead Man Walking", "Richard III", "Seven", "The Usual Suspects", "Il Postino"),
        *("Mighty Aphrodite", "Mr. Holland's Opus", "French Twist", "From Dusk Till Dawn"),
        *("The White Balloon", "Antonia's Line", "Angels and Insects", "Muppet Treasure Island"),
    )
    english = [f"{title} (1995). Genres: Comedy, Drama." for title in titles]
    assert backbone_for([language_of(text) for text in english]) == OTHERS
    assert _usual(english, machine) == ENGLISH
    assert _usual(["霸王别姬 (1993). Genres: 剧情, 爱情."] * 25, machine) == OTHERS


def test_without_texts_or_what_reads_them_the_run_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine = Machine(tmp_path, 1, "cpu", ignore)
    vectors, (blank,) = text_vectors(["", " "], machine)
    assert vectors is None
    assert "no texts" in blank.message
    found = importlib.util.find_spec
    monkeypatch.setattr(read, "find_spec", lambda name: None if name == "eld" else found(name))
    read.refuse_without_extra.cache_clear()
    vectors, (lacking,) = text_vectors(["good"], machine)
    read.refuse_without_extra.cache_clear()
    assert vectors is None
    assert (lacking.kind, lacking.severity) == ("note", "info")
    assert "headstart[text]" in lacking.message
    assert "without the texts" in lacking.message


# ---- the command -------------------------------------------------------------------------------


def written(folder: Path, *, known: int, tags: bool = True) -> tuple[Path, Path]:
    """Write a log whose users know the first items, and a table of all."""
    log, items = folder / "shop.csv", folder / "items.csv"
    users, chosen = X[:, :known].nonzero()
    with log.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["user_id", "item_id"])
        rows.writerows([f"u{u}", f"i{i}"] for u, i in zip(users, chosen, strict=True))
    with items.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["item_id", "title", "genre"])
        rows.writerows(
            [f"i{i}", "<b>", f"genre{i % KINDS}" if tags else "same"] for i in range(ITEMS)
        )
    return log, items


@pytest.fixture
def no_texts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out the encoder, whose weights take a second to load."""
    monkeypatch.setattr("headstart.jobs.item_texts.MOST", 0)


@pytest.mark.usefixtures("no_texts")
def test_new_items_are_judged_saved_and_recommended(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log, items = written(tmp_path, known=100)
    folder = tmp_path / "run"
    assert run_command(["recommend", str(log), "--items", str(items), "--out", str(folder)]) == 0
    said = " ".join(capsys.readouterr().err.split())
    assert "20 items of the table stand in no log." in said
    assert "held out as if they were new" in said
    run = hs.RecommendRun(folder)
    found = run.metrics["cold_items"]
    assert (found["n"], found["way"], found["items"]) == (20, "tags", 20)
    assert found["gain"]["decision"] == "helps"
    assert isinstance(run.adviser.new, NewItems)
    line = ["predict", str(folder), "u5", "stranger", "--new-items", "--top", "4", "--json"]
    assert run_command(line) == 0
    rows = json.loads(capsys.readouterr().out)["predictions"]
    assert [row["user"] for row in rows] == ["u5"] * 4 + ["stranger"] * 4
    assert {int(row["item"][1:]) % KINDS for row in rows[:4]} == {5 % KINDS}
    assert all(int(row["item"][1:]) >= 100 for row in rows)
    assert {row["note"] for row in rows[:4]} == {"new: nobody has chosen it yet; by its genres"}
    assert rows[0]["because"]
    assert rows[4]["note"].endswith("by what all users like")
    assert not rows[4]["because"]
    with pytest.raises(ConfigError, match="--top 0"):
        run.new_items(["u5"], n=0)
    (folder / "model" / "new_items.parquet").write_bytes(b"")
    with pytest.raises(ArtifactError):
        hs.RecommendRun(folder)


@pytest.mark.usefixtures("no_texts")
def test_nothing_is_said_where_no_item_is_new(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log, items = written(tmp_path, known=ITEMS)
    run = hs.recommend(log, items=items, out=tmp_path / "run")
    assert "cold_items" not in run.metrics
    assert not any("no log" in one["message"] for one in run.metrics["findings"])
    assert run.adviser.new is None
    assert not list(run.adviser.new_items([]))
    assert run_command(["predict", str(run.folder), "u1", "--new-items"]) == 2
    assert "has no new items to recommend" in " ".join(capsys.readouterr().err.split())


@pytest.mark.usefixtures("no_texts")
def test_items_all_alike_cannot_be_told_which_is_said(tmp_path: Path) -> None:
    log, items = written(tmp_path, known=100, tags=False)
    run = hs.recommend(log, items=items, out=tmp_path / "run")
    assert "cold_items" not in run.metrics
    assert any("too little is known" in one["message"] for one in run.metrics["findings"])
    assert run.adviser.new is None


def test_content_that_tells_nothing_is_said_to() -> None:
    found = {"n": 1, "at": 20, "items": 100, "chosen": 0.21, "chance": 0.2}
    said = str(new_items_line({**found, "gain": {"decision": "cannot tell"}}))
    assert said.startswith("1 item of the table stands in no log.")
    assert "they are not recommended" in said
