// Every width up to 130 and around each block edge, times 1 … 9 rows: right, and within 4 ULP of the fallback.

import { expect, test } from "vitest";
import { onEveryBackend, running } from "./engines.js";
import { DISTRIBUTIONS, logits, randomFrom, WITH_SEED } from "./random.js";
import { ulpAt } from "./ulp.js";

const WIDTHS = Array.from({ length: 130 }, (_, i) => i + 1).concat([255, 256, 257, 511, 512, 513, 4095, 4096, 4097]);

const fallback = running.find(({ name }) => name === "js")!.engine;

/** In ULP; a number and 0 are no distance apart where the number is no larger than `least`. */
function largestDistance(ours: Float32Array, theirs: Float32Array, least: number): number {
  return ours.reduce((largest, y, i) => {
    const other = theirs[i]!;
    if (Math.min(y, other) === 0 && Math.max(y, other) <= least) return largest;
    return Math.max(largest, Math.abs(y - other) / ulpAt(other));
  }, 0);
}

onEveryBackend(`shapes ${WITH_SEED}`, (engine, name) => {
  test.each([1, 2, 3, 4, 5, 6, 7, 8, 9])("%i rows", (rows) => {
    const random = randomFrom(100 + rows);
    WIDTHS.forEach((cols, i) => {
      const input = logits(random, rows * cols, DISTRIBUTIONS[i % DISTRIBUTIONS.length]!);
      const probabilities = engine.softmax(input, { cols });
      expect(probabilities).toBeSoftmaxOf(input, cols, name);
      const distance = largestDistance(probabilities, fallback.softmax(input, { cols }), 2 ** -125);
      expect(distance, `ULP from the fallback, ${rows} × ${cols}`).toBeLessThanOrEqual(4);
    });
  });

  // Of any other maximum, what the largest element comes to would overflow.
  test("the largest element counts wherever it is", () => {
    const rows = 17;
    for (let cols = 97; cols <= 134; cols++)
      for (let first = 0; first < cols; first += rows) {
        const input = new Float32Array(rows * cols);
        const expected = new Float32Array(rows * cols);
        for (let row = 0; row < rows; row++) {
          const position = row * cols + ((first + row) % cols);
          input[position] = 250;
          expected[position] = 1;
        }
        expect(engine.softmax(input, { cols }), `${cols} columns, from ${first} on`).toEqualBitForBit(expected);
      }
  });
});
