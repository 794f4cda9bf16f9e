// The true softmax, log-softmax and log-sum-exp of chosen rows → golden.json, which the tests measure the library by.
// `npm run golden` writes the file, `npm run golden -- --check` compares it. All results are BigInt fixed point: no
// float takes part, and nothing of the library, so that the two can not be wrong in the same way.
import { readFileSync, writeFileSync } from "node:fs";

// Arithmetic. A fixed-point number is a BigInt in units of 2⁻⁵¹²: enough that every float32 is exact, that e⁻¹⁰³ still
// has 360 bits, and that FLT_MAX can be reduced modulo ln 10 with 380 to spare.
const F = 512n;
const ONE = 1n << F;

/** z + z³/3 + z⁵/5 + …, for |z| ≤ 1/3 */
function atanh(z) {
  const square = (z * z) >> F;
  let sum = 0n;
  for (let power = z, k = 1n; power !== 0n; power = (power * square) >> F, k += 2n) sum += power / k;
  return sum;
}

const LN2 = 2n * atanh(ONE / 3n);
const LN10 = 3n * LN2 + 2n * atanh(ONE / 9n); // 10 = 2³ · 5/4

/** ln x, for x ≥ 1 */
function log(x) {
  let halvings = 0n;
  while (x >> halvings >= 2n * ONE) halvings++;
  const unit = ONE << halvings; // x/unit lies in [1, 2)
  return halvings * LN2 + 2n * atanh(((x - unit) << F) / (x + unit));
}

/** eˣ = mantissa · base^−scale for x ≤ 0, given ln base: the mantissa keeps all its bits however small eˣ is. */
function exp(x, lnBase) {
  const scale = (lnBase - 1n - x) / lnBase;
  const rest = x + scale * lnBase; // in [0, ln base)
  let mantissa = 0n;
  for (let term = ONE, k = 1n; term !== 0n; term = ((term * rest) >> F) / k++) mantissa += term;
  return { mantissa, scale };
}

/** x · 10^−scale to 20 significant digits, as text */
function decimal(x, scale = 0n) {
  const PLACES = 120;
  const magnitude = x < 0n ? -x : x;
  const digits = String((magnitude * 10n ** BigInt(PLACES)) >> F);
  if (digits === "0") return digits; // one column; or FLT_MAX, whose log-softmax beside −FLT_MAX no double can hold
  const rounded = String((BigInt(digits.slice(0, 21).padEnd(21, "0")) + 5n) / 10n);
  const exponent = BigInt(digits.length - PLACES + rounded.length - 21) - scale; // 9.99…9 rounds up to 21 digits
  const [, first, others] = rounded.match(/^(.)(.*?)0*$/);
  return `${x < 0n ? "-" : ""}${first}${others && "."}${others}e${exponent}`;
}

/** A float32, given by its bits, in fixed point: always exact */
function decode(bits) {
  const exponent = (bits >>> 23) & 0xff;
  const fraction = bits & 0x7fffff;
  const significand = BigInt(exponent === 0 ? fraction : fraction | 0x800000);
  const magnitude = significand << (F - 150n + BigInt(exponent || 1));
  return bits >>> 31 ? -magnitude : magnitude;
}

function solve(row) {
  let max = row[0];
  for (const x of row) if (x > max) max = x; // Math.max takes no BigInt
  const terms = row.map((x) => exp(x - max, LN2));
  const sum = terms.reduce((sum, { mantissa, scale }) => sum + (mantissa >> scale), 0n);
  const logSumExp = max + log(sum);
  const logs = row.map((x) => x - logSumExp);
  // Base 2 above and base 10 here: the probabilities come in digits at once, and that they add up to 1 proves both.
  const powers = logs.map((x) => exp(x, LN10));
  return {
    softmax: powers.map(({ mantissa, scale }) => decimal(mantissa, scale)),
    logSoftmax: logs.map((x) => decimal(x)),
    logSumExp: decimal(logSumExp),
  };
}

// Inputs. Floats may make them, as only +, −, × and rounding are used, which are the same on every machine.
let state = 0x50f73a80;

/** mulberry32: an integer below 2³² */
function random() {
  state = (state + 0x6d2b79f5) | 0;
  let hash = Math.imul(state ^ (state >>> 15), state | 1);
  hash ^= hash + Math.imul(hash ^ (hash >>> 7), hash | 61);
  return (hash ^ (hash >>> 14)) >>> 0;
}

const unit = () => random() * 2 ** -32;
const uniform = (low, high) => () => low + (high - low) * unit();
/** Twelve uniforms add up to a variance of 1; close enough to a normal, and without a logarithm. */
const normal = (mean, sd) => () => mean + sd * (Array.from({ length: 12 }, unit).reduce((a, b) => a + b) - 6);

const MAX = 2 ** 128 - 2 ** 104; // FLT_MAX
const WORKED = {
  "worked example, 5 to 9": [5, 7, 8, 7, 6, 8, 9],
  "worked example, -3 to 3": [-3, -2, -1, 0, 1, 2, 3],
  "worked example, 705 to 714": [705, 706, 707, 708, 709, 710, 711, 712, 713, 714],
  "largest nearly 1": [16.9, 0],
  "equal 0": [0, 0],
  "equal 5": [5, 5],
  "equal 1e8": [1e8, 1e8],
  "equal FLT_MAX": [MAX, MAX, MAX],
  "FLT_MAX and its negative": [MAX, -MAX],
  "one column": [-7.25],
  "one column, FLT_MAX": [MAX],
  "zeros of both signs": [0, -0],
  subnormals: [1e-40, -1e-40, 3e-40, 1e-45, 0],
  "log-sum-exp near 0": [-Math.LN2, -Math.LN2],
  "just normal": [0, -87.3],
  "just subnormal": [0, -87.4],
  subnormal: [0, -88],
  "smallest subnormal": [0, -103],
  "rounds to 0": [-104, 0, -200, -745],
};

const ALL_COLS = [1, 2, 3, 4, 5, 7, 8, 10, 16, 17, 33, 48, 49, 64, 100, 257];
const DRAWN = [
  ["normal(0, 1)", normal(0, 1), ALL_COLS],
  ["normal(0, 3)", normal(0, 3), [5, 10, 17, 64, 257, 4097]],
  ["normal(0, 10)", normal(0, 10), [3, 8, 33, 100, 1000]],
  ["uniform(-100, 0)", uniform(-100, 0), [2, 4, 16, 48, 257]],
  ["uniform(-20, 20)", uniform(-20, 20), [3, 7, 10, 49, 100, 1000]],
];
for (const mean of [100, -3000, 1e6, 255, 257, -255.9])
  for (const sd of [1, 3, 10]) DRAWN.push([`normal(${mean}, ${sd})`, normal(mean, sd), [7, 48]]);

/** The kernel takes another way from |maximum| = 256 on: rows whose maximum is that, one float32 less, and one more. */
function straddling(cols) {
  const maxima = [256 - 2 ** -16, 256, 256 + 2 ** -15];
  return [...maxima, ...maxima.map((max) => -max)].flatMap((max, row) =>
    Array.from({ length: cols }, (_, col) => (col === row % cols ? max : max - 12 * unit())),
  );
}

function golden(id, cols, inputs) {
  const bits = [...new Uint32Array(Float32Array.from(inputs).buffer)];
  const inputBits = bits.map((word) => word.toString(16).padStart(8, "0")).join("");
  const rows = bits.length / cols;
  const solved = Array.from({ length: rows }, (_, row) => solve(bits.slice(row * cols, (row + 1) * cols).map(decode)));
  const all = (name) => solved.flatMap((row) => row[name]);
  const [softmax, logSoftmax, logSumExp] = ["softmax", "logSoftmax", "logSumExp"].map(all);
  return { id, cols, rows, inputBits, softmax, logSoftmax, logSumExp };
}

const cases = Object.entries(WORKED).map(([id, row]) => golden(id, row.length, row));
for (const [id, draw, widths] of DRAWN)
  for (const cols of widths) {
    const rows = cols <= 32 ? 5 : 1; // the kernel takes short rows by fours: a full group and one left over
    cases.push(golden(`${id}, ${cols} columns`, cols, Array.from({ length: rows * cols }, draw)));
  }
for (const cols of [1, 2, 5, 10, 48]) cases.push(golden(`maximum at ±256, ${cols} columns`, cols, straddling(cols)));

const file = new URL("golden.json", import.meta.url);
const text = `[\n${cases.map((each) => JSON.stringify(each)).join(",\n")}\n]\n`; // a line per case, to keep diffs short
if (!process.argv.includes("--check")) writeFileSync(file, text);
else if (readFileSync(file, "utf8") !== text) {
  console.error("golden.json is not what generate.mjs makes. To write it anew: npm run golden");
  process.exit(1);
}
