// Questions with 2 to 5 candidate answers each, padded to 5 for one batch: `lengths` says how many count. A question without
// candidates gets zeros rather than NaN.

import { softmax } from "softmax-wasm";

const PAD = NaN; // whatever lies in the padding does not matter
const scores = new Float32Array([
  ...[2.1, 0.3, PAD, PAD, PAD],
  ...[0.5, 0.5, 3.2, -1, 0.1],
  ...[PAD, PAD, PAD, PAD, PAD],
  ...[7, 6.5, 7.5, PAD, PAD],
]);
const lengths = new Uint32Array([2, 5, 0, 3]);
const cols = 5;

const probabilities = softmax(scores, { cols, lengths, empty: "zero" });

for (const [row, length] of lengths.entries()) {
  const percents = Array.from(probabilities.subarray(row * cols, (row + 1) * cols), (p) => `${Math.round(100 * p)} %`);
  console.log(`${length} candidates: ${percents.map((percent) => percent.padStart(5)).join(" ")}`);
}
