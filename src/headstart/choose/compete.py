"""The competition: candidates tried on the same folds, the best so far at any time.

The probe is the floor. What is tried beyond it, and in which order, is decided by what it promises,
and takes; what is kept, by held-out answers alone.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from headstart.choose.candidates import Candidate, Entry, by_promise
from headstart.choose.plan import TrainingPlan, duration
from headstart.choose.workshop import Workshop
from headstart.events import Event
from headstart.judge.crossval import calibrated
from headstart.said import N_, _
from headstart.tasks.labels import Labels
from headstart.tasks.metrics import log_loss
from headstart.transfer.finetune import ALPHAS, Fit, Setting, fit
from headstart.transfer.logistic import Floats, softmax
from headstart.transfer.parts import Point
from headstart.transfer.probe import fit_temperature
from headstart.transfer.recipe import FROM_SCRATCH

Folds = Sequence[tuple[NDArray[np.int64], NDArray[np.int64]]]
PLANNING_SECONDS = 5.0
"""Planning a candidate takes up to this long; with less left, no further one is."""
OVERRUN = 1.25
"""Times its forecast that a candidate may take: so much is set aside for it, so that the budget is
kept. A plain choice: forecasts are of a machine that does nothing else."""
STOPPED = N_("stopped by Ctrl-C")


class OutOfTimeError(Exception):
    """The budget is used up."""


@dataclass
class CrossFit:
    """A candidate that was tried: how it was set up, and its fits on the folds.

    Attributes
    ----------
    alpha : float
        Share of the fine-tuned weights that all folds together prefer; 1 without WiSE-FT.
    temperature : float
        For the logits of the model trained on all rows.
    wise : list of dict
        Accuracy and log loss by alpha; empty without WiSE-FT.
    """

    candidate: Candidate
    plan: TrainingPlan
    setting: Setting
    fits: list[Fit] = field(default_factory=list)
    alpha: float = 1.0
    temperature: float = 1.0
    wise: list[dict[str, float]] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def from_scratch(self) -> bool:
        """Whether nothing pretrained is in it."""
        return self.candidate.method in FROM_SCRATCH

    def curves(self) -> list[tuple[str, Point]]:
        """Return every point of every fit, with the fit's name."""
        return [
            (f"{self.setting.name} / fold {f + 1}", point)
            for f, fitted in enumerate(self.fits)
            for point in fitted.history
        ]


def try_out(
    workshop: Workshop, candidate: Candidate, plan: TrainingPlan, forecast: float, folds: Folds
) -> tuple[CrossFit, Entry]:
    """Cross-fit one candidate: train on every fold's training rows, answer for its held-out ones.

    Raises
    ------
    OutOfTimeError
        From the workshop's listeners.
    """
    start = time.perf_counter()
    trial = CrossFit(candidate, plan, workshop.setting(candidate, plan, forecast))
    for f, (train, held) in enumerate(folds):
        trial.fits.append(fit(trial.setting, train, held, f"fold {f + 1}"))
    proba = _settle(trial, [held for _, held in folds], workshop.labels)
    trial.seconds = time.perf_counter() - start
    trouble = next((fitted.trouble for fitted in trial.fits if fitted.trouble), "")
    status = "failed" if trouble else "tried"
    return trial, Entry(candidate, forecast, trial.seconds, proba, status, trouble)


def explore(
    workshop: Workshop,
    candidates: Sequence[Candidate],
    folds: Folds,
    deadline: float,
    again: Callable[[Candidate], list[tuple[int, int]]],
) -> tuple[list[CrossFit], list[Entry]]:
    """Try candidates in the order of promise until the time is used up, or Ctrl-C.

    Parameters
    ----------
    deadline : float
        By ``time.monotonic``: the run should be ready then.
    again : callable
        The fits (rows trained on, rows held out) that a candidate still needs if it is kept.

    Returns
    -------
    trials : list of Trial
        Of those tried to the end.
    entries : list of Entry
        Of all.
    """
    fits = [(len(train), len(held)) for train, held in folds]
    owed = 0.0  # seconds to train the best so far on everything
    plans: dict[str, TrainingPlan] = {}
    forecasts: dict[str, float] = {}
    trials: list[CrossFit] = []
    entries: list[Entry] = []
    try:
        for c in candidates:
            workshop.on_event(Event(_("planning"), len(plans), len(candidates), _("methods")))
            plans[c.name], forecasts[c.name] = workshop.plan(c, [*fits, *again(c)])
            if time.monotonic() > deadline - PLANNING_SECONDS:
                break
        known = [c for c in candidates if c.name in plans]
        first = deadline - time.monotonic()
        for c in by_promise(forecasts, known, lambda c: OVERRUN * forecasts[c.name] <= first):
            left = deadline - time.monotonic()
            last = forecasts[c.name] * share_of(again(c), fits)
            needed = OVERRUN * (forecasts[c.name] - last + max(last, owed))
            if needed > left:
                why = _(
                    "would take about {forecast}, and may take {most}; {left} of the budget are "
                    "left",
                    forecast=duration(forecasts[c.name]),
                    most=duration(needed),
                    left=duration(max(left, 0)),
                )
                entries.append(_untried(c, "skipped", why, forecasts))
                continue
            watch = _Watch(workshop, deadline - OVERRUN * max(last, owed))
            try:
                with watch:
                    trial, entry = try_out(workshop, c, plans[c.name], forecasts[c.name], folds)
            except OutOfTimeError:
                why = _("took longer than the budget")
                entries.append(_untried(c, "interrupted", why, forecasts))
                continue
            entries.append(entry)
            if entry.status == "tried":
                trials.append(trial)
                owed = max(owed, seconds_again(entry, again(c), fits))
    except KeyboardInterrupt:
        entries += [
            _untried(c, "interrupted", _(STOPPED), forecasts) for c in _rest(candidates, entries)
        ]
    why = _("there was no time left to plan it")
    entries += [_untried(c, "skipped", why, forecasts) for c in _rest(candidates, entries)]
    return trials, entries


def share_of(again: Sequence[tuple[int, int]], fits: Sequence[tuple[int, int]]) -> float:
    """Return the share of fits that come again, by the rows trained on (the first of each pair).

    Examples
    --------
    >>> share_of([(100, 0)], [(80, 20)] * 5)
    0.2
    """
    more = sum(n for n, _ in again)
    return more / max(more + sum(n for n, _ in fits), 1)


def seconds_again(
    entry: Entry, again: Sequence[tuple[int, int]], fits: Sequence[tuple[int, int]]
) -> float:
    """Forecast fits that come again from what a candidate has taken on the folds."""
    share = share_of(again, fits)
    return (entry.seconds or 0.0) * share / max(1 - share, 1e-9)


def _rest(candidates: Sequence[Candidate], entries: Sequence[Entry]) -> list[Candidate]:
    done = {e.candidate.name for e in entries}
    return [c for c in candidates if c.name not in done]


def _untried(c: Candidate, status: str, why: str, forecasts: dict[str, float]) -> Entry:
    return Entry(c, forecasts.get(c.name), status=status, reason=why)


@dataclass
class _Watch:
    """Stops a trial that has overrun: epochs pass by here on their way to the listener."""

    workshop: Workshop
    end: float

    def __enter__(self) -> None:
        self._listener, self._on = self.workshop.on_event, True

        def listen(event: Event) -> None:
            self._listener(event)
            if self._on and time.monotonic() > self.end:
                raise OutOfTimeError

        self.workshop.on_event = listen

    def __exit__(self, *_: object) -> None:
        # The trial keeps its listener for its last fit, which nothing may stop.
        self.workshop.on_event, self._on = self._listener, False


def _settle(
    trial: CrossFit, held: list[NDArray[np.int64]], labels: Labels
) -> list[NDArray[np.floating]]:
    """Choose alpha and temperature; return each fold's probabilities, chosen by the other folds."""
    y, logits = labels.y, [fitted.logits for fitted in trial.fits]  # each (A, n_held, K)
    truth, best = y[np.concatenate(held)], _best_alpha(logits, held, y)
    trial.temperature = fit_temperature(np.concatenate([z[best] for z in logits]), truth)
    if len(logits[0]) == 1:
        return [np.asarray(p) for p in calibrated([z[0] for z in logits], held, y)]
    trial.alpha = ALPHAS[best]
    trial.wise = [
        {
            "alpha": alpha,
            labels.task.metric: float(labels.task.score(truth, z).mean()),
            "log_loss": _log_loss(z, truth),
        }
        for alpha, z in zip(ALPHAS, np.concatenate(logits, axis=1), strict=True)
    ]
    chosen = []
    for f in range(len(held)):
        others = [g for g in range(len(held)) if g != f] or [f]
        chosen.append(_best_alpha([logits[g] for g in others], [held[g] for g in others], y))
    picked = [z[a] for z, a in zip(logits, chosen, strict=True)]
    return [np.asarray(p) for p in calibrated(picked, held, y)]


def _best_alpha(logits: list[Floats], held: list[NDArray[np.int64]], y: NDArray[np.int64]) -> int:
    truth = y[np.concatenate(held)]
    joined = np.concatenate(logits, axis=1)  # (A, n, K)
    return int(np.argmin([_log_loss(z, truth) for z in joined]))


def _log_loss(logits: Floats, truth: NDArray[np.int64]) -> float:
    return log_loss(truth, softmax(logits.astype(np.float64)))
