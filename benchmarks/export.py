"""Exported models beside their run: how far their answers are, and how large they are.

    python benchmarks/export.py RUN PHOTOS [--forms onnx,openvino,torch,timm] [--web DIST]
    python benchmarks/export.py RUN PHOTOS --forms onnx-int8

RUN was trained on images, PHOTOS is a folder of them; photos it was not trained on say more. DIST
is the folder ``dist`` of the npm package onnxruntime-web: with it, the exported page runs in a real
Chromium, on photos of which five are given a colour profile and five an EXIF turn.
"""

from __future__ import annotations

import argparse
import base64
import functools
import io
import shutil
import tempfile
import threading
import time
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
from PIL import Image, ImageCms

import headstart as hs
from headstart.exports.handover import Exported

CHANGED = 5
"""Photos with a colour profile, and as many with an EXIF turn."""
ROTATED = 6  # EXIF: the top of the picture lies on the right
PREDICT = """async data => {
  const bytes = Uint8Array.from(atob(data), c => c.charCodeAt(0));
  const { predict } = await import("./predict.mjs");
  const start = performance.now();
  const found = await predict(new Blob([bytes]));
  return [Object.values(found), performance.now() - start];
}"""


class Quiet(SimpleHTTPRequestHandler):
    """Serves files and says nothing."""

    extensions_map = {**SimpleHTTPRequestHandler.extensions_map, ".mjs": "text/javascript"}  # noqa: RUF012

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def photos(folder: Path, n: int) -> list[bytes]:
    """Take photos evenly, the first of them with a colour profile, the next with an EXIF turn."""
    files = sorted(p for p in folder.rglob("*") if p.suffix.lower() in (".jpg", ".jpeg"))
    chosen = [files[i] for i in np.linspace(0, len(files) - 1, min(n, len(files))).astype(int)]
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    given = []
    for k, path in enumerate(chosen):
        if k >= 2 * CHANGED:
            given.append(path.read_bytes())
            continue
        image, exif = Image.open(path).convert("RGB"), Image.Exif()
        if k >= CHANGED:
            exif[0x0112] = ROTATED
        out = io.BytesIO()
        kept = {"icc_profile": profile} if k < CHANGED else {}
        image.save(out, "JPEG", quality=92, exif=exif, **kept)
        given.append(out.getvalue())
    return given


def in_chromium(folder: Path, dist: Path, given: list[bytes]) -> tuple[np.ndarray, float]:
    """Answer by the exported page: probabilities (n, K), and the median milliseconds of one."""
    from playwright.sync_api import sync_playwright

    with tempfile.TemporaryDirectory() as scratch:
        shutil.copytree(folder, Path(scratch) / "page")
        shutil.copytree(dist, Path(scratch) / "page" / "ort")
        handler = functools.partial(Quiet, directory=Path(scratch) / "page")
        server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(
                executable_path=shutil.which("chromium"),
                args=["--no-sandbox", "--disable-background-networking"],
            )
            page = browser.new_page()
            page.set_default_timeout(120_000)
            page.goto(f"http://127.0.0.1:{server.server_port}/index.html")
            found = [page.evaluate(PREDICT, base64.b64encode(data).decode()) for data in given]
            browser.close()
        server.shutdown()
    return np.array([p for p, _ms in found]), float(np.median([ms for _p, ms in found]))


def row(form: str, done: Exported, seconds: float) -> str:
    """Return a row of the table."""
    core = "" if done.parity.core is None else f"{done.parity.core:.1e}"
    figures = f"{done.parity.p99:.1e} | {done.parity.largest:.1e} | {done.parity.labels:.1%}"
    return f"| {form} | {core} | {figures} | {done.bytes / 1e6:.1f} | {seconds:.0f} |"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("photos", type=Path)
    parser.add_argument("--forms", default="onnx,openvino,torch,timm")
    parser.add_argument("--web", type=Path)
    parser.add_argument("--n", type=int, default=50)
    asked = parser.parse_args()
    run = hs.load(asked.run)
    print("| Form | core | 99 % | largest | same labels | MB | s |\n|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as scratch:
        for form in asked.forms.split(","):
            start = time.perf_counter()
            done = hs.export(run, Path(scratch) / form, format=form, examples=asked.photos)
            print(row(form, done, time.perf_counter() - start), flush=True)
            if done.int8 is not None:
                print(done.int8)
        if asked.web is not None:
            given = photos(asked.photos, asked.n)
            there, took = in_chromium(Path(scratch) / "onnx", asked.web, given)
            told = [list((p.probabilities or {}).values()) for p in run.predict(given)]
            off = np.abs(there - np.array(told)).max(axis=1)
            same = (there.argmax(1) == np.array(told).argmax(1)).mean()
            figures = f"{np.quantile(off, 0.99):.1e} | {off.max():.1e} | {same:.1%}"
            print(f"| Chromium, {len(given)} photos | | {figures} | | {took:.0f} ms each |")


if __name__ == "__main__":
    main()
