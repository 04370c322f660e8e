"""Options are said once: functions, commands and pages follow the fields; strangers are refused."""

from __future__ import annotations

import doctest
import inspect
import sys
from dataclasses import MISSING
from typing import Any, get_args, get_type_hints

import pytest
import typer

import headstart as hs
from headstart import options as module
from headstart.cli import application, run
from headstart.prepare.config import OPTIONS, Config, configure, options_of, taken
from headstart.prepare.refusals import OF_THE_SOURCE, WHY_NOT, WITH_IMAGES, refuse_for_run
from headstart.transfer.recipe import NAMES, RECIPES, Recipe

JOBS = tuple(WHY_NOT)
OWN = {
    "train": {"out", "overwrite", "resume", "false_accepts", "pictures"},
    "check": set(),
    "rank": {"backbones", "out", "overwrite"},
    "layers": {"out", "overwrite"},
    "curve": {"out", "overwrite"},
    "adapt": {
        "out", "overwrite", "methods", "networks", "target_labels", "label_budget", "labelled",
    },
}  # fmt: skip
"""Options of a job that are none of the configuration."""
TYPES = {**get_type_hints(Config), **get_type_hints(Recipe)}
OTHER = {"backbone": "timm:test_resnet", "method": "finetune", "budget": 60.0, "device": "cpu"}
"""Values that are nobody's default; of the other options they follow from the type."""


def another(name: str) -> Any:
    """Return a value of an option that is not its default."""
    kinds = get_args(TYPES[name]) or (TYPES[name],)
    made = {bool: not OPTIONS[name].default, int: 7, float: 0.25, str: "other"}
    return OTHER.get(name, next((made[kind] for kind in kinds if kind in made), None))


def parameters(job: str) -> dict[str, inspect.Parameter]:
    return dict(inspect.signature(getattr(hs, job)).parameters)


def command_of(job: str) -> Any:
    return typer.main.get_command(application()).commands[job]  # type: ignore[attr-defined]


# ---- fields, functions and commands agree -------------------------------------------------------


def test_every_field_is_an_option_and_says_what_it_is() -> None:
    apart = {"data", "recipe", "given"}
    assert set(OPTIONS) == (set(TYPES) - apart)
    for name, field in OPTIONS.items():
        assert field.default is not MISSING, name
        assert field.metadata["option"].help.endswith("."), name


@pytest.mark.parametrize("job", JOBS)
def test_a_function_has_the_options_of_its_job_written_out(job: str) -> None:
    there = parameters(job)
    inputs = {name for name, p in there.items() if p.kind is p.POSITIONAL_OR_KEYWORD}
    assert inputs == ({"source", "target"} if job == "adapt" else {"data"})
    assert set(there) == {*inputs, *OWN[job], *options_of(job), "on_event"}
    hints = get_type_hints(inspect.unwrap(getattr(hs, job)))
    for name in options_of(job):
        assert there[name].kind is inspect.Parameter.KEYWORD_ONLY, name
        assert there[name].default == (None if name in NAMES else OPTIONS[name].default), name
        said, wanted = (set(get_args(t)) or {t} for t in (hints[name], TYPES[name]))
        assert name == "keep" or said >= wanted, name


@pytest.mark.parametrize("job", JOBS)
def test_a_docstring_names_every_option(job: str) -> None:
    told = (getattr(hs, job).__doc__ or "").partition("Parameters\n")[2].partition("Returns\n")[0]
    named = {word.strip() for line in told.splitlines() for word in line.split(":")[0].split(",")}
    assert set(parameters(job)) <= named


@pytest.mark.parametrize("job", JOBS)
def test_a_command_has_the_options_of_its_function(job: str) -> None:
    command, there = command_of(job), parameters(job)
    with command.make_context(job, ["a", "b"][: 1 + (job == "adapt")]) as context:
        given = context.params
    assert set(given) == {*set(there) - {"on_event"}, "as_json"}
    for name in options_of(job):
        assert given[name] == there[name].default, name
    spelled = {p.name: p.opts[0] for p in command.params}
    assert all(spelled[name] == module.flag(name) for name in options_of(job))
    helped = {p.name: p.help for p in command.params if p.name in options_of(job)}
    for name, text in helped.items():
        said = OPTIONS[name].metadata["option"].help
        assert said == text or (name == "backbone" and said.startswith(text)), name


@pytest.mark.parametrize("job", JOBS)
def test_no_option_is_forgotten_on_the_way(job: str, monkeypatch: pytest.MonkeyPatch) -> None:
    heard: dict[str, Any] = {}

    def listen(_: object, options: dict[str, Any]) -> None:
        heard.update(options)
        raise InterruptedError

    given = {name: another(name) for name in options_of(job)}
    assert all(value not in (None, OPTIONS[name].default) for name, value in given.items())
    function = getattr(hs, job)
    monkeypatch.setattr(sys.modules[function.__module__], "configure", listen)
    with pytest.raises(InterruptedError):
        function(*["never/read"] * (1 + (job == "adapt")), **given)
    assert given.items() <= heard.items()


def test_what_is_typed_is_read_by_the_field(monkeypatch: pytest.MonkeyPatch) -> None:
    heard: dict[str, Any] = {}

    def listen(*_: object, **options: Any) -> None:
        heard.update(options)
        raise hs.ConfigError("enough")

    monkeypatch.setattr(sys.modules[hs.train.__module__], "train", listen)
    assert run(["train", "x", "--budget", "5m", "--keep", "l2-sp,bss", "--no-cache"]) == 2
    assert (heard["budget"], heard["keep"], heard["cache"]) == (300.0, ("l2-sp", "bss"), False)
    assert (heard["gradual"], heard["epochs"], heard["balanced"]) == (None, None, False)


def test_examples_in_the_docstrings() -> None:
    assert doctest.testmod(module).failed == 0


# ---- what does not apply is refused, with the mend ----------------------------------------------


@pytest.mark.parametrize(
    ("job", "option", "mend"),
    [
        ("adapt", "method", "--methods"),
        ("adapt", "abstain", "headstart train"),
        ("adapt", "epochs", "--networks"),
        ("rank", "backbone", "--backbones"),
        ("rank", "method", "headstart train"),
        ("check", "method", "headstart train"),
        ("layers", "abstain", "headstart train"),
        ("curve", "lr", "headstart train"),
        ("layers", "backbones", "--backbone?"),
        ("train", "bakcbone", "--backbone?"),
        ("train", "epoch", "--epochs?"),
        ("check", "group", "--groups?"),
        ("train", "colour_of_the_sky", "headstart train --help"),
    ],
)
def test_an_option_of_another_job_and_a_slip(
    job: str, option: str, mend: str, capsys: pytest.CaptureFixture[str]
) -> None:
    inputs = ["never/read"] * (1 + (job == "adapt"))
    with pytest.raises(hs.ConfigError) as refused:
        getattr(hs, job)(*inputs, **{option: "x"})
    assert refused.value.message == f"{module.flag(option)} is no option of {job}."
    assert mend in refused.value.hint
    assert run([job, *inputs, module.flag(option), "x"]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert f"error: {refused.value.message}" in said.err
    assert f"hint: {refused.value.hint}" in said.err


@pytest.mark.parametrize(("command", "slip"), [("predict", "--jsn"), ("cache", "--cleer")])
def test_other_commands_know_slips_too(
    command: str, slip: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([command, *["a", "b"][: 2 * (command == "predict")], slip]) == 2
    said = capsys.readouterr().err
    assert f"error: {slip} is no option of {command}." in said
    assert "hint: Did you mean --" in said


def test_every_reason_is_about_an_option_and_ends_in_a_mend() -> None:
    for job, reasons in WHY_NOT.items():
        assert set(reasons) <= set(OPTIONS), job
        assert all("--" in why or "`headstart train`" in why for why in reasons.values()), job


def test_a_configuration_takes_no_stranger() -> None:
    with pytest.raises(hs.ConfigError, match="--sead is no option of train"):
        configure("x", {"sead": 3})
    for name in ("data", "recipe", "out"):
        with pytest.raises(hs.ConfigError, match=f"--{name} is no option"):
            configure("x", {name: "y"})
    assert configure("x", {"seed": None}) == Config("x")


def test_taken_forgets_nothing() -> None:
    with pytest.raises(KeyError):
        taken("check", {"seed": 3})
    given = {**dict.fromkeys(options_of("check"), 1), "on_event": print}
    assert taken("check", given) == dict.fromkeys(options_of("check"), 1)


@pytest.mark.parametrize("name", [*WITH_IMAGES, *OF_THE_SOURCE])
def test_a_run_as_the_source_has_no_use_for_some_options(name: str) -> None:
    refuse_for_run(["seed", "strict", "x", "encoding", "out", "target_labels"])
    with pytest.raises(hs.ConfigError, match=f"^{module.flag(name)}: a run folder as the source"):
        refuse_for_run(["seed", name])
    with pytest.raises(hs.ConfigError, match=r"--networks: .* do that with\. --size: .* to set\."):
        refuse_for_run(["networks", "size"])


# ---- is a network trained? ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "trains"),
    [
        ({}, False),
        ({"method": "probe"}, False),
        ({"method": "layers"}, False),
        ({"budget": 60.0}, True),
        *(({"method": name}, True) for name in RECIPES),
    ],
)
def test_options_of_the_recipe_need_a_network_that_is_trained(
    options: dict[str, Any], trains: bool
) -> None:
    assert configure("x", options).trains_networks == trains
    if trains:
        assert configure("x", {**options, "epochs": 3}).recipe.epochs == 3
    else:
        with pytest.raises(hs.ConfigError, match="trains no network"):
            configure("x", {**options, "epochs": 3})


def test_a_recipe_is_written_down_where_one_was_used(run_folder: Any) -> None:
    import json

    written = json.loads((run_folder / "run.json").read_text("utf-8"))["config"]
    assert written["method"] == "auto"
    assert written["budget"] is None
    assert written["recipe"] is None
