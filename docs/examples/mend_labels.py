"""Move images to the folders of their classes, after `label` was corrected in label_issues.csv."""

import csv
from pathlib import Path

# for images that lie directly in the folders of their classes
with Path("runs/photos/label_issues.csv").open(encoding="utf-8", newline="") as table:
    for row in csv.DictReader(table):
        now = Path("photos") / row["path"]
        right = now.parent.with_name(row["label"]) / now.name
        if now.exists() and not right.exists():  # a row left as it was names the folder it lies in
            now.rename(right)
