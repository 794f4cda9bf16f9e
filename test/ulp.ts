// How far a result is from the true value, in ULP, and how far it may be. matchers.ts makes assertions of it.

import type { BackendName } from "softmax-wasm";
import { trueRow } from "./truth.js";

/** What no output exceeds, in ULP, unless its row was made for it (DESIGN.md, "Numbers"). */
export const BOUND: Readonly<Record<BackendName, number>> = { relaxed: 3, simd: 3, js: 1 };

/** What no output of any row exceeds: the errors of two terms, which `npm run sweep` finds, and one rounding. */
export const PROVED: Readonly<Record<BackendName, number>> = { relaxed: 3.87, simd: 3.77, js: 1 };

/** Terms smaller than this part of the largest are 0, or accurate; the second power is where they must be 0. */
export const MAY_BE_ZERO_BELOW = 2 ** -125;
export const MUST_BE_ZERO_BELOW = 2 ** -126;

const bits = new DataView(new ArrayBuffer(8));

/** One unit in the last place of a float32 at `value`, which is a double; 2^−149 below 2^−126. */
export function ulpAt(value: number): number {
  bits.setFloat64(0, value);
  const exponent = ((bits.getUint16(0) >>> 4) & 0x7ff) - 1023;
  return 2 ** (Math.max(exponent, -126) - 23);
}

/**
 * How far `got` is from the true value, in ULP: 0 for the right NaN, infinity for a wrong one and for a number where there
 * must be exactly 0. `term` is the element's part of the largest.
 */
export function ulpError(got: number, want: number, term: number): number {
  if (Number.isNaN(want)) return Number.isNaN(got) ? 0 : Infinity;
  if (Number.isNaN(got)) return Infinity;
  if (term < MUST_BE_ZERO_BELOW) return got === 0 ? 0 : Infinity;
  if (term < MAY_BE_ZERO_BELOW && got === 0) return 0;
  return Math.abs(got - want) / ulpAt(want);
}

export interface Worst {
  readonly ulp: number;
  readonly index: number;
  readonly want: number;
}

/** The element of `got` that is farthest from the true softmax of `input`. */
export function worstOf(got: Float32Array, input: Float32Array, cols: number): Worst {
  let worst: Worst = { ulp: 0, index: 0, want: NaN };
  for (let row = 0; row * cols < input.length; row++) {
    const { terms, sum } = trueRow(input, row, cols);
    for (let col = 0; col < cols; col++) {
      const index = row * cols + col;
      const want = terms[col]! / sum;
      const ulp = ulpError(got[index]!, want, terms[col]!);
      if (ulp > worst.ulp) worst = { ulp, index, want };
    }
  }
  return worst;
}
