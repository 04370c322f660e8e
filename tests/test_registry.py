"""The registry: one name, one record, and help for names that are not there."""

from importlib.metadata import EntryPoint

import pytest

from headstart.errors import HeadstartError, UnknownNameError
from headstart.registry import Record, Registry, unknown_name


@pytest.fixture
def registry():
    names = Registry("backbone", "headstart backbones")
    for name in ("resnet50", "resnet18", "vgg16"):
        names.add(Record(name, lambda name=name: name.upper(), summary=f"the {name}"))
    return names


def test_a_name_makes_its_object(registry):
    record = registry.get("vgg16")
    assert (record.factory(), record.summary) == ("VGG16", "the vgg16")


def test_a_factory_is_not_called_before_it_is_wanted():
    def fail():
        raise AssertionError("called too early")

    names = Registry("backbone")
    names.add(Record("heavy", fail))
    assert "heavy" in names
    assert names.names() == ["heavy"]
    assert names.get("heavy").licence == ""
    with pytest.raises(AssertionError, match="too early"):
        names.get("heavy").factory()


def test_a_name_is_taken_once(registry):
    with pytest.raises(ValueError, match="backbone 'vgg16' is registered already"):
        registry.add(Record("vgg16", str))
    assert registry.get("vgg16").factory() == "VGG16"


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("resnet5", "Did you mean 'resnet50'"),
        ("vgg-16", "Did you mean 'vgg16'?"),
        ("swin", "`headstart backbones` lists what there is."),
    ],
)
def test_an_unknown_name_is_helped(registry, name, hint):
    with pytest.raises(UnknownNameError) as caught:
        registry.get(name)
    assert caught.value.message == f"No backbone {name!r}."
    assert hint in caught.value.hint
    assert ("Did you mean" in caught.value.hint) == (name != "swin")


def test_at_most_three_suggestions():
    hint = unknown_name("set", "data", [f"data{i}" for i in range(9)]).hint
    assert hint.count("'data") == 3
    assert hint.count(", ") == hint.count(" or ") == 1
    assert unknown_name("set", "x", []).hint == ""


def test_listing_by_pattern(registry):
    assert registry.names() == ["resnet18", "resnet50", "vgg16"]
    assert registry.names("resnet*") == ["resnet18", "resnet50"]
    assert registry.names("*1?") == ["resnet18", "vgg16"]
    assert registry.names("RESNET*") == []
    assert [record.name for record in registry] == ["resnet50", "resnet18", "vgg16"]


def test_what_packages_announce_is_registered():
    """Built-in providers come in through the same door as anybody's."""
    names = Registry("backbone provider")
    names.add_entry_points("headstart.backbones")
    assert {"embedded", "file", "timm", "torchvision"} <= set(names.names())
    provider = names.get("embedded").factory()
    assert type(provider).__name__ == "EmbeddedProvider"
    names = Registry("nothing")
    names.add_entry_points("headstart.no-such-group")
    assert names.names() == []


@pytest.mark.parametrize(
    ("value", "fault"),
    [("no_such_package:Made", "ModuleNotFoundError"), ("json:Made", "AttributeError")],
)
def test_a_plug_in_that_does_not_load_is_named(value, fault, monkeypatch):
    point = EntryPoint("whale", value, "headstart.modalities")
    monkeypatch.setattr("headstart.registry.entry_points", lambda group: [point])
    names = Registry("modality")
    names.add_entry_points("headstart.modalities")
    with pytest.raises(HeadstartError, match=f"'whale' of the package .* does not load: {fault}"):
        names.get("whale").factory()
