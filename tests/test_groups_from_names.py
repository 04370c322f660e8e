"""Names of files, and columns, that say what belongs together: read where asked, else offered."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import numpy as np
import pytest
import soundfile

from headstart.data.name_fields import offer, shape
from headstart.data.name_patterns import NamePattern
from headstart.data.sources import open_source
from headstart.errors import ConfigError, DataError

WHO = ("george", "jackson", "theo", "yweweler")
SPOKEN = [f"{d}_{who}_{n}.wav" for d, who, n in product(range(3), WHO, range(4))]


def write(root: Path, *names: str) -> Path:
    for k, name in enumerate(names):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, np.full(800, k / 1e4), 8000)
    return root


def offered(names: list[str], kinds: list[object], *, over_time: bool = True) -> str:
    of = np.unique(kinds, return_inverse=True)[1]
    found = offer(names, of, [str(kind) for kind in kinds], over_time=over_time)
    return "" if found is None else str(found.figures["names"])


# ---- patterns ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pattern", "name", "label", "group"),
    [
        ("{label}_{speaker}_{n}", "3_george_12.wav", "3", "george"),
        ("{digit}_{label}_{n}", "3_george_12.wav", "george", "3"),
        ("{label}_{speaker}_{n}.wav", "3_george_12.wav", "3", "george"),
        ("{speaker}-{n}", "x/george-003.wav", None, "george"),
        ("{speaker}{n}", "george003.wav", None, "george"),
        ("spk{speaker}_utt{n}", "spk01_utt05.wav", None, "01"),
        ("*_{speaker}_{n}", "living_room_george_1.wav", None, "george"),
        ("{label}_*", "dog_any thing_at-all.wav", "dog", None),
        ("{speaker}/{label}_{n}", "a/b/theo/yes_1.wav", "yes", "theo"),
        ("{label}/{label}_{patient}_{n}", "cat/cat_p1_3.jpg", "cat", "p1"),
        ("{label}_{group}_{session}", "a_b_c.wav", "a", "b"),
        ("{label}_{人}_{n}", "猫_小明_1.wav", "猫", "小明"),
    ],
)
def test_patterns_read_names(pattern, name, label, group):
    labels, groups = NamePattern.of(pattern).read([name])
    assert labels == (None if label is None else [label])
    assert groups == (None if group is None else [group])


@pytest.mark.parametrize(
    ("pattern", "said"),
    [
        ("{label}_{speaker}_{session}", "by {speaker} or {session}?"),
        ("{n}_*", "neither what the class is nor what belongs together"),
        ("plain", "neither"),
        ("{label", "'{' is no field"),
        ("{}_{label}", "'{}' is no field"),
        ("{1}_{label}", "'{1}' is no field"),
    ],
)
def test_patterns_that_are_none(pattern, said):
    with pytest.raises(ConfigError) as caught:
        NamePattern.of(pattern)
    assert said in str(caught.value)
    assert caught.value.hint


def test_names_that_do_not_fit_are_shown():
    with pytest.raises(ConfigError, match=r"fits 1 of 2 names; not, for example, 'x.wav'"):
        NamePattern.of("{label}_{n}").read(["a_1.wav", "x.wav"])
    with pytest.raises(ConfigError, match="fits 0 of 1"):  # an underscore more: never guessed
        NamePattern.of("{label}_{speaker}_{n}").read(["living_room_george_1.wav"])


# ---- what is offered, and what is not ----------------------------------------------------------


def test_a_speaker_in_names_is_offered():
    assert offered(SPOKEN, [name[0] for name in SPOKEN]) == "{n}_{group}_{n}"
    bare = [name[2:] for name in SPOKEN]
    assert offered(bare, [name[0] for name in SPOKEN]) == "{group}_{n}"
    joined = [f"{who}{n:03}.wav" for who in WHO for n in range(12)]
    assert offered(joined, ["ab"[n % 2] for n in range(48)]) == "{group}{n}"
    coded = [f"spk{s:02}_utt{u:02}.wav" for s in range(5) for u in range(6)]
    assert offered(coded, ["ab"[k % 2] for k in range(30)]) == "spk{group}_utt{n}"
    number = [f"{d}_{s:02}_{n}.wav" for d, s, n in product(range(3), range(6), range(5))]
    assert offered(number, [name[0] for name in number]) == "{n}_{group}_{n}"
    dialect = [f"{who}_{n}.wav" for who in ("anna", "bob", "cay", "dan") for n in range(5)]
    assert offered(dialect, ["north"] * 10 + ["south"] * 10) == "{group}_{n}"


def test_it_is_as_good_for_photos():
    photos = [f"patient{p}_img{k}.jpg" for p in range(6) for k in range(4)]
    kinds = [("ill", "well")[p % 2] for p in range(6) for _ in range(4)]
    assert offered(photos, kinds, over_time=False) == "patient{group}_img{n}"
    within = [f"{c}_patient{p}_{k}.jpg" for c, p, k in product(("cat_b", "dog"), range(4), "123")]
    kinds = [name.partition("_patient")[0] for name in within]
    assert offered(within, kinds, over_time=False) == "*_patient{group}_{n}"


@pytest.mark.parametrize(
    "names",
    [
        [f"IMG_{k:04}.jpg" for k in range(60)],
        [f"{'cat' if k < 30 else 'dog'}.{k}.jpg" for k in range(60)],
        [f"{k // 30}{k:05}.png" for k in range(60)],
        [f"IMG_202301{1 + k // 6:02}_{k:06}.jpg" for k in range(60)],
        [f"2023-01-{1 + k // 6:02} {k % 24:02}.{k:02}.jpg" for k in range(60)],
        [f"{k * 7919}_{k * 104729:x}_{'nm'[k % 2]}.jpg" for k in range(60)],
        [f"n0{k // 30}440764_{k * 37}.JPEG" for k in range(60)],
        [f"{'cat' if k < 30 else 'dog'}_{k % 30:03}.jpg" for k in range(60)],
        [f"100_{k:04}.jpg" for k in range(60)],
        [f"{('siam', 'tabby', 'pug', 'lab')[k // 15]}_{k}.jpg" for k in range(60)],
        [f"{chr(97 + k % 26)}{k}.jpg" for k in range(60)],
        ["photo of a cat.jpg", *(f"{k}.jpg" for k in range(59))],
    ],
    ids=lambda names: names[0],
)
def test_ordinary_names_of_photos_are_left_alone(names):
    assert offered(names, ["cat"] * 30 + ["dog"] * 30, over_time=False) == ""


@pytest.mark.parametrize(
    "names", [[f"rec_{k:03}.wav" for k in range(60)], [f"{k}.wav" for k in range(60)], ["a.wav"]]
)
def test_ordinary_names_of_recordings_are_left_alone(names):
    assert offered(names, ["ab"[k % 2] for k in range(len(names))]) == ""


def test_the_offer_is_said_and_taken_only_when_asked(tmp_path):
    root = write(tmp_path / "d", *(f"{name[0]}/{name}" for name in SPOKEN))
    found = open_source(root, cache_dir=tmp_path / "c")
    assert found.groups is None
    (said,) = [f for f in found.findings if f.kind == "groups"]
    assert said.severity == "warning"
    assert "4 values ('george', 'jackson', 'theo', ...), of 12 files each" in said.message
    asked = open_source(root, names=said.figures["names"], cache_dir=tmp_path / "c")
    assert set(asked.groups) == set(WHO)
    assert not [f for f in asked.findings if f.kind == "groups"]


# ---- folders without class folders -------------------------------------------------------------


def test_a_flat_folder_says_how_its_names_can_be_read(tmp_path):
    root = write(tmp_path / "d", *SPOKEN)
    with pytest.raises(DataError) as caught:
        open_source(root, cache_dir=tmp_path / "c")
    assert "--names '{label}_{speaker}_{n}'" in caught.value.hint
    assert shape(["a.wav", "b_c.wav"]) == ""
    found = open_source(root, names="{label}_{speaker}_{n}", cache_dir=tmp_path / "c")
    assert found.classes == ("0", "1", "2")
    assert set(found.groups) == set(WHO)
    other = open_source(root, names="{digit}_{label}_{n}", cache_dir=tmp_path / "c")
    assert other.classes == WHO
    assert set(other.groups) == {"0", "1", "2"}
    alone = open_source(root, names="{label}_*_{n}", cache_dir=tmp_path / "c")
    assert alone.groups is None
    (said,) = [f for f in alone.findings if f.kind == "groups"]
    assert said.figures["names"] == "{label}_{group}_{n}"


def test_a_given_test_set_is_kept_apart_and_its_speakers_warned_of(tmp_path):
    parts = [f"{'test' if name[-5] == '3' else 'train'}/{name}" for name in SPOKEN]
    root = write(tmp_path / "d", *parts)
    (root / "README.md").write_text("about")
    found = open_source(root, names="{label}_{speaker}_{n}", cache_dir=tmp_path / "c")
    assert found.is_test.sum() == 12
    assert len(found) == 48


def test_folders_may_be_the_speakers(tmp_path):
    root = write(tmp_path / "d", *(f"{w}/{y}_{n}.wav" for w in WHO for y in ("no", "yes")
                                   for n in range(2)))  # fmt: skip
    found = open_source(root, names="{speaker}/{label}_{n}", cache_dir=tmp_path / "c")
    assert found.classes == ("no", "yes")
    assert set(found.groups) == set(WHO)


# ---- tables ------------------------------------------------------------------------------------


def spoken(tmp_path: Path, more: str = "") -> Path:
    write(tmp_path, *SPOKEN)
    rows = [",".join([name, *name.split("_")[: 2 if more else 1]]) for name in SPOKEN]
    table = tmp_path / "t.csv"
    table.write_text("\n".join([f"path,label{more}", *rows]) + "\n")
    return table


def test_a_column_of_speakers_is_offered_and_taken_when_asked(tmp_path):
    table = spoken(tmp_path, ",speaker")
    found = open_source(table, cache_dir=tmp_path / "c")
    assert found.groups is None
    (said,) = [f for f in found.findings if f.kind == "groups"]
    assert "column 'speaker' has 4 values ('george', 'jackson', 'theo', ...)" in said.message
    assert said.message.endswith("--groups speaker.")
    asked = open_source(table, groups="speaker", cache_dir=tmp_path / "c")
    assert not [f for f in asked.findings if f.kind == "groups"]


def test_names_in_tables(tmp_path):
    table = spoken(tmp_path)
    found = open_source(table, names="*_{speaker}_{n}", cache_dir=tmp_path / "c")
    assert set(found.groups) == set(WHO)
    with pytest.raises(ConfigError, match=r"the labels of t.csv stand in it"):
        open_source(table, names="{label}_{speaker}_{n}", cache_dir=tmp_path / "c")
    with pytest.raises(ConfigError, match="not both"):
        open_source(table, names="*_{speaker}_{n}", groups="label", cache_dir=tmp_path / "c")
