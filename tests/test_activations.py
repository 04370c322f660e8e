"""Activations at the cut: computed once, exact to float16, and whole whatever stops the pass."""

import errno
import hashlib
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from conftest import draw_folder
from given import images
from headstart.backbones import Ref
from headstart.backbones.cutting import Prefix, suffix
from headstart.backbones.vision import wrap
from headstart.errors import ConfigError, DataError
from headstart.features import activations
from headstart.features.activations import activate, room
from headstart.features.engines import TorchEngine
from headstart.modalities.image.look import Preprocessing
from headstart.modalities.image.read import decode
from headstart.modalities.image.views import views

CUT = "layer3"
N = 6
HALF = (0.5, 0.5, 0.5)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    root = draw_folder(tmp_path_factory.mktemp("activations") / "photos", N // 3)
    return sorted(p for p in root.rglob("*") if p.is_file())


@pytest.fixture(scope="module")
def hashes(files):
    return [hashlib.sha256(p.read_bytes()).hexdigest() for p in files]


@pytest.fixture(scope="module")
def backbone():
    return Ref("timm", "test_resnet", seed=0).at(size=64).load()


@pytest.fixture
def run(files, hashes, backbone, tmp_path):
    """Activate the six pictures, some of it changed; the cache is in the test's own folder."""

    def call(*, cut=CUT, kind="mirror", count=None, seed=0, batch=1, network=backbone, **other):
        prefix = Prefix(network, cut)
        engine = TorchEngine(prefix, "float32")
        engine.batch_size = batch
        told = {"files": files, "hashes": hashes, "folder": tmp_path, "workers": 2, **other}
        return activate(
            images(told.pop("files")), told.pop("hashes"), engine, prefix.shape,
            views(kind, count, seed), told.pop("folder"), **told,
        )  # fmt: skip

    return call


def kept_in(folder):
    place = folder / "activations"
    return sorted(p.name for p in place.iterdir()) if place.exists() else []


# --- what they are ------------------------------------------------------------------------------


@pytest.mark.parametrize("batch", [1, 3], ids=["one by one", "in batches, as on a GPU"])
def test_every_view_of_every_image_once(run, files, hashes, backbone, batch):
    found = run(kind="crops", batch=batch)
    assert (found.forwards, found.views) == (N * 4, 4)
    assert found.maps.shape == (N, 4, *Prefix(backbone, CUT).shape)
    assert found.maps.dtype == np.float16
    look, prefix, kind = backbone.card.look, Prefix(backbone, CUT), views("crops")
    for row, (file, mark) in enumerate(zip(files, hashes, strict=True)):
        x = decode(file.read_bytes(), look.resize)
        seen = np.stack([kind(x, look, mark, v) for v in range(4)])
        np.testing.assert_array_equal(seen[0], look(x))
        with torch.inference_mode():
            wanted = prefix(torch.from_numpy(seen)).numpy().reshape(found.maps[row].shape)
        np.testing.assert_allclose(found.maps[row], wanted, rtol=2**-10, atol=1e-4)


def test_a_second_time_nothing_is_computed(run):
    first = run()
    heard = []
    again = run(on_event=heard.append)
    assert (first.forwards, again.forwards, heard) == (2 * N, 0, [])
    np.testing.assert_array_equal(first.maps, again.maps)


def test_the_suffix_makes_embeddings_of_them(run, files, backbone):
    found = run(kind="none")
    look = backbone.card.look
    pictures = [decode(f.read_bytes(), look.resize).image for f in files]
    with torch.inference_mode():
        wanted = backbone(torch.from_numpy(np.stack([look.pixels(i) for i in pictures])))
        got = suffix(backbone, CUT)(torch.from_numpy(found.plain(np.arange(N))))
    assert float((got - wanted).abs().max()) < 2e-3 * float(wanted.abs().max())


def test_rows_are_read_back_as_float32_in_the_order_asked_for(run):
    found = run(kind="flips")
    rows = np.array([4, 0, 4])
    plain = found.plain(rows)
    assert plain.dtype == np.float32
    np.testing.assert_array_equal(plain, found.maps[rows, 0])
    varied = found.varied(rows, np.random.default_rng(1))
    np.testing.assert_array_equal(varied, found.varied(rows, np.random.default_rng(1)))
    assert (varied.dtype, varied.shape) == (np.float32, plain.shape)
    for row, maps in zip(rows, varied, strict=True):
        assert any(np.array_equal(maps, view) for view in found.maps[row])
    many = found.varied(np.zeros(60, np.int64), np.random.default_rng(0))
    assert len({maps.tobytes() for maps in many}) == 4


def test_progress_counts_passes_up_to_all_of_them(run):
    heard = []
    run(kind="flips", on_event=heard.append)
    assert [e.done for e in heard] == [4 * i for i in range(1, N + 1)]
    assert {(e.stage, e.total, e.unit) for e in heard} == {
        ("running the frozen layers", 4 * N, "passes")
    }


# --- stopped, damaged, changed ------------------------------------------------------------------


class StopError(Exception):
    """Somebody stopped the pass."""


@pytest.mark.parametrize("stop", [StopError, KeyboardInterrupt])
def test_a_pass_that_was_stopped_does_only_the_rest(run, tmp_path, stop):
    whole = run(folder=tmp_path / "elsewhere")

    def listen(event):
        if event.done == 2 * 4:
            raise stop

    with pytest.raises(stop):
        run(on_event=listen)
    rest = run()
    assert rest.forwards == (N - 4) * 2
    np.testing.assert_array_equal(rest.maps, whole.maps)
    assert run().forwards == 0


@pytest.mark.parametrize("name", ["maps", "done"])
def test_a_truncated_file_is_made_anew(run, tmp_path, name):
    before = run().maps.copy()
    path = tmp_path / "activations" / kept_in(tmp_path)[0] / name
    os.truncate(path, path.stat().st_size // 2)
    again = run()
    assert again.forwards == 2 * N
    np.testing.assert_array_equal(again.maps, before)


def test_whatever_they_depend_on_has_a_file_of_its_own(run, files, hashes, tmp_path):
    small = Ref("timm", "test_resnet", seed=0).at(size=32).load()
    other = Ref("timm", "test_resnet", seed=1).at(size=64).load()
    run(kind="crops")
    for n, changed in enumerate(
        [
            {"hashes": [*hashes[1:], hashes[0]]},
            {"files": files[:3], "hashes": hashes[:3]},
            {"kind": "flips"},
            {"count": 3},
            {"seed": 1},
            {"cut": "layer2"},
            {"network": small},
            {"network": other},
        ],
        2,
    ):
        assert run(**{"kind": "crops", **changed}).forwards > 0, changed
        assert len(kept_in(tmp_path)) == n, changed


def test_views_that_are_the_same_share_their_file(run, tmp_path):
    run(kind="mirror")
    assert run(kind="flips", count=2).forwards == 0
    assert run(kind="crops", count=2).forwards == 0
    assert len(kept_in(tmp_path)) == 1


# --- too large, too many, gone ------------------------------------------------------------------


class Loud(nn.Conv2d):
    """Its activations are a million times what they should be."""

    def forward(self, x):
        return 1e6 * super().forward(x)


class Shouting(nn.Module):
    def __init__(self):
        super().__init__()
        self.one, self.two = Loud(3, 4, 3, 2), nn.Conv2d(4, 4, 3)

    def forward(self, x):
        return self.two(self.one(x)).mean((2, 3))


def test_activations_beyond_float16_are_kept_in_float32(run, tmp_path):
    loud = wrap(
        Shouting(),
        name="own:loud",
        architecture="own:loud",
        preprocessing=Preprocessing(16, 16, HALF, HALF),
        licence="none",
        source="a test",
    )
    found = run(cut="one", network=loud)
    assert found.maps.dtype == np.float32
    assert found.forwards == 2 * N
    assert np.isfinite(found.maps).all()
    assert np.abs(found.maps).max() > 7e4
    again = run(cut="one", network=loud)
    assert again.forwards == 0
    np.testing.assert_array_equal(again.maps, found.maps)
    assert len(kept_in(tmp_path)) == 1


def test_files_unused_for_longest_go_first(run, tmp_path, monkeypatch):
    def added(cut):
        before = set(kept_in(tmp_path))
        run(cut=cut)
        (new,) = set(kept_in(tmp_path)) - before
        return new

    def maps(name):
        return tmp_path / "activations" / name / "maps"

    oldest, older, old = (added(cut) for cut in ("layer3", "layer2", "layer1"))
    for age, name in enumerate((oldest, older, old)):
        os.utime(maps(name), (1e9 + age, 1e9 + age))
    assert run(cut="layer3").forwards == 0  # the oldest is used again
    room_for = maps(oldest).stat().st_size + maps(old).stat().st_size + 2 * 2 * N * 96 * 2 * 2
    monkeypatch.setattr(activations, "MAX_BYTES", room_for)
    new = added("layer4")
    assert maps(new).stat().st_size == 2 * 2 * N * 96 * 2 * 2
    assert set(kept_in(tmp_path)) == {oldest, old, new}
    monkeypatch.setattr(activations, "MAX_BYTES", 1)
    assert run(cut="layer3").forwards == 0, "what is in use is never dropped"
    assert kept_in(tmp_path) == [oldest]


def test_a_full_disk_is_said_with_the_way_out(run, tmp_path, monkeypatch):
    def full(_file, _start, _length):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(ConfigError) as refused:
        run()
    assert "No space left" in refused.value.message
    assert str(tmp_path) in refused.value.message
    assert "HEADSTART_CACHE" in refused.value.hint
    assert "--no-cache" in refused.value.hint
    assert not list(tmp_path.rglob("maps"))


def test_without_posix_the_space_is_taken_all_the_same(run, monkeypatch):
    before = run().maps.copy()
    monkeypatch.delattr(os, "posix_fallocate")
    again = run(seed=1, cut="layer4")
    assert again.forwards == 2 * N
    assert Path(again.maps.filename).stat().st_size == again.maps.nbytes
    assert run().forwards == 0
    np.testing.assert_array_equal(run().maps, before)


def test_a_cache_folder_that_is_a_file_is_said(run, tmp_path):
    (tmp_path / "taken").touch()
    with pytest.raises(ConfigError, match="HEADSTART_CACHE"):
        run(folder=tmp_path / "taken")


def test_a_picture_that_is_gone_is_named(run, files, tmp_path):
    gone = [*files[:-1], Path(tmp_path / "gone.png")]
    with pytest.raises(DataError, match=r"gone\.png can no longer be read"):
        run(files=gone)


def test_room_is_a_share_of_what_is_free(tmp_path, monkeypatch):
    from collections import namedtuple

    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(activations.shutil, "disk_usage", lambda _: usage(9000, 8000, 1000))
    assert room(tmp_path / "not" / "yet") == 500
    monkeypatch.setattr(activations.shutil, "disk_usage", lambda _: usage(0, 0, 10**15))
    assert room(tmp_path) == activations.MAX_BYTES
