"""Adaptation without source images: each method by hand, and a choice that steps aside."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest

from given import IMAGE
from headstart.adaptation.names import PLAIN
from headstart.adaptation.sourcefree import (
    ADAPTERS,
    T3A,
    Prototypes,
    Shot,
    SourceFree,
    Standardise,
    select_source_free,
    shot_slope,
)
from headstart.transfer.heads import CentroidHead, Head, LinearHead
from headstart.transfer.logistic import fit_logistic, softmax
from headstart.transfer.moments import Moments

K, DIM = 3, 200
HALVES, ONE = np.full(2, 0.5, np.float32), np.ones(1, np.float32)
CENTRES = 0.38 * np.random.default_rng(0).normal(size=(K, DIM))


def groups(n: int, seed: int, classes: int = K) -> tuple[np.ndarray, np.ndarray]:
    """Rows (n, 200) in three groups, and their classes."""
    y = np.arange(n) % classes
    return CENTRES[y] + np.random.default_rng(seed).normal(size=(n, DIM)), y


def elsewhere(X: np.ndarray) -> np.ndarray:
    """Another domain: all rows moved towards the first group, past the border to it."""
    return X + 0.5 * (CENTRES[0] - CENTRES[1]) + 0.1 * (CENTRES[0] - CENTRES[2])


@pytest.fixture(scope="module")
def source() -> tuple[LinearHead, Moments]:
    X, y = groups(300, 1)
    W, b = fit_logistic(X, y, K, 0.01, balanced=False)
    return LinearHead(W, b), Moments.fit(X, y, K)


@pytest.fixture(scope="module")
def shifted(source: tuple[LinearHead, Moments]) -> tuple[SourceFree, np.ndarray]:
    X, y = groups(240, 2)
    return SourceFree(*source, elsewhere(X), unit=IMAGE.unit), y


def accuracy(head: Head, X: np.ndarray, y: np.ndarray) -> float:
    return float((head.logits(X).argmax(axis=1) == y).mean())


@pytest.mark.parametrize("adapter", ADAPTERS[1:], ids=lambda a: a.name)
def test_every_method_finds_the_way_back(adapter, shifted: tuple[SourceFree, np.ndarray]) -> None:
    domain, y = shifted
    assert accuracy(domain.head, domain.target, y) < 0.8
    head = adapter.fit(domain)
    assert accuracy(head, domain.target, y) > 0.95
    new, truth = groups(90, 3)
    assert accuracy(head, elsewhere(new), truth) > 0.95, "images it has not seen, too"


@pytest.mark.parametrize("adapter", ADAPTERS, ids=lambda a: a.name)
def test_the_order_of_the_target_does_not_matter(
    adapter, shifted: tuple[SourceFree, np.ndarray]
) -> None:
    domain, _ = shifted
    here = adapter.fit(domain).logits(domain.target)
    rows = np.random.default_rng(4).permutation(len(domain.target))
    there = adapter.fit(replace(domain, target=domain.target[rows])).logits(domain.target)
    np.testing.assert_allclose(there, here, rtol=1e-6, atol=1e-6)


def test_standardisation_is_the_head_at_the_moments_of_the_source(
    shifted: tuple[SourceFree, np.ndarray],
) -> None:
    domain, _ = shifted
    head = Standardise().fit(domain)
    np.testing.assert_allclose(
        head.logits(domain.target), domain.head.logits(domain.moved()), atol=1e-9
    )


def test_prototypes_by_hand() -> None:
    """Two rows a class on the axes: the directions are the axes, whatever the head half knows."""
    rows = np.array([[1.0, 0], [1, 0], [0, 1], [0, 1]])
    far = np.repeat(rows, 4000, axis=0) * 2 - 1  # so many that their own moments count alone
    moments = Moments(np.zeros(2, np.float32), np.ones(2, np.float32), HALVES, ONE)
    head = LinearHead(np.array([[1.0, 0], [0, 0]]), np.zeros(2))
    found = Prototypes().fit(SourceFree(head, moments, far))
    # Standardised, the rows are (1, -1) and (-1, 1): opposite directions.
    want = np.array([[1.0, -1], [-1, 1]]) / np.sqrt(2)
    np.testing.assert_allclose(found.directions, want, atol=1e-6)
    assert float(found.sharpness) == 20


def test_t3a_by_hand() -> None:
    """One support a class: the direction is half-way between the head's and the surest row's."""
    moments = Moments(np.zeros(2, np.float32), np.ones(2, np.float32), HALVES, ONE)
    head = LinearHead(np.array([[4.0, 0], [0, 4]]), np.zeros(2))
    X = np.array([[3.0, 0], [1, 0.5], [0, 3], [0.5, 1]] * 10000)
    domain = SourceFree(head, moments, X)
    Z, _, _ = domain.standardised()
    unit = Z / np.linalg.norm(Z, axis=1, keepdims=True)
    found = T3A(supports=1).fit(domain)
    want = np.stack([np.array([1.0, 0]) + unit[0], np.array([0, 1.0]) + unit[2]])
    want /= np.linalg.norm(want, axis=1, keepdims=True)
    np.testing.assert_allclose(found.directions, want, atol=1e-9)


def test_shots_slope_is_the_difference_quotient() -> None:
    rng = np.random.default_rng(0)
    z, labels = rng.normal(size=(5, 3)), np.eye(3)[[0, 1, 2, 0, 1]]

    def loss(z: np.ndarray) -> float:
        p = softmax(z)
        mean = p.mean(axis=0)
        certain = -(p * np.log(p)).sum(axis=1).mean()
        diverse = -(mean * np.log(mean)).sum()
        return float(certain - diverse - 0.3 * (labels * np.log(p)).sum(axis=1).mean())

    want = np.zeros_like(z)
    for at in np.ndindex(*z.shape):
        step = np.zeros_like(z)
        step[at] = 1e-6
        want[at] = (loss(z + step) - loss(z - step)) / 2e-6
    np.testing.assert_allclose(shot_slope(softmax(z), labels, 0.3), want, atol=1e-8)


def test_shot_rescales_features_and_nothing_else(shifted: tuple[SourceFree, np.ndarray]) -> None:
    domain, _ = shifted
    moved, plain = Shot(steps=30).fit(domain), Standardise().fit(domain)
    assert isinstance(moved, LinearHead)
    assert isinstance(plain, LinearHead)
    factor = moved.W / plain.W
    np.testing.assert_allclose(factor, np.repeat(factor[:, :1], K, axis=1), rtol=1e-6)
    assert np.abs(factor - 1).max() > 0.01


# --- selection ------------------------------------------------------------------------------------


def test_a_shift_is_adapted_to_and_the_doubt_said(shifted: tuple[SourceFree, np.ndarray]) -> None:
    domain, y = shifted
    steps: list[tuple[int, int]] = []
    found = select_source_free(domain, tick=lambda done, total: steps.append((done, total)))
    assert found.name != PLAIN
    assert found.sure == "hardly"
    assert accuracy(found.head, domain.target, y) > 0.95
    assert "accuracy on the target is not measured" in found.sentence
    assert found.tried[0].name == PLAIN
    assert steps[-1] == (len(ADAPTERS), len(ADAPTERS))


def test_without_a_shift_the_model_stays(source: tuple[LinearHead, Moments]) -> None:
    X, _ = groups(240, 2)
    found = select_source_free(SourceFree(*source, X))
    assert (found.name, found.sure) == (PLAIN, "not")
    assert found.head is source[0]
    assert "no shift" in found.sentence


def test_a_stream_of_one_class_is_left_alone(source: tuple[LinearHead, Moments]) -> None:
    X, _ = groups(200, 2, classes=1)
    assert select_source_free(SourceFree(*source, elsewhere(X), unit=IMAGE.unit)).name == PLAIN


def test_what_looks_of_one_class_is_left_alone(source: tuple[LinearHead, Moments]) -> None:
    X, _ = groups(200, 2, classes=1)
    found = select_source_free(SourceFree(*source, X + 1))
    assert found.name == PLAIN
    assert "look like one class" in found.sentence


def test_without_groups_in_training_the_target_is_only_standardised(
    shifted: tuple[SourceFree, np.ndarray],
) -> None:
    domain, _ = shifted
    loose = replace(domain.moments, groups=np.array([0.79], np.float32))
    found = select_source_free(replace(domain, moments=loose))
    assert found.name == "standardisation"
    assert "only 79% of the training images" in found.tried[2].guards[0]


def test_other_shares_of_the_classes_are_not_undone(
    source: tuple[LinearHead, Moments],
) -> None:
    """Of one class much more: its scale differs; bringing that back makes right answers wrong."""
    head, moments = source
    y = np.repeat([0, 1, 2], [160, 20, 20])
    X = CENTRES[y] + 1.6 * np.random.default_rng(5).normal(size=(200, DIM))
    loose = replace(moments, groups=np.array([0.79], np.float32))
    domain = SourceFree(head, loose, X, unit=IMAGE.unit)
    moved = Standardise().fit(domain)
    assert accuracy(head, X, y) - accuracy(moved, X, y) > 0.05
    found = select_source_free(domain)
    assert found.name == PLAIN
    assert "neighbours agree less often" in found.tried[1].guards[0]


def test_noise_is_left_alone(source: tuple[LinearHead, Moments]) -> None:
    X = np.random.default_rng(0).normal(size=(200, DIM))
    assert select_source_free(SourceFree(*source, elsewhere(X), unit=IMAGE.unit)).name == PLAIN


def test_few_images_are_left_alone(source: tuple[LinearHead, Moments]) -> None:
    X, _ = groups(19, 2)
    found = select_source_free(SourceFree(*source, elsewhere(X), unit=IMAGE.unit))
    assert found.name == PLAIN
    assert "19 images of the target: too few" in found.sentence


@dataclass(frozen=True)
class Broken:
    """Give answers that are no numbers, or none."""

    raises: bool
    name: str = "broken"
    summary: str = ""
    reference: str = ""

    def fit(self, domain: SourceFree) -> Head:
        if self.raises:
            raise FloatingPointError("no convergence")
        return LinearHead(np.full((DIM, K), np.nan), np.zeros(K))


@pytest.mark.parametrize("raises", [True, False])
def test_what_fails_is_ruled_out_alone(
    shifted: tuple[SourceFree, np.ndarray], raises: bool
) -> None:
    found = select_source_free(shifted[0], (*ADAPTERS, Broken(raises)))
    assert found.name not in (PLAIN, "broken")
    said = found.tried[-1].guards[0]
    assert said == ("It failed: no convergence" if raises else "Its answers are no numbers.")
    assert found.tried[-1].to_json()["scores"] == {"clusters": None, "neighbours": None}


def test_other_heads_have_prototypes_and_say_why_not_the_rest() -> None:
    X, y = groups(300, 1)
    domain = SourceFree(
        CentroidHead.fit(X, y, K), Moments.fit(X, y, K), elsewhere(groups(240, 2)[0])
    )
    found = select_source_free(domain)
    assert found.name == "prototypes"
    ruled_out = {t.name: t.guards[0] for t in found.tried if t.guards}
    assert set(ruled_out) == {"standardisation", "T3A", "SHOT"}
    assert "linear head" in ruled_out["T3A"]


def test_labels_have_no_place(shifted: tuple[SourceFree, np.ndarray]) -> None:
    with pytest.raises(TypeError):
        select_source_free(shifted[0], labels=shifted[1])  # type: ignore[call-arg]
