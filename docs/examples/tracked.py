"""Curves for a tracker: whatever takes a name, a number and a step may listen."""

import headstart as hs


def log(name: str, value: float, step: int = 0) -> None:
    print(step, name, round(value, 3))  # or mlflow.log_metric(name, value, step)


def listen(event: hs.Event) -> None:
    if event.curve:  # one more epoch: the losses so far
        log(f"loss, {event.stage}", event.curve[-1], len(event.curve))


run = hs.train("photos", method="finetune", epochs=2, out="runs/own", on_event=listen)
log("accuracy", run.metrics["estimate"]["accuracy"])
