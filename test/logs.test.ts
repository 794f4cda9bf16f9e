// logSoftmax and logSumExp: accurate everywhere, right where there are infinities and NaNs, and the same bits wherever a row lies.

import { describe, expect, test } from "vitest";
import { expectToAnswer, note } from "./compare.js";
import { onEveryBackend } from "./engines.js";
import { CASES, inputOf } from "./golden.js";
import { DISTRIBUTIONS, integer, logits, randomFrom, WITH_SEED } from "./random.js";
import { BOUND, ulpAt } from "./ulp.js";
import { Ways } from "./ways.js";

const MAX = 3.4028234663852886e38; // the largest float32
const MIN = 2 ** -149; // the smallest one above 0
const LN2 = Math.fround(Math.LN2);

/** Input, log-softmax and log-sum-exp, of one row each. */
const ROWS: readonly (readonly [title: string, input: readonly number[], logs: readonly number[], value: number])[] = [
  ["one column", [3], [0], 3],
  ["one column, −0", [-0], [0], 0],
  ["one column, the largest float32", [MAX], [0], MAX],
  ["one column, minus the largest float32", [-MAX], [0], -MAX],
  ["one column, the smallest float32", [MIN], [0], MIN],
  ["one column, NaN", [NaN], [NaN], NaN],
  ["one column, +∞", [Infinity], [NaN], Infinity],
  ["one column, −∞", [-Infinity], [NaN], -Infinity],
  ["some −∞", [1, -Infinity, 1], [-LN2, -Infinity, -LN2], Math.fround(1 + Math.LN2)],
  ["one finite element among −∞", [-Infinity, -5, -Infinity], [-Infinity, 0, -Infinity], -5],
  ["minus the largest float32 among −∞", [-Infinity, -MAX], [-Infinity, 0], -MAX],
  ["all −∞", [-Infinity, -Infinity], [NaN, NaN], -Infinity],
  ["a NaN", [1, NaN, 2], [NaN, NaN, NaN], NaN],
  ["a NaN first", [NaN, 1], [NaN, NaN], NaN],
  ["a NaN among −∞", [-Infinity, NaN, -Infinity], [NaN, NaN, NaN], NaN],
  ["a NaN and +∞", [Infinity, NaN, 0], [NaN, NaN, NaN], NaN],
  ["+∞ and a NaN", [NaN, 0, Infinity], [NaN, NaN, NaN], NaN],
  ["+∞", [0, Infinity, 1], [NaN, NaN, NaN], Infinity],
  ["+∞ twice", [Infinity, Infinity], [NaN, NaN], Infinity],
  ["+∞ and −∞", [Infinity, -Infinity, 0], [NaN, NaN, NaN], Infinity],
  ["the two ends of the range", [MAX, -MAX], [0, -Infinity], MAX],
  ["the largest float32 and 0", [MAX, 0], [0, -MAX], MAX],
  ["the largest float32 twice", [MAX, MAX], [-LN2, -LN2], MAX],
  ["minus the largest float32 twice", [-MAX, -MAX], [-LN2, -LN2], -MAX],
  ["both zeros", [0, -0], [-LN2, -LN2], LN2],
  ["subnormal numbers", [MIN, -MIN], [-LN2, -LN2], LN2],
  ["0 and −1000", [0, -1000], [0, -1000], 0],
  ["−1000 and 0", [-1000, 0], [-1000, 0], 0],
];

onEveryBackend(`log forms ${WITH_SEED}`, (engine, name) => {
  const ways = new Ways(engine, name, 2 ** 22);

  describe("golden values, in arbitrary precision", () => {
    test.each(CASES.map((golden) => [golden.id, golden] as const))("%s", (_, golden) => {
      const input = inputOf(golden);
      const { cols } = golden;
      const tooFar: string[] = [];
      const check = (operation: "logSoftmax" | "logSumExp", digits: readonly string[], least: number) => {
        engine[operation](input, { cols }).forEach((got, i) => {
          const want = Number(digits[i]);
          const error = Math.abs(got - want);
          note(name, operation, got, want, least, () => `${golden.id}, element ${i}: got ${got}, want ${digits[i]}`);
          if (got !== Math.fround(want) && !(error <= Math.max(BOUND[name] * ulpAt(want), least)))
            tooFar.push(`${operation}, element ${i}: got ${got}, want ${digits[i]}, off by ${error / ulpAt(want)} ULP`);
        });
      };
      check("logSoftmax", golden.logSoftmax, 0);
      check("logSumExp", golden.logSumExp, 2 ** -22);
      expect(tooFar).toEqual([]);
    });
  });

  test.each(DISTRIBUTIONS.map((distribution) => [distribution.name, distribution] as const))(
    "accuracy, %s",
    (_, distribution) => {
      const random = randomFrom(2000);
      for (const [rows, cols] of [
        [1000, 2],
        [300, 5],
        [200, 10],
        [50, 31],
        [20, 100],
        [4, 1000],
        [1, 10_007],
      ] as const)
        for (const operation of ["logSoftmax", "logSumExp"] as const) {
          const input = logits(random, rows * cols, distribution);
          expectToAnswer({ operation, input, options: { cols } }, engine[operation](input, { cols }), name);
        }
    },
  );

  // log Σ is then as small as a float32 can be: a sum of all terms, 1 + tiny, would have lost it.
  test("dominated rows keep their small terms, at any distance from zero", () => {
    const random = randomFrom(2001);
    for (const cols of [2, 3, 5, 64, 65, 100, 101, 300])
      for (const largest of [0, -0.3, 16.9, 88, -88, 255.9, -255.9, 256, -256, 1000, -4096, 1e6, -1e6]) {
        const input = new Float32Array(30 * cols);
        for (let row = 0; row < 30; row++) {
          input.fill(largest - 110 * random(), row * cols, (row + 1) * cols);
          for (let i = 0; i < cols / 2; i++)
            input[row * cols + integer(random, 0, cols - 1)] = largest - 110 * random();
          input[row * cols + integer(random, 0, cols - 1)] = largest;
        }
        for (const operation of ["logSoftmax", "logSumExp"] as const)
          expectToAnswer({ operation, input, options: { cols } }, engine[operation](input, { cols }), name);
      }
    const [first, second] = engine.logSoftmax(new Float32Array([16.9, 0]));
    expect(first).toBeCloseTo(-4.5753e-8, 12);
    expect(second).toBe(Math.fround(-16.9));
  });

  test("many small terms beside one large: terms that are subnormal alone", () => {
    for (const largest of [0, 255.9, -255.9, 1e6])
      for (let below = 90; below < 118; below += 7.4) {
        const input = new Float32Array(70_000).fill(largest - below);
        input[34_567] = largest;
        expectToAnswer({ operation: "logSoftmax", input, options: {} }, engine.logSoftmax(input), name);
      }
  });

  test("a maximum below zero, where it and the logarithm cancel", () => {
    const random = randomFrom(2002);
    for (let cols = 2; cols < 300; cols++) {
      const input = logits(random, cols, DISTRIBUTIONS[0]!);
      const [value] = engine.logSumExp(input);
      for (let i = 0; i < cols; i++) input[i]! -= value!;
      expectToAnswer({ operation: "logSumExp", input, options: {} }, engine.logSumExp(input), name);
    }
  });

  test.each(ROWS)("%s: alone, and between others, at every width up to 116", (_, input, logs, value) => {
    expect(engine.logSoftmax(Float32Array.from(input))).toEqualNumbers(logs);
    expect(engine.logSumExp(Float32Array.from(input))).toEqualNumbers([value]);
    const random = randomFrom(2003);
    for (let cols = input.length; cols <= 116; cols++) {
      const ordinary = logits(random, 9 * cols, DISTRIBUTIONS[1]!);
      const row = integer(random, 0, 8);
      const batch = ordinary.slice();
      batch.fill(-Infinity, row * cols, (row + 1) * cols).set(input, row * cols);
      const expected = engine.logSoftmax(ordinary, { cols });
      expected.fill(Number.isNaN(logs[0]) ? NaN : -Infinity, row * cols, (row + 1) * cols).set(logs, row * cols);
      expect(engine.logSoftmax(batch, { cols })).toEqualNumbers(expected);
      const values = engine.logSumExp(ordinary, { cols });
      values[row] = value;
      expect(engine.logSumExp(batch, { cols })).toEqualNumbers(values);
    }
  });

  test("a NaN or +∞ in any position makes its row NaN, and no other", () => {
    const random = randomFrom(2004);
    for (const cols of [1, 2, 3, 4, 5, 7, 8, 31, 63, 64, 65, 66, 67, 111, 112, 113, 114, 115, 116])
      for (let position = 0; position < cols; position++)
        for (const special of [NaN, Infinity]) {
          const batch = logits(random, 3 * cols, DISTRIBUTIONS[0]!);
          const expected = engine.logSoftmax(batch, { cols }).fill(NaN, cols, 2 * cols);
          const values = engine.logSumExp(batch, { cols });
          batch[cols + position] = special;
          values[1] = special;
          expect(engine.logSoftmax(batch, { cols })).toEqualNumbers(expected);
          expect(engine.logSumExp(batch, { cols })).toEqualNumbers(values);
        }
  });

  test("a NaN in any position makes a NaN of an infinite maximum", () => {
    for (const cols of [2, 3, 5, 8, 63, 64, 65, 67, 112, 113, 114, 115, 116])
      for (const fill of [-Infinity, Infinity])
        for (let position = 0; position < cols; position++) {
          const row = new Float32Array(cols).fill(fill);
          row[position] = NaN;
          expect(engine.logSumExp(row)[0]).toBeNaN();
          expect(engine.softmax(row, { empty: "zero" })[0]).toBeNaN();
        }
  });

  test("0 rows, 0 columns: an empty sum is log 0", () => {
    const empty = new Float32Array(0);
    expect(engine.logSoftmax(empty, { shape: [3, 0] })).toEqual(empty);
    expect(engine.logSumExp(empty, { shape: [3, 0] })).toEqual(new Float32Array(3).fill(-Infinity));
    expect(engine.logSumExp(empty, { shape: [2, 0, 4], axis: 1 })).toEqual(new Float32Array(8).fill(-Infinity));
    expect(engine.logSumExp(empty, { shape: [2, 0, 4], axis: 0 })).toEqual(empty);
    expect(engine.logSumExp(empty, { shape: [0] })).toEqual(new Float32Array(1).fill(-Infinity));
    const out = new Float32Array(3).fill(7);
    expect(engine.logSumExp(empty, { shape: [3, 0], out })).toBe(out);
    expect(out).toEqual(new Float32Array(3).fill(-Infinity));
  });

  test("1 … 9 rows of 1 … 300 columns", () => {
    const random = randomFrom(2005);
    for (let cols = 1; cols <= 300; cols++) {
      const input = logits(random, 9 * cols, DISTRIBUTIONS[cols % DISTRIBUTIONS.length]!);
      for (const operation of ["logSoftmax", "logSumExp"] as const) {
        const nine = engine[operation](input, { cols });
        expectToAnswer({ operation, input, options: { cols } }, nine, name);
        for (let rows = 1; rows < 9; rows++) {
          const fewer = engine[operation](input.subarray(0, rows * cols), { cols });
          expect(fewer, `${rows} × ${cols}`).toEqualBitForBit(nine.subarray(0, fewer.length));
        }
      }
    }
  });

  describe("the same bits at every position, and however the data travels", () => {
    test.each([
      [13, 1],
      [9, 3],
      [33, 10],
      [5, 64],
      [5, 65],
      [11, 100],
      [700, 3],
      [40, 130],
      [5, 1023],
      [5, 1024],
      [5, 1025],
      [3, 2048],
      [2, 5000],
      [1, 100_003],
    ])("%i × %i", (rows, cols) => {
      const random = randomFrom(2100 + cols);
      const input = new Float32Array(rows * cols);
      for (let row = 0; row < rows; row++)
        input.set(logits(random, cols, DISTRIBUTIONS[row % DISTRIBUTIONS.length]!), row * cols);
      for (const operation of ["logSoftmax", "logSumExp"] as const) {
        const whole = ways.same({ operation, input, options: { cols } }) as Float32Array;
        const width = operation === "logSumExp" ? 1 : cols;
        for (let row = 0; row < rows; row++) {
          const alone = engine[operation](input.subarray(row * cols, (row + 1) * cols));
          expect(alone, `${operation}, row ${row}`).toEqualBitForBit(whole.subarray(row * width, (row + 1) * width));
        }
      }
    });
  });
});
