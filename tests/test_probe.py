"""The probe: which head and strength are chosen, and how sure the result says it is."""

import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from sklearn.metrics import recall_score

from headstart.tasks.labels import ENOUGH
from headstart.tasks.splits import pairs, stratified_folds
from headstart.transfer.heads import LinearHead
from headstart.transfer.logistic import STRENGTHS, LogisticPath, softmax
from headstart.transfer.probe import (
    Choice,
    Scored,
    _clearly_better,
    choose_head,
    fit_probe,
    fit_temperature,
    one_standard_error,
    score_head,
    walk,
)


def folds_of(y, k=5, seed=0):
    return pairs(stratified_folds(y, None, k, np.random.default_rng(seed)))


def clusters(n, dim, n_classes, spread, seed=0, shares=None):
    rng = np.random.default_rng(seed)
    y = rng.choice(n_classes, n, p=shares)
    return (rng.normal(size=(n, dim)) * spread + np.eye(dim)[y]).astype(np.float32), y


def half_spaces(n, dim, n_classes, seed=0, noise=0.0):
    """Classes cut out of one cloud by hyperplanes: made for a linear head."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, dim))
    score = X[:, :n_classes] + noise * rng.normal(size=(n, n_classes))
    return X.astype(np.float32), score.argmax(axis=1)


def scored(*rows):
    """Hand-made scores: (C, log loss, its standard error)."""
    none = np.zeros(0)
    return [Scored("logistic", C, none, none, 0.5, loss, se) for C, loss, se in rows]


# --- the one-standard-error rule ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("rows", "strength"),
    [
        # the best is 0.50 ± 0.03: 0.52 at C = 0.1 is within, 0.54 at 0.01 is not
        ([(0.01, 0.54, 0.9), (0.1, 0.52, 0.9), (1, 0.50, 0.03), (10, 0.6, 0.0)], 0.1),
        # no doubt at all: the best itself
        ([(0.01, 0.54, 0.9), (0.1, 0.52, 0.9), (1, 0.50, 0.0), (10, 0.6, 0.9)], 1),
        # great doubt: the simplest of all
        ([(0.01, 0.54, 0.0), (0.1, 0.52, 0.0), (1, 0.50, 0.2), (10, 0.6, 0.0)], 0.01),
        # exactly one standard error counts as within
        ([(0.01, 0.75, 0.0), (0.1, 0.5, 0.25)], 0.01),
    ],
)
def test_one_standard_error_rule(rows, strength):
    found = one_standard_error(scored(*rows)).C
    assert found == strength


def test_scores_by_hand():
    """Two folds of two rows; even logits but for one sure answer, which is wrong."""
    logits = np.array([[0.0, 0.0], [0.0, 0.0], [0.0, 0.0], [np.log(9), 0.0]])
    y = np.array([0, 0, 0, 1])
    folds = [(np.array([2, 3]), np.array([0, 1])), (np.array([0, 1]), np.array([2, 3]))]
    s = score_head("logistic", 1.0, logits, y, folds, np.ones(4))
    losses = np.array([np.log(2)] * 3 + [np.log(10)])
    assert s.log_loss == pytest.approx(losses.mean())
    assert s.accuracy == 0.75  # argmax names the first of equals
    per_fold = losses.reshape(2, 2).mean(axis=1)
    assert s.se == pytest.approx(abs(per_fold[0] - per_fold[1]) / 2)  # sd of two over √2


@pytest.mark.parametrize("seed", range(12))
def test_stopping_the_path_early_never_changes_the_choice(seed):
    rng = np.random.default_rng(seed)
    n, dim, n_classes = rng.integers(30, 150), rng.integers(5, 200), rng.integers(2, 5)
    X, y = clusters(n, dim, n_classes, rng.uniform(0.1, 2), seed)
    folds = folds_of(y)
    training = [rows for rows, _ in folds]
    early = walk(LogisticPath(X, y, n_classes, training).advance, y, folds, np.ones(len(y)))
    path = LogisticPath(X, y, n_classes, training)
    held = np.concatenate([out for _, out in folds])
    full = []
    for C in STRENGTHS:
        logits = path.advance(float(C))
        logits = np.concatenate([logits[f][out] for f, (_, out) in enumerate(folds)])
        full.append(score_head("logistic", float(C), logits, y[held], folds, np.ones(len(y))))
    assert one_standard_error(early).C == one_standard_error(full).C
    assert [s.row() for s in early] == [s.row() for s in full[: len(early)]]
    if len(early) < len(full):  # it stops at the first two in a row that are clearly worse
        best = min(early, key=lambda s: s.log_loss)
        worse = [s.log_loss > best.log_loss + best.se for s in early]
        assert worse[-2:] == [True, True]


def test_the_path_does_stop_early():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(80, 300)).astype(np.float32), rng.integers(0, 2, 80)
    choice = choose_head(X, y, 2, folds_of(y), rivals=False)
    assert 3 <= len(choice.candidates) < len(STRENGTHS)


# --- temperature --------------------------------------------------------------------------------


def test_temperature_by_hand():
    """Four answers with the same margin 2, three right: winners are worth 0.625 on average.

    Two rows a class: Platt's targets are 3/4 and 1/4, so (3·3/4 + 1/4)/4 = 0.625, and
    sigmoid(2/T) = 0.625 gives T = 2 / ln(5/3).
    """
    logits = np.array([[1.0, -1], [1, -1], [-1, 1], [1, -1]])
    y = np.array([0, 0, 1, 1])
    assert fit_temperature(logits, y) == pytest.approx(2 / np.log(5 / 3), rel=1e-3)


@pytest.mark.parametrize("margin", [0.5, 2.0, 8.0])
def test_flawless_answers_do_not_become_certain(margin):
    """Three rows a class, all right: sigmoid(margin/T) = 4/5, whatever the margin."""
    y = np.array([0, 0, 0, 1, 1, 1])
    logits = margin * (np.eye(2)[y] - 0.5)
    found = fit_temperature(logits, y)
    assert found == pytest.approx(margin / np.log(4), rel=1e-3)
    assert softmax(logits / found)[0, 0] == pytest.approx(0.8, abs=1e-3)


@pytest.mark.parametrize("seed", range(3))
def test_temperature_equals_a_grid_search(seed):
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 3, 60)
    logits = 4 * rng.uniform(0.2, 3) * (np.eye(3)[y] + rng.normal(size=(60, 3)))
    sure = (np.bincount(y) + 1) / (np.bincount(y) + 2)

    def loss(T):
        total = 0.0
        for row, label in zip(logits / T, y, strict=True):
            log_p = row - row.max() - np.log(np.exp(row - row.max()).sum())
            total -= sure[label] * log_p[label]
            total -= (1 - sure[label]) / 2 * (log_p.sum() - log_p[label])
        return total

    grid = np.geomspace(0.05, 20, 600)
    best = grid[np.argmin([loss(T) for T in grid])]
    assert fit_temperature(logits, y) == pytest.approx(best, rel=0.01)


@pytest.mark.parametrize("scale", [1e-9, 1e9])
def test_temperature_stays_within_its_bounds(scale):
    y = np.array([0, 1] * 20)
    T = fit_temperature(scale * np.eye(2)[y], y)
    assert 0.049 < T < 20.1
    assert np.isfinite(softmax(scale * np.eye(2)[y] / T)).all()


def test_calibration_repairs_an_overconfident_head():
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 400)
    honest = np.log([[0.7, 0.3], [0.3, 0.7]])[np.where(rng.random(400) < 0.7, y, 1 - y)]
    assert fit_temperature(5 * honest, y) == pytest.approx(5, rel=0.25)
    assert fit_temperature(honest / 3, y) == pytest.approx(1 / 3, rel=0.25)


# --- heads compete ------------------------------------------------------------------------------


def test_neighbours_win_where_no_line_separates():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 2)).astype(np.float32)
    y = (X[:, 0] * X[:, 1] > 0).astype(int)
    choice = choose_head(X, y, 2, folds_of(y))
    assert choice.kind == "kNN"
    assert choice.accuracy > 0.9
    alone = choose_head(X, y, 2, folds_of(y), rivals=False)
    assert alone.kind == "logistic"
    assert alone.accuracy < 0.65


@pytest.mark.parametrize("seed", range(4))
def test_logistic_regression_stays_where_a_line_separates(seed):
    X, y = half_spaces(150, 20, 3, seed)
    choice = choose_head(X, y, 3, folds_of(y))
    assert choice.kind == "logistic"
    assert {row["head"] for row in choice.candidates} == {"logistic", "kNN", "centroid"}
    assert choice.accuracy > 0.8


def test_clearly_better_is_more_than_one_standard_error():
    def right(*answers):
        return Scored("x", 0, np.zeros(0), np.array(answers, float), 0, 0, 0)

    half = right(*[1, 0] * 50)
    # gains of g rows of 100: mean g/100, its error √(p(1-p)/100) with p = g/100
    assert _clearly_better(right(*[1] * 4, *[1, 0] * 48), half)  # 2 gained: 0.02 > 0.014
    assert not _clearly_better(half, half)
    # one gained: 0.01 is just over 0.00995; one gained and one lost: nothing
    assert not _clearly_better(right(0, 1, *[1, 0] * 49), half)
    # 6 gained, 4 lost: 0.02 < 0.0315
    mixed = np.array([1, 0] * 50, float)
    mixed[1:13:2] = 1
    mixed[20:28:2] = 0
    assert not _clearly_better(right(*mixed), half)


def test_no_bank_of_thousands():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(ENOUGH + 1, 2)).astype(np.float32), rng.integers(0, 2, ENOUGH + 1)
    heads = {row["head"] for row in choose_head(X, y, 2, folds_of(y, 2)).candidates}
    assert heads == {"logistic", "centroid"}
    heads = {row["head"] for row in choose_head(X[:200], y[:200], 2, folds_of(y[:200])).candidates}
    assert heads == {"logistic", "centroid", "kNN"}


def test_balanced_raises_the_recall_of_the_rare_class():
    X, y = clusters(400, 8, 2, 0.6, shares=[0.93, 0.07])
    plain, choice = fit_probe(X, y, ("a", "b"), folds_of(y))
    even, balanced = fit_probe(X, y, ("a", "b"), folds_of(y), balanced=True)
    assert balanced.balanced
    assert not choice.balanced
    X, y = clusters(2000, 8, 2, 0.6, seed=1, shares=[0.93, 0.07])
    recall = [recall_score(y, m.predict_proba(X).argmax(axis=1)) for m in (plain, even)]
    assert recall[1] > recall[0] + 0.2


def test_balanced_choices_score_every_class_the_same():
    """A head that names the largest class is right 93 % of the time, and half of the classes."""
    X, y = clusters(300, 3, 2, 100.0, shares=[0.93, 0.07])  # no signal
    assert choose_head(X, y, 2, folds_of(y)).accuracy >= np.mean(y == 0) > 0.85
    assert choose_head(X, y, 2, folds_of(y), balanced=True).accuracy < 0.65


# --- what is kept -------------------------------------------------------------------------------


def test_the_kept_head_is_the_chosen_one_fitted_on_everything():
    X, y = half_spaces(150, 10, 3)
    model, choice = fit_probe(X, y, ("a", "b", "c"), folds_of(y))
    assert model.classes == ("a", "b", "c")
    assert model.method == "probe"
    assert isinstance(model.head, LinearHead)
    assert model.temperature == choice.temperature
    logits = choice.fit(X, y, 3, exact=True).logits(X.astype(float))
    assert np.allclose(model.predict_proba(X), softmax(logits / choice.temperature))
    row = next(r for r in choice.candidates if r["head"] == "logistic" and r["C"] == choice.C)
    assert set(row) == {"head", "C", "accuracy", "log_loss", "log_loss_se"}
    assert row["accuracy"] == choice.accuracy


def test_confidence_is_right_on_new_examples():
    """Mean confidence within 6 points of accuracy, on data hard enough to be wrong often."""
    X, y = clusters(300, 30, 3, 0.6)
    model, _ = fit_probe(X, y, ("a", "b", "c"), folds_of(y))
    X, y = clusters(3000, 30, 3, 0.6, seed=1)
    p = model.predict_proba(X)
    assert p.max(axis=1).mean() == pytest.approx((p.argmax(axis=1) == y).mean(), abs=0.06)


def test_same_input_same_numbers():
    X, y = clusters(80, 20, 2, 0.7)
    first, second = (choose_head(X, y, 2, folds_of(y, seed=3)) for _ in range(2))
    assert first == second


def test_a_rival_is_fitted_by_its_name():
    X, y = clusters(60, 5, 2, 0.5)
    for kind in ("kNN", "centroid", "logistic"):
        assert Choice(kind, 0.1, 0.0, 1.0, []).fit(X, y, 2).kind == kind


def test_the_temperature_is_found_on_held_out_rows():
    """Not on the rows that were fitted, where noise of 300 dimensions looks like certainty."""
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(100, 300)).astype(np.float32), rng.integers(0, 2, 100)
    model, choice = fit_probe(X, y, ("a", "b"), folds_of(y))
    fitted = model.head.logits(X.astype(float))
    own = minimize_scalar(
        lambda t: -np.log(softmax(fitted / np.exp(t))[np.arange(100), y]).mean(), bounds=(-3, 3)
    )
    assert choice.temperature > 2 * np.exp(own.x)
    assert model.predict_proba(rng.normal(size=(200, 300))).max(axis=1).mean() < 0.62
