"""Training networks within a run: try methods on the same folds, keep one, train it on everything.

The probe is always there as the floor. ``--method auto`` chooses among what its budget allows; a
method asked for by name is kept whatever it scores, but told when the probe does better.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.choose.candidates import (
    PROBE,
    Candidate,
    Entry,
    offered,
    picks_by_fold,
    preferred,
)
from headstart.choose.compete import (
    OVERRUN,
    STOPPED,
    CrossFit,
    explore,
    seconds_again,
    try_out,
)
from headstart.choose.plan import duration
from headstart.choose.workshop import Workshop
from headstart.errors import BackboneError
from headstart.events import Event
from headstart.findings import Finding
from headstart.judge.crossval import Outcome, judge_folds
from headstart.judge.estimate import SMALL, Plan, plan
from headstart.methods import Work
from headstart.methods.compared import Compared
from headstart.methods.kept import HeldOut, Kept, TrainedNetwork
from headstart.methods.mix import fit_mix, mix_on, tried_on
from headstart.modalities.plain import Plain
from headstart.prepare.config import Config
from headstart.prepare.refusals import refuse_augmentation, refuse_fresh_views, refuse_mixing
from headstart.prepare.source import Prepared
from headstart.said import N_, _, commas, sentences
from headstart.tasks.labels import Labels, Stream
from headstart.transfer import Familiarity, FittedModel, Moments
from headstart.transfer.checkpoint import Checkpoints
from headstart.transfer.finetune import ALPHAS, FINAL, Tuned, finish, fit, probabilities
from headstart.transfer.parts import Point
from headstart.transfer.recipe import (
    FROM_SCRATCH,
    NAMES,
    OF_ANSWERS,
    SMALL_CNN,
    Recipe,
    from_options,
)

Rows = NDArray[np.int64]
Folds = list[tuple[Rows, Rows]]
CHOOSING_FOLDS = 3
"""Folds on which methods are compared where a test set is there for the estimate."""
ENOUGH_HELD = 1000
"""Examples in a fifth from which one is enough to compare methods on: it tells points apart, and a
method is then trained on 1.8 times the examples, the last time included, instead of 3 times."""
JUDGING_LATE = N_(
    "Judging and the report take about {time} more: the run will end about {late} after its budget."
)
TRAINING_LATE = N_(
    "Training {method} on all {examples} takes about {time}: the run will end about {late} after "
    "its budget."
)
LEAST_SECONDS = 5.0
"""With less than this left, not even the plans are worth their time."""


class Networks:
    """A method that trains networks, by its name; ``auto`` looks for the best.

    Parameters
    ----------
    name : str
    """

    def __init__(self, name: str) -> None:
        self.name = name

    @property
    def needs_blocks(self) -> bool:
        """Not where the network is one of its own, nor where a probe may be kept instead."""
        return self.name not in ("auto", "small-cnn")

    @property
    def takes(self) -> frozenset[str]:
        """All; but ``auto`` chooses the depth, and from scratch there is nothing to hold on to."""
        if self.name in FROM_SCRATCH:
            return frozenset(NAMES) - {"keep"}
        return frozenset(NAMES) - ({"unfreeze"} if self.name == "auto" else set())

    def __call__(self, work: Work) -> Kept:
        """Train networks as far as time allows, keep the best, or the one that was asked for.

        Raises
        ------
        BackboneError, ConfigError
            A method that was asked for and that the backbone does not allow.
        """
        modality, recipe = work.prepared.dataset.modality, work.config.recipe
        if isinstance(modality.views, Plain):
            many = modality.unit.many
            refuse_augmentation(recipe.augment, Recipe().augment, recipe.views, many)
            refuse_mixing(recipe, many)
        return Tuning.of(work).run()


@dataclass
class Tuning:
    """One run's training of networks.

    Attributes
    ----------
    work : Work
    plan : Plan
        The folds on which networks are judged: dealt once, for they are costly.
    train, test : ndarray of int64
        Rows to train on, and those that the final training watches.
    folds : list of (train rows, held-out rows)
        On which methods are compared.
    workshop : Workshop
    probe : Entry
        The floor, on the same folds.
    mix : tuple of Entry
        The probe beside what counts, where the method is to be chosen and the modality offers it.
    deadline : float
        By ``time.monotonic``: when the search, and training on everything, should be over.
    reserve : float
        Seconds set aside for what comes after that.
    short : bool
        There was no time left to plan anything.
    finder : dict or None
        What the search for a learning rate found.
    hindrance : str
        Why the network cannot be trained, if so.
    """

    work: Work
    plan: Plan
    train: Rows
    test: Rows
    folds: Folds
    workshop: Workshop
    probe: Entry
    mix: tuple[Entry, ...]
    deadline: float
    reserve: float = 0.0
    short: bool = False
    finder: dict[str, Any] | None = None
    hindrance: str = ""

    @classmethod
    def of(cls, work: Work) -> Tuning:
        """Deal the folds of the comparison, and try the probe on them."""
        prepared, budget = work.prepared, work.config.budget
        costly = plan(prepared.labels, prepared.dataset.is_test, costly=True)
        none = np.zeros(0, np.int64)
        train, test = (prepared.train, none) if costly.repeats else costly.folds[0]
        folds = list(costly.folds)
        if not costly.repeats:
            folds = _folds_inside(train, prepared, work.config.method == "auto")
        mark = time.monotonic()
        spaces = {PROBE: prepared.features.vectors[0]}
        tried = judge_folds(spaces, prepared.labels, folds, workers=work.machine.workers)[PROBE]
        seconds = time.monotonic() - mark
        spaces_judged = 1 + len(prepared.dataset.modality.rivals) + prepared.reinitialised
        reserve = judging_seconds(seconds / len(folds), len(work.plan.folds), spaces_judged)
        mix = tried_on(work, folds) if work.config.method == "auto" else ()
        for entry in mix:  # rivals that count are slower than the vectors' head: as slow as this
            rivals = len(prepared.dataset.modality.rivals)
            reserve += rivals * (entry.seconds or 0.0) / len(folds) * len(work.plan.folds)
        return cls(
            work,
            costly,
            train,
            test,
            folds,
            _workshop(work),
            Entry(
                Candidate(PROBE, PROBE, work.config.recipe, 0),
                0.0,
                seconds,
                [np.asarray(p) for p in tried.proba],
            ),
            mix,
            work.began + budget - reserve if budget else np.inf,
            reserve,
        )

    @property
    def config(self) -> Config:
        """That of the run."""
        return self.work.config

    @property
    def labels(self) -> Labels:
        """Of all rows."""
        return self.work.prepared.labels

    @property
    def many(self) -> str:
        """What sentences call the examples."""
        return self.work.prepared.dataset.modality.unit.many

    @property
    def auto(self) -> bool:
        """Whether the method is to be chosen here."""
        return self.config.method == "auto"

    @property
    def one_test(self) -> bool:
        """Whether the estimate is made once, on rows set apart."""
        return not self.plan.repeats

    @property
    def held(self) -> list[Rows]:
        """Rows held out in each fold of the comparison."""
        return [held for _, held in self.folds]

    def run(self) -> Kept:
        """Try, choose, train the chosen one on everything.

        The probe, where it is kept after all, is judged as thoroughly as ever.
        """
        trials, entries = self._auto() if self.auto else self._asked()
        tried = [self.probe, *self.mix, *(e for e in entries if e.status == "tried")]
        if self.auto:
            place, sentence = self._choose(tried)
        else:  # what was asked for is kept
            place, tried = 0, entries
            sentence = _("{method} was asked for.", method=entries[0].candidate.name)
        winner = tried[place]
        trial = next((t for t in trials if t.candidate is winner.candidate), None)
        work = self.work
        kept = Kept(
            work.probe,
            work.choice.C,
            work.plan,
            sentence,
            compared=Compared((self.probe, *self.mix, *entries), self.held, self.labels, winner),
            findings=tuple(self._findings(entries)),
        )
        if trial is not None:
            kept = self._train_on_everything(kept, trial, winner)
        elif any(winner is mixed for mixed in self.mix):
            kept = self._mixed(kept, winner)
        if not self.one_test:
            kept = replace(kept, outcome=self._outcome(tried, place))
        if not _stopped(entries):
            kept = self._from_scratch(kept)
        self._say_if_late(JUDGING_LATE, time=duration(self.reserve))
        return kept if kept.outcome is None else replace(kept, plan=self.plan)

    def _say_if_late(self, message: str, seconds: float = 0.0, **told: str) -> None:
        """Tell before it happens that a budget will not be kept, and by how much."""
        over = time.monotonic() + seconds - self.deadline
        if over > 0:
            text = _(message, late=duration(over), **told)
            self.work.machine.on_event(Event(_("planning"), message=text, level="note"))

    def _outcome(self, tried: list[Entry], place: int) -> Outcome | None:
        """Answer for every fold by what the other folds choose; None where it is the probe."""
        picks = [place] * len(self.folds)
        if self.auto and len(tried) > 1:
            picks = picks_by_fold(tried, self.held, self.labels)
        if all(tried[p] is self.probe for p in picks):
            return None
        proba = [(tried[p].proba or [])[f] for f, p in enumerate(picks)]
        return Outcome(proba, [0.0] * len(proba))

    def _auto(self) -> tuple[list[CrossFit], list[Entry]]:
        """Search under the budget; what cannot be planned for is not offered."""
        per_class = len(self.train) / self.labels.n_classes
        perfect = all(
            (p.argmax(1) == self.labels.y[h]).all()
            for p, h in zip(self.probe.proba or [], self.held, strict=True)
        )
        self.short = not perfect and self.deadline - time.monotonic() < LEAST_SECONDS
        if perfect or self.short:
            return [], []
        self.work.machine.on_event(Event(_("planning")))
        try:
            candidates = offered(
                self.workshop.backbone_of(self.config.method),
                self.config.recipe,
                per_class,
                self._for_few_labels(),
            )
        except BackboneError as cause:
            self.hindrance = cause.message
            return [], []
        return explore(self.workshop, candidates, self.folds, self.deadline, self._final_sizes)

    def _for_few_labels(self) -> Candidate | None:
        """Return what the modality offers for few labels, where no option speaks against it."""
        modality = self.work.prepared.dataset.modality
        if not modality.few_labels or set(self.config.given) & {"loss", "keep", *OF_ANSWERS}:
            return None
        recipe = self.config.recipe_of(modality.few_labels, modality.recipe)
        return Candidate(modality.few_labels, modality.few_labels, recipe, 0)

    def _asked(self) -> tuple[list[CrossFit], list[Entry]]:
        """Carry out the one method that was asked for."""
        method, recipe = self.config.method, self.config.recipe
        name = f"finetune {recipe.unfreeze}" if method == "finetune" else method
        self.work.machine.on_event(Event(_("planning")))
        candidate = Candidate(name, method, recipe, depth=1)
        if recipe.find_lr:
            candidate = replace(candidate, recipe=self._found_rate(candidate))
        fits = [(len(train), len(held)) for train, held in self.folds]
        plan, forecast = self.workshop.plan(candidate, [*fits, *self._final_sizes(candidate)])
        refuse_fresh_views(recipe.views, plan.cut, plan.why)
        trial, entry = try_out(self.workshop, candidate, plan, forecast, self.folds)
        return [trial], [entry]

    def _found_rate(self, candidate: Candidate) -> Recipe:
        from headstart.choose.finder import find_rate

        found = find_rate(self.workshop, candidate, self.train)
        self.finder = found
        return replace(candidate.recipe, lr=found["suggested"])

    def _choose(self, tried: list[Entry]) -> tuple[int, str]:
        """Pick one, and say why in a sentence."""
        place, short, error = preferred(tried, self.held, self.labels)
        winner = tried[place].candidate
        scores = {e.candidate.name: _accuracy(e, self.held, self.labels.y) for e in tried}
        best = max(scores, key=lambda name: scores[name])
        if len(tried) == 1:
            return place, _("Only the probe was tried.")
        told = {"method": winner.name, "right": scores[winner.name], "examples": self.many}
        others = commas(
            _("{method} on {right:.1%}", method=name, right=right)
            for name, right in scores.items()
            if name != winner.name
        )
        if self._favour_decides(tried, place):
            return place, _(
                "{method} is right on {right:.1%} of the held-out {examples}, {others}. So few "
                "cannot show a difference of a few points, and no method is clearly better than "
                "{method} here; with few labels it was the better one in the mean of other data "
                "sets, so it is kept.",
                others=others,
                **told,
            )
        if best != winner.name:
            return place, _(
                "{method} is right on {right:.1%} of the held-out {examples}, {short:.1f} points "
                "less than {best}: within one standard error ({error:.1f} points), so the "
                "shallower method is kept. It is steadier and cheaper.",
                short=100 * short,
                best=best,
                error=100 * error,
                **told,
            )
        if winner.name == PROBE:
            return place, _(
                "{method} is right on {right:.1%} of the held-out {examples}, {others}: nothing "
                "deeper is more accurate.",
                others=others,
                **told,
            )
        return place, _(
            "{method} is right on {right:.1%} of the held-out {examples}, {others}: no shallower "
            "method comes within one standard error of it.",
            others=others,
            **told,
        )

    def _favour_decides(self, tried: list[Entry], place: int) -> bool:
        """Whether another one would be kept if none was favoured."""
        alike = [replace(e, candidate=replace(e.candidate, favoured=False)) for e in tried]
        return preferred(alike, self.held, self.labels)[0] != place

    def _mixed(self, kept: Kept, entry: Entry) -> Kept:
        """Keep the probe beside what counts."""
        model = fit_mix(self.work.prepared, self.work.probe)[1]
        kept = replace(kept, model=model, C=None)
        if not self.one_test:
            return kept
        outcome = mix_on(self.work, self.plan.folds)
        return replace(kept, outcome=outcome, held_out=HeldOut.of(entry.proba or [], self.held))

    def _train_on_everything(self, kept: Kept, trial: CrossFit, entry: Entry) -> Kept:
        """Fit the kept method on all training rows, and make its model."""
        if self.auto:
            fits = [(len(train), len(held)) for train, held in self.folds]
            seconds = seconds_again(entry, self._final_sizes(trial.candidate), fits)
            self._say_if_late(
                TRAINING_LATE,
                seconds,
                method=trial.candidate.name,
                examples=self.many,
                time=duration(seconds),
            )
        fitted = fit(trial.setting, self.train, self.test, FINAL)
        tuned = finish(trial.setting, self.train, fitted, trial.alpha)
        y, k = self.labels.y[self.train], self.labels.n_classes
        groups = None if self.labels.groups is None else self.labels.groups[self.train]
        findings = [*kept.findings]
        if fitted.trouble:
            findings.append(Finding("training", "warning", fitted.trouble))
        if not self.auto:
            findings += self._probe_is_better(entry)
        model = FittedModel(
            trial.candidate.method,
            tuned.head,
            trial.temperature,
            self.work.prepared.dataset.classes,
            Familiarity.fit(tuned.features, y, k, groups=groups),
            moments=Moments.fit(tuned.features, y, k),
        )
        outcome, held_out = None, None
        if self.one_test:
            at = ALPHAS.index(trial.alpha) if len(fitted.logits) > 1 else 0
            outcome = Outcome([probabilities(fitted.logits[at], trial.temperature)], [0.0])
            held_out = HeldOut.of(entry.proba or [], self.held)
        training = self._training(trial, tuned, fitted.history)
        last = ((f"{trial.setting.name} / {FINAL}", p) for p in fitted.history)
        return replace(
            kept,
            model=model,
            C=None,
            outcome=outcome,
            held_out=held_out,
            pretrained=self._probe_outcome() if trial.from_scratch else None,
            network=TrainedNetwork(tuned.backbone, self.train, tuned.features, training),
            curves=(*trial.curves(), *last),
            findings=tuple(findings),
        )

    def _probe_is_better(self, own: Entry) -> list[Finding]:
        """Say so where the probe is right more often than what was asked for."""
        if own.proba is None:
            return []
        probe_is_right, own_is_right = (
            _accuracy(e, self.held, self.labels.y) for e in (self.probe, own)
        )
        if own_is_right >= probe_is_right:
            return []
        text = _(
            "The probe, in {time}, is right on {probe:.1%} of the same held-out {examples}, "
            "{method} on {right:.1%}: training the network did not pay here. --method probe is the "
            "simpler choice.",
            time=duration(round(self.probe.seconds or 0.0, 1)),
            probe=probe_is_right,
            examples=self.many,
            method=own.candidate.name,
            right=own_is_right,
        )
        return [Finding("training", "warning", text, {"probe": probe_is_right})]

    def _training(self, trial: CrossFit, tuned: Tuned, history: list[Point]) -> dict[str, Any]:
        """Return what ``metrics.json`` tells of the training."""
        plan, recipe, setting = trial.plan, trial.candidate.recipe, trial.setting
        seconds = history[-1].seconds if history else 0.0
        seen = len(self.train) * (history[-1].epoch if history else 0)
        return {
            "method": trial.candidate.method,
            "unfreeze": recipe.unfreeze,
            "blocks": plan.blocks,
            "cut": plan.cut,
            "cut_reason": plan.why,
            "augment": recipe.augment,
            "views": plan.views.count if plan.cut else None,
            "views_said": plan.views.describe()
            if plan.cut
            else _("fresh views: {kind}", kind=recipe.augment),
            "prefix_forwards": self.workshop.passes.get(trial.candidate.name, 0),
            "cache_mb": round(plan.cache_bytes / 1e6, 1),
            "epochs": recipe.epochs,
            "batch_size": recipe.batch_size,
            "optimizer": recipe.optimizer,
            "schedule": recipe.schedule,
            "lr": recipe.rate,
            "head_lr": recipe.head_rate,
            "weight_decay": recipe.decay,
            "batchnorm": recipe.batchnorm,
            "tune": recipe.tune,
            "loss": recipe.loss,
            "embeddings": recipe.embeddings,
            "keep": ",".join(recipe.keep),
            "trainable_parameters": tuned.trainable,
            "parameters": setting.backbone.card.parameters,
            "images_per_s": round(seen / seconds, 1) if seconds else None,
            "seconds": round(seconds, 1),
            "wise": trial.wise or None,
            "wise_alpha": trial.alpha if trial.wise else None,
            "finder": self.finder,
        }

    def _from_scratch(self, kept: Kept) -> Kept:
        """Add networks trained from scratch to the baselines, as far as the budget reaches."""
        baselines = dict(kept.baselines)
        for method, name in FROM_SCRATCH.items():
            if self.config.method == method and kept.outcome is not None:
                baselines[name] = kept.outcome
                continue
            left = self.deadline - time.monotonic()
            if not self.auto or left < LEAST_SECONDS or not self._comparable(kept):
                continue
            if method == SMALL_CNN and self.work.prepared.dataset.modality.small_network is None:
                continue
            try:
                outcome = self._scratch(method)
            except KeyboardInterrupt:
                text = _("Ctrl-C stopped the training from scratch; the verdict goes without it.")
                stopped = Finding("interrupted", "info", text)
                kept = replace(kept, findings=(*kept.findings, stopped))
                break
            if outcome is not None:
                baselines[name] = outcome
        return replace(kept, baselines=baselines)

    def _scratch(self, method: str) -> Outcome | None:
        """Train from scratch on the folds of the estimate; None where time is too short."""
        recipe = from_options(method, {}, self.work.prepared.dataset.modality.recipe)
        candidate = Candidate(method, method, recipe, depth=1)
        folds = self.folds[:1] if self.one_test else self.folds
        fits = [(len(a), len(b)) for a, b in folds]
        again = self._final_sizes(candidate) if self.one_test else []
        plan, forecast = self.workshop.plan(candidate, [*fits, *again])
        if time.monotonic() + OVERRUN * forecast > self.deadline:
            return None
        trial, entry = try_out(self.workshop, candidate, plan, forecast, folds)
        scored = entry.proba or []
        hits = [
            float((p.argmax(1) == self.labels.y[h]).mean())
            for p, (_, h) in zip(scored, folds, strict=True)
        ]
        if self.one_test:
            last = fit(trial.setting, self.train, self.test, FINAL)
            return Outcome([probabilities(last.logits[0], trial.temperature)], [hits[0]])
        inner = [float(np.mean(hits[:f] + hits[f + 1 :])) for f in range(len(hits))]
        return Outcome(scored, inner)

    def _comparable(self, kept: Kept) -> bool:
        """Whether baselines on these folds can be set against the estimate.

        A probe kept on few examples is judged on ten deals of the folds, networks on one.
        """
        return kept.outcome is not None or self.one_test or len(self.train) >= SMALL

    def _findings(self, entries: list[Entry]) -> list[Finding]:
        """Say what the search could not do."""
        found = []
        budget = self.config.budget
        skipped = [e for e in entries if e.status == "skipped"]
        if self.hindrance:
            text = _("--budget, and what it would train, had no use: {cause}", cause=self.hindrance)
            only = _("Only the probe was tried.")
            found.append(Finding("budget", "info", sentences(text, only)))
        if self.auto and not any(e.status == "tried" for e in entries):
            least = min((e.forecast_s for e in skipped if e.forecast_s), default=None)
            if least is not None or self.short:
                found.append(_too_small(budget or 0.0, least))
        failed = [e for e in entries if e.status == "failed"]
        found += [
            Finding(
                "training",
                "warning",
                _("{method}: {reason}", method=e.candidate.name, reason=e.reason),
            )
            for e in failed
        ]
        if _stopped(entries):
            text = _("The search was stopped by Ctrl-C; the best so far was kept.")
            found.append(Finding("interrupted", "info", text))
        return found

    def _probe_outcome(self) -> Outcome:
        if not self.one_test:
            return Outcome(self.probe.proba or [], [0.0] * len(self.folds))
        spaces = {PROBE: self.workshop.X}
        return judge_folds(spaces, self.labels, self.plan.folds, workers=1)[PROBE]

    def _final_sizes(self, candidate: Candidate) -> list[tuple[int, int]]:
        return [(len(self.train), len(self.test))]


def judging_seconds(fold: float, folds: int, spaces: int) -> float:
    """Forecast what comes after the search: estimate and baselines, doubts, curve, report.

    Parameters
    ----------
    fold : float
        Seconds that the probe took on one fold, here and now.
    folds : int
        On which the estimate is made if the probe is kept.
    spaces : int
        What is judged on them: the model and its baselines, which are smaller.

    Notes
    -----
    8 s stand for the page, its figures and the explained examples; 25 folds for the order check,
    the curve and the doubts, which choose nothing anew (300 examples on a busy computer took 12 s
    and 18 s where this says 11 s and 20 s).
    """
    return 8 + fold * ((1 + 0.2 * (spaces - 1)) * folds + 25)


def _folds_inside(train: Rows, prepared: Prepared, auto: bool) -> Folds:
    """Deal the training rows beside a test set: three folds to choose on, or one; one to watch."""
    several = auto and len(train) < 5 * ENOUGH_HELD
    dealt = prepared.labels.folds(train, CHOOSING_FOLDS if several else 5, Stream.TRAINING_PART)
    folds = [(train[a], train[b]) for a, b in dealt]
    return folds if several else folds[:1]


def _workshop(work: Work) -> Workshop:
    prepared, machine = work.prepared, work.machine
    return Workshop(
        examples=prepared.dataset.examples,
        hashes=prepared.features.hashes,
        X=prepared.features.vectors[0],
        labels=prepared.labels,
        ref=prepared.ref,
        engine=prepared.engine,
        cache=machine.cache,
        workers=machine.workers,
        device=machine.device,
        checkpoints=Checkpoints(work.checkpoints),
        on_event=machine.on_event,
    )


def _stopped(entries: list[Entry]) -> bool:
    return any(e.reason == _(STOPPED) for e in entries)


def _too_small(budget: float, least: float | None) -> Finding:
    if least is None:
        text = _(
            "The budget of {budget} was enough for the probe alone. A larger --budget tries deeper "
            "methods.",
            budget=duration(budget),
        )
        return Finding("budget", "info", text)
    text = _(
        "The budget of {budget} was enough for the probe alone: the cheapest deeper method would "
        "take about {least} more. Try --budget {enough:.0f}s.",
        budget=duration(budget),
        least=duration(least),
        enough=budget + OVERRUN * least,
    )
    return Finding("budget", "info", text, {"budget_s": budget, "least_s": least})


def _accuracy(entry: Entry, held: list[Rows], y: NDArray[np.int64]) -> float:
    pairs = zip(entry.proba or [], held, strict=True)
    return float(np.mean(np.concatenate([p.argmax(1) == y[h] for p, h in pairs])))
