"""Predict without headstart: pip install openvino pillow numpy; python predict.py PHOTO..."""

import json
import math
import sys
from pathlib import Path

import numpy as np
import openvino
from PIL import Image, ImageOps

model = openvino.Core().read_model(Path(__file__).with_name("model.xml"))
about = model.get_rt_info()["headstart"]
classes, look = (json.loads(about[name].value) for name in ("classes", "look"))
compiled = openvino.compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})


def prepare(path):
    image = Image.open(path)
    if image.format == "JPEG" and min(image.size) >= 4 * look["resize"]:
        image.draft(image.mode, (2 * look["resize"], 2 * look["resize"]))  # large: read in halves
    image = ImageOps.exif_transpose(image)
    if "A" in image.getbands() or "transparency" in image.info:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return resize(image.convert("RGB"))


def resize(image):
    """Width first, then height: whatever the version of Pillow, the same pixels."""
    (width, height), size, side = image.size, look["size"], look["resize"]
    how = Image.Resampling[look["interpolation"].upper()]
    wide, high = (math.floor(side * n / min(width, height)) for n in (width, height))
    left, top = round((wide - size) / 2), round((high - size) / 2)
    across = (left * width / wide, 0, (left + size) * width / wide, height)
    down = (0, top * height / high, size, (top + size) * height / high)
    return np.array(image.resize((size, height), how, across).resize((size, size), how, down))


for path in sys.argv[1:]:
    p = compiled(prepare(path))["probabilities"]
    print(json.dumps({"path": path, **dict(zip(classes, p.tolist(), strict=True))}))
