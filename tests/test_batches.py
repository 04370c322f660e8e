"""How rows are dealt into batches: equal, of like size, balanced."""

from __future__ import annotations

import numpy as np
import pytest

from headstart.transfer.batches import MEGA, balanced, equal


@pytest.mark.parametrize("n", [1, 31, 32, 33, 300, 3000])
@pytest.mark.parametrize("size", [1, 7, 32])
@pytest.mark.parametrize("sized", [False, True])
def test_every_row_is_dealt_once_and_batches_are_equal(n: int, size: int, sized: bool) -> None:
    rows = np.arange(100, 100 + n)
    sizes = np.random.default_rng(n).integers(1, 9, n) if sized else None
    batches = equal(rows, size, np.random.default_rng(0), sizes)
    assert sorted(np.concatenate(batches)) == list(rows)
    lengths = [len(batch) for batch in batches]
    assert max(lengths) <= size and max(lengths) - min(lengths) <= 1


def test_batches_of_like_size_need_little_padding() -> None:
    sizes = np.random.default_rng(0).integers(1, 100, 2000)
    rows = np.arange(len(sizes))

    def padded(batches: list[np.ndarray]) -> int:
        return sum(len(batch) * int(sizes[batch].max()) for batch in batches)

    mixed = padded(equal(rows, 32, np.random.default_rng(0)))
    sorted_ = equal(rows, 32, np.random.default_rng(0), sizes)
    assert padded(sorted_) < 1.1 * sizes.sum() < 1.7 * sizes.sum() < mixed
    means = [sizes[batch].mean() for batch in sorted_[: MEGA // 2]]
    assert means != sorted(means), "short ones do not come first"


@pytest.mark.parametrize(("counts", "size"), [((64, 64), 32), ((8, 8), 32), ((5, 90, 30), 16)])
def test_pairs_are_dealt_of_every_class_alike(counts: tuple[int, ...], size: int) -> None:
    y = np.repeat(np.arange(len(counts)), counts)
    rows = np.arange(len(y))
    batches = balanced(rows, y, size, min(len(y), 512), np.random.default_rng(0))
    dealt = np.concatenate(batches)
    assert all(len(batch) <= size for batch in batches)
    share = np.bincount(y[dealt]) / len(dealt)
    assert share == pytest.approx(np.full(len(counts), 1 / len(counts)), abs=0.02)
    for k, n in enumerate(counts):  # all rows of a class before any again
        seen = np.bincount(dealt[y[dealt] == k], minlength=len(y))[y == k]
        assert seen.max() - seen.min() <= 1, f"{n} rows"


def test_every_batch_has_pairs_of_one_class_even_of_many_classes() -> None:
    y = np.repeat(np.arange(40), 6)
    for batch in balanced(np.arange(len(y)), y, 32, len(y), np.random.default_rng(0)):
        assert np.bincount(y[batch]).max() >= 2


def test_an_epoch_of_pairs_is_bounded() -> None:
    y = np.arange(10_000) % 2
    dealt = np.concatenate(balanced(np.arange(len(y)), y, 32, 512, np.random.default_rng(0)))
    assert len(dealt) == 512 == len(set(dealt))
