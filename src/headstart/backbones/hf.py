"""Networks of Hugging Face: ``hf:NAME`` from the hub or its cache, ``hf:FOLDER`` of your own.

Of texts, networks built as BERT is are read: token embeddings, then layers. Whether that is all
there is to one is not looked up but tried: its own answer must be the same. Those for sound are in
:mod:`headstart.backbones.hf_audio`.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from headstart.backbones import Listing, hf_audio
from headstart.backbones.downloads import cannot_download, refuse_unreachable
from headstart.errors import BackboneError
from headstart.modalities.text.look import Tokens
from headstart.modalities.text.read import refuse_without_extra
from headstart.modalities.text.tokenizer import keep
from headstart.said import N_, _

if TYPE_CHECKING:
    from headstart.backbones.network import Backbone
    from headstart.backbones.text_network import TextBackbone

WINDOW = 256
"""Tokens read at a time, at most: attention costs their square, and sentence encoders were trained
on no more."""
PROMPTS, POOLING, LENGTH = (
    "config_sentence_transformers.json",
    "1_Pooling/config.json",
    "sentence_bert_config.json",
)
"""Files in which sentence-transformers says how a network is used."""
CONFIG, WEIGHTS = "config.json", ("model.safetensors", "pytorch_model.bin")
TOLERANCE = 1e-4
NOT_STATED = N_("not stated")


class HuggingFaceProvider:
    """Every encoder of texts or sounds that transformers can load and that is built as one here."""

    def listings(self) -> Iterable[Listing]:
        """List what lies in the hub's cache and says that it encodes texts or sounds."""
        from huggingface_hub import CacheNotFound, constants, scan_cache_dir

        # Said: its default is the place of the cache when that function was first imported.
        with suppress(CacheNotFound, OSError):
            for repository in scan_cache_dir(constants.HF_HUB_CACHE).repos:
                for revision in repository.revisions:
                    kind = _encodes(revision.snapshot_path)
                    if kind:
                        yield Listing(repository.repo_id, available=True, modality=kind)
                        break

    def fingerprint(self, name: str) -> str | None:
        """Return None: only loading tells which weights a name stands for."""
        return None

    def load(self, name: str, *, pretrained: bool = True) -> Backbone:
        """Load ``name``; downloads what is not in the hub's cache.

        Raises
        ------
        BackboneError
            Weights that cannot be had, or of another kind of network.
        MissingExtraError
            The extra ``text``, or ``audio``, is not installed.
        """
        folder = Path(name).expanduser()
        if folder.is_dir():
            return _loaded(folder, f"hf:{folder.name}", pretrained=pretrained)
        return _loaded(_fetched(name), f"hf:{name}", pretrained=pretrained, source=name)


def _loaded(folder: Path, name: str, *, pretrained: bool, source: str = "") -> Backbone:
    """Load a network of whatever examples its form is for."""
    if hf_audio.is_for_sound(_read(folder / CONFIG)):
        said = {"licence": _licence(folder), "source": source or str(folder)}
        return hf_audio.from_folder(folder, name, pretrained=pretrained, **said)
    return from_folder(folder, name, pretrained=pretrained, source=source)


def from_folder(folder: Path, name: str, *, pretrained: bool = True, **said: str) -> TextBackbone:
    """Load a network from a folder as Hugging Face lays it out.

    Parameters
    ----------
    said : str
        ``licence`` and ``source`` where the caller knows them; ``prefix``.
    """
    refuse_without_extra()
    from transformers import AutoConfig, AutoModel
    from transformers.utils import logging

    from headstart.backbones.text_network import wrap

    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model = (
                AutoModel.from_pretrained(folder, local_files_only=True)
                if pretrained
                else AutoModel.from_config(AutoConfig.from_pretrained(folder))
            )
        tokenizer, numbers = _tokenizer(folder)
    except Exception as cause:  # the library raises many kinds for folders that are not whole
        raise BackboneError(
            _(
                "{name} cannot be loaded as a text network ({kind}: {cause}).",
                name=name,
                kind=type(cause).__name__,
                cause=str(cause).splitlines()[0] if str(cause) else "",
            ),
            _(
                "It needs {files}, as transformers' save_pretrained writes them.",
                files="config.json, model.safetensors, tokenizer.json",
            ),
        ) from cause
    look = Tokens(
        keep(tokenizer),
        pad=numbers["pad"],
        unknown=numbers["unknown"],
        vocabulary=numbers["vocabulary"],
        window=_window(folder, model.config),
        prefix=said.get("prefix") or _prompt(folder),
    )
    model = model.eval().requires_grad_(False)
    _refuse_unlike(model, look, name)
    return wrap(
        model,
        name=name,
        look=look,
        pool=_pool(folder),
        licence=said.get("licence") or _licence(folder),
        source=said.get("source") or str(folder),
    )


def _refuse_unlike(model: Any, look: Tokens, name: str) -> None:
    """Raise ``BackboneError`` where a network has more to it than embeddings and layers."""
    import torch

    from headstart.backbones.text_network import Encoder

    fed = torch.from_numpy(look.drawn(2))
    ids, there = fed[:, 0].long(), (fed[:, 0] != look.pad).long()
    try:
        with torch.no_grad():
            net = Encoder(model, look.pad, "mean").eval()
            maps = net.embed(fed)
            for block in net.blocks:
                maps = block(maps)
            ours = maps[:, :, 0].transpose(1, 2)
            theirs = model(input_ids=ids, attention_mask=there).last_hidden_state
        far = float(((ours - theirs) * there[..., None]).abs().max())
    except (AttributeError, TypeError, ValueError, RuntimeError):
        far = float("inf")
    if not far < TOLERANCE:
        raise BackboneError(
            _(
                "{name} is a network of the kind {kind!r}, which is not built as BERT is.",
                name=name,
                kind=model.config.model_type,
            ),
            _("Those of these kinds are: {kinds}.", kinds="bert, roberta, xlm-roberta, electra"),
        )


def _tokenizer(folder: Path) -> tuple[bytes, dict[str, int]]:
    """Return the ``tokenizer.json`` of a folder, and the numbers that a look needs."""
    from transformers import AutoTokenizer

    made = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    pad, unknown = made.pad_token_id, made.unk_token_id
    numbers = {
        "pad": 0 if pad is None else pad,
        "unknown": -1 if unknown is None else unknown,
        "vocabulary": len(made),
    }
    return made.backend_tokenizer.to_str().encode(), numbers


def _window(folder: Path, config: Any) -> int:
    places = getattr(config, "max_position_embeddings", WINDOW)
    if config.model_type in ("roberta", "xlm-roberta", "camembert"):
        places -= config.pad_token_id + 1  # where counting begins
    said = _read(folder / LENGTH).get("max_seq_length") or WINDOW
    return int(min(places, said, WINDOW))


def _pool(folder: Path) -> str:
    return "first" if _read(folder / POOLING).get("pooling_mode_cls_token") else "mean"


def _prompt(folder: Path) -> str:
    said = _read(folder / PROMPTS)
    return str((said.get("prompts") or {}).get(said.get("default_prompt_name")) or "")


def _licence(folder: Path) -> str:
    from huggingface_hub import ModelCard

    with suppress(Exception):  # a card is prose, and may hold anything
        return str(ModelCard.load(folder / "README.md").data.license or NOT_STATED)
    return NOT_STATED


def _read(path: Path) -> dict[str, Any]:
    try:
        said = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return said if isinstance(said, dict) else {}


def _encodes(folder: Path) -> str:
    """Name the modality of a network that a folder of the cache holds whole; "": there is none."""
    config = _read(folder / CONFIG)
    if not any((folder / file).exists() for file in WEIGHTS):
        return ""
    if hf_audio.is_for_sound(config):
        return "audio"
    return "text" if "vocab_size" in config and "num_hidden_layers" in config else ""


def _fetched(name: str) -> Path:
    """Return the folder of a name of the hub: from its cache, or fetched into it."""
    from huggingface_hub import constants, hf_hub_url, snapshot_download

    wanted = ["*.json", "*.txt", "*.model", "*.md", "1_Pooling/*", WEIGHTS[0]]
    with suppress(Exception):
        here = Path(snapshot_download(name, allow_patterns=wanted, local_files_only=True))
        if _encodes(here):
            return here
    by_hand = _(
        "fetch {what} where there is a network, copy it here and name it: {option}.",
        what=_("the folder {repository} from the Hugging Face hub", repository=name),
        option="--backbone hf:FOLDER",
    )
    if not constants.HF_HUB_OFFLINE:
        refuse_unreachable(f"hf:{name}", hf_hub_url(name, "config.json"), by_hand)
    try:
        folder = Path(snapshot_download(name, allow_patterns=wanted))
        if not (folder / WEIGHTS[0]).exists():  # older ones have only the other form
            folder = Path(snapshot_download(name, allow_patterns=[*wanted, WEIGHTS[1]]))
        return folder
    except Exception as cause:  # the hub client raises a dozen kinds when the network is away
        raise cannot_download(f"hf:{name}", cause, by_hand) from cause
