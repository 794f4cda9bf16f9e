// The next word of a language model: its log-probabilities, at temperatures that make it bolder or more careful. The perplexity of a
// text comes from the same numbers.

import { logSoftmax, logSumExp } from "softmax-wasm";

const words = ["sleeps", "sits", "purrs", "flies"];
const logits = new Float32Array([3.2, 2.9, 2.4, -1.5]); // after "the cat"

// The same row at four temperatures: one for each row of a batch.
const temperature = new Float32Array([0.5, 1, 2, 0]);
const batch = new Float32Array(temperature.length * logits.length);
for (let row = 0; row < temperature.length; row++) batch.set(logits, row * logits.length);
const logProbabilities = logSoftmax(batch, { cols: words.length, temperature });

console.log("temperature", ...words.map((word) => word.padStart(8)));
for (const [row, t] of temperature.entries()) {
  const values = logProbabilities.subarray(row * words.length, (row + 1) * words.length);
  console.log(t.toFixed(1).padStart(11), ...Array.from(values, (value) => value.toFixed(3).padStart(8)));
}

// −log p of a word that came: log Σ exp(x) − x, without all the other words' log-probabilities.
const [total] = logSumExp(logits);
const surprise = total - logits[words.indexOf("purrs")];
console.log(`"purrs" costs ${surprise.toFixed(3)} nats: perplexity ${Math.exp(surprise).toFixed(2)}`);
