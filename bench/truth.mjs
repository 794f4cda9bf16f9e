// The right answer, in float64, and how far an answer is from it. Nothing that is wrong gets timed.

/** Terms smaller than this beside the largest of their row may be given as 0 (DESIGN.md, "Numbers"). */
const NEGLIGIBLE = 2 ** -125;

/** A relative error of a probability that no rounding explains; so is an absolute one of its logarithm. */
const WRONG = 1e-3;

const double = new Float64Array(1);
const doubleBits = new Uint32Array(double.buffer);

/** How many bits the fraction of a number has, and the least exponent of a normal one. */
const FLOAT32 = { fractionBits: 23, leastExponent: -126 };

/** The distance between neighbouring numbers of a format at `value` ≥ 0. */
export function spacing(value, { fractionBits, leastExponent } = FLOAT32) {
  double[0] = value;
  const exponent = Math.max((doubleBits[1] >>> 20) - 1023, leastExponent);
  return 2 ** (exponent - fractionBits);
}

/** Where a row of the problem starts; its elements are `inner` apart. */
const startOf = ({ cols, inner }, row) => Math.floor(row / inner) * cols * inner + (row % inner);

/** Calls `visit` with where each row starts and ends, and how far apart its elements are. */
export function eachRow(problem, visit) {
  const { rows, cols, inner } = problem;
  for (let row = 0; row < rows; row++) {
    const start = startOf(problem, row);
    visit(start, start + cols * inner, inner);
  }
}

/** The answer to a problem (shapes.mjs) in doubles; for softmax with the value below which a row's outputs may be given as 0. */
export function truthOf(problem, input) {
  const { operation, rows, cols, inner } = problem;
  const values = new Float64Array(operation === "logSumExp" ? rows : rows * cols);
  const negligible = new Float64Array(rows);
  for (let row = 0; row < rows; row++) {
    const start = startOf(problem, row);
    const end = start + cols * inner;
    let largest = start;
    for (let i = start; i < end; i += inner) if (input[i] > input[largest]) largest = i;
    const max = input[largest];
    let rest = 0; // of the sum, whose largest term is 1
    for (let i = start; i < end; i += inner) {
      const term = Math.exp(input[i] - max);
      if (i !== largest) rest += term;
      if (operation === "softmax") values[i] = term;
    }
    const sum = Math.exp(max - max) + rest;
    const log = Math.log1p(rest);
    if (operation === "logSumExp") values[row] = max + log;
    else if (operation === "logSoftmax") for (let i = start; i < end; i += inner) values[i] = input[i] - max - log;
    else for (let i = start; i < end; i += inner) values[i] /= sum;
    negligible[row] = NEGLIGIBLE / sum;
  }
  return { problem, values, negligible };
}

/** How far an answer is from the truth: `{ maxUlp, … }`, the worst output in units in its last place; or `{ wrong }`. */
export function judge(truth, output, format) {
  const { problem, values } = truth;
  if (output.length !== values.length) return { wrong: `${output.length} outputs in place of ${values.length}` };
  return problem.operation === "softmax" ? judgeProbabilities(truth, output, format) : judgeLogarithms(truth, output);
}

/** `rowSum`: the worst |sum of a row − 1|. */
function judgeProbabilities({ problem, values, negligible }, output, format) {
  const { rows, cols, inner } = problem;
  let maxUlp = 0;
  let rowSum = 0;
  for (let row = 0; row < rows; row++) {
    const least = negligible[row];
    const start = startOf(problem, row);
    let sum = 0;
    for (let i = start; i < start + cols * inner; i += inner) {
      const right = values[i];
      const given = output[i];
      sum += given;
      const error = Math.abs(given - right);
      if (right >= least) {
        const ulp = error / spacing(right, format);
        if (ulp > maxUlp) maxUlp = ulp;
        if (error <= WRONG * right || ulp <= 1) continue;
      } else if (given >= 0 && error <= least) continue;
      else if (Number.isNaN(right) && Number.isNaN(given)) continue;
      return { wrong: `row ${row}, column ${(i - start) / inner}: ${given} in place of ${right}` };
    }
    const off = Math.abs(sum - 1);
    if (off > rowSum) rowSum = off;
  }
  return { maxUlp, rowSum };
}

/** `maxError`: the worst absolute error. Where a logarithm is near 0, it may be small though the error in ULP is not. */
function judgeLogarithms({ values }, output) {
  let maxUlp = 0;
  let maxError = 0;
  for (let i = 0; i < values.length; i++) {
    const right = values[i];
    const given = output[i];
    if (Object.is(given, right)) continue;
    const error = Math.abs(given - right);
    if (!(error <= WRONG)) return { wrong: `output ${i}: ${given} in place of ${right}` };
    const ulp = error / spacing(Math.abs(right));
    if (ulp > maxUlp) maxUlp = ulp;
    if (error > maxError) maxError = error;
  }
  return { maxUlp, maxError };
}
