"""Texts as a modality: reading, digests, languages, what the checks find."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headstart.backbones import resolve
from headstart.errors import MissingExtraError
from headstart.judge.shortcuts import find_shortcuts
from headstart.language import use
from headstart.modalities import UnreadableError, modality, recognise
from headstart.modalities.text import TextModality
from headstart.modalities.text import read as reading
from headstart.modalities.text.circumstances import circumstances
from headstart.modalities.text.digest import MOST, TextDigest, digest
from headstart.modalities.text.language import ENGLISH, OTHERS, backbone_for, language_of
from headstart.modalities.text.look import Tokens
from headstart.modalities.text.parts import pieces
from headstart.said import tongue
from headstart.tasks.classification import Classification
from headstart.tasks.labels import Labels
from headstart.testing import check_modality

TEXT = TextModality()
EXAMPLES = [
    b"The food was good, and the room was very quiet.",
    "味道不错，就是送餐太慢了".encode(),
    b"<b>Bad</b> service &amp; a slow &#128512; waiter </script><script>alert(1)</script>",
    "\u202eevil\u202c \u200bzero\u200dwidth 😀👩‍👩‍👧 שלום".encode(),
    b"word " * 3000,
    b"x" * 5000,
]
ENGLISH_TEXT = "The staff of this hotel was friendly and the rooms were clean and quiet."
FRENCH_TEXT = "Le personnel de cet hôtel était aimable et les chambres étaient propres."
CHINESE_TEXT = "酒店的服务员很热情，房间也很干净，下次还会再来的。"


@pytest.fixture(scope="module")
def look(tiny_bert: str) -> Tokens:
    found = resolve(tiny_bert).load().card.look
    assert isinstance(found, Tokens)
    return found


@pytest.fixture
def in_chinese() -> Iterator[None]:
    use("zh")
    yield
    use("en")


def digests(*texts: str) -> list[TextDigest]:
    return [digest(text) for text in texts]


def refs(n: int) -> list[str]:
    return [f"row {i + 2}" for i in range(n)]


def test_texts_meet_the_contract(look: Tokens) -> None:
    check_modality(modality("text"), look, EXAMPLES)


# ---- reading -----------------------------------------------------------------------------------


def test_what_is_no_text_is_refused_with_a_reason() -> None:
    for data, why in ((b"", "empty"), (b" \n\t\x00\x07", "empty"), (b"\xff\xfe\x00\xd8", "utf-16")):
        with pytest.raises(UnreadableError, match=why):
            TEXT.read(data)


def test_control_characters_go_and_lines_and_markup_stay() -> None:
    data = b"\xef\xbb\xbfone\x00two\x1b[31m\r\n<b>three</b>\tfour"
    assert TEXT.read(data) == "one two [31m\r\n<b>three</b>\tfour"


def test_a_string_in_memory_is_read_as_it_was() -> None:
    for held in ("plain", "中文", "😀", "a\nb"):
        data = TEXT.encode(held)
        assert data is not None and TEXT.read(data) == held
    half = TEXT.encode("half \ud83d")
    assert half is not None and TEXT.read(half) == "half ?"
    assert TEXT.encode(3) is None


def test_without_the_extra_the_first_text_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(reading, "NEEDS", ("no_such_module",))
    reading.refuse_without_extra.cache_clear()
    with pytest.raises(MissingExtraError, match=r"pip install 'headstart\[text\]'"):
        TEXT.read(b"a text")
    monkeypatch.undo()
    reading.refuse_without_extra.cache_clear()


@given(st.text(st.characters(codec="utf-8"), max_size=400))
def test_any_text_goes_through_all_that_is_done_with_it(text: str) -> None:
    try:
        x = TEXT.read(text.encode())
    except UnreadableError:
        return
    d = TEXT.digest(x)
    assert TEXT.unpack(TEXT.pack(d)) == d
    assert d.text == " ".join(d.text.split()) and d.length == len(x)
    assert "".join(pieces(x, 60)) == x and len(pieces(x, 7)) <= 7
    for told in circumstances(d).values():
        assert isinstance(told, str) or told >= 0
    for record in (TEXT.show.large(x), TEXT.show.stand_in(d), TEXT.show.point(d)):
        assert isinstance(record["text"], str)


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    try:
        assert TEXT.read(data).strip()
    except UnreadableError as cause:
        assert str(cause)
    assert 0 <= TEXT.recognise("file", "a", data) <= 1
    assert 0 <= TEXT.recognise("cell", "row 2", data) <= 1


def test_a_digest_is_folded_and_bounded() -> None:
    d = digest("Ｇｏｏｄ　food\n\n" + "x " * MOST)
    assert d.text.startswith("Good food x x")
    assert len(d.text) <= MOST < d.length


# ---- recognition -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cell", "sure"),
    [
        *(
            ("It was good.", 1),
            ("味道好", 1),
            ("很好/不错", 1),
            ("1/0 is bad luck", 1),
            ("good", 0.4),
        ),
        *(
            ("12.5", 0),
            ("2024-01-05", 0),
            ("a/b/c.jpg", 0),
            ("cat.jpg", 0),
            ("", 0),
            ("C:\\x\\y", 0),
        ),
    ],
)
def test_prose_is_told_from_numbers_and_paths(cell: str, sure: float) -> None:
    assert TEXT.recognise("cell", "row 2", cell.encode()) == sure


@pytest.mark.parametrize(
    ("name", "head", "sure"),
    [
        *(("a.txt", b"", 1), ("a/B.TXT", b"words", 1), ("a.txt", b"\xb2\xbb\xb4\xed", 1)),
        *(
            ("a.txt", b"\x00\x01", 0),
            ("49960", b"From: someone\n", 1),
            ("49960", b"\x89PNG\r\n", 0),
        ),
        *(("README.txt", b"", 0), ("labels.txt", b"a b", 0), ("a.jpg", b"words", 0)),
        *(
            ("a.txt", "中".encode("utf-16"), 1),
            ("half", "中文".encode()[:5], 1),
            ("noname", b"", 0),
        ),
    ],
)
def test_files_are_told_by_suffix_and_first_bytes(name: str, head: bytes, sure: float) -> None:
    assert TEXT.recognise("file", name, head) == sure


def test_a_column_of_reviews_is_one_of_texts() -> None:
    cells = ["Good food.", "ok", "味道不错", "never again!", "bad"]
    assert recognise("cell", [("", cell.encode()) for cell in cells]) == "text"
    assert TEXT.recognise("row", "row 2", b"") == 0


# ---- languages ---------------------------------------------------------------------------------


def test_languages_are_told_and_doubt_is_admitted() -> None:
    assert [language_of(t) for t in (ENGLISH_TEXT, FRENCH_TEXT, CHINESE_TEXT)] == ["en", "fr", "zh"]
    assert language_of("送餐很快") == "zh"  # a writing of its own
    assert [language_of(t) for t in ("", "12345", "ok", "très bien", "😀😀😀")] == [""] * 5


def test_the_backbone_reads_the_languages_there_are() -> None:
    assert backbone_for(["en"] * 20 + [""]) == ENGLISH
    assert backbone_for([""] * 9) == ENGLISH
    assert backbone_for(["zh"] * 9) == OTHERS
    assert backbone_for(["en"] * 9 + ["fr"]) == OTHERS
    assert backbone_for(["en"] * 19 + ["fr"]) == ENGLISH
    assert TEXT.backbone(lambda: digests(CHINESE_TEXT, ENGLISH_TEXT)) == OTHERS


@pytest.mark.usefixtures("in_chinese")
def test_a_language_is_named_in_the_language_that_is_spoken() -> None:
    assert (tongue("en"), tongue("zh"), tongue("xx")) == ("英语", "中文", "xx")


# ---- checks ------------------------------------------------------------------------------------


def test_a_second_language_is_found_with_its_rows(look: Tokens) -> None:
    texts = [f"{ENGLISH_TEXT} {i}" for i in range(20)]
    texts[4], texts[9] = FRENCH_TEXT, FRENCH_TEXT + " Encore."
    found = {f.kind: f for f in TEXT.check(digests(*texts), refs(20), look)}
    assert (
        "2 are in other languages: French (2) (first: row 6, row 11)" in found["languages"].message
    )
    assert found["languages"].figures == {
        "languages": {"en": 18, "fr": 2}, "files": ["row 6", "row 11"],
    }  # fmt: skip
    assert "languages" not in {f.kind for f in TEXT.check(digests(*texts[10:]), refs(10), look)}


def test_words_that_the_network_does_not_know_are_said(look: Tokens) -> None:
    known = ["good food", "very bad, not fast!"] * 5
    assert TEXT.check(digests(*known), refs(10), look) == []
    (found,) = TEXT.check(digests(*["酒店服务热情"] * 5), refs(5), look)
    assert (found.kind, found.severity) == ("unknown", "warning")
    assert found.figures["share"] > 0.5  # type: ignore[operator]
    assert "--backbone embedded:e5-small" in found.message


def test_texts_that_are_cut_are_counted(look: Tokens) -> None:
    narrow = look.asked(window=16, most=2)
    texts = ["good food", "very good " * 60, "bad room " * 9]
    (found,) = TEXT.check(digests(*texts), refs(3), narrow)
    assert found.kind == "cut"
    assert found.figures == {"count": 1, "room": 32, "files": ["row 3"]}
    assert "the longest: row 3, 600 characters" in found.message


def test_markup_is_said(look: Tokens) -> None:
    texts = ["good food", "very<br />good", "1 < 2 and 3 > 2", "not bad &amp; fast", "a <3 b"]
    (found,) = (f for f in TEXT.check(digests(*texts), refs(5), look) if f.kind == "markup")
    assert found.figures == {"count": 2, "files": ["row 3", "row 5"]}
    assert "such as <br />" in found.message


def test_classes_that_differ_in_how_they_were_written_down_are_told() -> None:
    """All good ones are in capitals: a model may learn that alone."""
    rng = np.random.default_rng(0)
    words = ["food", "room", "staff", "slow", "clean", "view", "breakfast"]
    texts, y = [], np.arange(80) % 2
    for label in y:
        said = " ".join(rng.choice(words, 12))
        texts.append(said.upper() if label else said)
    told = [circumstances(d) for d in digests(*texts)]
    labels = Labels(y, Classification(("bad", "good")), None, balanced=False, seed=0)
    found = find_shortcuts(told, labels, of_content=TEXT.of_content)
    assert [s.name for s in found] == ["share of capitals"]
    assert found[0].score == 1
