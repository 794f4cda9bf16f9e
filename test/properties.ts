// What must hold between results, whatever the true values are. Each property is one function: it gets a case and someone to run it,
// and fails with the first element that breaks it.

import { mergeRowStats, type RowStats } from "softmax-wasm";
import { expect } from "vitest";
import {
  type Batch,
  batchOf,
  type Case,
  gradientOf,
  haveSameBits,
  isGradient,
  type Outcome,
  type Runner,
  type Second,
} from "./cases.js";
import type { OperationName } from "./oracle.js";
import { ulpAt } from "./ulp.js";

export interface Property {
  readonly title: string;
  readonly operations: readonly OperationName[];
  readonly elements: "tame" | "exact" | "wild";
  /** `bound`: how many ULP a result may be from the true value. */
  readonly check: (runner: Runner, given: Case, bound: number) => void;
}

const LOGITS = ["softmax", "logSoftmax", "logSumExp", "rowStats", "softmaxFromStats"] as const;
const GRADIENTS = ["softmaxBackward", "logSoftmaxBackward"] as const;
const EVERY = [...LOGITS, ...GRADIENTS] as const;

/** The other argument of a call on the whole batch. */
function secondOf(runner: Runner, given: Case, batch: Batch) {
  if (isGradient(given.operation)) return gradientOf(given);
  return given.operation === "softmaxFromStats" ? statsOf(runner, batch) : undefined;
}

function statsOf(runner: Runner, batch: Batch): RowStats {
  const { values, sums } = runner.run("rowStats", batch, { layout: "rows", path: "fresh" });
  return { max: values, sum: sums! };
}

function run(runner: Runner, given: Case, batch = batchOf(given)): Outcome {
  return runner.run(given.operation, batch, given, secondOf(runner, given, batch));
}

function sameBits(got: Outcome, want: Outcome, what: string): void {
  expect(got.values, what).toEqualBitForBit(want.values);
  for (const [row, sum] of (want.sums ?? []).entries())
    if (!Object.is(got.sums![row], sum)) expect.fail(`${what}, sum ${row}: got ${got.sums![row]}, want ${sum}`);
}

/** Two that are each as near to the truth as is promised. */
function near(operation: OperationName, got: number, want: number, bound: number): boolean {
  if (Object.is(got, want) || got === want) return true;
  const size = Math.max(Math.abs(got), Math.abs(want));
  if (!(size < Infinity)) return false;
  const isShare = operation === "softmax" || operation === "softmaxFromStats";
  if (isShare && size < 2 ** -124) return true; // what is below 2^−125 of the largest may be 0
  const least = operation === "logSumExp" ? 2 ** -21 : isGradient(operation) ? 2 ** -30 : 0;
  return Math.abs(got - want) <= Math.max(2 * bound * ulpAt(size), least);
}

function allNear(given: Case, got: Outcome, want: Outcome, bound: number, what: string): void {
  const { operation } = given;
  for (let i = 0; i < want.values.length; i++) {
    const isMaximum = operation === "rowStats"; // exact, but for rows with a NaN
    const x = got.values[i]!;
    const y = want.values[i]!;
    const isRight = isMaximum ? x === y || Number.isNaN(got.sums![i]) : near(operation, x, y, bound);
    if (!isRight) expect.fail(`${what}, element ${i}: got ${x}, not near ${y}`);
  }
  for (const [row, sum] of (want.sums ?? []).entries())
    if (!(Object.is(got.sums![row], sum) || Math.abs(got.sums![row]! - sum) <= sum * 2 ** -21))
      expect.fail(`${what}, sum ${row}: got ${got.sums![row]}, not near ${sum}`);
}

/** The same rows in two batches, of so many rows each. */
function asInBatch(
  given: Case,
  [rows, others]: readonly [rows: number, others: number],
  got: Outcome,
  want: Outcome,
  bound: number,
  what: string,
): void {
  if (haveSameBits(given, rows, others)) sameBits(got, want, what);
  else allNear(given, got, want, bound, what);
}

const rowsOf = ({ rows, cols, values }: Batch): Float32Array[] =>
  Array.from({ length: rows }, (_, row) => values.subarray(row * cols, (row + 1) * cols));

/** The same rows with their columns in another order, or with some of them only. */
function columns(batch: Batch, chosen: readonly number[]): Batch {
  const values = rowsOf(batch).flatMap((row) => chosen.map((col) => row[col]!));
  return { rows: batch.rows, cols: chosen.length, values: Float32Array.from(values) };
}

/** The result in those columns, if it has one for each element. */
function columnsOf(given: Case, { values, sums }: Outcome, chosen: readonly number[]): Outcome {
  if (sums !== undefined || given.operation === "logSumExp") return { values, ...(sums && { sums }) };
  return columns({ rows: given.rows, cols: given.cols, values }, chosen);
}

/** A permutation that `salt` decides. */
function shuffled(count: number, salt: number): number[] {
  const order = Array.from({ length: count }, (_, i) => i);
  for (let i = count - 1, state = salt; i > 0; i--) {
    state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff;
    const j = (state >>> 8) % (i + 1);
    [order[i], order[j]] = [order[j]!, order[i]!];
  }
  return order;
}

/** The columns that are kept: always one, never all if there are two. */
function kept({ cols, amount, salt }: Case): number[] {
  const order = shuffled(cols, salt).slice(0, 1 + (amount % Math.max(1, cols - 1)));
  return order.sort((a, b) => a - b);
}

const repeated = (values: Float32Array, times: number): Float32Array =>
  Float32Array.from({ length: times * values.length }, (_, i) => values[i % values.length]!);

const sumsRepeated = (sums: Float64Array, times: number): Float64Array =>
  Float64Array.from({ length: times * sums.length }, (_, i) => sums[i % sums.length]!);

function secondRepeated(second: Second, times: number): Second {
  if (second === undefined) return undefined;
  if (second instanceof Float32Array) return repeated(second, times);
  return { max: repeated(second.max, times), sum: sumsRepeated(second.sum, times) };
}

const outcomeRepeated = ({ values, sums }: Outcome, times: number): Outcome => ({
  values: repeated(values, times),
  ...(sums && { sums: sumsRepeated(sums, times) }),
});

const isOrdinary = (row: Float32Array) => row.every((x) => x < Infinity) && row.some((x) => x > -Infinity);

export const PROPERTIES: readonly Property[] = [
  {
    title: "range",
    operations: LOGITS,
    elements: "wild",
    check(runner, given, bound) {
      const batch = batchOf(given);
      const { values, sums } = run(runner, given);
      for (const [index, row] of rowsOf(batch).entries()) {
        const max = row.reduce((a, b) => Math.max(a, b), -Infinity);
        const result = values.subarray(index * given.cols, (index + 1) * given.cols);
        const value = values[index]!;
        if (given.operation === "rowStats") {
          if (!isOrdinary(row)) continue;
          expect(value).toBe(max + 0); // −0 counts as 0
          expect(sums![index]).toBeGreaterThanOrEqual(1 - 2 ** -22);
          expect(sums![index]).toBeLessThanOrEqual(given.cols * (1 + 2 ** -22));
        } else if (given.operation === "logSumExp") {
          if (!isOrdinary(row)) expect(value).toBe(max);
          else {
            const slack = Math.max(bound * ulpAt(Math.abs(max) + Math.log(given.cols)), 2 ** -22);
            expect(value).toBeGreaterThanOrEqual(max - slack);
            expect(value).toBeLessThanOrEqual(max + Math.log(given.cols) + slack);
          }
        } else if (!isOrdinary(row)) expect(result.every(Number.isNaN)).toBe(true);
        else if (given.operation === "logSoftmax") expect(result.every((y) => y <= 0)).toBe(true);
        else expect(result.every((y) => y >= 0 && y <= 1 + bound * 2 ** -24)).toBe(true);
      }
    },
  },
  {
    title: "probabilities add up to 1, gradients to nothing",
    operations: ["softmax", "logSoftmax", "softmaxFromStats", ...GRADIENTS],
    elements: "tame",
    check(runner, given, bound) {
      const { operation, cols } = given;
      const batch = batchOf(given);
      if (isGradient(operation)) {
        // Probabilities that are some: the gradient of their sum is 0.
        const forward = operation === "softmaxBackward" ? "softmax" : "logSoftmax";
        const logits = batchOf({ ...given, operation: forward });
        const out = { ...logits, values: runner.run(forward, logits, given).values };
        const { values } = runner.run(operation, out, given, gradientOf(given));
        for (const row of rowsOf({ ...batch, values }))
          expect(Math.abs(row.reduce((a, b) => a + b, 0))).toBeLessThan(cols * 2 ** -15);
        return;
      }
      for (const row of rowsOf({ ...batch, values: run(runner, given).values })) {
        const isLog = operation === "logSoftmax";
        const sum = row.reduce((a, y) => a + (isLog ? Math.exp(y) : y), 0);
        const slack = row.reduce((a, y) => a + (isLog ? Math.exp(y) * bound * ulpAt(y) : bound * ulpAt(y)), 2 ** -40);
        expect(Math.abs(sum - 1)).toBeLessThanOrEqual(slack);
      }
    },
  },
  {
    title: "order: the larger logit has the larger probability, equal ones have equal ones",
    operations: ["softmax", "logSoftmax", "softmaxFromStats"],
    elements: "tame",
    check(runner, given, bound) {
      const batch = batchOf(given);
      const { values } = run(runner, given);
      const results = rowsOf({ ...batch, values });
      for (const [index, row] of rowsOf(batch).entries()) {
        const result = results[index]!;
        const order = Array.from(row.keys()).sort((i, j) => row[i]! - row[j]!);
        for (const [k, i] of order.entries()) {
          if (k === 0) continue;
          const before = order[k - 1]!;
          if (row[before] === row[i]) expect(result[i]).toBe(result[before]);
          else expect(result[i]! - result[before]!).toBeGreaterThanOrEqual(-2 * bound * ulpAt(result[before]!));
        }
      }
    },
  },
  {
    title: "shift: a constant that can be added exactly changes nothing, or is added to log Σ",
    operations: LOGITS,
    elements: "exact",
    check(runner, given, bound) {
      const shift = (given.amount % 4001) - 2000;
      const batch = batchOf(given);
      const moved = { ...batch, values: batch.values.map((x) => x + shift) };
      const got = run(runner, given, moved);
      const want = run(runner, given, batch);
      if (given.operation === "logSumExp" || given.operation === "rowStats") {
        const { values } = want;
        const slack = given.operation === "rowStats" ? 0 : bound * 2 ** -11; // of numbers up to 2^12 + 2^11
        for (const [row, value] of got.values.entries())
          expect(Math.abs(value - (values[row]! + shift))).toBeLessThanOrEqual(slack);
        allNear(given, { ...got, values }, want, bound, "shifted");
      } else allNear(given, got, want, bound, "shifted");
    },
  },
  {
    title: "permutation: columns in another order, the same numbers in that order",
    operations: EVERY,
    elements: "wild",
    check(runner, given, bound) {
      const batch = batchOf(given);
      const order = shuffled(given.cols, given.salt);
      const second = secondOf(runner, given, batch);
      const want = columnsOf(given, runner.run(given.operation, batch, given, second), order);
      const other =
        second instanceof Float32Array
          ? columns({ ...batch, values: second }, order).values
          : given.operation === "softmaxFromStats"
            ? statsOf(runner, columns(batch, order))
            : undefined;
      allNear(given, runner.run(given.operation, columns(batch, order), given, other), want, bound, "permuted");
    },
  },
  {
    title: "batch: a row alone, and twice among others, has the same bits",
    operations: EVERY,
    elements: "wild",
    check(runner, given, bound) {
      const batch = batchOf(given);
      const second = secondOf(runner, given, batch);
      const { rows, cols } = batch;
      const whole = runner.run(given.operation, batch, given, second);
      const row = given.amount % rows;
      const values = batch.values.slice(row * cols, (row + 1) * cols);
      const secondOfRow =
        second === undefined || second instanceof Float32Array
          ? second?.slice(row * cols, (row + 1) * cols)
          : { max: second.max.slice(row, row + 1), sum: second.sum.slice(row, row + 1) };
      const hasOne = given.operation === "logSumExp" || given.operation === "rowStats";
      const size = hasOne ? 1 : cols;
      const want = {
        values: whole.values.slice(row * size, (row + 1) * size),
        ...(whole.sums && { sums: whole.sums.slice(row, row + 1) }),
      };
      const alone = runner.run(given.operation, { rows: 1, cols, values }, given, secondOfRow);
      asInBatch(given, [1, rows], alone, want, bound, "alone");
      const double = { rows: 2, cols, values: repeated(values, 2) };
      const both = runner.run(given.operation, double, given, secondRepeated(secondOfRow, 2));
      asInBatch(given, [2, rows], both, outcomeRepeated(want, 2), bound, "twice");
    },
  },
  {
    title: "scaling: the batch many times over, past any block of rows, has the bits of the batch each time",
    operations: EVERY,
    elements: "wild",
    check(runner, given, bound) {
      const batch = batchOf(given);
      const second = secondOf(runner, given, batch);
      const want = runner.run(given.operation, batch, given, second);
      const times = 2 + (given.amount % Math.max(1, Math.floor(4096 / batch.values.length)));
      const got = runner.run(
        given.operation,
        { ...batch, rows: batch.rows * times, values: repeated(batch.values, times) },
        given,
        secondRepeated(second, times),
      );
      const counts = [batch.rows * times, batch.rows] as const;
      asInBatch(given, counts, got, outcomeRepeated(want, times), bound, `${times} times`);
    },
  },
  {
    title: "in place twice: the first time as into another array, and the second as that array into itself",
    operations: ["softmax", "logSoftmax", "softmaxFromStats", ...GRADIENTS],
    elements: "wild",
    check(runner, given) {
      const batch = batchOf(given);
      const second = secondOf(runner, given, batch);
      const there = runner.run(given.operation, batch, { ...given, path: "given" }, second);
      const here = runner.run(given.operation, batch, { ...given, path: "in place" }, second);
      sameBits(here, there, "once");
      const again = (path: Case["path"], { values }: Outcome) =>
        runner.run(given.operation, { ...batch, values }, { ...given, path }, second);
      sameBits(again("in place", here), again(given.path, there), "twice");
    },
  },
  {
    title: "idempotence: the logarithms of probabilities, and a result that needs nothing more, stay as they are",
    operations: ["logSoftmax", "logSumExp", "softmax"],
    elements: "tame",
    check(runner, given, bound) {
      const batch = batchOf(given);
      const log = runner.run("logSoftmax", batch, given);
      const again = runner.run(given.operation, { ...batch, values: log.values }, given);
      // Each logarithm was off by so much at most, and so was their sum.
      const slack = (y: number) => bound * ulpAt(y);
      const rows = rowsOf({ ...batch, values: log.values }).map((row) =>
        row.reduce((a, y) => Math.max(a, slack(y)), 0),
      );
      const want =
        given.operation === "logSumExp"
          ? new Float32Array(given.rows)
          : given.operation === "softmax"
            ? log.values.map(Math.exp)
            : log.values;
      for (const [i, y] of want.entries()) {
        const off = rows[given.operation === "logSumExp" ? i : Math.floor(i / given.cols)]!;
        const size = given.operation === "softmax" ? y : 1;
        const most = size * 2 * off + (given.operation === "logSumExp" ? 2 ** -21 : 2 * slack(y));
        if (!(Math.abs(again.values[i]! - y) <= most))
          expect.fail(`element ${i}: got ${again.values[i]}, not ${y} ± ${most}`);
      }
    },
  },
  {
    title:
      "path: in place, into out, in an arena, piece by piece, and once more: the same bits; the input stays as it was",
    operations: EVERY,
    elements: "wild",
    check(runner, given) {
      const batch = batchOf(given);
      const second = secondOf(runner, given, batch);
      const before = batch.values.slice();
      const want = runner.run(given.operation, batch, { ...given, path: "fresh" }, second);
      sameBits(runner.run(given.operation, batch, given, second), want, given.path);
      sameBits(runner.run(given.operation, batch, given, second), want, `${given.path}, again`);
      expect(batch.values).toEqualBitForBit(before);
    },
  },
  {
    title: "layout: another one changes a rounding at most",
    operations: EVERY,
    elements: "wild",
    check(runner, given, bound) {
      const batch = batchOf(given);
      const second = secondOf(runner, given, batch);
      const want = runner.run(given.operation, batch, { layout: "rows", path: "fresh" }, second);
      const got = runner.run(given.operation, batch, given, second);
      if (given.layout.startsWith("rows")) sameBits(got, want, given.layout);
      else allNear(given, got, want, bound, given.layout);
    },
  },
  {
    title: "merge: statistics of two parts are those of the whole, and make its probabilities",
    operations: ["rowStats", "softmaxFromStats"],
    elements: "wild",
    check(runner, given, bound) {
      const batch = batchOf(given);
      const at = given.amount % (given.cols + 1); // a part may be empty
      const all = Array.from({ length: given.cols }, (_, i) => i);
      const none = { max: new Float32Array(given.rows).fill(-Infinity), sum: new Float64Array(given.rows) };
      const partStats = (chosen: readonly number[]): RowStats => {
        if (chosen.length === 0) return none;
        const { values, sums } = runner.run("rowStats", columns(batch, chosen), given);
        return { max: values, sum: sums! };
      };
      const left = partStats(all.slice(0, at));
      const right = partStats(all.slice(at));
      const merged = mergeRowStats(left, right);
      expect(mergeRowStats(right, left)).toEqual(merged);
      expect(mergeRowStats(merged, none)).toEqual(merged);
      if (given.operation === "rowStats") {
        const want = run(runner, given);
        allNear(given, { values: merged.max, sums: merged.sum }, want, bound, "merged");
        return;
      }
      const want = runner.run("softmax", batch, given);
      const half = at === 0 ? all : all.slice(0, at);
      const got = runner.run("softmaxFromStats", columns(batch, half), given, merged);
      allNear(given, got, columnsOf(given, want, half), Math.max(bound, 4), "the first part");
    },
  },
  {
    title: "mask: the rows of what is kept; and the same bits as a bias of −∞",
    operations: LOGITS,
    elements: "tame",
    check(runner, given, bound) {
      const batch = batchOf(given);
      const keep = kept(given);
      const mask = Uint8Array.from({ length: given.cols }, (_, col) => (keep.includes(col) ? 1 + (col % 255) : 0));
      const second = given.operation === "softmaxFromStats" ? statsOf(runner, columns(batch, keep)) : undefined;
      const masked = runner.run(given.operation, batch, given, second, { mask });
      const compact = runner.run(given.operation, columns(batch, keep), given, second);
      allNear(given, columnsOf(given, masked, keep), compact, bound, "kept");
      if (given.operation.startsWith("s") || given.operation === "logSoftmax")
        for (const row of rowsOf({ ...batch, values: masked.values }))
          for (const [col, y] of row.entries())
            if (mask[col] === 0) expect(y).toBe(given.operation === "logSoftmax" ? -Infinity : 0);
      const bias = Float32Array.from(mask, (keeps) => (keeps ? -0 : -Infinity)); // −0 + 0 would be 0
      sameBits(runner.run(given.operation, batch, given, second, { bias }), masked, "bias of −∞");
    },
  },
  {
    title: "lengths: a mask of the first columns of each row",
    operations: LOGITS,
    elements: "wild",
    check(runner, given) {
      const batch = batchOf(given);
      const count = given.amount % (given.cols + 1);
      const mask = Uint8Array.from({ length: given.cols }, (_, col) => (col < count ? 1 : 0));
      const lengths = new Int32Array(given.rows).fill(count);
      const second = secondOf(runner, given, batch);
      const want = runner.run(given.operation, batch, given, second, { mask });
      sameBits(runner.run(given.operation, batch, given, second, { lengths }), want, `lengths of ${count}`);
    },
  },
  {
    title: "temperature: what logits that were divided before give, to the bit",
    operations: LOGITS,
    elements: "wild",
    check(runner, given) {
      const batch = batchOf(given);
      const temperature = (1 + given.amount) / 512;
      const scaled = { ...batch, values: batch.values.map((x) => x / temperature) };
      const second = given.operation === "softmaxFromStats" ? statsOf(runner, scaled) : undefined;
      const want = runner.run(given.operation, scaled, given, second);
      sameBits(runner.run(given.operation, batch, given, second, { temperature }), want, `temperature ${temperature}`);
      const each = new Float32Array(given.rows).fill(temperature);
      sameBits(runner.run(given.operation, batch, given, second, { temperature: each }), want, "one for each row");
    },
  },
  {
    title: "gradients are linear: twice the gradient, twice the result, to the bit",
    operations: GRADIENTS,
    elements: "tame",
    check(runner, given) {
      const batch = batchOf(given);
      const grad = gradientOf(given);
      const once = runner.run(given.operation, batch, given, grad);
      const twice = runner.run(
        given.operation,
        batch,
        given,
        grad.map((g) => 2 * g),
      );
      for (const [i, y] of once.values.entries())
        if (Math.abs(y) > 2 ** -120 || y === 0) expect(twice.values[i]).toBe(2 * y);
    },
  },
];
