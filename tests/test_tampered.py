"""A run folder that is damaged, or was made to harm, is refused in words, whatever is in it."""

from __future__ import annotations

import copy
import csv
import io
import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import headstart as hs
from conftest import draw_folder
from headstart.errors import ArtifactError, HeadstartError
from headstart.folder.model import _checksum
from headstart.folder.reading import read_document
from headstart.report import render

DOCUMENTS = ("metrics.json", "pictures.json", "run.json", "split.json", "model/model.json")
TABLES = ("predictions.csv", "history.csv", "label_issues.csv")
OTHERS = ("model/head.safetensors", "model/backbone.safetensors")
Path_ = tuple[str | int, ...]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, small: str) -> Path:
    """A finished run with all that a run may have but an adaptation; do not write into it."""
    root = tmp_path_factory.mktemp("tampered")
    photos = draw_folder(root / "photos", 8)
    options = {"backbone": small, "size": 64, "method": "finetune", "epochs": 2, "abstain": 0.2}
    return hs.train(photos, out=root / "run", **options).folder


@pytest.fixture(scope="module")
def place(run: Path) -> Path:
    """A copy to damage, which every test mends again."""
    return Path(shutil.copytree(run, run.parent / "place" / "run"))


@pytest.fixture(scope="module")
def adapted(run: Path) -> Path:
    """The same run, adapted."""
    target = draw_folder(run.parent / "target", 4, seed=3)
    return hs.adapt(run, target, out=run.parent / "adapted").folder


def nodes(value: Any, path: Path_ = ()) -> Iterator[Path_]:
    """All places in a document."""
    yield path
    children: Any = ()
    if isinstance(value, dict | list):
        children = value.items() if isinstance(value, dict) else enumerate(value)
    for key, child in children:
        yield from nodes(child, (*path, key))


def put(document: Any, path: Path_, value: Any, *, delete: bool = False) -> Any:
    """A copy with another value at a place, or without it."""
    if not path:
        return value
    changed = copy.deepcopy(document)
    inner = changed
    for key in path[:-1]:
        inner = inner[key]
    if delete:
        del inner[path[-1]]
    else:
        inner[path[-1]] = value
    return changed


def deep(levels: int) -> str:
    return "[" * levels + "]" * levels


VALUES = st.one_of(
    st.sampled_from([None, [], {}, "", "x", True, 0, 1, -1, 10**30, 0.5, -2.5, [[]], {"a": None}]),
    st.sampled_from([float("nan"), float("inf"), 1e308, -1e308, 1e-308]),
    st.text(max_size=5),
    st.integers(),
    st.floats(),
    st.recursive(st.none(), lambda inner: st.lists(inner, max_size=3), max_leaves=6),
)


@st.composite
def damage(draw: st.DrawFn) -> tuple[str, Callable[[Path], None]]:
    """A file of a run folder, and something to do to it."""
    name = draw(st.sampled_from([*DOCUMENTS * 4, *TABLES * 2, *OTHERS]))
    kind = draw(st.sampled_from(["node"] * 6 + ["delete"] * 2 + ["deep", "cut", "bytes", "gone"]))
    value, spot = draw(VALUES), draw(st.integers(0, 2**30))
    noise, sealed = draw(st.binary(max_size=30)), draw(st.booleans())

    def apply(folder: Path) -> None:
        path = folder / name
        raw = path.read_bytes()
        if kind == "gone":
            path.unlink()
        elif kind == "cut":
            path.write_bytes(raw[: spot % len(raw)])
        elif kind == "bytes" or (name in OTHERS):
            at = spot % len(raw)
            path.write_bytes(raw[:at] + noise + raw[at + len(noise) :])
        elif name in TABLES:
            path.write_text(_other_cell(raw.decode(), kind, value, spot), "utf-8")
        elif kind == "deep":
            path.write_text(f'{{"classes": {deep(spot % 200_000)}}}', "utf-8")
        else:
            document = json.loads(raw)
            places = list(nodes(document))
            where = places[spot % len(places)]
            document = put(document, where, value, delete=kind == "delete" and bool(where))
            if sealed and name == "model/model.json" and isinstance(document, dict):
                document["checksum"] = _checksum(document)
            path.write_text(json.dumps(document), "utf-8")

    return name, apply


def _other_cell(text: str, kind: str, value: Any, spot: int) -> str:
    """Change a cell of a table, or take it out; or repeat it beyond all measure."""
    rows = list(csv.reader(io.StringIO(text, newline="")))
    row = rows[spot % len(rows)]
    at = spot % len(row)
    if kind == "delete":
        del row[at]
    else:
        row[at] = "9" * 200_000 if kind == "deep" else str(value)
    out = io.StringIO(newline="")
    csv.writer(out).writerows(rows)
    return out.getvalue()


def files_of(folder: Path) -> dict[str, bytes]:
    return {
        p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()
    }


def restore(place: Path, whole: dict[str, bytes]) -> None:
    for name in files_of(place).keys() - whole.keys():
        (place / name).unlink()
    for name, content in whole.items():
        if not (place / name).is_file() or (place / name).read_bytes() != content:
            (place / name).write_bytes(content)


@pytest.mark.whole  # 500 examples take a minute
@settings(deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_damaged_run_folders(run: Path, place: Path, data: st.DataObject) -> None:
    """Every command on it ends in words or does its work; it never fails, and harms nothing."""
    whole, picture = files_of(run), next((run.parent / "photos" / "disc").iterdir())
    beside = {p.name for p in place.parent.iterdir()}
    for _, change in data.draw(
        st.lists(damage(), min_size=1, max_size=2, unique_by=lambda d: d[0])
    ):
        change(place)
    damaged = files_of(place)
    try:
        for use in (
            lambda: hs.load(place).predict(picture),
            lambda: hs.load(place).evaluate(run.parent / "photos"),
            lambda: hs.load(place).metrics,
            lambda: render(place),
        ):
            try:
                use()
            except HeadstartError as error:
                assert error.hint, error
                assert len(str(error)) < 2000
        now = files_of(place)
        assert {p.name for p in place.parent.iterdir()} == beside
        written = {name for name in now if now[name] != damaged.get(name)}
        assert all(n in ("report.html", "README.md") or n.startswith("figures/") for n in written)
        assert not [n for n in now if "/." in f"/{n}"], "a half-written file is left"
    finally:
        restore(place, whole)


@pytest.fixture(autouse=True, scope="module")
def _no_figures() -> Iterator[None]:
    """Most of the time would go into figures."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("headstart.report.draw", lambda facts: ())
        yield


# ------------------------------------------------------------------ the ones that were met


@pytest.fixture
def broken(run: Path, tmp_path: Path) -> Callable[..., Path]:
    """A copy of a run in which one file holds something else."""

    def _broken(name: str, content: str | bytes, of: Path = run) -> Path:
        folder = Path(shutil.copytree(of, tmp_path / "run"))
        data = content.encode() if isinstance(content, str) else content
        (folder / name).write_bytes(data)
        return folder

    return _broken


@pytest.mark.parametrize("name", DOCUMENTS)
@pytest.mark.parametrize("content", [deep(100_000), "[]", "null", "3", "", b"\xff\xfe", '{"a":'])
def test_what_is_no_document(broken, headstart, name: str, content: str | bytes) -> None:
    folder = broken(name, content)
    headstart("report", folder).refused(Path(name).name, "cannot be read", "Restore the run folder")
    if name.startswith("model"):
        headstart("predict", folder, "x.jpg").refused("model.json cannot be read")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "holds no predictions"),
        ("path,label,predicted,p:disc,p:stripes,p:chequers,fold\n", "holds no predictions"),
        ("path\nx\n", "in line 2: it has 1 cells, not 7"),
        ("h\na,disc,disc,x,0,0,1\n", "in line 2: 'x' is no number"),
        ("h\na,disc,disc,nan,0,0,1\n", "in line 2: a share is not within 0 and 1"),
        ("h\na,cat,disc,1,0,0,1\n", "in line 2: 'cat' is no class of the run"),
        (b"\xff\xfe", "holds no predictions"),
        ("h\n" + "9" * 200_000, "field larger than field limit"),
    ],
)
def test_predictions_that_are_none(broken, headstart, content: str | bytes, said: str) -> None:
    headstart("report", broken("predictions.csv", content)).refused("predictions.csv", said)


def test_what_is_wrong_is_said_with_its_place(broken, headstart, run: Path) -> None:
    metrics = json.loads((run / "metrics.json").read_text("utf-8"))
    metrics["estimate"]["accuracy_ci95"] = [0.5, "high"]
    headstart("report", broken("metrics.json", json.dumps(metrics))).refused(
        "metrics.json cannot be read: at estimate.accuracy_ci95[1] it should be a valid number, "
        "and is 'high'."
    )


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (-1, "it should be at least 0, and is -1"),
        (1e15, "it should be at most 1e+12"),
        (float("inf"), "it should be a finite number"),
        (None, "it should be a valid number, and is None"),
    ],
)
def test_what_should_stand_there_is_said_in_our_words(
    broken, headstart, run: Path, wrong: float | None, said: str
) -> None:
    metrics = json.loads((run / "metrics.json").read_text("utf-8"))
    metrics["timing"]["total_s"] = wrong
    headstart("report", broken("metrics.json", json.dumps(metrics))).refused(
        f"at timing.total_s {said}"
    )


def test_missing_keys_are_named(broken, headstart, run: Path) -> None:
    metrics = json.loads((run / "metrics.json").read_text("utf-8"))
    del metrics["timing"]["fit_s"]
    headstart("report", broken("metrics.json", json.dumps(metrics))).refused(
        "at timing.fit_s a value is missing"
    )


def test_evaluate_and_adapt_read_the_same_way(broken, headstart, run: Path) -> None:
    folder = broken("split.json", '{"examples": [null], "left_out": []}')
    headstart("evaluate", folder, run.parent / "photos").refused("split.json", "examples[0]")
    (folder / "metrics.json").write_text(deep(5000))
    headstart("adapt", folder, run.parent / "photos", "--out", "a").refused("metrics.json")


def test_a_model_that_is_sealed_again_is_still_read_with_care(broken, run: Path) -> None:
    described = json.loads((run / "model" / "model.json").read_text("utf-8"))
    for path, value in [
        (("backbone", "preprocessing", "size"), "large"),
        (("backbone", "preprocessing", "size"), 10**9),
        (("backbone", "preprocessing", "mean"), [0.5]),
        (("backbone", "preprocessing", "interpolation"), "magic"),
        (("backbone", "preprocessing"), {}),
        (("backbone", "layers"), [["a", "b", "c"]]),
        (("backbone", "layers"), [["a", "b", float("inf")]]),
        (("backbone", "dim"), 10**12),
        (("temperature",), float("nan")),
        (("classes",), ["one"]),
        (("weights",), {"provider": "nobody", "name": "x"}),
        (("weights",), 7),
        (("backbone", "preprocessing", "levels"), ["dark", 5]),
        (("files",), {"../../outside": "0"}),
    ]:
        changed = put(described, path, value)
        changed["checksum"] = _checksum(changed)
        folder = broken("model/model.json", json.dumps(changed))
        with pytest.raises(HeadstartError) as caught:
            hs.load(folder).predict(run.parent / "photos")
        assert caught.value.hint, path
        shutil.rmtree(folder)


@pytest.mark.parametrize("levels", [150, 500, 950, 100_000])
def test_deep_lists_under_a_key_that_nobody_knows(
    broken, headstart, run: Path, levels: int
) -> None:
    """The checksum of a model goes through all of it."""
    text = (run / "model" / "model.json").read_text("utf-8")
    folder = broken("model/model.json", f'{{"more": {deep(levels)}, {text.lstrip()[1:]}')
    headstart("report", folder).refused("model.json", "more than 100 deep")


def test_names_that_are_no_unicode_are_read(broken, headstart, run: Path) -> None:
    pictures = json.loads((run / "pictures.json").read_text("utf-8"))
    pictures["map"]["points"][0]["path"] = "caf\udce9.png"
    table = (run / "predictions.csv").read_bytes().replace(b"disc0", b"caf\xe9")
    folder = broken("pictures.json", json.dumps(pictures))
    (folder / "predictions.csv").write_bytes(table)
    assert headstart("report", folder).status == 0


def test_points_of_no_class(broken, headstart, run: Path, adapted: Path) -> None:
    pictures = json.loads((run / "pictures.json").read_text("utf-8"))
    pictures["map"]["points"][0]["label"] = "moss"
    folder = broken("pictures.json", json.dumps(pictures))
    headstart("report", folder).refused("pictures.json", "the map shows a class 'moss'")


def test_an_adapted_run_is_read_with_the_same_care(adapted: Path) -> None:
    """Every place of what an adaptation found, one after the other."""
    document = json.loads((adapted / "metrics.json").read_text("utf-8"))
    path, shown = adapted / "metrics.json", render(adapted).read_bytes()
    kept = path.read_bytes()
    places = [where for where in nodes(document["adaptation"]) if where]
    try:
        for where in places[:: max(1, len(places) // 12)]:
            for value in ("x", -1, None):
                changed = put(document, ("adaptation", *where), value)
                path.write_text(json.dumps(changed), "utf-8")
                try:
                    render(adapted)
                except ArtifactError as error:
                    assert "metrics.json" in error.message
    finally:
        path.write_bytes(kept)
    assert render(adapted).read_bytes() == shown


def test_studies_are_read_with_the_same_care(tmp_path: Path) -> None:
    from headstart.report.study import render_study

    for name in ("rank", "layers", "curve"):
        for content in (deep(5000), "null", f'{{"study": "{name}"}}', '{"study": []}'):
            (tmp_path / f"{name}.json").write_text(content)
            with pytest.raises(ArtifactError, match=rf"{name}\.json cannot be read") as caught:
                render_study(tmp_path)
            assert caught.value.hint == f"Make it again with `headstart {name}`."
        (tmp_path / f"{name}.json").unlink()


def test_what_an_interrupted_run_left_may_be_anything(run: Path, small: str) -> None:
    left = run.parent / ".headstart-unfinished-again"
    left.mkdir()
    (left / "identity.json").write_text(deep(5000))
    photos, out = run.parent / "photos", run.parent / "again"
    options = {"backbone": small, "size": 64, "method": "finetune", "epochs": 1}
    assert hs.train(photos, out=out, resume=True, **options).folder == out


def test_numbers_keep_their_form(tmp_path: Path) -> None:
    text = (Path(__file__).with_name("old_run") / "metrics.json").read_text("utf-8")
    (tmp_path / "metrics.json").write_text(text, "utf-8")
    assert json.dumps(read_document(tmp_path / "metrics.json")) == json.dumps(json.loads(text))


def test_a_loss_that_is_missing_leaves_a_curve_of_one_epoch(broken, run: Path) -> None:
    """As where a validation loss is no number."""
    lines = (run / "history.csv").read_text("utf-8").splitlines()
    gone = [n for n, line in enumerate(lines) if line.startswith("2,validation,")]
    kept = [line for n, line in enumerate(lines) if n not in gone]
    assert gone
    folder = broken("history.csv", "\n".join(kept) + "\n")
    assert "One epoch is too few" in render(folder).read_text("utf-8")


@pytest.mark.parametrize(
    "sentences",
    [
        *([1], "x", 5, {"no place": {"message": "x", "values": {}}}, {"/verdict/sentence": 5}),
        {"/classes/0": {"message": "another", "values": {}}},
        {"/estimate/accuracy": {"message": "x", "values": {}}},
        {"/verdict/sentence": {"message": "{a}" * 10**6, "values": {"a": "b"}}},
        {"/verdict/sentence": {"joined": ["a"] * 1000, "by": "x" * 1000}},
    ],
    ids=lambda sentences: str(sentences)[:40],
)
def test_sentences_that_are_none(broken, headstart, run: Path, sentences: object) -> None:
    document = json.loads((run / "metrics.json").read_text("utf-8"))
    folder = broken("metrics.json", json.dumps(document | {"sentences": sentences}))
    assert headstart("report", folder, "--lang", "zh").status in (0, 2)
