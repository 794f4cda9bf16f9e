// The loop people write in plain JavaScript, and its time beside the library's: rounds by turns after a warm-up, and
// outputs allocated before.
import { softmax } from "softmax-wasm";
import { CLASSES } from "./data.mjs";

const WARM_UP = 10;
const ROUNDS = 51;

function plainSoftmax(logits, cols, out) {
  for (let start = 0; start < logits.length; start += cols) {
    const end = start + cols;
    let max = -Infinity;
    for (let i = start; i < end; i++) max = Math.max(max, logits[i]);
    let sum = 0;
    for (let i = start; i < end; i++) {
      const exponential = Math.exp(logits[i] - max);
      out[i] = exponential;
      sum += exponential;
    }
    for (let i = start; i < end; i++) out[i] /= sum;
  }
}

/** The milliseconds that each takes for these logits, ten a row, and the largest difference between their results. */
export function compare(logits) {
  const ours = new Float32Array(logits.length);
  const plain = new Float32Array(logits.length);
  const times = { ours: [], plain: [] };
  for (let round = 0; round < WARM_UP + ROUNDS; round++) {
    times.ours.push(timeOf(() => softmax(logits, { cols: CLASSES, out: ours })));
    times.plain.push(timeOf(() => plainSoftmax(logits, CLASSES, plain)));
  }
  const difference = ours.reduce((largest, value, i) => Math.max(largest, Math.abs(value - plain[i])), 0);
  return { ours: typical(times.ours), plain: typical(times.plain), difference, rounds: ROUNDS };
}

function timeOf(work) {
  const start = performance.now();
  work();
  return performance.now() - start;
}

/** The median of the rounds after the warm-up. */
function typical(times) {
  return times.slice(WARM_UP).sort((a, b) => a - b)[ROUNDS >> 1];
}
