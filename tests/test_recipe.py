"""The recipe: what it refuses, what each method changes of it, and how the rate goes."""

import math
from itertools import pairwise

import pytest

from headstart.errors import ConfigError
from headstart.modalities import augmentations
from headstart.transfer.recipe import (
    DECAY,
    LR,
    NAMES,
    OPTIMIZERS,
    RECIPES,
    SCHEDULES,
    Recipe,
    defaults,
    from_options,
    pace,
)

# --- the pace -----------------------------------------------------------------------------------


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("steps", [1, 2, 3, 7, 10, 99, 1000])
def test_the_pace_is_never_nothing_and_never_more_than_all(schedule, steps):
    paces = [pace(step, steps, schedule) for step in range(steps)]
    assert all(0 < p <= 1 for p in paces)
    assert max(paces) == 1 or steps == 1
    peak = paces.index(max(paces))
    assert all(a <= b for a, b in pairwise(paces[: peak + 1]))
    assert all(a >= b for a, b in pairwise(paces[peak:]))


def test_the_constant_pace_is_constant():
    assert {pace(step, 50, "constant") for step in range(50)} == {1.0}


def test_cosine_rises_in_a_straight_line_over_a_tenth_and_falls_to_nothing():
    paces = [pace(step, 100, "cosine") for step in range(100)]
    assert paces[:10] == pytest.approx([0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0])
    # By hand: 90 steps fall, the j-th of them to (1 + cos(pi j / 91)) / 2.
    assert paces[10 + 45] == pytest.approx((1 + math.cos(math.pi * 46 / 91)) / 2)
    assert paces[-1] == pytest.approx((1 - math.cos(math.pi / 91)) / 2)
    assert paces[-1] < 0.001


def test_one_cycle_rises_for_three_tenths():
    paces = [pace(step, 100, "one-cycle") for step in range(100)]
    assert paces.index(1.0) == 29
    assert paces[14] == pytest.approx(0.5), "halfway up the cosine"
    assert paces[0] == pytest.approx((1 - math.cos(math.pi / 30)) / 2)


# --- what is refused ----------------------------------------------------------------------------


def test_all_wrong_values_are_told_together():
    wrong = {
        "tune": "some",
        "batchnorm": "thaw",
        "optimizer": "lion",
        "schedule": "linear",
        "augment": "blur",
        "keep": ("l2-sp", "ewc"),
        "epochs": 0,
        "batch_size": 0,
        "lr": -1.0,
        "head_lr": 0.0,
        "weight_decay": -0.1,
        "layer_decay": 1.5,
        "label_smoothing": 1.0,
        "mixup": -1.0,
        "cutmix": -1.0,
        "ema": 1.0,
        "clip": -1.0,
        "patience": -1,
        "views": 0,
    }
    with pytest.raises(ConfigError) as refused:
        Recipe(**wrong)
    for name, value in wrong.items():
        option = f"--{name.replace('_', '-')}"
        said = "'ewc'" if name == "keep" else repr(value) if isinstance(value, str) else ""
        assert f"{option} {said}" in refused.value.message, name
    assert "'l2-sp'" not in refused.value.message.split("--keep", 1)[1].split(" is not")[0]
    assert "--help" in refused.value.hint


@pytest.mark.parametrize("name", ["lr", "head_lr", "weight_decay", "ema", "clip", "mixup"])
@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_what_is_no_number_is_no_value(name, value):
    if (name, value) == ("clip", math.inf):
        Recipe(clip=value)  # any gradient is shorter
        return
    with pytest.raises(ConfigError, match=f"--{name.replace('_', '-')} (nan|inf)"):
        Recipe(**{name: value, "cache": False})


@pytest.mark.parametrize(
    "limits",
    [
        {"epochs": 1, "batch_size": 1, "label_smoothing": 0.0, "views": 1, "layer_decay": 1e-6},
        {"layer_decay": 1.0, "ema": 0.9999, "weight_decay": 0.0, "clip": 0.0, "views": 64},
    ],
)
def test_values_at_their_limits_are_taken(limits):
    recipe = Recipe(**limits)
    assert all(getattr(recipe, name) == value for name, value in limits.items())


def test_views_are_of_a_cache():
    with pytest.raises(ConfigError, match="--views"):
        Recipe(views=2, cache=False)
    assert Recipe(views=2).views == 2


# --- what is derived ----------------------------------------------------------------------------


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_rates_and_decay_follow_the_optimiser_unless_given(optimizer):
    recipe = Recipe(optimizer=optimizer)
    assert recipe.rate == recipe.head_rate == LR[optimizer]
    assert recipe.decay == DECAY[optimizer]
    given = Recipe(optimizer=optimizer, lr=0.5, weight_decay=0.0)
    assert (given.rate, given.head_rate, given.decay) == (0.5, 0.5, 0.0)
    assert Recipe(optimizer=optimizer, lr=0.5, head_lr=0.1).head_rate == 0.1


def test_only_fixed_views_can_be_cached():
    kinds = augmentations()
    fresh = {kind for kind, count in kinds.items() if not count}
    assert {"none", "crops"} < set(kinds) and "pad" in fresh
    for augment in kinds:
        assert Recipe(augment=augment).cached == (augment not in fresh)
        assert not Recipe(augment=augment, cache=False).cached


# --- from options -------------------------------------------------------------------------------


@pytest.mark.parametrize("method", RECIPES)
def test_nothing_given_is_the_methods_own_recipe(method):
    nothing = dict.fromkeys(NAMES)
    assert from_options(method, nothing) == from_options(method, {}) == defaults(method)


def test_methods_differ_from_fine_tuning_where_they_must():
    assert defaults("finetune") == Recipe()
    for method in ("full", "scratch", "small-cnn"):
        assert defaults(method).unfreeze == "all"
        assert not defaults(method).cached
    assert defaults("full").batchnorm == "frozen"
    assert defaults("scratch").batchnorm == "train", "there are no statistics to freeze"
    assert defaults("small-cnn") == defaults("scratch")


def test_what_is_given_wins_over_the_method_and_the_rest_stays():
    recipe = from_options("scratch", {"epochs": 3, "lr": None, "seed": 4, "cache": False})
    assert (recipe.epochs, recipe.rate, recipe.unfreeze) == (3, 1e-3, "all")
    assert from_options("full", {"unfreeze": "2"}).unfreeze == "2"
    assert from_options("finetune", {"gradual": False, "clip": 0.0, "patience": 0}) == Recipe(
        clip=0.0
    )
    assert from_options("auto", {"epochs": 3}) == Recipe(epochs=3)
    assert from_options("probe", {}) == Recipe()


def test_asking_full_for_a_cache_gets_one():
    assert from_options("full", {"cache": True}).cached


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("l2-sp", ("l2-sp",)),
        ("l2-sp,bss", ("l2-sp", "bss")),
        ("bss,,", ("bss",)),
        ("", ()),
        (("bss", "co-tuning"), ("bss", "co-tuning")),
        ("l2-sp, bss", ("l2-sp", "bss")),
    ],
)
def test_keep_is_words_between_commas(said, kept):
    assert from_options("finetune", {"keep": said}).keep == kept


def test_a_depth_may_be_given_as_a_number():
    assert from_options("finetune", {"unfreeze": 2}) == Recipe(unfreeze="2")


def test_keep_may_be_a_list_as_from_json():
    recipe = from_options("finetune", {"keep": ["bss"]})
    assert recipe == from_options("finetune", {"keep": "bss"})
    hash(recipe)  # frozen, hence hashable
