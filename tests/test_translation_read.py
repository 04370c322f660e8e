"""Pairs from tables, TMX and Moses files; what is wrong with them; and parts without leaks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import headstart as hs
from headstart.errors import ConfigError, DataError
from headstart.modalities.text.copies import jaccard, shingles
from headstart.modalities.text.digest import digest
from headstart.translation.checks import check_languages, clean, refuse_shifted
from headstart.translation.pairs import Pairs
from headstart.translation.read import Spec, read_pairs
from headstart.translation.split import clusters, split
from tiny_seq2seq import pairs, write_tsv

ENGLISH = (
    "The weather was so bad that we stayed at home all day.",
    "She asked me whether I had ever been to the mountains.",
    "Nobody knows what will happen when the old bridge is closed.",
    "My brother works in a small shop near the railway station.",
    "Please tell your mother that dinner will be ready at seven.",
)
FRENCH = (
    "Le temps était si mauvais que nous sommes restés à la maison.",
    "Elle m'a demandé si j'étais déjà allé à la montagne.",
    "Personne ne sait ce qui arrivera quand le vieux pont sera fermé.",
    "Mon frère travaille dans un petit magasin près de la gare.",
    "Dites à votre mère que le dîner sera prêt à sept heures.",
)


def made(source: list[str], target: list[str], **more: object) -> Pairs:
    numbers = tuple(range(1, len(source) + 1))
    return Pairs("pairs.tsv", tuple(source), tuple(target), numbers, **more)  # type: ignore[arg-type]


def cleaned(one: Pairs) -> tuple[Pairs, dict[str, int]]:
    digests = ([*map(digest, one.source)], [*map(digest, one.target)])
    kept, rows, findings = clean(one, digests)
    assert len(rows) == len(kept)
    return kept, {f.kind: f.figures.get("pairs", f.figures.get("sentences")) for f in findings}  # type: ignore[misc]


def test_a_table_with_names_of_languages(tmp_path: Path) -> None:
    path = write_tsv(tmp_path / "a.tsv", [("One.", "Un."), ("Two.", "Deux.")])
    found = read_pairs(path)
    assert found.source == ("One.", "Two.")
    assert found.target == ("Un.", "Deux.")
    assert found.languages == ("en", "fr")
    assert "'en'" in found.findings[-1].message
    assert "'fr'" in found.findings[-1].message


def test_a_table_without_header_and_one_with_other_columns(tmp_path: Path) -> None:
    bare = write_tsv(
        tmp_path / "bare.txt", [("Go.", 'Va "vite" !'), ("Run!", "Cours !")], header=""
    )
    assert read_pairs(bare).source == ("Go.", "Run!")
    assert "no header" in read_pairs(bare).findings[-1].message
    (tmp_path / "b.csv").write_text(
        "id,译文,原文,doc\n1,你好。,Hello.,x\n2,再见。,Bye.,y\n", "utf-8"
    )
    found = read_pairs(tmp_path / "b.csv")
    assert (found.source, found.target) == (("Hello.", "Bye."), ("你好。", "再见。"))
    assert found.documents == ("x", "y")
    spec = Spec(source_column="译文", target_column="id", document_column="doc")
    assert read_pairs(tmp_path / "b.csv", None, spec).target == ("1", "2")
    with pytest.raises(ConfigError, match="no column 'zz'"):
        read_pairs(tmp_path / "b.csv", None, Spec(source_column="zz"))


def test_tabs_inside_cells_are_told(tmp_path: Path) -> None:
    rows = [("One.", "Un."), ("Two\tand more.", "Deux."), ("Three.", "Trois.")]
    with pytest.raises(DataError, match=r"wrong number of cells .* row 3"):
        read_pairs(write_tsv(tmp_path / "a.tsv", rows))
    quoted = write_tsv(tmp_path / "b.tsv", [('"Two\tand more."', "Deux.")])
    assert read_pairs(quoted).source == ("Two\tand more.",)


def test_tmx(tmp_path: Path) -> None:
    body = (
        '<?xml version="1.0"?><tmx version="1.4"><header srclang="en-US"/><body>'
        '<tu><tuv xml:lang="fr"><seg>Un <b>chien</b>.</seg></tuv>'
        '<tuv xml:lang="en-US"><seg>A dog.</seg></tuv></tu>'
        '<tu><tuv xml:lang="en-US"><seg>Alone.</seg></tuv></tu>{}</body></tmx>'
    )
    path = tmp_path / "memory.tmx"
    path.write_text(body.format(""), "utf-8")
    found = read_pairs(path)
    assert (found.source, found.target, found.numbers) == (("A dog.",), ("Un chien.",), (1,))
    assert found.languages == ("en", "fr")
    back = read_pairs(path, None, Spec(target_language="en"))
    assert back.source == ("Un chien.",)
    path.write_text(body.format('<tu><tuv xml:lang="de"><seg>Hund</seg></tuv></tu>'), "utf-8")
    with pytest.raises(ConfigError, match="fr, en and de") as refused:
        read_pairs(path)
    assert "--source-language" in refused.value.hint
    path.write_text("<tmx><body>", "utf-8")
    with pytest.raises(DataError, match="not well-formed XML"):
        read_pairs(path)


def test_moses_files_and_folders(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / f"{name}.en").write_text("Hello.\nBye.\n", "utf-8")
        (tmp_path / f"{name}.zh").write_text("你好。\n再见。\n", "utf-8")
    found = read_pairs(tmp_path / "one.en", tmp_path / "one.zh")
    assert (found.source, found.languages) == (("Hello.", "Bye."), ("en", "zh"))
    whole = read_pairs(tmp_path)
    assert whole.documents == ("one", "one", "two", "two")
    back = read_pairs(tmp_path, None, Spec(source_language="zh"))
    assert back.source[0] == "你好。"
    (tmp_path / "two.zh").write_text("你好。\n再见。\n再见。\n", "utf-8")
    with pytest.raises(DataError, match=r"two.en has 2 lines, two.zh has 3"):
        read_pairs(tmp_path)
    (tmp_path / "two.de").write_text("Hallo.\n", "utf-8")
    with pytest.raises(ConfigError, match="de, en and zh"):
        read_pairs(tmp_path)


def test_what_is_no_file_of_pairs(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no file or folder"):
        read_pairs(tmp_path / "never.tsv")
    (tmp_path / "a.pdf").write_bytes(b"%PDF")
    with pytest.raises(DataError, match="no file of pairs"):
        read_pairs(tmp_path / "a.pdf")
    (tmp_path / "one.csv").write_text("en\nHello.\n", "utf-8")
    with pytest.raises(DataError, match="one column only"):
        read_pairs(tmp_path / "one.csv")


def test_pairs_that_teach_nothing_are_left_out() -> None:
    source = [*ENGLISH, "Nothing.", "This was never translated.", ENGLISH[0], ENGLISH[1], "Yes."]
    target = [*FRENCH, " ", "This was never translated.", FRENCH[0], "Autre.", "Oui. " * 40]
    kept, found = cleaned(made(source, target))
    assert found == {"blank": 1, "untranslated": 1, "duplicates": 1, "misaligned": 2}
    assert kept.source == ENGLISH
    with pytest.raises(DataError, match="no pair is left of 2") as refused:
        cleaned(made(["", ""], ["Un.", "Deux."]))
    assert "blank side" in refused.value.hint


def test_several_translations_are_said() -> None:
    _kept, found = cleaned(made(["Yes.", "Yes.", "No."], ["Oui.", "Si.", "Non."]))
    assert found == {"several": 1}


def test_swapped_sides_are_refused() -> None:
    right = made(list(ENGLISH) * 8, list(FRENCH) * 8, languages=("en", "fr"))
    assert check_languages(right)[1] == []
    told, found = check_languages(made(list(ENGLISH) * 8, list(FRENCH) * 8))
    assert (told.languages, found) == (("en", "fr"), [])
    with pytest.raises(DataError, match="source and target are swapped") as refused:
        check_languages(made(list(FRENCH) * 8, list(ENGLISH) * 8, languages=("en", "fr")))
    assert "Swap the columns" in refused.value.hint
    both = check_languages(made(list(ENGLISH) * 8, list(ENGLISH) * 8))[1]
    assert ["Both sides" in f.message for f in both] == [True]
    other = check_languages(made(list(ENGLISH) * 8, list(FRENCH) * 8, languages=("en", "de")))[1]
    assert "should be 'de' and looks like 'fr'" in other[0].message


def test_a_missing_line_is_found() -> None:
    rows = pairs(500, seed=3, length=(2, 20))
    source, target = (list(side) for side in zip(*rows, strict=True))
    refuse_shifted(made(source, target))
    with pytest.raises(DataError, match=r"from about row 201 on, .* 1 row away"):
        refuse_shifted(made([*source[:190], *source[191:]], [*target[:-1]]))


def test_no_near_copy_of_the_test_is_learned_from() -> None:
    rng = np.random.default_rng(0)
    rows = pairs(300, seed=1)
    for k in rng.integers(300, size=120).tolist():  # the same again, with another stop or word
        source, target = rows[k]
        rows.append((source.replace(".", "!"), "Voilà " + target))
    one = made(*map(list, zip(*rows, strict=True)))
    cluster = clusters(([*map(digest, one.source)], [*map(digest, one.target)]))
    parts = split(one, cluster, seed=0)
    held = {*parts.test.tolist(), *parts.validation.tolist()}
    assert not held & set(parts.train.tolist())
    assert not set(parts.test.tolist()) & set(parts.validation.tolist())
    assert len(parts.train) > 250
    for k in held:
        for i in parts.train.tolist():
            for side in (one.source, one.target):
                long = min(len(side[k]), len(side[i])) >= 20
                same = side[k].rstrip(".!") == side[i].rstrip(".!")
                alike = jaccard(shingles(side[k]), shingles(side[i])) >= 0.9
                assert not same
                assert not (long and alike)


def test_whole_documents_are_drawn_and_what_they_share_is_left_out() -> None:
    rows = pairs(240, seed=2)
    rows[::24] = [("Thank you very much.", "Merci beaucoup à vous.")] * 10
    documents = tuple(f"d{k // 12}" for k in range(240))
    one = made(*map(list, zip(*rows, strict=True)), documents=documents)
    cluster = clusters(([*map(digest, one.source)], [*map(digest, one.target)]))
    parts = split(one, cluster, seed=0)
    assert parts.by == "document"
    test = {documents[i] for i in parts.test}
    assert not test & {documents[i] for i in parts.train}
    shared = "Thank you very much."
    held = any(one.source[i] == shared for i in [*parts.test, *parts.validation])
    assert held != any(one.source[i] == shared for i in parts.train)
    assert bool(parts.left_out) == held


def test_a_folder_that_holds_no_pairs_is_told_what_pairs_are_called(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("A line.\n")
    with pytest.raises(hs.DataError, match="no two files of one name in two languages"):
        hs.translate(tmp_path)
