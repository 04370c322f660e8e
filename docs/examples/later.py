"""Another day: load a run, score it on new labelled images, name unlabelled ones."""

import headstart as hs

run = hs.load("runs/photos")
print(run.classes)

scores = run.evaluate("later_photos")
print(scores["n"], scores["accuracy"], scores["accuracy_ci95"])

for answer in run.predict(["new", "photos/disc"]):
    if answer.error:
        print(answer.path, "cannot be read:", answer.error)
    elif answer.unfamiliar or answer.confidence < 0.8:
        print(answer.path, "is for a person to look at")
    else:
        print(answer.path, answer.predicted)
