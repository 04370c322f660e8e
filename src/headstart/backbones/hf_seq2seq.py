"""Networks of Hugging Face that turn one text into another: Marian, T5, M2M100, NLLB.

``hf:NAME`` from the hub or its cache, ``hf:FOLDER`` of your own; weights are read from safetensors
alone, since the older form may run code.
"""

from __future__ import annotations

import json
import warnings
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from headstart.backbones.downloads import refuse_unreachable
from headstart.errors import BackboneError, MissingExtraError
from headstart.said import _, commas

CONFIG, WEIGHTS = "config.json", "model.safetensors"
TOKENIZERS = (
    *("tokenizer.json", "source.spm", "spiece.model", "sentencepiece.bpe.model"),
    *("sentencepiece.model", "vocab.json", "vocab.txt"),
)
"""Files of which a folder with a tokenizer has one."""
WANTED = ("*.json", "*.txt", "*.model", "*.spm", "*.safetensors")
NEEDS = ("transformers", "tokenizers", "sentencepiece", "sacrebleu", "sacremoses")
"""Modules of the extra ``translate``."""


def refuse_without_translate() -> None:
    """Raise ``MissingExtraError`` where a package of the extra is not installed."""
    lacking = [name for name in NEEDS if find_spec(name) is None]
    if lacking:
        raise MissingExtraError(
            _("Translation needs the package {name}, which is not installed.", name=lacking[0]),
            _("Install it: {command}", command="pip install 'headstart[translate]'"),
        )


def load_seq2seq(name: str) -> tuple[Any, Any]:
    """Load a network and its tokenizer.

    Parameters
    ----------
    name : str
        What stands after ``hf:``: a name of the hub, or a folder.

    Returns
    -------
    model, tokenizer
        Of ``transformers``.

    Raises
    ------
    BackboneError
        Weights that cannot be had, a folder without a tokenizer, or another kind of network.
    """
    folder = Path(name).expanduser()
    folder = folder if folder.is_dir() else _fetched(name)
    return from_folder(folder, f"hf:{name}")


def from_folder(folder: Path, name: str) -> tuple[Any, Any]:
    """Load both from a folder, as transformers' ``save_pretrained`` writes them.

    Raises
    ------
    BackboneError
        A folder that is not whole, or not of such a network.
    """
    _refuse_other(folder, name)
    from transformers import AutoModelForSeq2SeqLM, AutoTokenizer
    from transformers.utils import logging

    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model = AutoModelForSeq2SeqLM.from_pretrained(
                folder, local_files_only=True, use_safetensors=True
            )
            tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    except Exception as cause:  # the library raises many kinds for folders that are not whole
        raise BackboneError(
            _(
                "{name} cannot be loaded as a network that translates ({kind}: {cause}).",
                name=name,
                kind=type(cause).__name__,
                cause=str(cause).splitlines()[0] if str(cause) else "",
            ),
            _whole(),
        ) from cause
    return model.float().eval(), tokenizer


def _refuse_other(folder: Path, name: str) -> None:
    """Raise ``BackboneError`` for what a look at the files tells is no such network."""
    try:
        config = json.loads((folder / CONFIG).read_text("utf-8"))
    except (OSError, ValueError) as cause:
        raise BackboneError(
            _("{name} holds no network: {file} is missing or damaged.", name=name, file=CONFIG),
            _whole(),
        ) from cause
    if not (isinstance(config, dict) and config.get("is_encoder_decoder")):
        kind = str(config.get("model_type", "")) if isinstance(config, dict) else ""
        raise BackboneError(
            _("{name} is a network of the kind {kind!r}, which does not translate.", name=name,
              kind=kind),
            _("Those that do have an encoder and a decoder: {kinds}.",
              kinds=commas(("marian", "t5", "mt5", "m2m_100", "mbart"))),
        )  # fmt: skip
    if not any(folder.glob("*.safetensors")):
        raise BackboneError(
            _("{name} has no {file}.", name=name, file=WEIGHTS),
            _(
                "Older weights (pytorch_model.bin) may run code when they are read, so they are "
                "not. Convert them where you trust them: load them with transformers, then "
                "save_pretrained."
            ),
        )
    if not any((folder / file).exists() for file in TOKENIZERS):
        raise BackboneError(
            _("{name} has no tokenizer (none of {files}).", name=name, files=commas(TOKENIZERS)),
            _("Save it beside the network: tokenizer.save_pretrained(FOLDER)."),
        )


def _whole() -> str:
    return _(
        "It needs {files}, as transformers' save_pretrained writes them.",
        files="config.json, model.safetensors, tokenizer.json",
    )


def _fetched(name: str) -> Path:
    """Return the folder of a name of the hub: from its cache, or fetched into it."""
    from huggingface_hub import constants, hf_hub_url, snapshot_download

    with suppress(Exception):
        here = Path(snapshot_download(name, allow_patterns=[*WANTED], local_files_only=True))
        if any(here.glob("*.safetensors")):
            return here
    by_hand = _(
        "fetch {what} where there is a network, copy it here and name it: {option}.",
        what=_("the folder {repository} from the Hugging Face hub", repository=name),
        option="--model hf:FOLDER",
    )
    try:
        if not constants.HF_HUB_OFFLINE:
            refuse_unreachable(f"hf:{name}", hf_hub_url(name, CONFIG), by_hand)
        return Path(snapshot_download(name, allow_patterns=[*WANTED]))
    except BackboneError as cause:
        raise BackboneError(
            cause.message, _("Or bring them by hand: {how}", how=by_hand)
        ) from cause
    except Exception as cause:  # the hub client raises a dozen kinds when the network is away
        raise BackboneError(
            _(
                "The weights of {name!r} are not on this machine and could not be downloaded "
                "({kind}: {cause}).",
                name=f"hf:{name}",
                kind=type(cause).__name__,
                cause=str(cause).splitlines()[0] if str(cause) else _("no detail"),
            ),
            _("Or bring them by hand: {how}", how=by_hand),
        ) from cause
