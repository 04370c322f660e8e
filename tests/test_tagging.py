"""From tagged sentences to a run that tags: what is learned, judged, written and refused."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import headstart as hs
from headstart.backbones import resolve
from headstart.backbones.text_network import TextBackbone
from headstart.cli import run as run_command
from headstart.errors import ArtifactError, ConfigError, DataError
from headstart.machine import Machine
from headstart.tagging.pieces import Cutter
from headstart.tagging.sentences import Sentence, groups_of, joined, split_of
from headstart.tagging.tagger import Tagger, layers_of, vectors, windows_of
from headstart.tagging.trial import judged, plan
from headstart.tagging.ways import Material, Probe
from tagged import draw, write


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tagged")
    write(folder / "names.conll", draw(60))
    write(folder / "new.conll", draw(8, seed=1))
    (folder / "new.txt").write_text("ada went to hong kong.\n\nben went to rome now .\n")
    return folder


@pytest.fixture(scope="module")
def run(world: Path, tiny_bert: str) -> hs.TagRun:
    found = hs.train(world / "names.conll", backbone=tiny_bert, out=world / "run")
    assert isinstance(found, hs.TagRun)
    return found


@pytest.fixture(scope="module")
def backbone(tiny_bert: str) -> TextBackbone:
    found = resolve(tiny_bert).load()
    assert isinstance(found, TextBackbone)
    return found


def test_a_run_says_how_good_it_is_and_tags(run: hs.TagRun, world: Path) -> None:
    found = run.metrics
    assert found["estimate"]["f1"] > 0.8
    low, high = found["estimate"]["f1_ci95"]
    assert low <= found["estimate"]["f1"] <= high
    assert {row["name"] for row in found["types"]} == {"PER", "LOC"}
    assert found["verdict"]["metric"] == "entity F1"
    assert {row["name"] for row in found["baselines"]} == {
        "no entities at all",
        "dictionary of the training words",
        "spelling and neighbours of words",
    }
    (one,) = run.predict("ada went to new york.")
    assert one.tokens == ("ada", "went", "to", "new", "york", ".")
    assert one.tags == ("B-PER", "O", "O", "B-LOC", "I-LOC", "O")
    assert [(e.kind, e.start, e.end) for e in one.entities] == [("PER", 0, 1), ("LOC", 3, 5)]
    assert all(0 <= p <= 1 for p in one.sureness)
    assert len(run.predict([world / "new.txt", ["ben", "went"], "eva"])) == 4
    held = (run.folder / "held_out.conll").read_text().split("\n\n")
    assert len(held) - 1 == 60


def test_loaded_again_it_gives_the_same(run: hs.TagRun, world: Path) -> None:
    again = hs.TagRun(run.folder)
    assert again.predict(world / "new.conll") == run.predict(world / "new.conll")
    assert again.tags == run.tags
    assert again.evaluate(world / "new.conll")["f1"] == 1.0


def test_fine_tuning_learns_a_few_sentences_by_heart(
    world: Path, tiny_bert: str, tmp_path: Path
) -> None:
    """With names at random there is nothing to learn but the sentences themselves."""
    rng, words = np.random.default_rng(0), ["ada", "ben", "rome", "oslo", "good", "slow", "room"]
    few = [
        [(str(rng.choice(words)), str(rng.choice(["O", "B-A", "B-B"]))) for _ in range(4)]
        for _ in range(8)
    ]
    folder = tmp_path / "few"
    folder.mkdir()
    path = write(folder / "train.conll", few)
    write(folder / "test.conll", draw(2))  # so that there is one fold
    found = hs.train(
        folder,
        backbone=tiny_bert,
        out=tmp_path / "run",
        method="finetune",
        unfreeze="all",
        epochs=200,
        lr=5e-3,
        batch_size=8,
        schedule="one-cycle",
    )
    assert isinstance(found, hs.TagRun)
    assert found.evaluate(path)["f1"] == 1.0
    history = (found.folder / "history.csv").read_text()
    assert "finetune / fold 1" in history and "finetune / final" in history
    assert "validation" in history
    assert 'id="training"' in (found.folder / "report.html").read_text()
    assert (found.folder / "model" / "backbone.safetensors").exists()
    assert hs.TagRun(found.folder).evaluate(path)["f1"] == 1.0


def test_the_report_marks_what_was_found_missed_and_wrong(run: hs.TagRun, tmp_path: Path) -> None:
    page = run.report().read_text()
    assert page == (run.folder / "report.html").read_text()
    assert '<mark class="found">' in page and "PER, found" in page
    chinese = run.report(lang="zh").read_text()
    assert 'lang="zh' in chinese
    run.report(lang="en")
    assert "Entity F1" in run._repr_html_()


def test_long_sentences_are_read_in_windows_that_overlap(backbone: TextBackbone) -> None:
    rng = np.random.default_rng(0)
    words = [str(w) for w in rng.choice(["good", "bad", "abc", "very"], 5000)]
    windows = Cutter(backbone.card.look)(words)
    assert max(len(w.ids) for w in windows) <= backbone.card.look.window
    assert sum(len(w.first) for w in windows) == 5000
    assert [w.start for w in windows] == [0, *np.cumsum([len(w.first) for w in windows])[:-1]]
    (whole,) = vectors(backbone, [windows], 2, "first", Machine.here("cpu"))
    assert whole.shape == (5000, 16)
    (short,) = windows_of(backbone, [words[:10]])
    (alone,) = vectors(backbone, [short], 2, "first", Machine.here("cpu"))
    assert alone.shape == (10, 16)


def test_words_are_means_of_their_pieces_whoever_stands_beside_them(
    backbone: TextBackbone,
) -> None:
    sentences = [["abc", "good"], ["bad"], ["very", "slow", "xyz", "!"]]
    machine = Machine.here("cpu")
    windows = windows_of(backbone, sentences)
    together = vectors(backbone, windows, 2, "mean", machine)
    for own, found in zip(windows, together, strict=True):
        (alone,) = vectors(backbone, [own], 2, "mean", machine)
        assert np.allclose(alone, found, atol=1e-3)
    ids = windows[0][0].ids
    assert list(windows[0][0].end - windows[0][0].first) == [3, 1]  # a, ##b, ##c and good
    assert len(ids) == 6


def test_groups_keep_documents_and_equal_sentences_together() -> None:
    def one(text: str, document: str = "") -> Sentence:
        return Sentence(tuple(text.split()), document=document)

    sentences = [one("a b", "x"), one("c", "x"), one("d", "y"), one("c", "z"), one("e")]
    groups = groups_of(sentences)
    assert groups[0] == groups[1] == groups[3]
    assert len(set(groups.tolist())) == 3
    lone = groups_of([one("a", "x"), one("b", "x")])  # one document parts nothing
    assert len(set(lone.tolist())) == 2


def test_texts_are_joined_and_cut_as_they_are_written() -> None:
    assert joined(["New", "York", "市", "长"]) == "New York市长"
    assert split_of([Sentence(tuple("我在北京"))]) == "characters"
    assert split_of([Sentence(("我", "在", "北京市", "里面"))]) == "words"
    assert split_of([Sentence(("a", "b"))]) == "words"


def test_sentences_go_in_and_tags_come_out_without_a_run(backbone: TextBackbone) -> None:
    known = [Sentence(tuple(w for w, _ in s), tuple(t for _, t in s)) for s in draw(40)]
    machine = Machine.here("cpu")
    material = Material(known, groups_of(known), np.zeros(0, int), backbone, machine, 0)
    tagger = Tagger(*Probe(material).final(np.arange(40)), "mean", "words", "IOB2")
    (answer,) = tagger.tag([["eva", "went", "to", "oslo"]], machine)
    assert answer.tags == ("B-PER", "O", "O", "B-LOC")


def test_what_a_fold_holds_out_it_has_not_learned_from(backbone: TextBackbone) -> None:
    """Tags drawn by chance can be learned by heart, but not held out and found."""
    rng = np.random.default_rng(0)
    known = [
        Sentence(("good", "abc", f"{'xyz'[k % 3]}{'abcdefgh'[k % 8]}"), tags=tags)
        for k in range(60)
        for tags in [tuple(str(t) for t in rng.choice(["O", "B-A", "B-B"], 3))]
    ]
    groups = groups_of(known)
    material = Material(known, groups, np.zeros(0, int), backbone, Machine.here("cpu"), 0)
    planned = plan(known, groups, 0)
    for rows, held in planned.folds:
        assert not set(groups[rows]) & set(groups[held])
    found = judged(material, Probe(material), planned, lambda done, total: None)
    assert found.estimate["f1"] < 0.6
    assert found.verdict is not None and found.verdict["decision"] != "helps"


def test_the_layers_to_choose_between(backbone: TextBackbone) -> None:
    assert layers_of(backbone) == (1, 2)


def conll(*rows: str) -> str:
    return "\n".join(rows) + "\n"


def test_a_verdict_is_withheld_where_entities_are_few(tiny_bert: str, tmp_path: Path) -> None:
    plain = [[(w, "O") for w in ("slow", "room", word)] for word in ("a", "b", "c", "d", "e")]
    path = write(tmp_path / "few.conll", [*draw(2), *plain])
    found = hs.train(path, backbone=tiny_bert, out=tmp_path / "run").metrics
    assert found["verdict"]["withheld"]
    assert found["verdict"]["decision"] == "cannot tell"


def test_a_test_set_without_entities_gets_no_verdict_but_nulls(
    tiny_bert: str, tmp_path: Path
) -> None:
    write(tmp_path / "train.conll", draw(6))
    write(tmp_path / "test.conll", [[("slow", "O"), ("room", "O")]])
    found = hs.train(tmp_path, task="tagging", backbone=tiny_bert, out=tmp_path.parent / "nulls")
    assert found.metrics["verdict"] is None
    assert found.metrics["estimate"]["recall"] is None
    assert "No verdict" in (found.folder / "report.html").read_text()


def test_copies_new_types_and_contradictions_are_said(tiny_bert: str, tmp_path: Path) -> None:
    known = draw(12)
    changed = [(w, "O") for w, _ in known[1]]
    write(tmp_path / "train.conll", [*known, changed])
    write(tmp_path / "test.conll", [known[0], [("oslo", "B-TEAM"), ("slow", "O")]])
    found = hs.train(tmp_path, backbone=tiny_bert, out=tmp_path.parent / "said").metrics
    told = {one["kind"]: one["message"] for one in found["findings"]}
    assert "in the test file too" in told["duplicates"]
    assert "'TEAM'" in told["labels"]
    assert "twice with different tags" in told["conflicts"]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"size": 96}, "--size has no meaning"),
        ({"balanced": True, "groups": "a"}, "--balanced, --groups have no meaning"),
        ({"method": "mix"}, "--method mix does not learn tags"),
        ({"epochs": 3}, "trains no network"),
        ({"resume": True}, "--resume"),
        ({"method": "finetune", "unfreeze": "9"}, "no depth"),
        ({"backbone": "identity"}, "does not read texts"),
    ],
)
def test_what_has_no_meaning_is_refused(
    given: dict[str, object], message: str, world: Path, tiny_bert: str, tmp_path: Path
) -> None:
    options = {"backbone": tiny_bert, **given}
    with pytest.raises(hs.HeadstartError, match=message):
        hs.train(world / "names.conll", out=tmp_path / "run", **options)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (conll("slow O", "room O", "", "good O"), "all tags are O"),
        (conll("ada B-PER", "went O", "", "slow O"), "Only one sentence"),
    ],
)
def test_too_little_to_learn_from(text: str, message: str, tiny_bert: str, tmp_path: Path) -> None:
    (tmp_path / "a.conll").write_text(text)
    with pytest.raises(DataError, match=message):
        hs.train(tmp_path / "a.conll", backbone=tiny_bert, task="tagging")


def test_other_kinds_of_runs_say_what_this_one_is(run: hs.TagRun, text_run: Path) -> None:
    with pytest.raises(ArtifactError, match="tags words"):
        hs.Run(run.folder)
    with pytest.raises(ArtifactError, match="does not tag words"):
        hs.TagRun(text_run)
    with pytest.raises(ArtifactError, match="no run folder"):
        hs.TagRun(run.folder / "nothing")


@pytest.mark.parametrize("inputs", ["", ["ada", []], [["ada", " "]], Path("nothing.txt")])
def test_nothing_to_tag_is_refused(run: hs.TagRun, inputs: object) -> None:
    with pytest.raises(DataError):
        run.predict(inputs)


def test_the_command_line_trains_and_tags(
    world: Path, tiny_bert: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = tmp_path / "run"
    line = ["train", str(world / "names.conll"), "--backbone", tiny_bert, "--out", str(made)]
    assert run_command([*line, "--json"]) == 0
    out, err = capsys.readouterr()
    assert json.loads(out)["task"] == "tagging"
    assert "Verdict:" in err and "headstart predict" in err
    assert run_command(["predict", str(made), "--text", "ada went to rome"]) == 0
    out, err = capsys.readouterr()
    assert out == "ada\tB-PER\nwent\tO\nto\tO\nrome\tB-LOC\n\n"
    assert "cut into words at spaces" in err
    for name in ("out.conll", "out.jsonl", "out.csv"):
        assert run_command(["predict", str(made), str(world / "new.txt"), "--out",
                            str(tmp_path / name)]) == 0  # fmt: skip
    assert (tmp_path / "out.conll").read_text().startswith("ada\tB-PER\n")
    first = json.loads((tmp_path / "out.jsonl").read_text().splitlines()[0])
    assert first["entities"][1]["entity"] == "hong kong"
    assert (tmp_path / "out.csv").read_text().splitlines()[0].startswith("sentence,entity,type")
    capsys.readouterr()
    assert run_command(["predict", str(made), str(world / "new.conll"), "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)["predictions"]) == 8
    assert run_command(["evaluate", str(made), str(world / "new.conll")]) == 0
    assert "Entity F1 100.0%" in capsys.readouterr().err
    assert run_command(["report", str(made)]) == 0
    assert run_command(["predict", str(made), "a.txt", "--every", "1s"]) == 2
    assert "--every: this model tags" in capsys.readouterr().err
    assert run_command(["predict", str(made), "--text", "ada", "--out", "a.html"]) == 2
    assert "neither .conll" in capsys.readouterr().err


def test_bare_tags_come_back_bare(tiny_bert: str, tmp_path: Path) -> None:
    sentences = [[(w, "N" if t != "O" else "X") for w, t in one] for one in draw(20)]
    path = write(tmp_path / "pos.txt", sentences, between=" ")
    found = hs.train(path, task="tagging", backbone=tiny_bert, out=tmp_path / "run")
    (one,) = found.predict(" ".join(w for w, _ in sentences[0]))
    assert set(one.tags) == {"N", "X"}
    assert found.evaluate(path)["f1"] == found.evaluate(path)["token_accuracy"]
    with pytest.raises(ConfigError, match="No task"):
        hs.train(path, task="tags")


@pytest.mark.parametrize("command", ["check", "rank", "layers", "curve"])
def test_commands_for_examples_with_labels_say_that_words_have_tags(
    command: str, tmp_path: Path
) -> None:
    data = write(tmp_path / "names.conll", draw(4))
    with pytest.raises(ConfigError, match=f"words with tags, and `headstart {command}`"):
        getattr(hs, command)(data)
