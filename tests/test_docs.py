"""The documentation says what is there: every command, option, name and error; its code runs."""

from __future__ import annotations

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

import headstart as hs
from conftest import draw_folder
from headstart import errors
from headstart.backbones import PROVIDERS, resolve
from headstart.cli.commands import app
from headstart.data.builtin import BUILTIN

TOP = Path(__file__).parents[1]
DOCS = TOP / "docs"
README, CHINESE, USE = TOP / "README.md", TOP / "README.zh-CN.md", DOCS / "use.md"
ARCHITECTURE = DOCS / "architecture.md"
PAGES = [*sorted(TOP.glob("*.md")), *sorted(DOCS.glob("*.md"))]
EXAMPLES = sorted((DOCS / "examples").glob("*.py"))
HOSTS = {"keepachangelog.com", "www.apache.org", "creativecommons.org", "arxiv.org", "doi.org"}
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
    return typer.main.get_command(app).commands  # type: ignore[attr-defined]


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


def test_options_of_the_program_itself_are_explained() -> None:
    own = long_options(typer.main.get_command(app)) | {"--help", "--debug"}
    assert own <= set(re.findall(r"--[a-z][a-z-]*", text(USE)))


def test_no_option_is_explained_that_is_not_there() -> None:
    there = {o for command in commands().values() for o in long_options(command)}
    there |= long_options(typer.main.get_command(app)) | {"--help", "--debug"}
    for page in (README, CHINESE, USE, DOCS / "how_it_works.md"):
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
                assert options <= long_options(commands()[words[1]]), f"{page.name}: {line}"


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


def keys_of(value: Any, skip: tuple[str, ...]) -> Iterator[str]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield key
            if key not in skip:
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


def test_every_file_of_a_run_is_described(run_folder: Path) -> None:
    told = section(ARCHITECTURE, "The run folder")
    for path in run_folder.rglob("*"):
        name = path.relative_to(run_folder).as_posix()
        if path.is_file() and not name.startswith("figures/"):
            assert f"`{name}`" in told, name
    assert "`figures/`" in told


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


@pytest.mark.parametrize("page", ["trust", "labels", "looks", "methods"])
def test_sections_of_the_report_are_explained(page: str) -> None:
    told = text(USE).partition("\n### Reading the report\n")[2].partition("\n### ")[0]
    template = text(TOP / "src" / "headstart" / "report" / f"{page}.html.j2")
    titles = re.findall(r"<h2[^>]*>([^<{]+)</h2>", template)
    assert titles
    assert [title for title in titles if f"*{title}*" not in told] == []


# ---- the two faces -----------------------------------------------------------------------------


def test_the_readme_says_how_to_start() -> None:
    for page in (README, CHINESE):
        assert "make demo\nmake test\n" in blocks(page, ""), page.name


def test_the_readmes_point_to_each_other_and_name_the_same_commands() -> None:
    assert "](README.zh-CN.md)" in text(README)
    assert "](README.md)" in text(CHINESE)
    assert lines_typed(README) == lines_typed(CHINESE)
    assert blocks(README, "python") == blocks(CHINESE, "python")
    for page in (README, CHINESE):
        table = set(re.findall(r"^\| `headstart (\w+)", text(page), re.MULTILINE))
        assert table >= set(commands()), page.name
    links = [set(re.findall(r"\]\((?!README)([^)#]+)", text(page))) for page in (README, CHINESE)]
    assert links[0] == links[1]
    headings = [re.findall(r"^#+ ", text(page), re.MULTILINE) for page in (README, CHINESE)]
    assert headings[0] == headings[1]


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
    """What the examples find: photos, new ones, later ones, a table, a finished run."""
    here = tmp_path_factory.mktemp("world")
    draw_folder(here / "photos", 8)
    draw_folder(here / "later_photos", 3, seed=1)
    (here / "new").mkdir()
    for path in sorted((here / "later_photos").glob("*/*0.jpg")):
        shutil.copy(path, here / "new")
    rows = ["path,label,patient"]
    for i, path in enumerate(sorted((here / "photos").glob("*/*"))):
        rows.append(f"{path.relative_to(here).as_posix()},{path.parent.name},p{i // 2}")
    (here / "labels.csv").write_text("\n".join(rows) + "\n", "utf-8")
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
    shutil.rmtree(world / "runs" / "patients", ignore_errors=True)
    shutil.rmtree(world / "runs" / "own", ignore_errors=True)
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
        ["train", "photos", "--backbone", "team:surfaces", "--out", out, "--json"],
    ]
    checked = next(b for b in blocks(DOCS / "contributing.md", "python") if "check_backbone(" in b)
    code = f"{checked}\nfrom headstart.cli import run\nassert not any(map(run, {lines!r}))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=world,
        env={**os.environ, "PYTHONPATH": str(site)},
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
