"""Predict without headstart: pip install onnxruntime pillow numpy; python predict.py PHOTO..."""

import json
import sys
from pathlib import Path

import numpy as np
import onnxruntime
from PIL import Image, ImageOps

session = onnxruntime.InferenceSession(Path(__file__).with_name("model.onnx"))
about = session.get_modelmeta().custom_metadata_map
classes, look = json.loads(about["classes"]), json.loads(about["look"])


def prepare(path):
    image = Image.open(path)
    if image.format == "JPEG" and min(image.size) >= 4 * look["resize"]:
        image.draft(image.mode, (2 * look["resize"], 2 * look["resize"]))  # large: read in halves
    image = ImageOps.exif_transpose(image)
    if "A" in image.getbands() or "transparency" in image.info:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return np.array(image.convert("RGB"))


for path in sys.argv[1:]:
    (p,) = session.run(["probabilities"], {"image": prepare(path)})
    print(json.dumps({"path": path, **dict(zip(classes, p.tolist(), strict=True))}))
