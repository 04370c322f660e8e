"""Predict without headstart: pip install onnxruntime numpy; python predict.py TABLE.csv"""

import csv
import json
import sys
from pathlib import Path

import numpy as np
import onnxruntime

session = onnxruntime.InferenceSession(Path(__file__).with_name("model.onnx"))
about = session.get_modelmeta().custom_metadata_map
classes, look = json.loads(about["classes"]), json.loads(about["look"])

with Path(sys.argv[1]).open(encoding="utf-8", newline="") as table:
    for number, line in enumerate(csv.DictReader(table), start=1):
        row = np.array([line[name] for name in look["columns"]], np.float64)
        (p,) = session.run(["probabilities"], {"row": row})
        print(json.dumps({"row": number, **dict(zip(classes, p.tolist(), strict=True))}))
