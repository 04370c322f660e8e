"""Logs and tables of items, as shops, MovieLens and RecBole write them, and as nobody should."""

from __future__ import annotations

import gzip
import json
import tempfile
import zipfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headstart.behaviour.checks import check_log, check_pair, same_ids
from headstart.behaviour.items import read_items
from headstart.behaviour.log import Log
from headstart.behaviour.read import Spec, read_log
from headstart.errors import ConfigError, DataError, HeadstartError
from headstart.events import Event
from headstart.findings import Finding

DAY = 86400.0
PLAIN = "user,item,rating,time\nann,tea,5,1500000000\nbob,tea,2,1500000100\nann,jam,4,1500000200\n"


def write(folder: Path, name: str, text: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def said(findings: list[Finding]) -> str:
    return "\n".join(f"{f.kind} {f.severity}: {f.message}" for f in findings)


def triples(log: Log) -> list[tuple[str, str, float | None]]:
    times = [None] * len(log) if log.time is None else log.time.tolist()
    pairs = zip(log.user.tolist(), log.item.tolist(), times, strict=True)
    return [(log.users[u], log.items[i], t) for u, i, t in pairs]


EXPECTED = [
    ("ann", "tea", 1500000000.0),
    ("bob", "tea", 1500000100.0),
    ("ann", "jam", 1500000200.0),
]


def test_a_csv_is_read_and_every_guess_is_said(tmp_path: Path) -> None:
    log, findings = read_log(write(tmp_path, "log.csv", PLAIN))
    assert triples(log) == EXPECTED
    assert log.user.dtype == np.int32
    assert "guessed users from column 'user' (--user chooses another)" in said(findings)
    assert "ratings go from 2 to 5, and all count as chosen; --at-least 5" in said(findings)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("log.tsv", PLAIN.replace(",", "\t")),
        ("log.csv", PLAIN.replace(",", ";")),
        ("log.csv", "sep=;\n" + PLAIN.replace(",", ";")),
        ("log.csv", "\ufeff" + PLAIN.replace("\n", "\r\n")),
        ("log.csv", PLAIN.replace("ann", '"ann"')),
        ("log.csv", PLAIN.replace("\n", "\n\n")),
        ("log.csv", PLAIN.replace("ann", " ann ")),
        ("log.csv", PLAIN.encode("utf-16")),
        ("log.csv", PLAIN.replace("user,item", "用户ID,商品")),
        ("log.csv", PLAIN.replace("user,item", "用户ID,商品").encode("gb18030")),
        ("log.csv", PLAIN.replace("user,item,rating,time", "User ID,movieId,Stars,Event-Time")),
        ("log.inter", PLAIN.replace(",", "\t").replace(
            "user\titem\trating\ttime",
            "user_id:token\titem_id:token\trating:float\ttimestamp:float",
        )),
        ("u.data", PLAIN.partition("\n")[2].replace(",", "\t")),
        ("ratings.dat", PLAIN.partition("\n")[2].replace(",", "::")),
        ("log.csv", PLAIN.partition("\n")[2]),
        ("log.jsonl", "".join(
            json.dumps({"user": u, "item": i, "rating": 3, "time": t}) + "\n"
            for u, i, t in EXPECTED
        )),
    ],
)  # fmt: skip
def test_all_ways_to_write_it_give_the_same_log(
    tmp_path: Path, name: str, text: str | bytes
) -> None:
    log, _findings = read_log(write(tmp_path, name, text))
    assert triples(log) == EXPECTED


def test_parquet_holds_numbers_and_timestamps(tmp_path: Path) -> None:
    table = pa.table(
        {
            "user_id": pa.array([1.0, 2.0, 1.0]),
            "sku": pa.array(["a", "a", "b"]).dictionary_encode(),
            "rating": pa.array([5, None, 3]),
            "ts": pa.array([0, 1_000_000, 2_000_000], pa.timestamp("us", "UTC")),
        }
    )
    pq.write_table(table, tmp_path / "log.parquet")
    log, _findings = read_log(tmp_path / "log.parquet")
    assert triples(log) == [("1", "a", 0.0), ("2", "a", 1.0), ("1", "b", 2.0)]


def test_a_parquet_file_of_lists_or_of_nothing_known_is_refused(tmp_path: Path) -> None:
    pq.write_table(pa.table({"user": [1], "item": [["a"]]}), tmp_path / "a.parquet")
    with pytest.raises(DataError, match="column 'item' holds lists"):
        read_log(tmp_path / "a.parquet")
    with pytest.raises(DataError, match="cannot be read as Parquet"):
        read_log(write(tmp_path, "b.parquet", "nothing"))


@pytest.mark.parametrize("name", ["u.data", "ratings.dat", "ratings.csv", "x.inter"])
def test_a_folder_of_a_known_layout_is_its_log(tmp_path: Path, name: str) -> None:
    separator = {"u.data": "\t", "ratings.dat": "::", "x.inter": "\t"}.get(name, ",")
    inner = tmp_path / "ml"
    inner.mkdir()
    write(inner, name, PLAIN.replace(",", separator) if name[0] == "x" or "csv" in name
          else PLAIN.partition("\n")[2].replace(",", separator))  # fmt: skip
    write(inner, "movies.csv", "movieId,title\n1,Heat\n")
    log, _findings = read_log(tmp_path)
    assert triples(log) == EXPECTED


def test_folders_without_or_with_several_tables_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no table of interactions"):
        read_log(tmp_path)
    write(tmp_path, "a.csv", PLAIN)
    write(tmp_path, "b.csv", PLAIN)
    with pytest.raises(DataError, match=r"several tables: 'a.csv', 'b.csv'"):
        read_log(tmp_path)
    with pytest.raises(DataError, match="There is no file"):
        read_log(tmp_path / "c.csv")
    with pytest.raises(DataError, match="no table that can be read"):
        read_log(write(tmp_path, "a.pdf", PLAIN))


def test_what_is_compressed_is_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "log.csv.gz"
    path.write_bytes(gzip.compress(PLAIN.encode()))
    assert triples(read_log(path)[0]) == EXPECTED
    with zipfile.ZipFile(tmp_path / "ml.zip", "w") as file:
        file.writestr("ml/ratings.csv", PLAIN)
        file.writestr("ml/movies.csv", "movieId,title\n1,Heat\n")
    assert triples(read_log(tmp_path / "ml.zip")[0]) == EXPECTED
    with pytest.raises(DataError, match="cannot be unpacked"):
        read_log(write(tmp_path, "cut.csv.gz", gzip.compress(PLAIN.encode())[:-20]))


def test_progress_is_told(tmp_path: Path) -> None:
    events: list[Event] = []
    read_log(write(tmp_path, "log.csv", PLAIN), None, events.append)
    assert events[-1].total >= events[-1].done
    assert "reading interactions" in {event.stage for event in events}


def test_columns_that_cannot_be_told_or_are_not_there(tmp_path: Path) -> None:
    path = write(tmp_path, "log.csv", "who,what,rating\nann,tea,5\n")
    with pytest.raises(DataError, match=r"users or items.*'who', 'what'.*--user COLUMN"):
        read_log(path)
    assert triples(read_log(path, Spec(user="who", item="WHAT"))[0]) == [("ann", "tea", None)]
    with pytest.raises(DataError, match=r"no column 'whom'.*Did you mean 'who'"):
        read_log(path, Spec(user="whom", item="what"))
    with pytest.raises(ConfigError, match="both name 'who'"):
        read_log(path, Spec(user="who", item="who"))
    bare = write(tmp_path, "bare.csv", "5,ann,tea\n4,bob,tea\n")
    log, _findings = read_log(bare, Spec(user="2", item="3"))
    assert triples(log) == [("ann", "tea", None), ("bob", "tea", None)]


def test_whole_floats_are_ids_without_a_point(tmp_path: Path) -> None:
    log, findings = read_log(write(tmp_path, "log.csv", "user,item\n1.0,7\n2.0,7\n1,8\n"))
    assert (log.users, log.items) == (("1", "2"), ("7", "8"))
    assert "'1.0' was read as '1'" in said(findings)
    log, _findings = read_log(write(tmp_path, "v.csv", "user,item\n1.0,7\nx,7\n01,8\n"))
    assert log.users == ("1.0", "x", "01")


def test_few_blank_cells_are_left_out_and_many_refused(tmp_path: Path) -> None:
    rows = "".join(f"u{i},i{i % 7}\n" for i in range(100))
    log, findings = read_log(write(tmp_path, "log.csv", f"user,item\n{rows},i1\nu1, \n,\n"))
    assert len(log) == 100
    assert "2 rows name no user or no item (2.0%): row 102, row 103" in said(findings)
    with pytest.raises(DataError, match=r"25.0%.*row 3\. Fill the cells"):
        read_log(write(tmp_path, "bad.csv", "user,item\na,b\n,b\nc,b\nd,b\n"))


def test_the_last_of_several_meetings_counts(tmp_path: Path) -> None:
    text = "user,item,rating,time\na,x,5,2000000000\na,x,1,1900000000\nb,x,4,1950000000\n"
    path = write(tmp_path, "log.csv", text)
    log, findings = read_log(path)
    assert triples(log) == [("a", "x", 2e9), ("b", "x", 1.95e9)]
    assert "duplicates info: log.csv: 1 row names" in said(findings)
    assert "row 3" in said(findings)
    assert triples(read_log(path, Spec(at_least=5))[0]) == [("a", "x", 2e9)]


def test_ratings_choose_or_are_refused(tmp_path: Path) -> None:
    path = write(tmp_path, "log.csv", PLAIN)
    log, findings = read_log(path, Spec(at_least=4))
    assert (log.users, log.items) == (("ann",), ("tea", "jam"))
    assert "2 of 3 interactions count" in said(findings)
    with pytest.raises(DataError, match=r"no rating is 6 or more. They go from 2 to 5"):
        read_log(path, Spec(at_least=6))
    words = write(tmp_path, "words.csv", "user,item,rating\na,x,good\nb,x,4\nc,x,bad\n")
    with pytest.raises(DataError, match=r"2 ratings.*row 2 'good', row 4 'bad'.*as numbers"):
        read_log(words)
    with pytest.raises(ConfigError, match="no column that looks like ratings"):
        read_log(write(tmp_path, "none.csv", "user,item\na,x\nb,y\n"), Spec(at_least=4))


@pytest.mark.parametrize(
    "cells",
    [
        ["1554121800", "1554125400"],
        ["1554121800000", "1554125400000"],
        ["1554121800.0", "1.5541254e9"],
        ["2019-04-01 12:30:00", "2019-04-01 13:30:00"],
        ["2019-04-01T12:30:00Z", "2019-04-01T15:30:00+02:00"],
        ["2019/4/1 12:30", "2019/4/1 13:30"],
        ["2019年4月1日 12:30", "2019年4月1日 13:30"],
        ["01-Apr-2019 12:30", "1 April 2019 01:30 PM"],
        ["Apr 1, 2019 12:30", "Mon, 01 Apr 2019 13:30:00 GMT"],
        ["20190401123000", "20190401133000"],
        ["1554121800", "2019-04-01 13:30"],
    ],
)
def test_times_in_every_common_form(tmp_path: Path, cells: list[str]) -> None:
    rows = "".join(f'u{i},x,"{cell}"\n' for i, cell in enumerate(cells))
    log, _findings = read_log(write(tmp_path, "log.csv", f"user,item,date\n{rows}"))
    assert log.time is not None
    assert log.time.tolist() == [1554121800.0, 1554125400.0]


def test_days_and_months_are_told_by_the_column(tmp_path: Path) -> None:
    def read(*cells: str) -> Log:
        rows = "".join(f"u{i},x,{cell}\n" for i, cell in enumerate(cells))
        return read_log(write(tmp_path, "log.csv", f"user,item,date\n{rows}"))[0]

    first = 1546300800.0  # 1 January 2019
    days = read("02/01/2019", "31/01/2019").time
    months = read("01/02/2019", "01/31/2019").time
    compact = read("20190102", "20190131").time
    for found in (days, months, compact):
        assert found is not None
        assert found.tolist() == [first + DAY, first + 30 * DAY]
    with pytest.raises(DataError, match=r"cannot be told apart: row 2 '02/01/2019'"):
        read("02/01/2019", "03/01/2019")
    with pytest.raises(DataError, match=r"day in front \(row 2.*month \(row 3"):
        read("31/01/2019", "01/31/2019")
    with pytest.raises(DataError, match=r"2 cells of column 'date' are no times: row 3 'soon'"):
        read("2019-01-01", "soon", "2019-02-30")
    with pytest.raises(DataError, match=r"holds dates, and numbers that are none: row 3 '17'"):
        read("2019-01-01", "17")


def test_without_times_no_order_is_claimed(tmp_path: Path) -> None:
    for text, why in (
        ("user,item\na,x\nb,y\n", "has no times"),
        ("user,item,time\na,x,5\nb,y,5\n", "all times in column 'time' are the same"),
        ("user,item,time\na,x,\nb,y,5\n", "blank in 50% of the rows"),
    ):
        log, findings = read_log(write(tmp_path, "log.csv", text))
        assert log.time is None
        assert len(log) == 2
        assert f"order info: log.csv{'' if 'no times' in why else ':'} {why}"[:18] in said(findings)
        assert why in said(findings)


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("", "has no rows"),
        ("user,item\n", "has no rows"),
        ("user,item\n,\n", "has no rows"),
        ("user,item,item\na,b,c\n", "two columns called 'item'"),
        ("user,item\na,b\nc,d,e\n", r"wrong number of cells.*row 3 \(has 3\)"),
        ('user,item\na,"b\nc,d\n', "not well-formed"),
        ("user,item\na,b\xff\n".encode("latin-1"), "Pass --encoding"),
    ],
)
def test_files_that_are_no_tables(tmp_path: Path, text: str | bytes, match: str) -> None:
    with pytest.raises(DataError, match=match):
        read_log(write(tmp_path, "log.csv", text))


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".dat", ".inter"])
@given(data=st.one_of(
    st.binary(max_size=80),
    st.text("user,item\n\"'0:/-.5 {}[]\t|é\r", max_size=60).map(
        lambda t: f"user,item,rating,time\n{t}".encode()
    ),
    st.lists(
        st.tuples(*[st.sampled_from(["", "1", "1.0", "a", "é", "2019-01-01", "1e400", "nan"])] * 4),
        max_size=6,
    ).map(lambda rows: "\n".join(["user,item,rating,time", *map(",".join, rows)]).encode()),
))  # fmt: skip
@settings(max_examples=40, deadline=None)
def test_hostile_files_give_a_log_or_our_error(suffix: str, data: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = write(Path(folder), f"log{suffix}", data)
        for read in (read_log, read_items):
            try:
                found, _findings = read(path)
            except HeadstartError:
                continue
            assert len(found) > 0


def test_items_of_a_csv(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"\xff\xd8\xff")
    text = (
        "movieId,title,genres,overview,poster\n"
        '1,"Godfather, The (1972)",Crime|Drama,A family.,a.jpg\n'
        "2,Heat (1995),(no genres listed),,b.jpg\n2,Heat (1995),(no genres listed),,b.jpg\n"
        '1,"Godfather, The (1973)",Crime,A family.,a.jpg\n'
    )
    items, findings = read_items(write(tmp_path, "movies.csv", text))
    assert items.ids == ("1", "2")
    assert items.titles == ("The Godfather (1972)", "Heat (1995)")
    assert items.years.tolist() == [1972, 1995]
    assert items.tags == (("Crime", "Drama"), ())
    assert items.text == ("The Godfather (1972). Genres: Crime, Drama. A family.", "Heat (1995).")
    assert items.images == (tmp_path / "a.jpg", None)
    assert "1 row says the same again" in said(findings)
    assert "has said something else before in 1 of 4 rows: row 5 '1'" in said(findings)
    assert "1 picture was not found, such as 'b.jpg'" in said(findings)


@pytest.mark.parametrize("header", [True, False])
def test_items_of_movielens(tmp_path: Path, header: bool) -> None:
    flags = ["0"] * 19
    flags[1] = flags[16] = "1"
    row = "|".join(["7", "Cité, La (1995)", "01-Jan-1995", "", "http://x", *flags])
    names = ["movie id ", " movie title ", " release date", " video", "URL", " unknown ", " Action"]
    names += [f" g{i} " for i in range(2, 15)] + ["War", "Sci-Fi ", "Thriller ", " Western"]
    text = "|".join(names) + "\n" + row + "\n" if header else row + "\n"
    items, findings = read_items(write(tmp_path, "u.item", text.encode("latin-1")))
    assert items.ids == ("7",)
    assert items.titles == ("La Cité (1995)",)
    assert items.tags[0][0] == "Action"
    assert len(items.tags[0]) == 2
    assert "was read as latin-1" in said(findings)


def test_items_of_recbole_jsonl_and_parquet(tmp_path: Path) -> None:
    text = (
        "item_id:token\tmovie_title:token_seq\trelease_year:token\tclass:token_seq\n"
        "1\tToy Story\t1995\tAnimation Comedy\n"
    )
    write(tmp_path, "movies.dat", "1::Toy Story (1995)::Animation|Comedy\n")
    record = {"asin": "1", "title": "Toy Story", "year": 1995, "tags": ["Animation", "Comedy"]}
    pq.write_table(pa.Table.from_pylist([record]), tmp_path / "a.parquet")
    for path in (
        write(tmp_path, "ml.item", text),
        tmp_path / "movies.dat",
        tmp_path / "a.parquet",
        write(tmp_path, "a.jsonl", json.dumps(record)),
    ):
        items, _findings = read_items(path)
        assert items.text == ("Toy Story (1995). Genres: Animation, Comedy.",), path


def test_item_tables_that_cannot_be_used(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"ids of items.*--item-id"):
        read_items(write(tmp_path, "a.csv", "what,title\n1,Heat\n"))
    items, _findings = read_items(tmp_path / "a.csv", id_column="what")
    assert items.ids == ("1",)
    with pytest.raises(DataError, match="nothing about its items"):
        read_items(write(tmp_path, "b.csv", "item,x\n1,Heat\n"))
    with pytest.raises(DataError, match="no id of an item in 1 of 2 rows: row 3"):
        read_items(write(tmp_path, "c.csv", "item,title\n1,Heat\n,Ran\n"))
    with pytest.raises(DataError, match="There is no file"):
        read_items(tmp_path / "d.csv")
    with pytest.raises(DataError, match=r"wrong number of cells.*line 2 \(has 2\)"):
        read_items(write(tmp_path, "movies.dat", "1::Heat::A\n2::Ran\n"))


def log_of(pairs: list[tuple[str, str]], time: list[float] | None = None) -> Log:
    users = tuple(dict.fromkeys(u for u, _i in pairs))
    items = tuple(dict.fromkeys(i for _u, i in pairs))
    return Log(
        users,
        items,
        np.array([users.index(u) for u, _i in pairs], np.int32),
        np.array([items.index(i) for _u, i in pairs], np.int32),
        None if time is None else np.array(time),
    )


def test_one_user_or_one_item_is_refused() -> None:
    with pytest.raises(DataError, match="one user in all, 'a'"):
        check_log(log_of([("a", "x"), ("a", "y")]), "log.csv")
    with pytest.raises(DataError, match="one item in all, 'x'"):
        check_log(log_of([("a", "x"), ("b", "x")]), "log.csv")


def test_histories_popularity_and_looks_are_said() -> None:
    log = log_of([("a", "x"), ("a", "y"), ("b", "x"), ("c", "x")])
    text = said(check_log(log, "log.csv"))
    assert "history warning: log.csv: 2 of 3 users chose one item only, and 1 of 2 items" in text
    assert "the most popular item (50.0% of them) holds 75.0%" in text
    text = said(check_log(log_of([(f"u{i % 3}", f"order{i}") for i in range(20)]), "log.csv"))
    assert "nearly every interaction has an item of its own" in text
    text = said(check_log(log_of([("a", "b"), ("b", "a"), ("a", "a")]), "log.csv"))
    assert "users and items have the same ids" in text


def test_what_has_no_order_within_a_user_is_said() -> None:
    pairs = [("a", "x"), ("a", "y"), ("b", "x"), ("b", "y")]
    text = said(check_log(log_of(pairs, [1.5e9, 1.5e9, 1.6e9, 1.6e9 + 5]), "log.csv"))
    assert "from 14 July 2017 to 13 September 2020" in text
    assert "50.0% of the interactions have the same second" in text
    assert "1 user has all at one second" in text


def test_what_is_shared_is_said() -> None:
    target = log_of([("a", "x"), ("b", "y")], [10.0, 20.0])
    text = said(check_pair(target, log_of([("a", "x"), ("c", "y")], [9.0, 20.0])))
    assert text == (
        "shared info: Target and source share 1 of the target's 2 users and 2 of its 2 items."
    )
    text = said(check_pair(target, log_of([("p", "q"), ("r", "s")])))
    assert "shared warning" in text
    assert "--items" in text
    assert "look swapped" in said(check_pair(target, log_of([("x", "a"), ("y", "b")])))


def test_what_is_later_than_the_target_is_said() -> None:
    target = log_of([("a", "x"), ("b", "y")], [10.0, 20.0])
    source = log_of([("a", "p"), ("b", "p"), ("c", "p"), ("c", "q")], [11.0, 19.0, 20.0, 21.0])
    assert "50.0% of the source's interactions (2) are later" in said(check_pair(target, source))


@pytest.mark.parametrize("other", ["{}.0", "0{}", " {}", "００{}"])
def test_ids_that_only_look_different_are_said(other: str) -> None:
    target = log_of([("1", "Tea"), ("2", "Jam")])
    source = log_of([(other.format(1), "tea"), (other.format(2), "JAM")])
    text = said(same_ids(target, source))
    assert "share 0 users as they are written, and 2 if" in text
    assert "'Jam' and 'JAM'" in text
    assert same_ids(target, target) == []
    assert same_ids(target, log_of([("8", "q"), ("9", "r")])) == []
