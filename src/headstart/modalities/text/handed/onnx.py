"""Predict without headstart: pip install onnxruntime tokenizers numpy; python predict.py TEXT..."""

import json
import sys
from pathlib import Path

import numpy as np
import onnxruntime
from tokenizers import Tokenizer

here = Path(__file__).parent
session = onnxruntime.InferenceSession(here / "model.onnx")
about = session.get_modelmeta().custom_metadata_map
classes, look = json.loads(about["classes"]), json.loads(about["look"])
tokenizer = Tokenizer.from_file(str(here / "tokenizer.json"))
tokenizer.no_padding()
tokenizer.enable_truncation(look["window"])


def prepare(text):
    whole = tokenizer.encode(look["prefix"] + text[: 16 * look["window"] * look["most"]])
    windows = [whole.ids, *(more.ids for more in whole.overflowing)][: look["most"]]
    tokens = np.full((len(windows), max(map(len, windows))), look["pad"], np.int32)
    for row, ids in zip(tokens, windows, strict=True):
        row[: len(ids)] = ids
    return tokens


for text in sys.argv[1:]:
    (p,) = session.run(["probabilities"], {"tokens": prepare(text)})
    print(json.dumps({"text": text, **dict(zip(classes, p.tolist(), strict=True))}))
