"""Real things, tiny: every test run has its own caches and never the network."""

from __future__ import annotations

import atexit
import csv
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

# Before anything imports a library that reads them once: private caches, and no network.
_HOME = Path(tempfile.mkdtemp(prefix="headstart-tests-"))
atexit.register(shutil.rmtree, _HOME, ignore_errors=True)
os.environ["HEADSTART_CACHE"] = str(_HOME / "cache")
os.environ["HF_HOME"] = str(_HOME / "huggingface")
os.environ["TORCH_HOME"] = str(_HOME / "torch")
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["HEADSTART_LANG"] = "en"  # whoever runs them
os.environ.pop("SCIPY_ARRAY_API", None)
# Threads of one small matrix product only wait for each other; the product limits them itself.
os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"
# A core for each of several processes that test at once: their threads would only take turns.
_WORKER = os.environ.get("PYTEST_XDIST_WORKER", "")
if _WORKER and hasattr(os, "sched_setaffinity"):
    _cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {_cores[int(_WORKER.removeprefix("gw")) % len(_cores)]})

import numpy as np  # noqa: E402
import pytest  # noqa: E402
from hypothesis import settings  # noqa: E402
from PIL import Image  # noqa: E402

from headstart.backbones import Ref  # noqa: E402
from headstart.cli import run as run_command  # noqa: E402
from headstart.errors import HeadstartError  # noqa: E402
from headstart.features.engines import Bench, _engines_here, _machine, _write  # noqa: E402
from headstart.language import use  # noqa: E402
from headstart.said import Said  # noqa: E402

settings.register_profile("quick", max_examples=25)
settings.register_profile("thorough", max_examples=500)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))


def draw(kind: int, rng: np.random.Generator, side: int = 96) -> Image.Image:
    """Draw a picture of one of three kinds: stripes, a disc, a chequerboard; noisy and moved."""
    y, x = np.mgrid[:side, :side] + rng.integers(0, 24)
    shapes = (
        (x // 6 + rng.integers(2)) % 2,
        np.hypot(x - side / 2, y - side / 2) < side * rng.uniform(0.25, 0.4),
        (x // 12 + y // 12) % 2,
    )
    colour = rng.uniform(80, 200, 3)
    pixels = shapes[kind][..., None] * colour + rng.normal(30, 12, (side, side, 3))
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))


TASTES, USERS, ITEMS, CHOICES = 4, 120, 40, 7
"""Of drawn logs."""


def draw_log(path: Path, *, seed: int, prefix: str, users: list[int] | None = None) -> Path:
    """Draw a log of users with one of four tastes, who choose items of it three times in four."""
    rng = np.random.default_rng(seed)
    with path.open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["user_id", "item_id", "time"])
        for place, user in enumerate(users or list(range(USERS))):
            own = rng.permutation(np.arange(place % TASTES, ITEMS, TASTES))[: CHOICES - 2]
            rest = rng.permutation(ITEMS)[:2]
            for when, item in enumerate(rng.permutation(np.unique([*own, *rest]))):
                table.writerow([f"u{user}", f"{prefix}{item}", 1_000_000_000 + 60 * when])
    return path


def draw_folder(
    root: Path,
    per_class: int,
    classes: tuple[str, ...] = ("stripes", "disc", "chequers"),
    seed: int = 0,
) -> Path:
    """Write a folder of class folders, JPEG and PNG alternating."""
    rng = np.random.default_rng(seed)
    for kind, name in enumerate(classes):
        (root / name).mkdir(parents=True)
        for i in range(per_class):
            suffix = ("jpg", "png")[i % 2]
            draw(kind % 3, rng).save(root / name / f"{name}{i}.{suffix}", quality=92)
    return root


# ---- how briefly a run is judged ---------------------------------------------------------------

_BRIEF = pytest.MonkeyPatch()


def _shorten() -> None:
    """Deal small sets five folds instead of fifty; explain nothing and draw no figures."""
    import headstart.methods.networks  # noqa: F401  (takes the real SMALL while it is there)
    from headstart.report import render

    def page_alone(folder: Path, *, name: str = "") -> Path:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("headstart.report.draw", lambda facts: ())
            return render(folder, name=name)

    _BRIEF.setattr("headstart.judge.estimate.SMALL", 0)
    _BRIEF.setattr("headstart.jobs.judged.explanations", lambda *given: ([], None))
    for job in ("train", "adapt.adapt"):
        _BRIEF.setattr(f"headstart.jobs.{job}.render", page_alone)


@contextmanager
def whole() -> Iterator[None]:
    """Judge, explain and draw as users have it."""
    _BRIEF.undo()
    try:
        yield
    finally:
        _shorten()


@pytest.fixture(scope="session", autouse=True)
def _brief() -> Iterator[None]:
    _shorten()
    yield
    _BRIEF.undo()


@pytest.fixture(autouse=True)
def _whole(request: pytest.FixtureRequest) -> Iterator[None]:
    if request.node.get_closest_marker("whole") is None:
        yield
    else:
        with whole():
            yield


CHOICE = Bench.choice
"""Times the engines of a network the first time."""


@pytest.fixture(scope="session", autouse=True)
def _engine() -> Iterator[None]:
    """Let one engine be remembered for every network, so that none is timed.

    Converting a network to OpenVINO's form pays for the one that comes along.
    """

    def remembered(self: Bench) -> str:
        memory = self.shelf / f"choice-{_machine()}.json"
        if not memory.exists():
            embedded = self.backbone.card.parameters > 1e6 and "openvino-float32" in _engines_here()
            name = "openvino-float32" if embedded else "torch-float32"
            _write(memory, json.dumps({"engine": name}))
        return CHOICE(self)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Bench, "choice", remembered)
        yield


# ---- how long a test may take ------------------------------------------------------------------

LONGEST = 20.0
"""Seconds of processor time, children included, that a test not marked ``whole`` may take."""


def _cpu() -> float:
    spent = os.times()
    return spent.user + spent.system + spent.children_user + spent.children_system


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """Fail a test that makes the suite slow; processor time, for machines may be busy."""
    before = _cpu()
    yield
    took = _cpu() - before
    if took > LONGEST and item.get_closest_marker("whole") is None:
        pytest.fail(
            f"took {took:.1f} s of processor time, over {LONGEST:g}: make it smaller, share a "
            "finished run (tests/conftest.py), or mark it whole",
            pytrace=False,
        )


# ---- what is said ------------------------------------------------------------------------------

SRC = Path(__file__).parents[1] / "src"


@pytest.fixture(autouse=True)
def _english(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let no test leave its language to the next."""
    monkeypatch.setenv("LANGUAGE", "")  # so that it is put back, for commands set it
    monkeypatch.delenv("LANGUAGE")
    yield
    use("en")  # not speak, which would ask an environment that is still the test's


@pytest.fixture(autouse=True)
def _errors_are_said(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Hold every error that a test meets to being a message, which the catalogues have."""
    create, unsaid = HeadstartError.__init__, []

    def created(self: HeadstartError, message: str, hint: str = "") -> None:
        create(self, message, hint)
        ours = Path(sys._getframe(1).f_code.co_filename).is_relative_to(SRC)
        unsaid.extend(t for t in (message, hint) if ours and t and not isinstance(t, Said))

    monkeypatch.setattr(HeadstartError, "__init__", created)
    yield
    assert unsaid == []


# ---- data, and finished runs -------------------------------------------------------------------


TOPICS = ["slow food", "fast room", "bad zebra", "good quark", "very fast zebra", "slow quark room"]
VERBS = ["describes", "was seen with", "comes before", "is about"]


def draw_documents(n: int = 30, seed: int = 0) -> list[dict[str, object]]:
    """Draw texts whose keywords come first and again; one in five has one that is absent."""
    rng = np.random.default_rng(seed)
    found = []
    for k in range(n):
        gold = [TOPICS[i] for i in rng.permutation(len(TOPICS))[:2]]
        others = [f"{w} thing{k}" for w in rng.choice(["plain", "grey", "old"], 3, replace=False)]
        text = (
            f"The {gold[0]} {rng.choice(VERBS)} the {gold[1]}. With the {others[0]} and the "
            f"{others[1]}, the {gold[0]} {rng.choice(VERBS)} the {others[2]}."
        )
        found.append({"text": text, "keywords": [*gold, *(["absent one"] if k % 5 == 0 else [])]})
    return found


def write_jsonl(path: Path, rows: list[dict[str, object]]) -> Path:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), "utf-8")
    return path


@pytest.fixture(scope="session")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """45 drawn pictures in three class folders; do not write into it."""
    return draw_folder(tmp_path_factory.mktemp("data") / "photos", 15)


@pytest.fixture(scope="session")
def run_folder(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run on ``photos``; do not write into it."""
    import headstart as hs

    with whole():
        return hs.train(photos, out=tmp_path_factory.mktemp("runs") / "photos").folder


@pytest.fixture(scope="session")
def tiny_bert(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Name of a text network of two layers, in a folder of its own."""
    from tiny_bert import save_tiny

    return f"hf:{save_tiny(tmp_path_factory.mktemp('networks') / 'tiny')}"


@pytest.fixture(scope="session")
def text_run(tiny_bert: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run on short reviews; do not write into it."""
    import headstart as hs

    folder, rng = tmp_path_factory.mktemp("reviews"), np.random.default_rng(0)
    with (folder / "reviews.csv").open("w", encoding="utf-8", newline="") as opened:
        writer = csv.writer(opened)
        writer.writerow(["text", "label"])
        for i in range(40):
            words = rng.choice(["food", "room", "very", "slow", "fast"], rng.integers(2, 12))
            word = ("good", "bad")[i % 2]
            writer.writerow([" ".join([*words, word, word, str(i)]), word])
    run = hs.train(
        folder / "reviews.csv", backbone=tiny_bert, method="probe", out=folder / "reviews"
    )
    return run.folder


@pytest.fixture(scope="session")
def row_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run on rows of four numbers; do not write into it."""
    import headstart as hs

    folder, rng = tmp_path_factory.mktemp("rows"), np.random.default_rng(0)
    with (folder / "rows.csv").open("w", encoding="utf-8", newline="") as opened:
        writer = csv.writer(opened)
        writer.writerow(["a", "b", "c", "d", "label"])
        for i in range(40):
            writer.writerow([*rng.normal(i % 2, 0.5, 4).round(3), ("low", "high")[i % 2]])
    return hs.train(folder / "rows.csv", x="a,b,c,d", y="label", out=folder / "rows").folder


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Name a small network whose weights are random: it knows nothing, and is quick to train."""
    from safetensors.torch import save_file

    path = tmp_path_factory.mktemp("weights") / "small.safetensors"
    save_file(Ref("timm", "test_resnet", seed=0).load().net.state_dict(), path)
    return f"file:{path}#timm:test_resnet"


# ---- the command line --------------------------------------------------------------------------


class Result:
    """What a command did, as a person at the terminal sees it."""

    def __init__(self, status: int, out: str, err: str) -> None:
        self.status, self.out, self.err = status, out, " ".join(err.split())

    def json(self) -> Any:
        return json.loads(self.out)

    def refused(self, *words: str) -> None:
        """Exit 2, what and the mend on stderr, nothing on stdout, no traceback."""
        assert self.status == 2, self.err
        assert self.out == ""
        assert "Traceback" not in self.err
        assert "error:" in self.err
        assert "hint:" in self.err
        for word in words:
            assert word in self.err, f"{word!r} is not in: {self.err}"


@pytest.fixture
def headstart(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Callable[..., Result]:
    """Run a command in this process, in an empty working directory."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments: object) -> Result:
        capsys.readouterr()
        status = run_command([str(a) for a in arguments])
        captured = capsys.readouterr()
        return Result(status, captured.out, captured.err)

    return call
