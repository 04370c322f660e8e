"""Predict without headstart: pip install timm pillow; python predict.py PHOTO..."""

import json
import sys
from pathlib import Path

import timm
import torch
from PIL import Image, ImageOps
from timm.data import create_transform, resolve_model_data_config

here = Path(__file__).parent
model = timm.create_model(f"local-dir:{here}", pretrained=True).eval()
classes = json.loads((here / "config.json").read_text("utf-8"))["label_names"]
prepare = create_transform(**resolve_model_data_config(model))

for path in sys.argv[1:]:
    image = ImageOps.exif_transpose(Image.open(path)).convert("RGB")
    with torch.inference_mode():
        p = model(prepare(image)[None]).softmax(1)[0]
    print(json.dumps({"path": path, **dict(zip(classes, p.tolist(), strict=True))}))
