"""A model for MLflow, which needs no headstart: onnxruntime, pillow and numpy alone.

``mlflow.pyfunc.load_model(FOLDER).predict(given)`` takes encoded pictures (JPEG, PNG...):
a table with a column ``image`` of bytes or of base64 text, or a list of those.
"""

import base64
import io
import json
from pathlib import Path

import numpy as np
import onnxruntime
from PIL import Image, ImageOps


def _load_pyfunc(data_path):
    return Model(Path(data_path))


class Model:
    def __init__(self, file):
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        self.session = onnxruntime.InferenceSession(
            str(file), options, providers=["CPUExecutionProvider"]
        )
        self.about = self.session.get_modelmeta().custom_metadata_map
        self.classes, self.look = json.loads(self.about["classes"]), json.loads(self.about["look"])

    def predict(self, model_input, params=None):
        """Answer: one table of probabilities by class, a list where pandas is not installed."""
        given = model_input["image"] if hasattr(model_input, "columns") else model_input
        rows = [self.answer(one) for one in given]
        try:
            import pandas
        except ImportError:
            return rows
        return pandas.DataFrame(rows)

    def answer(self, encoded):
        (p,) = self.session.run(["probabilities"], {"image": self.prepare(encoded)})
        best = int(p.argmax())
        by_class = {f"p:{name}": float(x) for name, x in zip(self.classes, p, strict=True)}
        return {"predicted": self.classes[best], "confidence": float(p[best]), **by_class}

    def prepare(self, encoded):
        data = base64.b64decode(encoded) if isinstance(encoded, str) else bytes(encoded)
        image = Image.open(io.BytesIO(data))
        if image.format == "JPEG" and min(image.size) >= 4 * self.look["resize"]:
            image.draft(image.mode, (2 * self.look["resize"], 2 * self.look["resize"]))
        image = ImageOps.exif_transpose(image)
        if "A" in image.getbands() or "transparency" in image.info:
            image = image.convert("RGBA")
            image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
        return np.array(image.convert("RGB"))
