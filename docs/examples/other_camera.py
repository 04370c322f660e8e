"""Labels for the photos of one camera, none for those of another: adapt, or step aside."""

import headstart as hs

run = hs.adapt("photos", "other_camera", out="runs/other", label_budget=6)

found = run.metrics["adaptation"]
print(found["decision"], found["chosen"], found["sure"])
print(found["sentence"])
for row in found["candidates"]:
    print(row["name"], row["source_accuracy"], row["rank"], "; ".join(row["guards"]))

for row in found["proposals"]:  # worth a label, most of all; also in to_label.csv
    print(row["path"], row["predicted"], row["why"])
for answer in run.predict("other_camera"):
    print(answer.path, answer.predicted)
