// The right answer, in float64, and how far an answer is from it. Nothing that is wrong gets timed.

/** Terms smaller than this beside the largest of their row may be given as 0 (DESIGN.md, "Numbers"). */
const NEGLIGIBLE = 2 ** -125;

/** A relative error that no rounding explains. */
const WRONG = 1e-3;

const double = new Float64Array(1);
const doubleBits = new Uint32Array(double.buffer);

/** The distance between neighbouring float32 numbers at `value` ≥ 0. */
export function spacing(value) {
  double[0] = value;
  const exponent = Math.max((doubleBits[1] >>> 20) - 1023, -126);
  return 2 ** (exponent - 23);
}

/** Softmax in doubles, with the value below which a row's outputs may be given as 0. */
export function truthOf(input, rows, cols) {
  const values = new Float64Array(rows * cols);
  const negligible = new Float64Array(rows);
  for (let row = 0; row < rows; row++) {
    const start = row * cols;
    const end = start + cols;
    let max = -Infinity;
    for (let i = start; i < end; i++) max = Math.max(max, input[i]);
    let sum = 0;
    for (let i = start; i < end; i++) {
      values[i] = Math.exp(input[i] - max);
      sum += values[i];
    }
    for (let i = start; i < end; i++) values[i] /= sum;
    negligible[row] = NEGLIGIBLE / sum;
  }
  return { rows, cols, values, negligible };
}

/** `{ maxUlp, rowSum }`: the worst output, in units in its last place, and the worst |sum of a row − 1|; or `{ wrong }`. */
export function judge({ rows, cols, values, negligible }, output) {
  if (output.length !== values.length) return { wrong: `${output.length} outputs in place of ${values.length}` };
  let maxUlp = 0;
  let rowSum = 0;
  for (let row = 0; row < rows; row++) {
    const least = negligible[row];
    let sum = 0;
    for (let i = row * cols; i < (row + 1) * cols; i++) {
      const right = values[i];
      const given = output[i];
      sum += given;
      const error = Math.abs(given - right);
      if (right >= least) {
        const ulp = error / spacing(right);
        if (ulp > maxUlp) maxUlp = ulp;
        if (error <= WRONG * right || ulp <= 1) continue;
      } else if (given >= 0 && error <= least) continue;
      else if (Number.isNaN(right) && Number.isNaN(given)) continue;
      return { wrong: `row ${row}, column ${i % cols}: ${given} in place of ${right}` };
    }
    const off = Math.abs(sum - 1);
    if (off > rowSum) rowSum = off;
  }
  return { maxUlp, rowSum };
}
