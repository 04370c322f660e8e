"""The command ``recommend``, and ``predict`` on its runs, as users type them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from conftest import ITEMS, USERS, draw_log
from headstart.cli import run as run_command


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("shop")
    draw_log(root / "books.csv", seed=0, prefix="b")
    draw_log(root / "films.csv", seed=1, prefix="f")
    return root


@pytest.fixture(scope="module")
def made(shop: Path) -> Path:
    folder = shop / "run"
    line = ["recommend", shop / "books.csv", "--source", shop / "films.csv", "--out", folder]
    assert run_command([str(part) for part in line]) == 0
    return folder


def test_recommend_says_what_came_of_it_and_what_to_type_next(
    shop: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = ["recommend", str(shop / "books.csv"), "--out", str(tmp_path / "run"), "--json"]
    assert run_command(line) == 0
    out, err = capsys.readouterr()
    found = json.loads(out)
    assert found["known"]["n"] == USERS
    assert found["run"] == str(tmp_path / "run")
    assert "guessed users from column 'user_id'" in err
    assert "headstart predict" in err
    assert (tmp_path / "run" / "report.html").exists()


def test_predict_takes_tables_of_users_ids_and_a_history(
    made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "users.csv").write_text("customer_id\nu1\nu2\nu1\n")
    (tmp_path / "chosen.csv").write_text("user,item\nnew,b0\nnew,b4\n")
    line = ["predict", str(made), str(tmp_path / "users.csv"), str(tmp_path / "chosen.csv"), "u7"]
    assert run_command([*line, "--history", "b1, b5", "--top", "3"]) == 0
    rows = capsys.readouterr().out.splitlines()
    assert rows[0] == "user,rank,item,title,score,because,note"
    asked = [row.split(",")[0] for row in rows[1:]]
    assert asked == [name for name in ("history", "u1", "u2", "new", "u7") for _ in range(3)]
    assert run_command([*line, "--out", str(tmp_path / "answers.jsonl")]) == 0
    answers = [json.loads(row) for row in (tmp_path / "answers.jsonl").read_text().splitlines()]
    assert len(answers) == 4 * 10
    assert "answers.jsonl" in capsys.readouterr().err


def test_a_budget_tries_the_quick_ones_first_and_says_what_it_left_out(
    shop: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = ["recommend", str(shop / "books.csv"), "--source", str(shop / "films.csv"), "--json"]
    assert run_command([*line, "--out", str(tmp_path / "run"), "--budget", "0.001s"]) == 0
    out, err = capsys.readouterr()
    found = json.loads(out)
    assert "The budget left no time for" in err
    assert found["known"]["rivals"][0]["name"] == "popularity"
    assert found["known"]["chosen"] == {"kind": "popularity", "weight": 0, "strength": 0}
    assert found["new"]["curve"][0]["k"] == 0
    assert run_command([*line, "--out", str(tmp_path / "other"), "--budget", "soon"]) == 2
    assert "--budget 'soon' is no time" in capsys.readouterr().err


def test_predict_reads_a_table_as_it_is_told_to(
    made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "people.csv"
    path.write_bytes("顾客号,谁\n1,u1\n2,张三@商店.cn\n".encode("gb18030"))
    assert run_command(["predict", str(made), str(path), "--top", "1", "--x", "nobody"]) == 2
    assert "nobody" in capsys.readouterr().err
    line = ["predict", str(made), str(path), "--top", "1", "--encoding", "gb18030", "--x", "谁"]
    assert run_command([*line, "someone@shop.example"]) == 0  # an id with a point is no file
    rows = capsys.readouterr().out.splitlines()[1:]
    assert [row.split(",")[0] for row in rows] == [
        "u1",
        "张三@商店.cn",
        "someone@shop.example",
    ]
    path.write_text("thing\n1\n")
    assert run_command(["predict", str(made), str(path)]) == 2
    assert "--x COLUMN" in capsys.readouterr().err


def test_report_renders_and_evaluate_says_why_not(
    made: Path, shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command(["report", str(made)]) == 0
    assert capsys.readouterr().out.strip() == str(made / "report.html")
    assert run_command(["evaluate", str(made), str(shop / "books.csv")]) == 2
    assert "recommends" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["--top", "0", "u1"], "--top 0 is not possible"),
        (["--every", "1s", "u1"], "--every: this model recommends items"),
        (["nothing.csv"], "There is no file nothing.csv"),
        ([], "There is nothing to predict"),
        (["--history", "b1", "--out", "a.txt"], "neither .csv nor .jsonl"),
    ],
)
def test_predict_refuses_what_has_no_meaning(
    made: Path, given: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command(["predict", str(made), *given]) == 2
    assert said in capsys.readouterr().err


BAD = {
    "one user": ("user,item\na,1\na,2\na,3\n", "one user in all"),
    "one item": ("user,item\na,1\nb,1\nc,1\n", "one item in all"),
    "one choice each": ("user,item\na,1\nb,2\nc,3\n", "fewer than two users chose two items"),
    "ratings as words": ("user,item,rating\na,1,good\na,2,bad\nb,1,good\n", "no number"),
    "mixed times": (
        "user,item,time\na,1,2024-01-02\na,2,01/02/2024\nb,1,1700000000\nb,2,soon\n",
        "time",
    ),
    "no column of users": ("thing,item\n1,2\n2,3\n", "users"),
    "nothing in it": ("user,item\n", "nothing.csv"),
}


@pytest.mark.parametrize("kind", BAD)
def test_a_log_that_cannot_be_used_is_refused_with_the_mend(
    kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text, said = BAD[kind]
    path = tmp_path / "nothing.csv"
    path.write_text(text)
    assert run_command(["recommend", str(path), "--out", str(tmp_path / "run")]) == 2
    err = capsys.readouterr().err
    assert said in err
    assert "hint:" in err
    assert "Traceback" not in err
    assert not (tmp_path / "run").exists()


def test_logs_with_nothing_in_common_say_what_can_be_done(
    shop: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = (shop / "films.csv").read_text().replace("\nu", "\nperson")
    (tmp_path / "films.csv").write_text(rows)
    line = ["recommend", str(shop / "books.csv"), "--source", str(tmp_path / "films.csv")]
    assert run_command([*line, "--out", str(tmp_path / "run"), "--json"]) == 0
    out, err = capsys.readouterr()
    assert "share no user and no item" in err
    found = json.loads(out)
    assert found["known"]["chosen"]["weight"] == 0
    assert {v["decision"] for v in found["verdicts"].values()} == {"cannot tell"}


def test_ids_with_a_point_are_those_without(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plain = draw_log(tmp_path / "plain.csv", seed=0, prefix="").read_text().replace("\nu", "\n")
    head, *rows = plain.splitlines()
    cells = [row.split(",") for row in rows]
    (tmp_path / "target.csv").write_text("\n".join([head, *(",".join(c) for c in cells)]))
    pointed = [f"{user}.0,{1000 + int(item)},{when}" for user, item, when in cells]
    (tmp_path / "source.csv").write_text("\n".join([head, *pointed]))
    line = ["recommend", str(tmp_path / "target.csv"), "--source", str(tmp_path / "source.csv")]
    assert run_command([*line, "--out", str(tmp_path / "run"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["data"]["shared_users"] == USERS


def test_items_of_a_table_that_the_log_does_not_have_and_the_other_way_round(
    shop: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    few = "\n".join(["item_id,title", *(f"b{i},Title {i}" for i in range(ITEMS // 2))])
    (tmp_path / "items.csv").write_text(few)
    line = ["recommend", str(shop / "books.csv"), "--items", str(tmp_path / "items.csv")]
    assert run_command([*line, "--out", str(tmp_path / "run")]) == 0
    assert (
        f"does not know {ITEMS - ITEMS // 2} of the log's {ITEMS} items" in capsys.readouterr().err
    )
    (tmp_path / "items.csv").write_text("item_id,title\nx,X\ny,Y\n")
    assert run_command([*line, "--out", str(tmp_path / "other")]) == 2
    assert f"knows none of the log's {ITEMS} items" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        ("--catalogue", "everything", "--catalogue 'everything' is none"),
        ("--item-id", "id", "--item-id names a column of a table of items, and there is none"),
        ("--user", "nobody", "nobody"),
        ("--at-least", "4", "no column that looks like ratings"),
        ("--source", "missing.csv", "missing.csv"),
        ("--source", "{shop}/books.csv", "Target and source are one file, books.csv"),
        ("--out", "{shop}", "lie in one another"),
    ],
)
def test_options_that_do_not_fit(
    shop: Path, tmp_path: Path, option: str, value: str, said: str,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    line = ["recommend", str(shop / "books.csv"), "--out", str(tmp_path / "run")]
    assert run_command([*line, option, value.format(shop=shop)]) == 2
    assert said in capsys.readouterr().err
