// The reference, in doubles: the formulas as they are written, each output rounded once to float32. It is also the back end
// that runs where WebAssembly does not (fallback.ts). Equation 3.11 with C' = −max(x):  y_i = exp(x_i − max) / Σ exp(x_j − max)

const { LOG2E } = Math;

/** Below this distance from the maximum, a term is smaller than 2^−125 and counts as 0, as it does in the kernel. */
const LOWEST = -86.644;

/** At this number, one unit in the last place of a double is 1: adding and subtracting it rounds to an integer. */
const TO_INTEGER = 1.5 * 2 ** 52;

/** The same where terms are only added up: long rows may have many that show together. */
const LOWEST_SUMMAND = -190 / LOG2E;

/** 2^−n. */
const NEGATIVE_POWERS = Float64Array.from({ length: 192 }, (_, n) => 2 ** -n);

/**
 * exp(d) for d ≤ 0, to 2^−28.9: at most a fifteenth of what rounding to float32 does. Half the time of Math.exp.
 * exp(d) = 2^n·2^f, |f| ≤ ½; the polynomial is our own minimax fit, exactly 1 at 0.
 */
function expOf(d: number, lowest: number): number {
  if (d < lowest) return 0;
  const x = d * LOG2E;
  const n = x + TO_INTEGER - TO_INTEGER;
  const f = x - n;
  const power = NEGATIVE_POWERS[-n | 0]!; // |0: a NaN finds a number here, and stays NaN through f
  const cubic =
    0.05550332471042334 + f * (0.009618437357649562 + f * (0.001339887445228043 + f * 0.00015353361993071223));
  return power * (1 + f * (0.6931472028550945 + f * (0.24022647913627435 + f * cubic)));
}

// One row, from `start` to `end`; `out` may be `input`. Each is a function of its own, without a loop over rows around its loops: V8 may
// enter such a loop in the middle, and then falls back to baseline code each time it ends, at six times the time.

/**
 * exp(x − max) / Σ exp(x − max); `exps` has room for a row. Rows have an element, hence do … while: a fifth less time than `for` at 100
 * columns (Node 22 to 26).
 */
export function softmax(input: Float32Array, out: Float32Array, start: number, end: number, exps: Float64Array): void {
  let max = -Infinity;
  let i = start;
  do {
    const x = input[i]!;
    if (x > max) max = x;
  } while (++i < end);

  let sum = 0;
  let k = 0;
  i = start;
  do {
    const e = expOf(input[i]! - max, LOWEST);
    exps[k++] = e;
    sum += e;
  } while (++i < end);

  const scale = 1 / sum;
  k = 0;
  i = start;
  do out[i] = exps[k++]! * scale;
  while (++i < end);
}

/** The same of two elements, bit for bit: one exponential, as that of the larger is 1, and no branch on which one that is. */
export function softmaxOfTwo(input: Float32Array, out: Float32Array, start: number, exps: Float64Array): void {
  const distance = input[start + 1]! - input[start]!;
  if (!(Math.abs(distance) < Infinity)) {
    softmax(input, out, start, start + 2, exps);
    return;
  }
  const e = expOf(-Math.abs(distance), LOWEST);
  const scale = 1 / (1 + e);
  const larger = Number(distance > 0);
  out[start + larger] = scale;
  out[start + 1 - larger] = e * scale;
}

/** The same of three, bit for bit: where the first maximum is, without a branch that half of all rows would take. */
export function softmaxOfThree(input: Float32Array, out: Float32Array, start: number): void {
  const a = input[start]!;
  const b = input[start + 1]!;
  const c = input[start + 2]!;
  const second = Number(b > a);
  const third = Number(c > input[start + second]!);
  const max = input[start + second + third * (2 - second)]!;

  const expA = expOf(a - max, LOWEST);
  const expB = expOf(b - max, LOWEST);
  const expC = expOf(c - max, LOWEST);
  const scale = 1 / (expA + expB + expC);
  out[start] = expA * scale;
  out[start + 1] = expB * scale;
  out[start + 2] = expC * scale;
}

/**
 * Σ exp(x − max) − 1 of a row whose maximum is known: how often that occurs beyond the first time, and the sum of the smaller terms,
 * which keeps what is tiny beside 1.
 */
function sumAboveOne(input: Float32Array, start: number, end: number, max: number): number {
  let repeats = -1;
  let rest = 0;
  for (let i = start; i < end; i++) {
    const d = input[i]! - max;
    if (d === 0) repeats++;
    else rest += expOf(d, LOWEST_SUMMAND);
  }
  return repeats + rest;
}

/** The largest element, −∞ for none; a NaN does not count. */
function maxOf(input: Float32Array, start: number, end: number): number {
  let max = -Infinity;
  for (let i = start; i < end; i++) if (input[i]! > max) max = input[i]!;
  return max;
}

/** x − max − log Σ exp(x − max), the last as log1p of what the sum is above 1. */
export function logSoftmax(row: Float32Array, start: number, end: number): void {
  const max = maxOf(row, start, end);
  const log = Math.log1p(sumAboveOne(row, start, end, max));
  for (let i = start; i < end; i++) row[i] = row[i]! - max - log;
}

/** max + log Σ exp(x − max). */
export function logSumExp(input: Float32Array, start: number, end: number): number {
  const max = extremeOf(input, start, end);
  return Math.abs(max) < Infinity ? max + Math.log1p(sumAboveOne(input, start, end, max)) : max;
}

/** The maximum, but NaN where that is infinite and there is a NaN beside it. */
function extremeOf(input: Float32Array, start: number, end: number): number {
  const max = maxOf(input, start, end);
  if (Math.abs(max) === Infinity) for (let i = start; i < end; i++) if (Number.isNaN(input[i]!)) return NaN;
  return max;
}

/** The maximum, never −0, and Σ exp(x − max): 0 for one of only −∞, 1 for one with +∞. */
export function statistics(input: Float32Array, start: number, end: number): { max: number; sum: number } {
  const max = extremeOf(input, start, end);
  if (Math.abs(max) === Infinity) return { max, sum: max < 0 ? 0 : 1 };
  return { max: max + 0, sum: 1 + sumAboveOne(input, start, end, max) };
}

/** exp(x − max) / sum; NaN where a +∞ is the maximum, be it in this part of the row or not. */
export function softmaxFrom(row: Float32Array, start: number, end: number, max: number, sum: number): void {
  const divisor = max === Infinity ? NaN : sum;
  for (let i = start; i < end; i++) row[i] = expOf(row[i]! - max, LOWEST) / divisor;
}

/** dx = p·(g − Σ p·g), in place of the probabilities p. */
export function softmaxBackward(row: Float32Array, grad: Float32Array, start: number, end: number): void {
  let sum = 0;
  for (let i = start; i < end; i++) sum += row[i]! * grad[i]!;
  for (let i = start; i < end; i++) row[i] = row[i]! * (grad[i]! - sum);
}

/** dx = g − e^l·Σ g, in place of the log-probabilities l. */
export function logSoftmaxBackward(row: Float32Array, grad: Float32Array, start: number, end: number): void {
  let sum = 0;
  for (let i = start; i < end; i++) sum += grad[i]!;
  for (let i = start; i < end; i++) row[i] = grad[i]! - Math.exp(row[i]!) * sum;
}
