"""Tables as others write them: without a header, with ids, with marks for splits, one-hot."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from given import IMAGE
from headstart.data.inputs import expand
from headstart.data.sources import open_source
from headstart.errors import ConfigError, DataError
from headstart.modalities import Modality, Unit, modality


def draw(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 6), "teal").save(root / name)


@pytest.fixture
def read(tmp_path):
    """Write a table and read it as labelled data."""

    def _read(content: str, name: str = "t.csv", **options):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content, encoding="utf-8")
        return open_source(tmp_path / name, cache_dir=tmp_path / "cache", **options)

    return _read


@pytest.fixture
def listed(tmp_path):
    """Write a table and read it as inputs without labels."""

    def _listed(content: str, name: str = "t.csv", kind=IMAGE, **options):
        (tmp_path / name).write_text(content, encoding="utf-8")
        return expand([tmp_path / name], kind, **options)

    return _listed


def notes(dataset) -> str:
    return " | ".join(finding.message for finding in dataset.findings)


# ---- without a header --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "content",
    [
        "new/0.png\nnew/1.png\n",
        "new\\0.png\nnew\\1.png\n",
        "gone.png\nnew/0.png\n",  # its name tells
        "cat,new/0.png\ndog,new/1.png\n",
        "7;new/0.png\n8;new/1.png\n",
    ],
)
def test_a_list_of_files_without_a_header_loses_none(read, listed, tmp_path, content):
    draw(tmp_path, "new/0.png", "new/1.png")
    for call in (read, listed):
        with pytest.raises(DataError, match=r"t\.csv has no header: its first line holds '") as e:
            call(content)
        assert "put a header line, such as path,label, above it" in e.value.hint
    with pytest.raises(DataError, match="has no header"):
        listed(content, x="path")


@pytest.mark.parametrize(
    ("content", "first"),
    [
        ("5.1,3.5,1.4,0.2,setosa\n4.9,3.0,1.3,0.1,setosa\n6.3,3.3,6.0,2.5,virginica\n", "setosa"),
        ("-0.1,-3,x\n0.2,1,y\n0.3,2,y\n0.1,1,z\n0.2,1,z\n", "-0.1"),
        ("1,7,3,5,x\n0,1,1,1,y\n0,1,2,1,y\n", "1"),
    ],
)
def test_rows_of_numbers_without_a_header_lose_none(read, content, first):
    with pytest.raises(DataError, match="has no header") as caught:
        read(content)
    assert f"holds {first!r}" in caught.value.message


@pytest.mark.parametrize(
    "content",
    [
        "400,401.5,403,kind\n1,2,3,a\n2,3,4,a\n1,1,1,b\n3,1,2,b\n",  # wavelengths
        "2,1,0,kind\n0,1,0,a\n2,3,4,a\n1,1,1,b\n3,1,2,b\n",
        "17,3,250,label\n1,2,3,a\n2,3,4,a\n1,1,1,b\n3,1,2,b\n",  # a header that names the labels
    ],
)
def test_names_of_columns_may_be_numbers(read, content):
    dataset = read(content)
    assert len(dataset) == 4
    assert len(dataset.examples.items.columns) == 3


def test_a_column_that_the_model_knows_is_no_data(listed):
    found = listed("9,1\n9,2\n", kind=modality("array"), columns=["9", "1"])
    assert len(found) == 1


class Lines(Modality):
    """Lines of text in cells."""

    name, unit, kinds, columns = "line", Unit("line", "lines"), ("cell",), ("line",)


@pytest.mark.parametrize("first", ["the disk of host seven is full", "x" * 41])
def test_a_list_of_texts_without_a_header_loses_none(listed, first):
    with pytest.raises(DataError, match="has no header") as caught:
        listed(f"{first}\nuser ann logged in\n", kind=Lines())
    assert f"--x {first!r}" in caught.value.hint
    assert len(listed(f"{first}\nuser ann logged in\n", kind=Lines(), x=first)) == 1
    with pytest.raises(DataError, match="holds 'ok'"):
        listed("ok\nbad\nok\n", kind=Lines())  # a name that comes again
    assert len(listed("what was said\nuser ann logged in\n", kind=Lines())) == 1


# ---- ids and bare names ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "place",
    ["", "train/", "images/", "train_images/", "train/images/", "t/", "whatever/", "JPEGImages/"],
)
@pytest.mark.parametrize("ids", [("0001", "0002"), ("1", "2"), ("a.b", "x y"), ("7.png", "8.png")])
def test_ids_beside_a_folder_of_images(read, listed, tmp_path, place, ids):
    files = [f"{place}{Path(i).stem if i.endswith('.png') else i}.png" for i in ids]
    draw(tmp_path, *files)
    (tmp_path / place / "0001.txt").touch()  # its caption
    dataset = read(f"id,label\n{ids[0]},cat\n{ids[1]},dog\n")
    assert list(dataset.examples.items.files) == [tmp_path / file for file in files]
    assert dataset.modality.name == "image"
    found = listed(f"label,id\nx,{ids[0]}\ny,{ids[1]}\n")
    assert [f.resolve() for f in found.items.files] == [tmp_path / file for file in files]
    assert found.refs == ids


def test_names_with_the_folders_of_their_classes(read, tmp_path):
    draw(tmp_path, "images/cat/1.jpg", "images/dog/1.jpg")
    dataset = read("path,label\ncat/1,cat\ndog\\1.jpg,dog\n")
    assert dataset.refs == ("images/cat/1.jpg", "images/dog/1.jpg")


def test_the_folder_that_is_named_as_the_table_goes_before(read, tmp_path):
    draw(tmp_path, *(f"{part}/{i}.png" for part in ("train_images", "test_images") for i in (1, 2)))
    dataset = read("image_id,label\n1,cat\n2,dog\n", "train.csv")
    assert {file.parent.name for file in dataset.examples.items.files} == {"train_images"}


def test_several_files_that_may_be_meant(read, listed, tmp_path):
    draw(tmp_path, "images/1.png", "images/1.jpg", "images/2.png", "photos/2.png", "images/3.png")
    for call in (read, listed):
        with pytest.raises(DataError, match="several files that may be meant") as caught:
            call("id,label\n1,x\n2,y\n3,z\n")
        assert "row 2 '1' (images/1.jpg or images/1.png)" in caught.value.message
        assert "row 3 '2' (images/2.png or photos/2.png)" in caught.value.message
        assert caught.value.hint == "Write the paths with their folder and suffix."


def test_ids_that_lead_nowhere(read, tmp_path):
    draw(tmp_path, "elsewhere/cat/1.png", "other/x.png")
    with pytest.raises(DataError, match=r"no such file in 1 of 1 row: row 2 'b1'"):
        read("id,label\nb1,cat\n")


def test_an_id_beside_other_numbers_counts_rows(read, tmp_path):
    draw(tmp_path, "images/1.png", "images/2.png", "images/3.png", "images/4.png")
    content = "id,width,height,label\n1,2,3,x\n2,3,4,x\n3,1,1,y\n4,2,2,y\n"
    assert read(content).examples.items.columns == ("width", "height")
    assert read(content, x="id").modality.name == "image"


def test_an_archive_with_ids(tmp_path):
    import shutil

    draw(tmp_path / "d", "train/1.png", "train/2.png", "test/3.png")
    (tmp_path / "d/train.csv").write_text("id,label\n1,cat\n2,dog\n")
    made = shutil.make_archive(str(tmp_path / "made"), "zip", tmp_path / "d")
    dataset = open_source(made, cache_dir=tmp_path / "cache")
    assert [Path(ref).name for ref in dataset.refs] == ["1.png", "2.png"]


# ---- what is for testing -----------------------------------------------------------------------


@pytest.fixture
def four(tmp_path):
    draw(tmp_path, *(f"{i}.png" for i in range(4)))
    return lambda column, values: (
        f"path,label,{column}\n"
        + "".join(f"{i}.png,{'xy'[i % 2]},{value}\n" for i, value in enumerate(values))
    )


@pytest.mark.parametrize(
    ("column", "values"),
    [
        ("is_valid", ["False", "False", "True", "True"]),
        ("IS_VALID", ["0", "0", "1", "1"]),
        ("is_test", ["no", "no", "yes", "yes"]),
        ("is_train", ["1", "1", "0", "0"]),
        ("Usage", ["Training", "Training", "PublicTest", "PrivateTest"]),
        ("subset", ["train", "train", "val", "val"]),
        ("split", ["train_set", "Training", "test1", "test2"]),
    ],
)
def test_columns_that_set_rows_apart(read, four, column, values):
    dataset = read(four(column, values))
    assert dataset.is_test.tolist() == [False, False, True, True]
    assert f"column {column!r} sets 2 of 4 rows apart" in notes(dataset)


@pytest.mark.parametrize("values", [["True"] * 4, ["0"] * 4, ["1", "0", "2", "0"]])
def test_a_mark_that_says_nothing_is_named(read, four, values):
    dataset = read(four("is_valid", values))
    assert not dataset.is_test.any()
    assert "column 'is_valid' was not used" in notes(dataset)


def test_a_phase_that_is_none_is_passed_over(read, four):
    assert not read(four("phase", ["solid", "liquid", "gas", "test"])).is_test.any()


def test_folds_are_named_and_not_used(read, four):
    dataset = read(four("fold", ["1", "2", "1", "2"]))
    assert not dataset.is_test.any()
    assert "column 'fold' (2 values) was not used" in notes(dataset)
    assert "--groups fold" in notes(dataset)
    dataset = read(four("fold", ["1", "2", "1", "2"]), groups="fold")
    assert dataset.groups.tolist() == ["1", "2", "1", "2"]
    assert "not used" not in notes(dataset)
    assert "fold" not in notes(read(four("fold", ["a", "b", "a", "b"])))


def test_a_model_of_rows_does_not_learn_from_folds_and_marks(read):
    lines = [f"{i},{i * i},{i % 5},{i % 2},{'xy'[i % 2]}" for i in range(10)]
    dataset = read("\n".join(["a,b,fold,is_valid,label", *lines]))
    assert dataset.examples.items.columns == ("a", "b")
    assert dataset.is_test.sum() == 5
    assert "column 'fold' (5 values)" in notes(dataset)


# ---- labels in columns -------------------------------------------------------------------------


@pytest.mark.parametrize("bits", ["01", ("0.0", "1.0"), ("False", "True"), ("", "1")])
def test_one_hot_columns_say_the_class(read, tmp_path, bits):
    draw(tmp_path, "0.png", "1.png", "2.png", "3.png")
    no, yes = bits
    rows = [f"{i}.png,{yes},{no},{no},7" for i in (0, 1)]
    rows += [f"{i}.png,{no},{yes},{no},8" for i in (2, 3)]
    dataset = read("\n".join(["image,dog,cat,none_ticked,age", *rows]))
    assert dataset.written == ["dog", "dog", "cat", "cat"]
    assert dataset.classes == ("cat", "dog")
    assert "a 1 in one of 2 columns says the class: 'dog', 'cat'" in notes(dataset)
    assert "--task multilabel" in notes(dataset)


def test_one_hot_columns_with_rows_of_no_class_are_several_labels(read, tmp_path):
    draw(tmp_path, "0.png", "1.png", "2.png")
    content = "path,dog,cat,is_valid\n0.png,1,0,0\n1.png,0,1,0\n2.png,0,0,1\n"
    dataset = read(content)
    assert dataset.written == ["dog", "cat", ""]
    assert dataset.is_test.tolist() == [False, False, True]
    assert "1 of 3 has none" in notes(dataset)
    with pytest.raises(DataError, match="not one label but none or several in 1 of 3 rows") as e:
        read(content, task="classification")
    assert "Drop --task classification" in e.value.hint


def test_columns_of_several_labels(read, tmp_path):
    draw(tmp_path, "0.png", "1.png")
    content = "path,sunny,beach\n0.png,1,1\n1.png,0,1\n"
    dataset = read(content)
    assert dataset.written == ["beach;sunny", "beach"]
    assert dataset.labels.tolist() == [[True, True], [True, False]]
    assert "For one of them alone: --y sunny." in notes(dataset)
    assert read(content, y="sunny").classes == ("0", "1")


def test_one_hot_beside_a_label_is_nothing_to_refuse(read, tmp_path):
    draw(tmp_path, "0.png", "1.png")
    assert read("path,label,dog,cat\n0.png,dog,1,0\n1.png,cat,0,1\n").classes == ("cat", "dog")
    with pytest.raises(ConfigError, match="both name"):
        read("path,dog\n0.png,1\n1.png,0\n", x="path", y="path")
