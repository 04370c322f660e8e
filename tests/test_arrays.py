"""Rows of numbers: tables of numeric columns and arrays of numpy, from data to report."""

from __future__ import annotations

import csv
import json
import re
import zipfile
from base64 import b64decode
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_digits

import headstart as hs
from conftest import whole
from headstart.cli import run as headstart
from headstart.data.sources import open_source
from headstart.modalities.arrays.show import drawing

X, Y = load_digits(return_X_y=True)
KEPT = np.random.default_rng(0).permutation(np.flatnonzero(Y < 4))[:240]
X, Y = X[KEPT], np.array([f"d{c}" for c in Y[KEPT]])
NAMES = [f"p{k}" for k in range(X.shape[1])]


def write(path: Path, columns: dict[str, Sequence[object]]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([columns, *zip(*columns.values(), strict=True)])
    return path


def table(
    path: Path, x: np.ndarray, y: Sequence[str] | None = None, **more: Sequence[object]
) -> Path:
    columns = {name: [repr(float(v)) for v in x[:, k]] for k, name in enumerate(NAMES)}
    return write(path, {**columns, **more, **({} if y is None else {"label": list(y)})})


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    return tmp_path_factory.mktemp("arrays")


@pytest.fixture(scope="module")
def digits(world):
    data = table(world / "digits.csv", X[:160], Y[:160], id=range(160))
    with whole():
        return hs.train(data, out=world / "digits", abstain=0.05)


def refused(capsys, *words: object) -> str:
    """Run a command that has to be refused; return what it says, on one line."""
    assert headstart([str(word) for word in words]) == 2
    said = capsys.readouterr().err
    assert "Traceback" not in said
    assert "hint:" in said
    return " ".join(said.split())


# ---- what a run says -----------------------------------------------------------------------------


def test_a_table_of_numbers_is_judged_without_a_verdict(digits):
    found = digits.metrics
    assert (found["modality"], found["backbone"]) == ("array", "array:identity")
    assert found["verdict"] is None
    rivals = {row["name"]: row["accuracy"] for row in found["baselines"]}
    assert set(rivals) == {"statistics of the row", "one in ten columns", "majority class"}
    assert found["estimate"]["accuracy"] > rivals["majority class"] + 0.4
    assert found["abstention"]["wanted_error"] == 0.05
    page = (digits.folder / "report.html").read_text("utf-8")
    assert "data:image/svg+xml;base64," in page
    assert "Nothing was pretrained here" in page


def test_columns_are_chosen_and_those_that_say_nothing_are_named(digits):
    kinds = {f["kind"]: f for f in digits.metrics["findings"]}
    assert kinds["columns"]["figures"]["columns"][0] == "p0"
    said = " ".join(f["message"] for f in digits.metrics["findings"])
    assert "column 'id' counts the rows and was not read" in said
    saved = json.loads((digits.folder / "model" / "model.json").read_text("utf-8"))
    assert saved["backbone"]["preprocessing"]["columns"] == NAMES
    assert saved["weights"]["provider"] == "array"


def test_wrong_labels_come_first(world):
    wrong = Y[:120].copy()
    wrong[:5] = ["d1" if c == "d0" else "d0" for c in wrong[:5]]
    run = hs.train(table(world / "wrong.csv", X[:120], wrong), out=world / "wrong")
    with (run.folder / "label_issues.csv").open(encoding="utf-8", newline="") as file:
        first = [row["path"] for row in csv.DictReader(file)][:5]
    assert len(set(first) & {f"row {i}" for i in range(2, 7)}) >= 4


def test_answers_are_explained_by_columns(digits):
    shown = json.loads((digits.folder / "pictures.json").read_text("utf-8"))["explanations"]
    assert shown
    assert all(one["map"].startswith("data:image/svg+xml") for one in shown)
    tested = digits.metrics["explanations"]
    assert tested["covered_drop"] > tested["elsewhere_drop"]


# ---- one model, many tables ----------------------------------------------------------------------


def test_predictions_go_by_the_names_of_columns(digits, world):
    plain = digits.predict(table(world / "new.csv", X[160:200]))
    turned = {name: X[160:200, k].tolist() for k, name in reversed(list(enumerate(NAMES)))}
    other = write(world / "turned.csv", {"who": ["x"] * 40, **turned, "spare": range(40)})
    assert [p.probabilities for p in plain] == [p.probabilities for p in digits.predict(other)]
    np.savez(world / "new.npz", X=X[160:200])
    assert [p.probabilities for p in plain] == [
        p.probabilities for p in digits.predict(world / "new.npz")
    ]
    assert [p.probabilities for p in plain] == [p.probabilities for p in digits.predict(X[160:200])]
    assert [p.path for p in plain[:2]] == ["row 2", "row 3"]
    assert np.mean([p.predicted == y for p, y in zip(plain, Y[160:200], strict=True)]) > 0.9


def test_a_model_is_scored_on_tables_and_arrays(digits, world):
    rest = table(world / "rest.csv", X[160:], Y[160:], spare=["text"] * 80)
    np.savez(world / "rest.npz", X=X[160:], y=Y[160:])
    by_table, by_array = digits.evaluate(rest), digits.evaluate(world / "rest.npz")
    turned = {name: X[160:, k].tolist() for k, name in reversed(list(enumerate(NAMES)))}
    by_turned = digits.evaluate(write(world / "t.csv", {**turned, "label": Y[160:].tolist()}))
    assert by_table == by_array == by_turned
    assert by_table["accuracy"] > 0.9
    assert by_table["seen_in_training"] == 0
    assert digits.evaluate(world / "digits.csv")["seen_in_training"] == 160


def test_what_is_unlike_all_rows_is_unfamiliar(digits, world):
    strange = digits.predict(table(world / "strange.csv", X[160:180] * -9 + 200))
    usual = digits.predict(table(world / "usual.csv", X[160:180]))
    assert np.mean([p.unfamiliar for p in strange]) > np.mean([p.unfamiliar for p in usual]) + 0.5


# ---- other domains -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def moved(world):
    """The other rows, as another device would measure them."""
    rng = np.random.default_rng(0)
    x = X[120:] * rng.uniform(0.3, 3, X.shape[1]) + rng.normal(0, 12, X.shape[1])
    return table(world / "moved.csv", x, Y[120:])


def test_adapting_helps_where_columns_moved(moved, world):
    source = table(world / "source.csv", X[:120], Y[:120])
    run = hs.adapt(source, moved, target_labels=moved, out=world / "adapted")
    found = run.metrics["adaptation"]
    assert found["decision"] == "adapted"
    truth = found["target_labels"]
    assert truth["accuracy"] > truth["source_only_accuracy"] + 0.1
    assert len(run.predict(moved)) == 120


def test_a_run_is_adapted_and_predictions_are(digits, moved, world):
    run = hs.adapt(digits.folder, moved, out=world / "from_run")
    assert run.metrics["adaptation"]["target"]["n"] == 120

    def right(**how: str) -> float:
        return np.mean(
            [p.predicted == y for p, y in zip(digits.predict(moved, **how), Y[120:], strict=True)]
        )

    assert right(adapt="statistics") > right()


# ---- other commands ------------------------------------------------------------------------------


def test_check_and_curve(world, digits):
    found = hs.check(world / "digits.csv")
    assert "columns" in {finding["kind"] for finding in found["findings"]}
    curve = hs.curve(world / "digits.csv", out=world / "curve")
    assert len(curve["points"]) > 2
    assert not curve["learned"]
    page = (world / "curve" / "report.html").read_text("utf-8")
    for said in ("this model", "best simple rival", "Nothing was pretrained here"):
        assert said in page
    assert "with transfer" not in page
    assert "pretrained network" not in page


def test_rank_of_the_one_backbone_says_that_there_is_no_other(world, digits):
    found = hs.rank(world / "digits.csv", out=world / "rank")
    assert "nothing to compare it with" in found["sentence"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("layers",), "identity has no"),
        (("train", "--method", "finetune"), "identity has no"),
        (("train", "--method", "layers"), "identity has no"),
        (("train", "--size", "96"), "--size: a row of numbers has nothing of the kind"),
        (
            ("train", "--backbone", "efficientnet-lite0"),
            "is for examples of the kind 'image'; these are rows",
        ),
    ],
)
def test_what_rows_have_not_is_refused(words, said, digits, world, capsys):
    command, *options = words
    asked = refused(capsys, command, world / "digits.csv", *options, "--out", world / "none")
    assert said in asked
    assert "cannot run" not in asked, "nothing is said of arithmetic that was not asked for"


def test_images_have_no_identity(photos, world, capsys):
    said = refused(capsys, "train", photos, "--backbone", "identity", "--out", world / "none")
    assert "array:identity is for examples of the kind 'array'; these are images" in said


# ---- layouts -------------------------------------------------------------------------------------


def read(path: Path, **how: object):
    return open_source(path, cache_dir=path.parent / "cache", **how)


def numbers(dataset) -> np.ndarray:
    return dataset.examples.items.numbers


def test_parquet_is_a_table_like_any(tmp_path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns = {"a": X[:9, 20], "b": X[:9, 28], "label": Y[:9]}
    pq.write_table(pa.table(columns), tmp_path / "t.parquet")
    assert np.array_equal(numbers(read(tmp_path / "t.parquet")), X[:9][:, [20, 28]])


def test_columns_may_be_named(tmp_path):
    data = table(tmp_path / "t.csv", X[:30], Y[:30], note=["words"] * 30)
    found = read(data, x="p20, p28,p36")
    assert found.examples.items.columns == ("p20", "p28", "p36")
    assert np.array_equal(numbers(found), X[:30][:, [20, 28, 36]])


def test_labels_are_the_one_column_of_text_that_comes_again(tmp_path):
    kinds = {"id": range(8), "width": range(8, 0, -1), "species": list("aabbaabb")}
    found = read(write(tmp_path / "iris.csv", kinds))
    assert found.classes == ("a", "b")
    assert found.examples.items.columns == ("width",)
    assert "labels from column 'species'" in " ".join(f.message for f in found.findings)
    names = {**kinds, "place": [f"place {k}" for k in range(8)]}
    with pytest.raises(hs.DataError, match="no numbers: 'place'"):
        read(write(tmp_path / "places.csv", names))


def test_a_number_that_is_far_the_greatest_hides_no_other():
    even, steep = drawing(np.array([1.0, 2.0, 3.0])), drawing(np.array([1.0, 2.0, 3000.0]))
    high = [float(h) for h in re.findall(r'height="([\d.]+)" fill="rgb', svg(steep))]
    assert high[0] > 3, "the first bar is still seen"
    assert high == sorted(high)
    assert svg(even) != svg(steep)


def svg(address: str) -> str:
    return b64decode(address.partition("base64,")[2]).decode("ascii")


def test_groups_and_split_are_no_numbers(tmp_path):
    batch, split = [i % 5 for i in range(30)], ["test" if i > 20 else "train" for i in range(30)]
    data = write(tmp_path / "t.csv", {"a": X[:30, 20], "batch": batch, "split": split, "y": Y[:30]})
    found = read(data, groups="batch")
    assert found.examples.items.columns == ("a",)
    assert found.is_test.sum() == 9
    assert sorted(set(found.groups)) == ["0", "1", "2", "3", "4"]


def test_numbers_keep_all_their_digits(tmp_path):
    exact = [1 / 3, 1e-300, 1700000000.123456, -0.0, 12345678901234567.0, 7.0]
    data = write(tmp_path / "t.csv", {"a": map(repr, exact), "b": range(6), "label": "xyxyxy"})
    assert numbers(read(data))[:, 0].tolist() == exact


def test_arrays_bring_their_own_split(tmp_path):
    np.savez(tmp_path / "a.npz", x_train=X[:20], y_train=Y[:20], x_test=X[20:30], y_test=Y[20:30])
    found = read(tmp_path / "a.npz")
    assert found.is_test.tolist() == [False] * 20 + [True] * 10
    assert np.array_equal(numbers(found), X[:30])


def test_labels_lie_beside_an_array(tmp_path):
    np.save(tmp_path / "X.npy", X[:20])
    np.save(tmp_path / "y.npy", np.arange(20) % 2)
    assert read(tmp_path / "X.npy").classes == ("0", "1")


def test_a_folder_or_a_zip_may_hold_the_table(tmp_path, digits):
    (tmp_path / "folder").mkdir()
    data = table(tmp_path / "folder" / "t.csv", X[:20], Y[:20])
    with zipfile.ZipFile(tmp_path / "t.zip", "w") as packed:
        packed.write(data, "t.csv")
    for source in (tmp_path / "folder", tmp_path / "t.zip"):
        assert np.array_equal(numbers(read(source)), X[:20])
    assert len(digits.predict(tmp_path / "folder")) == 20


# ---- mistakes ------------------------------------------------------------------------------------


def broken(path: Path, kind: str) -> Path:
    columns: dict[str, list[object]] = {"a": X[:12, 20].tolist(), "b": X[:12, 28].tolist()}
    label: list[object] = list(Y[:12])
    if kind == "missing":
        columns["b"][3] = ""
    elif kind == "infinite":
        columns["b"][3] = "inf"
    elif kind == "word":
        columns["b"][3] = "n.d."
    elif kind == "text":
        columns["colour"] = ["red"] * 12
    elif kind == "one class":
        label = ["same"] * 12
    return write(path, {**columns, **({} if kind == "no labels" else {"label": label})})


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("missing", "a missing value in 1 of 12 rows: row 5 (column 'b')"),
        ("infinite", "no number in 1 of 12 rows: row 5 (column 'b': 'inf')"),
        ("word", "no number in 1 of 12 rows: row 5 (column 'b': 'n.d.')"),
        ("text", "1 column holds no numbers: 'colour' ('red', ...)"),
        ("one class", "same"),
        ("no labels", "No column of t.csv looks like"),
    ],
)
def test_a_table_with_a_mistake_is_refused_with_its_place(kind, said, tmp_path, capsys):
    found = refused(capsys, "train", broken(tmp_path / "t.csv", kind), "--out", tmp_path / "none")
    assert said in found


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        ({"X": np.array([[1, "a"], [None, 2]], object), "y": [0, 1]}, "objects are not read"),
        ({"X": np.zeros((4, 2, 2)), "y": [0, 1, 0, 1]}, "float64 of shape (4, 2, 2)"),
        ({"X": np.full((4, 2), np.nan), "y": [0, 1, 0, 1]}, "8 values of x are missing"),
        ({"X": np.zeros((4, 2)), "y": [0, 1, 0]}, "the labels of x have shape (3,), for 4 rows"),
        ({"X": np.zeros((4, 2))}, "which are rows and labels?"),
        ({"X": np.array([["a", "b"]] * 4), "y": [0, 1, 0, 1]}, "not numbers of shape"),
    ],
)  # fmt: skip
def test_arrays_with_a_mistake_are_refused(arrays, said, tmp_path, capsys):
    np.savez(tmp_path / "a.npz", **arrays)
    assert said in refused(capsys, "train", tmp_path / "a.npz", "--out", tmp_path / "none")


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04 cut off", b"\x93NUMPY cut off"])
def test_damaged_arrays_are_refused(data, tmp_path, capsys):
    (tmp_path / "a.npz").write_bytes(data)
    assert "cannot be read as arrays" in refused(capsys, "check", tmp_path / "a.npz")


def test_a_model_names_the_column_it_misses(digits, tmp_path, capsys):
    columns = {name: X[:5, k].tolist() for k, name in enumerate(NAMES) if name != "p20"}
    data = write(tmp_path / "t.csv", {**columns, "label": Y[:5].tolist()})
    for command in ("predict", "evaluate"):
        said = refused(capsys, command, digits.folder, data)
        assert "t.csv has no column 'p20', which the model was trained on" in said
    np.savez(tmp_path / "a.npz", X=X[:5, :9], y=Y[:5])
    said = refused(capsys, "predict", digits.folder, tmp_path / "a.npz")
    assert "a.npz has 9 columns; the model was trained on 64" in said


def test_values_beyond_float32_are_told_and_spoil_no_other_answer(digits):
    far = X[160:163].copy()
    far[1, 20] = 1e300
    wanted = digits.predict(X[160:163])
    first, second, third = digits.predict(far)
    assert (first, third) == (wanted[0], wanted[2])
    assert (second.error, second.probabilities) == ("a value is missing or infinite", None)


@pytest.mark.parametrize(
    ("inputs", "said"),
    [
        (X[0], "x is float64 of shape \\(64,\\), not numbers of shape \\(rows, columns\\)"),
        (X[:5, :9], "the array has 9 columns; the model was trained on 64"),
        (np.full((2, 64), np.nan), "128 values of x are missing or infinite"),
        (X[:5].astype(str), "not numbers"),
    ],
)
def test_arrays_that_are_no_rows_of_the_model(digits, inputs, said):
    with pytest.raises(hs.DataError, match=said):
        digits.predict(inputs)


def test_arrays_and_tables_are_answered_together(digits, world):
    answers = digits.predict([X[:2], table(world / "more.csv", X[2:4])])
    assert [a.path for a in answers] == [
        "array row 0",
        "array row 1",
        "more.csv row 2",
        "more.csv row 3",
    ]
    assert digits.predict(X[:0]) == []


def test_a_model_of_rows_reads_no_images(digits, photos, capsys):
    assert "There are no rows below" in refused(capsys, "predict", digits.folder, photos)
    file = next(photos.rglob("*.png"))
    assert "rows lie in tables" in refused(capsys, "predict", digits.folder, file)


def test_a_table_of_paths_that_lead_nowhere_is_still_one_of_paths(tmp_path, capsys):
    data = write(tmp_path / "t.csv", {"path": ["a.jpg", "b.jpg"], "label": ["x", "y"]})
    assert "no such file in 2 of 2 rows: row 2 'a.jpg'" in refused(capsys, "check", data)
    data = write(tmp_path / "u.csv", {"where": ["a.jpg", "b.jpg"], "label": ["x", "y"]})
    assert "No column of u.csv looks like paths" in refused(capsys, "check", data)
