"""Rooms: what is of images alone stays where images are, and every exception has its reason."""

from __future__ import annotations

import ast
import re
from pathlib import Path

SRC = Path(__file__).parents[1] / "src" / "headstart"
IMAGES = (
    "modalities/image/",
    *("backbones/vision.py", "backbones/timm.py", "backbones/torchvision.py"),
    *("backbones/embedded.py", "backbones/file.py", "backbones/face.py"),
    *("backbones/embedded_faces.py", "backbones/onnx_face.py"),
    "exports/mlflow.py",
    "exports/timm.py",
)
"""Where images live, and the networks that see."""
WORDS = re.compile(r"\b(images?|photos?|pictures?|pixels?)\b", re.IGNORECASE)
SHAPES = re.compile(r"\(B, H, W, 3\)|\bside, side, 3\b|\bsize, size, 3\b|\(\d+, \d+, 3\)")

DRAWING = ("modalities/audio/spectrogram.py",)
"""Where something else is drawn."""
EXAMPLES = "examples for the reader: photos are what most people bring"
MEASURED = "figures that were measured on images, and say so"
CONTRACT = "a file, key or column of the run folder, which may not be renamed"
EXCEPTIONS = {
    "__init__.py": EXAMPLES,
    "cli/adapt.py": EXAMPLES,
    "cli/console.py": EXAMPLES,
    "cli/export.py": EXAMPLES,
    "cli/hub.py": CONTRACT,  # --pictures
    "cli/runs.py": EXAMPLES,
    "cli/serve.py": EXAMPLES,
    "cli/studies.py": EXAMPLES,
    "cli/train.py": EXAMPLES,
    "data/archives.py": EXAMPLES,
    "events.py": EXAMPLES,
    "adaptation/finetune.py": MEASURED,
    "adaptation/testtime.py": MEASURED,
    "adaptation/unknown.py": MEASURED,
    "report/adaptation_words.py": MEASURED,
    "transfer/logistic.py": MEASURED,
    "transfer/moments.py": MEASURED,
    "transfer/recipe.py": MEASURED,
    "identification.py": CONTRACT,  # pictures.json
    "jobs/identify.py": CONTRACT,  # pictures.json, --pictures
    "prepare/refusals.py": CONTRACT,  # --pictures
    "report/identification.py": CONTRACT,  # pictures.json
    "report/identification_words.py": "of what there may be people in an example",
    "exports/push.py": CONTRACT,  # pictures.json, --pictures
    "exports/staged.py": CONTRACT,
    "exports/examples.py": CONTRACT,  # pictures.json and its keys
    "choose/rank.py": CONTRACT,  # size: pixels
    "data/checks.py": CONTRACT,  # figures["pictures"]
    "judge/explain.py": CONTRACT,  # explanations["images"]; the papers are about images
    "folder/layout.py": CONTRACT,
    "folder/schema.py": CONTRACT,
    "jobs/record.py": CONTRACT,  # identity["images"]
    "jobs/adapt/from_images.py": CONTRACT,
    "jobs/adapt/from_run.py": CONTRACT,
    "jobs/adapt/source.py": CONTRACT,
    "report/__init__.py": CONTRACT,
    "report/adaptation_facts.py": CONTRACT,
    "report/facts.py": CONTRACT,
    "report/card.py": "names of tasks, which are the hub's",
    "report/charts.py": "a record of Show may have a picture, whatever the modality",
    "report/page.py": "a record of Show may have a picture, whatever the modality",
    "report/shown.py": "a record of Show may have a picture, whatever the modality",
    "testing.py": "a record of Show may have a picture, whatever the modality",
    "modalities/audio/baselines.py": "a digest has a picture of the sound",
    "modalities/audio/digest.py": "a digest has a picture of the sound",
    "modalities/arrays/show.py": "rows of numbers are drawn: their record has a picture",
    "modalities/audio/spectrogram.py": "recordings are drawn: their record has a picture",
    "modalities/audio/show.py": "recordings are drawn: their record has a picture",
    "modalities/__init__.py": "the contract explains itself by images, and falls back to them",
    "data/parts.py": "names that people give their folders",
    "data/located.py": "names that people give their folders",
    "data/builtin.py": "the sets that come by name are sets of images",
    "prepare/config.py": "--size is an option of images: others refuse it by name",
    "jobs/train.py": "--size is an option of images; the docstring names modalities",
    "backbones/network.py": "maps are told from tokens by images being square",
    "adaptation/batchnorm.py": "batch norms are statistics of maps",
    "adaptation/loop.py": "an array of bytes with four axes is an image: its layout in memory",
    "transfer/network.py": "an array of bytes with four axes is an image: how it is mixed",
    "behaviour/items.py": "an item of a shop may have a picture",
}


def sources() -> dict[str, str]:
    found = {p.relative_to(SRC).as_posix(): p.read_text("utf-8") for p in SRC.rglob("*.py")}
    return {name: text for name, text in found.items() if not name.startswith(IMAGES)}


def test_only_images_import_pillow() -> None:
    for name, text in sources().items():
        if name in DRAWING:
            continue
        modules = {
            module
            for node in ast.walk(ast.parse(text))
            if isinstance(node, ast.Import | ast.ImportFrom)
            for module in ([node.module] if isinstance(node, ast.ImportFrom) else
                           [alias.name for alias in node.names])
        }  # fmt: skip
        assert not [m for m in modules if m and m.split(".")[0] == "PIL"], name


def test_image_words_and_shapes_stand_only_where_images_are() -> None:
    spoken = {n for n, text in sources().items() if WORDS.search(text) or SHAPES.search(text)}
    assert sorted(spoken - set(EXCEPTIONS)) == []


def test_every_exception_is_still_needed() -> None:
    """A reason without a case would let the next case in unseen."""
    spoken = {n for n, text in sources().items() if WORDS.search(text) or SHAPES.search(text)}
    assert sorted(set(EXCEPTIONS) - spoken) == []


def test_nothing_but_images_asks_for_images_by_name() -> None:
    """The modality of an example is known by its contract, never by a comparison of names."""
    named = re.compile(r"""[=!]= *["'](image|array)["']|["'](image|array)["'] *[=!]=""")
    imported = re.compile(r"headstart\.modalities\.(image|arrays)\b")
    # networks for rows of numbers, and a library of networks that see
    own = {"backbones/identity.py", "backbones/identity_network.py", "exports/timm.py"}
    for name, text in sources().items():
        if name.startswith("modalities/") or name in own:
            continue
        assert not named.search(text), name
        assert not imported.search(text), name
