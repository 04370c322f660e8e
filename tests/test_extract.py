"""Files to vectors: once each, in any order, whatever happens in between."""

from __future__ import annotations

import io
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from given import images
from headstart.backbones import resolve
from headstart.events import Event
from headstart.features.engines import Engine, Kitchen, TorchEngine, single
from headstart.features.extract import Embedder, Features, extract
from headstart.features.store import FeatureStore
from headstart.machine import cache_folder


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Kitchen(cache_folder(), 2).engine(resolve("efficientnet-lite0"))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[FeatureStore]:
    with FeatureStore(tmp_path / "cache") as opened:
        yield opened


def files_of(folder: Path) -> list[Path]:
    return sorted(p for p in folder.rglob("*") if p.is_file())


def run(files: list[Path], engine: Engine, store: FeatureStore, workers: int = 2) -> Features:
    return extract(images(files), [engine], store, workers=workers)


def test_second_pass_computes_nothing_and_gives_the_same(
    photos: Path, engine: Engine, store: FeatureStore
) -> None:
    files = files_of(photos)
    first, second = run(files, engine, store), run(files, engine, store)
    assert (first.forward_examples, first.cache_hits) == (45, 0)
    assert (second.forward_examples, second.cache_hits) == (0, 45)
    assert np.array_equal(first.vectors[0], second.vectors[0])
    for one, other in zip(first.digests, second.digests, strict=True):
        assert np.array_equal(one.thumb, other.thumb)
        assert one.size == other.size


def test_rows_follow_the_files_whatever_the_workers(
    photos: Path, engine: Engine, tmp_path: Path
) -> None:
    files = files_of(photos)[:12]
    with FeatureStore(tmp_path / "a") as a, FeatureStore(tmp_path / "b") as b:
        one, four = run(files, engine, a, workers=1), run(files[::-1], engine, b, workers=4)
    assert np.array_equal(one.vectors[0], four.vectors[0][::-1])
    assert one.hashes == four.hashes[::-1]


def test_alone_and_among_others_is_the_same(
    photos: Path, engine: Engine, tmp_path: Path, store: FeatureStore
) -> None:
    files = files_of(photos)
    together = run(files, engine, store)
    with FeatureStore(tmp_path / "alone") as alone:
        assert np.array_equal(run(files[7:8], engine, alone).vectors[0][0], together.vectors[0][7])


def test_renamed_is_a_hit_and_one_changed_byte_a_miss(
    photos: Path, engine: Engine, store: FeatureStore, tmp_path: Path
) -> None:
    source = files_of(photos)[0]
    run([source], engine, store)
    renamed = tmp_path / "other name.bin"
    shutil.copy(source, renamed)
    assert run([renamed], engine, store).forward_examples == 0
    renamed.write_bytes(source.read_bytes() + b"\0")
    assert run([renamed], engine, store).forward_examples == 1


def test_other_weights_are_a_miss(photos: Path, engine: Engine, store: FeatureStore) -> None:
    from dataclasses import replace

    random = Kitchen(cache_folder(), 2).engine(replace(resolve("efficientnet-lite0"), seed=3))
    files = files_of(photos)[:4]
    run(files, engine, store)
    both = extract(images(files), [engine, random], store, workers=2)
    assert both.forward_examples == 4
    assert not np.allclose(both.vectors[0], both.vectors[1])


def test_bad_files_are_named_and_do_not_disturb(
    photos: Path, engine: Engine, store: FeatureStore, tmp_path: Path
) -> None:
    good = files_of(photos)[:3]
    empty, text, cut = tmp_path / "empty.jpg", tmp_path / "text.png", tmp_path / "cut.jpg"
    empty.touch()
    text.write_text("hello")
    whole = io.BytesIO()
    Image.effect_noise((300, 300), 80).convert("RGB").save(whole, "JPEG")
    cut.write_bytes(whole.getvalue()[: len(whole.getvalue()) // 2])
    missing = tmp_path / "gone.jpg"
    features = run([good[0], empty, good[1], text, cut, missing, good[2]], engine, store)
    assert sorted(features.unreadable) == [1, 3, 4, 5]
    assert features.unreadable[1] == "empty file"
    assert features.unreadable[3] == "not an image"
    assert features.unreadable[4].startswith("damaged")
    assert "No such file" in features.unreadable[5]
    assert np.array_equal(features.vectors[0][[0, 2, 6]], run(good, engine, store).vectors[0])


def test_ctrl_c_keeps_what_was_finished(photos: Path, engine: Engine, store: FeatureStore) -> None:
    files = files_of(photos)

    def interrupt(event: Event) -> None:
        if event.done == 20:
            time.sleep(2.1)  # long enough for the next result to flush what is pending
        if event.done == 25:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        extract(images(files), [engine], store, workers=2, on_event=interrupt)
    again = run(files, engine, store)
    assert 20 <= again.cache_hits < 45
    assert again.cache_hits + again.forward_examples == 45


def test_an_error_in_a_worker_travels_to_the_caller(photos: Path, store: FeatureStore) -> None:
    class Broken:
        name, batch_size = "broken-float32", 1

        def __init__(self, engine: Engine) -> None:
            self.card = engine.card

        def replica(self):
            raise MemoryError("no room for a replica")

    whole = Kitchen(cache_folder(), 2).engine(resolve("efficientnet-lite0"))
    with pytest.raises(MemoryError, match="no room"):
        extract(images(files_of(photos)), [Broken(whole)], store, workers=2)


def test_a_full_disk_does_not_stop_the_run(
    photos: Path, engine: Engine, store: FeatureStore
) -> None:
    pages = store._here().execute("PRAGMA page_count").fetchone()[0]
    store._here().execute(f"PRAGMA max_page_count = {pages + 5}")
    features = run(files_of(photos), engine, store)
    assert "full" in features.trouble
    assert features.forward_examples == 45
    assert np.abs(features.vectors[0]).sum(axis=1).min() > 0


def test_batches_of_fixed_size_give_what_single_images_give(
    photos: Path, engine: Engine, tmp_path: Path
) -> None:
    """The path a CUDA machine takes, on the CPU: 45 images in padded batches of 16."""
    batched = TorchEngine(resolve("efficientnet-lite0").load(), "float32")
    batched.batch_size = 16
    files = files_of(photos)
    with FeatureStore(tmp_path / "a") as a, FeatureStore(tmp_path / "b") as b:
        padded, single = run(files, batched, a), run(files, engine, b)
        assert run(files, batched, a).forward_examples == 0
    scale = np.abs(single.vectors[0]).max()
    assert np.abs(padded.vectors[0] - single.vectors[0]).max() < 1e-3 * scale


def test_progress_counts_every_file(photos: Path, engine: Engine, store: FeatureStore) -> None:
    heard: list[Event] = []
    extract(images(files_of(photos)), [engine], store, workers=2, on_event=heard.append)
    assert [e.done for e in heard] == list(range(46))
    assert {(e.total, e.unit) for e in heard} == {(45, "images")}


def test_orientations_give_equal_features(
    engine: Engine, store: FeatureStore, tmp_path: Path
) -> None:
    """A photo stored in any of the eight EXIF orientations is the same photo."""
    rng = np.random.default_rng(0)
    upright = Image.fromarray(rng.integers(0, 256, (9, 13, 3), np.uint8)).resize((260, 180))
    undo = {
        1: None,
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    files = []
    for orientation, method in undo.items():
        stored = upright if method is None else upright.transpose(method)
        exif = Image.Exif()
        exif[0x0112] = orientation
        files.append(tmp_path / f"{orientation}.png")
        stored.save(files[-1], exif=exif)
    features = run(files, engine, store)
    assert all(digest.size == (260, 180) for digest in features.digests)
    assert np.array_equal(features.vectors[0], np.tile(features.vectors[0][0], (8, 1)))


def test_an_embedder_gives_what_extract_gives_and_keeps_nothing(
    photos: Path, engine: Engine, store: FeatureStore
) -> None:
    files = [*files_of(photos)[:5], photos / "not-there.jpg"]
    wanted = run(files, engine, store)
    for digests in (True, False):
        embedder = Embedder(single(engine), digests)
        found = embedder(images(files), embedder.replicas())
        assert np.array_equal(found.vectors[0], wanted.vectors[0])
        assert found.unreadable == wanted.unreadable
        assert all((one is not None) is digests for one in found.digests[:5])
        assert embedder(images([]), embedder.replicas()).vectors[0].shape == (0, 1280)
