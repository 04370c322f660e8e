"""The training loop: what moves and what must not, exact resumption, divergence, short memory."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from headstart.backbones import Ref
from headstart.backbones.cutting import Prefix, cut_before, suffix, unfrozen
from headstart.transfer import recipe as recipes
from headstart.transfer.checkpoint import Checkpoint, Checkpoints, Forgetful
from headstart.transfer.finetune import Setting, _to_watch, finish, fit
from headstart.transfer.heads import LinearHead
from headstart.transfer.loop import Loop
from headstart.transfer.network import Network
from headstart.transfer.objective import CrossEntropy, objective
from headstart.transfer.parts import Trained
from headstart.transfer.recipe import Recipe

N, K = 24, 3
PLAIN = CrossEntropy(0.0, None, [], False, None)


class Arrays:
    """Inputs from memory; augmentation adds noise."""

    def __init__(self, x: np.ndarray) -> None:
        self.x = x

    def plain(self, rows: np.ndarray) -> np.ndarray:
        return self.x[rows]

    def varied(self, rows: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        return self.x[rows] + rng.normal(0, 0.1, self.x[rows].shape).astype(np.float32)


@pytest.fixture(scope="module")
def backbone():
    return Ref("timm", "test_resnet", seed=0).at(size=64).load()


@pytest.fixture(scope="module")
def setting(backbone) -> Setting:
    """Fine-tuning of the last stage of a small network on random activations."""
    blocks = unfrozen(backbone, "2")
    cut = cut_before(backbone, blocks[0])
    rng = np.random.default_rng(0)
    y = np.arange(N) % K
    shape = Prefix(backbone, cut).shape
    maps = rng.normal(0, 0.5, (N, *shape)) + y[:, None, None, None] / 2
    maps = maps.astype(np.float32)
    with torch.no_grad():
        X = suffix(backbone, cut)(torch.from_numpy(maps)).numpy()
    dim = X.shape[1]

    def start(rows: np.ndarray) -> LinearHead:
        return LinearHead(np.zeros((dim, K)), np.zeros(K))

    recipe = Recipe(epochs=3, batch_size=7, lr=1e-3, weight_decay=0.1, precision="float32")
    return Setting("x", recipe, backbone, blocks, cut, Arrays(maps), X, y, K, start)


def run(setting: Setting, rows=None, watched=(), **changes: object) -> tuple[Network, Trained]:
    """Train on all rows with a changed recipe; return the network and what the loop left."""
    recipe = replace(setting.recipe, **changes)
    setting = replace(setting, recipe=recipe)
    rows = np.arange(N) if rows is None else rows
    network = setting.network(rows)
    goal = objective(network, recipe, setting.X[rows], setting.y[rows], balanced=False)
    loop = Loop(
        network, setting.inputs, setting.y, goal, recipe, rows, np.asarray(watched, np.int64), 0,
        Forgetful(),
    )  # fmt: skip
    return network, loop.run()


def test_frozen_parameters_and_statistics_do_not_move_a_bit(setting: Setting) -> None:
    before = setting.network(np.arange(N))
    after, _ = run(setting, weight_decay=0.5)
    moved = {
        name
        for name, tensor in after.state_dict().items()
        if not torch.equal(tensor, before.state_dict()[name])
    }
    tuned = {n for n, p in after.named_parameters() if any(p is q for q in after.tuned())}
    assert moved == tuned | {"head.weight", "head.bias"}
    assert not any("bn" in name or "running" in name for name in moved)


def test_the_pretrained_backbone_is_left_alone(setting: Setting) -> None:
    before = {k: v.clone() for k, v in setting.backbone.state_dict().items()}
    fit(setting, np.arange(N), np.arange(0), "final")
    assert all(torch.equal(v, before[k]) for k, v in setting.backbone.state_dict().items())


@pytest.mark.parametrize("tune", ["bias", "norm"])
def test_only_the_asked_for_kind_of_parameter_moves(setting: Setting, tune: str) -> None:
    before = setting.network(np.arange(N))
    after, _ = run(setting, tune=tune)
    norms = (nn.BatchNorm2d,)
    for module, old in zip(after.body.modules(), before.body.modules(), strict=True):
        for name, parameter in module.named_parameters(recurse=False):
            same = torch.equal(parameter, dict(old.named_parameters(recurse=False))[name])
            wanted = isinstance(module, norms) or (tune == "bias" and name == "bias")
            assert same or wanted
    assert any(not torch.equal(a, b) for a, b in zip(after.tuned(), before.tuned(), strict=True))


def test_trained_batch_norms_move_their_statistics(setting: Setting) -> None:
    before = setting.network(np.arange(N))
    after, _ = run(setting, batchnorm="train")
    names = [n for n, _ in after.named_buffers() if "running_mean" in n]
    assert names
    blocks = tuple(f"body.{b}" for b in setting.blocks)
    for name in names:
        same = torch.equal(after.state_dict()[name], before.state_dict()[name])
        assert same != name.startswith(blocks)


def test_the_same_seed_gives_the_same_bytes(setting: Setting) -> None:
    one, two = (run(setting, ema=0.9)[0].state_dict() for _ in range(2))
    assert all(torch.equal(one[k], two[k]) for k in one)


def test_batches_are_equal_so_that_none_is_short(setting: Setting) -> None:
    seen: list[int] = []

    class Counting(Arrays):
        def varied(self, rows: np.ndarray, rng: np.random.Generator) -> np.ndarray:
            seen.append(len(rows))
            return super().varied(rows, rng)

    run(replace(setting, inputs=Counting(setting.inputs.x)), epochs=1, batch_size=23)
    assert seen == [12, 12]


@pytest.mark.parametrize("batchnorm", ["frozen", "train"])
def test_a_batch_of_one_trains(setting: Setting, batchnorm: str) -> None:
    _, trained = run(setting, rows=np.arange(3), batch_size=1, batchnorm=batchnorm, epochs=1)
    assert trained.history[0].loss > 0


def test_gradual_unfreezing_starts_with_the_last_block(setting: Setting) -> None:
    assert len(setting.blocks) > 1
    before = setting.network(np.arange(N))
    after, _ = run(setting, gradual=True, epochs=1)
    first, last = setting.blocks[0], setting.blocks[-1]
    changed = [
        name
        for name, parameter in after.named_parameters()
        if not torch.equal(parameter, dict(before.named_parameters())[name])
    ]
    assert any(name.startswith(f"body.{last}.") for name in changed)
    assert not any(name.startswith(f"body.{first}.") for name in changed)


def test_rates_fall_from_block_to_block(setting: Setting) -> None:
    recipe = replace(setting.recipe, layer_decay=0.5, head_lr=0.01)
    groups = replace(setting, recipe=recipe).network(np.arange(N)).optimizer(recipe).param_groups
    rates = [g["base_lr"] for g in groups]
    assert rates[-2:] == [recipe.rate, 0.01]
    assert rates[0] == pytest.approx(recipe.rate * 0.5 ** (len(setting.blocks) - 1))


def test_the_starting_head_gives_the_probes_answers(setting: Setting) -> None:
    """LP-FT: before the first step the network says exactly what the probe says."""
    rng = np.random.default_rng(1)
    head = LinearHead(rng.normal(size=(setting.X.shape[1], K)), rng.normal(size=K))
    network = replace(setting, start=lambda rows: head).network(np.arange(N))
    features, logits = network.logits(setting.inputs, np.arange(N))
    np.testing.assert_allclose(features.numpy(), setting.X, atol=1e-4)
    np.testing.assert_allclose(logits.numpy(), head.logits(setting.X), rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(network.fitted_head().W, head.W, rtol=1e-4, atol=1e-5)


def test_a_loss_that_is_no_number_stops_with_the_last_good_weights(setting: Setting) -> None:
    class Exploding(CrossEntropy):
        calls = 0

        def __call__(self, *args: object) -> torch.Tensor:
            Exploding.calls += 1
            loss = super().__call__(*args)  # type: ignore[arg-type]
            return loss * float("nan") if Exploding.calls == 6 else loss  # epoch 2, step 2

    network = setting.network(np.arange(N))
    recipe = replace(setting.recipe, epochs=5)
    goal = Exploding(0.0, None, [], False, None)
    none = np.arange(0)
    rows = np.arange(N)
    loop = Loop(network, setting.inputs, setting.y, goal, recipe, rows, none, 0, Forgetful())
    trained = loop.run()
    assert "step 2 of epoch 2" in trained.trouble
    assert "--lr 0.0001" in trained.trouble
    assert [p.epoch for p in trained.history] == [1]
    before = setting.network(rows)  # the same training, stopped after its first epoch
    with pytest.raises(KeyboardInterrupt):
        Loop(
            before, setting.inputs, setting.y, PLAIN, recipe, rows, none, 0, Forgetful(),
            on_point=_StopAt(1),
        ).run()  # fmt: skip
    for name, tensor in before.learned().items():
        assert torch.equal(network.learned()[name], tensor)


def test_short_memory_halves_the_batch_and_changes_no_result(setting: Setting) -> None:
    said: list[str] = []

    class Greedy(Network):
        def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            if self.training_now and len(x) > 4:
                raise RuntimeError("DefaultCPUAllocator: can't allocate memory")
            return super().forward(x)

        training_now = False

        def train_mode(self, epoch: int) -> None:
            super().train_mode(epoch)
            self.training_now = True

    sgd = {"epochs": 1, "batch_size": 12, "optimizer": "sgd"}  # Adam blows rounding up
    whole, expected = run(setting, **sgd)
    network = setting.network(np.arange(N))
    network.__class__ = Greedy
    recipe = replace(setting.recipe, **sgd)
    rows, none = np.arange(N), np.arange(0)
    loop = Loop(
        network, setting.inputs, setting.y, PLAIN, recipe, rows, none, 0, Forgetful(),
        on_trouble=said.append,
    )  # fmt: skip
    trained = loop.run()
    assert loop.pieces == 4
    assert "4 parts" in said[-1]
    assert trained.history[0].loss == pytest.approx(expected.history[0].loss, rel=1e-4)
    for a, b in zip(network.tuned(), whole.tuned(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-3, atol=1e-4)


def test_threads_that_share_a_batch_change_no_result(setting: Setting) -> None:
    sgd = replace(setting.recipe, optimizer="sgd")
    one = fit(replace(setting, recipe=sgd), np.arange(18), np.arange(18, N), "final")
    two = fit(replace(setting, recipe=sgd, workers=2), np.arange(18), np.arange(18, N), "final")
    np.testing.assert_allclose(two.logits, one.logits, rtol=1e-3, atol=1e-3)
    again = fit(replace(setting, recipe=sgd, workers=2), np.arange(18), np.arange(18, N), "final")
    np.testing.assert_array_equal(again.logits, two.logits)


@pytest.mark.parametrize("changes", [{"batchnorm": "train"}, {"keep": ("bss",)}], ids=str)
def test_what_looks_at_the_whole_batch_is_not_shared(setting: Setting, changes: dict) -> None:
    network = setting.network(np.arange(N))
    network.train_mode(0)
    assert network.divisible()
    recipe = replace(setting.recipe, **changes)
    network = replace(setting, recipe=recipe).network(np.arange(N))
    network.train_mode(0)
    assert not network.divisible()


def test_other_errors_are_not_taken_for_short_memory(setting: Setting) -> None:
    def wrong(*_: object) -> torch.Tensor:
        raise RuntimeError("shapes do not match")

    network = setting.network(np.arange(N))
    rows, none = np.arange(N), np.arange(0)
    loop = Loop(
        network, setting.inputs, setting.y, wrong, setting.recipe, rows, none, 0, Forgetful()
    )
    with pytest.raises(RuntimeError, match="shapes"):
        loop.run()


def test_patience_stops_and_keeps_the_best(setting: Setting) -> None:
    """A rate far too high: the loss soon grows again."""
    watched = np.arange(0, N, 4)
    rows = np.setdiff1d(np.arange(N), watched)
    network, trained = run(
        setting, rows, watched, epochs=30, patience=2, lr=0.05, clip=0.0, optimizer="sgd",
        schedule="constant",
    )  # fmt: skip
    losses = [p.loss for p in trained.history if p.split == "validation"]
    assert not trained.trouble
    assert len(losses) < 30
    assert len(losses) - 1 - int(np.argmin(losses)) == 2
    logits = network.logits(setting.inputs, watched)[1]
    now = nn.functional.cross_entropy(logits, torch.from_numpy(setting.y[watched]))
    assert float(now) == pytest.approx(min(losses), rel=1e-4)
    assert float(now) < losses[-1]  # or nothing would show that the best was kept


def test_the_validation_loss_of_an_epoch_can_be_recomputed_from_its_checkpoint(
    setting: Setting, tmp_path: Path
) -> None:
    watched = np.arange(0, N, 4)
    rows = np.setdiff1d(np.arange(N), watched)
    keeper = Checkpoint(tmp_path / "fit.safetensors")
    network = setting.network(rows)
    stop = _StopAt(2, watched=True)
    loop = Loop(
        network, setting.inputs, setting.y, PLAIN, setting.recipe, rows, watched, 0, keeper,
        on_point=stop,
    )  # fmt: skip
    keeper._next = 0
    with pytest.raises(KeyboardInterrupt):
        loop.run()
    fresh = setting.network(rows)
    state = keeper.restore(fresh, fresh.optimizer(setting.recipe))
    assert state is not None
    logits = fresh.logits(setting.inputs, watched)[1]
    loss = nn.functional.cross_entropy(logits, torch.from_numpy(setting.y[watched]))
    point = next(p for p in state.history if p.epoch == state.epoch and p.split == "validation")
    assert float(loss) == pytest.approx(point.loss, rel=1e-6)


def test_beside_few_labels_a_curve_looks_at_a_part_of_the_test_rows(
    setting: Setting, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recipes, "WATCHED", 8)
    setting = replace(setting, recipe=replace(setting.recipe, epochs=1))
    rows, held = np.arange(5), np.arange(5, N)
    fitted = fit(setting, rows, held, "final")
    assert fitted.logits.shape[1] == len(held)  # the answers are of all
    drawn = _to_watch(setting, rows, held)
    assert len(drawn) == 8 and set(drawn) <= set(held)
    asked = np.searchsorted(held, drawn)
    logits = torch.from_numpy(fitted.logits[0][asked])
    loss = nn.functional.cross_entropy(logits, torch.from_numpy(setting.y[drawn]))
    point = next(p for p in fitted.history if p.split == "validation")
    assert point.loss == pytest.approx(float(loss), rel=1e-5)
    usual = Recipe()
    assert [usual.watched(*sizes) for sizes in ((5, 6), (5, 90), (30, 90))] == [6, 8, 30]
    assert Recipe(loss="pairs").watched(5, 90) == 0


class _StopAt:
    """Raises as Ctrl-C does, after some epochs."""

    def __init__(self, epochs: int, *, watched: bool = False) -> None:
        self.left = epochs * (2 if watched else 1)

    def __call__(self, _: object) -> None:
        self.left -= 1
        if not self.left:
            raise KeyboardInterrupt


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"optimizer": "sgd", "lr": 0.01},
        {"ema": 0.8},
        {"patience": 3},
        {"gradual": True},
        {"batchnorm": "train"},
        {"keep": ("l2-sp", "bss")},
        {"wise": True},
    ],
    ids=str,
)
@pytest.mark.parametrize("epochs", [1, 4])
def test_an_interrupted_fit_ends_as_if_it_had_not_been(
    setting: Setting, tmp_path: Path, changes: dict, epochs: int, monkeypatch
) -> None:
    monkeypatch.setattr("headstart.transfer.checkpoint.COST", 1e9)  # save every epoch
    setting = replace(setting, recipe=replace(setting.recipe, epochs=5, **changes))
    rows, held = np.arange(18), np.arange(18, N)
    whole = fit(setting, rows, held, "final")
    heard = 2 * epochs
    stop = _StopAt(heard)
    checkpoints = Checkpoints(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        fit(
            replace(setting, checkpoints=checkpoints, on_point=lambda _, p: stop(p)),
            rows,
            held,
            "final",
        )
    assert [p.name for p in tmp_path.iterdir()] == ["x---final.last.safetensors"]
    resumed = fit(replace(setting, checkpoints=checkpoints), rows, held, "final")
    np.testing.assert_array_equal(resumed.logits, whole.logits)
    assert [p.loss for p in resumed.history] == [p.loss for p in whole.history]
    assert [p.name for p in tmp_path.iterdir()] == ["x---final.done.safetensors"]
    remembered = fit(replace(setting, checkpoints=checkpoints), rows, held, "final")
    np.testing.assert_array_equal(remembered.logits, whole.logits)


@pytest.mark.parametrize("damage", ["truncate", "garbage", "remove"])
def test_a_damaged_checkpoint_counts_for_nothing(
    setting: Setting, tmp_path: Path, damage: str, monkeypatch
) -> None:
    monkeypatch.setattr("headstart.transfer.checkpoint.COST", 1e9)
    whole = fit(setting, np.arange(N), np.arange(0), "final")
    checkpoints = Checkpoints(tmp_path)
    stop = _StopAt(2)
    with pytest.raises(KeyboardInterrupt):
        fit(replace(setting, checkpoints=checkpoints, on_point=lambda _, p: stop(p)), np.arange(N),
            np.arange(0), "final")  # fmt: skip
    [path] = tmp_path.iterdir()
    content = path.read_bytes()
    if damage == "remove":
        path.unlink()
    else:
        path.write_bytes(content[:100] if damage == "truncate" else b"x" * 1000)
    again = fit(replace(setting, checkpoints=checkpoints), np.arange(N), np.arange(0), "final")
    for name, tensor in whole.learned.items():
        assert torch.equal(again.learned[name], tensor)


def test_the_finished_model_is_the_trained_network(setting: Setting) -> None:
    """A whole backbone and a head, that say of activations what the network said."""
    rows, held = np.arange(18), np.arange(18, N)
    fitted = fit(setting, rows, held, "final")
    tuned = finish(setting, rows, fitted)
    with torch.no_grad():
        maps = torch.from_numpy(setting.inputs.plain(held))
        features = suffix(tuned.backbone, setting.cut)(maps).numpy()
    np.testing.assert_allclose(
        tuned.head.logits(features.astype(np.float64)), fitted.logits[0], rtol=1e-3, atol=1e-3
    )
    assert tuned.backbone.card.weights_hash != setting.backbone.card.weights_hash
    assert tuned.backbone.card.name == setting.backbone.card.name


def test_wise_ends_are_the_start_and_the_trained_weights(setting: Setting) -> None:
    rows, held = np.arange(18), np.arange(18, N)
    recipe = replace(setting.recipe, wise=True)
    fitted = fit(replace(setting, recipe=recipe), rows, held, "final")
    assert fitted.logits.shape == (11, len(held), K)
    start = setting.network(rows).logits(setting.inputs, held)[1].numpy()
    np.testing.assert_allclose(fitted.logits[0], start, atol=1e-5)
    np.testing.assert_allclose(
        fitted.logits[10], fit(setting, rows, held, "f").logits[0], atol=1e-5
    )
    half = finish(replace(setting, recipe=recipe), rows, fitted, alpha=0.5)
    with torch.no_grad():
        maps = torch.from_numpy(setting.inputs.plain(held))
        features = suffix(half.backbone, setting.cut)(maps).numpy()
    np.testing.assert_allclose(
        half.head.logits(features.astype(np.float64)), fitted.logits[5], rtol=1e-3, atol=1e-3
    )


def test_class_weights_and_smoothing_by_hand() -> None:
    """Logits 0: every class has probability 1/2, so each row's loss is log 2 times its weight."""
    network = nn.Identity()
    logits, y = torch.zeros(3, 2), torch.tensor([0, 0, 1])
    weight = torch.tensor([0.75, 1.5])
    goal = CrossEntropy(0.1, weight, [], False, None)
    loss = goal(network, logits, logits, y)  # type: ignore[arg-type]
    assert float(loss) == pytest.approx(np.log(2) * (0.75 + 0.75 + 1.5) / 3)
    mixed = torch.tensor([[0.5, 0.5]])
    loss = goal(network, logits[:1], logits[:1], mixed)  # type: ignore[arg-type]
    assert float(loss) == pytest.approx(np.log(2) * (0.75 + 1.5) / 2)


def test_co_tuning_needs_a_source_head(setting: Setting, backbone) -> None:
    from headstart.errors import ConfigError

    assert backbone.source_head is not None
    network, trained = run(setting, keep=("co-tuning",), epochs=1)
    assert network.source_head is not None
    assert np.isfinite(trained.history[0].loss)
    network.source_head = None
    recipe = replace(setting.recipe, keep=("co-tuning",))
    with pytest.raises(ConfigError, match="embedded backbone"):
        objective(network, recipe, setting.X, setting.y, balanced=False)


def test_cached_activations_are_mixed_too(setting: Setting) -> None:
    _, trained = run(setting, mixup=0.4, epochs=2)
    assert [p.accuracy for p in trained.history] == [None, None]
    assert all(0 < p.loss < 10 for p in trained.history)


def test_mixup_and_cutmix_train_on_images() -> None:
    backbone = Ref("timm", "test_resnet", seed=0).at(size=32).load()
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (12, 32, 32, 3), dtype=np.uint8)

    class Images(Arrays):
        def varied(self, rows: np.ndarray, rng: np.random.Generator) -> np.ndarray:
            return self.x[rows]

    recipe = Recipe(unfreeze="all", cache=False, mixup=0.2, cutmix=1.0, epochs=2, batch_size=6)
    dim = backbone.card.dim
    setting = Setting(
        "x", recipe, backbone, unfrozen(backbone, "all"), None, Images(images),
        np.zeros((0, dim), np.float32), np.arange(12) % 2, 2,
        lambda rows: LinearHead(np.zeros((dim, 2)), np.zeros(2)),
    )  # fmt: skip
    fitted = fit(setting, np.arange(12), np.arange(0), "final")
    assert [p.accuracy for p in fitted.history] == [None, None]
    assert all(np.isfinite(p.loss) for p in fitted.history)
