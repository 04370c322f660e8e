"""The learning-rate range test: raise the rate until the loss breaks, choose well below.

References
----------
Smith (2017), "Cyclical learning rates for training neural networks", arXiv:1506.01186, section 3.3.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from headstart.choose.candidates import Candidate
from headstart.choose.workshop import Workshop
from headstart.tasks.labels import Stream
from headstart.transfer.checkpoint import Forgetful
from headstart.transfer.crew import seeded
from headstart.transfer.loop import Loop
from headstart.transfer.objective import objective
from headstart.transfer.parts import Rows

LOWEST, HIGHEST, STEPS = 1e-6, 1.0, 60
SMOOTHING = 0.9
BROKEN = 4.0
"""The test stops where the smoothed loss is this many times its least."""
BELOW = 10.0
"""The rate suggested is the one of the least loss over this: there the loss still falls fast
(Smith's rule of thumb)."""


def find_rate(workshop: Workshop, candidate: Candidate, rows: Rows) -> dict[str, Any]:
    """Train a copy for a few steps at growing rates.

    Returns
    -------
    dict
        ``lrs`` and smoothed ``losses`` of the steps done, and the rate ``suggested``.
    """
    plan, _ = workshop.plan(candidate, [])
    setting = workshop.setting(candidate, plan)
    network, labels = setting.network(rows), workshop.labels
    goal = objective(
        network, candidate.recipe, workshop.X[rows], labels.y[rows], balanced=labels.balanced
    )
    none = np.zeros(0, np.int64)
    loop = Loop(
        network,
        setting.inputs,
        labels.y,
        goal,
        candidate.recipe,
        rows,
        none,
        labels.seed,
        Forgetful(),
    )
    optimizer = network.optimizer(candidate.recipe)
    rng = np.random.default_rng([labels.seed, Stream.LEARNING_RATE])
    lrs: list[float] = []
    losses: list[float] = []
    mean = 0.0
    with seeded(network.device, labels.seed):
        network.train_mode(len(plan.blocks))
        for step in range(STEPS):
            rate = LOWEST * (HIGHEST / LOWEST) ** (step / (STEPS - 1))
            for group in optimizer.param_groups:
                group["lr"] = rate
            batch = rng.choice(rows, min(candidate.recipe.batch_size, len(rows)), replace=False)
            x = network.place(setting.inputs.varied(batch, rng))
            loss, _ = loop.step(x, network.place(labels.y[batch]), optimizer)
            mean = SMOOTHING * mean + (1 - SMOOTHING) * loss
            smooth = mean / (1 - SMOOTHING ** (step + 1))
            if not math.isfinite(smooth) or (losses and smooth > BROKEN * min(losses)):
                break
            lrs.append(rate)
            losses.append(smooth)
    if not lrs:  # broken from the first step: no rate can be read off
        return {"lrs": lrs, "losses": losses, "suggested": candidate.recipe.rate}
    return {"lrs": lrs, "losses": losses, "suggested": lrs[int(np.argmin(losses))] / BELOW}
