// A vocabulary of 50,000 words whose logits lie in two places, half of each row in each. The two exchange two numbers per row; then each
// computes the probabilities of its half, as if it had seen the other.

import { mergeRowStats, rowStats, softmax, softmaxFromStats } from "softmax-wasm";

const [rows, cols, half] = [3, 50_000, 25_000];
const logits = Float32Array.from({ length: rows * cols }, (_, i) => 10 * Math.sin(i * i));

// Here both halves lie in one array, so that the result can be compared: rows of 25,000, one every 50,000.
const [left, right] = [logits.subarray(0, -half), logits.subarray(half)];
const layout = { cols: half, rowStride: cols };

const stats = mergeRowStats(rowStats(left, layout), rowStats(right, layout));
const parts = [left, right].map((part) => softmaxFromStats(part, stats, layout));

const whole = softmax(logits, { cols });
let farthest = 0;
for (let row = 0; row < rows; row++) {
  const sums = parts.map((part, side) => {
    let sum = 0;
    for (let i = 0; i < half; i++) {
      const p = part[row * half + i];
      farthest = Math.max(farthest, Math.abs(p / whole[row * cols + side * half + i] - 1));
      sum += p;
    }
    return sum.toFixed(4);
  });
  console.log(`row ${row}: left ${sums[0]} + right ${sums[1]} = 1`);
}
console.log(`each probability within a millionth of that of the whole row: ${farthest < 1e-6}`);
