"""Checks before training: copies that must be found, and likenesses that must not."""

import hashlib
import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter

from given import images
from headstart.data.checks import (
    check_classes,
    check_copies,
    check_groups,
    check_originals,
    check_test_size,
    merge_groups,
)
from headstart.data.dataset import Dataset
from headstart.errors import DataError
from headstart.judge.intervals import clopper_pearson
from headstart.modalities.copies import Copies
from headstart.modalities.image import ImageModality
from headstart.modalities.image import copies as checks
from headstart.modalities.image.copies import find_copies, perceptual_hash
from headstart.modalities.image.digest import Digest, check_sizes, digest

# --- pictures -----------------------------------------------------------------------------------


def scene(seed, side=240):
    """A picture of its own: discs and bars on a soft background, with grain."""
    rng = np.random.default_rng([11, seed])
    image = Image.new("RGB", (side, side), tuple(rng.integers(0, 255, 3).tolist()))
    draw = ImageDraw.Draw(image)
    for _ in range(14):
        x, y, r = *rng.integers(0, side, 2).tolist(), int(rng.integers(10, side // 3))
        colour = tuple(rng.integers(0, 255, 3).tolist())
        shape = draw.ellipse if rng.random() < 0.5 else draw.rectangle
        shape((x - r, y - r, x + r, y + r // 2), fill=colour)
    return grained(image.filter(ImageFilter.GaussianBlur(2)), rng, 6)


def cell(seed, side=240):
    """One of many parts that look the same: a bright plate with three bars, and its own spots."""
    rng = np.random.default_rng([12, seed])
    image = Image.new("L", (side, side), 30)
    draw = ImageDraw.Draw(image)
    draw.rectangle((8, 8, side - 8, side - 8), fill=180)
    for y in (60, 120, 180):
        draw.rectangle((8, y, side - 8, y + 5), fill=40)
    for _ in range(6):
        x, y, r = *rng.integers(20, side - 20, 2).tolist(), int(rng.integers(2, 9))
        draw.ellipse((x - r, y - r, x + r, y + r), fill=int(rng.integers(90, 175)))
    return grained(image.filter(ImageFilter.GaussianBlur(1)).convert("RGB"), rng, 4)


def grained(image, rng, strength):
    pixels = np.asarray(image, np.float64) + rng.normal(0, strength, (*image.size[::-1], 1))
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))


def png(image):
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


def jpeg(image, quality):
    out = io.BytesIO()
    image.save(out, "JPEG", quality=quality)
    return out.getvalue()


COPIES = {
    "exact": png,
    "half size": lambda im: png(im.resize((120, 120), Image.Resampling.LANCZOS)),
    "twice the size": lambda im: png(im.resize((480, 480), Image.Resampling.BICUBIC)),
    "recompressed": lambda im: jpeg(im, 40),
    "brighter": lambda im: jpeg(ImageEnhance.Brightness(im).enhance(1.08), 90),
    "more contrast": lambda im: jpeg(ImageEnhance.Contrast(im).enhance(1.15), 90),
    "gray": lambda im: jpeg(im.convert("L").convert("RGB"), 90),
    "small and recompressed": lambda im: jpeg(im.resize((120, 120)), 75),
}


def copies_of(files):
    """What the check says of the bytes of some image files."""
    digests = [digest(ImageModality().read(data)) for data in files]
    return find_copies([hashlib.sha256(data).hexdigest() for data in files], digests)


def dataset(labels, is_test=None, groups=None, classes=None):
    labels = np.array(labels)
    n = len(labels)
    return Dataset(
        name="drawn",
        examples=images([f"{i}.png" for i in range(n)]),
        labels=labels,
        classes=classes or tuple("abcdef"[: labels.max() + 1]),
        is_test=np.zeros(n, bool) if is_test is None else np.array(is_test, bool),
        position=np.arange(n) / n,
        groups=None if groups is None else np.array(groups, dtype=str),
    )


# --- copies -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def scenes():
    return [png(scene(seed)) for seed in range(30)]


@pytest.fixture(scope="module")
def cells():
    return [png(cell(seed)) for seed in range(60)]


@pytest.mark.parametrize("how", COPIES)
def test_a_copy_is_found(how, scenes):
    """Ten of thirty pictures occur twice; exactly those pairs are named."""
    copies = copies_of(scenes + [COPIES[how](scene(seed)) for seed in range(10)])
    found = {tuple(rows.tolist()) for rows in copies.clusters()}
    assert found == {(seed, 30 + seed) for seed in range(10)}
    assert len(np.unique(copies.exact)) == (30 if how == "exact" else 40)


def test_all_copies_of_a_picture_are_one(scenes):
    copies = copies_of(scenes + [make(scene(3)) for make in COPIES.values()])
    assert [rows.tolist() for rows in copies.clusters()] == [[3, *range(30, 30 + len(COPIES))]]


def test_different_pictures_are_no_copies(scenes):
    assert copies_of(scenes).clusters() == []


def test_pictures_of_one_layout_are_no_copies(cells):
    """Solar cells, X-rays: correlated over 0.98 as whole images, each with defects of its own."""
    thumbs = np.stack([digest(ImageModality().read(data)).thumb for data in cells]).astype(float)
    flat = thumbs.mean(axis=3).reshape(60, -1)
    alike = np.corrcoef(flat)[np.triu_indices(60, 1)]
    assert np.quantile(alike, 0.9) > checks.NEAR_CORRELATION  # or this test could not fail
    assert copies_of(cells).clusters() == []


@pytest.mark.parametrize("how", list(COPIES))
def test_copies_are_found_among_pictures_of_one_layout(how, cells):
    copies = copies_of([*cells, *(COPIES[how](cell(seed)) for seed in range(5))])
    found = {tuple(rows.tolist()) for rows in copies.clusters()}
    assert found == {(seed, 60 + seed) for seed in range(5)}


def test_flat_pictures_are_copies_only_if_exact():
    grays = [png(Image.new("RGB", (80, 80), (g, g, g))) for g in (10, 11, 12, 90, 250)]
    copies = copies_of([*grays, grays[0], png(scene(0))])
    assert [rows.tolist() for rows in copies.clusters()] == [[0, 5]]


@pytest.mark.parametrize("n", [2, 3, 4])
def test_sets_too_small_to_know_what_is_usual(n):
    """A copy must not hide because, of the few others, it is itself the likeliest neighbour."""
    files = [png(scene(i)) for i in range(n - 1)]
    copies = copies_of([*files, COPIES["half size"](scene(0))])
    assert [rows.tolist() for rows in copies.clusters()] == [[0, n - 1]]


def test_faint_structure_is_no_likeness():
    """Two nearly flat pictures, a light and a dark one, with the same faint edge in them."""
    faint = np.zeros((80, 80, 3), int)
    faint[:, 40:] = 1
    files = [png(Image.fromarray((faint + level).astype(np.uint8))) for level in (60, 200)]
    assert copies_of([*files, *(png(scene(k)) for k in range(5))]).clusters() == []


def test_thousands_of_exact_copies_are_compared_once():
    """All pairs of 3,000 files would be 4.5 million comparisons of 4,096 pixels: 74 GB."""
    thumb = digest(ImageModality().read(png(scene(0))))
    other = digest(ImageModality().read(png(scene(1))))
    copies = find_copies(["a"] * 2999 + ["b"], [thumb] * 2999 + [other])
    assert [len(rows) for rows in copies.clusters()] == [2999]


def test_near_pairs_equal_brute_force():
    rng = np.random.default_rng(0)
    codes = rng.integers(0, 2**64, 3000, dtype=np.uint64)
    near = codes[:200] ^ (np.uint64(1) << rng.integers(0, 64, 200, dtype=np.uint64))
    codes = np.concatenate([codes, near, codes[200:210]])
    found = set()
    for left, right in checks._near_pairs(codes):
        found |= set(zip(left.tolist(), right.tolist(), strict=True))
    expected = set()
    for i, code in enumerate(codes):
        apart = np.array([int(x).bit_count() for x in (code ^ codes[i + 1 :]).tolist()])
        expected |= {(i, i + 1 + int(j)) for j in np.flatnonzero(apart <= checks.NEAR_BITS)}
    assert len(expected) >= 210
    assert found == expected


def test_one_image_has_no_copies(scenes):
    assert copies_of(scenes[:1]).clusters() == []


@pytest.mark.parametrize("n", [40, 700])
def test_many_pictures_of_one_hash_hide_no_copy(n):
    """Frames of a fixed camera: small things move, the hash hardly changes."""
    rng = np.random.default_rng(0)
    frames = np.repeat(np.asarray(scene(0).resize((64, 64)))[None], n, axis=0).astype(int)
    for k, (y, x) in enumerate(rng.integers(4, 52, (n, 2))):
        frames[k, y : y + 8, x : x + 8] = rng.integers(0, 255, 3)
    for k in range(10):  # the last ten are copies of the first ten, recompressed
        frames[n - 10 + k] = frames[k] + rng.normal(0, 1, (64, 64, 1)).round()
    thumbs = frames.clip(0, 255).astype(np.uint8)
    assert len(np.unique(perceptual_hash(thumbs.mean(axis=3, dtype=np.float32)))) < 0.9 * n
    copies = find_copies([str(k) for k in range(n)], [Digest((64, 64), t) for t in thumbs])
    assert np.array_equal(copies.component[:10], copies.component[-10:])
    # Things that move by a pixel, or have the colour of what they hide, are few.
    assert len(np.unique(copies.component)) > 0.85 * (n - 10)


def test_pairs_are_judged_alike_few_or_many():
    """Two ways to the same products; which one is taken depends on how many there are."""
    rng = np.random.default_rng(0)
    unit = rng.normal(size=(30, 16)).astype(np.float32)
    left, right = np.nonzero(np.triu(np.ones((30, 30)), 1))
    later = left >= 3
    left, right = left[later], right[later]
    many = checks._correlation(unit, left, right)
    few = np.concatenate(
        [
            checks._correlation(unit, left[k : k + 9], right[k : k + 9])
            for k in range(0, len(left), 9)
        ]
    )
    assert len(left) > 4 * len(unit)
    assert np.allclose(many, few, atol=1e-5)


def test_perceptual_hash_ignores_brightness_and_knows_structure():
    gray = np.asarray(scene(0).resize((64, 64)).convert("L"), np.float32)
    codes = perceptual_hash(np.stack([gray, 0.5 * gray + 20, gray[::-1], gray.T]))
    apart = [int(codes[0] ^ c).bit_count() for c in codes]
    assert apart[1] <= 1  # the mean itself is one of the bits
    assert min(apart[2:]) > checks.NEAR_BITS


# --- what follows from copies -------------------------------------------------------------------


def test_a_training_copy_of_a_test_image_is_left_out_and_named():
    data = dataset([0, 0, 1, 1, 0, 1], [0, 0, 0, 0, 1, 1])
    copies = Copies(np.array([7, 1, 2, 3, 7, 5]), np.array([0, 1, 2, 3, 0, 5]))
    keep, findings = check_copies(data, copies)
    assert keep.tolist() == [False, True, True, True, True, True]
    (finding,) = findings
    assert (finding.kind, finding.severity) == ("duplicates", "warning")
    assert "0.png = 4.png" in finding.message
    assert "1 training image was left out" in finding.message
    assert finding.figures["across_train_and_test"] == 1
    assert finding.figures["left_out_of_training"] == 1
    assert finding.figures["files"] == [["0.png", "4.png"]]


def test_copies_within_training_stay_and_are_counted():
    data = dataset([0, 0, 0, 1, 1, 1])
    copies = Copies(np.array([0, 0, 0, 3, 4, 4]), np.array([0, 0, 1, 2, 3, 4]))
    keep, findings = check_copies(data, copies)
    assert keep.all()
    (finding,) = findings
    assert finding.severity == "info"
    assert finding.figures["pictures"] == 2
    assert finding.figures["copies"] == 3
    assert finding.figures["exact"] == 1
    assert "3 images are copies of others (1 exact, 2 near; first: 0.png = 1.png = 2.png)" in (
        finding.message
    )
    assert "one side of every split" in finding.message


def test_copies_with_different_labels_are_named_with_them():
    data = dataset([0, 1, 1, 0, 1])
    copies = Copies(np.array([0, 0, 2, 3, 4]), np.arange(5))
    _, findings = check_copies(data, copies)
    conflict = next(f for f in findings if f.kind == "conflicts")
    assert conflict.severity == "warning"
    assert "0.png (a), 1.png (b)" in conflict.message
    assert conflict.figures["files"] == [["0.png (a)", "1.png (b)"]]


def test_no_copies_no_findings():
    keep, findings = check_copies(dataset([0, 1, 0, 1]), Copies(np.arange(4), np.arange(4)))
    assert keep.all()
    assert findings == []


# --- classes ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("labels", "is_test", "message", "hint"),
    [
        ([0, 0, 0], [0, 0, 0], "only one class: 'a'", "at least two"),
        ([0, 0, 1, 1], [1, 1, 0, 0], "training lacks: 'a'", "Add training images"),
        ([0, 0, 1], [0, 0, 0], "1 class with a single training image: 'b'", "held out"),
        ([0, 1, 2, 2], [0, 0, 0, 0], "2 classes with a single training image: 'a', 'b'", "add"),
        ([0, 0, 2, 2], [0, 0, 0, 0], "1 class without a usable image: 'b'", "Repair"),
    ],
)
def test_classes_that_cannot_be_learned(labels, is_test, message, hint):
    with pytest.raises(DataError) as caught:
        check_classes(dataset(labels, is_test))
    assert message in caught.value.message
    assert hint in caught.value.hint


ORIGINALS = [
    ([0, 0, 0, 1, 1, 1], [0, 0, 0, 1, 1, 1], "2 classes with copies of a single picture alone"),
    ([0, 0, 0, 1, 1, 1], [0, 0, 0, 1, 2, 1], "1 class with copies of a single picture alone: 'a'"),
    ([0, 0, 0, 1, 1, 1], [0, 1, 0, 1, 1, 1], "1 class with copies of a single picture alone: 'b'"),
]


@pytest.mark.parametrize(("labels", "component", "message"), ORIGINALS)
def test_a_class_of_one_picture_copied_cannot_be_held_out(labels, component, message):
    with pytest.raises(DataError, match=message) as caught:
        check_originals(dataset(labels), np.array(component))
    assert "add others, or remove the class" in caught.value.hint


def test_classes_of_few_pictures_are_told_what_one_of_them_weighs():
    labels = [0] * 4 + [1] * 12 + [2] * 40
    component = np.arange(len(labels))
    component[10:16] = 9  # seven copies of one: of class b there are six pictures
    (found,) = check_originals(dataset(labels), component)
    assert (found.kind, found.severity) == ("few", "info")
    assert found.figures == {"counts": {"a": 4, "b": 6}}
    assert "2 classes with fewer than ten pictures: 'a' (4), 'b' (6)" in found.message
    assert "moves the recall of 'a' by 25 points and the balanced accuracy by 8.3" in found.message
    assert "all 4 right would only say that its recall is over 40%" in found.message
    assert clopper_pearson(4, 4)[0] == pytest.approx(0.4, abs=0.005)


def test_few_are_counted_where_they_are_scored():
    labels, is_test = [0] * 30 + [1] * 30, ([0] * 27 + [1] * 3) * 2
    (found,) = check_originals(dataset(labels, is_test=is_test), np.arange(60))
    assert found.figures == {"counts": {"a": 3, "b": 3}}
    assert "in the test set" in found.message
    assert check_originals(dataset(labels), np.arange(60)) == []


def test_only_test_images_is_no_class_to_train_on():
    with pytest.raises(DataError, match="training lacks"):
        check_classes(dataset([0, 1], [1, 1]))


@pytest.mark.parametrize(
    ("counts", "severity"), [((30, 10), None), ((31, 10), "info"), ((110, 10), "warning")]
)
def test_imbalance_is_reported(counts, severity):
    findings = check_classes(dataset(np.repeat([0, 1], counts)))
    if severity is None:
        assert findings == []
        return
    (finding,) = findings
    assert (finding.kind, finding.severity) == ("imbalance", severity)
    share = counts[0] / sum(counts)
    assert f"{counts[0]} of 'a', {counts[1]} of 'b'" in finding.message
    assert f"{share:.0%}" in finding.message
    assert "--balanced" in finding.message
    assert finding.figures["counts"] == {"a": counts[0], "b": counts[1]}


def test_test_images_do_not_count_as_training():
    labels, is_test = [0] * 10 + [1] * 10 + [0] * 90, [0] * 20 + [1] * 90
    assert check_classes(dataset(labels, is_test)) == []


# --- sizes --------------------------------------------------------------------------------------


def test_small_images_are_reported_with_the_smallest():
    thumb = np.zeros((64, 64, 3), np.uint8)
    sizes = [Digest(s, thumb) for s in ((224, 300), (111, 400), (400, 90), (112, 112))]
    (finding,) = check_sizes(dataset([0, 0, 1, 1]).refs, sizes, 224)
    assert finding.severity == "info"
    assert "2 of 4 images are smaller than 112 pixels" in finding.message
    assert "2.png, 400x90" in finding.message
    assert check_sizes(dataset([0, 0, 1, 1]).refs, sizes, 180) == []


@pytest.mark.parametrize(("n", "reported"), [(0, False), (25, True), (99, True), (100, False)])
def test_a_small_test_set_is_reported(n, reported):
    data = dataset([0, 1] * 100, np.arange(200) < n)
    findings = check_test_size(data)
    assert bool(findings) == reported
    if n == 25:  # 1.96 · √(¼ / 25) = 0.196
        assert "±20 points" in findings[0].message


# --- groups -------------------------------------------------------------------------------------


def test_copies_and_groups_are_joined():
    copies = np.array([0, 1, 2, 2, 4, 5, 6])
    groups = np.array(["p", "p", "p", "q", "q", "r", "s"])  # a copy links p and q
    merged = merge_groups(copies, groups)
    assert len(np.unique(merged[:5])) == 1
    assert len({merged[0], merged[5], merged[6]}) == 3
    assert merge_groups(copies, None) is copies


@given(st.lists(st.tuples(st.integers(0, 8), st.integers(0, 8)), min_size=1, max_size=30))
def test_merged_groups_are_the_finest_that_keep_both(pairs):
    copies = np.array([c for c, _ in pairs])
    groups = np.array([str(g) for _, g in pairs])
    merged = merge_groups(copies, groups)
    for one, two in ((copies, merged), (groups, merged)):  # coarser than either
        for value in np.unique(one):
            assert len(np.unique(two[one == value])) == 1
    # and no coarser than linking requires: walk the links by hand
    start = {0}
    while True:
        more = {
            i
            for i in range(len(pairs))
            if any(copies[i] == copies[j] or groups[i] == groups[j] for j in start)
        }
        if more <= start:
            break
        start |= more
    assert set(np.flatnonzero(merged == merged[0])) == start


def grouped(labels, groups, is_test=None):
    data = dataset(labels, is_test, groups)
    return data, merge_groups(np.arange(len(labels)), data.groups)


@pytest.mark.parametrize(
    ("groups", "is_test", "least"),
    [("xxxxxx", None, 3), ("xxxyyy", None, 3), ("xxxxyy", [0, 0, 0, 0, 1, 1], 2)],
)
def test_too_few_groups_to_hold_one_out(groups, is_test, least):
    """Two cameras, --groups camera: it once ended in a division by zero."""
    with pytest.raises(DataError) as caught:
        check_groups(*grouped([0, 1, 0, 1, 0, 1], list(groups), is_test))
    assert f"at least {least} groups" in caught.value.hint


def test_enough_groups_are_fine():
    assert check_groups(*grouped([0, 1, 0, 1, 0, 1], list("xxyyzz"))) == []
    assert check_groups(*grouped([0, 1] * 4, list("xxyyzzww"), [0, 0, 0, 0, 0, 0, 1, 1])) == []


def test_groups_the_user_did_not_give_are_not_checked():
    assert check_groups(dataset([0, 1, 0, 1]), np.zeros(4, np.int64)) == []


def test_a_group_on_both_sides_of_the_test_split_is_named():
    labels, is_test = [0, 1] * 4, [0, 0, 0, 0, 0, 0, 1, 1]
    (finding,) = check_groups(*grouped(labels, list("xxyyzzyw"), is_test))
    assert finding.severity == "warning"
    assert "1 group of the test set occurs in training too (first: 'y')" in finding.message


def test_a_class_of_one_group_is_named():
    finding, _few = check_groups(*grouped([0, 0, 0, 1, 1, 1, 1, 1], list("xyzwwwww")))
    assert finding.severity == "warning"
    assert "1 class with a single group: 'b'" in finding.message
    assert finding.figures["classes_of_one_group"] == ["b"]
