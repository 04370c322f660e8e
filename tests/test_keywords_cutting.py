"""Texts to phrases, phrases to keys: by hand, in several writings, and for hostile texts."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from headstart.errors import UnknownNameError
from headstart.phrases.cutting import MOST, SPANS, Cut, cut, tokens
from headstart.phrases.stems import key, plain
from headstart.phrases.stop_words import languages, refuse_unknown, stop_words


def texts(found: Cut) -> list[str]:
    return [one.text for one in found.phrases]


def test_stop_words_and_punctuation_cut_english() -> None:
    text = "Neural networks of the brain, and a Markov chain; it is 42 or B-splines."
    assert texts(cut(text, "en")) == ["Neural networks", "brain", "Markov chain", "B-splines"]


def test_a_phrase_knows_where_it_stands_and_how_often() -> None:
    text = "Graph theory. The graph\n\ttheory of graphs, by graph theory alone."
    one, other = cut(text, "en").phrases
    assert (one.text, one.key, one.count, one.whole, one.place) == (
        *("Graph theory", "graph theori"),
        *(3, 3, 0),
    )
    assert [text[a:b].lower().split() for a, b in one.spans] == [["graph", "theory"]] * 3
    assert (other.text, other.words, other.place) == ("graphs", 1, 6)


def test_parts_of_runs_are_phrases_where_they_are_asked_for() -> None:
    found = cut("deep neural network", "en", parts=True, longest=2)
    assert texts(found) == ["deep", "deep neural", "neural", "neural network", "network"]
    assert found.whole == ()  # the run itself is longer
    whole = {one.text: (one.opens, one.closes) for one in found.phrases}
    assert whole["deep neural"] == (True, False)
    assert whole["network"] == (False, True)
    assert texts(cut("deep neural network", "en", longest=2)) == texts(found)  # or there were none


def test_a_line_that_breaks_is_no_end_and_an_empty_one_is() -> None:
    assert texts(cut("support vector\nmachines", "en")) == ["support vector machines"]
    assert texts(cut("support vector\n \nmachines", "en")) == ["support vector", "machines"]


def test_chinese_nouns_make_phrases() -> None:
    found = texts(cut("我们用卷积神经网络做图像分类，效果很好。", "zh"))
    assert "卷积神经网络" in found
    assert all("我们" not in one and "，" not in one for one in found)


def test_japanese_is_cut_at_hiragana() -> None:
    assert texts(cut("機械学習とディープラーニングを学ぶ。", "ja"))[:2] == [
        *("機械学習", "ディープラーニング"),
    ]


def test_vowel_signs_are_parts_of_words() -> None:
    found = texts(cut("यह तंत्रिका नेटवर्क है।", "hi"))
    assert found == ["तंत्रिका नेटवर्क"]
    assert key("तंत्रिका", "xx") == "तंत्रिका"
    assert texts(cut("ห้องเร็ว ดี", "th")) == ["ห้องเร็ว ดี"]


def test_french_articles_are_no_part_of_a_phrase() -> None:
    assert texts(cut("L'apprentissage de l'entreprise", "fr")) == ["apprentissage", "entreprise"]


def test_a_language_without_a_list_is_cut_at_punctuation_alone() -> None:
    assert stop_words("xx") == frozenset()
    assert texts(cut("uno the dos, tres", "xx")) == ["uno the dos", "tres"]
    with pytest.raises(UnknownNameError, match="'xx'") as caught:
        refuse_unknown("xx")
    assert "headstart keywords" in caught.value.hint
    assert {"en", "zh", "fr", "de"} <= set(languages())


def test_words_that_texts_are_about_are_no_stop_words() -> None:
    assert "system" not in stop_words("en")
    assert {"the", "of", "and"} <= stop_words("en")


@pytest.mark.parametrize(
    ("text", "language", "expected"),
    [
        ("Neural Networks", "en", "neural network"),
        ("neural-network", "en", "neural network"),
        ("ＮＥＵＲＡＬ", "en", "neural"),
        ("réseaux", "fr", "réseau"),
        ("神经网络", "zh", "神经网络"),
        ("!?", "en", ""),
        ("words", "xx", "words"),
    ],
)
def test_keys(text: str, language: str, expected: str) -> None:
    assert key(text, language) == expected


def test_to_the_letter_is_not_by_stems() -> None:
    assert plain("Neural  Networks") == "neural networks"


def test_a_very_long_text_keeps_what_comes_most_often() -> None:
    text = "main topic. " * 20 + " ".join(f"word{k}a." for k in range(4 * MOST))
    found = cut(text, "en")
    assert len(found.phrases) == MOST
    assert found.left_out > 2 * MOST
    assert found.phrases[0].text == "main topic"


BUSY = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
"""The first loads the words of Chinese; machines may be busy with something else."""
LANGUAGES = st.sampled_from(["en", "zh", "ja", "fr", "hi", "th", "xx", ""])


@BUSY
@given(st.text(max_size=200), LANGUAGES, st.booleans(), st.integers(1, 5))
def test_any_text_is_cut_into_what_stands_in_it(
    text: str, language: str, parts: bool, longest: int
) -> None:
    found = cut(text, language, parts=parts, longest=longest)
    assert len({one.key for one in found.phrases}) == len(found.phrases)
    for one in found.phrases:
        assert 1 <= one.words <= longest
        assert one.key
        assert 0 <= one.whole <= one.count
        assert len(one.spans) == min(one.count, SPANS)
        assert all(key(text[a:b], language) == one.key for a, b in one.spans)
        assert one.place < found.words


@BUSY
@given(st.text(max_size=200), LANGUAGES)
def test_tokens_stand_where_they_say_in_order(text: str, language: str) -> None:
    end = 0
    for one in tokens(text, language):
        assert text[one.start : one.end] == one.text
        assert end <= one.start < one.end
        end = one.end
