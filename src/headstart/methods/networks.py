"""Training networks within a run: try methods on the same folds, keep one, train it on everything.

The probe is always there as the floor. ``--method auto`` chooses among what its budget allows; a
method asked for by name is kept whatever it scores, but told when the probe does better.
"""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.choose.candidates import (
    PROBE,
    Candidate,
    Entry,
    line_of,
    offered,
    picks_by_fold,
    shallowest,
)
from headstart.choose.compete import STOPPED, Trial, explore, try_out
from headstart.choose.plan import duration
from headstart.choose.workshop import Workshop
from headstart.errors import BackboneError
from headstart.events import Event, OnEvent
from headstart.findings import Finding
from headstart.judge.crossval import Outcome, judge_folds
from headstart.judge.estimate import SMALL, Plan, plan
from headstart.machine import cache_folder, resolve_device, worker_count
from headstart.methods.kept import HeldOut, Kept
from headstart.prepare.config import Config
from headstart.prepare.source import Prepared
from headstart.tasks.labels import Stream
from headstart.transfer import Familiarity, FittedModel, Moments
from headstart.transfer.checkpoint import Checkpoints
from headstart.transfer.finetune import ALPHAS, FINAL, Tuned, finish, fit, probabilities
from headstart.transfer.parts import Point
from headstart.transfer.recipe import Recipe, defaults

Rows = NDArray[np.int64]
Folds = list[tuple[Rows, Rows]]
CHOOSING_FOLDS = 3
"""Folds on which methods are compared where a test set is there for the estimate."""
SCRATCH = {
    "small-cnn": "small network, trained from scratch",
    "scratch": "same network, trained from scratch",
}
LEAST_SECONDS = 5.0
"""With less than this left, not even the plans are worth their time."""


class Tuning:
    """One run's training of networks.

    Parameters
    ----------
    config, prepared
    chosen : Plan
        The folds of the estimate.
    folder : Path
        Where checkpoints lie until the run folder is written.
    began : float
        When the run did, by ``time.monotonic``.
    """

    def __init__(
        self,
        config: Config,
        prepared: Prepared,
        chosen: Plan,
        folder: Path,
        began: float,
        on_event: OnEvent,
    ) -> None:
        self.config, self.labels, self.chosen, self.on_event = (
            config,
            prepared.labels,
            chosen,
            on_event,
        )
        self.auto = config.method == "auto"
        self.classes = prepared.dataset.classes
        self.train: Rows = chosen.folds[0][0] if self.one_test else prepared.train
        self.test: Rows = chosen.folds[0][1] if self.one_test else np.zeros(0, np.int64)
        self.folds = self._folds()
        self.held = [held for _, held in self.folds]
        self.short = False
        self.workshop = Workshop(
            prepared.dataset.examples,
            prepared.features.hashes,
            prepared.features.vectors[0],
            prepared.labels,
            prepared.ref,
            prepared.engine,
            cache_folder(),
            worker_count(),
            resolve_device(config.device),
            Checkpoints(folder),
            on_event,
        )
        mark = time.monotonic()
        spaces = {PROBE: self.workshop.X}
        tried = judge_folds(spaces, self.labels, self.folds, workers=self.workshop.workers)[PROBE]
        seconds = time.monotonic() - mark
        # What is still to come after the search: baselines, order check, curve, report.
        reserve = 5 + 8 * seconds
        self.deadline = began + config.budget - reserve if config.budget else np.inf
        self.probe = Entry(
            Candidate(PROBE, PROBE, config.recipe, 0),
            0.0,
            seconds,
            [np.asarray(p) for p in tried.proba],
        )

    @property
    def one_test(self) -> bool:
        """Whether the estimate is made once, on rows set apart."""
        return not self.chosen.repeats

    def run(self) -> Kept:
        """Try, choose, train the chosen one on everything.

        Raises
        ------
        BackboneError, ConfigError
            A method that was asked for and that the backbone does not allow.
        """
        trials, entries = self._auto() if self.auto else self._asked()
        tried = [self.probe, *(e for e in entries if e.status == "tried")]
        if self.auto:
            place, sentence = self._choose(tried)
        else:  # what was asked for is kept
            place, tried, sentence = 0, entries, f"{entries[0].candidate.name} was asked for."
        winner = tried[place]
        lines = [line_of(e, self.held, self.labels, e is winner) for e in (self.probe, *entries)]
        kept = Kept(lines, sentence, findings=self._findings(entries))
        trial = next((t for t in trials if t.candidate is winner.candidate), None)
        picks = [place] * len(self.folds)
        if self.auto and not self.one_test and len(tried) > 1:
            picks = picks_by_fold(tried, self.held, self.labels)
        if trial is not None:
            self._train_on_everything(kept, trial)
            kept.probe = self._probe_outcome() if trial.from_scratch else None
        if not self.one_test and any(tried[p] is not self.probe for p in picks):
            proba = [(tried[p].proba or [])[f] for f, p in enumerate(picks)]
            kept.outcome = Outcome(proba, [0.0] * len(proba))
        if trial is not None and self.one_test:
            kept.held_out = HeldOut.of(winner.proba or [], self.held)
        if not _stopped(entries):
            self._from_scratch(kept)
        return kept

    def _auto(self) -> tuple[list[Trial], list[Entry]]:
        """Search under the budget; what cannot be planned for is not offered."""
        per_class = len(self.train) / self.labels.n_classes
        perfect = all(
            (p.argmax(1) == self.labels.y[h]).all()
            for p, h in zip(self.probe.proba or [], self.held, strict=True)
        )
        self.short = not perfect and self.deadline - time.monotonic() < LEAST_SECONDS
        if perfect or self.short:
            return [], []
        self.on_event(Event("planning"))
        try:
            candidates = offered(
                self.workshop.backbone_of(self.config.method), self.config.recipe, per_class
            )
        except BackboneError:
            return [], []
        return explore(self.workshop, candidates, self.folds, self.deadline, self._final_sizes)

    def _asked(self) -> tuple[list[Trial], list[Entry]]:
        """Carry out the one method that was asked for."""
        method, recipe = self.config.method, self.config.recipe
        name = f"finetune {recipe.unfreeze}" if method == "finetune" else method
        self.on_event(Event("planning"))
        candidate = Candidate(name, method, recipe, depth=1)
        if recipe.find_lr:
            candidate = replace(candidate, recipe=self._found_rate(candidate))
        fits = [(len(train), len(held)) for train, held in self.folds]
        plan, forecast = self.workshop.plan(candidate, [*fits, *self._final_sizes(candidate)])
        trial, entry = try_out(self.workshop, candidate, plan, forecast, self.folds)
        return [trial], [entry]

    def _found_rate(self, candidate: Candidate) -> Recipe:
        from headstart.choose.finder import find_rate

        self.finder = find_rate(self.workshop, candidate, self.train)
        return replace(candidate.recipe, lr=self.finder["suggested"])

    def _choose(self, tried: list[Entry]) -> tuple[int, str]:
        """Pick by the one-standard-error rule, and say why in a sentence."""
        place, short, error = shallowest(tried, self.held, self.labels)
        winner = tried[place].candidate
        scores = {e.candidate.name: _accuracy(e, self.held, self.labels.y) for e in tried}
        best = max(scores, key=lambda name: scores[name])
        if len(tried) == 1:
            return place, "Only the probe was tried."
        own = f"{winner.name} is right on {scores[winner.name]:.1%} of the held-out images"
        if best == winner.name:
            others = ", ".join(f"{n} on {a:.1%}" for n, a in scores.items() if n != best)
            why = "no shallower method comes within one standard error of it"
            if winner.name == PROBE:
                why = "nothing deeper is more accurate"
            return place, f"{own}, {others}: {why}."
        return place, (
            f"{own}, {100 * short:.1f} points less than {best}: within one standard error "
            f"({100 * error:.1f} points), so the shallower method is kept. It is steadier and "
            "cheaper."
        )

    def _train_on_everything(self, kept: Kept, trial: Trial) -> None:
        """Fit the kept method on all training rows, and make its model."""
        fitted = fit(trial.setting, self.train, self.test, FINAL)
        if fitted.trouble:
            kept.findings.append(Finding("training", "warning", fitted.trouble))
        tuned = finish(trial.setting, self.train, fitted, trial.alpha)
        kept.trial, kept.backbone = trial, tuned.backbone
        kept.features, kept.trained = tuned.features, self.train
        kept.curves = [
            *trial.curves(),
            *((f"{trial.setting.name} / {FINAL}", p) for p in fitted.history),
        ]
        y = self.labels.y[self.train]
        groups = None if self.labels.groups is None else self.labels.groups[self.train]
        familiar = Familiarity.fit(tuned.features, y, self.labels.n_classes, groups=groups)
        moments = Moments.fit(tuned.features, y, self.labels.n_classes)
        kept.model = FittedModel(
            trial.candidate.method,
            tuned.head,
            trial.temperature,
            self.classes,
            familiar,
            moments=moments,
        )
        if self.one_test:
            at = ALPHAS.index(trial.alpha) if len(fitted.logits) > 1 else 0
            proba = probabilities(fitted.logits[at], trial.temperature)
            kept.outcome = Outcome([proba], [0.0])
        kept.training = self._training(trial, tuned, fitted.history)
        if not self.auto:
            self._warn_if_probe_is_better(kept)

    def _warn_if_probe_is_better(self, kept: Kept) -> None:
        probe, own = kept.entries[0], kept.entries[-1]
        if own["accuracy"] is None or own["accuracy"] >= probe["accuracy"]:
            return
        text = (
            f"The probe, in {duration(probe['seconds'])}, is right on {probe['accuracy']:.1%} of "
            f"the same held-out images, {own['name']} on {own['accuracy']:.1%}: training the "
            "network did not pay here. --method probe is the simpler choice."
        )
        kept.findings.append(Finding("training", "warning", text, {"probe": probe["accuracy"]}))

    def _training(self, trial: Trial, tuned: Tuned, history: list[Point]) -> dict[str, Any]:
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
            "views_said": plan.views.describe() if plan.cut else f"fresh views: {recipe.augment}",
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
            "keep": ",".join(recipe.keep),
            "trainable_parameters": tuned.trainable,
            "parameters": setting.backbone.card.parameters,
            "images_per_s": round(seen / seconds, 1) if seconds else None,
            "seconds": round(seconds, 1),
            "wise": trial.wise or None,
            "wise_alpha": trial.alpha if trial.wise else None,
            "finder": getattr(self, "finder", None),
        }

    def _from_scratch(self, kept: Kept) -> None:
        """Add networks trained from scratch to the baselines, as far as the budget reaches."""
        for method, name in SCRATCH.items():
            if self.config.method == method and kept.outcome is not None:
                kept.baselines[name] = kept.outcome
                continue
            left = self.deadline - time.monotonic()
            if not self.auto or left < LEAST_SECONDS or not self._comparable(kept):
                continue
            recipe = defaults(method)
            candidate = Candidate(method, method, recipe, depth=1)
            folds = self.folds[:1] if self.one_test else self.folds
            fits = [(len(a), len(b)) for a, b in folds]
            again = self._final_sizes(candidate) if self.one_test else []
            plan, forecast = self.workshop.plan(candidate, [*fits, *again])
            if time.monotonic() + forecast > self.deadline:
                continue
            try:
                trial, entry = try_out(self.workshop, candidate, plan, forecast, folds)
            except KeyboardInterrupt:
                text = "Ctrl-C stopped the training from scratch; the verdict goes without it."
                kept.findings.append(Finding("interrupted", "info", text))
                return
            scored = entry.proba or []
            hits = [
                float((p.argmax(1) == self.labels.y[h]).mean())
                for p, (_, h) in zip(scored, folds, strict=True)
            ]
            if self.one_test:
                last = fit(trial.setting, self.train, self.test, FINAL)
                proba = probabilities(last.logits[0], trial.temperature)
                kept.baselines[name] = Outcome([proba], [hits[0]])
            else:
                inner = [float(np.mean(hits[:f] + hits[f + 1 :])) for f in range(len(hits))]
                kept.baselines[name] = Outcome(scored, inner)

    def _comparable(self, kept: Kept) -> bool:
        """Whether baselines on these folds can be set against the estimate.

        A probe kept on few images is judged on ten deals of the folds, networks on one.
        """
        return kept.outcome is not None or self.one_test or len(self.train) >= SMALL

    def _findings(self, entries: list[Entry]) -> list[Finding]:
        """Say what the search could not do."""
        found = []
        budget = self.config.budget
        skipped = [e for e in entries if e.status == "skipped"]
        if self.auto and not any(e.status == "tried" for e in entries):
            least = min((e.forecast_s for e in skipped if e.forecast_s), default=None)
            if least is not None or self.short:
                found.append(_too_small(budget or 0.0, least))
        failed = [e for e in entries if e.status == "failed"]
        found += [Finding("training", "warning", f"{e.candidate.name}: {e.reason}") for e in failed]
        if _stopped(entries):
            text = "The search was stopped by Ctrl-C; the best so far was kept."
            found.append(Finding("interrupted", "info", text))
        return found

    def _probe_outcome(self) -> Outcome:
        if not self.one_test:
            return Outcome(self.probe.proba or [], [0.0] * len(self.folds))
        spaces = {PROBE: self.workshop.X}
        return judge_folds(spaces, self.labels, self.chosen.folds, workers=1)[PROBE]

    def _folds(self) -> Folds:
        """Deal the rows methods are compared on: those of the estimate, or inside its training."""
        if not self.one_test:
            return list(self.chosen.folds)
        k = CHOOSING_FOLDS if self.auto else 5
        dealt = self.labels.folds(self.train, k, Stream.TRAINING_PART)
        folds = [(self.train[a], self.train[b]) for a, b in dealt]
        return folds if self.auto else folds[:1]

    def _final_sizes(self, _: Candidate) -> list[tuple[int, int]]:
        return [(len(self.train), len(self.test))]


def _stopped(entries: list[Entry]) -> bool:
    return any(e.reason == STOPPED for e in entries)


def _too_small(budget: float, least: float | None) -> Finding:
    text = f"The budget of {duration(budget)} was enough for the probe alone"
    if least is None:
        return Finding("budget", "info", f"{text}. A larger --budget tries deeper methods.")
    return Finding(
        "budget",
        "info",
        f"{text}: the cheapest deeper method would take about {duration(least)} more. Try "
        f"--budget {budget + 1.2 * least:.0f}s.",
        {"budget_s": budget, "least_s": least},
    )


def _accuracy(entry: Entry, held: list[Rows], y: NDArray[np.int64]) -> float:
    pairs = zip(entry.proba or [], held, strict=True)
    return float(np.mean(np.concatenate([p.argmax(1) == y[h] for p, h in pairs])))


def train_networks(
    config: Config, prepared: Prepared, chosen: Plan, folder: Path, began: float, on_event: OnEvent
) -> tuple[Plan, Kept]:
    """Train networks; return the folds of the estimate with what came of it.

    The folds are dealt once where networks answer for them; where the probe is kept after all, it
    is judged as thoroughly as ever.
    """
    costly = plan(prepared.labels, prepared.dataset.is_test, costly=True)
    kept = Tuning(config, prepared, costly, folder, began, on_event).run()
    return (chosen if kept.outcome is None else costly), kept
