// The worked examples of the chapter this library follows, and the properties it proves of softmax.

import { expect, test } from "vitest";
import { onEveryBackend } from "./engines.js";
import { DISTRIBUTIONS, logits, randomFrom, WITH_SEED } from "./random.js";

/** Equation 3.10 as it stands, in doubles. */
function plainFormula(input: readonly number[]): number[] {
  const terms = input.map((x) => Math.exp(x));
  const sum = terms.reduce((total, term) => total + term);
  return terms.map((term) => term / sum);
}

/** 705, 706 … 714: from 710 on, exp is too large for a double. */
const OVERFLOWING = Array.from({ length: 10 }, (_, i) => 705 + i);

test("the plain formula overflows on 705 … 714", () => {
  const [zero, nan] = [Array(5).fill(0), Array(5).fill(NaN)];
  expect(plainFormula(OVERFLOWING)).toEqual([...zero, ...nan]);
});

onEveryBackend(`the chapter ${WITH_SEED}`, (engine, name) => {
  test.each([
    ["5 7 8 7 6 8 9", [5, 7, 8, 7, 6, 8, 9]],
    ["−3 … 3", [-3, -2, -1, 0, 1, 2, 3]],
  ])("%s: as the plain formula", (_, numbers) => {
    const input = Float32Array.from(numbers);
    const probabilities = engine.softmax(input);
    expect(probabilities).toBeSoftmaxOf(input, 7, name);
    for (const [i, want] of plainFormula(numbers).entries()) expect(probabilities[i]).toBeCloseTo(want, 6);
  });

  test("705 … 714: right, and as 0 … 9", () => {
    const input = Float32Array.from(OVERFLOWING);
    const probabilities = engine.softmax(input);
    expect(probabilities).toBeSoftmaxOf(input, 10, name);
    const shifted = plainFormula(OVERFLOWING.map((x) => x - 705));
    for (const [i, want] of shifted.entries()) expect(probabilities[i]).toBeCloseTo(want, 6);
    expect(input).toEqual(Float32Array.from(OVERFLOWING)); // not written to
  });

  test.each(DISTRIBUTIONS.map((distribution) => [distribution.name, distribution] as const))(
    "0 ≤ y ≤ 1, Σy = 1, order kept: %s",
    (_, distribution) => {
      for (const cols of [1, 2, 3, 7, 10, 32, 33, 100, 1000]) {
        const input = logits(randomFrom(5), cols, distribution);
        const probabilities = engine.softmax(input);
        const sum = probabilities.reduce((total, y) => total + y, 0);
        expect(Math.abs(sum - 1), `the sum over ${cols} columns is ${sum}`).toBeLessThan(1e-6);

        const order = Array.from(input.keys()).sort((i, j) => input[i]! - input[j]!);
        const sorted = order.map((i) => probabilities[i]!);
        expect(Math.min(...sorted)).toBeGreaterThanOrEqual(0);
        expect(Math.max(...sorted)).toBeLessThanOrEqual(1);
        const fallen = sorted.findIndex((y, i) => i > 0 && y < sorted[i - 1]!);
        expect(fallen, `column ${order[fallen]} of ${cols} has more input, and less output, than another`).toBe(-1);
      }
    },
  );

  test("a shift that is exact changes nothing but the last bits", () => {
    const random = randomFrom(6);
    const eighths = Float32Array.from({ length: 3 * 200 }, () => Math.round(80 * random()) / 8);
    for (const shift of [1, -1, 7.25, -200, 245, 256, 300, -1024, 65536, -(2 ** 20)]) {
      const shifted = eighths.map((x) => x + shift);
      expect(engine.softmax(shifted, { cols: 200 })).toBeSoftmaxOf(eighths, 200, name);
    }
  });
});
