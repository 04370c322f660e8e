"""Labels that may be one, written in several ways: said, and never merged."""

from __future__ import annotations

import sys
import unicodedata

import numpy as np
import pytest
from PIL import Image

from headstart.data.checks import check_classes
from headstart.data.sources import open_source
from headstart.data.spellings import check_spellings
from headstart.errors import DataError

NFC, NFD = (unicodedata.normalize(form, "café") for form in ("NFC", "NFD"))


@pytest.fixture
def load(tmp_path):
    """Read a table of these labels."""

    def _load(labels, name="t.csv"):
        lines = ["path,label"]
        for i, label in enumerate(labels):
            Image.new("RGB", (4, 4)).save(tmp_path / f"{i}.png")
            lines.append(f'{i}.png,"{label}"')
        (tmp_path / name).write_text("\n".join(lines), encoding="utf-8")
        return open_source(tmp_path / name, cache_dir=tmp_path / "cache")

    return _load


@pytest.mark.parametrize(
    "same",
    [
        ["TRUE", "True", "true"],
        ["0", "0.0", "00"],
        ["Rain", "rain"],
        ["New  York", "New York", "new_york"],
        ["hot\u3000dog", "hot dog", "hot-dog"],
        ["Ａ１", "A1"],
        [NFC, NFD],
        ["STRASSE", "straße"],
    ],
)
def test_spellings_of_one_label_are_named_and_stay_classes(load, same):
    dataset = load([*same, *same, "other", "other"])
    assert set(dataset.classes) == {*same, "other"}
    [finding] = [f for f in dataset.findings if f.kind == "label_spellings"]
    assert finding.severity == "warning"
    assert finding.figures["spellings"] == [dict.fromkeys(sorted(same), 2)]
    assert "write them in one way" in finding.message


def test_what_looks_the_same_is_told_apart():
    [finding] = check_spellings([NFC, NFD])
    assert r"'caf\xe9' (1)" in finding.message
    assert r"'cafe\u0301' (1)" in finding.message


@pytest.mark.parametrize("nothing", ["nan", "NaN", "None", "NULL", "N/A", "-", "na"])
def test_labels_that_may_stand_for_none(load, nothing):
    dataset = load(["cat", "dog", nothing, nothing])
    assert nothing in dataset.classes
    [finding] = [f for f in dataset.findings if f.kind == "label_spellings"]
    assert finding.figures == {"spellings": [], "nothing": {nothing: 2}}
    assert f"'{nothing}' (2) may stand for no label" in finding.message


@pytest.mark.skipif(sys.platform != "linux", reason="other systems forbid such names")
def test_names_of_folders(tmp_path):
    for kind in ("cat", "cat ", "Dog", "dog", "null"):
        (tmp_path / "d" / kind).mkdir(parents=True)
        Image.new("RGB", (4, 4)).save(tmp_path / "d" / kind / "0.png")
    dataset = open_source(tmp_path / "d", cache_dir=tmp_path / "cache")
    assert dataset.classes == ("Dog", "cat", "cat ", "dog", "null")
    [finding] = dataset.findings
    assert "'Dog' (1), 'dog' (1); 'cat' (1), 'cat ' (1)" in finding.message
    assert finding.figures["nothing"] == {"null": 1}


def test_one_finding_that_names_a_few():
    labels = [form(f"kind {c}") for c in "abcdefgh" for form in (str, str.upper)]
    [finding] = check_spellings([*labels, "nan"])
    assert "and 3 more" in finding.message
    assert len(finding.figures["spellings"]) == 8


@pytest.mark.parametrize(
    "labels",
    [
        ["cat", "dog", "cats"],
        ["A+", "A-", "A", "AB", "B"],
        ["+", "-"],
        ["1", "10", "-1", "1.5", "2"],
        [c for letter in "abcdefgh" for c in (letter, letter.upper())],  # letters are the classes
        ["x²", "x³"],
        ["v1.0", "v10"],
    ],
)
def test_no_false_alarm(labels):
    assert check_spellings(labels) == []


def test_arrays_too(tmp_path):
    np.savez(tmp_path / "a.npz", X=np.eye(4), y=np.array(["Yes", "yes", "no", "no"]))
    dataset = open_source(tmp_path / "a.npz", cache_dir=tmp_path)
    assert [f.kind for f in dataset.findings] == ["label_spellings"]


def test_a_test_set_that_writes_a_class_otherwise(tmp_path):
    for place in ("train/Cat", "train/dog", "test/cat", "test/dog"):
        (tmp_path / "d" / place).mkdir(parents=True)
        Image.new("RGB", (4, 4)).save(tmp_path / "d" / place / "0.png")
    dataset = open_source(tmp_path / "d", cache_dir=tmp_path / "cache")
    with pytest.raises(DataError, match="training lacks: 'cat'") as caught:
        check_classes(dataset)
    assert "Training writes 'Cat': write them in one way." in caught.value.hint
