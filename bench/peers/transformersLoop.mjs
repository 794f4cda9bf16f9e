// What the helpers softmax and log_softmax of transformers.js do (src/utils/maths.js of @huggingface/transformers, Apache-2.0):
// find the maximum, map to exponentials, reduce to their sum, map to quotients; or find the maximum, add up exponentials in a
// loop, map to differences. Restated here, since the package itself brings two ONNX runtimes and an image library along.

function maximum(row) {
  let max = row[0];
  for (let i = 1; i < row.length; i++) if (row[i] > max) max = row[i];
  return max;
}

function softmax(row) {
  const max = maximum(row);
  const exponentials = row.map((x) => Math.exp(x - max));
  const sum = exponentials.reduce((total, x) => total + x, 0);
  return exponentials.map((x) => x / sum);
}

function logSoftmax(row) {
  const max = maximum(row);
  let sum = 0;
  for (let i = 0; i < row.length; i++) sum += Math.exp(row[i] - max);
  const log = Math.log(sum);
  return row.map((x) => x - max - log);
}

const helpers = { softmax, logSoftmax };

export default [
  {
    name: "transformers.js loop",
    includes:
      "one call of the helper (softmax, log_softmax) per row, on a view of the row; each result is a new array and is dropped, not gathered",
    takes: ({ operation, inner }) => operation in helpers && inner === 1,
    prepare({ operation, rows, cols }, input) {
      const helper = helpers[operation];
      const rowAt = (row) => helper(input.subarray(row * cols, (row + 1) * cols));
      let last;
      return {
        run() {
          for (let row = 0; row < rows; row++) last = rowAt(row);
          return last;
        },
        output() {
          const out = new Float32Array(input.length);
          for (let row = 0; row < rows; row++) out.set(rowAt(row), row * cols);
          return out;
        },
        dispose() {},
      };
    },
  },
];
