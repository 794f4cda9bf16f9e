// The loop people write: three passes over typed arrays with Math.exp, into an array that is given.

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

export default [
  {
    name: "plain loop",
    includes: "one call for the whole batch, output given",
    prepare(rows, cols, input) {
      const out = new Float32Array(input.length);
      return { run: () => softmax(input, out, rows, cols), output: () => out, dispose() {} };
    },
  },
];
