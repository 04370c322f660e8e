"""The layer is chosen: inside every fold, once more for the model, and the model ends there."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

import headstart as hs
from headstart.backbones import EMBEDDING, Ref, resolve
from headstart.backbones.layer import LayerRef, end_at
from headstart.backbones.network import count_parameters, drawn
from headstart.backbones.stages import Stages
from headstart.backbones.wheels import Wheel
from headstart.choose.layer import COMPARED, best, chosen_in_folds, pick_in_folds, try_all
from headstart.errors import BackboneError, ConfigError
from headstart.events import Event, ignore
from headstart.folder.model import load_model
from headstart.judge.crossval import judge_folds
from headstart.judge.estimate import assess, plan
from headstart.modalities import modality
from headstart.prepare.config import Config
from headstart.prepare.layer import say_that_a_budget_takes_the_last, within_reach
from headstart.tasks.classification import Classification
from headstart.tasks.labels import Labels, Stream
from headstart.tasks.multilabel import MultiLabel
from tiny_bert import LETTERS, save_tiny

NETWORKS = [
    Ref("timm", "test_resnet", seed=0).at(size=64),
    Ref("timm", "test_vit", seed=0),
    Ref("embedded", "efficientnet-lite0", seed=0).at(size=64),
]
"""One that is cut, one whose Python cannot be followed, one that comes with a package."""


def deadened(folder: Path, *layers: str) -> str:
    """Save a tiny text network in which some layers give the same whatever the text."""
    save_tiny(folder)
    weights = load_file(folder / "model.safetensors")
    for name in weights:
        if name.endswith("LayerNorm.weight") and any(layer in name for layer in layers):
            weights[name] = torch.zeros_like(weights[name])
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    return f"hf:{folder}"


@pytest.fixture(scope="module")
def early(tmp_path_factory) -> str:
    """Name a network whose last layer has lost what the first ones know."""
    return deadened(tmp_path_factory.mktemp("early") / "early", "layer.1.output")


@pytest.fixture(scope="module")
def nothing(tmp_path_factory) -> str:
    """Name a network that makes the same of every text."""
    return deadened(tmp_path_factory.mktemp("nothing") / "nothing", "embeddings", "output")


@pytest.fixture(scope="module")
def reviews(tmp_path_factory) -> Path:
    """60 texts, which praise or not, in a table with who wrote them."""
    rng = np.random.default_rng(0)
    path = tmp_path_factory.mktemp("reviews") / "reviews.csv"
    lines = ["text,label,writer"]
    for i in range(60):
        word, label = ("good", "yes") if i % 2 else ("bad", "no")
        noise = " ".join("".join(rng.choice(LETTERS, 3)) for _ in range(2))
        lines.append(f"{word} {word} {word} {noise},{label},w{i // 6}")
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return path


@pytest.fixture(scope="module")
def chosen(early: str, reviews: Path, tmp_path_factory) -> hs.Run:
    """A finished run whose layer was chosen; do not write into it."""
    out = tmp_path_factory.mktemp("runs") / "chosen"
    return hs.train(reviews, backbone=early, layer="auto", groups="writer", out=out)


def spaces(n: int = 120, seed: int = 0):
    """Draw what three layers make of rows of two classes: the middle one knows them."""
    rng = np.random.default_rng(seed)
    y = np.arange(n) % 2
    drawn = {name: rng.normal(size=(n, 6)).astype("f4") for name in ("a", "b", "c")}
    drawn["b"][:, 0] += 2.5 * (2 * y - 1)
    return drawn, Labels(y, Classification.numbered(2), None, False, seed)


# ---- a network that ends at a block --------------------------------------------------------------


@pytest.mark.parametrize("ref", NETWORKS, ids=str)
def test_a_network_that_ends_at_a_block_gives_what_the_whole_one_gives_there(ref):
    stages = Stages(ref.load())
    fed = drawn(stages.backbone, 3)
    with torch.inference_mode():
        whole = stages(fed)
    names = [name for name in stages.names[:-1] if name not in stages.overwritten]
    before = 0
    for name in (names[0], names[len(names) // 2], names[-1]):
        short = LayerRef(ref, name).load()
        with torch.inference_mode():
            own = short(fed)
        torch.testing.assert_close(own, whole[:, stages.columns()[name]], rtol=1e-6, atol=1e-6)
        assert short.card.dim == own.shape[1]
        assert before <= short.card.parameters <= stages.card.parameters
        assert short.card.parameters == count_parameters(short.net)
        before = short.card.parameters
    assert LayerRef(ref, names[0]).load().card.parameters < stages.card.parameters
    assert short.card.weights_hash not in (stages.card.weights_hash, LayerRef(ref, names[0]))


def test_what_comes_behind_is_never_run():
    for ref in NETWORKS[:2]:
        whole = ref.load()
        name = [name for name, _ in whole.blocks()][-4]
        short = ref.load()
        behind = dict(short.blocks())[[n for n, _ in short.blocks()][-1]]
        behind.register_forward_pre_hook(lambda *_: pytest.fail("ran"))
        end_at(short, name)
        short(drawn(short, 1))


def test_a_block_that_there_is_not_is_refused():
    with pytest.raises(BackboneError, match=r"no layer 'blocks.99'"):
        LayerRef(NETWORKS[0], "blocks.99").load()


def test_outputs_that_are_changed_in_place_are_known():
    assert "bn1" in Stages(NETWORKS[0].load()).overwritten
    assert not Stages(NETWORKS[1].load()).overwritten


# ---- the choice, on arrays -----------------------------------------------------------------------


def test_the_layer_that_knows_is_chosen_in_every_fold_and_for_the_model():
    found, labels = spaces()
    folds = labels.folds(np.arange(120), 5, Stream.ESTIMATE, 0)
    assert pick_in_folds(found, labels, folds) == ["b"] * 5
    own = chosen_in_folds(found, labels, folds)
    alone = judge_folds({"b": found["b"]}, labels, folds, workers=1)["b"]
    assert all(np.array_equal(p, q) for p, q in zip(own.proba, alone.proba, strict=True))
    tried = try_all(found, labels)
    assert [t.name for t in tried] == list(found)
    assert best(tried).name == "b"
    assert best(tried).accuracy > 0.9


def test_of_equals_the_first_is_taken():
    found, labels = spaces()
    same = {"deep": found["a"], "first": found["b"], "second": found["b"]}
    assert best(try_all(same, labels)).name == "first"


def test_choosing_among_many_finds_nothing_in_labels_that_mean_nothing():
    rng = np.random.default_rng(1)
    right = []
    for seed in range(3):
        found = {str(k): rng.normal(size=(60, 8)).astype("f4") for k in range(6)}
        labels = Labels(
            rng.permutation(np.arange(60) % 2), Classification.numbered(2), None, False, seed
        )
        chosen = plan(labels, np.zeros(60, bool), costly=True)
        floor = judge_folds({}, labels, chosen.folds, workers=1)
        own = chosen_in_folds(found, labels, chosen.folds)
        right.append(assess(own, floor, labels, chosen).estimate["accuracy"])
    assert abs(np.mean(right) - 0.5) < 0.12


def test_groups_stay_together_inside():
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(20), 6)
    y = np.repeat(np.arange(20) % 2, 6)
    who = rng.normal(size=(20, 10)).astype("f4")[groups]  # tells every group, no class
    what = rng.normal(size=(120, 10)).astype("f4")
    what[:, 0] += 1.2 * (2 * y - 1)
    found = {"who": who + 0.01 * rng.normal(size=who.shape).astype("f4"), "what": what}
    task = Classification.numbered(2)
    together = Labels(y, task, groups, False, 0, grouped=True)
    assert best(try_all(found, together)).name == "what"
    assert best(try_all(found, Labels(y, task, None, False, 0))).name == "who"


def test_what_a_fold_holds_out_has_no_say_in_its_pick():
    found, labels = spaces()
    folds = labels.folds(np.arange(120), 5, Stream.ESTIMATE, 0)
    held = folds[0][1]
    poisoned = {name: X.copy() for name, X in found.items()}
    poisoned["a"][held, 0] = 9.0 * labels.y[held]  # knows the rows held out, and those alone
    assert pick_in_folds(poisoned, labels, folds)[0] == "b"
    y = labels.y.copy()
    y[held] = 1 - y[held]
    assert pick_in_folds(found, replace(labels, y=y), folds)[0] == "b"


def test_of_many_rows_few_are_asked_and_every_class_is_among_them():
    found, labels = spaces(2000)
    ticks: list[tuple[int, int]] = []
    tried = try_all(found, labels, tick=lambda *done: ticks.append(done))
    assert ticks == [(1, 3), (2, 3), (3, 3)]
    assert best(tried).name == "b"
    right = [t.accuracy * COMPARED for t in tried]  # numbers of rows, so as many were asked
    assert right == pytest.approx([round(n) for n in right])
    found = {name: X[:1900] for name, X in found.items()}
    many = Labels(np.arange(1900) % 100, Classification.numbered(100), None, False, 0)
    right = [t.accuracy * 1900 for t in try_all(found, many)]
    assert right == pytest.approx([round(n) for n in right])


def test_several_labels_choose_too():
    found, labels = spaces(200)
    y = np.stack([labels.y == 1, np.arange(200) % 3 == 0], axis=1)
    found["c"][:, :2] += 3.0 * y
    task = MultiLabel(("odd", "third"))
    several = Labels(y, task, None, False, 0)
    assert best(try_all(found, several)).name == "c"
    folds = several.folds(np.arange(200), 3, Stream.ESTIMATE, 0)
    assert pick_in_folds(found, several, folds) == ["c"] * 3


# ---- runs ----------------------------------------------------------------------------------------


def test_an_early_layer_is_chosen_where_the_last_knows_nothing(chosen, early):
    m = chosen.metrics
    layer = m["layer"]
    assert layer["layer"] in ("embed", "blocks.0", "all")
    assert layer["encoder"] == m["backbone"]
    assert m["estimate"]["accuracy"] > 0.9
    assert layer["last"]["accuracy"] < 0.7
    assert layer["last"]["gain"] > 0.2
    names = [row["layer"] for row in layer["tried"]]
    assert names == ["embed", "blocks.0", EMBEDDING, "all"]
    assert [row["layer"] for row in layer["tried"] if row["chosen"]] == [layer["layer"]]
    assert sum(row["picked"] for row in layer["tried"]) == layer["folds"] == 5
    assert layer["layer"] in layer["sentence"]
    assert "clearly better" in layer["sentence"]
    assert "grouped" in m["estimate"]["protocol"]
    assert "Which layer?" in (chosen.folder / "report.html").read_text("utf-8")


def test_a_test_set_judges_the_layer_that_was_chosen_once(early, reviews, tmp_path):
    head, *lines = reviews.read_text("utf-8").splitlines()
    rows = [f"{line},{'train' if i < 45 else 'test'}" for i, line in enumerate(lines)]
    table = tmp_path / "split.csv"
    table.write_text("\n".join([f"{head},split", *rows]), "utf-8")
    told: list[Event] = []
    run = hs.train(table, backbone=early, layer="auto", out=tmp_path / "run", on_event=told.append)
    layer = run.metrics["layer"]
    assert layer["folds"] == 1
    assert [row["chosen"] for row in layer["tried"]] == [
        row["picked"] == 1 for row in layer["tried"]
    ]
    assert layer["last"]["gain"] > 0.2
    stages = {
        "comparing layers": 4,  # places
        "comparing layers inside the folds": 4 * 5,
        "judging the choice of layers": 2,  # the chosen, the last
    }
    for stage, total in stages.items():
        moved = [(e.done, e.total) for e in told if e.stage == stage and e.level == "progress"]
        assert moved[-1] == (total, total)


def test_the_second_run_needs_no_forward_pass(chosen, early, reviews, tmp_path):
    again = hs.train(reviews, backbone=early, layer="auto", groups="writer", out=tmp_path / "again")
    assert again.metrics["timing"]["forward_examples"] == 0
    assert again.metrics["layer"] == chosen.metrics["layer"]
    assert again.metrics["estimate"] == chosen.metrics["estimate"]


def test_the_model_holds_and_runs_no_more_than_it_needs(chosen, early, tmp_path, reviews):
    run = hs.train(reviews, backbone=early, layer="embed", method="probe", out=tmp_path / "embed")
    held = load_file(run.folder / "model" / "backbone.safetensors")
    whole = resolve(early).load()
    assert {name.split(".")[0] for name in held} == {"embed"}
    assert run.saved.card.parameters < whole.card.parameters
    assert run.saved.card.dim == 16
    described = json.loads((run.folder / "model" / "model.json").read_text("utf-8"))
    assert described["layer"] == "embed"
    assert described["layers"]["weights_hash"] == whole.card.weights_hash
    texts = ["good good abc", "bad bad xyz, slow", "not good"]
    fed = whole.card.look.batch([whole.card.look(text) for text in texts])
    stages = Stages(whole)
    with torch.inference_mode():
        seen = stages(torch.from_numpy(fed)).numpy()[:, stages.columns()["embed"]]
    wanted = run.saved.model.predict_proba(seen)
    moved = tmp_path / "elsewhere"
    run.folder.rename(moved)
    found = hs.Run(moved).predict(texts)
    rows = [[p.probabilities[name] for name in run.classes] for p in found]
    assert np.allclose(rows, wanted, atol=1e-6)
    assert [p.unfamiliar for p in found] == run.saved.model.is_unfamiliar(seen).tolist()


def test_all_layers_beside_each_other(early, reviews, tmp_path):
    run = hs.train(reviews, backbone=early, layer="all", out=tmp_path / "all")
    assert run.metrics["layer"]["layer"] == "all"
    assert run.saved.card.dim == 48
    assert load_model(run.folder / "model").card == run.saved.card
    assert hs.Run(run.folder).predict("good good abc")[0].predicted == "yes"


def test_the_last_layer_is_the_default_and_can_be_said(early, reviews, tmp_path):
    plain = hs.train(reviews, backbone=early, method="probe", out=tmp_path / "plain").metrics
    said = hs.train(
        reviews, backbone=early, method="probe", layer="last", out=tmp_path / "said"
    ).metrics
    assert plain["layer"] is said["layer"] is None
    assert plain["estimate"] == said["estimate"]


def test_the_layers_of_several_encoders_compete(early, nothing, reviews, tmp_path):
    run = hs.train(
        reviews, backbone=f"{nothing},{early}", layer="auto", groups="writer", out=tmp_path / "two"
    )
    layer = run.metrics["layer"]
    assert layer["encoder"] == run.metrics["backbone"] == "hf:early"
    assert layer["last"]["encoder"] == "hf:nothing"
    encoders = [row["encoder"] for row in layer["tried"]]
    assert set(encoders[:-1]) == {"hf:early", "hf:nothing"}
    assert encoders[-1] == "hf:nothing+hf:early"
    assert run.metrics["ranking"] is None
    assert run.metrics["estimate"]["accuracy"] > 0.9
    assert run.predict("bad bad abc")[0].predicted == "no"


@pytest.fixture
def no_index(tmp_path, monkeypatch):
    """Nothing is installed, kept or to be fetched."""
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("HEADSTART_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(Wheel, "_installed", lambda wheel: None)


def test_an_encoder_that_cannot_be_had_takes_no_part(no_index):
    said: list[Event] = []
    found = within_reach(["efficientnet-lite0", "speaker"], said.append)
    assert found == ["efficientnet-lite0"]
    (warning,) = [event for event in said if event.message]
    assert warning.level == "warning"
    assert "The layers of efficientnet-lite0 are compared without those of speaker." in (
        warning.message
    )
    assert "pip install --no-deps resemblyzer==0.1.4" in warning.message
    assert "efficientnet-lite1" not in warning.message, "which is for something else"


def test_where_no_encoder_can_be_had_that_is_an_error(no_index):
    with pytest.raises(BackboneError, match=r"whisper-tiny.*could not be downloaded"):
        within_reach(["whisper-tiny", "speaker"], ignore)


def test_images_choose_too_and_are_explained_by_their_layer(photos, tmp_path):
    run = hs.train(photos, layer="auto", out=tmp_path / "photos", size=64)
    layer = run.metrics["layer"]
    assert len(layer["tried"]) > 8
    assert run.metrics["verdict"] is not None
    assert run.metrics["unfamiliar"] is not None
    answers = run.predict(photos)
    assert np.mean([p.predicted in p.path for p in answers]) > 0.9


def test_what_is_no_layer_is_refused_with_those_there_are(early, nothing, reviews, tmp_path):
    with pytest.raises(ConfigError) as refused:
        hs.train(reviews, backbone=early, layer="blocks.7", out=tmp_path / "no")
    assert "embed, blocks.0, embedding" in str(refused.value)
    assert "auto, last, all" in refused.value.hint
    with pytest.raises(ConfigError, match="stands for several"):
        hs.train(reviews, backbone=f"{early},{nothing}", layer="blocks.0", out=tmp_path / "no")
    with pytest.raises(ConfigError, match="does not stand on one layer"):
        hs.train(reviews, backbone=early, layer="auto", method="full", out=tmp_path / "no")
    with pytest.raises(ConfigError, match="with --budget"):
        hs.train(reviews, backbone=early, layer="auto", budget=60, out=tmp_path / "no")
    assert not (tmp_path / "no").exists()


def test_rows_of_numbers_have_no_layers(tmp_path):
    rng = np.random.default_rng(0)
    rows = enumerate(rng.normal(size=(30, 2)))
    lines = ["a,b,label", *(f"{x:.3f},{y:.3f},{'ab'[i % 2]}" for i, (x, y) in rows)]
    (tmp_path / "rows.csv").write_text("\n".join(lines), "utf-8")
    with pytest.raises(BackboneError, match="no blocks"):
        hs.train(tmp_path / "rows.csv", x="a,b", layer="auto", out=tmp_path / "no")


def test_rank_lists_layers_where_it_is_asked_to(early, nothing, reviews, tmp_path):
    found = hs.rank(reviews, backbones=f"{early},{nothing}", layer="auto", out=tmp_path / "rank")
    rows = {row["name"]: row for row in found["backbones"]}
    places = ("embed", "blocks.0", "embedding", "all")
    assert {f"hf:early {layer}" for layer in places} <= set(rows)
    assert any(name.startswith("hf:nothing ") for name in rows)
    assert found["recommended"].startswith("hf:early ")
    assert rows["hf:early embed"]["params"] < rows["hf:early embedding"]["params"]
    seconds = [rows[f"hf:early {layer}"]["seconds_per_1000"] for layer in places]
    assert seconds == sorted(seconds)
    with pytest.raises(ConfigError, match="rank compares the last layers, or all"):
        hs.rank(reviews, backbones=early, layer="blocks.0", out=tmp_path / "no")


def test_a_budget_says_that_no_layer_is_chosen():
    told: list[Event] = []
    for kind, budget in (("audio", 60.0), ("audio", None), ("image", 60.0)):
        asked = Config("data", budget=budget)
        say_that_a_budget_takes_the_last(asked, modality(kind), told.append)
    assert len(told) == 1 and "--budget" in told[0].message


def test_the_curve_stands_on_the_layer_that_each_part_chooses(early, reviews, tmp_path):
    asked = {"backbone": early, "groups": "writer"}
    last = hs.curve(reviews, **asked, out=tmp_path / "last")
    found = hs.curve(reviews, **asked, layer="auto", out=tmp_path / "auto")
    assert "the layer is chosen anew by those of each part" in found["protocol"]
    assert "layer" not in last["protocol"]
    few, many = found["points"][0], found["points"][-1]
    assert many["transfer"] > 0.95 and last["points"][-1]["transfer"] < 0.8
    assert few["per_class"] == 1  # too few to choose by: the last layer
    assert few["transfer"] == last["points"][0]["transfer"]


def test_adapt_stands_on_the_layer_that_serves_the_source(early, reviews, tmp_path):
    told: list[Event] = []
    asked = {"backbone": early, "x": "text", "methods": "CORAL"}
    run = hs.adapt(
        reviews, reviews, **asked, layer="auto", out=tmp_path / "a", on_event=told.append
    )
    layer = run.metrics["layer"]
    assert layer["layer"] == "embed"
    assert layer["folds"] == 0 and layer["last"] is None and len(layer["tried"]) > 2
    assert "flatters a little" in layer["sentence"]
    assert run.metrics["estimate"]["accuracy"] > 0.95
    assert any("places to take the vectors from" in event.message for event in told)
    assert "flatters a little" in (run.folder / "report.html").read_text("utf-8")
    assert {row["predicted"] for row in run.rows(run.predict(["good good good abc"]))} == {"yes"}
    with pytest.raises(ConfigError, match="stand on their last layer"):
        hs.adapt(reviews, reviews, **asked, layer="auto", networks=True, out=tmp_path / "b")
