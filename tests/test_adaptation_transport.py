"""Optimal transport: small plans that can be told by eye."""

import subprocess
import sys

import numpy as np
import pytest

from headstart.adaptation import transport
from headstart.adaptation.domains import Domains
from headstart.adaptation.transport import OptimalTransport, barycentres


def test_every_row_lands_on_its_counterpart():
    S = np.array([[0.0, 0], [10, 0], [0, 10]])
    T = S[[2, 0, 1]] + 1.0
    moved = barycentres(S, np.array([0, 1, 2]), T, entropy=0.02, classes=0.0)
    assert moved == pytest.approx(S + 1, abs=1e-3)


def test_much_entropy_moves_everything_to_the_mean():
    S, T = np.array([[0.0], [1.0]]), np.array([[4.0], [6.0]])
    moved = barycentres(S, np.array([0, 1]), T, entropy=1e4, classes=0.0)
    assert moved == pytest.approx(np.array([[5.0], [5.0]]), abs=1e-2)


def test_the_class_penalty_keeps_classes_together():
    # Two close clusters: a blurred plan mixes their classes, the penalty separates them.
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1], 20)
    S = np.where(y == 0, -0.5, 0.5)[:, None] + 0.4 * rng.normal(size=(40, 1))
    T = S[::-1] + 0.1
    gaps = []
    for classes in (0.0, 2.0):
        moved = barycentres(S, y, T, entropy=0.3, classes=classes)[:, 0]
        gaps.append(moved[y == 1].mean() - moved[y == 0].mean())
    assert gaps[1] > gaps[0] + 0.03


def test_large_domains_are_sampled(monkeypatch):
    monkeypatch.setattr(transport, "ENOUGH", 30)
    rng = np.random.default_rng(0)
    y = np.arange(90) % 3
    source = 4 * np.eye(3, 6)[y] + rng.normal(size=(90, 6))
    target = 4 * np.eye(3, 6)[y] + rng.normal(size=(90, 6)) + 3
    adapted = OptimalTransport().fit(Domains(source, y, target, 3))
    assert (adapted.target.logits(target).argmax(axis=1) == y).mean() > 0.85


def test_the_library_is_loaded_when_it_is_used():
    code = "import sys, headstart.adaptation.transport; print('ot' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
