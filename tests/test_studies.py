"""Studies through the command line: which backbone, which layer, how many labels."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.torch import save_file

import headstart as hs
from conftest import draw_folder, whole
from headstart.backbones import Ref
from headstart.cli import run as run_command
from headstart.transfer import FittedModel


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """Run a command in an empty working directory: exit status, stdout, stderr."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments: object) -> tuple[int, str, str]:
        capsys.readouterr()
        status = run_command([str(a) for a in arguments])
        said = capsys.readouterr()
        return status, said.out, " ".join(said.err.split())

    return call


def written(folder: Path, study: str) -> dict:
    """Read a study's document; its page and figures must be there, and nothing unfinished."""
    assert (folder / "report.html").stat().st_size > 10_000
    assert list((folder / "figures").glob("*.svg"))
    assert not list(folder.parent.glob(".headstart-*"))
    found: dict = json.loads((folder / f"{study}.json").read_text("utf-8"))
    assert (found["schema"], found["study"]) == (1, study)
    return found


def test_rank(command, photos: Path, small: str, tmp_path: Path) -> None:
    names = f"{small},efficientnet-lite0"
    status, out, err = command("rank", photos, "--backbones", names, "--size", 64, "--json")
    assert status == 0, err
    found = json.loads(out)
    assert found.pop("folder") == "runs/photos-rank"
    assert found == written(tmp_path / "runs" / "photos-rank", "rank")
    assert found["recommended"] in [b["name"] for b in found["backbones"]]
    assert [b["accuracy"] for b in found["backbones"]] == sorted(
        (b["accuracy"] for b in found["backbones"]), reverse=True
    )
    for b in found["backbones"]:
        low, high = b["accuracy_ci95"]
        assert low <= b["accuracy"] <= high
        assert b["seconds_per_1000"] > 0
        assert b["mb"] == pytest.approx(4 * b["params"] / 1e6)
        assert 0 <= b["h_score"] <= 2  # classes - 1
    status, out, err = command("rank", photos, "--backbones", "efficientnet-lite0", "--size", 64)
    assert (status, out) == (0, "")
    assert "runs/photos-rank-2/report.html" in err
    assert "efficientnet-lite0" in err


def test_layers(command, photos: Path, small: str, tmp_path: Path) -> None:
    status, _, err = command("layers", photos, "--backbone", small, "--out", "here", "--size", 64)
    assert status == 0, err
    found = written(tmp_path / "here", "layers")
    assert found["advice"].split(".")[0] in err
    assert found["layers"][-1]["name"] == "embedding"
    depths = [layer["depth"] for layer in found["layers"]]
    assert depths == sorted(depths)
    assert depths[-1] == 1
    assert max(layer["accuracy"] for layer in found["layers"]) > 1 / 3
    assert 0 < found["combined"]["fraction"] <= 1


def test_curve(command, photos: Path, tmp_path: Path) -> None:
    status, _, err = command("curve", photos, "--size", 64)
    assert status == 0, err
    found = written(tmp_path / "runs" / "photos-curve", "curve")
    counts = [p["per_class"] for p in found["points"]]
    assert counts == sorted(counts)
    assert counts[0] <= 2
    assert all(p["baseline_name"] for p in found["points"])
    assert found["worth"]["sentence"] in err


def test_a_test_folder_has_no_say_in_the_backbone(photos: Path, small: str, tmp_path: Path) -> None:
    """Wrong labels in the test folder change its score, and not which backbone is used."""
    data = tmp_path / "data"
    (data / "train").parent.mkdir()
    (data / "train").symlink_to(photos)
    draw_folder(data / "test", 3, seed=1)
    right = hs.train(data, out=tmp_path / "a", backbone=f"{small},efficientnet-lite0", size=64)
    (data / "test" / "disc").rename(data / "test" / "x")
    (data / "test" / "stripes").rename(data / "test" / "disc")
    (data / "test" / "x").rename(data / "test" / "stripes")
    wrong = hs.train(data, out=tmp_path / "b", backbone=f"{small},efficientnet-lite0", size=64)
    assert wrong.metrics["estimate"]["accuracy"] < right.metrics["estimate"]["accuracy"]
    rankings = [m.metrics["ranking"] for m in (right, wrong)]
    assert rankings[0]["recommended"] == rankings[1]["recommended"] == right.metrics["backbone"]
    assert rankings[0]["n"] == 45
    one, two = ([b["accuracy"] for b in r["backbones"]] for r in rankings)
    assert one == two


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("rank", "DATA", "--backbones", "efficientnet-lite9"), ("efficientnet-lite9", "lite0")),
        (("rank", "DATA", "--backbones", " , "), ("names nothing", "efficientnet-lite0")),
        (("rank", "DATA", "--out", "DATA/x"), ("lie in one another",)),
        (("layers", "nowhere"), ("nowhere",)),
        (("curve", "DATA", "--seed", "-1"), ("--seed",)),
        (("curve", "DATA", "--out", "."), ("exists",)),
    ],
    ids=lambda given: " ".join(given) if given[0] in ("rank", "layers", "curve") else "",
)
def test_what_studies_refuse(command, photos: Path, tmp_path: Path, arguments, words) -> None:
    status, out, err = command(*(str(a).replace("DATA", str(photos)) for a in arguments))
    assert (status, out) == (2, "")
    assert "Traceback" not in err
    for word in words:
        assert word in err
    assert not (tmp_path / "runs").exists() or not list((tmp_path / "runs").iterdir())


def test_a_study_replaces_only_its_own_kind(command, photos: Path, tmp_path: Path) -> None:
    (tmp_path / "curve").mkdir()
    (tmp_path / "curve" / "thesis.tex").write_text("precious")
    status, _, err = command("curve", photos, "--out", "curve", "--overwrite")
    assert status == 2
    assert "not the folder of a curve study" in err
    assert (tmp_path / "curve" / "thesis.tex").read_text() == "precious"


# --- what a model knows of its limits -----------------------------------------------------------


@pytest.fixture(scope="module")
def noisy(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """36 pictures, three of them with a wrong label; do not write into it."""
    data = draw_folder(tmp_path_factory.mktemp("data") / "noisy", 12, seed=3)
    for i in (0, 1, 2):
        name = f"disc{i}.{('jpg', 'png')[i % 2]}"
        (data / "disc" / name).rename(data / "stripes" / f"wrong{name}")
    return data


@pytest.fixture(scope="module")
def careful(noisy: Path, tmp_path_factory: pytest.TempPathFactory) -> hs.Run:
    out = tmp_path_factory.mktemp("runs") / "careful"
    with whole():
        return hs.train(noisy, out=out, size=96, abstain=0.2)


def test_wrong_labels_are_listed_to_be_mended(careful: hs.Run) -> None:
    issues = careful.metrics["label_issues"]
    assert issues["checked"] == 36
    found = {Path(row["path"]).name for row in issues["rows"]}
    planted = {"wrongdisc0.jpg", "wrongdisc1.png", "wrongdisc2.jpg"}
    assert len(found & planted) >= 2
    assert len(found - planted) <= 2
    for row in issues["rows"]:
        assert row["label"] != row["suggested"]
        assert row["given"] < row["confidence"]
    lines = (careful.folder / "label_issues.csv").read_text("utf-8").splitlines()
    assert lines[0] == "path,label,suggested,confidence,given"
    assert len(lines) == 1 + len(issues["rows"])


def test_a_model_that_abstains(careful: hs.Run, noisy: Path) -> None:
    said = careful.metrics["abstention"]
    assert said["wanted_error"] == 0.2
    assert 0 < said["threshold"] <= 1
    answers = careful.predict(sorted((noisy / "disc").iterdir()))
    assert {a.abstained for a in answers} <= {True, False}
    for answer in answers:
        assert answer.abstained == (answer.confidence < said["threshold"])
    assert list(careful.rows(answers)[0])[-1] == "abstained"
    model = json.loads((careful.folder / "model" / "model.json").read_text("utf-8"))
    assert model["thresholds"]["abstain"] == said["threshold"]


def test_other_models_have_no_such_column(run_folder: Path, photos: Path) -> None:
    run = hs.load(run_folder)
    answers = run.predict(photos / "disc" / "disc0.jpg")
    assert answers[0].abstained is None
    assert "abstained" not in run.rows(answers)[0]


def test_false_alarms_are_measured(careful: hs.Run) -> None:
    told = careful.metrics["unfamiliar"]
    low, high = told["false_alarm_ci95"]
    assert 0 <= low <= told["false_alarm_rate"] <= high < 0.5


def test_maps_show_where_it_looked(careful: hs.Run) -> None:
    pictures = json.loads((careful.folder / "pictures.json").read_text("utf-8"))["explanations"]
    assert 0 < len(pictures) <= 12
    assert all(p["map"].startswith("data:image/") for p in pictures)
    told = careful.metrics["explanations"]
    assert told["images"] == len(pictures)
    page = (careful.folder / "report.html").read_text("utf-8")
    assert told["sentence"][:30] in page


# --- the method "layers" --------------------------------------------------------------------------


def test_all_layers_as_one_model(
    photos: Path, small: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = hs.train(photos, out=tmp_path / "run", method="layers", backbone=small, size=64)
    m = run.metrics
    assert (m["method"], m["training"]) == ("layers", None)
    assert [c["name"] for c in m["candidates"]] == ["probe", "layers"]
    assert m["estimate"]["accuracy"] > 0.5
    model: FittedModel = run.saved.model
    assert np.count_nonzero(np.abs(model.head.W).sum(axis=1)) < len(model.head.W)
    before = run.predict(photos / "disc")
    (tmp_path / "run").rename(tmp_path / "moved")
    monkeypatch.setenv("HEADSTART_CACHE", str(tmp_path / "empty"))
    after = hs.load(tmp_path / "moved").predict(photos / "disc")
    for one, two in zip(before, after, strict=True):
        assert one.confidence == pytest.approx(two.confidence, abs=1e-5)


def test_layers_with_the_network_that_comes_along(photos: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    (data / "train").symlink_to(photos)
    draw_folder(data / "test", 3, seed=1)
    run = hs.train(data, out=tmp_path / "run", method="layers", size=64, abstain=0.3)
    assert not (run.folder / "model" / "backbone.safetensors").exists()
    assert run.predict(photos / "disc" / "disc0.jpg")[0].predicted == "disc"
    with pytest.raises(hs.ConfigError, match="layers trains no network"):
        hs.train(data, out=tmp_path / "other", method="layers", epochs=3)
    with pytest.raises(hs.ConfigError, match="--abstain 1"):
        hs.train(data, out=tmp_path / "other", abstain=1)


# --- what must not go wrong -----------------------------------------------------------------------


def table(path: Path, rows: list[str]) -> Path:
    path.write_text("\n".join(rows) + "\n", "utf-8")
    return path


def test_layers_learn_nothing_from_a_test_set_that_comes_first(
    small: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from headstart.methods import layers as layered

    photos = draw_folder(tmp_path / "photos", 10, seed=4)
    files = sorted(photos.rglob("*.*"), key=lambda p: p.stem[-1])
    data = table(
        tmp_path / "photos" / "t.csv",
        ["path,label,split"]
        + [
            f"{p.relative_to(photos)},{p.parent.name},{'test' if i < 9 else 'train'}"
            for i, p in enumerate(files)
        ],
    )
    used: list[np.ndarray] = []
    judge = layered.judge_combination

    def spy(X, labels, folds, **more):
        used.append(np.concatenate([train for train, _ in folds]))
        return judge(X, labels, folds, **more)

    monkeypatch.setattr(layered, "judge_combination", spy)
    options = {"method": "layers", "backbone": small, "size": 64, "abstain": 0.5}
    run = hs.train(data, out=tmp_path / "run", **options)
    roles = json.loads((run.folder / "split.json").read_text("utf-8"))["examples"]
    tests = {i for i, e in enumerate(roles) if e["role"] == "test"}
    assert len(tests) == 9
    assert len(used) == 2
    for rows in used:
        assert not tests & set(rows.tolist())


def test_what_is_unfamiliar_knows_of_groups(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The detector that is kept is fitted as the one whose false alarms are told."""
    from headstart.transfer import Familiarity

    told = []
    fit = Familiarity.fit.__func__

    def spy(cls, X, y, n_classes, *, groups=None, seed=0):
        told.append(groups is not None)
        return fit(cls, X, y, n_classes, groups=groups, seed=seed)

    monkeypatch.setattr(Familiarity, "fit", classmethod(spy))
    hs.train(photos, out=tmp_path / "run", size=64, groups_from=r"(\d)\.")
    assert told
    assert all(told)


def test_more_images_than_are_all_used(
    photos: Path, small: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of very many images a fifth is held out once: a network is trained on the others."""
    monkeypatch.setattr("headstart.judge.estimate.LARGE", 40)
    options = {"method": "finetune", "unfreeze": "1", "epochs": 1, "size": 64}
    run = hs.train(photos, out=tmp_path / "run", backbone=small, **options)
    assert "held-out fifth" in run.metrics["estimate"]["protocol"]
    assert run.metrics["unfamiliar"]["false_alarm_rate"] <= 1


def test_curve_of_few_groups(command, photos: Path, tmp_path: Path) -> None:
    status, _, err = command("curve", photos, "--groups-from", r"([0-2])\d?\.|\d\.", "--size", 64)
    assert status in (0, 2), err
    status, _, err = command("curve", draw_folder(tmp_path / "two", 2), "--size", 64)
    assert status == 0, err
    assert "our fault" not in err


def test_a_backbone_in_a_file_may_win(photos: Path, small: str, tmp_path: Path) -> None:
    """Named with its folder, which its card does not know."""
    other = small.replace("small.safetensors", "none.safetensors")
    run = hs.train(photos, out=tmp_path / "run", backbone=f"{small},{small}", size=64)
    assert run.metrics["ranking"] is None  # one backbone, named twice
    with pytest.raises(hs.HeadstartError, match="none"):
        hs.train(photos, out=tmp_path / "bad", backbone=f"{small},{other}", size=64)
    twin = Path(small.removeprefix("file:").partition("#")[0]).with_name("twin.safetensors")
    save_file(Ref("timm", "test_resnet", seed=1).load().net.state_dict(), twin)
    both = f"{small},file:{twin}#timm:test_resnet"
    run = hs.train(photos, out=tmp_path / "two", backbone=both, size=64)
    assert run.metrics["ranking"]["recommended"] == run.metrics["backbone"]
    assert run.predict(photos / "disc" / "disc0.jpg")[0].predicted


@pytest.mark.parametrize("method", ["scratch", "small-cnn"])
def test_nothing_pretrained_has_no_best_backbone(
    command, photos: Path, small: str, method: str
) -> None:
    status, _, err = command("train", photos, "--method", method, "--backbone", f"{small},{'auto'}")
    assert status == 2
    status, _, err = command(
        "train", photos, "--method", method, "--backbone", f"{small},efficientnet-lite0"
    )
    assert status == 2
    assert "nothing pretrained" in err


def test_check_takes_one_backbone(command, photos: Path, small: str) -> None:
    status, _, err = command("check", photos, "--backbone", f"{small},efficientnet-lite0")
    assert status == 2
    assert "one is needed" in err


def test_a_model_that_guesses_judges_no_labels(small: str, tmp_path: Path) -> None:
    data = draw_folder(tmp_path / "data", 8, ("a", "b"), seed=5)
    for i in range(8):  # half of each class is of the other kind
        if i % 2:
            a, b = (data / c / f"{c}{i}.png" for c in ("a", "b"))
            a.rename(tmp_path / "x")
            b.rename(a)
            (tmp_path / "x").rename(b)
    run = hs.train(data, out=tmp_path / "run", backbone=small, size=64)
    issues = run.metrics["label_issues"]
    assert issues["rows"] == []
    assert "cannot judge labels" in issues["sentence"]
