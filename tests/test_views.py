"""Views are the same every time, begin with the plain image, and never leave it."""

import subprocess
import sys
from itertools import combinations
from random import Random

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image

from given import picture
from headstart.errors import ConfigError
from headstart.modalities.image.look import Preprocessing
from headstart.modalities.image.views import COUNTS, crop_box, views

HALF = (0.5, 0.5, 0.5)
LOOK = Preprocessing(24, 28, HALF, HALF)
MARK, OTHER = "ab" * 32, "cd" * 32
BOX = (55.54622507899939, 13.35225512470579, 332.59079911356, 235.698412229356)


def noise(width, height, seed=0):
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3))
    return Image.fromarray(pixels.astype(np.uint8))


IMAGE = noise(60, 45)
PICTURE = picture(IMAGE)


def every(chosen, image=IMAGE, mark=MARK, look=LOOK):
    return [chosen(picture(image), look, mark, view) for view in range(chosen.count)]


def every_kind():
    return [views(kind) for kind in COUNTS] + [views("crops", 7, seed=3)]


# --- what the views are -------------------------------------------------------------------------


@pytest.mark.parametrize("chosen", every_kind(), ids=str)
def test_views_are_pixels_and_the_first_is_the_plain_image(chosen):
    made = every(chosen)
    assert made[0].tobytes() == LOOK.pixels(IMAGE).tobytes()
    for pixels in made:
        assert pixels.shape == (24, 24, 3)
        assert pixels.dtype == np.uint8
        assert pixels.flags.c_contiguous
    assert all(np.any(a != b) for a, b in combinations(made, 2))


def test_flips_are_exact():
    plain, mirrored, upside_down, both = every(views("flips"))
    np.testing.assert_array_equal(mirrored, np.fliplr(plain))
    np.testing.assert_array_equal(upside_down, np.flipud(plain))
    np.testing.assert_array_equal(both, np.rot90(plain, 2))
    np.testing.assert_array_equal(every(views("mirror")), [plain, mirrored])
    np.testing.assert_array_equal(every(views("crops"))[:2], [plain, mirrored])


def test_crops_are_pixels_of_their_box():
    # Each pixel says where it lies, so that a crop shows its own box; mirrored, red runs down.
    ramp = np.zeros((200, 200, 3), np.uint8)
    ramp[..., 0], ramp[..., 1] = np.arange(200), np.arange(200)[:, None]
    turned = set()
    for view, crop in enumerate(every(views("crops", 12), Image.fromarray(ramp))):
        if view < 2:
            continue
        left, top, right, bottom = crop_box(200, 200, Random(f"0 {MARK} {view}"))
        red, green = crop[..., 0].astype(int), crop[..., 1].astype(int)
        ends = red[12, [0, -1]]
        turned.add(bool(ends[0] > ends[1]))
        half = (right - left) / 48, (bottom - top) / 48  # half a new pixel, in old ones
        np.testing.assert_allclose(sorted(ends), [left + half[0], right - half[0]], atol=3)
        np.testing.assert_allclose(green[[0, -1], 12], [top + half[1], bottom - half[1]], atol=3)
    assert turned == {False, True}


def test_crops_use_the_interpolation_of_the_backbone():
    coarse = Preprocessing(24, 28, HALF, HALF, "bilinear")
    assert np.any(every(views("crops"))[2] != every(views("crops"), look=coarse)[2])


# --- determinism --------------------------------------------------------------------------------


@settings(deadline=None)
@given(st.permutations([(mark, view) for mark in (MARK, OTHER) for view in range(5)]))
def test_views_do_not_depend_on_order(order):
    chosen = views("crops", 5)
    expected = {
        (m, v): chosen(PICTURE, LOOK, m, v).tobytes() for m in (MARK, OTHER) for v in range(5)
    }
    made = {(m, v): views("crops", 5)(PICTURE, LOOK, m, v).tobytes() for m, v in order}
    assert made == expected


def test_views_do_not_depend_on_global_state():
    import random

    before = every(views("crops", 5))
    random.seed(1)
    np.random.seed(1)  # noqa: NPY002
    state = random.getstate()
    np.testing.assert_array_equal(every(views("crops", 5)), before)
    assert random.getstate() == state  # nor do they touch it


def test_crops_differ_between_images_views_and_seeds():
    def crops(mark, seed):
        return every(views("crops", 12, seed), mark=mark)[2:]

    made = [
        crop.tobytes() for mark in (MARK, OTHER) for seed in (0, 1) for crop in crops(mark, seed)
    ]
    assert len(set(made)) == len(made) == 40


def test_more_crops_leave_the_first_as_they_are():
    np.testing.assert_array_equal(every(views("crops", 9))[:4], every(views("crops")))


def test_a_crop_is_the_one_it_always_was():
    # Cached activations outlive versions: these numbers may only change together with ``key``.
    box = crop_box(400, 300, Random(f"0 {MARK} 2"))
    np.testing.assert_allclose(box, BOX, atol=1e-9)


# --- boxes --------------------------------------------------------------------------------------


sides = st.integers(1, 3000)


@settings(deadline=None)
@given(sides, sides, st.integers(0, 2**31))
@example(1, 1, 0)
@example(1, 1000, 0)
@example(1000, 1, 0)
@example(300, 100, 0)
def test_boxes_stay_inside_and_show_half_to_all_of_the_image(width, height, seed):
    left, top, right, bottom = crop_box(width, height, Random(seed))
    assert 0 <= left < right <= width
    assert 0 <= top < bottom <= height
    wide, high = right - left, bottom - top
    stretch = max(width / height, height / width)
    share = wide * high / (width * height)
    if stretch <= 8 / 3:
        assert 0.5 - 1e-9 <= share <= 1 + 1e-9
    else:  # no such box has a shape between 3:4 and 4:3
        assert share == pytest.approx(4 / 3 / stretch)
    if stretch > 4 / 3 or share < 1 - 1e-9:
        assert 3 / 4 - 1e-9 <= wide / high <= 4 / 3 + 1e-9


def test_boxes_of_a_square_spread_as_torchvisions_do():
    import torch
    from torchvision.transforms import RandomResizedCrop

    torch.manual_seed(0)
    rng, blank = Random(0), torch.empty(3, 1000, 1000)
    ours = np.array([crop_box(1000, 1000, rng) for _ in range(3000)])
    theirs = np.array(
        [RandomResizedCrop.get_params(blank, [0.5, 1.0], [3 / 4, 4 / 3]) for _ in range(3000)]
    )  # top, left, height, width
    mine = np.stack(
        [ours[:, 1], ours[:, 0], ours[:, 3] - ours[:, 1], ours[:, 2] - ours[:, 0]], axis=1
    )
    np.testing.assert_allclose(mine.mean(0), theirs.mean(0), atol=12)  # 4 standard errors
    np.testing.assert_allclose(mine.std(0), theirs.std(0), atol=12)


@pytest.mark.parametrize("size", [(1, 1), (1, 1000), (1000, 1), (2, 3), (500, 7)], ids=str)
@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
def test_images_of_extreme_shape_have_all_views(size, interpolation):
    look = Preprocessing(24, 24, HALF, HALF, interpolation)
    for pixels in every(views("crops", 20), noise(*size), look=look):
        assert pixels.shape == (24, 24, 3)


def test_crops_of_one_colour_have_that_colour():
    plain = Image.new("RGB", (50, 70), (255, 0, 130))
    for pixels in every(views("crops", 10), plain):
        assert (pixels == (255, 0, 130)).all()


# --- choosing them ------------------------------------------------------------------------------


def test_counts():
    assert set(COUNTS) == {"none", "mirror", "flips", "crops"}
    assert [views(kind).count for kind in COUNTS] == [1, 2, 4, 4]
    assert views("crops", 1).count == 1
    np.testing.assert_array_equal(every(views("flips", 3)), every(views("flips"))[:3])


@pytest.mark.parametrize(
    ("kind", "count", "message"),
    [
        (
            "none",
            3,
            "--augment none has 1 view, not --views 3. Ask for at most 1, or use --augment crops",
        ),
        ("mirror", 3, "--augment mirror has 2 views, not --views 3. Ask for at most 2, or"),
        ("flips", 5, "--augment flips has 4 views, not --views 5. Ask for at most 4, or"),
        ("crops", 0, "--views 0 is too few. Ask for at least 1"),
        (
            "mirrors",
            None,
            "--augment has no fixed views called 'mirrors'. One of: none, mirror, flips, crops.",
        ),
    ],
)
def test_what_cannot_be_is_refused_with_a_mend(kind, count, message):
    with pytest.raises(ConfigError) as caught:
        views(kind, count)
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize("view", [-1, 2])
def test_there_is_no_view_beyond_the_count(view):
    with pytest.raises(IndexError, match="of 2"):
        views("mirror")(PICTURE, LOOK, MARK, view)


@pytest.mark.parametrize(
    ("chosen", "words"),
    [
        (views("none"), "1 fixed view: plain"),
        (views("mirror"), "2 fixed views: plain, mirrored"),
        (views("flips"), "4 fixed views: plain, mirrored, upside down, rotated by 180°"),
        (views("crops"), "4 fixed views: plain, mirrored, 2 random crops (half of them mirrored)"),
        (
            views("crops", 3),
            "3 fixed views: plain, mirrored, 1 random crop (mirrored for half of the images)",
        ),
        (views("crops", 1), "1 fixed view: plain"),
    ],
    ids=str,
)
def test_views_are_described_in_words(chosen, words):
    assert chosen.describe() == words


def test_keys_are_equal_exactly_when_the_pixels_are():
    many = [
        views(kind, count, seed)
        for kind in COUNTS
        for count in range(1, 7)
        for seed in (0, 1)
        if kind == "crops" or count <= COUNTS[kind]
    ]
    pixels = [b"".join(v.tobytes() for v in every(chosen)) for chosen in many]
    for (a, of_a), (b, of_b) in combinations(zip(many, pixels, strict=True), 2):
        assert (a.key == b.key) == (of_a == of_b)
    assert all(chosen.key.isascii() for chosen in many)


def test_views_do_not_need_torch():
    code = "import sys, headstart.modalities.image.views; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
