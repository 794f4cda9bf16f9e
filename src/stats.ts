// Statistics of parts of rows, put together.

import { checkPair } from "./check.js";
import { allocated, allocatedDoubles } from "./copies.js";
import type { NewRowStats, RowStats } from "./options.js";

/**
 * The statistics of rows that were cut in two, from those of the two parts: `max` is the larger one, and both sums are
 * rescaled to it and added. Commutative to the bit; associative except for float64 rounding. `{ max: −∞, sum: 0 }` changes nothing.
 *
 * The formula is that of partial softmax (Milakov and Gimelshein, "Online normalizer calculation for softmax", 2018).
 *
 * @param a Statistics of `rows` rows, as {@link rowStats} gives them.
 * @param b Those of the other part of the same rows.
 * @returns New statistics of `rows` rows.
 * @throws {@link TypeError} `ERR_SOFTMAX_TYPE`, `ERR_SOFTMAX_DETACHED`, {@link RangeError} `ERR_SOFTMAX_LENGTH`, `ERR_SOFTMAX_MEMORY`
 * @example
 * ```ts
 * const left = rowStats(new Float32Array([1, 2]));
 * const right = rowStats(new Float32Array([3]));
 * const { max, sum } = mergeRowStats(left, right);
 * console.log(max[0]! + Math.log(sum[0]!)); // 3.4076
 * ```
 */
export function mergeRowStats(a: RowStats, b: RowStats): NewRowStats {
  const { left, right, rows } = checkPair("mergeRowStats", a, b);
  const max = allocated("mergeRowStats", rows);
  const sum = allocatedDoubles("mergeRowStats", rows);
  for (let row = 0; row < rows; row++) {
    const larger = Math.max(left.max[row]!, right.max[row]!); // NaN if either is
    max[row] = larger;
    const total = moved(left, row, larger) + moved(right, row, larger);
    sum[row] = larger === Infinity ? Math.min(1, total) : total; // as rowStats has it, in however many parts there is a +∞
  }
  return { max, sum };
}

/** The sum relative to another, larger maximum. */
function moved({ max, sum }: RowStats, row: number, larger: number): number {
  return max[row] === larger ? sum[row]! : sum[row]! * Math.exp(max[row]! - larger);
}
