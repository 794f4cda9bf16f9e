// Rows of which the result is known to the bit: NaN and infinities, lone and equal elements, the ends of the float32 range.

import { describe, expect, test } from "vitest";
import { onEveryBackend } from "./engines.js";
import { DISTRIBUTIONS, integer, logits, randomFrom, WITH_SEED } from "./random.js";

const MAX = 3.4028234663852886e38; // the largest float32
const MIN = 2 ** -149; // the smallest one above 0

/** Input and output, of one row each. */
const ROWS: readonly (readonly [title: string, input: readonly number[], output: readonly number[]])[] = [
  ["one column", [3], [1]],
  ["one column, −0", [-0], [1]],
  ["one column, the largest float32", [MAX], [1]],
  ["one column, minus the largest float32", [-MAX], [1]],
  ["one column, the smallest float32", [MIN], [1]],
  ["one column, NaN", [NaN], [NaN]],
  ["one column, +∞", [Infinity], [NaN]],
  ["one column, −∞", [-Infinity], [NaN]],
  ["some −∞", [1, -Infinity, 1, -Infinity], [0.5, 0, 0.5, 0]],
  ["one finite element among −∞", [-Infinity, -5, -Infinity], [0, 1, 0]],
  ["minus the largest float32 among −∞", [-Infinity, -MAX, -Infinity], [0, 1, 0]],
  ["all −∞", [-Infinity, -Infinity, -Infinity], [NaN, NaN, NaN]],
  ["a NaN", [1, NaN, 2], [NaN, NaN, NaN]],
  ["a NaN among −∞", [-Infinity, NaN, -Infinity], [NaN, NaN, NaN]],
  ["a NaN and +∞", [Infinity, NaN, 0], [NaN, NaN, NaN]],
  ["+∞", [0, Infinity, 1], [NaN, NaN, NaN]],
  ["+∞ twice", [Infinity, Infinity], [NaN, NaN]],
  ["+∞ and −∞", [Infinity, -Infinity, 0], [NaN, NaN, NaN]],
  ["the two ends of the range", [MAX, -MAX], [1, 0]],
  ["the largest float32 twice", [MAX, MAX], [0.5, 0.5]],
  ["minus the largest float32 twice", [-MAX, -MAX], [0.5, 0.5]],
  ["the largest float32 and −∞", [MAX, -Infinity], [1, 0]],
  ["both zeros", [0, -0], [0.5, 0.5]],
  ["subnormal numbers", [MIN, -MIN, 2 ** -127, 0], [0.25, 0.25, 0.25, 0.25]],
  ["0 and −1000", [0, -1000], [1, 0]],
  ["1000 and 0", [1000, 0], [1, 0]],
  ["−1000 and −2000", [-1000, -2000], [1, 0]],
  ["1e38 and 0", [1e38, 0], [1, 0]],
];

/** Values that fall on every side of the kernel's switches. */
const VALUES = [0, 1, 5, 88, -88, 1e8, -1e30, 1e36, 255.9, 256];

onEveryBackend(`special rows ${WITH_SEED}`, (engine, name) => {
  describe("each alone, and between others, at every width up to 116", () => {
    test.each(ROWS)("%s", (_, input, output) => {
      expect(engine.softmax(Float32Array.from(input))).toEqualBitForBit(Float32Array.from(output));

      // Wider: filled up with −∞, which changes nothing. In a batch: it does nothing to the others, nor they to it.
      const random = randomFrom(7);
      for (let cols = input.length; cols <= 116; cols++) {
        const ordinary = logits(random, 9 * cols, DISTRIBUTIONS[1]!);
        const batch = ordinary.slice();
        const row = integer(random, 0, 8);
        batch.fill(-Infinity, row * cols, (row + 1) * cols).set(input, row * cols);
        const expected = engine.softmax(ordinary, { cols });
        const fill = Number.isNaN(output[0]) ? NaN : 0;
        expected.fill(fill, row * cols, (row + 1) * cols).set(output, row * cols);
        expect(engine.softmax(batch, { cols }), `row ${row} of 9 × ${cols}`).toEqualBitForBit(expected);
      }
    });
  });

  test("a NaN or +∞ in any position makes its row NaN, and no other", () => {
    const random = randomFrom(8);
    const widths = Array.from({ length: 20 }, (_, i) => i + 1).concat([
      31, 32, 33, 34, 47, 48, 49, 63, 64, 65, 111, 112, 113, 114, 115, 130,
    ]);
    for (const cols of widths)
      for (let position = 0; position < cols; position++) {
        const batch = logits(random, 3 * cols, DISTRIBUTIONS[0]!);
        const expected = engine.softmax(batch, { cols }).fill(NaN, cols, 2 * cols);
        batch[cols + position] = position % 2 === 0 ? NaN : Infinity;
        expect(engine.softmax(batch, { cols }), `${cols} columns, column ${position}`).toEqualBitForBit(expected);
      }
  });

  test.each([2, 3])("all rows of %i such values have the bits that they have with a stride", (cols) => {
    const ends = [-0, 2, -Infinity, Infinity, NaN, MAX, -MAX, MIN, -MIN, -87.5, -103];
    const values = [...VALUES, ...ends];
    const rows = Array.from({ length: values.length ** cols }, (_, i) =>
      Array.from({ length: cols }, (_, col) => values[Math.floor(i / values.length ** col) % values.length]!),
    );
    const packed = Float32Array.from(rows.flat());
    const apart = Float32Array.from(rows.flatMap((row) => [...row, 7]));
    const got = engine.softmax(apart, { cols, rowStride: cols + 1 });
    expect(engine.softmax(packed, { cols })).toEqualBitForBit(got);
    expect(engine.softmax(packed, { cols, out: packed }), "in place").toEqualBitForBit(got);
  });

  test("0 rows, 0 columns", () => {
    const empty = new Float32Array(0);
    for (const options of [
      undefined,
      {},
      { cols: 0 },
      { cols: 7 },
      { shape: [0] },
      { shape: [3, 0] },
      { shape: [0, 4] },
    ])
      expect(engine.softmax(empty, options)).toEqual(empty);
    expect(engine.softmax(empty, { out: empty })).toBe(empty);
  });

  // 1 / 4095 lies next to the middle of two float32, where the least error rounds the wrong way.
  test.each(VALUES)("n elements of %d give Math.fround(1 / n), n = 1 … 1100, 4095, 65536 and more", (value) => {
    for (const n of [...Array.from({ length: 1100 }, (_, i) => i + 1), 4093, 4095, 65_535, 65_536]) {
      const got = engine.softmax(new Float32Array(n).fill(value));
      expect(got, `${n} elements`).toEqualBitForBit(new Float32Array(n).fill(1 / n));
    }
  });

  test("so does a row of equal elements beside others, in any place of a batch", () => {
    const [cols, rows] = [4095, 40];
    const random = randomFrom(10);
    for (const row of [0, 3, 4, 17, 31, 32, 39]) {
      const batch = logits(random, rows * cols, DISTRIBUTIONS[0]!);
      for (let col = 0; col < cols; col++) batch[col * rows + row] = 5;
      const got = engine.softmax(batch, { shape: [cols, rows], axis: 0 });
      const share = got.filter((_, i) => i % rows === row);
      expect(share, `row ${row}`).toEqualBitForBit(new Float32Array(cols).fill(1 / cols));
    }
  });

  test.each(VALUES)("n elements of %d along another axis", (value) => {
    for (const n of [1, 2, 3, 63, 64, 65, 100, 127, 129, 4093, 4095, 4097, 33_000]) {
      const got = engine.softmax(new Float32Array(5 * n).fill(value), { shape: [n, 5], axis: 0 });
      expect(got, `${n} elements`).toEqualBitForBit(new Float32Array(5 * n).fill(1 / n));
    }
  });

  test("k equal elements among −∞, or far below, give Math.fround(1 / k) each", () => {
    const random = randomFrom(9);
    for (let cols = 1; cols <= 130; cols++)
      for (const value of VALUES) {
        const rest = cols % 2 === 0 ? -Infinity : value - 1000 - Math.abs(value) / 2;
        const input = new Float32Array(cols).fill(rest);
        for (let i = integer(random, 1, cols); i > 0; i--) input[integer(random, 0, cols - 1)] = value;
        const equal = input.filter((x) => x === Math.fround(value)).length;
        const expected = input.map((x) => (x === Math.fround(value) ? 1 / equal : 0));
        expect(engine.softmax(input), `${equal} × ${value} in ${cols}`).toEqualBitForBit(expected);
      }
  });

  test("what is far below the largest is 0, or accurate; from 2⁻¹²⁶ of it on, 0", () => {
    for (const cols of [2, 5, 32, 33, 100, 113, 300])
      for (let below = 86; below < 90; below += 1 / 64)
        for (const largest of [0, 0.3, -0.3, 100, -200, 255.9, 256, -4096]) {
          const input = new Float32Array(cols).fill(largest - below);
          input[cols - 1] = largest;
          expect(engine.softmax(input)).toBeSoftmaxOf(input, cols, name);
        }
  });
});
