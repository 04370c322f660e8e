"""Networks that learn to translate: the small one, Marian and T5; scores, runs, and refusals."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

import headstart as hs
from headstart.backbones.hf_seq2seq import load_seq2seq
from headstart.cli import run as run_command
from headstart.folder.translator import load_translator
from headstart.translation.checks import clean
from headstart.translation.memory import from_memory
from headstart.translation.network import small_network, start_from
from headstart.translation.pairs import Pairs
from headstart.translation.pieces import fit_pieces, pieces_used, with_pieces_of
from headstart.translation.scores import compared, scored, sentence_chrf
from headstart.translation.train import Recipe, batches, train
from headstart.translation.translator import Translator
from tiny_seq2seq import WORDS, pairs, save_m2m, save_marian, save_t5, write_tsv


def made(rows: list[tuple[str, str]]) -> Pairs:
    source, target = zip(*rows, strict=True)
    return Pairs("toy", source, target, tuple(range(len(rows))), languages=("en", "fr"))


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tsv(tmp_path_factory.mktemp("pairs") / "toy.tsv", pairs(200))


@pytest.fixture(scope="module")
def run(table: Path) -> hs.TranslateRun:
    return hs.translate(table, epochs=2, beam=2, out=table.parent / "run")


@pytest.fixture(scope="module")
def child(table: Path, run: hs.TranslateRun) -> hs.TranslateRun:
    path = write_tsv(table.parent / "more.tsv", pairs(120, seed=5))
    return hs.translate(path, model=str(run.folder), epochs=1, beam=1, out=table.parent / "child")


def test_scores_are_those_of_sacrebleus_command_line(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    wanted = [target for _source, target in pairs(60)]
    ours = [" ".join(rng.permutation(text.split())) if k % 3 else text
            for k, text in enumerate(wanted)]  # fmt: skip
    chinese = [f"我{'很' * (k % 4)}喜欢你的房间。" for k in range(60)]
    theirs = [text.replace("喜欢", "爱") if k % 2 else text for k, text in enumerate(chinese)]
    for language, tokenizer, references, said in (
        ("fr", "13a", wanted, ours), ("zh", "zh", chinese, theirs),
    ):  # fmt: skip
        (tmp_path / "ref.txt").write_text("\n".join(references) + "\n", "utf-8")
        (tmp_path / "out.txt").write_text("\n".join(said) + "\n", "utf-8")
        line = [sys.executable, "-m", "sacrebleu", "ref.txt", "-i", "out.txt", "-m", "bleu", "chrf",
                "-tok", tokenizer, "-w", "4"]  # fmt: skip
        printed = subprocess.run(line, cwd=tmp_path, capture_output=True, text=True, check=True)
        by_name = {one["name"]: one for one in json.loads(printed.stdout)}
        rows, signatures = scored({"same": references, "trained": said}, references, language)
        assert round(100 * rows[1]["bleu"], 4) == by_name["BLEU"]["score"]
        assert round(100 * rows[1]["chrf"], 4) == by_name["chrF2"]["score"]
        assert f"tok:{tokenizer}" in signatures["bleu"]
        assert rows[0]["chrf"] == pytest.approx(1)
        low, high = rows[1]["chrf_ci95"]
        assert low < rows[1]["chrf"] < high
        assert rows[1]["chrf_p"] < 0.01


def test_systems_are_compared_sentence_by_sentence_and_copies_count_together() -> None:
    wanted = [target for _source, target in pairs(80)]
    worse = [text.replace("e", "x") for text in wanted]
    alone = compared(wanted, worse, wanted, np.arange(80))
    expected = (sentence_chrf(wanted, wanted) - sentence_chrf(worse, wanted)).mean()
    assert alone.gain == pytest.approx(expected)
    assert alone.decision == "helps"
    together = compared(wanted, worse, wanted, np.arange(80) // 40)
    assert together.decision == "cannot tell"


def test_a_memory_answers_with_the_translation_of_the_most_similar_sentence() -> None:
    known = made([("the red house.", "A"), ("a black dog sees.", "B"), ("never now.", "C")])
    assert from_memory(known, ["the red houses!", "black dogs", "now"]) == ["A", "B", "C"]


def test_batches_hold_like_lengths_and_all_pairs_once() -> None:
    lengths = np.random.default_rng(0).integers(2, 40, (300, 2))
    recipe = Recipe(1, 1e-3, batch=16, tokens=200)
    found = batches(lengths, recipe, np.random.default_rng(1))
    assert sorted(i for batch in found for i in batch) == list(range(300))
    assert max(map(len, found)) <= 16
    assert all(len(b) * lengths[b].max() <= 200 for b in found if len(b) > 1)
    again = batches(lengths, recipe, np.random.default_rng(2))
    assert again != found


def test_pieces_of_another_network_come_along() -> None:
    rows = pairs(150)
    parent = fit_pieces(made(rows), 60)
    other = fit_pieces(made([(target, source) for source, target in rows[:20]]), 10)
    used = pieces_used(parent, [source for source, _target in rows])
    both = with_pieces_of(other, used)
    assert other.get_vocab().keys() | {p for p, _s in used} == both.get_vocab().keys()
    text = rows[0][0]
    assert both.decode(both.encode(text).ids) == text


def test_the_small_network_starts_where_the_other_one_is() -> None:
    rows = made(pairs(100))
    parent, theirs = small_network(fit_pieces(rows, 50), 0)
    pieces = with_pieces_of(fit_pieces(made([("zig", "zag")]), 5), [("▁dog", -3.0)])
    model, ours = small_network(pieces, 1)
    before = model.get_input_embeddings().weight.detach().clone()
    shared = start_from(model, ours, parent, theirs)
    common = ours.get_vocab().keys() & theirs.get_vocab().keys()
    assert shared == len(common)
    for piece, i in ours.get_vocab().items():
        row = model.get_input_embeddings().weight[i]
        j = theirs.get_vocab().get(piece)
        same = before[i] if j is None else parent.get_input_embeddings().weight[j]
        assert torch.equal(row, same), piece
    layer = "model.decoder.layers.1.encoder_attn.k_proj.weight"
    assert torch.equal(model.state_dict()[layer], parent.state_dict()[layer])


def test_training_learns_keeps_the_best_epoch_and_repeats_itself() -> None:
    rows = made(pairs(96, length=(2, 4)))
    found = []
    for _turn in range(2):
        translator = Translator(*small_network(fit_pieces(rows, 80), 0), "tiny", ("en", "fr"))
        recipe = Recipe(6, 3e-3, batch=16, tokens=2_000, warmup=0.1, patience=2)
        before = torch.get_rng_state()
        trained = train(translator, rows, rows.take(range(24)), recipe, 0)
        assert torch.equal(before, torch.get_rng_state())
        found.append((trained, translator.translate(rows.source[:8])))
    (trained, said), again = found
    assert (trained, said) == again
    losses = [point.loss for point in trained.curve]
    assert losses[-1] < losses[0]
    assert trained.kept == 1 + int(np.argmax([point.chrf for point in trained.curve]))


def test_a_run_is_a_folder_that_translates(run: hs.TranslateRun, table: Path) -> None:
    found = run.metrics
    assert found["data"]["languages"] == ["en", "fr"]
    assert [row["name"] for row in found["scores"]] == ["trained", "memory"]
    assert found["verdict"]["question"] == "memory"
    assert found["model"]["parameters"] > 10**6
    names = {path.name for path in run.folder.iterdir()}
    assert names == {"model", "test", "metrics.json", "run.json", "report.html", "figures"}
    lines = {path.stem: path.read_text("utf-8").splitlines()
             for path in (run.folder / "test").iterdir()}  # fmt: skip
    assert {len(one) for one in lines.values()} == {found["data"]["test"]}
    known = dict(pairs(200))
    assert all(known[s] == t for s, t in zip(lines["source"], lines["reference"], strict=True))
    asked = ["the dog sees bread.", " ", "cat " * 300]
    answers = run.predict(asked, beam=1)
    assert [one.note for one in answers] == ["", "an empty text", "cut after 128 tokens"]
    again = hs.TranslateRun(run.folder).predict(asked, beam=1)
    assert again == answers
    with pytest.raises(hs.ConfigError, match="--beam 0"):
        run.predict(asked, beam=0)
    assert "run" in repr(run)
    assert run._repr_html_().startswith("<div")


def test_transformers_alone_loads_the_model(run: hs.TranslateRun) -> None:
    from transformers import AutoModelForSeq2SeqLM, AutoTokenizer

    folder = run.folder / "model"
    model = AutoModelForSeq2SeqLM.from_pretrained(folder)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    text = "the dog sees bread."
    out = model.generate(**tokenizer(text, return_tensors="pt"), num_beams=1, do_sample=False,
                         max_length=60)  # fmt: skip
    (said,) = run.predict([text], beam=1)
    assert tokenizer.decode(out[0], skip_special_tokens=True).strip() == said.translation


def test_a_run_starts_from_another_and_is_compared_with_nothing(child: hs.TranslateRun) -> None:
    found = child.metrics
    assert found["verdict"]["question"] == "source"
    assert found["verdict"]["against"] == "scratch"
    assert [one["name"] for one in found["curves"]] == ["trained", "scratch"]
    assert [row["name"] for row in found["scores"]] == ["trained", "scratch", "memory"]
    assert found["model"]["shared"] > 50
    low, high = found["verdict"]["gain_ci95"]
    sure = low > 0 or high < 0
    assert (found["verdict"]["decision"] == "cannot tell") == (not sure)
    assert found["curves"][0]["points"][0]["loss"] < found["curves"][1]["points"][0]["loss"]


@pytest.mark.parametrize("kind", ["marian", "t5"])
@pytest.mark.parametrize("lora", [False, True])
def test_pretrained_networks_are_tuned(tmp_path: Path, kind: str, *, lora: bool) -> None:
    folder = (save_marian if kind == "marian" else save_t5)(tmp_path / "net")
    table = write_tsv(tmp_path / "toy.tsv", pairs(120, length=(2, 4)))
    run = hs.translate(
        table, model=f"hf:{folder}", lr=3e-3, epochs=2, beam=1, lora=lora, out=tmp_path / "run"
    )
    found = run.metrics
    assert [row["name"] for row in found["scores"]] == ["trained", "before", "memory"]
    first, last = (point["loss"] for point in found["curves"][0]["points"])
    assert last < first
    assert found["model"]["kind"] == kind
    assert found["model"]["start"] == "hf"
    assert all("parametrizations" not in name for name in run.translator.model.state_dict())
    source = (run.folder / "test" / "source.txt").read_text("utf-8").splitlines()
    wanted = (run.folder / "test" / "trained.txt").read_text("utf-8").splitlines()
    assert [one.translation for one in run.predict(source, beam=1)] == wanted
    if kind == "t5":
        assert run.translator.prefix == "translate English to French: "
    again = hs.translate(
        table, model=str(run.folder), lr=3e-3, epochs=1, beam=1, out=tmp_path / "again"
    )
    assert again.metrics["model"]["start"] == "run"
    before = (again.folder / "test" / "before.txt").read_text("utf-8").splitlines()
    assert before == wanted


@pytest.mark.parametrize(("kind", "code"), [("m2m", "__fr__"), ("nllb", "fra_Latn")])
def test_networks_for_many_languages_are_told_which(tmp_path: Path, kind: str, code: str) -> None:
    model, tokenizer = load_seq2seq(str(save_m2m(tmp_path / "net", kind)))
    translator = Translator(model, tokenizer, "hf:net", ("en", "fr"))
    first = tokenizer.convert_tokens_to_ids({"m2m": "__en__", "nllb": "eng_Latn"}[kind])
    number = tokenizer.convert_tokens_to_ids(code)
    assert first in translator.fed(["the dog."])[0]
    assert number in translator.wanted(["le chien."])[0]
    asked: list[dict[str, object]] = []
    generate = model.generate
    model.generate = lambda **given: asked.append(given) or generate(**given)
    assert len(translator.translate(["the dog.", "a cat."], beam=2)) == 2
    assert [one["forced_bos_token_id"] for one in asked] == [number]
    rows = made(pairs(24, length=(2, 4)))
    trained = train(translator, rows, rows.take(range(4)), Recipe(2, 3e-3), 0)
    assert trained.curve[-1].loss < trained.curve[0].loss
    with pytest.raises(hs.ConfigError, match="does not know the language 'tlh'"):
        Translator(model, tokenizer, "hf:net", ("en", "tlh"))


def test_a_network_for_the_other_direction_is_refused(tmp_path: Path) -> None:
    folder = save_marian(tmp_path / "net")
    table = write_tsv(tmp_path / "toy.tsv", [(b, a) for a, b in pairs(60)], header="fr\ten")
    with pytest.raises(hs.ConfigError, match="from 'en', the pairs from 'fr'"):
        hs.translate(table, model=f"hf:{folder}", out=tmp_path / "run")


def test_folders_that_hold_no_such_network_are_refused(tmp_path: Path, table: Path) -> None:
    good = save_t5(tmp_path / "good")

    def refused(folder: Path, model: str = "") -> str:
        with pytest.raises(hs.HeadstartError) as cause:
            hs.translate(table, model=model or f"hf:{folder}", out=tmp_path / "run")
        assert not (tmp_path / "run").exists()
        return f"{cause.value.message} {cause.value.hint}"

    bare = shutil.copytree(good, tmp_path / "bare")
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (bare / name).unlink()
    assert "has no tokenizer" in refused(bare)
    older = shutil.copytree(good, tmp_path / "older")
    (older / "model.safetensors").rename(older / "pytorch_model.bin")
    assert "may run code" in refused(older)
    other = shutil.copytree(good, tmp_path / "other")
    config = json.loads((good / "config.json").read_text("utf-8"))
    changed = {**config, "model_type": "bert", "is_encoder_decoder": False}
    (other / "config.json").write_text(json.dumps(changed), "utf-8")
    assert "of the kind 'bert', which does not translate" in refused(other)
    broken = shutil.copytree(good, tmp_path / "broken")
    (broken / "model.safetensors").write_bytes(b"nothing")
    assert "cannot be loaded as a network that translates" in refused(broken)
    (tmp_path / "empty").mkdir()
    assert "holds no network" in refused(tmp_path / "empty")
    assert "not on this machine" in refused(Path("never/there"))
    assert "is no network that translates" in refused(good, model=str(good))
    assert "is no network that translates" in refused(good, model="marian")


def test_options_that_do_not_fit_are_refused(
    table: Path, run: hs.TranslateRun, tmp_path: Path
) -> None:
    for given, said in (
        ({"epochs": 0}, "--epochs 0"),
        ({"lr": 0.0}, "--lr 0"),
        ({"batch": 0}, "--batch 0"),
        ({"beam": 99}, "--beam 99"),
        ({"lora": True}, "--lora"),
        ({"lora": True, "model": str(run.folder)}, "--lora"),
    ):
        with pytest.raises(hs.ConfigError, match=said):
            hs.translate(table, out=tmp_path / "run", **given)  # type: ignore[arg-type]
    few = write_tsv(tmp_path / "few.tsv", pairs(20))
    with pytest.raises(hs.DataError, match="20 pairs that can be used"):
        hs.translate(few, out=tmp_path / "run")


def test_sentences_that_are_too_long_are_not_learned_from(tmp_path: Path) -> None:
    rows = [*pairs(80), (" ".join(WORDS) * 400, " ".join(WORDS.values()) * 400)]
    kept, _rows, _found = clean(
        made(rows), ([*map(_digest, rows)], [*map(_digest_of_target, rows)])
    )
    translator = Translator(*small_network(fit_pieces(kept, 50), 0), "tiny", ("en", "fr"))
    recipe = Recipe(1, 1e-3, batch=32, tokens=2_000)
    trained = train(translator, kept, kept.take(range(4)), recipe, 0)
    assert trained.left_out == 1
    translator.model.config.max_position_embeddings = 8  # as of a network that takes no more
    assert translator.longest == 8
    short = sum(max(map(len, both)) <= 8 for both in zip(
        translator.fed(kept.source), translator.wanted(kept.target), strict=True))  # fmt: skip
    left_out = train(translator, kept, kept.take(range(4)), recipe, 0).left_out
    assert left_out == len(kept) - short > 1


def test_a_network_that_does_not_know_the_writing_is_told(tmp_path: Path) -> None:
    table = tmp_path / "zh.tsv"
    rows = [(a, "".join(f"词{chr(0x4E00 + 7 * len(word))}" for word in b.split()))
            for a, b in pairs(80)]  # fmt: skip
    write_tsv(table, rows, header="en\tzh")
    folder = save_t5(tmp_path / "net")
    run = hs.translate(table, model=f"hf:{folder}", epochs=1, beam=1, out=tmp_path / "run")
    kinds = {one["kind"]: one["message"] for one in run.metrics["findings"]}
    assert "tokens of the target" in kinds["unknown"]
    assert "tok:zh" in run.metrics["signatures"]["bleu"]


def _digest(row: tuple[str, str]) -> object:
    from headstart.modalities.text.digest import digest

    return digest(row[0])


def _digest_of_target(row: tuple[str, str]) -> object:
    return _digest((row[1], ""))


def test_the_command_line(
    table: Path, run: hs.TranslateRun, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = ["translate", str(table), "--epochs", "1", "--beam", "1", "--out", str(tmp_path / "run")]
    assert run_command([*line, "--json"]) == 0
    out, err = capsys.readouterr()
    assert json.loads(out)["run"] == str(tmp_path / "run")
    assert "sacreBLEU signatures" in err
    assert f"headstart predict {tmp_path / 'run'} SENTENCES.txt" in err
    (tmp_path / "a.txt").write_text("the dog.\nnever now.\n", "utf-8")
    (tmp_path / "b.csv").write_text("id,text\n1,a cat.\n", "utf-8")
    predict = ["predict", str(run.folder)]
    assert run_command([*predict, str(tmp_path / "a.txt"), str(tmp_path / "b.csv")]) == 0
    rows = capsys.readouterr().out.splitlines()
    assert rows[0] == "source,translation,note"
    assert [row.split(",")[0] for row in rows[1:]] == ["the dog.", "never now.", "a cat."]
    answers = tmp_path / "answers.jsonl"
    assert run_command([*predict, "--text", "the dog.", "--out", str(answers)]) == 0
    assert json.loads(answers.read_text("utf-8"))["source"] == "the dog."
    assert "translations are in" in capsys.readouterr().err
    assert run_command([*predict, str(tmp_path / "a.txt"), "--top", "3"]) == 2
    assert "this model translates sentences" in capsys.readouterr().err
    assert run_command([*predict, str(tmp_path / "b.csv"), "--x", "zz"]) == 2
    assert "which column holds the sentences" in capsys.readouterr().err
    assert run_command(["evaluate", str(run.folder), str(table)]) == 2
    assert "it was judged when it was made" in capsys.readouterr().err


def test_other_doors_say_that_it_translates(run: hs.TranslateRun, headstart) -> None:
    assert isinstance(hs.load(run.folder), hs.TranslateRun)
    for line in (("serve",), ("export",), ("push", "someone/model")):
        command, *more = line
        headstart(command, run.folder, *more).refused("`translate`", "headstart.TranslateRun")


def test_what_was_tampered_with_is_refused(run: hs.TranslateRun, tmp_path: Path) -> None:
    folder = shutil.copytree(run.folder, tmp_path / "run")
    path = folder / "model" / "translator.json"
    said = json.loads(path.read_text("utf-8"))
    path.write_text(json.dumps({**said, "languages": ["fr", "en"]}), "utf-8")
    with pytest.raises(hs.ArtifactError, match="its checksum differs"):
        load_translator(folder / "model")
    with pytest.raises(hs.ArtifactError, match="no run folder"):
        hs.TranslateRun(tmp_path / "never")
