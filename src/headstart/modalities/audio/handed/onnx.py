"""Predict without headstart: pip install onnxruntime soundfile soxr; python predict.py SOUND..."""

import json
import sys
from pathlib import Path

import numpy as np
import onnxruntime
import soundfile
import soxr

session = onnxruntime.InferenceSession(Path(__file__).with_name("model.onnx"))
about = session.get_modelmeta().custom_metadata_map
classes, look = json.loads(about["classes"]), json.loads(about["look"])
looks = look.get("looks", [look])
rate, longest = looks[0]["rate"], min(one["seconds"] for one in looks)


def prepare(path):
    samples, recorded_at = soundfile.read(path, dtype="float32", always_2d=True)
    wave = samples.mean(axis=1)
    wave = wave if recorded_at == rate else soxr.resample(wave, recorded_at, rate)
    return np.array_split(wave, -(-len(wave) // int(longest * rate)))


for path in sys.argv[1:]:
    parts = [session.run(["probabilities"], {"wave": part})[0] for part in prepare(path)]
    p = np.mean(parts, axis=0)
    print(json.dumps({"path": path, **dict(zip(classes, p.tolist(), strict=True))}))
