"""Copies of texts: planted ones are found, and no others."""

from __future__ import annotations

import hashlib
import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headstart.data.checks import check_copies
from headstart.data.dataset import Dataset
from headstart.data.items import Cells, Examples
from headstart.modalities import modality
from headstart.modalities.copies import Copies
from headstart.modalities.text.copies import ALIKE, jaccard, plainly, shingles
from headstart.modalities.text.digest import MOST, TextDigest, digest

TEXT = modality("text")
NOUNS = ("food", "room", "staff", "view", "bed", "pool", "breakfast", "waiter", "price", "lift")
SAID = ("was", "is", "looked", "seemed", "felt")
HOW = ("good", "bad", "slow", "clean", "dirty", "loud", "small", "cheap", "kind", "rude", "cold")
HAN = "酒店房间服务员态度早餐味道价格环境卫生位置交通设施热水空调网络前台电梯停车场干净便宜"
CHINESE = "这次入住的酒店房间很干净，服务员的态度也非常热情，早餐种类丰富，下次还会再来。"
ENGLISH = "We stayed for three nights in a small room on the second floor, and it was very quiet."


def drawn(n: int, seed: int = 0) -> list[str]:
    """Reviews made of few words: alike in style, and no two the same."""
    draw, texts = random.Random(seed), []
    for i in range(n):
        if i % 2:
            texts.append("".join(draw.choices(HAN, k=draw.randrange(8, 60))) + "。")
        else:
            said = (f"the {draw.choice(NOUNS)} {draw.choice(SAID)} {draw.choice(HOW)}"
                    for _ in range(draw.randrange(2, 9)))  # fmt: skip
            texts.append(", ".join(said) + ".")
    return list(dict.fromkeys(texts))


def copies(texts: list[str]) -> Copies:
    hashes = [hashlib.sha256(text.encode()).hexdigest() for text in texts]
    return TEXT.copies(hashes, [digest(text) for text in texts])


def together(*texts: str) -> bool:
    """Whether all are copies, among others that are not."""
    component = copies([*texts, *drawn(60)]).component
    assert not set(component[: len(texts)]) & set(component[len(texts) :])
    return len(set(component[: len(texts)])) == 1


def test_drawn_reviews_are_no_copies_of_each_other() -> None:
    texts = drawn(1500)
    assert len(texts) > 1400
    assert copies(texts).clusters() == []


@pytest.mark.parametrize(
    "copy",
    [
        *(ENGLISH.upper(), f"  {ENGLISH}\n", ENGLISH.replace(" ", "  "), ENGLISH[:-1] + "!!!"),
        *(ENGLISH.replace("quiet", "silent"), "Review: " + ENGLISH, ENGLISH.replace("e", "é", 1)),
        *(ENGLISH.replace("r", "r\u200b"), ENGLISH.replace("small ", "")),
    ],
)  # fmt: skip
def test_a_copy_in_english_is_found(copy: str) -> None:
    assert together(ENGLISH, copy)


@pytest.mark.parametrize(
    "copy",
    [CHINESE.replace("，", ","), CHINESE.replace("非常", "很"), CHINESE[:-1], "好评：" + CHINESE],
)
def test_a_copy_in_chinese_is_found(copy: str) -> None:
    assert together(CHINESE, copy)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        *(
            ("good food", "good foods"),
            ("好吃", "不好吃"),
            ("nice :)", "nice :("),
            ("ok 👍", "ok 👎"),
        ),
        *(
            ("5 stars", "1 stars"),
            (ENGLISH, ENGLISH[: len(ENGLISH) // 2]),
            (CHINESE, CHINESE[::-1]),
        ),
    ],
)
def test_what_says_another_thing_is_no_copy(one: str, other: str) -> None:
    assert not together(one, other)


def test_what_is_the_same_to_the_byte_is_told_from_what_is_nearly_so() -> None:
    found = copies([ENGLISH, CHINESE, ENGLISH, ENGLISH.upper()])
    assert found.exact[0] == found.exact[2] != found.exact[3]
    assert found.component[0] == found.component[2] == found.component[3] != found.component[1]


def test_lines_of_one_layout_are_no_copies_unless_they_are_the_same() -> None:
    """Most of each line is the same, so that all of them are alike."""
    line = "Nov 28 20:15:11 server sshd: Accepted password for user{} from 10.0.0.7 port 22 ssh2"
    lines = [line.format(i) for i in range(100, 180)]
    assert len(copies(lines[:15]).clusters()) == 1  # a few could be one that was sent around
    found = copies([*lines, lines[7], lines[9].upper()])
    assert [rows.tolist() for rows in found.clusters()] == [[7, 80], [9, 81]]


def test_one_text_that_was_sent_around_is_one() -> None:
    spam = [f"You have won 900 pounds! To claim your prize call {i} now, today." for i in range(60)]
    found = copies([*spam, *drawn(400)])
    assert [len(rows) for rows in found.clusters()] == [60]


def test_books_that_begin_alike_are_told_by_their_length() -> None:
    begin = "word " * MOST
    one, other = (TextDigest(digest(begin).text, "en", n) for n in (10**6, 10**6 + 1))
    assert plainly(one) != plainly(other)


@given(st.text(max_size=60), st.text(max_size=60))
def test_similarity_is_that_of_sets_of_runs(a: str, b: str) -> None:
    """As a plain loop has it: runs of 5 characters, of 3 where they begin in Chinese."""

    def runs(text: str) -> set[str]:
        sizes = (3 if "\u2e80" <= c < "\uac00" or c >= "\uf900" else 5 for c in text)
        return {text[i : i + k] for i, k in enumerate(sizes) if i + k <= len(text)}

    one, other = runs(a), runs(b)
    assert len(shingles(a)) == len(one)
    if one | other:
        exact = len(one & other) / len(one | other)
        found = jaccard(shingles(a), shingles(b))
        assert found == pytest.approx(exact) if exact >= ALIKE else found < ALIKE


def test_a_copy_in_the_test_set_leaves_training() -> None:
    texts = [ENGLISH, CHINESE, ENGLISH.replace("quiet", "silent"), "good food", "bad room"]
    is_test = np.array([True, False, False, False, False])
    y, where = np.array([1, 0, 1, 1, 0]), np.linspace(0, 1, 5)
    examples = Examples(tuple("abcde"), Cells(tuple(texts)), TEXT)
    keep, _found = check_copies(
        Dataset("reviews", examples, y, ("bad", "good"), is_test, where), copies(texts)
    )
    assert keep.tolist() == [True, True, False, True, True]


def test_the_same_text_with_two_labels_is_said() -> None:
    texts = [CHINESE, ENGLISH, CHINESE.replace("，", ", "), ENGLISH.replace("quiet", "loud"), "ok"]
    dataset = Dataset(
        "reviews",
        Examples(tuple(f"row {i + 2}" for i in range(5)), Cells(tuple(texts)), TEXT),
        np.array([0, 1, 1, 0, 1]),
        ("bad", "good"),
        np.array([False, False, False, True, False]),
        np.linspace(0, 1, 5),
    )
    keep, findings = check_copies(dataset, copies(texts))
    assert keep.all()  # one word may turn a sentence: the label says that it did
    found = {f.kind: f.message for f in findings}
    assert found["conflicts"].startswith(
        "1 text carries different labels in different copies (first: row 2 (bad), row 4 (good))."
    )
    assert "(0 exact, 2 near, 1 of them with a few words changed; first:" in found["duplicates"]
    assert "of the test set" not in found["duplicates"]


@pytest.mark.parametrize(
    ("text", "told"),
    [("...", "nothing but punctuation"), ("!? —\n", "nothing but punctuation"), ("好", ""),
     ("7", ""), ("😀", "")],
)  # fmt: skip
def test_a_text_without_words_is_told(text: str, told: str) -> None:
    assert TEXT.blank(digest(text)) == told
