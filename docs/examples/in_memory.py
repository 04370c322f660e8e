"""What a program holds: pictures, arrays of pixels, bytes of files; no file has to be written."""

from pathlib import Path

import numpy as np
from PIL import Image

import headstart as hs

run = hs.load("runs/photos")
file = Path("photos/disc/disc1.png")
photo = Image.open(file)
for answer in run.predict([photo, np.asarray(photo), file.read_bytes()]):
    print(answer.path, answer.predicted, answer.confidence)  # image 1, image 2, image 3
