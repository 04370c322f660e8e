"""More than 8 bits: one scale for a set, robust to single pixels, kept in the model."""

from __future__ import annotations

import io
import json
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

import headstart as hs
from headstart.modalities.image import ImageModality
from headstart.modalities.image.deep import Deep, Span, levels_of
from headstart.modalities.image.digest import Digest
from headstart.modalities.image.formats import may_be_deep

IMAGES = ImageModality()


def patches(level: float, rng: np.random.Generator) -> np.ndarray:
    return level * rng.normal(1, 0.08, (16, 16)).repeat(8, 0).repeat(8, 1)


def save(values: np.ndarray, path: Path, dtype: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if values.ndim == 3:
        path.write_bytes(colour_png(values.astype(dtype)))
    else:
        Image.fromarray(values.astype(dtype)).save(path)


def colour_png(values: np.ndarray) -> bytes:
    """A PNG of 16 bits a channel, which Pillow cannot write."""
    high, wide, channels = values.shape

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    head = struct.pack(">IIBBBBB", wide, high, 16, {2: 4, 3: 2, 4: 6}[channels], 0, 0, 0)
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    body = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def brightness(run: hs.Run, path: Path) -> float:
    look = run.saved.card.look
    return float(look(IMAGES.read(path.read_bytes(), look.detail)).mean())


@pytest.mark.parametrize(
    ("scale", "dtype", "suffix", "channels"),
    [
        *((6000, "uint16", "png", 1), (6000, "uint16", "tif", 1), (0.2, "float32", "tif", 1)),
        *((1200, "uint16", "png", 3), (1200, "uint16", "png", 4)),
    ],
)
def test_a_dim_and_a_bright_class_stay_apart(tmp_path, small, scale, dtype, suffix, channels):
    rng = np.random.default_rng(0)
    for name, level in (("dim", scale), ("bright", 2 * scale)):
        for i in range(10):
            values = patches(level, rng)
            if channels > 1:
                values = np.repeat(values[..., None], channels, axis=2)
                values[..., 3:] = 65535  # opaque
            save(values, tmp_path / f"data/{name}/{i}.{suffix}", dtype)
    run = hs.train(tmp_path / "data", out=tmp_path / "run", backbone=small, size=64)
    found = {f["kind"]: f for f in run.metrics["findings"]}
    assert "20 of 20 images have more than 8 bits" in found["levels"]["message"]
    dim, bright = (brightness(run, tmp_path / f"data/{n}/0.{suffix}") for n in ("dim", "bright"))
    assert bright > 1.6 * dim > 30
    rivals = {b["name"]: b["accuracy"] for b in run.metrics["baselines"]}
    assert rivals["small pixels"] > 0.9  # the rivals see what the network sees

    again = hs.Run(tmp_path / "run")  # the scale travels with the model
    assert again.saved.card.look.levels == run.saved.card.look.levels is not None
    saved = json.loads((tmp_path / "run/model/model.json").read_text("utf-8"))
    assert saved["backbone"]["preprocessing"]["levels"] == list(run.saved.card.look.levels)
    lone = tmp_path / f"lone.{suffix}"  # alone, and with a hot pixel
    values = patches(scale, rng)
    values[5, 5] = 65535 if dtype == "uint16" else 40.0
    if channels > 1:
        values = np.repeat(values[..., None], channels, axis=2)
        values[..., 3:] = 65535
    save(values, lone, dtype)
    assert brightness(again, lone) == pytest.approx(dim, rel=0.1)


def test_ordinary_photos_are_read_once(tmp_path, small, monkeypatch):
    rng, reads, whole = np.random.default_rng(0), [], ImageModality.read
    for i in range(12):
        save(rng.integers(0, 256, (40, 40)), tmp_path / f"data/{'ab'[i % 2]}/{i}.png", "uint8")

    def counted(self: ImageModality, data: bytes, detail: int = 0) -> object:
        reads.append(detail)
        return whole(self, data, detail)

    monkeypatch.setattr(ImageModality, "read", counted)
    found = hs.check(tmp_path / "data", backbone=small, size=64)
    assert len(reads) == 12
    assert not any(f["kind"] == "levels" for f in found["findings"])


def test_levels_by_hand():
    assert levels_of([Span(0, 200, True)]) == (0, 255)
    assert levels_of([Span(3, 900, True), Span(0, 4000, True)]) == (0, 4095)
    assert levels_of([Span(-1000, 3000, True)]) == (-1000, 4095)  # Hounsfield units
    assert levels_of([Span(29000, 31000, True), Span(30000, 32000, True)]) == (29000, 32000)
    assert levels_of([Span(0.1, 0.5, False), Span(0.2, 0.9, False)]) == (0.1, 0.9)


@given(
    st.integers(1, 65535),
    st.integers(0, 3),
    st.lists(st.integers(0, 4095), min_size=4, max_size=40),
)
def test_stray_pixels_do_not_move_the_levels(hot, where, values):
    x = np.resize(np.array(values, np.uint16), (64, 64))
    before = Deep(x).span()
    struck = x.copy()
    struck[where, 7] = hot
    after = Deep(struck).span()
    low, high = np.sort(x.ravel())[[0, -1]]
    assert low <= after.low <= after.high <= high
    assert before.whole and after.whole


def test_digests_keep_their_values_in_the_cache():
    rng = np.random.default_rng(0)
    out = io.BytesIO()
    Image.fromarray(patches(6000, rng).astype(np.uint16)).save(out, "PNG")
    kept = IMAGES.digest(IMAGES.read(out.getvalue()))
    again = Digest.unpack(kept.pack())
    assert again.span == kept.span and again.circumstances == kept.circumstances
    assert again.at((0.0, 65535.0)).thumb.mean() == pytest.approx(6000 / 257, rel=0.05)


def test_what_may_be_deep_is_told_by_its_first_bytes():
    def first(values: np.ndarray, kind: str) -> bytes:
        out = io.BytesIO()
        Image.fromarray(values).save(out, kind)
        return out.getvalue()[:512]

    plain, deep = np.zeros((4, 4), np.uint8), np.zeros((4, 4), np.uint16)
    assert not any(may_be_deep(first(plain, kind)) for kind in ("PNG", "JPEG", "WEBP", "BMP"))
    assert all(may_be_deep(first(deep, kind)) for kind in ("PNG", "TIFF", "PPM", "JPEG2000"))
    assert may_be_deep(colour_png(np.zeros((2, 2, 3), np.uint16)))
