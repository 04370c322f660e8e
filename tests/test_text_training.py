"""Training text networks: texts of any length, whose padding is neither seen nor kept."""

from __future__ import annotations

import csv
import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
import torch

import headstart as hs
from headstart.backbones import resolve
from headstart.backbones.cutting import Prefix, suffix
from headstart.backbones.network import Backbone
from headstart.choose.plan import make_plan
from headstart.data.items import Cells, Examples
from headstart.errors import ConfigError
from headstart.features.activations import Activations, activate
from headstart.features.engines import TorchEngine
from headstart.methods import networks
from headstart.modalities import modality
from headstart.modalities.plain import PlainExamples
from headstart.prepare.config import configure, suited
from headstart.transfer.recipe import Recipe

TEXTS = ("good", "very bad food, slow, bad", "fast " * 20, "not good room", "food " * 90)


@pytest.fixture(scope="module")
def tiny(tiny_bert: str) -> Backbone:
    return resolve(tiny_bert).load()


@pytest.fixture(scope="module")
def inputs(tiny: Backbone) -> PlainExamples:
    return PlainExamples(lambda row: TEXTS[row], tiny.card.look)


@pytest.fixture(scope="module")
def activations(tiny: Backbone, inputs: PlainExamples, tmp_path_factory) -> Activations:
    look = tiny.card.look
    extents = np.array([look(text).shape for text in TEXTS])
    recipe = Recipe(unfreeze="1", augment="none")
    plan = make_plan(tiny, recipe, len(TEXTS), 10**9, 0, tuple(extents.max(axis=0)))
    assert (plan.cut, plan.shape) == ("blocks.0", (16, *extents.max(axis=0)))
    examples = Examples(TEXTS, Cells(TEXTS), modality("text"))
    hashes = [hashlib.sha256(text.encode()).hexdigest() for text in TEXTS]
    engine = TorchEngine(Prefix(tiny, plan.cut), "float32")
    return activate(
        examples, hashes, engine, plan.shape, plan.views, tmp_path_factory.mktemp("kept"),
        workers=2, extents=extents,
    )  # fmt: skip


def test_kept_activations_end_where_the_largest_of_a_batch_does(activations, tiny) -> None:
    one, windows = tiny.card.look(TEXTS[0]), tiny.card.look(TEXTS[4])
    assert len(windows) > 1, "the last text is longer than a window"
    assert activations.plain(np.array([0])).shape == (1, 16, *one.shape)
    assert activations.plain(np.array([0, 4])).shape == (2, 16, *windows.shape)
    assert list(activations.sizes(np.array([0, 4]))) == [one.size, windows.size]


def test_what_follows_the_cut_gives_the_embedding_whatever_is_padded(activations, tiny) -> None:
    look, behind = tiny.card.look, suffix(tiny, "blocks.0")
    rng = np.random.default_rng(0)
    with torch.inference_mode():
        alone = [tiny(torch.from_numpy(look.batch([look(text)])))[0] for text in TEXTS]
        for rows in ([0], [2, 0], [0, 1, 2, 3, 4]):
            maps = activations.varied(np.array(rows), rng)
            found = behind(torch.from_numpy(maps))
            wanted = torch.stack([alone[row] for row in rows])
            assert torch.allclose(found, wanted, atol=5e-3), "float16 keeps three digits"


def test_texts_know_their_size_and_other_examples_are_alike(inputs, tiny) -> None:
    rows = np.array([4, 0])
    assert list(inputs.sizes(rows)) == [tiny.card.look(TEXTS[i]).size for i in (4, 0)]
    assert PlainExamples(lambda row: None, object()).sizes(rows) is None


def test_words_keep_their_vectors_unless_asked(tiny: Backbone) -> None:
    from headstart.transfer.network import _trainable

    embed = dict(tiny.blocks())["embed"]
    tables = {id(p) for m in embed.modules() if isinstance(m, torch.nn.Embedding)
              for p in m.parameters()}  # fmt: skip
    frozen = {id(p) for p in _trainable(embed, Recipe())}
    trained = {id(p) for p in _trainable(embed, Recipe(embeddings="train"))}
    assert not tables & frozen and frozen, "its norm is trained"
    assert tables <= trained


def test_what_is_usual_for_texts_gives_way_to_what_is_asked() -> None:
    usual = modality("text").recipe
    recipe = suited(configure("x", {"method": "full"}), usual).recipe
    assert (recipe.rate, recipe.epochs, recipe.augment) == (1e-4, 3, "none")
    asked = suited(configure("x", {"method": "full", "epochs": 12, "lr": 2e-5}), usual).recipe
    assert (recipe.unfreeze, asked.rate, asked.epochs) == ("all", 2e-5, 12)
    own = suited(configure("x", {"method": "contrastive"}), usual).recipe
    assert (own.epochs, own.rate, own.loss) == (10, 1e-4, "pairs")


# --- journeys -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def reviews(tmp_path_factory) -> Path:
    """Write reviews of unlike length, good ones and bad ones."""
    rng = np.random.default_rng(0)
    path = tmp_path_factory.mktemp("reviews") / "reviews.csv"
    with path.open("w", encoding="utf-8", newline="") as opened:
        writer = csv.writer(opened)
        writer.writerow(["text", "label"])
        for i in range(48):
            words = rng.choice(["food", "room", "very", "slow", "fast"], rng.integers(2, 30))
            word = ("good", "bad")[i % 2]
            writer.writerow([" ".join([*words, word, word, str(i)]), word])
    return path


@pytest.mark.parametrize(
    "options",
    [
        {"method": "finetune", "unfreeze": 1, "epochs": 2},
        {"method": "full", "tune": "lora", "epochs": 1},
        {"method": "contrastive", "epochs": 2},
    ],
    ids=lambda o: o["method"],
)
def test_texts_are_trained_on_and_predicted(options, reviews, tiny_bert, tmp_path) -> None:
    run = hs.train(reviews, backbone=tiny_bert, out=tmp_path / "run", **options)
    told = json.loads((run.folder / "metrics.json").read_text("utf-8"))
    assert told["method"] == options["method"]
    assert told["training"]["augment"] == "none"
    texts = ("food room very good good", "bad bad slow food " * 9)
    X = run.embed(Examples(texts, Cells(texts), modality("text"))).vectors[0]
    alone = [run.embed(Examples((t,), Cells((t,)), modality("text"))).vectors[0][0] for t in texts]
    assert np.abs(X - np.stack(alone)).max() < 1e-5
    assert run.saved.model.predict_proba(X).sum(axis=1) == pytest.approx([1, 1])


def test_texts_have_no_views_and_no_small_network(reviews, tiny_bert, tmp_path) -> None:
    given = {"backbone": tiny_bert, "out": tmp_path / "run"}
    with pytest.raises(ConfigError, match="texts have no views"):
        hs.train(reviews, method="finetune", augment="flips", **given)
    with pytest.raises(ConfigError, match="--mixup: texts cannot be mixed"):
        hs.train(reviews, method="finetune", mixup=0.2, **given)
    with pytest.raises(ConfigError, match="no small network for text"):
        hs.train(reviews, method="small-cnn", **given)


def test_auto_offers_pairs_of_texts_where_labels_are_few(reviews, tiny_bert, tmp_path) -> None:
    run = hs.train(reviews, backbone=tiny_bert, budget=60.0, epochs=1, out=tmp_path / "run")
    told = json.loads((run.folder / "metrics.json").read_text("utf-8"))
    names = {line["name"] for line in told["candidates"]}
    assert names >= {"probe", "finetune last-blocks", "full", "contrastive"} or names == {"probe"}


def test_methods_are_compared_on_one_fold_where_a_fifth_is_many(
    tiny_bert, tmp_path, monkeypatch
) -> None:
    rng, table = np.random.default_rng(0), tmp_path / "notes.csv"
    with table.open("w", encoding="utf-8", newline="") as opened:
        writer = csv.writer(opened)
        writer.writerow(["text", "label", "split"])
        for i in range(60):  # the probe must not be perfect: nothing else would be tried
            words = rng.choice(["food", "room", "very", "slow", "fast"], 6)
            label = ("good", "bad")[int(rng.integers(2))]
            writer.writerow([" ".join([*words, str(i)]), label, "train" if i < 40 else "test"])
    compared = []

    def explore(workshop, candidates, folds, *rest):
        compared.append([(len(train), len(held)) for train, held in folds])
        return [], []

    monkeypatch.setattr(networks, "explore", explore)
    for enough in (7, 9):
        monkeypatch.setattr(networks, "ENOUGH_HELD", enough)
        hs.train(table, backbone=tiny_bert, budget="10m", out=tmp_path / f"run{enough}")
    ((train, held),) = compared[0]
    assert train == pytest.approx(4 * held, abs=4)
    assert len(compared[1]) == networks.CHOOSING_FOLDS
    assert sum(held for _, held in compared[1]) == train + held


def test_auto_goes_on_to_what_is_trained_from_scratch(reviews, tiny_bert, tmp_path) -> None:
    """There is no small network for texts; the same one from scratch is a rival."""
    head, *lines = reviews.read_text("utf-8").splitlines()
    wrong = [line.replace(",good", ",bad") if i % 5 == 2 else line for i, line in enumerate(lines)]
    parts = [f"{line},{'test' if i % 3 == 0 else 'train'}" for i, line in enumerate(wrong)]
    table = tmp_path / "noisy.csv"
    table.write_text("\n".join([f"{head},split", *parts]), "utf-8")
    run = hs.train(table, backbone=tiny_bert, budget=90.0, epochs=1, out=tmp_path / "run")
    told = json.loads((run.folder / "metrics.json").read_text("utf-8"))
    names = {line["name"] for line in told["baselines"]}
    assert "same network, trained from scratch" in names
    assert "small network, trained from scratch" not in names


def test_layers_of_a_text_network_are_compared(reviews, tiny_bert, tmp_path) -> None:
    told = hs.layers(reviews, backbone=tiny_bert, out=tmp_path / "layers")
    assert told["layers"][0]["name"] == "embed"
