// Predict in a browser: npm install onnxruntime-web, and serve its folder dist/ as ort/ beside.
import * as ort from "./ort/ort.wasm.min.mjs";

ort.env.wasm.numThreads = 1; // more need the headers COOP and COEP
const { about } = await (await fetch("export.json")).json();
const classes = JSON.parse(about.classes);
const session = await ort.InferenceSession.create("model.onnx");

export async function predict(blob) {
  // Turned upright as its EXIF says, which is the default; colours as they are in the file.
  const bitmap = await createImageBitmap(blob, { colorSpaceConversion: "none" });
  const { width, height } = bitmap;
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.fillStyle = "white";
  context.fillRect(0, 0, width, height);
  context.drawImage(bitmap, 0, 0);
  const rgba = context.getImageData(0, 0, width, height).data;
  const rgb = new Uint8Array(width * height * 3);
  for (let from = 0, to = 0; to < rgb.length; from += 4, to += 3) {
    rgb[to] = rgba[from];
    rgb[to + 1] = rgba[from + 1];
    rgb[to + 2] = rgba[from + 2];
  }
  const image = new ort.Tensor("uint8", rgb, [height, width, 3]);
  const { probabilities } = await session.run({ image });
  return Object.fromEntries(classes.map((name, k) => [name, probabilities.data[k]]));
}
