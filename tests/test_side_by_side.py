"""Two backbones side by side are one: in the choice of layers, by name, saved, and read again."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from safetensors.torch import load_file, save_file

import headstart as hs
import tiny_sounds
from headstart.backbones import Card, resolve
from headstart.backbones.side_by_side import SideBySideRef
from headstart.choose.layer import BESIDE, Places, best, pick_in_folds, pick_inside, try_all
from headstart.data.items import Examples, Files
from headstart.errors import BackboneError, ConfigError, UnknownNameError
from headstart.features.engines import Kitchen, SideBySideEngine
from headstart.folder.model import _familiar, _tensors, load_model
from headstart.judge.explain import explain, few_parts
from headstart.judge.maps import embedder
from headstart.modalities import modality
from headstart.modalities.side_by_side import SideBySide
from headstart.tasks.classification import Classification
from headstart.tasks.labels import Labels, Stream
from headstart.transfer import Familiarity
from tiny_bert import LETTERS, PIECES, save_tiny

TASTE, SPEED = ("good", "bad"), ("slow", "fast")


def knowing(folder: Path, words: tuple[str, ...]) -> str:
    """Save a tiny text network to which all words but a few are the same."""
    save_tiny(folder)
    weights = load_file(folder / "model.safetensors")
    (name,) = (n for n in weights if n.endswith("word_embeddings.weight"))
    known = torch.tensor([piece in words for piece in PIECES])
    weights[name] = torch.where(known[:, None], weights[name], torch.zeros(()))
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    return f"hf:{folder}"


@pytest.fixture(scope="module")
def taste(tmp_path_factory) -> str:
    """Name a network that tells good from bad, and nothing else."""
    return knowing(tmp_path_factory.mktemp("taste") / "taste", TASTE)


@pytest.fixture(scope="module")
def speed(tmp_path_factory) -> str:
    """Name a network that tells slow from fast, and nothing else."""
    return knowing(tmp_path_factory.mktemp("speed") / "speed", SPEED)


@pytest.fixture(scope="module")
def reviews(tmp_path_factory) -> Path:
    """80 texts that are good or bad, slow or fast."""
    rng = np.random.default_rng(0)
    path = tmp_path_factory.mktemp("reviews") / "reviews.csv"
    lines = ["text,label"]
    for i in range(80):
        a, b = TASTE[i % 2], SPEED[i // 2 % 2]
        noise = " ".join("".join(rng.choice(LETTERS, 3)) for _ in range(2))
        lines.append(f"{a} {b} {noise},{a} {b}")
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return path


@pytest.fixture(scope="module")
def chosen(taste: str, speed: str, reviews: Path, tmp_path_factory) -> hs.Run:
    """A finished run that chose two side by side; do not write into it."""
    out = tmp_path_factory.mktemp("runs") / "chosen"
    return hs.train(reviews, backbone=f"{taste},{speed}", layer="auto", abstain=0.05, out=out)


@pytest.fixture(scope="module")
def sounds(tmp_path_factory) -> tuple[str, str]:
    """Two tiny networks for sound, which hear it in different ways."""
    home = tmp_path_factory.mktemp("sounds")
    whisper, waves = (
        f"hf:{tiny_sounds.save_tiny(home / kind, kind)}" for kind in ("whisper", "wav2vec2")
    )
    return whisper, waves


def halves(n: int = 160):
    """Draw what two encoders make of four classes, of which each tells two halves apart."""
    rng = np.random.default_rng(0)
    y = np.arange(n) % 4
    spaces = {name: rng.normal(size=(n, 6)).astype("f4") for name in ("a 1", "a 2", "b 1")}
    spaces["a 2"][:, 0] += 4.0 * (y % 2)
    spaces["b 1"][:, 0] += 4.0 * (y // 2)
    encoders = {name: name.split()[0] for name in spaces}
    return Places(spaces, encoders), Labels(y, Classification.numbered(4), None, False, 0)


# ---- the choice, on arrays -----------------------------------------------------------------------


def test_two_that_know_different_things_are_chosen_side_by_side():
    places, labels = halves()
    ticks: list[tuple[int, int]] = []
    tried = try_all(places, labels, tick=lambda *done: ticks.append(done))
    assert [t.name for t in tried] == [*places, f"a 2{BESIDE}b 1"]
    assert best(tried) is tried[-1]
    assert ticks == [(k, 4) for k in (1, 2, 3, 4)]
    folds = labels.folds(np.arange(160), 4, Stream.ESTIMATE, 0)
    assert pick_in_folds(places, labels, folds) == [tried[-1].name] * 4
    assert pick_inside(places, labels, np.arange(120), Stream.CURVE_HEAD, 0, 0) == tried[-1].name
    both = places[tried[-1].name]
    assert np.array_equal(both, np.hstack([places["a 2"], places["b 1"]]))


def test_one_that_adds_nothing_does_not_stand_beside_the_other():
    places, labels = halves()
    spaces = {**places, "b 1": np.zeros_like(places["b 1"])}
    labels = Labels(labels.y % 2, Classification.numbered(2), None, False, 0)
    tried = try_all(Places(spaces, places.encoders), labels)
    assert BESIDE in tried[-1].name
    assert best(tried).name == "a 2"


def test_places_of_one_encoder_join_no_other():
    places, labels = halves()
    for encoders in ({"a 1": "a", "a 2": "a"}, {}):
        tried = try_all(Places(places.spaces, encoders), labels)
        assert [t.name for t in tried] == list(places)


def test_of_three_encoders_the_best_two_stand_side_by_side():
    places, labels = halves()
    spaces = {"c 1": places["a 1"], **places}
    encoders = {**places.encoders, "c 1": "c"}
    assert try_all(Places(spaces, encoders), labels)[-1].name == f"a 2{BESIDE}b 1"


# ---- names ---------------------------------------------------------------------------------------


def test_a_name_with_a_plus_stands_for_both(sounds):
    whisper, waves = sounds
    ref = resolve(f"{whisper}@stem.0+{waves}@all")
    assert isinstance(ref, SideBySideRef)
    assert str(ref) == f"{whisper}@stem.0+{waves}@all"
    assert resolve(str(ref)) == ref
    assert [(str(part), layer) for part, layer in ref.refs] == [(whisper, "stem.0"), (waves, "all")]
    assert str(resolve("speaker+whisper-tiny")) == "embedded:speaker+embedded:whisper-tiny"


def test_signs_in_the_path_of_a_folder_are_no_signs_of_ours(taste, tmp_path):
    folder = shutil.copytree(taste.partition(":")[2], tmp_path / "me@home" / "a+b")
    assert not isinstance(resolve(f"hf:{folder}"), SideBySideRef)
    ref = SideBySideRef.of([(resolve(f"hf:{folder}"), "all"), (resolve(taste), "embedding")])
    assert [str(part) for part, _layer in ref.refs] == [f"hf:{folder}", taste]
    assert ref.load().card.dim == 48 + 16


def test_what_cannot_stand_side_by_side_is_refused(taste, speed, sounds, reviews, tmp_path):
    out = tmp_path / "no"
    with pytest.raises(UnknownNameError, match="No backbone 'speeker'"):
        resolve("whisper-tiny+speeker")
    with pytest.raises(ConfigError, match="the same backbone and layer twice"):
        resolve(f"{taste}+{taste}")
    with pytest.raises(ConfigError, match=r"different kinds.*hf:taste \(text\) and hf:whisper"):
        hs.train(reviews, backbone=f"{taste}+{sounds[0]}", out=out)
    with pytest.raises(ConfigError, match=r"no layer 'blocks.7'\. It has: embed, blocks.0") as no:
        hs.train(reviews, backbone=f"{taste}@blocks.7+{speed}", out=out)
    assert "or all, behind the @" in no.value.hint
    with pytest.raises(ConfigError, match="each with a layer of its own"):
        hs.train(reviews, backbone=f"{taste}+{speed}", layer="blocks.0", out=out)
    for method in ("finetune", "layers"):
        with pytest.raises(BackboneError, match=r"one network, and hf:taste\+hf:speed is several"):
            hs.train(reviews, backbone=f"{taste}+{speed}", method=method, out=out)
    assert not out.exists()


# ---- as a network --------------------------------------------------------------------------------


@pytest.mark.parametrize("layers", [("", ""), ("@stem.0", "@all")])
def test_the_embedding_is_both_one_after_the_other(sounds, layers):
    name = "+".join(f"{network}{layer}" for network, layer in zip(sounds, layers, strict=True))
    ref = resolve(name)
    backbone = ref.load()
    card = backbone.card
    assert Card.from_json(json.loads(json.dumps(card.to_json()))) == card
    clips = [tiny_sounds.clip(seconds, seed) for seed, seconds in enumerate((0.4, 1.1, 0.7))]
    look = card.look
    assert isinstance(look, SideBySide)
    fed = look.batch([look(clip) for clip in clips])
    with torch.inference_mode():
        found = backbone(torch.from_numpy(fed)).numpy()
        parts = [source.load() for source, _layer in ref.parts()]
        own = [
            part(torch.from_numpy(part.card.look.batch([part.card.look(c) for c in clips])))
            for part in parts
        ]
    assert np.allclose(found, torch.cat(own, 1).numpy(), atol=1e-6)
    assert card.dim == found.shape[1] == sum(part.card.dim for part in parts)
    assert card.parameters == sum(part.card.parameters for part in parts)


def test_an_engine_runs_each_in_its_own(sounds, tmp_path):
    ref = resolve("+".join(sounds))
    engine = Kitchen(tmp_path, 1).engine(ref, name="torch-float32")
    assert isinstance(engine, SideBySideEngine)
    assert engine.name == "torch-float32+torch-float32"
    fed = engine.card.look.drawn(2)
    with torch.inference_mode():
        wanted = ref.load()(torch.from_numpy(fed)).numpy()
    assert np.allclose(engine.replica()(fed), wanted, atol=1e-6)
    assert engine.card == ref.load().card


# ---- runs ----------------------------------------------------------------------------------------


def test_a_run_chooses_two_that_know_different_things(chosen):
    m = chosen.metrics
    layer = m["layer"]
    assert layer["encoder"] == "hf:taste+hf:speed"
    assert m["backbone"].startswith("hf:taste") and "+hf:speed" in m["backbone"]
    assert m["estimate"]["accuracy"] > 0.95
    assert layer["last"]["accuracy"] < 0.7 and layer["last"]["gain"] > 0.3
    *alone, both = layer["tried"]
    assert len(alone) == 8 and both["chosen"] and both["picked"] == layer["folds"] == 5
    assert both["log_loss"] < 0.5 * min(row["log_loss"] for row in alone)
    assert "two networks side by side serve these labels best" in layer["sentence"]
    assert m["unfamiliar"] is not None and m["abstention"] is not None
    page = (chosen.folder / "report.html").read_text("utf-8")
    assert "Which layer?" in page and "hf:taste+hf:speed" in page


def test_the_model_holds_both_and_answers_alike_elsewhere(chosen, taste, speed, tmp_path):
    moved = Path(shutil.copytree(chosen.folder, tmp_path / "elsewhere"))
    held = json.loads((moved / "model" / "model.json").read_text("utf-8"))
    assert [part["layer"] for part in held["weights"]["parts"]]
    assert {f"part-{k}/backbone.safetensors" for k in (0, 1)} <= set(held["files"])
    texts = ["good slow abc", "bad fast xyz", "good fast, fast", "bad slow room"]
    found = hs.Run(moved).predict(texts)
    rows = [[p.probabilities[name] for name in chosen.classes] for p in found]
    network = SideBySideRef.of(
        [(resolve(name), part["layer"]) for name, part in zip(
            (taste, speed), held["weights"]["parts"], strict=True)]
    ).load()  # fmt: skip
    look = network.card.look
    with torch.inference_mode():
        seen = network(torch.from_numpy(look.batch([look(text) for text in texts]))).numpy()
    model = load_model(moved / "model").model
    assert np.allclose(rows, model.predict_proba(seen), atol=1e-6)
    assert [p.unfamiliar for p in found] == model.is_unfamiliar(seen).tolist()
    parts = held["weights"]["parts"]
    assert model.familiar.dim == held["backbone"]["dim"]
    assert len(model.familiar.widths) == len(parts) == 2


def test_what_one_distance_for_both_was_saved_as_is_read_as_before(chosen):
    """Models of two networks had one distance for both."""
    model, rng = chosen.saved.model, np.random.default_rng(0)
    X = rng.normal(size=(40, model.familiar.dim)).astype(np.float32)
    for found in (Familiarity.fit(X, np.arange(40) % 2, 2), model.familiar):
        kept = _tensors(replace(model, familiar=found))
        again = _familiar(found.threshold, kept)
        assert type(again) is type(found)
        assert np.array_equal(again.scores(X), found.scores(X))
    assert _familiar(None, kept) is None
    assert _familiar(0.5, {"head.weight": X}) is None


def test_a_part_that_was_tampered_with_is_refused(chosen, tmp_path):
    moved = Path(shutil.copytree(chosen.folder, tmp_path / "elsewhere"))
    with (moved / "model" / "part-1" / "backbone.safetensors").open("ab") as file:
        file.write(b"0")
    with pytest.raises(hs.ArtifactError, match=r"part-1.*checksum differs"):
        hs.Run(moved)


def test_what_the_cache_holds_of_each_serves_both(chosen, taste, speed, reviews, tmp_path):
    for name in (taste, speed):
        hs.train(reviews, backbone=name, method="probe", out=tmp_path / name[-5:])
    run = hs.train(reviews, backbone=f"{taste}+{speed}", method="probe", out=tmp_path / "both")
    assert run.metrics["timing"]["forward_examples"] == 0
    assert run.metrics["backbone"] == run.saved.card.name == "hf:taste+hf:speed"
    assert run.metrics["layer"] is None
    assert run.saved.card.dim == 32
    again = hs.train(
        reviews, backbone=f"{taste},{speed}", layer="auto", abstain=0.05, out=tmp_path / "again"
    )
    assert again.metrics["timing"]["forward_examples"] == 0
    assert again.metrics["layer"] == chosen.metrics["layer"]


def test_recordings_take_two_by_name(sounds, tmp_path):
    rng = np.random.default_rng(0)
    for i in range(24):
        kind, pitch = (("low", 200), ("high", 1500))[i % 2]
        t = np.arange(int(8_000 * rng.uniform(0.2, 0.6))) / 8_000
        wave = 0.3 * np.sin(2 * np.pi * pitch * rng.uniform(0.9, 1.1) * t)
        (tmp_path / "tones" / kind).mkdir(parents=True, exist_ok=True)
        soundfile.write(
            tmp_path / "tones" / kind / f"{i}.wav", wave + 0.02 * rng.standard_normal(len(t)), 8_000
        )
    name = f"{sounds[0]}@all+{sounds[1]}"
    run = hs.train(tmp_path / "tones", backbone=name, out=tmp_path / "run")
    assert run.metrics["layer"] is None
    assert run.metrics["backbone"] == "hf:whisper@all+hf:wav2vec2"
    assert run.metrics["verdict"] is not None
    answers = run.predict(tmp_path / "tones")
    assert np.mean([p.predicted in p.path for p in answers]) > 0.9
    files = tuple(sorted((tmp_path / "tones").rglob("*.wav")))
    examples = Examples(tuple(map(str, files)), Files(files), modality("audio"))
    engine = Kitchen(tmp_path, 1).engine(run.saved.backbone, name=run.saved.engine)
    assert few_parts(examples, [0, 1], engine.card.look)
    (one, _two) = explain(examples, [0, 1], run.saved.model, embedder(engine, 1))
    assert one.weight.max() == 1.0
    assert one.confidence == pytest.approx(answers[0].confidence, abs=1e-6)


def test_images_and_ranks_take_two_by_name(photos, small, tmp_path):
    name = f"{small}+efficientnet-lite0"
    found = hs.rank(photos, backbones=f"{small},{name}", size=64, out=tmp_path / "rank")
    names = [row["name"] for row in found["backbones"]]
    assert any("+embedded:efficientnet-lite0" in name for name in names)
    run = hs.train(photos, backbone=name, size=64, out=tmp_path / "run")
    answers = run.predict(photos)
    assert np.mean([p.predicted in p.path for p in answers]) > 0.9
    with pytest.raises(ConfigError, match="adapt one network"):
        run.predict(photos, adapt="bn")
    own = hs.train(photos, backbone=name, size=32, method="small-cnn", epochs=1, out=tmp_path / "o")
    assert [p.error for p in own.predict(photos)] == [""] * 45
