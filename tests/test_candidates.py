"""Candidates: in which order they are tried, which is kept, and that no fold chooses for itself."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from headstart.backbones import Ref
from headstart.backbones.cutting import unfrozen
from headstart.choose.candidates import (
    PRIORS,
    Candidate,
    Entry,
    by_promise,
    line_of,
    offered,
    picks_by_fold,
    preferred,
)
from headstart.judge.intervals import wilson
from headstart.tasks.classification import Classification
from headstart.tasks.labels import Labels
from headstart.transfer.recipe import Recipe, defaults

NETWORKS = [
    Ref("embedded", "efficientnet-lite0", seed=0).at(size=64),
    Ref("timm", "test_resnet", seed=0).at(size=64),
    Ref("timm", "test_efficientnet", seed=0).at(size=64),
    Ref("timm", "test_vit", seed=0),
    Ref("torchvision", "resnet18", seed=0).at(size=64),
    Ref("torchvision", "mobilenet_v3_small", seed=0).at(size=64),
]


@cache
def load(ref):
    return ref.load()


def candidate(depth, name="", expected=0.0):
    return Candidate(name or f"depth {depth}", "finetune", Recipe(), depth, expected)


def entry(depth, right, folds=None):
    """Somebody who answers right where ``right`` says so; the truth is class 0 throughout."""
    right = np.asarray(right, bool)
    proba = np.where(right[:, None], [0.9, 0.1], [0.2, 0.8])
    parts = np.split(proba, np.cumsum([len(f) for f in folds])[:-1]) if folds else [proba]
    return Entry(candidate(depth), 1.0, 2.0, parts)


def answers(n, wrong):
    """``n`` answers, wrong in these places."""
    right = np.ones(n, bool)
    right[list(wrong)] = False
    return right


ALL = [np.arange(100)]
TRUTH = Labels(np.zeros(100, np.int64), Classification.numbered(2), None, False, 0)


# --- one standard error -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("probe", "deep", "place", "short", "error"),
    [
        # deep is right on 10 more and wrong on 7: 3 points, ± sqrt(10 + 7 + 1) / 100 = 4.2
        (answers(100, range(10)), answers(100, range(10, 17)), 0, 0.03, 0.042426),
        # deep is right on 6 more and wrong on none: 6 points, ± sqrt(6 + 1) / 100 = 2.6
        (answers(100, range(6)), answers(100, ()), 1, 0.0, 0.01),
        # one more and none less: 1 point, ± sqrt(1 + 1) / 100 = 1.4, which may be luck
        (answers(100, [3]), answers(100, ()), 0, 0.01, 0.014142),
        # equal everywhere
        (answers(100, [3]), answers(100, [3]), 0, 0.0, 0.01),
        # the probe is the best
        (answers(100, ()), answers(100, range(9)), 0, 0.0, 0.01),
    ],
)
def test_the_shallowest_within_one_standard_error(probe, deep, place, short, error):
    entries = [entry(0, probe), entry(4, deep)]
    found = preferred(entries, ALL, TRUTH)
    assert found[0] == place
    assert found[1:] == pytest.approx((short, error), abs=1e-6)
    # in whatever order they come
    turned = preferred(entries[::-1], ALL, TRUTH)
    assert turned[0] == 1 - place
    assert turned[1:] == pytest.approx(found[1:])


def test_the_middle_is_kept_where_it_is_as_good_as_the_deepest():
    entries = [
        entry(9, answers(100, range(50, 58))),  # 92: the best
        entry(0, answers(100, range(30))),  # 70
        entry(3, answers(100, range(50, 62))),  # 88, and wrong on the same ones and four more
        entry(4, answers(100, range(40, 50))),  # 90, and wrong on others: ± 4.2 points
    ]
    # 92 to 88: four points, ± 2.2, so it is clear. 92 to 90: two points, ± 4.4, so it is not.
    assert preferred(entries, ALL, TRUTH)[0] == 3


def test_one_alone_is_kept():
    assert preferred([entry(0, answers(100, range(99)))], ALL, TRUTH) == (0, 0.0, 0.01)


def test_folds_are_pooled_by_their_rows_not_by_their_order():
    rng = np.random.default_rng(0)
    folds = np.array_split(rng.permutation(30), 3)
    y = rng.integers(0, 2, 30)
    sure, labels = np.eye(2)[y], Labels(y, Classification.numbered(2), None, False, 0)
    right = Entry(candidate(5), 1.0, 1.0, [sure[f] for f in folds])
    wrong = Entry(candidate(0), 1.0, 1.0, [1 - sure[f] for f in folds])
    assert preferred([wrong, right], folds, labels)[0] == 1
    assert line_of(right, folds, labels, True)["accuracy"] == 1
    assert line_of(wrong, folds, labels, True)["accuracy"] == 0


# --- what is favoured ---------------------------------------------------------------------------


def pairs(right):
    """The same as ``entry``, of a favoured method."""
    found = entry(9, right)
    return replace(found, candidate=replace(found.candidate, favoured=True))


SIXTEEN = Labels(np.zeros(16, np.int64), Classification.numbered(2), None, False, 0)


@pytest.mark.parametrize(
    ("probe", "other", "tuned", "place"),
    [
        (8, 8, 8, 2),  # all alike
        (8, 7, 8, 2),  # another is one ahead: 6 points, ± 9
        (8, 6, 8, 1),  # another is two ahead: 12 points, ± 11
        (8, 8, 9, 2),  # it is one behind: 6 points, ± 9
        (4, 8, 9, 0),  # it is five behind: 31 points, ± 15
        (8, 8, 2, 2),  # it is the best
    ],
)
def test_a_favoured_one_is_kept_where_none_is_clearly_better(probe, other, tuned, place):
    wrong = [answers(16, range(n)) for n in (probe, other, tuned)]
    entries = [entry(0, wrong[0]), entry(3, wrong[1]), pairs(wrong[2])]
    assert preferred(entries, [np.arange(16)], SIXTEEN)[0] == place


def test_a_method_for_few_labels_is_favoured_where_there_are_few():
    offer, network = Candidate("contrastive", "contrastive", Recipe(), 0), load(NETWORKS[0])
    assert [offered(network, Recipe(), n, offer)[-1].favoured for n in (8, 64, 65, 200)] == [
        True,
        True,
        False,
        False,
    ]
    assert not any(c.favoured for c in offered(network, Recipe(), 8))


# --- nobody chooses for himself -----------------------------------------------------------------


@pytest.mark.parametrize("seed", range(8))
def test_a_folds_own_answers_never_choose_what_it_scores(seed):
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 3, 60)
    labels = Labels(y, Classification.numbered(3), None, False, 0)
    held = np.array_split(rng.permutation(60), 5)

    def guessing(skill):
        return [np.eye(3)[y[rows]] * skill + rng.random((len(rows), 3)) for rows in held]

    entries = [
        Entry(candidate(depth), 1.0, 1.0, guessing(skill))
        for depth, skill in ((0, 0.3), (2, 0.4), (5, 0.5))
    ]
    picks = picks_by_fold(entries, held, labels)
    assert len(picks) == 5
    for f in range(5):
        for _ in range(4):
            changed = [
                replace(
                    e, proba=[rng.random(p.shape) if g == f else p for g, p in enumerate(e.proba)]
                )
                for e in entries
            ]
            assert picks_by_fold(changed, held, labels)[f] == picks[f]


def test_each_fold_picks_what_the_others_prefer():
    """The deep one is better, but all of its lead is in the first fold."""
    held = np.array_split(np.arange(100), 2)
    shallow = entry(0, answers(100, range(20)), held)
    deep = entry(4, answers(100, ()), held)
    assert picks_by_fold([shallow, deep], held, TRUTH) == [0, 1]


# --- the order of trial -------------------------------------------------------------------------


def test_what_gains_most_of_what_fits_comes_first_and_gain_per_second_decides_the_rest():
    quick, slow, deep = (
        candidate(1, "quick", 1.0),
        candidate(2, "slow", 2.0),
        candidate(3, "deep", 3.0),
    )
    forecasts = {"quick": 10.0, "slow": 40.0, "deep": 90.0}  # 0.1, 0.05, 0.033 points a second
    order = [slow, deep, quick]
    assert by_promise(forecasts, order) == [deep, quick, slow]
    assert by_promise(forecasts, order, lambda c: forecasts[c.name] < 60) == [slow, quick, deep]
    assert by_promise(forecasts, order, lambda c: False) == [quick, slow, deep]
    twin = candidate(4, "twin", 3.0)
    both = by_promise({**forecasts, "twin": 91.0}, [twin, *order])
    assert both == [deep, quick, slow, twin], "of equals the cheaper"


def test_gain_per_second_decides_the_order():
    quick, slow, best = (
        candidate(1, "quick", 1.0),
        candidate(2, "slow", 2.0),
        candidate(3, "best", 3.0),
    )
    forecasts = {"quick": 10.0, "slow": 40.0, "best": 20.0}  # 0.1, 0.05, 0.15 points a second
    assert by_promise(forecasts, [quick, slow, best]) == [best, quick, slow]
    assert by_promise(forecasts, [slow, best, quick]) == [best, quick, slow]
    free = by_promise({**forecasts, "slow": 0.0}, [quick, slow, best])
    assert free[1] is slow, "what costs nothing comes next"


@pytest.mark.parametrize("ref", NETWORKS, ids=str)
@pytest.mark.parametrize("per_class", [1, 20, 20.5, 100, 5000])
def test_candidates_are_deeper_and_deeper_up_to_everything(ref, per_class):
    backbone = load(ref)
    found = offered(backbone, Recipe(), per_class)
    depths = [c.depth for c in found]
    assert depths == sorted(set(depths))
    assert depths[0] >= 1
    blocks = len(backbone.blocks())
    assert (found[-1].method, found[-1].depth) == ("full", blocks)
    assert found[-1].recipe == defaults("full")
    assert {c.method for c in found[:-1]} == {"finetune"}
    assert len({c.name for c in found}) == len(found)
    for c in found:
        assert len(unfrozen(backbone, c.recipe.unfreeze)) == c.depth
        assert c.expected > 0
    assert any(unfrozen(backbone, c.recipe.unfreeze) == unfrozen(backbone, "last-stage")
               for c in found)  # fmt: skip


def test_the_depths_of_the_default_network():
    found = offered(load(NETWORKS[0]), Recipe(), 50)
    first = [unfrozen(load(NETWORKS[0]), c.recipe.unfreeze)[0] for c in found]
    assert first == ["blocks.6", "blocks.5", "blocks.3", "conv_stem"]
    assert [c.expected for c in found] == list(PRIORS[100])
    assert [c.name for c in found] == [
        "finetune last-blocks",
        "finetune last-stage",
        "finetune two stages",
        "full",
    ]


def test_what_was_set_stays_set():
    mine = {"label_smoothing": 0.1, "keep": ("l2-sp",), "weight_decay": 0.3, "epochs": 2}
    for c in offered(load(NETWORKS[1]), Recipe(**mine, batch_size=8), 50):
        assert {name: getattr(c.recipe, name) for name in mine} == mine, c.name
        assert c.recipe.batch_size == 8


# --- the record ---------------------------------------------------------------------------------


def test_the_line_of_a_candidate():
    line = line_of(entry(4, answers(100, range(20))), ALL, TRUTH, True)
    assert line["accuracy"] == pytest.approx(0.8)
    assert line["accuracy_ci95"] == pytest.approx(list(wilson(80, 100)))
    assert line["se"] == pytest.approx(0.04)
    assert (line["forecast_s"], line["seconds"], line["chosen"]) == (1.0, 2.0, True)
    assert (line["unfreeze"], line["status"]) == ("last-blocks", "tried")
    assert line_of(entry(0, answers(100, ())), ALL, TRUTH, False)["unfreeze"] == ""


def test_the_line_of_one_that_was_not_tried():
    skipped = Entry(candidate(3), 33.333, status="skipped", reason="too slow")
    line = line_of(skipped, ALL, TRUTH, False)
    assert (line["accuracy"], line["accuracy_ci95"], line["se"], line["seconds"]) == (None,) * 4
    assert (line["forecast_s"], line["status"], line["reason"]) == (33.3, "skipped", "too slow")
