"""Exported models answer as their runs do, in their own runtimes, or are not handed over."""

from __future__ import annotations

import base64
import functools
import io
import json
import shutil
import subprocess
import sys
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from PIL import Image, ImageCms

import headstart as hs
from given import picture
from headstart.errors import ArtifactError, BackboneError, ConfigError
from headstart.exports.formats import FORMATS
from headstart.exports.graph import graph_of
from headstart.exports.heads import HEADS, Answer, familiar
from headstart.exports.onnx import Session
from headstart.exports.parity import Parity
from headstart.modalities.audio.clip import Clip
from headstart.modalities.audio.graph import Frames, Level
from headstart.modalities.audio.look import Mels, Waves
from headstart.modalities.image.graph import KERNELS, Resize
from headstart.modalities.image.look import Preprocessing
from headstart.transfer import FittedModel
from headstart.transfer.familiar import Familiarity, FamiliarSideBySide
from headstart.transfer.heads import (
    BottleneckHead,
    CentroidHead,
    CosineHead,
    LinearHead,
    NeighbourHead,
)

HALF = (0.5, 0.5, 0.5)
SIDE = 96
"""Pixels of the pictures of ``photos``."""
SHAPES = [(1, 1), (1, 40), (20, 300), (300, 20), (180, 240), (300, 257), (50, 23), (224, 224)]
"""Height and width; some are resized height first by some versions of Pillow."""


@pytest.fixture(scope="module")
def run(photos: Path, small: str, tmp_path_factory: pytest.TempPathFactory) -> hs.Run:
    """A run on a network of random weights, for which one level of grey is a lot.

    So it sees pictures at their own size, and is compared without the rounding of resizing.
    """
    out = tmp_path_factory.mktemp("exported") / "photos"
    return hs.train(photos, out=out, backbone=small, method="probe", size=SIDE)


@pytest.fixture(scope="module")
def exported(run: hs.Run, photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An ONNX folder; do not write into it."""
    return hs.export(run, tmp_path_factory.mktemp("out") / "onnx", examples=photos).folder


def blotches(height: int, width: int) -> np.ndarray:
    """A picture with hard edges, on which a wrong kernel shows."""
    rng = np.random.default_rng(height * 1000 + width)
    coarse = rng.integers(0, 256, (1 + height // 7, 1 + width // 7, 3), dtype=np.uint8)
    return np.asarray(Image.fromarray(coarse).resize((width, height), Image.Resampling.NEAREST))


# ---- what happens to an example ------------------------------------------------------------------


@pytest.mark.parametrize("how", sorted(KERNELS))
def test_the_graph_resizes_as_pillow_does(how: Any) -> None:
    look = Preprocessing(32, 37, HALF, HALF, how)
    resize = Resize(look)
    for height, width in SHAPES:
        pixels = blotches(height, width)
        ours = resize(torch.from_numpy(pixels.copy()))[0].numpy().astype(int)
        levels = np.abs(ours - look(picture(Image.fromarray(pixels))))
        assert levels.max() <= 2, (how, height, width)
        assert (levels > 0).mean() < 0.02


def test_an_interpolation_without_a_kernel_is_refused() -> None:
    with pytest.raises(ConfigError, match="nearest"):
        Resize(Preprocessing(32, 32, HALF, HALF, "nearest"))


@pytest.mark.parametrize("scale", ["whisper", "resemblyzer"])
@pytest.mark.parametrize("samples", [401, 16_000, 20_011])
def test_the_graph_hears_as_the_product_does(scale: Any, samples: int) -> None:
    look = Mels(scale=scale, mels=80 if scale == "whisper" else 40)
    wave = (0.1 * np.random.default_rng(samples).standard_normal(samples)).astype(np.float32)
    theirs = look(Clip(wave, 16_000))
    ours = Frames(look)(torch.from_numpy(wave))[0].numpy()
    assert ours.shape == theirs.shape
    np.testing.assert_allclose(ours, theirs, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("scale", ["whisper", "resemblyzer"])
def test_silence_goes_through_the_graph(scale: Any) -> None:
    look, wave = Mels(scale=scale), np.zeros(8_000, np.float32)
    ours = Frames(look)(torch.from_numpy(wave))[0].numpy()
    np.testing.assert_allclose(ours, look(Clip(wave, 16_000)), atol=1e-6)


@pytest.mark.parametrize("normalised", [True, False])
def test_waves_are_levelled_in_the_graph(normalised: bool) -> None:
    look = Waves(normalised=normalised)
    wave = (0.3 + 0.1 * np.random.default_rng(0).standard_normal(5_000)).astype(np.float32)
    ours = Level(look)(torch.from_numpy(wave))[0].numpy()
    np.testing.assert_allclose(ours, look(Clip(wave, 16_000)), atol=1e-4)


# ---- heads ---------------------------------------------------------------------------------------


def heads() -> list[Any]:
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((60, 12)), np.arange(60) % 3
    scale = np.where(np.arange(12) == 4, np.inf, 2.0)
    directions = rng.standard_normal((3, 12))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    return [
        LinearHead(rng.standard_normal((12, 3)), rng.standard_normal(3)),
        CentroidHead.fit(X, y, 3),
        NeighbourHead.fit(X, y, 3),
        CosineHead(X.mean(0), scale, directions, np.array(7.0)),
        BottleneckHead(
            *(X.mean(0), scale, rng.standard_normal((12, 5)), rng.standard_normal(5)),
            *(rng.standard_normal((5, 3)), rng.standard_normal(3)),
        ),
    ]


@pytest.mark.parametrize("head", heads(), ids=lambda head: head.kind)
@pytest.mark.parametrize("thresholds", [None, (0.2, 0.5, 0.6)])
def test_heads_answer_alike_in_a_graph(head: Any, thresholds: Any) -> None:
    rng = np.random.default_rng(1)
    X = rng.standard_normal((20, 12)).astype(np.float32)
    known = Familiarity.fit(rng.standard_normal((50, 12)), np.arange(50) % 3, 3)
    model = FittedModel("probe", head, 1.7, ("a", "b", "c"), known, thresholds=thresholds)
    answer = Answer(model)
    for row in X:
        p, score = answer(torch.from_numpy(row[None]))
        np.testing.assert_allclose(p.numpy(), model.predict_proba(row[None])[0], atol=1e-5)
        np.testing.assert_allclose(score.numpy(), known.scores(row[None]), atol=1e-5)


def test_networks_side_by_side_are_familiar_apart() -> None:
    rng = np.random.default_rng(0)
    found = FamiliarSideBySide.fit(
        rng.standard_normal((60, 12)) * ([9.0] * 8 + [0.1] * 4), np.arange(60) % 3, 3, (8, 4)
    )
    part = familiar(found)
    for row in rng.standard_normal((10, 12)).astype(np.float32):
        ours = part(torch.from_numpy(row[None])).numpy()
        np.testing.assert_allclose(ours, found.scores(row[None]), rtol=1e-4)


def test_every_head_of_vectors_has_its_part() -> None:
    assert set(HEADS) == {head.kind for head in heads()}


# ---- handing over --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["openvino", "torch", "timm"])
def test_other_forms_answer_alike(name: str, run: hs.Run, photos: Path, tmp_path: Path) -> None:
    done = hs.export(run, tmp_path / name, format=name, examples=photos)
    assert done.parity.examples == 45
    assert done.parity.labels == 1.0
    assert done.file == tmp_path / name / FORMATS[name].file
    assert done.bytes > 100_000
    if name == "torch":  # which may run what somebody put into the file
        with pytest.raises(ConfigError, match="may run code"):
            hs.verify(done.folder, run, examples=photos)
    again = hs.verify(done.folder, run, examples=photos, trust=name == "torch")
    assert again.largest == pytest.approx(done.parity.largest, abs=1e-6)
    _runs_by_itself(done.folder, run, photos)


def _runs_by_itself(folder: Path, run: hs.Run, photos: Path) -> None:
    """Run the script beside a model, which knows nothing of headstart."""
    assert "headstart" not in {
        line.split()[1] for line in _script(folder).splitlines() if line.startswith("import")
    }
    paths = sorted(photos.rglob("*.png"))[::15]
    done = subprocess.run(
        [sys.executable, folder / "predict.py", *paths], capture_output=True, text=True, check=True
    )
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert [answer["path"] for answer in answers] == list(map(str, paths))
    for answer, told in zip(answers, run.predict(paths), strict=True):
        for label, p in (told.probabilities or {}).items():
            assert answer[label] == pytest.approx(p, abs=5e-3)


def _script(folder: Path) -> str:
    return (folder / "predict.py").read_text("utf-8")


def test_onnx_answers_alike(exported: Path, run: hs.Run, photos: Path) -> None:
    record = json.loads((exported / "export.json").read_text("utf-8"))
    assert record["format"] == "onnx"
    assert record["parity"]["core"] <= 1e-5
    session = Session(exported / "model.onnx")
    assert json.loads(session.about["classes"]) == list(run.classes)
    assert session.about["weights_hash"] == run.saved.card.weights_hash
    shape = onnx.load(exported / "model.onnx").graph.input[0].type.tensor_type.shape
    assert [dim.dim_param or dim.dim_value for dim in shape.dim] == ["height", "width", 3]
    _runs_by_itself(exported, run, photos)
    readme = (exported / "README.md").read_text("utf-8")
    assert _script(exported) in readme
    assert str(run.folder.parent) not in readme  # where it lay is nobody's business


def test_what_is_unfamiliar_is_told_by_the_graph(exported: Path, run: hs.Run) -> None:
    assert run.saved.model.familiar is not None
    session = Session(exported / "model.onnx")
    found = session.named(np.random.default_rng(0).integers(0, 256, (90, 70, 3), dtype=np.uint8))
    score = run.saved.model.familiar.scores(found["vector"][None])
    np.testing.assert_allclose(found["familiarity"], score, atol=1e-5)


def test_what_the_run_keeps_serves_to_compare(run: hs.Run, tmp_path: Path) -> None:
    threads = torch.get_num_threads()
    done = hs.export(run, tmp_path / "onnx")
    assert 0 < done.parity.examples <= 45
    assert torch.get_num_threads() == threads


def test_there_must_be_something_to_compare_on(run: hs.Run, tmp_path: Path) -> None:
    shutil.copytree(run.folder, tmp_path / "run")
    (tmp_path / "run" / "pictures.json").unlink()
    with pytest.raises(ConfigError, match="keeps no examples"):
        hs.export(tmp_path / "run", tmp_path / "onnx")
    assert not (tmp_path / "onnx").exists()


def test_a_weight_that_was_changed_is_found(
    exported: Path, run: hs.Run, photos: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "changed"
    shutil.copytree(exported, folder)
    model = onnx.load(folder / "model.onnx")
    weights = next(t for t in model.graph.initializer if len(t.dims) == 4)
    values = np.frombuffer(weights.raw_data, np.float32).copy()
    values[::2] *= 1.5
    weights.raw_data = values.tobytes()
    onnx.save(model, folder / "model.onnx")
    with pytest.raises(ArtifactError, match="was changed"):
        hs.verify(folder, run, examples=photos)
    (folder / "export.json").unlink()  # without its hash the answers tell
    with pytest.raises(ArtifactError, match="does not answer as the run does"):
        hs.verify(folder / "model.onnx", run, examples=photos)


def test_a_model_is_verified_against_its_own_run(
    exported: Path, run_folder: Path, photos: Path
) -> None:
    with pytest.raises(ArtifactError, match="was not exported from"):
        hs.verify(exported, run_folder, examples=photos)


def test_what_does_not_answer_alike_is_not_handed_over(
    run: hs.Run, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = graph_of(run.saved)
    wrong.tail.answer.temperature.fill_(0.1)

    def write(_saved: object, _graph: object, folder: Path, about: Any) -> None:
        from headstart.exports.onnx import write

        write(wrong, folder / "model.onnx", about)

    form = FORMATS["onnx"]
    changed = type(form)(form.file, write, form.load)
    monkeypatch.setitem(FORMATS, "onnx", changed)
    with pytest.raises(ArtifactError, match="does not answer as the run does"):
        hs.export(run, tmp_path / "onnx", examples=photos)
    assert not (tmp_path / "onnx").exists()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("figures", "said"),
    [
        ({"core": 2e-5}, "for the same input"),
        ({"p99": 3e-3}, "1 in 100"),
        ({"largest": 6e-3}, "0.0060"),
        ({"astray": 1}, "1 of 40 labels"),
        ({"largest": float("nan")}, "nan"),
    ],
)
def test_every_figure_may_refuse(figures: dict[str, Any], said: str) -> None:
    good = {"core": 1e-6, "p99": 1e-3, "largest": 2e-3, "astray": 0}
    parity = Parity(examples=40, labels=1.0, arithmetic=0.0, **{**good, **figures})
    with pytest.raises(ArtifactError, match=said):
        parity.refuse("model.onnx")
    Parity(examples=40, labels=1.0, arithmetic=0.0, **good).refuse("model.onnx")  # type: ignore[arg-type]


def test_a_head_that_counts_words_is_no_graph() -> None:
    from headstart.transfer.heads import CountsHead

    head = CountsHead(np.array([0]), np.ones(1), np.ones((1, 2)), np.zeros(2))
    with pytest.raises(ConfigError, match="counts words"):
        Answer(FittedModel("mix", head, 1.0, ("a", "b")))


def test_a_network_that_cannot_be_written_is_named(
    run: hs.Run, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("no such operation\nin this or that pass")

    form = FORMATS["onnx"]
    monkeypatch.setitem(FORMATS, "onnx", type(form)(form.file, fail, form.load))
    with pytest.raises(BackboneError, match="no such operation"):
        hs.export(run, tmp_path / "onnx", examples=photos)
    assert list(tmp_path.iterdir()) == []


def test_eight_bits_keep_accuracy(run: hs.Run, photos: Path, tmp_path: Path) -> None:
    done = hs.export(run, tmp_path / "small", format="onnx-int8", examples=photos)
    assert done.int8 is not None
    assert done.int8.examples == 45
    assert done.int8.quantised >= done.int8.exact - 0.02
    assert json.loads(Session(done.file).about["int8"])["exact"] == done.int8.exact
    _runs_in_eight_bits(done.folder, photos)
    hs.verify(done.folder, run, examples=photos)
    (done.folder / "export.json").unlink()
    with pytest.raises(ArtifactError, match="whole folder"):
        hs.verify(done.file, run, examples=photos)


def _runs_in_eight_bits(folder: Path, photos: Path) -> None:
    path = next(iter(sorted(photos.rglob("*.png"))))
    command = [sys.executable, folder / "predict.py", path]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    answer = json.loads(done.stdout)
    assert sum(v for v in answer.values() if isinstance(v, float)) == pytest.approx(1, abs=1e-5)


def test_eight_bits_need_the_examples(run: hs.Run, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="a head is fitted anew"):
        hs.export(run, tmp_path / "small", format="onnx-int8")
    (tmp_path / "other").mkdir()
    Image.new("RGB", (20, 20)).save(tmp_path / "other" / "a.png")
    with pytest.raises(ConfigError, match="holds 0 of the"):
        hs.export(run, tmp_path / "small", format="onnx-int8", examples=tmp_path / "other")


# ---- the command line ----------------------------------------------------------------------------


def test_the_commands(headstart: Any, run: hs.Run, photos: Path, tmp_path: Path) -> None:
    done = headstart("export", run.folder, "--examples", photos, "--out", tmp_path / "o", "--json")
    assert done.status == 0, done.err
    assert done.json()["labels"] == 1.0
    done = headstart("verify", tmp_path / "o", "--against", run.folder, "--examples", photos)
    assert done.status == 0, done.err
    assert "Compared with the run on 45 examples" in done.err
    done = headstart("export", run.folder, "--examples", photos, "--out", tmp_path / "o")
    done.refused("exists", "--overwrite")
    (tmp_path / "mine").mkdir()
    headstart("export", run.folder, "--out", tmp_path / "mine", "--overwrite").refused(
        "was not exported"
    )
    headstart("export", run.folder, "--format", "tflite").refused("tflite", "onnx-int8")
    headstart("verify", tmp_path / "gone.onnx", "--against", run.folder).refused("gone.onnx")
    headstart("verify", photos, "--against", run.folder).refused("no model that was exported")
    (tmp_path / "broken.onnx").write_bytes(b"not a model")
    headstart("verify", tmp_path / "broken.onnx", "--against", run.folder).refused("broken.onnx")


# ---- texts, recordings, rows of numbers ----------------------------------------------------------


def test_texts_leave_with_their_tokenizer(tiny_bert: str, tmp_path: Path) -> None:
    words = {"good": "warm bright kind glad", "bad": "cold dark cruel sad"}
    rng = np.random.default_rng(0)
    lines = ["text,label"]
    for k in range(40):
        name = ("good", "bad")[k % 2]
        drawn = rng.choice(words[name].split(), 3 + k % 5)
        lines.append(f"{k} {' '.join(drawn)},{name}")
    table = tmp_path / "texts.csv"
    table.write_text("\n".join(lines), "utf-8")
    run = hs.train(table, out=tmp_path / "run", backbone=tiny_bert, method="probe")
    done = hs.export(run, tmp_path / "onnx", examples=table)
    assert done.parity.examples == 40
    assert done.parity.largest <= 1e-5
    long = "warm " * 2_000  # many windows
    for text in ("7 warm glad", "", long):
        command = [sys.executable, done.folder / "predict.py", text]
        said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        told = run.predict([text])[0].probabilities or {}
        for label, p in told.items():
            assert json.loads(said)[label] == pytest.approx(p, abs=1e-4)
    hs.export(run, tmp_path / "openvino", format="openvino", examples=table)
    with pytest.raises(ConfigError, match="no network of timm"):
        hs.export(run, tmp_path / "timm", format="timm", examples=table)
    with pytest.raises(ConfigError, match="lose too much"):
        hs.export(run, tmp_path / "int8", format="onnx-int8", examples=table)


def test_recordings_leave_with_their_spectrogram(tmp_path: Path) -> None:
    import soundfile

    from recordings import voice
    from tiny_sounds import save_tiny

    folder = tmp_path / "sounds"
    for name, octave in (("low", 1), ("high", 2)):
        (folder / name).mkdir(parents=True)
        for k in range(12):
            wave = voice(k, 0.5 + 0.05 * k)[::octave]
            soundfile.write(folder / name / f"{k}.wav", wave, 16_000)
    network = f"hf:{save_tiny(tmp_path / 'tiny', 'whisper')}"
    run = hs.train(folder, out=tmp_path / "run", backbone=network, method="probe")
    done = hs.export(run, tmp_path / "onnx", examples=folder)
    assert done.parity.core is not None
    assert done.parity.largest <= 1e-3
    path = folder / "low" / "3.wav"
    command = [sys.executable, done.folder / "predict.py", path]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    for label, p in (run.predict([path])[0].probabilities or {}).items():
        assert json.loads(said)[label] == pytest.approx(p, abs=1e-3)


def test_rows_of_numbers_leave(tmp_path: Path) -> None:
    from sklearn.datasets import load_iris

    X, y = load_iris(return_X_y=True)
    table = tmp_path / "iris.csv"
    rows = [",".join([*map(str, x), "abc"[k]]) for x, k in zip(X, y, strict=True)]
    table.write_text("\n".join(["a,b,c,d,label", *rows]) + "\n", "utf-8")
    run = hs.train(table, out=tmp_path / "run")
    done = hs.export(run, tmp_path / "onnx", examples=table)
    assert done.parity.examples == 100
    command = [sys.executable, done.folder / "predict.py", table]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    told = run.predict([table])
    for line, prediction in zip(said.splitlines(), told, strict=True):
        for label, p in (prediction.probabilities or {}).items():
            assert json.loads(line)[label] == pytest.approx(p, abs=1e-4)


# ---- MLflow --------------------------------------------------------------------------------------


def test_mlflow_gets_a_folder_that_answers_without_headstart(
    run: hs.Run, photos: Path, tmp_path: Path
) -> None:
    """Loaded by the contract of its file: MLflow is no package of ours."""
    done = hs.export(run, tmp_path / "mlflow", format="mlflow", examples=photos)
    told = json.loads(done.file.read_text("utf-8"))["flavors"]["python_function"]
    picture_file = next((photos / "disc").glob("*.png"))
    code = (
        f"import sys; sys.path.insert(0, {str(done.folder / told['code'])!r})\n"
        f"import {told['loader_module']} as loader, json\n"
        f"model = loader._load_pyfunc({str(done.folder / told['data'])!r})\n"
        f"given = open({str(picture_file)!r}, 'rb').read()\n"
        "found = model.predict([given])\n"
        "print(json.dumps(found if isinstance(found, list) else found.to_dict('records')))\n"
        "assert not {'headstart', 'torch'} & set(sys.modules)\n"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    (answer,) = json.loads(said.stdout)
    (ours,) = run.predict(picture_file)
    assert answer["predicted"] == ours.predicted
    for name, p in ours.probabilities.items():
        assert answer[f"p:{name}"] == pytest.approx(p, abs=5e-3)
    assert hs.verify(done.folder, run, examples=photos).labels == 1
    assert "mlflow.pyfunc.load_model" in (done.folder / "README.md").read_text("utf-8")


def test_mlflow_code_that_is_not_ours_is_not_run(run: hs.Run, photos: Path, tmp_path: Path) -> None:
    done = hs.export(run, tmp_path / "mlflow", format="mlflow", examples=photos)
    loader = next((done.folder / "code").iterdir())
    loader.write_text(f"open({str(tmp_path / 'was-run')!r}, 'w')\n" + loader.read_text("utf-8"))
    with pytest.raises(ArtifactError, match="was changed"):
        hs.verify(done.folder, run, examples=photos)
    assert not (tmp_path / "was-run").exists()


def test_mlflow_has_no_form_for_texts(text_run: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="MLflow's form"):
        hs.export(text_run, tmp_path / "mlflow", format="mlflow", examples=None)
    assert not (tmp_path / "mlflow").exists()


# ---- in a browser --------------------------------------------------------------------------------

WEB = "onnxruntime-web@1.30.0"
ASK = """async data => {
  const { predict } = await import("./predict.mjs");
  return await predict(new Blob([Uint8Array.from(atob(data), c => c.charCodeAt(0))]));
}"""


@pytest.fixture(scope="module")
def ort(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The runtime for browsers, as npm has it."""
    npm, folder = shutil.which("npm"), tmp_path_factory.mktemp("npm")
    if npm is None:
        pytest.skip("npm is not installed")
    fetched = subprocess.run([npm, "pack", "--silent", WEB], cwd=folder, check=False, timeout=180)
    packed = next(folder.glob("*.tgz"), None)
    if fetched.returncode or packed is None:
        pytest.skip(f"{WEB} cannot be fetched here")
    shutil.unpack_archive(packed, folder, filter="data")
    return folder / "package" / "dist"


class Quiet(SimpleHTTPRequestHandler):
    extensions_map = {**SimpleHTTPRequestHandler.extensions_map, ".mjs": "text/javascript"}  # noqa: RUF012

    def log_message(self, *_: object) -> None:
        pass


def test_a_browser_answers_alike(
    exported: Path, ort: Path, run: hs.Run, photos: Path, tmp_path: Path
) -> None:
    """Photos with a colour profile and an EXIF turn among them."""
    from playwright.sync_api import sync_playwright

    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("no Chromium is installed")
    page_folder = shutil.copytree(exported, tmp_path / "page")
    shutil.copytree(ort, page_folder / "ort")
    given = [path.read_bytes() for path in sorted(photos.rglob("*.*"))[::9]]
    picture_ = Image.open(io.BytesIO(given[0])).convert("RGB")
    exif, turned, profiled = Image.Exif(), io.BytesIO(), io.BytesIO()
    exif[0x0112] = 6
    picture_.save(turned, "PNG", exif=exif)
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    picture_.save(profiled, "PNG", icc_profile=profile)
    given += [turned.getvalue(), profiled.getvalue()]
    handler = functools.partial(Quiet, directory=page_folder)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with sync_playwright() as driver:
            arguments = ["--no-sandbox", "--disable-background-networking"]
            browser = driver.chromium.launch(executable_path=chromium, args=arguments)
            page = browser.new_page()
            page.set_default_timeout(120_000)
            page.goto(f"http://127.0.0.1:{server.server_port}/index.html")
            there = [page.evaluate(ASK, base64.b64encode(data).decode()) for data in given]
            browser.close()
        server.shutdown()
    for found, told in zip(there, run.predict(given), strict=True):
        for label, p in (told.probabilities or {}).items():
            assert found[label] == pytest.approx(p, abs=5e-3)
