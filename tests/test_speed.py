"""Speed: that it is measured on the work that is done, warm, and with whatever engine there is."""

import time

import numpy as np
import pytest

from given import images
from headstart.backbones import Card
from headstart.errors import DataError
from headstart.features import speed
from headstart.features.speed import seconds_per_1000
from headstart.modalities.image.look import Preprocessing

LOOK = Preprocessing(32, 36, (0.5,) * 3, (0.5,) * 3)


class Sleeper:
    """A whole engine that takes as long as it is told: its first passes are slow, as real ones."""

    name = "sleeper-float32"
    card = Card("test:sleeper", "none", "image", 3, 0, "MIT", "", "0" * 64, LOOK)

    def __init__(self, seconds, batch_size=1, first=0.0):
        self.batch_size, self.seconds, self.first = batch_size, seconds, first
        self.seen = []

    def replica(self):
        passes = []

        def forward(pixels):
            time.sleep(self.seconds + (0 if passes else self.first))
            passes.append(1)
            self.seen.append(pixels)
            return pixels.mean(axis=(1, 2)).astype(np.float32)

        return forward


@pytest.fixture(autouse=True)
def brief(monkeypatch):
    monkeypatch.setattr(speed, "SECONDS", 0.1)


@pytest.mark.parametrize("batch_size", [1, 4])
def test_time_is_counted_per_image_not_per_pass(batch_size):
    engine = Sleeper(0.02, batch_size)
    found = seconds_per_1000(engine)
    assert found >= 20 / batch_size  # sleep never returns early
    assert all(pixels.shape == (batch_size, 32, 32, 3) for pixels in engine.seen)
    assert all(pixels.dtype == np.uint8 for pixels in engine.seen)


def test_files_are_read_as_an_embedding_pass_reads_them(photos):
    engine = Sleeper(0.001)
    files = sorted(photos.glob("*/*"))[:3]
    assert seconds_per_1000(engine, images(files)) > 0
    wanted = [pixels_of(path) for path in files]
    for row, pixels in enumerate(engine.seen[:6]):  # from the start again after the last
        assert np.array_equal(pixels[0], wanted[row % 3])


def pixels_of(path):
    from PIL import Image

    return LOOK.pixels(Image.open(path).convert("RGB"))


def test_warming_up_does_not_count():
    slow = Sleeper(0.001, first=0.5)
    began = time.perf_counter()
    found = seconds_per_1000(slow)
    whole = time.perf_counter() - began
    assert whole > 0.5
    assert found * len(slow.seen) / 1000 < whole  # the first pass alone would make it more


def test_all_workers_have_a_replica_of_their_own(monkeypatch):
    made = []
    engine = Sleeper(0.005)
    replica = engine.replica
    monkeypatch.setattr(engine, "replica", lambda: made.append(1) or replica(), raising=False)
    assert seconds_per_1000(engine, workers=2) > 0
    assert len(made) == 2


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    path = tmp_path / "torn.jpg"
    path.write_bytes(b"\xff\xd8\xff")
    with pytest.raises(DataError, match=r"torn\.jpg"):
        seconds_per_1000(Sleeper(0.001), images([path]))
