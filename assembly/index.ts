// What the WebAssembly module exports, and nothing else. Pure functions over addresses and counts: no state, no
// allocation, one import (the memory). The caller guarantees that counts are positive and that ranges lie in memory.

import { WORK_BYTES_BESIDE, WORK_BYTES_PER_COL, softmaxNarrow } from "./narrow";
import { softmaxWide } from "./wide";

export { fuses, DOWN, LN2_LOWER, LN2_UPPER, LOG2E, ONE, Q2, Q3, Q4, Q5, Q6, UP, UPPER_BITS } from "./exp";
export { begin, findFactors, findMax, findShifts, scale, sumTerms } from "./wide";

/** Counts changes of this interface; src/wasm.ts refuses any other. */
export const VERSION: i32 = 1;

/** Which of the two binaries this is. */
export const RELAXED: i32 = ASC_FEATURE_RELAXED_SIMD ? 1 : 0;

/** The longest row that goes four to a group (bench: `npm run bench -- --only crossover`). */
export const NARROW_COLS: i32 = 64;

/** What `work` must hold, in bytes: a batch of narrow rows. The slots of wide ones take less. */
export const WORK_BYTES: i32 = WORK_BYTES_PER_COL * NARROW_COLS + WORK_BYTES_BESIDE;

/** Softmax of each of `rows` rows of `cols` float32, from `src` to `dst`; the two are equal or do not overlap. */
export function softmax(src: usize, dst: usize, rows: i32, cols: i32, work: usize): void {
  assert(rows > 0 && cols > 0, "softmax: rows and cols must be positive");
  assert((work & 15) == 0, "softmax: work must be aligned to 16 bytes");
  assert(apart(src, dst, <u64>rows * cols * 4), "softmax: src and dst must be equal or apart");
  assert(inMemory(src, dst, <u64>rows * cols * 4), "softmax: src and dst must lie in memory");
  if (cols <= NARROW_COLS) softmaxNarrow(src, dst, rows, cols, work);
  else softmaxWide(src, dst, rows, cols, work);
}

function apart(src: u64, dst: u64, bytes: u64): bool {
  return src == dst || src + bytes <= dst || dst + bytes <= src;
}

function inMemory(src: u64, dst: u64, bytes: u64): bool {
  return max(src, dst) + bytes <= <u64>memory.size() << 16;
}
