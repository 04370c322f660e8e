"""Few groups of a class: two speakers of a dialect are two voices, so there is no verdict."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from headstart import train
from headstart.judge.few_groups import too_few, why_withheld
from headstart.judge.verdict import Verdict
from headstart.report.words import headline
from headstart.tasks.classification import Classification
from headstart.tasks.labels import Labels
from sounds import RATE, tone, toys


def labels(y, groups, *, grouped=True) -> Labels:
    names = tuple(f"c{k}" for k in range(max(y) + 1))
    y, groups = np.array(y), np.unique(groups, return_inverse=True)[1]
    return Labels(y, Classification(names), groups, False, 0, grouped=grouped)


def few(y, groups, rows=None, **how):
    return labels(y, groups, **how).few_groups(np.arange(len(y)) if rows is None else rows)


def test_groups_that_lie_within_a_class_are_counted():
    assert few([0, 0, 0, 0, 1, 1, 1, 1], list("aabbccdd")) == {0: 2, 1: 2}
    assert few([0] * 4 + [1] * 4, list("abcdefgh")) == {}
    assert few([0] * 4 + [1] * 3, list("abcdxyz")) == {1: 3}


def test_groups_of_several_classes_are_no_matter():
    """Three speakers who all say all digits: digits can be told from speakers."""
    assert few([0, 0, 0, 1, 1, 1], list("abcabc")) == {}


def test_groups_nobody_gave_are_no_matter():
    assert few([0, 0, 1, 1], list("aabb"), grouped=False) == {}


def test_what_is_held_out_counts_and_all_rows_tell_what_is_shared():
    y, groups = [0, 1, 0, 1, 0, 1, 0, 1], list("aabbccdd")
    assert few(y, groups, np.array([6, 7])) == {}  # each of these has both classes elsewhere
    y, groups = [0] * 6 + [1] * 6, list("abcdefghijkl")
    assert few(y, groups, np.array([4, 5, 6, 7, 8, 9, 10])) == {0: 2}


def test_half_of_the_classes_decide():
    assert too_few({0: 2}, 2)
    assert not too_few({0: 2}, 3)
    assert not too_few({}, 2)


def test_the_verdict_says_why_there_is_none():
    given = Verdict("helps", 0.3, (0.2, 0.4), "small pixels", 0.1, "t", "accuracy", caution="But")
    kept = given.withhold(why_withheld({0: 2, 1: 3}, ["north", "south"]))
    assert kept.decision == "cannot tell"
    assert "'north' (2), 'south' (3)" in kept.sentence()
    assert "better 10 or more" in kept.sentence()
    assert "30" not in kept.sentence()
    assert headline(json.loads(json.dumps(kept.to_json()))) == (
        "No verdict: a class has too few groups."
    )
    assert not kept.to_json()["rivals"]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two dialects of two speakers each, who differ in pitch; and ten speakers each."""
    root, rng = tmp_path_factory.mktemp("few"), np.random.default_rng(0)
    for name, speakers, each in (("two", 2, 8), ("ten", 10, 2)):
        for d, dialect in enumerate(("north", "south")):
            (root / name / dialect).mkdir(parents=True)
            for s in range(speakers):
                pitch = 400 + 1500 * d + 20 * s
                for k in range(each):
                    path = root / name / dialect / f"spk{d}{s}_{k}.wav"
                    soundfile.write(path, tone(pitch, 0.3, rng), RATE)
    return root


def test_two_speakers_of_a_dialect_give_no_verdict(world, tmp_path, capsys):
    with toys():
        done = train(world / "two", names="spk{speaker}_{n}", modality="toy", out=tmp_path / "r")
    verdict = done.metrics["verdict"]
    assert verdict["decision"] == "cannot tell"
    assert (
        "There are too few groups for a verdict: 'north' (2), 'south' (2)." in verdict["sentence"]
    )
    assert verdict["withheld"] == verdict["sentence"]
    warned = [f for f in done.metrics["findings"] if f["kind"] == "groups"]
    assert warned[-1]["severity"] == "warning"
    assert warned[-1]["figures"]["groups"] == {"north": 2, "south": 2}
    page = (tmp_path / "r" / "report.html").read_text("utf-8")
    assert "No verdict: a class has too few groups." in page


def test_ten_speakers_give_one(world, tmp_path):
    with toys():
        done = train(world / "ten", names="spk{speaker}_{n}", modality="toy", out=tmp_path / "r")
    assert done.metrics["verdict"]["withheld"] == ""
    assert "too few groups" not in done.metrics["verdict"]["sentence"]
    assert not [f for f in done.metrics["findings"] if f["kind"] == "groups"]
