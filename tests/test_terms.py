"""One word for one thing: the Chinese catalogue keeps to the terms that the glossary agrees on."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po

from headstart.language import CATALOGUES, DOMAIN

DOCS = Path(__file__).parents[1] / "docs"
GLOSSARY, CHINESE = DOCS / "glossary.md", DOCS / "glossary.zh-CN.md"

MARKS = re.compile(r"<code>.*?</code>|<[^>]*>|`[^`]*`|\{[^}]*\}|--[\w-]+|\b[A-Z]{2,}\b")
"""What of a message is not English: code, HTML, placeholders, options and their values."""

FILES = re.compile(r"\S*([/\\_]|\.\w)\S*")
"""Names of files, which stay as they are."""

CITED = re.compile(r"\((19|20)\d\d\)")
"""What is cited keeps its title."""

Terms = Mapping[str, list[str]]


def table(page: Path, head: str) -> list[list[str]]:
    """Cells of a table, by the first line of it."""
    rows = page.read_text("utf-8").partition(f"\n{head}\n")[2].partition("\n\n")[0]
    return [line.strip("| ").split(" | ") for line in rows.splitlines()[1:]]


def agreed() -> Terms:
    """Chinese forms of every spelling of a term; none where it is no term."""
    rows = table(CHINESE, "| English term | 中文 |")
    return {
        term: [] if forms == "—" else forms.split("、")
        for terms, forms in rows
        for term in terms.split(", ")
    }


def terms_in(english: str, terms: Terms) -> list[str]:
    """Find the terms of a text; what is found is taken out, so that no shorter one is in it."""
    text, found = FILES.sub(" ", MARKS.sub(" ", english)), []
    for term in sorted(terms, key=len, reverse=True):
        word = rf"(?<![\w-]){re.escape(term)}(s|es)?(?![\w-])"
        text, times = re.subn(word, "|", text, flags=re.IGNORECASE)
        found += [term] if times else []
    return found


def breaches(words: Catalog, terms: Terms) -> Iterator[tuple[str, str, str]]:
    """Find the messages whose Chinese has another word for a term: term, English and Chinese.

    A word that is English in the Chinese too is a name: that of a value, a column, a command.
    """
    for message in words:
        english, chinese = forms(message.id), forms(message.string)
        if not all(chinese) or CITED.search(english[0]):
            continue
        for term in terms_in(" | ".join(english), terms):
            for said in chinese:
                if terms[term] and not any(form in said for form in [term, *terms[term]]):
                    yield term, " | ".join(english), said


def forms(text: str | tuple[str, ...] | list[str]) -> list[str]:
    return [text] if isinstance(text, str) else list(text)


def test_the_catalogue_keeps_to_the_terms() -> None:
    terms = agreed()
    with (CATALOGUES / "zh" / "LC_MESSAGES" / f"{DOMAIN}.po").open("rb") as written:
        found = [
            f"{english}\n    {said}\n    {term}: {' or '.join(terms[term])}"
            for term, english, said in breaches(read_po(written), terms)
        ]
    if found:
        pytest.fail(f"{len(found)} times another word:\n" + "\n".join(found), pytrace=False)


TERMS = {
    "accuracy": ["准确率"],
    "balanced accuracy": ["平衡准确率"],
    "class": ["类别", "类"],
    "model": ["模型"],
    "fold": ["折"],
    "unfold all": [],
    "fold all": [],
}


@pytest.mark.parametrize(
    ("english", "chinese", "terms"),
    [
        ("The model is saved.", "模型已保存。", []),
        ("The model is saved.", "模子已保存。", ["model"]),
        ("Models of {n} classes.", "{n} 种模子。", ["class", "model"]),
        ("Balanced accuracy: {x}", "平衡准确率：{x}", []),
        ("Balanced accuracy: {x}", "准确率：{x}", ["balanced accuracy"]),
        ("Balanced accuracy, not accuracy", "平衡准确率", []),  # the short form is in the long one
        ("Fold all", "全部收起", []),  # where no form is given, it is no term
        ("Each class counts.", "每一类都算数。", []),
        ("It is remodelled, model-free and tenfold.", "它不一样了。", []),
        ('<p class="fold">See <code>model</code>: {class}</p>', "<p>见：{class}</p>", []),
        ("--model MODEL_FILE, or `model`, in model/model.json", "见文件", []),
        (("{n} model", "{n} models"), ("{n} 个模型",), []),
        (("One model", "{n} models in a fold"), ("{n} 个模型",), ["fold"]),
        ("<b>Model</b>: MODEL is given.", "<b>模型</b>：已给出 MODEL。", []),
        ("<b>Model</b>: MODEL is given.", "<b>MODEL</b>：已给出 MODEL。", ["model"]),
        ("In the column model.", "在 model 一列。", []),
        ("Doe et al. (2017), Models of folds", "Doe 等 (2017)，Models of folds", []),
        ("The model is not translated.", "", []),
    ],
)
def test_another_word_for_a_term_is_found(
    english: str | tuple[str, str], chinese: str | tuple[str], terms: list[str]
) -> None:
    words = Catalog(locale="zh")
    words.add(english, chinese)
    assert [term for term, *_ in breaches(words, TERMS)] == terms


# ---- the glossary itself -----------------------------------------------------------------------


def test_every_term_is_agreed_on_once() -> None:
    rows = table(CHINESE, "| English term | 中文 |")
    terms = [term for terms, _ in rows for term in terms.split(", ")]
    assert len(terms) > 50
    assert len(set(terms)) == len(terms)


def test_the_glossaries_explain_the_same_words() -> None:
    english = [(word, chinese) for word, chinese, _ in table(GLOSSARY, "| Word | 中文 | Meaning |")]
    rows = [re.fullmatch(r"(.+)（(.+)）", term) for term, _ in table(CHINESE, "| 术语 | 含义 |")]
    assert [(row[2], row[1]) for row in rows if row] == english
    words = [word for word, _ in english]
    assert words == sorted(words, key=str.lower)


def test_the_glossaries_keep_to_the_terms() -> None:
    terms = agreed()
    for word, chinese, _ in table(GLOSSARY, "| Word | 中文 | Meaning |"):
        for spelled in word.split(", "):
            assert any(form in chinese for form in terms.get(spelled, [chinese])), word
