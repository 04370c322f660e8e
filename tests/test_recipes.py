"""The recipes of docs/recipes.md: small networks of the same families, the same options, offline.

Weights are random, but lie where the providers would have put a download, under the same names; so
what is tested is every step but the download itself. How well such a network does is of no account.
"""

from __future__ import annotations

import csv
import json
import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.error import URLError

import click
import huggingface_hub
import pytest
import timm
import torch
import torchvision
import typer
from safetensors.torch import save_file

from conftest import draw_folder
from given import IMAGE
from headstart.backbones import available, resolve
from headstart.cli import application, run
from headstart.options import seconds
from headstart.prepare.config import configure
from headstart.report.training_words import reading
from headstart.speaking import speaking

DOCS = Path(__file__).parents[1] / "docs"
ENGLISH, CHINESE = DOCS / "recipes.md", DOCS / "recipes.zh-CN.md"
RESNET = "torchvision:resnet18"  # stands for VGG16 and ResNet-50
MOBILENET = "torchvision:mobilenet_v3_small"
TIMM_MOBILENET = "timm:mobilenetv3_small_050.lamb_in1k"
CLASSES = ("stripes", "disc")
Curve = list[tuple[int, float]]
FILES = (
    "report.html",
    "metrics.json",
    "predictions.csv",
    "history.csv",
    "split.json",
    "run.json",
    "model/model.json",
    "model/head.safetensors",
    "model/backbone.safetensors",
)


@pytest.fixture(scope="module")
def providers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Lay random weights where torch's hub and the Hugging Face hub keep downloads."""
    home = tmp_path_factory.mktemp("providers")
    for seed, name in enumerate((RESNET, MOBILENET)):
        name = name.partition(":")[2]
        url = torchvision.models.get_model_weights(name).DEFAULT.url
        path = home / "torch" / "hub" / "checkpoints" / url.rpartition("/")[2]
        path.parent.mkdir(parents=True, exist_ok=True)
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            torch.save(torchvision.models.get_model(name).state_dict(), path)
    name = TIMM_MOBILENET.partition(":")[2]
    repository = timm.get_pretrained_cfg(name).hf_hub_id
    kept = home / "hub" / f"models--{repository.replace('/', '--')}"
    snapshot = kept / "snapshots" / "0123456789abcdef0123456789abcdef01234567"
    snapshot.mkdir(parents=True)
    (kept / "refs").mkdir()
    (kept / "refs" / "main").write_text(snapshot.name)
    with torch.random.fork_rng():
        torch.manual_seed(2)
        state = timm.create_model(name.partition(".")[0]).state_dict()
    save_file(state, snapshot / "model.safetensors")
    return home


@pytest.fixture
def weights(providers: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Let both libraries look there."""
    monkeypatch.setenv("TORCH_HOME", str(providers / "torch"))
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(providers / "hub"))
    return providers


@pytest.fixture(scope="module")
def few(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """24 drawn pictures of two kinds; do not write into it."""
    return draw_folder(tmp_path_factory.mktemp("data") / "few", 12, CLASSES)


@pytest.fixture(scope="module")
def parted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """20 to train on and 8 to test on; do not write into it."""
    root = tmp_path_factory.mktemp("data") / "parted"
    draw_folder(root / "train", 10, CLASSES)
    draw_folder(root / "val", 4, CLASSES, seed=1)
    return root


@pytest.fixture(scope="module")
def uneven(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """18 sound and 5 defective; do not write into it."""
    root = draw_folder(tmp_path_factory.mktemp("data") / "uneven", 18, ("sound", "defect"))
    for path in sorted((root / "defect").iterdir())[5:]:
        path.unlink()
    return root


def follow(data: Path, out: Path, line: str) -> dict[str, Any]:
    """Run a recipe, look at what it leaves, and return its metrics."""
    assert run(["train", str(data), *shlex.split(line), "--out", str(out)]) == 0
    assert [name for name in FILES if not (out / name).is_file()] == []
    assert [path.name for path in out.parent.glob(".headstart-*")] == []  # no checkpoints left
    metrics: dict[str, Any] = json.loads((out / "metrics.json").read_text("utf-8"))
    return metrics


@pytest.fixture
def predict_elsewhere(
    weights: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Callable[[Path, Path], None]:
    """Move a run away, take the weights and the cache away, and predict in another folder."""

    def predict(out: Path, data: Path) -> None:
        there, nothing = tmp_path / "elsewhere", tmp_path / "nothing"
        there.mkdir()
        out.rename(there / "moved")
        monkeypatch.setenv("TORCH_HOME", str(nothing))
        monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(nothing / "hub"))
        monkeypatch.setenv("HEADSTART_CACHE", str(nothing / "cache"))
        monkeypatch.chdir(there)
        inputs = [str(path) for path in sorted(data.rglob("*.jpg"))[:3]]
        capsys.readouterr()
        assert run(["predict", "moved", *inputs]) == 0
        rows = list(csv.DictReader(capsys.readouterr().out.splitlines()))
        assert [row["path"] for row in rows] == inputs
        classes = {path.parent.name for path in data.rglob("*.jpg")}
        for row in rows:
            assert row["predicted"] in classes
            assert sum(float(row[f"p:{name}"]) for name in classes) == pytest.approx(1, abs=1e-5)
            assert not row["error"]

    return predict


# ---- the recipes -------------------------------------------------------------------------------


@pytest.mark.whole
def test_all_layers_by_sgd_with_padded_crops(
    few: Path, tmp_path: Path, predict_elsewhere: Callable[[Path, Path], None]
) -> None:
    out = tmp_path / "run"
    options = "--method full --augment pad --size 64 --optimizer sgd --lr 1e-3 --epochs 2"
    metrics = follow(few, out, f"--backbone {RESNET} {options}")
    training = metrics["training"]
    assert (metrics["method"], metrics["backbone"]) == ("full", RESNET)
    assert (training["unfreeze"], training["augment"]) == ("all", "pad")
    assert (training["optimizer"], training["lr"], training["epochs"]) == ("sgd", 1e-3, 2)
    assert training["cut"] is None  # every epoch draws new crops, so nothing can be kept
    assert training["cut_reason"] in " ".join(ENGLISH.read_text("utf-8").split())
    assert training["blocks"][0] == "conv1"
    assert training["blocks"][-1].startswith("layer4")
    look = json.loads((out / "model" / "model.json").read_text("utf-8"))["backbone"]
    assert look["preprocessing"]["size"] == look["preprocessing"]["resize"] == 64
    assert [c["name"] for c in metrics["candidates"]] == ["probe", "full"]
    predict_elsewhere(out, few)


def test_the_head_alone_is_the_probe(weights: Path, few: Path, tmp_path: Path) -> None:
    metrics = follow(few, tmp_path / "run", f"--backbone {RESNET} --size 64")
    assert (metrics["method"], metrics["backbone"]) == ("probe", RESNET)
    assert metrics["training"] is None


def test_fine_tuning_by_adam_with_a_test_folder(
    parted: Path, tmp_path: Path, predict_elsewhere: Callable[[Path, Path], None]
) -> None:
    out = tmp_path / "run"
    options = "--method finetune --optimizer adam --size 64 --epochs 2"
    metrics = follow(parted, out, f"--backbone {RESNET} {options}")
    training = metrics["training"]
    assert metrics["method"] == "finetune"
    assert (metrics["n"]["train"], metrics["n"]["test"]) == (20, 8)
    assert (training["optimizer"], training["lr"]) == ("adam", 1e-4)
    assert training["unfreeze"] == "last-blocks"
    predict_elsewhere(out, parted / "val")


def test_head_first_then_the_last_blocks_gradually(
    few: Path, tmp_path: Path, predict_elsewhere: Callable[[Path, Path], None]
) -> None:
    out = tmp_path / "run"
    rates = "--lr 1e-4 --gradual --layer-decay 0.385"
    options = f"--method finetune --unfreeze last-stage {rates} --size 64 --epochs 2"
    metrics = follow(few, out, f"--backbone {RESNET} {options}")
    training = metrics["training"]
    assert metrics["method"] == "finetune"
    assert training["lr"] == training["head_lr"] == 1e-4
    assert training["blocks"] == ["layer4.0", "layer4.1"]
    assert training["cut"] == "layer3.1"
    assert training["cut_reason"] in " ".join(ENGLISH.read_text("utf-8").split())
    assert 0 < training["trainable_parameters"] < training["parameters"]
    assert training["prefix_forwards"] in (0, 4 * 24)  # none where another test made them
    recorded = json.loads((out / "run.json").read_text("utf-8"))["config"]["recipe"]
    assert (recorded["gradual"], recorded["layer_decay"]) == (True, 0.385)
    with (out / "history.csv").open(encoding="utf-8", newline="") as opened:
        fits = {row["fit"] for row in csv.DictReader(opened)}
    assert {"finetune last-stage / fold 1", "finetune last-stage / final"} <= fits
    predict_elsewhere(out, few)


@pytest.mark.parametrize("backbone", [MOBILENET, TIMM_MOBILENET], ids=["torchvision", "timm"])
def test_few_defects_seen_from_any_side(
    backbone: str, uneven: Path, tmp_path: Path, predict_elsewhere: Callable[[Path, Path], None]
) -> None:
    out = tmp_path / "run"
    options = "--method finetune --augment flips --balanced --size 64 --epochs 1"
    metrics = follow(uneven, out, f"--backbone {backbone} {options}")
    training = metrics["training"]
    assert (metrics["method"], metrics["backbone"]) == ("finetune", backbone)
    assert (training["augment"], training["views"]) == ("flips", 4)
    assert "upside down" in training["views_said"]
    assert metrics["n"]["per_class"] == {"defect": 5, "sound": 18}
    assert "imbalance" in [finding["kind"] for finding in metrics["findings"]]
    assert json.loads((out / "run.json").read_text("utf-8"))["config"]["balanced"] is True
    predict_elsewhere(out, uneven)


def test_weights_that_are_here_are_listed(
    weights: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["backbones", "--json"]) == 0
    here = {row["name"] for row in json.loads(capsys.readouterr().out)}
    assert {RESNET, MOBILENET, TIMM_MOBILENET} <= here
    assert run(["backbones", "--like", "mobilenet", "--json"]) == 0
    rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)}
    assert rows[MOBILENET]["available"]
    assert not rows["torchvision:mobilenet_v3_large"]["available"]


@pytest.mark.parametrize("name", ["torchvision:vgg16", "timm:resnet50.a1_in1k"])
def test_weights_that_are_not_here_say_what_is(
    name: str,
    weights: Path,
    few: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise URLError("no network here")

    monkeypatch.setattr(torch.hub, "urlopen", refuse)  # timm's hub is offline in all tests
    out = tmp_path / "run"
    assert run(["train", str(few), "--backbone", name, "--out", str(out)]) == 2
    said = " ".join(capsys.readouterr().err.split())
    assert f"The weights of '{name}' are not on this machine" in said
    assert "hint: Available without a network: embedded:efficientnet-lite0" in said
    assert RESNET in said
    assert not out.exists()


def test_a_file_carried_over_by_hand_is_enough(weights: Path, tmp_path: Path) -> None:
    url = torchvision.models.get_model_weights("mobilenet_v3_small").DEFAULT.url
    kept = weights / "torch" / "hub" / "checkpoints" / url.rpartition("/")[2]
    carried = tmp_path / "weights.pth"
    carried.write_bytes(kept.read_bytes())
    ours, theirs = resolve(f"file:{carried}#{MOBILENET}").load(), resolve(MOBILENET).load()
    assert ours.card.weights_hash == theirs.card.weights_hash
    assert ours.card.look == theirs.card.look


# ---- the page ----------------------------------------------------------------------------------


def lines_typed(page: Path) -> list[str]:
    """Commands in the page's code blocks."""
    blocks = re.findall(r"^```\n(.*?)^```$", page.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    lines = [line for block in blocks for line in block.splitlines()]
    return [line for line in lines if line.startswith("headstart ")]


def test_both_languages_show_the_same_commands() -> None:
    english, chinese = (page.read_text("utf-8") for page in (ENGLISH, CHINESE))
    assert lines_typed(ENGLISH) == lines_typed(CHINESE)
    assert len(lines_typed(ENGLISH)) > 15
    assert "](recipes.zh-CN.md)" in english
    assert "](recipes.md)" in chinese
    levels = [re.findall(r"^#+ ", text, re.MULTILINE) for text in (english, chinese)]
    assert levels[0] == levels[1]
    options = [set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", text)) for text in (english, chinese)]
    assert options[0] == options[1]


QUOTES = {
    "en": [
        ["lowest after", "and then rose"],
        ["learned its training images by heart"],
        ["still falling at the end"],
        ["Both losses hardly moved and are high"],
        ["The training loss jumped"],
        ["The validation loss settled"],
    ],
    "zh": [
        ["轮后最低", "之后升到"],
        ["死记硬背训练用的图片"],
        ["验证损失到最后还在下降"],
        ["两条损失几乎没有变化，而且很高"],
        ["训练损失在第", "跳到"],
        ["验证损失稳定在"],
    ],
}
"""What the page quotes of what is said about curves, in its language."""


@pytest.mark.parametrize(("page", "spoken"), [(ENGLISH, "en"), (CHINESE, "zh")], ids=["en", "zh"])
def test_what_the_page_quotes_is_what_is_said(
    page: Path, spoken: str, few: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told = "".join(page.read_text("utf-8").split())  # lines break elsewhere
    down = [(1, 0.9), (2, 0.5), (3, 0.3), (4, 0.25)]
    flat = [(1, 0.69), (2, 0.69), (3, 0.69), (4, 0.69)]
    curves: list[tuple[Curve, Curve]] = [
        (down, [(1, 0.6), (2, 0.5), (3, 0.7), (4, 0.9)]),
        (down, [(1, 0.6), (2, 0.5), (3, 0.7), (4, 0.9)]),
        (down, [(1, 0.8), (2, 0.6), (3, 0.5), (4, 0.3)]),
        (flat, flat),
        ([(1, 0.3), (2, 2.0)], [(1, 0.3), (2, 2.0)]),
        (down, [(1, 0.4), (2, 0.35), (3, 0.35), (4, 0.35)]),
    ]
    with speaking(spoken):
        assert run(["train", str(few), "--augment", "flips", "--lang", spoken]) == 2
        assert "".join(capsys.readouterr().err.split()) in told
        for (training, validation), quotes in zip(curves, QUOTES[spoken], strict=True):
            said = reading(training, validation, 2, IMAGE.unit)
            assert [q for q in quotes if q not in said or "".join(q.split()) not in told] == []


def test_every_option_that_is_mentioned_is_there() -> None:
    command = typer.main.get_command(application()).commands  # type: ignore[attr-defined]
    there = {o for c in command.values() for p in c.params for o in (*p.opts, *p.secondary_opts)}
    for page in (ENGLISH, CHINESE):
        mentioned = set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", page.read_text("utf-8")))
        assert mentioned <= there | {"--help"}, page.name


@pytest.mark.parametrize("line", sorted(set(lines_typed(ENGLISH))))
def test_commands_of_the_page_are_accepted(line: str) -> None:
    """Parse each as the program would, and check the values as `train` does before it starts."""
    _, name, *words = shlex.split(line, comments=True)
    command: click.Command = typer.main.get_command(application()).commands[name]  # type: ignore[attr-defined]
    with command.make_context(name, words) as context:
        given = dict(context.params)
    if name != "train":
        return
    given["budget"] = given["budget"] and seconds(given["budget"])
    data = given.pop("data")
    for apart in ("out", "overwrite", "resume", "false_accepts", "pictures", "as_json"):
        given.pop(apart)
    config = configure(data, given)
    backbone = config.backbone
    if backbone is None:
        return
    if backbone.startswith("file:"):
        assert "#" in backbone
    elif backbone != "auto":
        full = str(resolve(backbone))
        assert [row.name for row in available(full, everything=True)] == [full]
