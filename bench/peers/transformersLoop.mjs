// What the softmax helper of transformers.js does (src/utils/maths.js of @huggingface/transformers, Apache-2.0): find the
// maximum, map to exponentials, reduce to their sum, map to quotients. Restated here, since the package itself brings two
// ONNX runtimes and an image library along.

function softmax(row) {
  let max = row[0];
  for (let i = 1; i < row.length; i++) if (row[i] > max) max = row[i];
  const exponentials = row.map((x) => Math.exp(x - max));
  const sum = exponentials.reduce((total, x) => total + x, 0);
  return exponentials.map((x) => x / sum);
}

export default [
  {
    name: "transformers.js loop",
    includes:
      "one call of the helper per row, on a view of the row; each result is a new array and is dropped, not gathered",
    prepare(rows, cols, input) {
      const rowAt = (row) => softmax(input.subarray(row * cols, (row + 1) * cols));
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
