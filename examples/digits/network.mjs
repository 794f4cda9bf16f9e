// The network: 784 pixels → 64 hidden units with ReLU → 10 logits. All its parameters are one Float32Array,
// and weights.bin is that array, little endian.
import { readFileSync, writeFileSync } from "node:fs";
import { CLASSES, PIXELS } from "./data.mjs";

const HIDDEN = 64;
const PARAMETERS = (PIXELS + 1) * HIDDEN + (HIDDEN + 1) * CLASSES;

const WEIGHTS_FILE = new URL("weights.bin", import.meta.url);

export function networkOf(parameters = new Float32Array(PARAMETERS)) {
  const hidden = layerOf(parameters, 0, PIXELS, HIDDEN);
  const output = layerOf(parameters, (PIXELS + 1) * HIDDEN, HIDDEN, CLASSES);
  return { parameters, hidden, output };
}

export function trainedNetwork() {
  return networkOf(new Float32Array(Uint8Array.from(readFileSync(WEIGHTS_FILE)).buffer));
}

export function save(network) {
  writeFileSync(WEIGHTS_FILE, new Uint8Array(network.parameters.buffer));
}

/** A row of weights for each input, then the biases: views into `parameters`. */
function layerOf(parameters, start, inputs, outputs) {
  const end = start + inputs * outputs;
  const weights = parameters.subarray(start, end);
  const biases = parameters.subarray(end, end + outputs);
  return { inputs, outputs, weights, biases };
}

/** The logits of each picture, ten a row, and the hidden units they came from. */
export function forward(network, pixels) {
  const hidden = product(pixels, network.hidden);
  for (let i = 0; i < hidden.length; i++) hidden[i] = Math.max(0, hidden[i]);
  return { hidden, logits: product(hidden, network.output) };
}

/** rows × weights + biases: the plain matrix product. Paper and silent units are zeros, and skipped. */
function product(rows, { inputs, outputs, weights, biases }) {
  const count = rows.length / inputs;
  const result = new Float32Array(count * outputs);
  for (let row = 0; row < count; row++) {
    const target = result.subarray(row * outputs, (row + 1) * outputs);
    target.set(biases);
    for (let i = 0; i < inputs; i++) {
      const value = rows[row * inputs + i];
      if (value === 0) continue;
      for (let o = 0; o < outputs; o++) target[o] += value * weights[i * outputs + o];
    }
  }
  return result;
}

export function largestOf(row) {
  return row.reduce((best, value, i) => (value > row[best] ? i : best), 0);
}
