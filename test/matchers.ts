// The two matchers for arrays of probabilities. Both print one line about the worst element: where it is, what went in, what came
// out, what was wanted. vitest.config.ts loads this before every test file.

import type { BackendName } from "softmax-wasm";
import { afterAll, expect } from "vitest";
import { BOUND, worstOf } from "./ulp.js";

/** The largest error of each back end so far, for whoever asks with MEASURE=1. */
const largest = new Map<BackendName, { ulp: number; where: string }>();

function note(name: BackendName, ulp: number, message: () => string): void {
  if (ulp > (largest.get(name)?.ulp ?? 0)) largest.set(name, { ulp, where: message() });
}

if (process.env.MEASURE !== undefined)
  afterAll(() => {
    for (const { where } of largest.values()) console.log(`Largest error on ${where}`);
  });

interface ArrayMatchers {
  /** The true softmax of each row of `input`, within the bound of the back end called `name`. */
  toBeSoftmaxOf(input: Float32Array, cols: number, name: BackendName): void;
  /** The same length and the same bits; any NaN is as good as another. */
  toEqualBitForBit(expected: Float32Array): void;
  /** The same numbers; a NaN is as good as another, and so is a zero. */
  toEqualNumbers(expected: ArrayLike<number>): void;
}

declare module "vitest" {
  interface Matchers extends ArrayMatchers {}
}

expect.extend({
  toBeSoftmaxOf(got: Float32Array, input: Float32Array, cols: number, name: BackendName) {
    const { ulp, index, want } = worstOf(got, input, cols);
    const row = cols === 0 ? 0 : Math.floor(index / cols);
    const message = () =>
      got.length === input.length
        ? `${name}, ${got.length / cols} × ${cols}, row ${row}, column ${index % cols}: input ${input[index]}, ` +
          `got ${got[index]}, want ${want}, off by ${ulp.toFixed(2)} ULP (bound ${BOUND[name]}); ` +
          `the row is ${told(input, row * cols, cols)}`
        : `got ${got.length} elements, want ${input.length}`;
    note(name, ulp, message);
    return { pass: got.length === input.length && ulp <= BOUND[name], message };
  },
  toEqualBitForBit(got: Float32Array, expected: Float32Array) {
    const index = firstDifference(got, expected);
    const message = () =>
      got.length === expected.length
        ? `element ${index} of ${got.length}: got ${got[index]}, want ${expected[index]}`
        : `got ${got.length} elements, want ${expected.length}`;
    return { pass: got.length === expected.length && index === got.length, message };
  },
});

expect.extend({
  toEqualNumbers(got: ArrayLike<number>, expected: ArrayLike<number>) {
    const index = Array.from(got).findIndex(
      (y, i) => y !== expected[i] && !(Number.isNaN(y) && Number.isNaN(expected[i])),
    );
    const message = () =>
      `got ${got[index]} at ${index} of ${got.length}, want ${expected[index]} of ${expected.length}`;
    return { pass: got.length === expected.length && index === -1, message };
  },
});

/** The index of the first element that differs, or the length. */
function firstDifference(got: Float32Array, expected: Float32Array): number {
  let index = 0;
  while (index < expected.length && Object.is(got[index], expected[index])) index++;
  return index;
}

/** The first elements of a row, as something to paste. */
function told(values: Float32Array, start: number, count: number): string {
  const shown = Array.from(values.subarray(start, start + Math.min(count, 8)), String).join(", ");
  return `[${shown}${count > 8 ? ", …" : ""}]`;
}
