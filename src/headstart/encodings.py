"""Encodings: bytes become text, and it is said in which encoding they were.

Nobody writes down the encoding of a text file. UTF-8 gives itself away, since hardly anything else
is well-formed in it, and UTF-16 has its mark. What Chinese programs wrote for decades (GB2312, GBK,
GB18030) is recognised by its characters: the 3,755 most frequent stand together, on the first level
of GB2312, and are nearly all of any text. Anything else is refused, with the encoding that it looks
like.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from headstart.said import _

UTF_8, GB18030 = "utf-8", "gb18030"
BLOCK, LOOKED_AT = 2**20, 2**20
"""Bytes that are read at a time; bytes by which an encoding that is not UTF-8 is told."""
MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",  # before UTF-16, whose mark it begins with
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
FREQUENT = 0.75
"""Share of characters of the first level, and of signs, from which on bytes are Chinese. Of two
sets of Chinese reviews it was 0.996 and 0.998, of Big5, Shift JIS, EUC-JP and Western texts that
could be decoded as GB18030 at all under 0.45 (plain choice in between)."""
LAST_HANGUL, ENOUGH = 0xC8, 20
"""Korean (EUC-KR) stands in the first part of the same level, up to lead byte C8. A third of a
Chinese text lies beyond: of 20 characters or more hardly ever none (none of 4,000 reviews)."""
USUAL = (
    *("cp1252", "cp1250", "cp1251", "koi8_r", "cp1253", "cp1254", "cp1255", "cp1256", "tis_620"),
    *("big5", "cp932", "euc_jp", "cp949"),
)
"""Encodings that texts are in besides."""
_CHARACTER = re.compile(rb"[\x81-\xfe](?:[\x30-\x39][\x81-\xfe][\x30-\x39]|[\x40-\xfe])")
_THREE_BYTES_TWICE = re.compile(rb"(?:[\xe3-\xe9\xef][\x80-\xbf]{2}[\x00-\x7f]*){2}")
_BEYOND_ASCII = re.compile(rb"[\x80-\xff]")

Blocks = Callable[[], Iterable[bytes]]
"""Gives bytes from the beginning, in blocks; may be called several times."""


class EncodingError(ValueError):
    """Bytes in an encoding that is not known; the message is the reason, without the file's name.

    Attributes
    ----------
    reason : str
        As it was said.
    place, line : int
        The first byte that is not UTF-8, from 0; its line, from 1.
    shown : str
        That byte, and the next ones up to four.
    likely : str
        The encoding that they may be in, as Python calls it; "" where nothing fits.
    other : int
        A line that is UTF-8 nevertheless: there are two encodings. 0: there is none.
    """

    def __init__(
        self,
        reason: str,
        place: int = 0,
        line: int = 1,
        shown: str = "",
        *,
        likely: str = "",
        other: int = 0,
    ) -> None:
        super().__init__(reason)
        self.reason, self.place, self.line, self.shown = reason, place, line, shown
        self.likely, self.other = likely, other


def decoded(data: bytes) -> tuple[str, str]:
    """Turn the bytes of a file into text; tell in which encoding they were.

    Parameters
    ----------
    data : bytes
        All of them.

    Returns
    -------
    text : str
        Without the mark in front.
    encoding : {"utf-8", "utf-16", "utf-32", "gb18030"}

    Raises
    ------
    EncodingError
        Any other encoding, two in one file, or no text.

    Examples
    --------
    >>> decoded("很好吃".encode()), decoded("很好吃".encode("gbk"))
    (('很好吃', 'utf-8'), ('很好吃', 'gb18030'))
    """
    encoding = encoding_of(lambda: (data,))
    return data.decode(encoding), encoding.removesuffix("-sig")


def encoding_of(blocks: Blocks) -> str:
    """Tell the encoding of a file, as ``open`` takes it, in bounded memory.

    Returns
    -------
    str
        As ``decoded`` names it; ``"utf-8-sig"`` where a mark is to be taken off.

    Raises
    ------
    EncodingError
        As ``decoded``.
    """
    start = first_bytes(blocks, 4096)
    marked = next((name for mark, name in MARKS.items() if start.startswith(mark)), "")
    if not marked and (other := _without_mark(start)):
        raise EncodingError(_("{encoding} without its mark", encoding=other), likely=other)
    bad = first_bad(blocks, marked or UTF_8)
    if bad is None:
        return marked or UTF_8
    if marked not in ("", "utf-8-sig"):
        raise EncodingError(_("damaged {encoding} (byte {place})", encoding=marked, place=bad), bad)
    chinese = first_bad(blocks, GB18030) is None
    chinese = chinese and is_chinese(first_bytes(blocks, LOOKED_AT))
    # Of two bytes of GB18030 every fifth pair is well-formed UTF-8, of six hardly any.
    mixed = _line_in_utf_8(blocks, _THREE_BYTES_TWICE if chinese else _BEYOND_ASCII)
    if chinese and not mixed:
        return GB18030
    raise _error(blocks, bad, mixed)


def blocks_of(path: Path) -> Blocks:
    """Give the bytes of a file in blocks."""

    def read() -> Iterator[bytes]:
        with path.open("rb") as file:
            while block := file.read(BLOCK):
                yield block

    return read


def first_bytes(blocks: Blocks, n: int) -> bytes:
    """Return the first ``n`` bytes, or all there are."""
    found = b""
    for block in blocks():
        found += block[: n - len(found)]
        if len(found) >= n:
            break
    return found


def first_bad(blocks: Blocks, encoding: str) -> int | None:
    """Return the place of the first byte that is not of an encoding; None where all are."""
    decoder = codecs.getincrementaldecoder(encoding)()
    done = 0  # bytes before the block, without those of a character that it goes on with
    for block in blocks():
        held = len(decoder.getstate()[0])
        try:
            decoder.decode(block)
        except UnicodeDecodeError as cause:
            return done - held + cause.start
        done += len(block)
    held = len(decoder.getstate()[0])
    return done - held if held else None


def is_chinese(data: bytes) -> bool:
    """Whether bytes that can be decoded as GB18030 are Chinese, by what characters they would be.

    Examples
    --------
    >>> is_chinese("味道不错".encode("gbk")), is_chinese("ça là-bas".encode("latin-1"))
    (True, False)
    """
    leads = [found[0] for found in _CHARACTER.findall(data)]
    han = [lead for lead in leads if 0xB0 <= lead <= 0xD7]
    signs = sum(0xA1 <= lead <= 0xA3 for lead in leads)
    if not han or len(han) + signs < FREQUENT * len(leads):
        return False
    return len(han) < ENOUGH or any(lead > LAST_HANGUL for lead in han)


def _without_mark(start: bytes) -> str:
    """Recognise UTF-16 of Western text by its many zeros: well-formed UTF-8, but no text."""
    zeros, after = start.count(0), start[1::2].count(0)
    if 4 * zeros < len(start) or zeros == 0:
        return ""
    return {0: "utf-16-be", zeros: "utf-16-le"}.get(after, "")


def _lines(blocks: Blocks) -> Iterator[bytes]:
    rest = b""
    for block in blocks():
        *whole, rest = (rest + block).split(b"\n")
        yield from whole
    yield rest


def _line_in_utf_8(blocks: Blocks, sure: re.Pattern[bytes]) -> int:
    """Return the number of a line that is UTF-8 by a sure sign; 0 without one."""
    for number, line in enumerate(_lines(blocks), 1):
        if sure.search(line):
            try:
                line.decode()
            except UnicodeDecodeError:
                continue
            return number
    return 0


def _error(blocks: Blocks, bad: int, other: int) -> EncodingError:
    """Describe the first byte that is not UTF-8, and what it may be."""
    number, start, line = 0, 0, b""
    for line in _lines(blocks):
        number += 1
        if bad <= start + len(line):
            break
        start += len(line) + 1
    shown = " ".join(f"0x{byte:02x}" for byte in line[bad - start : bad - start + 4])
    if other:
        said = _(
            "two encodings: line {other} is UTF-8, line {line} is not (byte {place}: {bytes})",
            other=other,
            line=number,
            place=bad,
            bytes=shown,
        )
        return EncodingError(said, bad, number, shown, likely=likely(line), other=other)
    guess = likely(first_bytes(blocks, LOOKED_AT))
    if guess:
        said = _(
            "not UTF-8 (line {line}, byte {place}: {bytes}), perhaps {encoding}",
            line=number,
            place=bad,
            bytes=shown,
            encoding=guess,
        )
    else:
        said = _(
            "no text (line {line}, byte {place}: {bytes})", line=number, place=bad, bytes=shown
        )
    return EncodingError(said, bad, number, shown, likely=guess)


def likely(data: bytes) -> str:
    """Guess an encoding for a person to try: what fits, and looks most like a language.

    Without the package charset-normalizer, of the extra ``text``, GB18030 where that fits and else
    Latin-1, which fits everything; "" for what is no text.
    """
    if b"\0" in data:
        return ""
    if is_chinese(data) and first_bad(lambda: (data,), GB18030) is None:
        return GB18030
    try:
        from charset_normalizer import from_bytes
    except ImportError:
        return "latin-1"
    best = from_bytes(data, cp_isolation=[*USUAL]).best()
    return "latin-1" if best is None else best.encoding.replace("_", "-")
