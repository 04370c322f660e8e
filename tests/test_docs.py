"""The documentation says what is there: every command, option, name and error; its code runs."""

from __future__ import annotations

import csv
import json
import os
import re
import runpy
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from PIL import Image, ImageOps

import headstart as hs
from conftest import draw_documents, draw_folder, draw_log, write_jsonl
from headstart import errors
from headstart.backbones import PROVIDERS, resolve
from headstart.cli import application
from headstart.data.builtin import BUILTIN
from headstart.report.words import FINDINGS
from tagged import draw as draw_tagged
from tagged import write as write_tagged
from tiny_seq2seq import pairs, write_tsv

TOP = Path(__file__).parents[1]
DOCS = TOP / "docs"
README, USE = TOP / "README.md", DOCS / "use.md"
ARCHITECTURE = DOCS / "architecture.md"
PAGES = [*sorted(TOP.glob("*.md")), *sorted(DOCS.glob("*.md"))]
CHINESE = [page for page in PAGES if page.name.endswith(".zh-CN.md")]
EXAMPLES = sorted((DOCS / "examples").glob("*.py"))
ANYWHERE = {"--help", "--debug", "--lang"}
"""Options that every command takes, wherever they stand in the line."""
HOSTS = {
    "127.0.0.1:8000",
    "keepachangelog.com",
    "www.apache.org",
    "creativecommons.org",
    "arxiv.org",
    "doi.org",
}
"""Sites that a page may point to; where packages or weights come from is not among them."""


def names(pages: list[Path]) -> list[str]:
    return [page.relative_to(TOP).as_posix() for page in pages]


def text(page: Path) -> str:
    return page.read_text("utf-8")


def blocks(page: Path, language: str) -> list[str]:
    """Fenced blocks of a language; "" for those without one."""
    fenced = re.findall(r"^```(\w*)\n(.*?)^```$", text(page), re.MULTILINE | re.DOTALL)
    return [body for marked, body in fenced if marked == language]


def prose(page: Path) -> str:
    return re.sub(r"^```.*?^```$", "", text(page), flags=re.MULTILINE | re.DOTALL)


def commands() -> dict[str, Any]:
    return typer.main.get_command(application()).commands  # type: ignore[attr-defined]


def long_options(command: Any) -> set[str]:
    spelled = [o for p in command.params for o in (*p.opts, *p.secondary_opts)]
    return {option for option in spelled if option.startswith("--")}


def section(page: Path, title: str) -> str:
    """What stands under a heading of the second level."""
    parts = re.split(r"^## (.*)$", text(page), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))[title]


def lines_typed(page: Path) -> list[str]:
    """Commands in the page's code blocks, as a shell reads them: without comments."""
    said = [line for block in blocks(page, "") for line in block.splitlines()]
    typed = [line for line in said if re.match("(headstart|make|pip) ", line)]
    return [shlex.join(shlex.split(line, comments=True)) for line in typed]


# ---- everything there is, is described ---------------------------------------------------------


@pytest.mark.parametrize("name", commands())
def test_every_command_and_option_is_explained(name: str) -> None:
    told = section(USE, f"headstart {name}")
    missing = [o for o in long_options(commands()[name]) if f"`{o}" not in told]
    assert not missing, f"docs/use.md, section 'headstart {name}', does not explain {missing}"


def test_the_reference_page_is_what_the_commands_say_of_themselves(tmp_path: Path) -> None:
    (recipe,) = re.findall(
        r"^docs: .*\n\t(.*?)\n\n", text(TOP / "Makefile").replace("\\\n", ""), re.M
    )
    words = shlex.split(recipe.replace("$(RUN)", f"{Path(sys.executable).parent}/"))
    subprocess.run([*words[:-1], str(tmp_path / "page.md")], cwd=TOP, check=True)
    page = text(DOCS / "commands.md")
    assert page == text(tmp_path / "page.md"), "it is out of date: run `make docs`"


def test_options_of_the_program_itself_are_explained() -> None:
    own = long_options(typer.main.get_command(application())) | ANYWHERE
    assert own <= set(re.findall(r"--[a-z][a-z-]*", text(USE)))


def test_no_option_is_explained_that_is_not_there() -> None:
    there = {o for command in commands().values() for o in long_options(command)}
    there |= long_options(typer.main.get_command(application())) | ANYWHERE
    for page in (README, USE, *CHINESE, DOCS / "how_it_works.md"):
        typed = "\n".join(line for line in lines_typed(page) if line.startswith("headstart"))
        mentioned = set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", prose(page) + typed))
        assert mentioned <= there, f"{page.name}: {sorted(mentioned - there)}"


def test_commands_in_the_docs_are_real() -> None:
    for page in PAGES:
        for line in lines_typed(page):
            words = shlex.split(line)
            if words[0] == "headstart" and words[1] != "--version":
                assert words[1] in commands(), f"{page.name}: {line}"
                options = {w for w in words[2:] if w.startswith("--")}
                known = long_options(commands()[words[1]]) | ANYWHERE
                assert options <= known, f"{page.name}: {line}"


@pytest.mark.parametrize("name", hs.__all__)
def test_every_public_name_is_explained(name: str) -> None:
    assert re.search(rf"`{name}[`(]", text(USE)), f"docs/use.md does not explain {name}"


def test_every_error_is_explained_with_its_mend() -> None:
    kinds = [
        kind
        for kind in vars(errors).values()
        if isinstance(kind, type) and issubclass(kind, errors.HeadstartError)
    ]
    table = section(USE, "Errors and their mends")
    assert len(kinds) == 7
    for kind in kinds:
        assert re.search(rf"^\| `{kind.__name__}`.*\| .+ \| .+ \|$", table, re.MULTILINE), kind
        assert kind.__name__ in hs.__all__


def test_every_built_in_set_and_provider_is_named() -> None:
    for record in BUILTIN:
        row = rf"^\| `builtin:{record.name}` \|.*{re.escape(record.licence)}"
        assert re.search(row, text(USE), re.MULTILINE), record.name
    resolve("efficientnet-lite0")  # fills the registry
    for provider in PROVIDERS.names():
        assert f"`{provider}`" in text(DOCS / "glossary.md"), provider


def test_every_parameter_of_the_estimator_is_explained() -> None:
    told = section(USE, "With scikit-learn")
    for name in hs.TransferClassifier().get_params():
        assert f"| `{name}` |" in told


def test_every_kind_of_finding_is_explained() -> None:
    source = "".join(text(path) for path in (TOP / "src").rglob("*.py"))
    kinds = set(re.findall(r'Finding\(\s*"(\w+)"', source))
    assert len(kinds) > 8
    told = section(USE, "Findings and what to do")
    assert [kind for kind in sorted(kinds) if f"\n| `{kind}` |" not in told] == []
    listed = text(ARCHITECTURE).partition("\nKinds of findings:")[2].partition("\n\n")[0]
    assert [kind for kind in sorted(kinds) if f"`{kind}`" not in listed] == []
    assert [kind for kind in sorted(kinds) if kind not in FINDINGS] == [], "without a heading"


def keys_of(value: Any, skip: tuple[str, ...]) -> Iterator[str]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield key
            if key not in (*skip, "sentences"):  # whose keys are places in the document
                yield from keys_of(inner, skip)
    elif isinstance(value, list):
        for inner in value:
            yield from keys_of(inner, skip)


@pytest.mark.parametrize(
    ("file", "skip"),
    [
        ("metrics.json", ("per_class", "figures")),  # keys there depend on the data
        ("model/model.json", ("files",)),
        ("split.json", ()),
        ("pictures.json", ()),
        ("run.json", ("versions",)),
    ],
)
def test_the_run_folder_is_described_key_by_key(
    run_folder: Path, file: str, skip: tuple[str, ...]
) -> None:
    told = text(ARCHITECTURE).partition(f"\n### {Path(file).name}\n")[2].partition("\n##")[0]
    there = set(keys_of(json.loads((run_folder / file).read_text("utf-8")), skip))
    missing = sorted(key for key in there if f"`{key}`" not in told)
    assert not missing, f"docs/architecture.md does not explain {missing} of {file}"


@pytest.mark.parametrize("kind", ["run_folder", "adapted_folder"])
def test_every_file_of_a_run_is_described(kind: str, request: pytest.FixtureRequest) -> None:
    told = section(ARCHITECTURE, "The run folder")
    folder: Path = request.getfixturevalue(kind)
    for path in folder.rglob("*"):
        name = path.relative_to(folder).as_posix()
        if path.is_file() and not name.startswith("figures/"):
            assert f"`{name}`" in told, name
    assert "`figures/`" in told


# ---- adaptation --------------------------------------------------------------------------------


def draw_later(root: Path, per_class: int) -> Path:
    """Write class folders of the pictures that `photos` has, as a worse camera would see them."""
    for path in draw_folder(root, per_class, seed=2).glob("*/*"):
        with Image.open(path) as picture:
            dark = ImageOps.invert(picture.convert("L").point(lambda v: v // 2 + 64))
        dark.convert("RGB").save(path)
    return root


@pytest.fixture(scope="module")
def adapted_folder(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Everything that an adaptation can leave: labels that score it, and proposals."""
    later = draw_later(tmp_path_factory.mktemp("later") / "later", 8)
    out = tmp_path_factory.mktemp("adapted") / "run"
    few = "standardisation,prototypes"
    options = {"methods": few, "target_labels": later, "label_budget": 6}
    return hs.adapt(photos, later, out=out, **options).folder


@pytest.mark.parametrize(
    ("file", "heading"),
    [("metrics.json", "adaptation in metrics.json"), ("pictures.json", "pictures.json")],
)
def test_an_adaptation_is_described_key_by_key(
    adapted_folder: Path, file: str, heading: str
) -> None:
    found = json.loads((adapted_folder / file).read_text("utf-8"))["adaptation"]
    told = text(ARCHITECTURE).partition(f"\n### {heading}\n")[2].partition("\n##")[0]
    there = set(keys_of(found, ("scores", "shares")))  # named after scores and classes
    assert there
    missing = sorted(key for key in there if f"`{key}`" not in told)
    assert not missing, f"docs/architecture.md does not explain {missing} of {file}"


@pytest.mark.parametrize("file", ["run.json", "metrics.json", "model/model.json", "split.json"])
def test_what_an_adaptation_adds_elsewhere_is_described(adapted_folder: Path, file: str) -> None:
    told = text(ARCHITECTURE).partition(f"\n### {Path(file).name}\n")[2].partition("\n##")[0]
    found = json.loads((adapted_folder / file).read_text("utf-8"))
    skip = ("versions", "files", "per_class", "figures", "adaptation")
    missing = sorted(key for key in set(keys_of(found, skip)) if f"`{key}`" not in told)
    assert not missing, f"docs/architecture.md does not explain {missing} of {file}"


def columns_of(table: Path) -> list[str]:
    with table.open(encoding="utf-8", newline="") as opened:
        return next(csv.reader(opened))


def test_columns_of_what_to_label_are_explained(adapted_folder: Path) -> None:
    told = text(USE).partition("\n### Labels that say more\n")[2].partition("\n### ")[0]
    columns = columns_of(adapted_folder / "to_label.csv")
    assert [c for c in columns if f"\n| `{c}` |" not in told] == []


def test_columns_of_the_answers_for_a_target_are_those_of_predict(adapted_folder: Path) -> None:
    columns = columns_of(adapted_folder / "target_predictions.csv")
    told = section(USE, "headstart predict")
    told_too = section(ARCHITECTURE, "The run folder")
    row = next(line for line in told_too.splitlines() if "`target_predictions.csv`" in line)
    for column in columns:
        name = "p:CLASS" if column.startswith("p:") else column
        assert f"\n| `{name}` |" in told, column
        assert f"`{name}`" in row, column


def test_every_method_of_adaptation_is_explained() -> None:
    from headstart.adaptation.families import ADAPTERS

    told = section(USE, "headstart adapt").partition("\n### The methods\n")[2]
    told = told.partition("\n### ")[0]
    there = [adapter.name for adapter in ADAPTERS]
    assert len(there) > 5
    assert [n for n in there if n != "no adaptation" and f"`{n}`" not in told] == []
    named = re.findall(r"`([^`]+)`", "".join(re.findall(r"^\| `.*?\|", told, re.MULTILINE)))
    assert [n for n in named if n not in there] == []  # none that is not there


def test_how_one_is_chosen_is_explained() -> None:
    from headstart.adaptation.guards import RATIO, SLACK
    from headstart.adaptation.select import FEW, FEW_PER_CLASS, NEEDED, SCORES

    told = (
        section(USE, "headstart adapt").partition("\n### What it does,")[2].partition("\n### ")[0]
    )
    assert [score for score in SCORES if f"\n| `{score}` |" not in told] == []
    said = " ".join(told.split())
    assert (NEEDED, len(SCORES), RATIO, FEW_PER_CLASS) == (3, 4, 3, 10)  # in words there
    assert "at least three of four scores prefer it" in said
    assert "fewer than ten images of the target per class" in said
    assert f"over {100 * SLACK:.0f} points worse" in said
    assert "over three times its share" in said
    assert f"With fewer than {FEW} images" in said


def test_every_way_to_adapt_to_inputs_is_explained() -> None:
    from headstart.adaptation.testtime import KINDS

    told = text(USE).partition("\n### Adapting to the inputs\n")[2].partition("\n## ")[0]
    assert [kind for kind in KINDS if f"\n| `{kind}` |" not in told] == []


@pytest.mark.parametrize(
    ("study", "skip"),
    [("rank", ()), ("layers", ("by_layer",)), ("curve", ())],  # by_layer has the network's blocks
)
def test_the_folder_of_a_study_is_described_key_by_key(
    study: str, skip: tuple[str, ...], photos: Path, tmp_path: Path
) -> None:
    import timm
    from safetensors.torch import save_file

    folder, weights = tmp_path / study, tmp_path / "tiny.safetensors"
    save_file(timm.create_model("test_resnet").state_dict(), weights)
    option = "backbones" if study == "rank" else "backbone"
    getattr(hs, study)(photos, out=folder, **{option: f"file:{weights}#timm:test_resnet"})
    document = json.loads((folder / f"{study}.json").read_text("utf-8"))
    chapter = section(ARCHITECTURE, "The folders of the studies")
    parts = re.split(r"^### (.*)$", chapter, flags=re.MULTILINE)
    told = parts[0] + dict(zip(parts[1::2], parts[2::2], strict=True))[f"{study}.json"]
    missing = sorted(k for k in set(keys_of(document, skip)) if f"`{k}`" not in told)
    assert not missing, f"docs/architecture.md does not explain {missing} of {study}.json"
    there = {path.name for path in folder.iterdir()}
    assert there == {f"{study}.json", "report.html", "figures"}
    files = section(USE, f"headstart {study}")
    assert all(f"`{name}" in files for name in there), study


def test_columns_of_label_issues_are_explained(run_folder: Path) -> None:
    columns = (run_folder / "label_issues.csv").read_text("utf-8").splitlines()[0].split(",")
    told = text(USE).partition("\n### Labels that look wrong\n")[2].partition("\n### ")[0]
    assert [c for c in columns if f"\n| `{c}` |" not in told] == []


def titles_of(part: str) -> list[str]:
    """Headings in a part of the report, but those that depend on what is in it."""
    template = text(TOP / "src" / "headstart" / "report" / f"{part}.html.j2")
    found = re.findall(r'<h2[^>]*>{{ _\("([^"]+)"[^"]*\) }}</h2>', template)
    return [title.replace("{many}", "images") for title in found]


@pytest.mark.parametrize("part", ["trust", "labels", "looks", "methods"])
def test_sections_of_the_report_are_explained(part: str) -> None:
    told = text(USE).partition("\n### Reading the report\n")[2].partition("\n### ")[0]
    assert titles_of(part)
    assert [title for title in titles_of(part) if f"*{title}*" not in told] == []


def test_sections_about_an_adaptation_are_explained() -> None:
    told = text(USE).partition("\n### Reading the report of an adaptation\n")[2]
    told = told.partition("\n### ")[0]
    assert len(titles_of("adaptation")) > 2
    assert [title for title in titles_of("adaptation") if f"*{title}*" not in told] == []


# ---- the first page ----------------------------------------------------------------------------


def test_the_readme_says_how_to_start_and_names_every_command() -> None:
    assert "make demo\nmake test\n" in blocks(README, "")
    table = set(re.findall(r"^\| `headstart (\w+)", text(README), re.MULTILINE))
    assert table >= set(commands())


# ---- code and links ----------------------------------------------------------------------------


@pytest.mark.parametrize("page", PAGES, ids=names(PAGES))
def test_python_in_the_docs_compiles(page: Path) -> None:
    for number, code in enumerate(blocks(page, "python"), 1):
        compile(code, f"{page.name}, block {number}", "exec")


@pytest.mark.parametrize("example", EXAMPLES, ids=names(EXAMPLES))
def test_examples_are_shown_word_for_word(example: Path) -> None:
    shown = [code for page in PAGES for code in blocks(page, "python")]
    assert text(example) in shown, f"no page shows {example.name} as it is"


@pytest.fixture(scope="module")
def world(run_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the examples find: photos, new and later ones, another camera's, a table, a run."""
    here = tmp_path_factory.mktemp("world")
    draw_folder(here / "photos", 8)
    draw_folder(here / "later_photos", 3, seed=1)
    draw_later(here / "other_camera", 8)
    (here / "new").mkdir()
    for path in sorted((here / "later_photos").glob("*/*0.jpg")):
        shutil.copy(path, here / "new")
    (here / "parted").mkdir()
    (here / "parted" / "train").symlink_to(here / "photos")
    (here / "parted" / "test").symlink_to(here / "later_photos")
    rows = ["path,label,patient"]
    for i, path in enumerate(sorted((here / "photos").glob("*/*"))):
        rows.append(f"{path.relative_to(here).as_posix()},{path.parent.name},p{i // 2}")
    (here / "labels.csv").write_text("\n".join(rows) + "\n", "utf-8")
    write_tsv(here / "en-fr.tsv", pairs(120))
    for seed, name in enumerate(("books", "films")):
        draw_log(here / f"{name}.csv", seed=seed, prefix=name[0])
    write_tagged(here / "names.conll", draw_tagged(24))
    write_jsonl(here / "papers.jsonl", draw_documents())
    news = ["北京大学的研究人员发明了新的太阳能电池。", "今年的电影节在上海开幕。"]
    (here / "news.csv").write_text("\n".join(["text", *news]) + "\n", "utf-8")
    shutil.copytree(run_folder, here / "runs" / "photos")
    return here


@pytest.mark.parametrize("example", EXAMPLES, ids=names(EXAMPLES))
def test_examples_run(
    example: Path,
    world: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(world)
    for written in ("patients", "own", "other", "books", "papers", "news", "en-fr", "names"):
        shutil.rmtree(world / "runs" / written, ignore_errors=True)
    runpy.run_path(str(example), run_name="__main__")
    printed = capsys.readouterr().out
    assert bool(printed) == bool(re.search(r"\bprint\(", text(example)))
    if example.stem == "errors":  # the messages stand beside the code that prints them
        said = re.findall(r"# (--seed.*|Try.*)$", text(example), re.MULTILINE)
        assert said
        assert all(line in printed.splitlines() for line in said)


def test_a_provider_is_found_by_its_entry_point(world: Path, tmp_path: Path) -> None:
    """Install the plug-in of docs/contributing.md as a package would be, and train with it."""
    import timm
    from safetensors.torch import save_file

    site, weights = tmp_path / "site", tmp_path / "site" / "weights"
    weights.mkdir(parents=True)
    save_file(timm.create_model("test_resnet").state_dict(), weights / "surfaces.safetensors")
    shutil.copy(DOCS / "examples" / "team_backbones.py", site)
    about = site / "team_backbones-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: team-backbones\nVersion: 1.0\n")
    announced = re.search(r"^\[project\.entry-points.*\n(.*)", text(DOCS / "contributing.md"), re.M)
    assert announced
    entry = announced[1].replace('"', "")
    (about / "entry_points.txt").write_text(f"[headstart.backbones]\n{entry}\n")

    out = str(tmp_path / "run")
    lines = [
        ["backbones", "--like", "team:*", "--json"],
        ["train", "parted", "--backbone", "team:surfaces", "--out", out, "--json"],
    ]
    checked = next(b for b in blocks(DOCS / "contributing.md", "python") if "check_backbone(" in b)
    code = f"{checked}\nfrom headstart.cli import run\nassert not any(map(run, {lines!r}))"
    path = os.pathsep.join(filter(None, [str(site), os.environ.get("PYTHONPATH")]))
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=world,
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    listed, trained = (json.loads(line) for line in done.stdout.splitlines())
    assert [row["name"] for row in listed] == ["team:surfaces"]
    assert trained["backbone"] == "team:surfaces"
    assert len(hs.load(out).predict(world / "new")) == 3  # here, where there is no plug-in


def anchors(page: Path) -> set[str]:
    """Anchors of the headings, as code hosts make them."""
    headings = re.findall(r"^#+ (.*)$", prose(page), re.MULTILINE)
    bare = [re.sub(r"[^\w\s-]", "", heading.strip().lower()) for heading in headings]
    return {heading.replace(" ", "-") for heading in bare}


@pytest.mark.parametrize("page", PAGES, ids=names(PAGES))
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", prose(page)):
        if target.startswith("http"):
            continue
        path, _, anchor = target.partition("#")
        there = (page.parent / path).resolve() if path else page
        assert there.exists(), f"{page.name}: {target}"
        if anchor:
            assert anchor in anchors(there), f"{page.name}: {target}"


@pytest.mark.parametrize("page", [*PAGES, *EXAMPLES], ids=names([*PAGES, *EXAMPLES]))
def test_no_address_but_of_the_sites_meant(page: Path) -> None:
    hosts = set(re.findall(r"\w+://([^/\s)>\"'`]+)", text(page)))
    assert hosts <= HOSTS, f"{page.name} names {hosts - HOSTS}"
    assert not re.search(r"--(extra-)?index-url|--find-links", text(page))


def test_pages_are_reachable_from_the_readme() -> None:
    linked = text(README) + text(DOCS / "how_it_works.md")
    for page in DOCS.glob("*.md"):
        assert f"{page.name}" in linked, page.name
