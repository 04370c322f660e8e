"""The choice among adaptations: it helps where it can, steps aside where it cannot."""

from __future__ import annotations

import importlib
import inspect
import json
from dataclasses import dataclass, fields, replace

import numpy as np
import pytest

from given import IMAGE
from headstart.adaptation import guards
from headstart.adaptation.domains import Adapted, Domains
from headstart.adaptation.other_shares import other_shares
from headstart.adaptation.residual import label_shift, residual_shift
from headstart.adaptation.sealed import SealedError, TargetLabels
from headstart.adaptation.select import SCORES, Selection, select, voters
from headstart.adaptation.trials import Trial, hold_out, try_out
from headstart.errors import ConfigError, HeadstartError
from headstart.transfer.heads import LinearHead
from headstart.transfer.logistic import fit_logistic

K, DIM = 3, 16


def features(
    n: int, seed: int, *, shift: float = 0.0, share: tuple[float, ...] = (1, 1, 1)
) -> tuple[np.ndarray, np.ndarray]:
    """Draw three overlapping classes; a shift moves every feature, more than classes differ."""
    rng = np.random.default_rng(seed)
    y = rng.choice(K, n, p=np.array(share) / sum(share))
    y[:K] = np.arange(K)
    centres = 3.0 * np.eye(K, DIM)
    X = centres[y] + rng.normal(size=(n, DIM))
    return X * (1 + 0.3 * (shift != 0)) + shift * np.linspace(-1, 1, DIM)[::-1], y


def domains(shift: float, n: int = 90, **target: tuple[float, ...]) -> tuple[Domains, np.ndarray]:
    X, y = features(120, 0)
    T, t = features(n, 1, shift=shift, **target)
    return Domains(X, y, T, K, unit=IMAGE.unit), t


@dataclass(frozen=True)
class Plain:
    name: str = "no adaptation"
    summary: str = "As it is."
    reference: str = "none"

    def fit(self, d: Domains) -> Adapted:
        head = LinearHead(*fit_logistic(d.source, d.y, d.n_classes, d.C))
        return Adapted(head, head)


def standardise(X: np.ndarray) -> np.ndarray:
    return (X - X.mean(axis=0)) / X.std(axis=0)


def own_scale(X: np.ndarray, W: np.ndarray, b: np.ndarray) -> LinearHead:
    scaled = W / X.std(axis=0)[:, None]
    return LinearHead(scaled, b - X.mean(axis=0) @ scaled)


@dataclass(frozen=True)
class Standardise:
    name: str = "standardise"
    summary: str = "Each by its own."
    reference: str = "none"

    def fit(self, d: Domains) -> Adapted:
        W, b = fit_logistic(standardise(d.source), d.y, d.n_classes, d.C)
        return Adapted(own_scale(d.source, W, b), own_scale(d.target, W, b))


@dataclass(frozen=True)
class OneClass:
    """Answers class 2 for whatever is not the source."""

    name: str = "one class"
    summary: str = "Collapses."
    reference: str = "none"

    def fit(self, d: Domains) -> Adapted:
        plain = Plain().fit(d).source
        return Adapted(plain, LinearHead(plain.W, plain.b + np.array([0.0, 0.0, 1e3])))


@dataclass(frozen=True)
class Forgets:
    """Right for the target by luck, but no longer for the source."""

    name: str = "forgets"
    summary: str = "Forgets the source."
    reference: str = "none"

    def fit(self, d: Domains) -> Adapted:
        good = Standardise().fit(d)
        return Adapted(LinearHead(-good.source.W, -good.source.b), good.target)


@dataclass(frozen=True)
class Raises:
    name: str = "raises"
    summary: str = "Fails."
    reference: str = "none"

    def fit(self, d: Domains) -> Adapted:
        raise np.linalg.LinAlgError("Matrix is singular.\nAnd more.")


@dataclass(frozen=True)
class NotANumber:
    name: str = "nan"
    summary: str = "Diverges."
    reference: str = "none"

    def fit(self, d: Domains) -> Adapted:
        head = LinearHead(np.full((DIM, K), np.nan), np.zeros(K))
        return Adapted(head, head)


ALL = (Plain(), Standardise(), OneClass(), Forgets(), Raises(), NotANumber())


def right(selection: Selection, d: Domains, t: np.ndarray) -> float:
    return float((selection.adapted.target.logits(d.target).argmax(axis=1) == t).mean())


def test_it_adapts_where_that_helps() -> None:
    d, t = domains(shift=4.0)
    chosen = select(d, ALL, shift_found=True)
    assert chosen.decision == "adapted"
    assert chosen.chosen == "standardise"
    assert chosen.sure == "fairly"
    before = (chosen.plain.target.logits(d.target).argmax(axis=1) == t).mean()
    assert before < 0.7
    assert right(chosen, d, t) > 0.9


def test_it_steps_aside_without_a_shift() -> None:
    d, _ = domains(shift=4.0)
    chosen = select(d, ALL, shift_found=False)
    assert chosen.decision == "not adapted"
    assert chosen.chosen == "no adaptation"
    assert chosen.adapted is chosen.plain
    assert "nothing to mend" in chosen.sentence


def test_it_steps_aside_where_only_class_shares_differ() -> None:
    d, t = domains(shift=0.0, n=200, share=(20, 1, 1))
    chosen = select(d, (Plain(), Standardise()), shift_found=True)
    assert chosen.decision == "not adapted"
    assert "how frequent" in chosen.sentence
    moved = (chosen.candidates[1].trial.answers == t).mean()
    assert right(chosen, d, t) > moved + 0.05  # adapting would have harmed


@pytest.mark.parametrize("groups_object", [True, False])
def test_where_the_shares_differ_too_the_targets_own_groups_must_speak_for_it(
    monkeypatch: pytest.MonkeyPatch, groups_object: bool
) -> None:
    d, t = domains(shift=0.4, n=200, share=(1, 1, 8))
    module = importlib.import_module("headstart.adaptation.select")

    def less_of_it(said: np.ndarray) -> float:  # prefers whoever goes back to the source's shares
        return 0.8 - 0.01 * float((said == 2).mean())

    sign = -1 if groups_object else 1
    monkeypatch.setattr(module, "way_back", lambda target, said, *_: less_of_it(said))
    monkeypatch.setattr(module, "cluster_agreement", lambda clusters, said: less_of_it(said))
    monkeypatch.setattr(module, "neighbour_agreement", lambda near, said: sign * less_of_it(said))
    twice = (Plain(), Standardise(), Standardise(name="again"))
    chosen = select(d, twice, shift_found=True, classes=["a", "b", "c"])
    assert [e.prefers for e in chosen.evidence].count("adaptation") == (3 if groups_object else 4)
    assert chosen.sure == "hardly"
    if groups_object:
        assert (chosen.decision, chosen.why) == ("not adapted", "other shares")
        assert "'c' " in chosen.reason
        assert "neighbours, clusters" in chosen.reason
        assert right(chosen, d, t) > float((chosen.candidates[1].trial.answers == t).mean())
        assert chosen.measured is None
    else:
        assert (chosen.decision, chosen.why) == ("adapted", "agreement")


def test_shares_are_believed_where_the_answers_lead_back_as_well_as_the_rivals() -> None:
    d, _ = domains(shift=0.0, n=200, share=(1, 1, 8))
    learn, held = hold_out(d.y)
    plain = try_out(Plain(), d.learning_from(learn), d.source[held], d.y[held])
    found = other_shares(d, plain, 0.80, 0.85)
    assert found is not None
    assert found.differ[2]
    assert found.target[2] == pytest.approx(0.8, abs=0.1)
    assert other_shares(d, plain, 0.60, 0.85) is None  # error .033: they lead back far worse
    even, _ = domains(shift=0.0, n=200)
    same = try_out(Plain(), even.learning_from(learn), even.source[held], even.y[held])
    assert other_shares(even, same, 0.80, 0.85) is None


def test_it_does_not_adapt_to_a_handful() -> None:
    d, _ = domains(shift=4.0, n=12)
    chosen = select(d, ALL, shift_found=True)
    assert chosen.decision == "not adapted"
    assert chosen.sure == "not"
    assert "12 target images are too few" in chosen.sentence


def test_it_is_hardly_sure_of_few() -> None:
    d, _ = domains(shift=4.0, n=25)
    assert select(d, ALL, shift_found=True).sure == "hardly"


def test_one_class_is_not_aligned() -> None:
    d, t = domains(shift=0.0, n=80, share=(1, 0, 0))
    chosen = select(d, (Plain(), Standardise()), shift_found=True)
    assert chosen.decision == "not adapted"
    assert right(chosen, d, t) > (chosen.candidates[1].trial.answers == t).mean() + 0.2


def test_whoever_fails_is_ruled_out_and_says_why() -> None:
    d, _ = domains(shift=4.0)
    by_name = {c.name: c for c in select(d, ALL, shift_found=True).candidates}
    assert by_name["raises"].guards == ("It failed: Matrix is singular.",)
    assert by_name["nan"].guards == ("It gave answers that are not numbers.",)
    assert any("collapses" in g for g in by_name["one class"].guards)
    assert any("held-out source images" in g for g in by_name["forgets"].guards)
    assert by_name["standardise"].guards == ()
    for name in ("raises", "nan", "one class", "forgets"):
        assert by_name[name].rank is None


def test_a_winner_that_fails_on_the_whole_source_is_not_taken() -> None:
    @dataclass(frozen=True)
    class Fragile(Standardise):
        def fit(self, d: Domains) -> Adapted:
            if len(d.source) == 120:
                raise ValueError("too many")
            return super().fit(d)

    d, _ = domains(shift=4.0)
    chosen = select(d, (Plain(), Fragile()), shift_found=True)
    assert chosen.decision == "not adapted"
    assert "standardise was chosen, but failed on the whole source" in chosen.sentence
    assert chosen.adapted is chosen.plain


def test_with_few_images_no_score_may_object(monkeypatch: pytest.MonkeyPatch) -> None:
    module = importlib.import_module("headstart.adaptation.select")
    monkeypatch.setattr(module, "cluster_agreement", lambda clusters, said: -float(said.sum()))
    for n, decision in ((25, "not adapted"), (90, "adapted")):
        d, _ = domains(shift=4.0, n=n)
        twice = (Plain(), Standardise(), Standardise(name="again"))
        chosen = select(d, twice, shift_found=True)
        clusters = next(e for e in chosen.evidence if e.score == "clusters")
        assert clusters.prefers == "no adaptation"
        assert chosen.decision == decision
        assert chosen.sure == "hardly"


def test_nobody_left_is_no_adaptation() -> None:
    d, _ = domains(shift=4.0)
    assert "ruled out" in select(d, (Plain(), Raises()), shift_found=True).sentence
    assert "No other method" in select(d, (Plain(),), shift_found=True).sentence


def test_a_broken_plain_model_is_an_error() -> None:
    @dataclass(frozen=True)
    class Broken(Raises):
        name: str = "no adaptation"

    d, _ = domains(shift=4.0)
    with pytest.raises(HeadstartError, match="Matrix is singular"):
        select(d, (Broken(), Standardise()), shift_found=True)


def test_no_adaptation_comes_first_and_names_differ() -> None:
    d, _ = domains(shift=4.0)
    with pytest.raises(ConfigError, match="must be 'no adaptation', got 'standardise'"):
        select(d, (Standardise(), Plain()), shift_found=True)
    with pytest.raises(ConfigError, match="one name: standardise"):
        select(d, (Plain(), Standardise(), Standardise()), shift_found=True)


def test_target_labels_have_no_way_in() -> None:
    d, t = domains(shift=4.0)
    for name in ("target_y", "target_labels", "labels"):
        with pytest.raises(TypeError, match="unexpected keyword"):
            select(d, ALL, shift_found=True, **{name: t})
        with pytest.raises(TypeError, match="unexpected keyword"):
            Domains(d.source, d.y, d.target, K, **{name: t})
    known = {"domains", "adapters", "shift_found", "groups", "classes", "others"}
    known |= {"workers", "tick"}
    assert set(inspect.signature(select).parameters) == known
    assert not [f.name for f in fields(Selection) if "label" in f.name or f.name == "y"]


def test_labels_stay_sealed_until_the_choice_is_made() -> None:
    d, t = domains(shift=4.0)
    sealed = TargetLabels(t)
    for not_finished in (None, d, "no adaptation", {"chosen": "standardise"}):
        with pytest.raises(SealedError, match="sealed until a method has been chosen"):
            sealed.reveal(not_finished)  # type: ignore[arg-type]
    assert issubclass(SealedError, RuntimeError)
    assert str(t[:5]) not in repr(sealed)
    opened = sealed.reveal(select(d, ALL, shift_found=True))
    np.testing.assert_array_equal(opened, t)


def test_the_json_is_whole() -> None:
    d, _ = domains(shift=4.0)
    data = json.loads(json.dumps(select(d, ALL, shift_found=True).to_json(("a", "b", "c"))))
    assert [c["name"] for c in data["candidates"]] == [a.name for a in ALL]
    assert [c["name"] for c in data["candidates"] if c["chosen"]] == ["standardise"]
    assert data["candidates"][0]["changed"] == 0
    assert set(data["candidates"][1]["shares"]) == {"a", "b", "c"}
    assert sum(data["candidates"][1]["shares"].values()) == pytest.approx(1)
    assert {e["score"] for e in data["evidence"]} == set(SCORES)
    prefers = {e["score"]: e["prefers"] for e in data["evidence"]}
    assert [prefers[s] for s in ("way back", "neighbours", "clusters")] == ["adaptation"] * 3
    assert data["sentence"].endswith("the accuracy on the target is not measured.")


def test_the_choice_does_not_depend_on_the_order_of_the_target() -> None:
    d, _ = domains(shift=1.0)
    turned = Domains(d.source, d.y, d.target[::-1], K)
    one, two = (select(x, (Plain(), Standardise()), shift_found=True) for x in (d, turned))
    assert one.chosen == two.chosen
    for a, b in zip(one.candidates, two.candidates, strict=True):
        assert a.scores == pytest.approx(b.scores, abs=1e-6)


def test_progress_ends_at_its_total() -> None:
    d, _ = domains(shift=4.0)
    seen: list[tuple[int, int]] = []
    select(d, ALL[:2], shift_found=True, tick=lambda done, total: seen.append((done, total)))
    assert seen == [(1, 2), (2, 2)]


def test_held_out_rows_have_every_class_in_proportion() -> None:
    y = np.repeat([0, 1], [50, 20])
    learn, held = hold_out(y)
    assert len(held) == 14
    assert sorted([*learn, *held]) == list(range(70))
    np.testing.assert_array_equal(np.bincount(y[held]), [10, 4])


def test_groups_stay_together_and_a_lonely_class_is_learned() -> None:
    y = np.array([0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 2])
    groups = np.array([0, 0, 0, 1, 1, 1, 2, 2, 3, 3, 4, 5])
    for seed in range(20):
        learn, held = hold_out(y, groups, seed=seed)
        assert not set(groups[learn]) & set(groups[held])
        assert set(y[learn]) == {0, 1, 2}


def trial(answers: np.ndarray, held: np.ndarray, held_y: np.ndarray) -> Trial:
    return Trial("x", "f", "s", "r", np.eye(K)[held], held_y, np.eye(K)[answers])


def test_every_family_has_one_vote_and_a_lonely_family_one_for_each() -> None:
    y = np.arange(3)
    one, two, three = (replace(trial(y, y, y), name=n, family="f") for n in "abc")
    assert voters([one, two, three]) == ["no adaptation", "b", "c"]
    assert voters([one, two, replace(three, family="g")]) == ["no adaptation", "f", "g"]


def test_source_guard_by_hand() -> None:
    y = np.arange(90) % 3
    plain = trial(y, y, y)
    wrong = y.copy()
    wrong[:30] = (y[:30] + 1) % 3  # 30 of 90: a loss of .333, slack .3, standard error .0497
    assert guards.costs_source_accuracy(trial(y, wrong, y), plain) == ""
    wrong[:33] = (y[:33] + 1) % 3  # 33 of 90: .367 > .3 + .0508
    assert "63 % instead of 100 %" in guards.costs_source_accuracy(trial(y, wrong, y), plain)


def test_collapse_by_hand() -> None:
    even, prior = np.arange(90) % 3, np.full(3, 1 / 3)
    assert guards.effective(prior) == pytest.approx(3)
    nearly_one = np.where(np.arange(90) < 5, 1, 0)  # exp(H) = 1.24 < 1.5
    assert "worth 1.2 equally frequent classes, the source 3.0" in guards.collapses(
        nearly_one, even, prior
    )
    assert guards.collapses(nearly_one, np.zeros(90, int), prior) == ""  # worse without


def test_distorted_shares_by_hand() -> None:
    prior = np.array([0.45, 0.45, 0.1])
    even = np.repeat([0, 1, 2], [45, 45, 10])
    # 40 of 100 where 10 were expected: (40 + 1) / (10 + 1) = 3.7 times
    assert "class 3" in guards.distorts_shares(np.repeat([0, 1, 2], [30, 30, 40]), even, prior)
    assert "gives 'rare' to 40 %" in guards.distorts_shares(
        np.repeat([0, 1, 2], [30, 30, 40]), even, prior, ("often", "too", "rare")
    )
    # 31 of 100: 32 / 11 = 2.9 times
    assert guards.distorts_shares(np.repeat([0, 1, 2], [35, 34, 31]), even, prior) == ""


def test_label_shift_by_hand() -> None:
    # Held out: class 0 is answered 0 in 8 of 10 and 1 in 2; class 1 in 9 of 10; class 2 always.
    held_y = np.repeat([0, 1, 2], 10)
    held = np.array([0] * 8 + [1] * 2 + [1] * 9 + [0] + [2] * 10)
    # Of a target of shares (.5, .5, 0) the answers are .45 zeros and .55 ones.
    answers = np.repeat([0, 1], [45, 55])
    np.testing.assert_allclose(
        label_shift(trial(answers, held, held_y), K), [0.5, 0.5, 0], atol=1e-9
    )


def test_the_residual_shift_is_what_class_shares_do_not_explain() -> None:
    def found(shift: float, **target: tuple[float, ...]) -> bool:
        d, _ = domains(shift, n=200, **target)
        learn, held = hold_out(d.y)
        trial = try_out(Plain(), d.learning_from(learn), d.source[held], d.y[held])
        return residual_shift(d, trial).found

    assert not found(0.0)
    assert not found(0.0, share=(20, 1, 1))
    assert found(4.0)
    assert found(4.0, share=(3, 1, 1))
