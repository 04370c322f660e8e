"""A page and its Chinese counterpart go in step: sections, code, tables, links."""

from __future__ import annotations

import io
import re
import tokenize
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from babel.messages.pofile import read_po

from headstart.language import CATALOGUES, DOMAIN

TOP = Path(__file__).parents[1]
TAIL = ".zh-CN.md"
PAIRS = [
    (page.with_name(page.name.replace(TAIL, ".md")), page)
    for folder in (TOP, TOP / "docs")
    for page in sorted(folder.glob(f"*{TAIL}"))
]
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
HEADING = re.compile(r"^(#+) (.*)$", re.MULTILINE)
TABLE = re.compile(r"(?:^\|.*\n?)+", re.MULTILINE)
NAME = re.compile(r"`([^`\n]+)`")
STRESSED = re.compile(r"(?<!\*)\*([^*\n]+)\*(?!\*)")
LINK = re.compile(r"\]\(([^)\s]+)\)")
COMMAND = re.compile(r"(?:\$ )?(?:headstart|make|pip|find) .*")
UNCHANGED = re.compile(r"--[a-z][a-z-]*|[\w/]+\.(?:html|json|csv|jpe?g|png|webp)|\d+(?:[.,:]\d+)*")
"""What shown output has in every language: options, files, numbers."""
IMAGES = "图片", "图片"
HAN = re.compile(r"[\u4e00-\u9fff]")


@dataclass(frozen=True)
class Section:
    """What stands under a heading, up to the next of any level."""

    level: int
    title: str
    prose: str  # without the blocks
    blocks: list[tuple[str, str]]  # language and code


def sections(page: str) -> list[Section]:
    """Cut a page at its headings; a line of code that begins with # is none."""
    blocks = [(found[1], found[2]) for found in FENCE.finditer(page)]
    bare = FENCE.sub("```", page)  # one mark for every block, so that each finds its section
    starts = list(HEADING.finditer(bare))
    ends = [start.start() for start in starts[1:]] + [len(bare)]
    found, waiting = [], iter(blocks)
    for start, end in zip(starts, ends, strict=True):
        text = bare[start.end() : end]
        inside = [next(waiting) for _ in range(len(re.findall(r"^```$", text, re.MULTILINE)))]
        found.append(Section(len(start[1]), start[2], text, inside))
    return found


# ---- what is compared --------------------------------------------------------------------------


def words_of_python(code: str) -> list[str]:
    """Tokens of Python, without comments."""
    read = tokenize.generate_tokens(io.StringIO(code).readline)
    return [t.string for t in read if t.type not in (tokenize.COMMENT, tokenize.NL)]


def same_python(english: str, chinese: str) -> bool:
    one, other = words_of_python(english), words_of_python(chinese)
    quoted = '"', "'"
    return len(one) == len(other) and all(
        a == b or (a.endswith(quoted) and b.endswith(quoted) and bool(HAN.search(b)))
        for a, b in zip(one, other, strict=True)
    )


def same_terminal(english: str, chinese: str) -> bool:
    """Compare what is typed word for word; of what is printed, what no language changes."""
    typed = [[COMMAND.fullmatch(line) for line in t.splitlines()] for t in (english, chinese)]
    said = [[re.sub(r"\s+# .*", "", line[0]) for line in lines if line] for lines in typed]
    kept = [Counter(UNCHANGED.findall(t)) for t in (english, chinese)]
    return said[0] == said[1] and kept[0] == kept[1]


def tables(section: Section) -> list[list[list[str]]]:
    """Cells of the rows of every table."""
    found = [table.splitlines() for table in TABLE.findall(section.prose)]
    return [[re.split(r"(?<!\\)\|", line)[1:-1] for line in table] for table in found]


def shape(table: list[list[str]]) -> list[tuple[int, list[str]]]:
    """Of every row the number of cells, without a column 中文, and the names in the first."""
    own = " 中文 " in table[0]
    return [(len(row) - own, sorted(NAME.findall(row[0]))) for row in table]


def anchors(page: Path) -> dict[str, str]:
    """Number the anchors of a page, made of its headings as code hosts make them."""
    titles = [section.title for section in sections(page.read_text("utf-8"))]
    bare = [re.sub(r"[^\w\s-]", "", title.strip().lower()).replace(" ", "-") for title in titles]
    return {anchor: f"heading {number}" for number, anchor in enumerate(bare, 1)}


def links(section: Section, page: Path) -> Counter[str]:
    """Count the targets, without .zh-CN; anchors in pages of two languages by their number.

    The page itself and its counterpart do not count: what one says, the other points to.
    """
    found: Counter[str] = Counter()
    for target in LINK.findall(section.prose):
        path, _, anchor = target.partition("#")
        to = (page.parent / path).resolve() if path else page
        if path and any({to, page} <= {*pair} for pair in PAIRS):
            continue
        if anchor and any(to in pair for pair in PAIRS):
            anchor = anchors(to).get(anchor, f"#{anchor}, which is not there,")
        found[f"{path.replace('.zh-CN.', '.')} {anchor}".strip()] += 1
    return found


# ---- the comparison ----------------------------------------------------------------------------


def out_of_step(english: Section, chinese: Section) -> Iterator[str]:
    """Say what one section has that the other has not.

    Chinese words are a column in an English table, and may have tables of their own in Chinese.
    """
    if len(english.blocks) != len(chinese.blocks):
        yield f"{len(chinese.blocks)} blocks of code instead of {len(english.blocks)}"
    for (kind, code), (other_kind, other) in zip(english.blocks, chinese.blocks, strict=False):
        same = same_python if kind == "python" else same_terminal
        if kind != other_kind or not same(code, other):
            yield f"other code:\n{code}    instead of, in English:\n{other}"
    rows = [shape(table) for table in tables(english)]
    others = [shape(table) for table in tables(chinese) if " 中文 " not in table[0]]
    if len(rows) != len(others):
        yield f"{len(others)} tables instead of {len(rows)}"
    for one, other_rows in zip(rows, others, strict=False):
        if len(one) != len(other_rows):
            yield f"a table of {len(other_rows) - 2} rows instead of {len(one) - 2}"
        for a, b in zip(one, other_rows, strict=False):
            if a != b:
                yield f"a row of {b[0]} cells that names {b[1]}, not one of {a[0]} with {a[1]}"
    missing = set(NAME.findall(english.prose)) - set(NAME.findall(chinese.prose))
    if missing:
        yield f"nothing about {sorted(missing)}"


def differences(english: Path, chinese: Path) -> Iterator[str]:
    pages = [sections(page.read_text("utf-8")) for page in (english, chinese)]
    levels = [[f"{'#' * s.level} {s.title}" for s in page] for page in pages]
    for a, b in zip(*pages, strict=False):
        if a.level != b.level:
            yield f"headings part at {a.title!r}: {b.title!r} is of another level"
            return
    if len(levels[0]) != len(levels[1]):
        yield f"{len(levels[1])} headings instead of {len(levels[0])}"
        return
    for a, b in zip(*pages, strict=True):
        found = list(out_of_step(a, b))
        there, others = links(a, english), links(b, chinese)
        found += [f"no link to {target}" for target in there - others]
        found += [f"a link to {target} too many" for target in others - there]
        yield from (f"{b.title!r}, in English {a.title!r}: {what}" for what in found)


def report(page: Path, found: Iterable[str]) -> None:
    complaints = list(found)
    if complaints:
        name = page.relative_to(TOP).as_posix()
        pytest.fail(f"{name} is out of step:\n- " + "\n- ".join(complaints), pytrace=False)


def names(pairs: list[tuple[Path, Path]]) -> list[str]:
    return [english.relative_to(TOP).as_posix() for english, _ in pairs]


both = pytest.mark.parametrize(("english", "chinese"), PAIRS, ids=names(PAIRS))


@pytest.mark.parametrize("page", ["README", "use", "recipes", "how_it_works", "glossary"])
def test_a_beginners_page_is_there_in_both_languages(page: str) -> None:
    folder = TOP if page == "README" else TOP / "docs"
    assert (folder / f"{page}.md").is_file()
    assert (folder / f"{page}{TAIL}").is_file()


@both
def test_the_chinese_page_goes_in_step(english: Path, chinese: Path) -> None:
    report(chinese, differences(english, chinese))


@both
def test_the_pages_lead_to_each_other_at_the_top(english: Path, chinese: Path) -> None:
    for page, other in ((english, chinese), (chinese, english)):
        top = page.read_text("utf-8").partition("\n\n")[2].partition("\n\n")[0]
        assert f"]({other.name})" in top, f"{page.name}: no link to {other.name} under the title"


@both
def test_the_chinese_page_leads_to_chinese_pages(english: Path, chinese: Path) -> None:
    """Where it leads to an English one on purpose, it says so: [English](...)."""
    translated = dict(PAIRS)
    marked = chinese.read_text("utf-8").replace("[English](", "")
    for target in LINK.findall(marked):
        to = (chinese.parent / target.partition("#")[0]).resolve()
        assert to not in translated, f"{chinese.name}: {target}; there is {translated[to].name}"


@both
def test_chinese_is_set_as_chinese(english: Path, chinese: Path) -> None:
    """Full-width punctuation, and a space between Chinese and Latin letters or digits."""
    prose = FENCE.sub("", chinese.read_text("utf-8"))
    plain = LINK.sub("]", NAME.sub("`", prose))
    han = r"[\u4e00-\u9fff]"
    wrong = rf"{han}[,;:!?()](?!\))|[,;!?]{han}|{han}[A-Za-z0-9]|[A-Za-z0-9]{han}"
    found = [plain[max(0, m.start() - 15) : m.end() + 15] for m in re.finditer(wrong, plain)]
    report(chinese, map(repr, found))


def said_of_images(text: str, one: str, many: str) -> str:
    return text.replace("{one}", one).replace("{many}", many)


@both
def test_what_the_program_says_is_quoted_in_its_own_words(english: Path, chinese: Path) -> None:
    """A heading of a report or a column that the English page names has one name in Chinese."""
    with (CATALOGUES / "zh" / "LC_MESSAGES" / f"{DOMAIN}.po").open("rb") as written:
        words = {
            said_of_images(message.id, "image", "images"): said_of_images(message.string, *IMAGES)
            for message in read_po(written)
            if isinstance(message.id, str) and isinstance(message.string, str)
        }
    pages = [sections(page.read_text("utf-8")) for page in (english, chinese)]
    found = []
    for a, b in zip(*pages, strict=True):
        quoted = [words[text] for text in STRESSED.findall(a.prose) if words.get(text)]
        found += [f"{b.title!r} does not name {text!r}" for text in quoted if text not in b.prose]
    report(chinese, found)


def span_ends(span: re.Match[str]) -> bool:
    """Tell whether both ends of a stressed text are ends to Markdown."""
    before, _, text, after = span.groups()
    return (not before or text[0].isalnum()) and (not after or text[-1].isalnum())


@both
def test_stress_is_seen_as_stress(english: Path, chinese: Path) -> None:
    """Markdown does not end stress between a mark and a letter: *对吗？*是 stays as it is."""
    prose = FENCE.sub("", chinese.read_text("utf-8"))
    spans = re.finditer(r"(\w?)(\*\*?)(?=[^\s*])(.+?)(?<=[^\s*])\2(?!\*)(\w?)", prose)
    report(chinese, (span[0] for span in spans if not span_ends(span)))


# ---- it sees what is wrong ---------------------------------------------------------------------

PAGE = """# Guide

See [errors](#errors), option `--out`.

```
headstart train photos/  # quick
Accuracy 98.1% of 72 images.
```

```python
\"\"\"Load a run.\"\"\"
run = hs.load("runs/photos")  # there
```

## Errors

| Class | Mend |
|---|---|
| `DataError` | Look. |
"""
GOOD = """# 说明

见[错误](#错误)，选项 `--out`。

```
headstart train photos/  # 很快
72 张图片的准确率为 98.1%。
```

```python
\"\"\"载入一次运行。\"\"\"
run = hs.load("runs/photos")  # 已有的
```

## 错误

| 类 | 解决办法 |
|---|---|
| `DataError` | 看一看。 |
"""


@pytest.fixture
def guide(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    pair = tmp_path / "guide.md", tmp_path / f"guide{TAIL}"
    pair[0].write_text(PAGE, "utf-8")
    monkeypatch.setattr(f"{__name__}.PAIRS", [pair])
    return pair


@pytest.mark.parametrize(
    ("right", "wrong", "said"),
    [
        ("", "", ""),
        ("## 错误", "### 错误", "headings part at 'Errors'"),
        ("## 错误", "错误", "1 headings instead of 2"),
        ("photos/  #", "photo/  #", "other code"),
        ("98.1%", "98%", "other code"),
        ('"runs/photos"', '"runs/photo"', "other code"),
        ('"runs/photos"', "运行", "other code"),
        ("```python", "```", "other code"),
        ("| `DataError` | 看一看。 |\n", "", "a table of 0 rows instead of 1"),
        ("| 看一看。 |", "| 看 | 看 |", "a row of 3 cells"),
        ("DataError", "DateError", "a row of 2 cells that names ['DateError']"),
        ("`--out`", "输出", "nothing about ['--out']"),
        ("#错误)", "#说明)", "no link to heading 2"),
        ("#错误)", "#无)", "a link to #无, which is not there, too many"),
    ],
)
def test_what_is_out_of_step_is_seen(
    right: str, wrong: str, said: str, guide: tuple[Path, Path]
) -> None:
    guide[1].write_text(GOOD.replace(right, wrong, 1), "utf-8")
    found = "\n".join(differences(*guide))
    assert said in found
    assert bool(said) == bool(found)
