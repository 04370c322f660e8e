"""Catalogues of words say everything that the code says, with the same values, and are compiled."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from string import Formatter

import pytest
from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_from_dir
from babel.messages.frontend import parse_keywords
from babel.messages.mofile import read_mo, write_mo
from babel.messages.pofile import read_po

from headstart.language import CATALOGUES, DOMAIN
from headstart.said import SPEC

TOP = Path(__file__).parents[1]
WRITTEN = sorted(CATALOGUES.glob(f"*/LC_MESSAGES/{DOMAIN}.po"))
LANGUAGES = [path.parts[-3] for path in WRITTEN]


def extracted(folder: Path) -> Catalog:
    """Collect the messages of the code and pages below a folder, as `make words` does."""
    mappings = tomllib.loads((TOP / "pyproject.toml").read_text("utf-8"))["tool"]["babel"]
    methods = [(mapping["pattern"], mapping["method"]) for mapping in mappings["mappings"]]
    told = re.findall(r"--keyword (\S+)", (TOP / "Makefile").read_text("utf-8"))
    template = Catalog()
    for *_, message, _, context in extract_from_dir(folder, methods, keywords=parse_keywords(told)):
        template.add(message, context=context)
    return template


def read(path: Path) -> Catalog:
    with path.open("rb") as written:
        return read_po(written)


def forms(text: str | tuple[str, ...] | list[str]) -> list[str]:
    return [text] if isinstance(text, str) else list(text)


def placeholders(text: str) -> set[str]:
    """Name the placeholders of a message; raises ValueError where one cannot be filled in."""
    found = {name: spec for _, name, spec, _ in Formatter().parse(text) if name is not None}
    for name, spec in found.items():
        named = name.isidentifier() or not name  # words of the command line's library have {}
        if not named or not SPEC.fullmatch(spec or ""):
            raise ValueError(f"{{{name}:{spec}}} is no placeholder")
    return set(found)


def faults(template: Catalog, words: Catalog) -> Iterator[str]:
    """List what a catalogue lacks, or has wrong, of what is said."""
    for message in filter(_is_message, template):
        said = words.get(message.id, message.context)
        if said is None or not all(forms(said.string)):
            yield f"not translated: {message.id!r}"
        elif said.pluralizable != message.pluralizable:
            yield f"depends on a number only here or there: {message.id!r}"
        else:
            yield from _wrong_placeholders(message, said)
    for message in filter(_is_message, words):
        if message.fuzzy:
            yield f"fuzzy: {message.id!r}"
        if template.get(message.id, message.context) is None:
            yield f"not said any more: {message.id!r}"
    yield from (f"obsolete: {key!r}" for key in words.obsolete)


def _is_message(message: Message) -> bool:
    return bool(message.id)  # that of a catalogue's head is empty


def _wrong_placeholders(message: Message, said: Message) -> Iterator[str]:
    try:
        *_, wanted = map(placeholders, forms(message.id))  # that of one may name the one
        there = [placeholders(form) for form in forms(said.string)]
    except ValueError as cause:
        yield f"{cause}: {message.id!r} / {said.string!r}"
    else:
        if any(names != wanted for names in there):
            yield f"other placeholders: {message.id!r} / {said.string!r}"


@pytest.mark.parametrize("path", WRITTEN, ids=LANGUAGES)
def test_everything_said_is_translated(path: Path) -> None:
    found = list(faults(extracted(Path(CATALOGUES.parent)), read(path)))
    if found:
        pytest.fail(
            f"{len(found)} faults; `make words`, then translate:\n" + "\n".join(found),
            pytrace=False,
        )


@pytest.mark.parametrize("path", WRITTEN, ids=LANGUAGES)
def test_the_compiled_catalogue_is_the_written_one(path: Path) -> None:
    fresh = BytesIO()
    write_mo(fresh, read(path))
    fresh.seek(0)
    with path.with_suffix(".mo").open("rb") as compiled:
        there = read_mo(compiled)
    ids = {forms(m.id)[0]: m.string for m in there if m.id}  # the head has the time of compiling
    wanted = {forms(m.id)[0]: m.string for m in read_mo(fresh) if m.id}
    assert ids == wanted, "it is out of date: run `python catalogues.py`"


def test_there_is_a_catalogue() -> None:
    assert "zh" in LANGUAGES


# ---- made-up ones: what is wrong is found ------------------------------------------------------

CODE = """
_("The model is saved.")
_("{hits} of {all} are right: {share:.1%}.", hits=1, all=2, share=0.5)
_n("One label is wrong.", "{n:,} labels are wrong.", 3)
TITLE = N_("Labels"); DEFAULT = N_("[default: {}]"); BOTH = NN_("{n} row", "{n} rows")
text = gettext("not ours")
"""
PAGE = '<p>{{ _("See {page}.", page="<b>") }}</p>'
GOOD = {
    "The model is saved.": "模型已保存。",
    "{hits} of {all} are right: {share:.1%}.": "{all} 个里对了 {hits} 个：{share:.0%}。",
    ("One label is wrong.", "{n:,} labels are wrong."): ("{n} 个标签有误。",),
    "Labels": "标签",
    "[default: {}]": "[默认：{}]",
    ("{n} row", "{n} rows"): ("{n} 行",),
    "See {page}.": "见 {page}。",
}


@pytest.fixture
def template(tmp_path: Path) -> Catalog:
    (tmp_path / "code.py").write_text(CODE)
    (tmp_path / "page.html.j2").write_text(PAGE)
    return extracted(tmp_path)


def written(changed: dict[object, object] | None = None, head: str = "", tail: str = "") -> Catalog:
    """Read a catalogue as it would lie on the disk: all that is good, and what was changed."""
    lines = ['msgid ""\nmsgstr "Plural-Forms: nplurals=1; plural=0;\\n"\n']
    for message, said in {**GOOD, **(changed or {})}.items():
        one, *many = forms(message)
        plural = f'msgid_plural "{many[0]}"\nmsgstr[0]' if many else "msgstr"
        if said is not None:
            lines.append(f'{head}msgid "{one}"\n{plural} "{forms(said)[0]}"\n')
            head = ""  # of the first message alone
    return read_po(BytesIO("\n".join([*lines, tail]).encode()))


def test_a_whole_catalogue_has_no_fault(template: Catalog) -> None:
    assert {m.id for m in template if m.id} == set(GOOD)
    assert list(faults(template, written())) == []


HITS = "{hits} of {all} are right: {share:.1%}."
LABELS = ("One label is wrong.", "{n:,} labels are wrong.")


@pytest.mark.parametrize(
    ("catalogue", "fault"),
    [
        ({"changed": {"Labels": None}}, "not translated: 'Labels'"),
        ({"changed": {"Labels": ""}}, "not translated: 'Labels'"),
        ({"changed": {LABELS: ""}}, "not translated: ('One label"),
        ({"changed": {HITS: "{all} 个里对了 {hits} 个。"}}, "other placeholders"),
        ({"changed": {HITS: "{all} {hits} {share} {more}"}}, "other placeholders"),
        ({"changed": {LABELS: "有一个标签有误。"}}, "other placeholders"),
        ({"changed": {"[default: {}]": "默认"}}, "other placeholders"),
        ({"changed": {HITS: "{all} {hits} {share"}}, "expected '}' before end of string"),
        ({"changed": {HITS: "{all} {hits:>9} {share}"}}, "{hits:>9} is no placeholder"),
        ({"changed": {HITS: "{all} {hits.real} {share}"}}, "{hits.real:} is no placeholder"),
        ({"changed": {LABELS: None, LABELS[0]: "标签"}}, "depends on a number only here or there"),
        ({"changed": {"Old": "旧"}}, "not said any more: 'Old'"),
        ({"head": "#, fuzzy\n"}, "fuzzy: 'The model is saved.'"),
        ({"tail": '#~ msgid "Old"\n#~ msgstr "旧"\n'}, "obsolete: 'Old'"),
    ],
)
def test_a_fault_is_found(template: Catalog, catalogue: dict[str, object], fault: str) -> None:
    found = list(faults(template, written(**catalogue)))
    assert len(found) == 1
    assert fault in found[0]
