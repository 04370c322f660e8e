"""Maps of where a network looked: they find what was planted, and two methods agree."""

import numpy as np
import pytest
from PIL import Image

from given import IMAGE, images
from headstart.backbones import Ref
from headstart.features.engines import Kitchen
from headstart.judge.explain import choose, explain, integrity
from headstart.judge.maps import mapper, mapper_of
from headstart.modalities.image.show import overlay
from headstart.transfer import FittedModel
from headstart.transfer.heads import LinearHead

RESNET = Ref("timm", "test_resnet", seed=0).at(size=64)


@pytest.fixture(scope="module")
def planted(tmp_path_factory):
    """Noise, but for a bright corner that is the class; and a probe that has learned it."""
    from sklearn.linear_model import LogisticRegression

    folder, rng = tmp_path_factory.mktemp("planted"), np.random.default_rng(0)
    y, files = np.arange(60) % 2, []
    for i, label in enumerate(y):
        pixels = rng.normal(110, 20, (64, 64, 3))
        if label:
            pixels[:20, :20] += 120
        files.append(folder / f"{i}.png")
        Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(files[-1])
    kitchen = Kitchen(folder / "cache", 1)
    engine = kitchen.engine(RESNET, name="torch-float32")
    network = mapper(RESNET, engine, kitchen)
    X = network.embed(np.stack([np.asarray(Image.open(f)) for f in files]))
    centre, spread = X.mean(axis=0), X.std(axis=0) + 1e-9
    fit = LogisticRegression(max_iter=1000).fit((X - centre) / spread, y)
    w = fit.coef_[0] / spread
    b = fit.intercept_[0] - centre @ w
    head = LinearHead(np.stack([-w / 2, w / 2], axis=1), np.array([-b / 2, b / 2]))
    return files, y, FittedModel("probe", head, 1.0, ("dark", "bright")), network


def test_the_map_looks_at_the_planted_corner(planted):
    files, y, model, network = planted
    found = explain(images(files), np.flatnonzero(y)[:8].tolist(), model, network)
    assert [e.target for e in found] == [1] * 8
    mean = np.mean([e.weight for e in found], axis=0)
    assert mean.shape == (64, 64)
    assert mean[:24, :24].mean() > 2 * mean[32:, 32:].mean()
    figures = integrity(found, model, network, IMAGE)
    assert figures["covered_drop"] > figures["elsewhere_drop"] + 0.05


def test_exact_maps_equal_gradients(planted):
    files, _, model, network = planted
    gradients = mapper_of(RESNET.load())
    assert network.exact
    assert not gradients.exact
    one, two = (
        explain(images(files), [1, 2, 3], model, n, targets=[1, 0, 1]) for n in (network, gradients)
    )
    for a, b in zip(one, two, strict=True):
        assert a.confidence == pytest.approx(b.confidence, abs=1e-4)
        assert np.abs(a.weight - b.weight).max() < 1e-4


def test_overlay_and_choice():
    image = np.full((64, 64, 3), 90, np.uint8)
    heat = np.zeros((64, 64), np.float32)
    heat[:16, :16] = 1
    out = np.asarray(overlay(image, heat)).astype(int)
    assert (out[40, 40] == 90).all()
    assert np.ptp(out[4, 4]) > 30
    proba = np.array([[0.9, 0.1], [0.55, 0.45], [0.2, 0.8], [0.6, 0.4]])
    assert choose(proba, np.array([1, 0, 1, 1]), 4) == [
        *((0, "wrong"), (3, "wrong")),
        *((1, "unsure"), (2, "unsure")),
    ]
