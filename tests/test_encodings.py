"""In which encoding a text is: told by its bytes, or refused with what it may be."""

from __future__ import annotations

import codecs

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headstart.encodings import EncodingError, decoded, encoding_of, is_chinese

REVIEWS = ("很好吃", "差评", "ok，好吃", "a,b\n好,1\n坏,0\n", "送餐太慢了，等了两个小时。", "联通")
OTHERS = {
    "big5": "這家餐廳的味道很好，下次再來。我們點了三個菜，都很不錯",
    "shift_jis": "とても美味しかったです。また来ます。",
    "euc_jp": "とても美味しかったです。また来ます。料理は最高でした",
    "euc_kr": "정말 맛있어요. 다시 올게요. 배달이 너무 늦어서 음식이 다 식었어요",
    "koi8_r": "Очень вкусно, приду еще раз",
    "cp1251": "Очень вкусно, приду еще раз",
    "latin_1": "Das Essen war sehr gut, schöne Grüße, à bientôt",
    "cp1253": "πολύ ωραίο φαγητό",
}


@pytest.mark.parametrize("text", REVIEWS)
def test_what_chinese_programs_write_is_read(text):
    assert decoded(text.encode()) == decoded(text.encode("utf-8-sig")) == (text, "utf-8")
    assert decoded(text.encode("gbk")) == (text, "gb18030")
    assert decoded(text.encode("utf-16")) == (text, "utf-16")
    assert decoded(codecs.BOM_UTF16_BE + text.encode("utf-16-be")) == (text, "utf-16")
    assert decoded(text.encode("utf-32")) == (text, "utf-32")


@pytest.mark.parametrize("encoding", OTHERS)
def test_other_encodings_are_not_taken_for_chinese(encoding):
    with pytest.raises(EncodingError, match=r"not UTF-8 \(line 1, byte \d+: 0x") as refused:
        decoded(OTHERS[encoding].encode(encoding))
    assert refused.value.likely not in ("", "gb18030")
    assert codecs.lookup(refused.value.likely)


def test_two_encodings_in_one_file_are_named_by_line_and_bytes():
    mixed = "味道不错\n很好\n".encode() + "送餐太慢".encode("gbk") + b"\n"
    for data, likely in ((mixed, "gb18030"), ("café\n".encode() + "\nné".encode("cp1252"), "cp")):
        with pytest.raises(EncodingError, match="two encodings: line 1 is UTF-8, line 3 is not"):
            decoded(data)
        with pytest.raises(EncodingError) as refused:
            decoded(data)
        assert refused.value.likely.startswith(likely)
    with pytest.raises(EncodingError, match="byte 20: 0xcb 0xcd 0xb2 0xcd"):
        decoded(mixed)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ("hello wörld\n".encode("utf-16-le"), "utf-16-le without its mark"),
        ("hello\n".encode("utf-16-be"), "utf-16-be without its mark"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\2\0", "no text"),
        (bytes(range(256)), "no text"),
        (b"\xff\xfea", r"damaged utf-16 \(byte 2\)"),
    ],
)
def test_what_is_no_text_is_said(data, said):
    with pytest.raises(EncodingError, match=said) as refused:
        decoded(data)
    assert refused.value.reason == str(refused.value)


def test_korean_and_chinese_share_a_block_and_are_told_apart():
    assert is_chinese(("味道不错，送餐也快" * 4).encode("gbk"))
    assert not is_chinese(OTHERS["euc_kr"].encode("euc_kr"))


def test_a_character_may_lie_across_blocks():
    data = ("a" + "差评" * 9).encode("gbk")
    for size in (1, 2, 3, 5):
        blocks = [data[i : i + size] for i in range(0, len(data), size)]
        assert encoding_of(lambda blocks=blocks: iter(blocks)) == "gb18030"
    with pytest.raises(EncodingError) as refused:
        encoding_of(lambda: iter([b"ab\xe4", b"\xb8", b"c"]))
    assert refused.value.place == 2


@given(st.text())
def test_utf_8_is_never_taken_for_another(text):
    data = text.encode()
    try:
        found, encoding = decoded(data)
    except EncodingError as cause:
        assert "without its mark" in str(cause)  # of nothing but zeros
        assert "\0" in text
    else:
        assert (found, encoding) == (text.removeprefix("\ufeff"), "utf-8")


@given(st.binary())
def test_any_bytes_are_read_or_refused(data):
    try:
        text, _encoding = decoded(data)
    except EncodingError as cause:
        assert str(cause)
    else:
        assert text.encode() or not data.strip(b"\xef\xbb\xbf\xff\xfe\0")
