"""A table with several images per patient: check it, train on it, follow the progress."""

import headstart as hs


def show(event: hs.Event) -> None:
    if event.level == "warning":
        print("!", event.message)
    elif event.total and event.done == event.total:
        print(event.stage, event.total, event.unit)


found = hs.check("labels.csv", groups="patient")
for finding in found["findings"]:
    print(finding["severity"], finding["kind"], finding["message"])

run = hs.train("labels.csv", groups="patient", out="runs/patients", on_event=show)
estimate = run.metrics["estimate"]
print(estimate["accuracy"], estimate["accuracy_ci95"], estimate["protocol"])
