"""The command line in Chinese: help, errors, progress; and how the language is asked for."""

from __future__ import annotations

import errno
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import headstart as hs
from english import TYPED, english
from headstart.cli import application, console, run
from headstart.cli.console import Bars, answered, inputs
from headstart.events import Event
from headstart.language import in_force
from headstart.speaking import speaking

COMMANDS = ["train", "demo", "check", "adapt", "rank", "layers", "curve", "predict", "evaluate"]
COMMANDS += [
    "recommend",
    "translate",
    "keywords",
    "compare",
    "enrol",
    "report",
    "export",
    "verify",
    "push",
    "pull",
    "serve",
    "backbones",
    "cache",
]


@pytest.fixture
def chinese(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Speak Chinese in this process; commands too, which ask the environment."""
    monkeypatch.setenv("HEADSTART_LANG", "zh")
    monkeypatch.setenv("LANGUAGE", "")  # so that it is put back
    with speaking("zh"):
        yield


@pytest.fixture
def said(chinese: None, capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Run a command that refuses, and return what it says."""

    def call(*line: object) -> str:
        capsys.readouterr()
        assert run([str(word) for word in line]) == 2
        told = capsys.readouterr()
        assert told.out == ""
        assert told.err.startswith("错误：")
        assert "\n\n提示：" in told.err
        return told.err

    return call


def in_a_shell(code: str, **environment: str) -> subprocess.CompletedProcess[bytes]:
    asked = {k: v for k, v in os.environ.items() if not k.startswith(("HEADSTART_LANG", "LC_"))}
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, env={**asked, "LANG": "C", **environment}
    )


def helped(*commands: str, width: int = 80) -> list[str]:
    """Return the help of commands in Chinese, of one process, on a terminal of that width."""
    code = f"""
from headstart.cli import run
for command in {commands}:
    run([*command.split(), "--lang", "zh", "--help"])
    print("=" * 30)
"""
    done = in_a_shell(code, COLUMNS=str(width))
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode("utf-8").split("=" * 30)[:-1]


# ---- help ----------------------------------------------------------------------------------------


def test_help_is_chinese_and_whole() -> None:
    import typer

    program = typer.main.get_command(application())
    assert sorted(program.commands) == sorted(COMMANDS)  # type: ignore[attr-defined]
    pages = dict(zip(["", *COMMANDS], helped("", *COMMANDS), strict=True))
    for name, page in pages.items():
        assert "用法：headstart" in page, name
        assert "显示这段帮助后退出。" in page, name
        assert english(re.sub(r"[│\s]+", " ", page), TYPED) == [], name
        assert "…" not in page, f"help of {name!r} is cut off"
        options = program.commands[name].params if name else program.params  # type: ignore[attr-defined]
        for option in options:
            assert max(option.opts, key=len) in page or option.metavar in page, option.name
    for name in COMMANDS:
        assert re.search(rf"│ {name} +[^│]*[\u4e00-\u9fff]", pages[""]), name


@pytest.mark.parametrize("width", [60, 100, 140])
def test_lines_of_chinese_fit_any_terminal(width: int) -> None:
    from rich.cells import cell_len

    (page,) = helped("predict", width=width)
    assert max(cell_len(line) for line in page.splitlines()) <= width
    assert not [line for line in page.splitlines() if re.search("│ +[，。；：、）]", line)]
    assert "看起来不可靠时会自动撤销。" in re.sub(r"[│\s]+", "", page)


def test_english_lines_break_at_spaces_alone() -> None:
    assert [word for *_, word in console._words("no, (not) here: a-b")] == [
        "no, ", "(not) ", "here: ", "a-b",
    ]  # fmt: skip
    assert [word for *_, word in console._words("在 CPU（快）上。")] == [
        "在_",
        "CPU",
        "（快）",
        "上。",
    ]


def test_help_waits_for_no_library_that_it_does_not_need() -> None:
    code = """
import sys
from headstart.cli import run
run(["--help", "--lang", "{}"])
assert not {{"argparse", "babel"}} & set(sys.modules)
"""
    for language in ("en", "zh"):
        done = in_a_shell(code.format(language))
        assert done.returncode == 0, done.stderr.decode()


# ---- which language ------------------------------------------------------------------------------


def test_the_environment_may_ask_for_chinese() -> None:
    code = "from headstart.cli import main; main()"
    for environment in ({"HEADSTART_LANG": "zh"}, {"LANG": "zh_CN.UTF-8"}):
        assert "错误：找不到运行文件夹" in _refused(["report", "nowhere"], environment)
    for line in (["report", "nowhere", "--lang", "en"], ["--lang=en", "report", "nowhere"]):
        assert "error: There is no run folder" in _refused(line, {"HEADSTART_LANG": "zh"})
    assert in_a_shell(code, HEADSTART_LANG="xx").returncode == 2


def _refused(line: list[str], environment: dict[str, str]) -> str:
    code = f"import sys; sys.argv[1:] = {line}; from headstart.cli import main; main()"
    done = in_a_shell(code, **environment)
    assert done.returncode == 2
    return done.stderr.decode("utf-8")


@pytest.mark.parametrize(
    ("line", "error"),
    [
        (["--lang", "xx", "cache"], "There is no language 'xx'."),
        (["cache", "--lang=xx"], "There is no language 'xx'."),
        (["cache", "--lang"], "--lang names no language."),
        (["--lang", "--help"], "--lang names no language."),
        (["cache", "--lang="], "--lang names no language."),
    ],
)
def test_a_language_that_is_none_is_refused(headstart, line: list[str], error: str) -> None:
    headstart(*line).refused(f"error: {error}", "hint: One of: en, zh.")


def test_what_follows_a_double_dash_is_no_option(headstart) -> None:
    headstart("report", "--", "--lang").refused("There is no run folder '--lang'.")


@pytest.mark.parametrize(
    "environment",
    [
        {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"},
        {"PYTHONIOENCODING": "cp1252"},
        {"PYTHONIOENCODING": "ascii"},
    ],
    ids=str,
)
def test_a_terminal_without_chinese_is_written_to_all_the_same(
    environment: dict[str, str],
) -> None:
    code = "import sys; sys.argv[1:] = {}; from headstart.cli import main; main()"
    done = in_a_shell(code.format(["--lang", "zh", "--help"]), **environment)
    assert done.returncode == 0, done.stderr
    assert "用法：" in done.stdout.decode("utf-8")
    assert "错误：没有名为 'trian' 的命令。" in _refused(["trian", "--lang", "zh"], environment)


# ---- errors --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (["trian"], ("没有名为 'trian' 的命令。", "您是不是想写 'train'", "`headstart --help`")),
        (["train"], ("headstart train 还缺少 DATA。", "headstart train --help")),
        (["predict", "run"], ("没有要预测的东西。", "请指定文件、文件夹或表格。")),
        (["train", "x", "y", "z w"], ("headstart train 不需要 'y'和'z w'。", "引号")),
        (["train", "x", "--epochs", "many"], ("--epochs 'many' 不是整数。",)),
        (["train", "x", "--seed", "1.5"], ("--seed '1.5' 不是整数。",)),
        (["train", "x", "--lr", "1e"], ("--lr '1e' 不是数字。",)),
        (["train", "x", "--seed"], ("--seed 后面要写一个值。",)),
        (["train", "x", "--overwrite=yes"], ("--overwrite 后面不能带值。",)),
        (["train", "x", "--no-cache=1"], ("--no-cache 后面不能带值。",)),
        (["train", "x", "--bakcbone", "y"], ("--bakcbone 不是 train 的选项。", "--backbone？")),
        (["cache", "--lagn", "en"], ("--lagn 不是 cache 的选项。", "--lang？")),
        (["rank", "x", "--method", "y"], ("--method 不是 rank 的选项。", "headstart train")),
        (["--seed", "1", "train"], ("--seed 不是 headstart 的选项。", "写在命令后面")),
        (["train", "x", "--epochs", "3"], ("--epochs：线性探测不训练网络",)),
        (["train", "x", "--method", "full", "--lr", "-1", "--tune", "y"], ("'y' 不对", "--lr -1")),
        (["train", "x", "--method", "magic"], ("没有 'magic' 这个方法。", "probe、layers")),
        (["train", "x", "--budget", "soon"], ("--budget 'soon' 不是有效的时间。", "90s、5m 或 1h")),
        (["report", "nowhere"], ("找不到运行文件夹 'nowhere'。",)),
    ],
    ids=" ".join,
)
def test_a_wrong_line_is_refused_in_chinese(said, line: list[str], words: tuple[str, ...]) -> None:
    told = said(*line)
    assert english(told, TYPED) == []
    for word in words:
        assert word in told


def test_a_program_without_a_command_says_so() -> None:
    assert "缺少命令。" in _refused(["--"], {"HEADSTART_LANG": "zh"})


def test_a_full_disk_and_a_fault_of_ours_are_said_in_chinese(
    said, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail_with(fault: Exception) -> None:
        def fail(*_: object) -> None:
            raise fault

        monkeypatch.setattr("headstart.run.Run.__init__", fail)

    fail_with(OSError(errno.ENOSPC, "No space left on device", "/tmp/{x}"))
    assert "磁盘空间不足：/tmp/{x}" in said("report", "x")
    fail_with(OSError("strange {x}"))
    assert "strange {x}：未知文件" in said("report", "x")
    fail_with(ZeroDivisionError("what a {pity}"))
    assert run(["report", "x"]) == 1
    assert "headstart 出错了：ZeroDivisionError: what a {pity}" in capsys.readouterr().err


# ---- progress and results ------------------------------------------------------------------------


def test_a_log_is_in_chinese(
    chinese: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(console, "BEAT", 0.05)
    with Bars() as bars:
        bars(Event("正在读取", 3, 1200, "图片"))
        time.sleep(0.3)
    first, second, *_ = capsys.readouterr().err.splitlines()
    assert first == "正在读取……"
    assert re.fullmatch(r"正在读取…… 已用 \d 秒，3/1,200 图片", second)


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        ("结论：有帮助：多 4.3 个百分点。", "[bold green]结论：[/]有帮助：多 4.3 个百分点。"),
        ("准确率 97.8%（95% 置信区间）。", "[bold green]准确率 97.8%[/]（95% 置信区间）。"),
        ("没有结论。", "[bold green]没有结论。[/]"),
    ],
)
def test_an_answer_begins_in_its_tone(message: str, shown: str) -> None:
    assert answered(Event("", message=message, level="answer", tone="good")) == shown


def test_what_is_typed_is_the_same_in_every_language(chinese: None) -> None:
    assert inputs("image") == "IMAGES"


def test_a_report_is_rendered_in_the_language_asked_for(
    run_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spoken = []
    monkeypatch.setattr("headstart.report.render", lambda _: spoken.append(in_force().code))
    with speaking("en"):
        hs.load(run_folder).report(lang="zh")
        hs.load(run_folder).report()
        with speaking("zh"):
            hs.load(run_folder).report()
        assert in_force().code == "en"
    assert spoken == ["zh", "en", "zh"]


def test_scores_and_predictions_are_told_in_chinese(
    chinese: None, headstart, run_folder: Path, photos: Path, tmp_path: Path
) -> None:
    evaluated = headstart("evaluate", run_folder, photos)
    assert "准确率 100.0%" in evaluated.err
    assert english(evaluated.err.partition("准确率")[2]) == []
    (tmp_path / "broken.jpg").write_text("no")
    image = next((photos / "disc").iterdir())
    predicted = headstart("predict", run_folder, "broken.jpg", image, "--out", "p.csv")
    assert "2 个输入中有 1 个无法读取" in predicted.err
    assert "2 条预测已写入 p.csv" in predicted.err
    header = (tmp_path / "p.csv").read_text("utf-8").splitlines()[0]
    assert header.startswith("path,predicted,confidence,p:chequers")


def test_notes_on_backbones_are_told_and_those_of_plugins_left_alone(
    chinese: None, headstart, monkeypatch: pytest.MonkeyPatch
) -> None:
    from headstart.backbones import Listing

    rows = [Listing("a", "images", "MIT", 5_000_000, True), Listing("b", "{x} [y]", "}", 0, False)]
    monkeypatch.setattr("headstart.backbones.available", lambda *_, **__: rows)
    shown = headstart("backbones").out
    for words in ("名称", "可用", "参数量", "说明", "许可证", "图片", "5.0 M", "{x} [y]"):
        assert words in shown
