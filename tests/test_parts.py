"""Which folders are training and test sets, under whatever name, and when it has to be asked."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from headstart.data.dataset import Dataset
from headstart.data.parts import held_out, role
from headstart.data.sources import open_source
from headstart.errors import DataError


def draw(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 6), "teal").save(root / name)
    return root


def fill(root: Path, tops: str, kinds: str = "cat dog", n: int = 2) -> Path:
    """Write ``TOP/KIND/0.png``, ... for all tops and kinds."""
    return draw(
        root,
        *(f"{top}/{k}/{i}.png" for top in tops.split() for k in kinds.split() for i in range(n)),
    )


@pytest.fixture
def load(tmp_path):
    def _load(data, **options) -> Dataset:
        return open_source(data, cache_dir=tmp_path / "cache", **options)

    return _load


@pytest.mark.parametrize(
    ("training", "test"),
    [
        ("training_set", "test_set"),
        ("seg_train", "seg_test"),
        ("train_images", "val_images"),
        ("Train_Data", "Test_Data"),
        ("x_train", "x_val"),
        ("TrainSet", "TestSet"),
        ("trainset", "testset"),
        ("train2017", "val2017"),
        ("01-training", "02-validation"),
        ("train", "test_images"),
        ("trainval", "Testing Set"),
    ],
)
def test_parts_under_other_names(tmp_path, load, training, test):
    root = draw(
        tmp_path / "d",
        *(f"{training}/{kind}/{i}.png" for kind in ("cat", "dog") for i in range(2)),
        *(f"{test}/{kind}/9.png" for kind in ("cat", "dog")),
    )
    dataset = load(root)
    assert dataset.classes == ("cat", "dog")
    assert dataset.is_test.tolist() == [False] * 4 + [True] * 2
    assert dataset.refs[-1] == f"{test}/dog/9.png"
    assert dataset.findings == ()


def test_parts_that_are_packed_twice_and_one_without_classes(tmp_path, load):
    root = fill(tmp_path / "d", "seg_train/seg_train seg_test/seg_test", "forest sea")
    draw(root, "seg_pred/seg_pred/1.png")
    (root / "seg_train/seg_train/_DS_Store").touch()
    dataset = load(root)
    assert dataset.classes == ("forest", "sea")
    assert dataset.is_test.sum() == 4
    assert dataset.refs[0] == "seg_train/seg_train/forest/0.png"
    [finding] = dataset.findings
    assert (finding.severity, finding.figures) == ("warning", {"folders": ["seg_pred"]})


def test_the_images_of_parts_in_a_folder_of_their_own(tmp_path, load):
    dataset = load(fill(tmp_path / "d", "train/images test/images"))
    assert dataset.classes == ("cat", "dog")
    assert dataset.is_test.sum() == 4


def test_a_test_set_without_labels_beside_a_training_set(tmp_path, load):
    dataset = load(draw(fill(tmp_path / "d", "train_images"), "test_images/1.png"))
    assert dataset.classes == ("cat", "dog")
    assert not dataset.is_test.any()
    assert "1 folder ('test_images')" in dataset.findings[0].message


def test_val_under_another_name_joins_training(tmp_path, load):
    dataset = load(fill(tmp_path / "d", "x_train x_val x_test"))
    assert int(dataset.is_test.sum()) == 4
    assert "'x_test' is the test set; 'x_val' joins training" in dataset.findings[0].message


@pytest.mark.parametrize("tops", ["amazon webcam", "A B C", "fold1 fold2", "bus train", "a test_b"])
@pytest.mark.parametrize("inner", ["", "/images"])
def test_folders_that_hold_the_same_folders_are_asked_about(tmp_path, load, tops, inner):
    fill(tmp_path / "d", " ".join(f"{top}{inner}" for top in tops.split()))
    with pytest.raises(DataError, match="all hold the same 2 folders") as caught:
        load(tmp_path / "d")
    assert all(repr(top) in caught.value.message for top in tops.split())
    assert "'cat', 'dog'" in caught.value.message
    assert "call the outer ones train and test, or pass one of them" in caught.value.hint
    assert "CSV with the columns path and label" in caught.value.hint


def test_folders_said_to_be_groups_are_not_asked_about(tmp_path, load):
    root = fill(tmp_path / "d", "bolt nut", "machine1 machine2 machine3")
    for pattern in ("^[^/]+/([^/]+)/", r"machine\d", r"machine(\d)"):
        dataset = load(root, groups_from=pattern)
        assert dataset.classes == ("bolt", "nut")
        assert len(set(dataset.groups)) == 3
    with pytest.raises(DataError, match="Which are the classes"):
        load(root, groups_from=r"(\d)\.png")  # of the files: says nothing of the folders


@pytest.mark.parametrize(
    "files",
    [
        "cat/a/1.png cat/b/1.png dog/c/1.png dog/d/1.png",  # other names
        "cat/a/1.png cat/b/1.png dog/1.png dog/2.png",  # none in one of them
        "cat/a/1.png dog/a/1.png",  # a single one, such as "original"
        "cat/2020/1.png cat/2021/1.png dog/2020/1.png dog/2022/1.png dog/2023/1.png",
        "cat/l/1.png cat/r/1.png cat/1.png dog/l/1.png dog/r/1.png dog/2.png",  # and files beside
        "bus/1.png train/1.png test/1.png",  # classes that are called like parts
        "bullet_train/1.png bus/1.png test_tube/1.png",
        "bullet_train/a/1.png bullet_train/b/1.png bus/1.png",
    ],
)
def test_no_false_question(tmp_path, load, files):
    dataset = load(draw(tmp_path / "d", *files.split()))
    assert dataset.classes == tuple(sorted({file.split("/")[0] for file in files.split()}))
    assert dataset.findings == ()


def test_nearly_the_same_folders_are_said(tmp_path, load):
    dataset = load(fill(fill(tmp_path / "d", "amazon", "bike mug pen"), "webcam", "bike mug"))
    assert dataset.classes == ("amazon", "webcam")
    [finding] = dataset.findings
    assert finding.severity == "warning"
    assert "were read as classes, but hold 2 folders ('bike', 'mug')" in finding.message


def test_parts_without_classes_are_no_classes(tmp_path, load):
    root = draw(tmp_path / "d", "train/1.png", "train/2.png", "test/3.png")
    with pytest.raises(DataError, match="these are parts, not classes") as caught:
        load(root)
    assert "folder of its own" in caught.value.hint
    (root / "train.csv").write_text("path,label\ntrain/1.png,a\ntrain/2.png,b\n")
    assert load(root).refs == ("train/1.png", "train/2.png")
    (root / "sample_submission.csv").write_text("path,label\n")
    with pytest.raises(DataError, match="beside 2 tables") as caught:
        load(root)
    assert caught.value.hint == "Pass the table that holds the labels."


def test_roles_of_names():
    assert [role(name) for name in ("latest", "contest", "Trainer", "invalid", "devices")] == [
        None
    ] * 5
    assert role("train_test_split") is None
    assert held_out(["tr_train", "tr_val", "tr_test"])[0] == {"tr_test"}
