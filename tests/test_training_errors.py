"""Everything that can be wrong with training networks: said, with the way out, and nothing left."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import headstart as hs
from conftest import Result, draw_folder
from headstart.cli import run as run_command
from test_cli import rows_of

TUNE = ("--method", "finetune")
SAVED = ".headstart-unfinished-run"


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """24 drawn pictures; do not write into it."""
    return draw_folder(tmp_path_factory.mktemp("training") / "pictures", 8)


@pytest.fixture
def train(capsys, monkeypatch, tmp_path, pictures, small):
    """Run ``headstart train`` on the small network in an empty working directory."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments, data=pictures):
        capsys.readouterr()
        given = [str(a) for a in arguments]
        if "--backbone" not in given:
            given += ["--backbone", small]
        if "--size" not in given:
            given += ["--size", "64"]
        status = run_command(["train", str(data), "--out", "run", "--device", "cpu", *given])
        captured = capsys.readouterr()
        return Result(status, captured.out, captured.err)

    return call


def left_in(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir())


# --- refused before anything is read --------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--budget", "0"), ("--budget 0 s", "5m")),
        (("--budget", "abc"), ("'abc'", "90s, 5m or 1h")),
        (("--budget", "-5m"), ("--budget -300 s",)),
        (("--budget", "inf"), ("--budget",)),
        (("--budget", "nan"), ("--budget",)),
        (("--budget", ""), ("--budget",)),
        (("--budget", "1m", "--method", "probe"), ("--budget", "--method probe")),
        (("--budget", "1m", *TUNE), ("--budget", "--method finetune", "--epochs")),
        ((*TUNE, "--epochs", "0"), ("--epochs 0",)),
        ((*TUNE, "--lr", "-1"), ("--lr -1",)),
        ((*TUNE, "--lr", "nan"), ("--lr nan",)),
        ((*TUNE, "--epochs", "0", "--lr", "-1", "--tune", "x"), ("--epochs 0", "--lr -1", "'x'")),
        (("--method", "probe", "--epochs", "3"), ("--epochs:", "--method finetune")),
        (("--epochs", "3"), ("--epochs:", "--budget 5m")),
        (
            ("--method", "probe", "--head-lr", "1", "--no-cache", "--unfreeze", "2"),
            ("--cache, --head-lr, --unfreeze:",),
        ),
        ((*TUNE, "--mixup", "-0.2"), ("--mixup", "-0.2", "between 0 and 100")),
        ((*TUNE, "--cutmix", "1000"), ("--cutmix", "1000")),
        ((*TUNE, "--augment", "nonsense"), ("'nonsense'", "randaugment")),
        ((*TUNE, "--keep", "nonsense"), ("'nonsense'", "l2-sp, bss, co-tuning")),
        ((*TUNE, "--keep", "l2-sp,ewc"), ("'ewc'",)),
        ((*TUNE, "--size", "0"), ("--size 0",)),
        (("--method", "scratch", "--keep", "co-tuning"), ("--keep", "scratch")),
        (("--method", "finetun"), ("finetun", "finetune")),
    ],
    ids=" ".join,
)
def test_options_that_make_no_sense(train, tmp_path, options, words):
    train(*options, data="never/read").refused(*words)
    assert left_in(tmp_path) == []


# --- refused by what the network is ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ((*TUNE, "--unfreeze", "nonsense"), ("'nonsense'", "10 blocks", "layer4", "last-stage")),
        ((*TUNE, "--unfreeze", "0"), ("'0'", "from 1 to 10")),
        ((*TUNE, "--unfreeze", "11"), ("'11'", "from 1 to 10")),
        ((*TUNE, "--augment", "flips", "--views", "9"), ("--views 9", "at most 4")),
    ],
    ids=" ".join,
)
def test_depths_and_views_that_do_not_exist(train, tmp_path, options, words):
    train(*options).refused(*words)
    assert left_in(tmp_path) == []


@pytest.mark.parametrize("size", [16, 7])
@pytest.mark.parametrize("backbone", ["small", "auto"])
def test_images_smaller_than_the_stride(train, small, tmp_path, size, backbone):
    named = small if backbone == "small" else backbone
    result = train("--size", size, "--backbone", named)
    result.refused(f"{size} pixels", "--size")
    assert left_in(tmp_path) == []


def test_what_the_user_got_wrong_is_said_as_quickly_in_python(pictures, small, tmp_path):
    with pytest.raises(hs.ConfigError, match="--lr -1"):
        hs.train(pictures, out=tmp_path / "run", method="finetune", lr=-1)
    with pytest.raises(hs.ConfigError, match="--budget"):
        hs.train(pictures, out=tmp_path / "run", budget=float("inf"))
    assert left_in(tmp_path) == []


# --- going on, with something else ----------------------------------------------------------------


def interrupted(pictures, small, out, **options):
    """Start a run and stop it as Ctrl-C would, in the second fold; return what it had told."""
    heard = []

    def listen(event):
        heard.append(event)
        if event.stage.endswith("fold 2") and event.done:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        hs.train(
            pictures, out=out, backbone=small, size=64, device="cpu", method="finetune",
            on_event=listen, **{"epochs": 2, "augment": "none", **options},
        )  # fmt: skip
    return heard


GOING_ON = (*TUNE, "--augment", "none", "--resume")


def test_resuming_with_other_options_is_refused_and_the_right_ones_go_on(
    train, pictures, small, tmp_path
):
    interrupted(pictures, small, tmp_path / "run")
    assert left_in(tmp_path) == [SAVED]
    train(*GOING_ON, "--epochs", 2, "--seed", 1).refused("--resume", "seed was 0, now 1")
    train(*GOING_ON, "--epochs", 3).refused("epochs was 2, now 3")
    both = train(*GOING_ON, "--epochs", 3, "--lr", "0.01", "--balanced")
    both.refused("balanced was False", "epochs was 2", "lr was None, now 0.01", "start anew")
    assert "seed" not in both.err.split("another one", 1)[1]
    assert left_in(tmp_path) == [SAVED], "refusing must not lose what was trained"

    done = train(*GOING_ON, "--epochs", 2, "--json")
    assert done.status == 0, done.err
    assert left_in(tmp_path) == ["run"]
    resumed = rows_of(tmp_path / "run" / "predictions.csv")
    train(*GOING_ON[:-1], "--epochs", 2, "--overwrite")
    assert rows_of(tmp_path / "run" / "predictions.csv") == resumed


def test_resuming_with_other_pictures_is_refused(train, small, tmp_path):
    data = draw_folder(tmp_path / "data" / "set", 6)
    interrupted(data, small, tmp_path / "run")
    (data / "disc" / "disc0.jpg").unlink()
    train(*GOING_ON, "--epochs", 2, data=data).refused("images was '18", "now '17")
    assert left_in(tmp_path) == [SAVED, "data"]


def test_without_resume_an_interrupted_run_is_discarded_and_that_is_said(
    train, pictures, small, tmp_path
):
    interrupted(pictures, small, tmp_path / "run")
    result = train(*TUNE, "--augment", "none", "--epochs", 1, "--seed", 1)
    assert result.status == 0, result.err
    assert "is discarded" in result.err
    assert left_in(tmp_path) == ["run"]


def test_nothing_to_resume_is_said_and_no_reason_to_stop(train, tmp_path):
    result = train(*GOING_ON, "--epochs", 1)
    assert result.status == 0, result.err
    assert "no interrupted training" in result.err
    assert left_in(tmp_path) == ["run"]


# --- budgets that are too small, or not needed ----------------------------------------------------


def test_a_budget_of_a_second_gives_the_probe_and_says_so(train, tmp_path):
    result = train("--budget", "1s", "--json")
    assert result.status == 0, result.err
    metrics = result.json()
    assert metrics["method"] == "probe"
    (finding,) = [f for f in metrics["findings"] if f["kind"] == "budget"]
    assert "1 s" in finding["message"]
    assert "--budget" in finding["message"]
    assert [c["name"] for c in metrics["candidates"]] == ["probe"]
    assert metrics["candidates"][0]["chosen"]
    assert left_in(tmp_path) == ["run"]


def test_a_perfect_probe_is_not_blamed_on_the_budget(train, tmp_path):
    """Nothing can be better, so nothing else is tried: a larger budget would change nothing."""
    rng = np.random.default_rng(0)
    for name, level in (("dark", 20), ("light", 220)):
        (tmp_path / "data" / name).mkdir(parents=True)
        for i in range(8):
            pixels = (level + rng.integers(0, 20, (64, 64, 3))).astype(np.uint8)
            Image.fromarray(pixels).save(tmp_path / "data" / name / f"{i}.png")
    result = train("--budget", "1h", "--json", data=tmp_path / "data")
    assert result.status == 0, result.err
    metrics = result.json()
    assert metrics["estimate"]["accuracy"] == 1
    assert metrics["method"] == "probe"
    said = " ".join(f["message"] for f in metrics["findings"])
    assert "larger --budget" not in said
    assert "enough for the probe alone" not in said


def test_the_cache_is_cleared_of_activations_too(capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("HEADSTART_CACHE", str(tmp_path))
    (tmp_path / "activations" / "ab").mkdir(parents=True)
    (tmp_path / "activations" / "ab" / "maps").write_bytes(b"0" * 1000)
    assert run_command(["cache", "--clear"]) == 0
    assert not (tmp_path / "activations").exists()


# --- what is in the way ---------------------------------------------------------------------------


def test_a_damaged_note_of_an_interrupted_run_counts_for_nothing(train, pictures, small, tmp_path):
    interrupted(pictures, small, tmp_path / "run")
    (tmp_path / SAVED / "identity.json").write_text('{"seed": ')
    result = train(*GOING_ON, "--epochs", 1, "--seed", 2)
    assert result.status == 0, result.err
    assert json.loads((tmp_path / "run" / "run.json").read_text())["config"]["seed"] == 2
    trained = [r for r in rows_of(tmp_path / "run" / "history.csv") if r["fit"].endswith("fold 1")]
    assert {row["step"] for row in trained} == {"1"}, "nothing of the run before, with its 2 epochs"
    assert left_in(tmp_path) == ["run"]
