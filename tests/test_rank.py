"""The ranking: who is best, who ties, what is recommended, and that no fold chooses for itself."""

import json
from dataclasses import replace

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from headstart.choose.rank import Entrant, pick_by_fold, rank, recommend
from headstart.errors import ConfigError
from headstart.judge.baselines import MAJORITY
from headstart.judge.crossval import judge_folds
from headstart.judge.estimate import assess, plan
from headstart.tasks.classification import Classification
from headstart.tasks.labels import Labels
from headstart.transfer.probe import choose_head

GOOD, FAIR, NOISE = "good", "fair", "noise"


@pytest.fixture(autouse=True)
def one_core():
    with threadpool_limits(1):
        yield


def entrant(name, X, seconds=1.0):
    return Entrant(name, X.astype(np.float32), 1000, 4.0, seconds, "MIT", 224)


def space(y, strength, seed, dim=6):
    """Blobs that overlap the more, the smaller the strength."""
    rng = np.random.default_rng(seed)
    return rng.normal(size=(len(y), dim)) + strength * np.eye(dim)[y]


def task_of(n, seed=0, groups=None, grouped=False):
    y = np.random.default_rng(seed).permutation(np.arange(n) % 2)
    return Labels(y, Classification.numbered(2), groups, False, seed, grouped)


def three(y, seconds=(3.0, 2.0, 1.0)):
    return [
        entrant(name, space(y, strength, k), s)
        for k, (name, strength, s) in enumerate(
            zip((GOOD, FAIR, NOISE), (4.0, 1.5, 0.0), seconds, strict=True)
        )
    ]


def alone(outcome, ranking, labels, chosen):
    """Judge an outcome by itself."""
    return assess(outcome, {MAJORITY: ranking.outcomes[MAJORITY]}, labels, chosen)


def is_test(n, share=0.0):
    return np.arange(n) < share * n


@pytest.fixture(scope="module")
def ranked():
    labels = task_of(210)
    chosen = plan(labels, is_test(210))
    entrants = three(labels.y)
    return entrants, labels, chosen, rank(entrants, labels, chosen)


# --- the rule -----------------------------------------------------------------------------------


def answers(n, wrong):
    right = np.ones(n)
    right[list(wrong)] = 0
    return right


def never(place):
    raise AssertionError("nobody asked for the tie break")


def test_the_cheapest_that_surely_loses_no_point_by_hand():
    """Of 1000, the best is wrong 10 times, the second 13, the third 15; others are cheaper.

    Second: 3 behind, 0.3 points, error sqrt(3 + 1) / 1000 = 0.2: at most 0.5 points, good enough.
    Third: 5 behind, error sqrt(5 + 1) / 1000: 0.74 points, too, and cheaper.
    """
    n, groups = 1000, np.arange(1000)
    right = np.array([answers(n, range(10)), answers(n, range(13)), answers(n, range(15))])
    place, lost, error = recommend(right, [3, 2, 1], never, groups)
    assert (place, lost, error) == (2, pytest.approx(0.005), pytest.approx(np.sqrt(6) / n))
    # Elsewhere wrong, they disagree in 25 places: 0.5 + sqrt(25 + 1) / 10 = 1.01 points.
    right[2] = answers(n, range(100, 115))
    assert recommend(right, [3, 2, 1], never, groups)[0] == 1
    # Of 400 the same disagreements are worth more: 0.75 + 0.5 points. The best is taken.
    assert recommend(right[:, :400], [3, 2, 1], never, groups[:400])[0] == 0


def test_with_few_examples_a_tie_is_no_reason_to_take_the_worse():
    """30 of 36 right against 28 of 36: chance may well do that, and speed is not worth it."""
    right = np.array([answers(36, range(6)), answers(36, range(20, 28))])
    assert recommend(right, [100.0, 1.0], never, np.arange(36))[0] == 0
    assert recommend(right[[0, 0]], [100.0, 1.0], never, np.arange(36))[0] == 1


def test_equal_prices_are_settled_by_the_tie_break():
    right = np.array([answers(100, [])] * 3)
    for seconds, wanted in (([1.0, 1.05, 1.2], 1), ([1.0, 1.2, 1.05], 2), ([1.0, 1.5, 1.2], 0)):
        assert recommend(right, seconds, float, np.arange(100))[0] == wanted


def test_grouped_examples_are_not_counted_as_independent():
    """The same disagreements, each by itself or in two patients, where they are two pieces of luck.

    5 wins, 10 losses: behind by 0.5 points, with an error of sqrt(15 + 1) / 1000 = 0.4 points. By
    patients that is sqrt(25 + 100 + 1) / 1000 = 1.1 points, and nothing is sure.
    """
    n = 1000
    right = np.array([answers(n, range(5)), answers(n, range(20, 30))])
    place, lost, error = recommend(right, [2, 1], never, np.arange(n))
    assert (place, lost, error) == (1, pytest.approx(0.005), pytest.approx(4 / n))
    assert recommend(right, [2, 1], never, np.arange(n) // 20)[0] == 0


# --- the table ----------------------------------------------------------------------------------


def test_the_better_features_come_first_and_win(ranked):
    _, _, _, ranking = ranked
    assert [p.entrant.name for p in ranking.places] == [GOOD, FAIR, NOISE]
    assert ranking.recommended == GOOD
    assert [p.tie for p in ranking.places] == [True, False, False]
    for score in ("accuracy", "logme", "h_score", "knn"):
        values = [getattr(p, score) for p in ranking.places]
        assert values == sorted(values, reverse=True)
    assert GOOD in ranking.sentence
    assert "most accurate of 3" in ranking.sentence


def test_numbers_are_those_of_a_judgement(ranked):
    _, labels, chosen, ranking = ranked
    for place in ranking.places:
        outcomes = judge_folds({"x": place.entrant.X}, labels, chosen.folds, workers=1)
        estimate = assess(outcomes.pop("x"), outcomes, labels, chosen).estimate
        assert place.accuracy == estimate["accuracy"]
        assert list(place.accuracy_ci95) == estimate["accuracy_ci95"]
        best = ranking.places[0].accuracy
        assert place.behind == pytest.approx(best - place.accuracy)
        low, high = place.behind_ci95
        assert low <= place.behind <= high
        assert (low <= 0) or not place.tie  # Holm only ever adds doubt


def test_copies_of_the_best_tie_and_cost_decides():
    labels = task_of(200)
    good = space(labels.y, 3.0, 0)
    entrants = [entrant("slow", good, 9.0), entrant("fast", good, 2.0), three(labels.y)[2]]
    ranking = rank(entrants, labels, plan(labels, is_test(200)))
    assert ranking.recommended == "fast"
    slow = next(p for p in ranking.places if p.entrant.name == "slow")
    assert slow.tie
    assert slow.p_holm == 1
    assert slow.behind_ci95 == pytest.approx((-3 / 200, 3 / 200))
    assert "slow cannot be told" in ranking.sentence


def test_noise_never_wins_however_small_the_data_or_cheap_the_noise():
    for seed in range(3):
        labels = task_of(24, seed)
        entrants = [
            entrant(GOOD, space(labels.y, 3.0, seed), 50.0),
            entrant(NOISE, space(labels.y, 0.0, seed + 9), 0.1),
        ]
        assert rank(entrants, labels, plan(labels, is_test(24), costly=True)).recommended == GOOD


def test_a_test_set_is_compared_exactly_and_not_used_to_choose():
    labels = task_of(240)
    apart = is_test(240, 0.4)
    chosen = plan(labels, apart)
    entrants = three(labels.y)
    ranking = rank(entrants, labels, chosen)
    assert ranking.n == 240
    assert [p.entrant.name for p in ranking.places] == [GOOD, FAIR, NOISE]
    assert not ranking.places[2].tie
    # With the test labels turned round the table turns round, the recommendation does not.
    spoilt = replace(labels, y=np.where(apart, 1 - labels.y, labels.y))
    turned = rank(entrants, spoilt, chosen)
    assert turned.places[-1].entrant.name == GOOD
    assert turned.recommended == ranking.recommended == GOOD
    assert "inside the training part" in turned.sentence


def test_the_document_has_the_agreed_shape(ranked):
    _, _, chosen, ranking = ranked
    document = ranking.to_json(data="photos", classes=("a", "b"))
    assert json.loads(json.dumps(document)) == document
    assert (document["schema"], document["study"], document["data"]) == (1, "rank", "photos")
    assert (document["n"], document["classes"]) == (210, ["a", "b"])
    assert document["protocol"] == chosen.protocol
    assert document["recommended"] == GOOD
    assert set(document["backbones"][0]) >= {
        *("name", "accuracy", "accuracy_ci95", "behind", "behind_ci95", "logme", "h_score", "knn"),
        *("dim", "size", "params", "mb", "seconds_per_1000", "licence", "tie"),
    }


def test_one_backbone_is_a_short_ranking():
    labels = task_of(200)
    ranking = rank(three(labels.y)[:1], labels, plan(labels, is_test(200)))
    assert ranking.recommended == GOOD
    assert ranking.places[0].behind == 0
    assert "nothing to compare" in ranking.sentence


def test_mistakes_are_named():
    labels = task_of(40)
    chosen = plan(labels, is_test(40))
    with pytest.raises(ConfigError, match="no backbone"):
        rank([], labels, chosen)
    with pytest.raises(ConfigError, match="'good' takes part more than once"):
        rank([three(labels.y)[0]] * 2, labels, chosen)


# --- the pick inside every fold -----------------------------------------------------------------


def test_inner_answers_are_those_of_the_chosen_head(ranked):
    entrants, labels, chosen, ranking = ranked
    outcome = ranking.outcomes[GOOD]
    for f, (train, _) in enumerate(chosen.folds):
        rows, inner = labels.inside(train, f)
        choice = choose_head(entrants[0].X[rows], labels.y[rows], 2, inner)
        assert np.array_equal(choice.right, outcome.right[f])
        assert choice.right.mean() == pytest.approx(outcome.inner[f]) == choice.accuracy
        inside = labels.inner_rows(train, f)
        assert np.array_equal(np.sort(inside), train)  # every training row once, no other
        assert len(inside) == len(outcome.right[f])


def test_each_fold_uses_what_it_picked(ranked):
    entrants, labels, chosen, ranking = ranked
    outcome, picks = pick_by_fold(entrants, ranking.outcomes, labels, chosen)
    assert picks == [GOOD] * len(chosen.folds)
    for f, name in enumerate(picks):
        assert outcome.proba[f] is ranking.outcomes[name].proba[f]
        assert outcome.right[f] is ranking.outcomes[name].right[f]
    assert (
        alone(outcome, ranking, labels, chosen).estimate["accuracy"] == ranking.places[0].accuracy
    )


def test_the_picks_do_not_look_at_the_rows_they_answer_for(ranked):
    entrants, labels, chosen, _ = ranked
    train, held = chosen.folds[0]
    once = replace(chosen, folds=[(train, held)], repeats=0)
    y = labels.y.copy()
    y[held] = 1 - y[held]
    for said in (labels.y, y):
        own = replace(labels, y=said)
        outcomes = judge_folds({e.name: e.X for e in entrants}, own, once.folds, workers=1)
        assert pick_by_fold(entrants, outcomes, own, once)[1] == [GOOD]


def test_the_best_of_many_empty_spaces_is_still_at_chance():
    """Picked inside, the winner of twelve spaces of noise gains nothing; picked outside it does."""
    labels = task_of(200)
    chosen = plan(labels, is_test(200))
    entrants = [entrant(f"noise {k}", space(labels.y, 0.0, k, 5), 1.0 + k) for k in range(12)]
    ranking = rank(entrants, labels, chosen)
    outcome, picks = pick_by_fold(entrants, ranking.outcomes, labels, chosen)
    assert ranking.places[0].accuracy > 0.53
    assert abs(alone(outcome, ranking, labels, chosen).estimate["accuracy"] - 0.5) < 0.06
    assert len(set(picks)) > 1
