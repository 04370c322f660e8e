"""Test-time adaptation: statistics by hand, entropy downhill, and stepping aside."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import timm
import torch
from PIL import Image
from safetensors.torch import save_file
from torch import nn

import headstart as hs
from given import images
from headstart.adaptation.batchnorm import batch_norms, embed, entropy_slope, estimate, sharpen
from headstart.adaptation.testtime import KINDS, adapt_to_inputs, moved_class, only_class
from headstart.backbones import resolve
from headstart.cli import run as run_command
from headstart.errors import ArtifactError, ConfigError
from headstart.events import Event
from headstart.folder.model import save_model
from headstart.transfer import FittedModel, Moments
from headstart.transfer.heads import CentroidHead, LinearHead
from headstart.transfer.logistic import softmax
from headstart.transfer.probe import fit_probe

# --- moments --------------------------------------------------------------------------------------


def test_moments_by_hand() -> None:
    found = Moments.fit(np.array([[0.0, 5.0], [2.0, 5.0]]), np.array([0, 0]), 2)
    assert found.mean.tolist() == [1, 5]
    assert found.scale.tolist() == [1, 0]
    assert found.shares.tolist() == [1, 0]


def test_sixteen_new_rows_count_half() -> None:
    moments = Moments.fit(np.array([[-1.0], [1.0]]), np.array([0, 1]), 2)  # mean 0, variance 1
    X = np.repeat([[1.0], [7.0]], 8, axis=0)  # mean 4, variance 9
    mean, scale = moments.of_others(X)
    assert mean == pytest.approx(2)  # half of 0 and 4
    assert scale == pytest.approx(np.sqrt(5))  # half of 1 and 9
    factor, offset = moments.affine(X)
    assert factor == pytest.approx(1 / np.sqrt(5))
    assert offset == pytest.approx(-2 / np.sqrt(5))


def test_many_rows_come_to_the_moments_of_training(rng: np.random.Generator) -> None:
    source, target = rng.normal(3, 2, (500, 4)), rng.normal(-9, 5, (20000, 4))
    moments = Moments.fit(source, np.zeros(500, int), 1)
    factor, offset = moments.affine(target)
    moved = target * factor + offset
    np.testing.assert_allclose(moved.mean(axis=0), source.mean(axis=0), atol=0.02)
    np.testing.assert_allclose(moved.std(axis=0), source.std(axis=0), rtol=0.02)


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


# --- batch norms ----------------------------------------------------------------------------------


def norm() -> nn.BatchNorm1d:
    return nn.BatchNorm1d(1).eval()  # mean 0, variance 1


def test_statistics_are_those_of_all_batches_mixed_with_the_stored() -> None:
    network = norm()
    batches = [torch.tensor([[2.0]] * 4 + [[4.0]] * 4), torch.tensor([[10.0]] * 8)]
    estimate(network, lambda: batches, 16)  # weight 16 / (16 + 16)
    # Of all 16: mean (4 x 2 + 4 x 4 + 8 x 10) / 16 = 6.5, mean square 55, variance 12.75.
    assert network.running_mean.item() == pytest.approx(0.5 * 6.5)
    assert network.running_var.item() == pytest.approx(0.5 * 12.75 + 0.5 * 1)
    assert not network._forward_pre_hooks, "the hook is gone"


def test_a_batch_is_normalised_by_itself_on_its_way() -> None:
    first, second = norm(), norm()
    estimate(nn.Sequential(first, second), lambda: [torch.tensor([[3.0], [5.0]] * 24)], 48)
    # The first gives (x - 0.75 * 4) / sqrt(0.75 * 1 + 0.25): mean 1, variance 1 for the second.
    assert second.running_mean.item() == pytest.approx(0.75 * 1, rel=1e-4)
    assert second.running_var.item() == pytest.approx(0.75 * 1 + 0.25, rel=1e-4)


def test_maps_are_averaged_over_their_places() -> None:
    network = nn.BatchNorm2d(2).eval()
    x = torch.randn(48, 2, 3, 5)
    estimate(network, lambda: list(x.split(20)), 48)
    want = 0.75 * x.var(dim=(0, 2, 3), correction=0) + 0.25
    torch.testing.assert_close(network.running_var, want, rtol=1e-4, atol=1e-5)


def test_a_network_without_batch_norms_is_refused_with_the_mend() -> None:
    with pytest.raises(ConfigError, match="--adapt statistics"):
        batch_norms(nn.Sequential(nn.Linear(2, 2), nn.LayerNorm(2)))


@pytest.mark.parametrize("kind", ["linear", "centroid"])
def test_the_entropys_slope_is_its_difference_quotient(kind: str, rng: np.random.Generator) -> None:
    X = rng.normal(size=(3, 5))
    head: LinearHead | CentroidHead = LinearHead(rng.normal(size=(5, 4)), rng.normal(size=4))
    if kind == "centroid":
        head = CentroidHead.fit(rng.normal(size=(20, 5)), np.arange(20) % 4, 4)

    def mean_entropy(X: np.ndarray) -> float:
        p = softmax(head.logits(X) / 1.7)
        return float(-(p * np.log(p)).sum(axis=1).mean())

    step = 1e-3 if kind == "centroid" else 1e-5  # that head keeps its arrays in float32
    want = np.zeros_like(X)
    for i, j in np.ndindex(*X.shape):
        moved = np.zeros_like(X)
        moved[i, j] = step
        want[i, j] = (mean_entropy(X + moved) - mean_entropy(X - moved)) / (2 * step)
    np.testing.assert_allclose(entropy_slope(head, 1.7, X), want, rtol=2e-3, atol=2e-5)


def test_tent_goes_downhill_and_moves_scales_and_shifts_only(rng: np.random.Generator) -> None:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.ReLU()).eval()
    x = torch.from_numpy(rng.normal(size=(128, 6)).astype(np.float32))
    head = LinearHead(rng.normal(size=(8, 3)), np.zeros(3))
    estimate(network, lambda: [x], 128)
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}

    def mean_entropy() -> float:
        p = softmax(head.logits(embed(network, lambda: [x]).astype(np.float64)))
        return float(-(p * np.log(p)).sum(axis=1).mean())

    start = mean_entropy()
    sharpen(network, lambda: x.split(64), head, 1.0, passes=10, rate=1e-2)
    assert mean_entropy() < 0.9 * start
    after = network.state_dict()
    moved = {n for n in before if not torch.equal(before[n], after[n])}
    assert {"1.weight", "1.bias"} <= moved <= {"1.weight", "1.bias", "1.num_batches_tracked"}
    assert not network.training
    assert network[1].momentum == 0.1


# --- guards ---------------------------------------------------------------------------------------


def test_a_class_that_moves_more_than_three_times_is_found() -> None:
    before = np.repeat([0, 1], [4, 96])
    assert moved_class(before, np.repeat([0, 1], [16, 84]), 2) is None  # (16 + 2) / (4 + 2) = 3
    assert moved_class(before, np.repeat([0, 1], [17, 83]), 2) == 0
    assert moved_class(np.repeat([0, 1], [17, 83]), before, 2) == 0, "shrinking is as bad"


def plane_model(moments: Moments | None) -> FittedModel:
    """Answer "right" for positive x and "left" for negative."""
    head = LinearHead(np.array([[-1.0, 1.0], [0.0, 0.0]]), np.zeros(2))
    return FittedModel("probe", head, 1.0, ("left", "right"), moments=moments)


def adapt(model: FittedModel, X: np.ndarray, kind: str = "statistics"):
    return adapt_to_inputs(kind, model, X, source=None, examples=images([]), hashes=[])  # type: ignore[arg-type]


@pytest.fixture
def moments(rng: np.random.Generator) -> Moments:
    return Moments.fit(rng.normal(size=(1000, 2)), np.arange(1000) % 2, 2)


def test_a_domain_moved_aside_is_brought_back(moments: Moments, rng: np.random.Generator) -> None:
    truth = np.arange(200) % 2
    X = np.stack([np.where(truth, 2.0, 0.0), np.zeros(200)], 1) + rng.normal(0, 0.5, (200, 2))
    X = X.astype(np.float32)
    model = plane_model(moments)
    found = adapt(model, X)
    plain, moved = (model.predict_proba(V).argmax(axis=1) for V in (X, found.vectors))
    assert (moved == truth).mean() > 0.9 > 0.8 > (plain == truth).mean()
    assert found.kind == "statistics"
    assert found.changed == (plain != moved).mean()
    assert f"{found.changed:.0%} of the 200 answers changed" in found.sentence


def test_what_moves_the_shares_far_is_undone(moments: Moments) -> None:
    x = np.concatenate(
        [np.linspace(-0.4, -0.1, 26), np.linspace(1, 1.4, 87), np.linspace(2, 3, 87)]
    )
    X = np.stack([x, np.zeros(200)], 1).astype(np.float32)
    found = adapt(plane_model(moments), X)
    assert found.kind == ""
    assert found.vectors is X
    assert "undone: it moved 'left' from 13% to" in found.sentence
    assert "headstart adapt" in found.sentence


def test_a_stream_of_one_class_is_left_alone(moments: Moments, rng: np.random.Generator) -> None:
    X = rng.normal((1, 0), 0.3, (100, 2)).astype(np.float32)
    found = adapt(plane_model(moments), X)
    assert found.vectors is X
    assert "look like 'right'" in found.sentence
    common = replace(moments, shares=np.array([0.05, 0.95], np.float32))
    answers = np.ones(100, int)
    assert only_class(answers, plane_model(moments)) == 1
    assert only_class(np.repeat([0, 1], [4, 96]), plane_model(common)) is None, "as in training"


def test_few_inputs_are_answered_as_they_are(moments: Moments) -> None:
    X = np.array([[3.0, 0]] * 7 + [[-3.0, 0]] * 8, np.float32)
    found = adapt(plane_model(moments), X)
    assert found.vectors is X
    assert "at least 16 readable inputs at once, here are 15" in found.sentence


def test_what_cannot_be_done_is_said(rng: np.random.Generator) -> None:
    X = rng.normal(size=(40, 2)).astype(np.float32)
    with pytest.raises(ArtifactError, match="Train it again"):
        adapt(plane_model(None), X)
    with pytest.raises(ConfigError, match="One of: " + ", ".join(KINDS)):
        adapt(plane_model(None), X, "magic")


# --- on runs --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def dimmed(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The photos in bad light, and one file that is no picture."""
    root = tmp_path_factory.mktemp("dimmed")
    for path in sorted(photos.rglob("*.*")):
        place = root / path.parent.name / f"{path.stem}.png"
        place.parent.mkdir(exist_ok=True)
        pixels = np.asarray(Image.open(path).convert("RGB")) * 0.7 + 20
        Image.fromarray(pixels.astype(np.uint8)).save(place)
    (root / "disc" / "broken.png").write_bytes(b"no picture")
    return root


def weights(folder: Path, architecture: str) -> str:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        net = timm.create_model(architecture)
    save_file(net.state_dict(), folder / f"{architecture}.safetensors")
    return f"file:{folder / architecture}.safetensors#timm:{architecture}"


def make_run(folder: Path, photos: Path, architecture: str) -> hs.Run:
    """Save a head on one of timm's test networks as a run does."""
    ref = resolve(weights(folder, architecture))
    if architecture == "test_resnet":
        ref = ref.at(size=64)  # faster
    backbone, files = ref.load(), sorted(photos.rglob("*.*"))
    pixels = np.stack([backbone.card.look.pixels(Image.open(f).convert("RGB")) for f in files])
    with torch.inference_mode():
        X = backbone(torch.from_numpy(pixels)).numpy()
    classes = tuple(sorted({f.parent.name for f in files}))
    y = np.array([classes.index(f.parent.name) for f in files])
    folds = [(np.flatnonzero(y >= 0), np.flatnonzero(y >= 0))]
    model, _ = fit_probe(X, y, classes, folds)
    (folder / "run").mkdir()
    save_model(folder / "run" / "model", model, backbone.card, ref, "torch-float32")
    run = hs.load(folder / "run")
    kept = run.saved.model.moments
    assert kept is not None
    np.testing.assert_array_equal(kept.mean, X.astype(np.float64).mean(axis=0).astype(np.float32))
    assert kept.shares == pytest.approx([1 / 3] * 3)
    return run


@pytest.fixture(scope="module")
def tiny_run(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> hs.Run:
    """A probe on a network that has batch norms."""
    return make_run(tmp_path_factory.mktemp("tiny"), photos, "test_resnet")


def digest(folder: Path) -> dict[str, str]:
    return {
        p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in (folder / "model").iterdir()
    }


@pytest.mark.parametrize("kind", ["bn", "statistics", "tent"])
def test_rows_keep_their_places_and_the_model_its_bytes(
    tiny_run: hs.Run, dimmed: Path, kind: str
) -> None:
    before, said = digest(tiny_run.folder), list[Event]()
    files = sorted(dimmed.rglob("*.png")) * 2  # enough for Tent
    found = tiny_run.predict(files, adapt=kind, on_event=said.append)
    assert [p.path for p in found] == [f.as_posix() for f in files]
    assert [bool(p.error) for p in found] == [f.stem == "broken" for f in files]
    for a, b in zip(found, found[len(files) // 2 :], strict=False):
        assert a.probabilities == b.probabilities, "the same picture, the same answer"
    turned = tiny_run.predict(files[::-1], adapt=kind)
    for a, b in zip(found, turned[::-1], strict=True):
        assert a.predicted == b.predicted
        assert a.confidence == (b.confidence and pytest.approx(b.confidence, abs=1e-4))
    assert digest(tiny_run.folder) == before
    sentences = [e.message for e in said if e.level in ("note", "warning")]
    assert len(sentences) == 1
    if kind != "statistics":
        bars = [e for e in said if e.stage == "adapting to the inputs" and e.total]
        assert bars[-1].done == bars[-1].total > 0
        assert all(e.done <= e.total for e in bars)


def test_adapting_changes_answers_only_when_asked(tiny_run: hs.Run, dimmed: Path) -> None:
    plain = tiny_run.predict(dimmed)
    adapted = tiny_run.predict(dimmed, adapt="statistics")
    assert tiny_run.predict(dimmed) == plain
    assert [p.unfamiliar for p in adapted] == [p.unfamiliar for p in plain]


def test_a_transformer_is_told_what_to_use_instead(
    tmp_path: Path, photos: Path, dimmed: Path
) -> None:
    run = make_run(tmp_path, photos, "test_vit")
    with pytest.raises(ConfigError, match="Use --adapt statistics"):
        run.predict(dimmed, adapt="bn")


def test_the_command_says_on_stderr_what_changed(
    tiny_run: hs.Run, dimmed: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    predict = ["predict", str(tiny_run.folder), str(dimmed)]
    assert run_command([*predict, "--adapt", "statistics"]) == 0
    shown = capsys.readouterr()
    assert "answers changed" in shown.err or "answered as it is" in shown.err
    assert len(shown.out.splitlines()) == 1 + len(list(dimmed.rglob("*.png")))
    assert run_command([*predict, "--adapt", "magic"]) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "One of: bn, tent, statistics." in shown.err
