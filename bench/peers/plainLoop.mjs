// The loops people write: two or three passes over typed arrays with Math.exp, into an array that is given.

import { answerLength } from "../shapes.mjs";

export function softmax(input, out, rows, cols) {
  for (let start = 0; start < rows * cols; start += cols) {
    const end = start + cols;
    let max = -Infinity;
    for (let i = start; i < end; i++) if (input[i] > max) max = input[i];
    let sum = 0;
    for (let i = start; i < end; i++) {
      const e = Math.exp(input[i] - max);
      out[i] = e;
      sum += e;
    }
    for (let i = start; i < end; i++) out[i] /= sum;
  }
}

function logSoftmax(input, out, rows, cols) {
  for (let start = 0; start < rows * cols; start += cols) {
    const end = start + cols;
    let max = -Infinity;
    for (let i = start; i < end; i++) if (input[i] > max) max = input[i];
    let sum = 0;
    for (let i = start; i < end; i++) sum += Math.exp(input[i] - max);
    const log = Math.log(sum);
    for (let i = start; i < end; i++) out[i] = input[i] - max - log;
  }
}

function logSumExp(input, out, rows, cols) {
  for (let row = 0; row < rows; row++) {
    const start = row * cols;
    const end = start + cols;
    let max = -Infinity;
    for (let i = start; i < end; i++) if (input[i] > max) max = input[i];
    let sum = 0;
    for (let i = start; i < end; i++) sum += Math.exp(input[i] - max);
    out[row] = max + Math.log(sum);
  }
}

/** Rows whose elements are `inner` apart, one after the other. */
function softmaxAlong(input, out, rows, cols, inner) {
  for (let row = 0; row < rows; row++) {
    const start = Math.floor(row / inner) * cols * inner + (row % inner);
    const end = start + cols * inner;
    let max = -Infinity;
    for (let i = start; i < end; i += inner) if (input[i] > max) max = input[i];
    let sum = 0;
    for (let i = start; i < end; i += inner) {
      const e = Math.exp(input[i] - max);
      out[i] = e;
      sum += e;
    }
    for (let i = start; i < end; i += inner) out[i] /= sum;
  }
}

const loops = { softmax, logSoftmax, logSumExp };

export default [
  {
    name: "plain loop",
    includes: "one call for the whole batch, output given; along another axis than the last, row by row with a stride",
    takes: ({ operation, inner }) => operation === "softmax" || inner === 1,
    prepare(problem, input) {
      const { operation, rows, cols, inner } = problem;
      const out = new Float32Array(answerLength(problem));
      const loop = inner === 1 ? loops[operation] : softmaxAlong;
      return { run: () => loop(input, out, rows, cols, inner), output: () => out, dispose() {} };
    },
  },
];
