"""The model of a translation on disk: as transformers writes it, with checksums beside it.

``model/`` holds ``config.json``, ``model.safetensors`` and the tokenizer's files, so transformers
alone can load it, ``translator.json`` (languages, and what the next language needs) and
``model.json``.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from headstart._version import __version__
from headstart.backbones.hf_seq2seq import from_folder
from headstart.errors import ArtifactError
from headstart.folder.layout import MODEL_JSON, TRANSLATION, TRANSLATOR
from headstart.folder.model import NONSENSE, SCHEMA, describe, described_in, no_model, verify
from headstart.folder.reading import MEND
from headstart.said import _
from headstart.translation.translator import Translator


def is_translator(folder: Path) -> bool:
    """Tell whether a model folder translates, without verifying it."""
    return (folder / TRANSLATOR).is_file()


def save_translator(folder: Path, translator: Translator) -> None:
    """Write a model folder."""
    from transformers.utils import logging

    logging.disable_progress_bar()
    folder.mkdir(parents=True)
    translator.model.save_pretrained(folder)
    translator.tokenizer.save_pretrained(folder)
    said = {
        "name": translator.name,
        "languages": list(translator.languages),
        "known": [list(one) for one in translator.known],
    }
    (folder / TRANSLATOR).write_text(json.dumps(said, ensure_ascii=False) + "\n", "utf-8")
    describe(folder, {"schema": SCHEMA, "headstart": __version__, "modality": TRANSLATION})


def load_translator(folder: Path) -> Translator:
    """Read and verify a model folder.

    Raises
    ------
    ArtifactError
        Not a model that translates, from a newer headstart, or changed since it was written.
    """
    described = described_in(folder)
    if described.get("modality") != TRANSLATION:
        raise ArtifactError(
            _("{folder!r} holds a model that does not translate.", folder=str(folder)), _(MEND)
        )
    verify(folder, described)
    try:
        said: dict[str, Any] = json.loads((folder / TRANSLATOR).read_text("utf-8"))
        first, second = map(str, said["languages"])
        known = tuple((str(piece), float(score)) for piece, score in said["known"])
        name = str(said["name"])
    except NONSENSE as cause:
        raise no_model(folder / MODEL_JSON, cause) from cause
    return Translator(*from_folder(folder, name), name, (first, second), known)
