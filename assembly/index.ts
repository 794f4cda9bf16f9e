// What the WebAssembly module exports, and nothing else. Pure functions over addresses and counts: no state, no
// allocation, one import (the memory). The caller guarantees that counts are positive and that ranges lie in memory, and none
// of them between bytes 5120 and 6144 (exp.ts, HALVES).

import { alone } from "./alone";
import { COLUMNS_WORK_BYTES, LONGEST, columns as columnsInLanes } from "./columns";
import { narrow } from "./narrow";
import { FROM_STATS, SOFTMAX, isValue } from "./operation";
import { wide } from "./wide";

export { change } from "./change";
export { findColumnMaxima, finishColumns, sumColumns } from "./columns";
export { isRelaxed } from "./either";
export { fuses } from "./exp";
export { gradientColumns, gradientColumnsPiece, gradientPiece, gradientRows } from "./gradient";
export { round, widen } from "./half";
export { begin, findResults, findShifts } from "./lanes";
export { storeValues } from "./slot";
export { beginWide, findMaxima, findWideResults, findWideShifts, finishWide, sumWide } from "./wide";

// Constants: exp.ts says why. strip.mjs takes them out again.
export {
  DEPTH, DOWN, FAR, LEAST, LN2_LOWER, LN2_UPPER, LOG2E, MAGIC_OF_0, NOTHING, ONE, Q2, Q3, Q4, Q5, Q6, UPPER_BITS,
} from "./exp";
export {
  LN2_64_LOWER, LN2_64_UPPER, LOG2E_64, LOWEST_64, MAGIC_64, P1, P2, P3, P4, P5, P6, P7, P8,
} from "./gradient";
export {
  BIASES, EXPONENT_16, HALF, INFINITY_16, LEAST_NORMAL_16, MAGNITUDE_16, NAN_B16, QUIET_16, ROUND_16, ROUND_B16, SIGN_16, UNIT,
} from "./half";
export { A11, A3, A5, A7, A9, E2, E3, E4, E5, E6, E7, E8, LIFT_SCALE, LN2_64, ONE_64, ROOT_HALF } from "./log";
export { CLOSE, LEAST_COUNT, START } from "./sum";

/** Counts changes of this interface; src/wasm.ts refuses any other. */
export const VERSION: i32 = 9;

/** The longest row that goes four to a group (bench: `npm run bench -- --only crossover`). */
const NARROW_COLS: i32 = 112;

/** What `work` must hold, in bytes: what rows side by side need, two hundred times as much as any other function. */
export const WORK_BYTES: i32 = COLUMNS_WORK_BYTES;

/**
 * An operation (operation.ts) on each of `rows` rows of `cols` float32, from `src` to `dst`; a row begins `srcStride` bytes after
 * the one before it. The two are equal, with equal strides, or do not overlap. What is one value a row goes to `dst`, sums
 * of statistics to `sums`; known statistics are read from `maxima` and `sums`.
 */
export function rows(
  operation: i32, src: usize, dst: usize, rows: i32, cols: i32,
  srcStride: usize, dstStride: usize, maxima: usize, sums: usize, work: usize,
): void {
  assert(rows > 0 && cols > 0, "rows: rows and cols must be positive");
  assert((work & 15) == 0, "rows: work must be aligned to 16 bytes");
  assert(srcStride >= <usize>cols << 2, "rows: a row must end before the next begins");
  const srcBytes = <u64>srcStride * (rows - 1) + cols * 4;
  const dstBytes = isValue(operation) ? <u64>rows << 2 : <u64>dstStride * (rows - 1) + cols * 4;
  assert(apart(src, dst, srcBytes, dstBytes), "rows: src and dst must be equal or apart");
  assert(inMemory(src, srcBytes), "rows: src must lie in memory");
  assert(inMemory(dst, dstBytes), "rows: dst must lie in memory");
  const isOne = rows == 1;
  // Where sums are known, the order of adding up makes no difference, and long rows are not taken four at a time.
  if (cols > NARROW_COLS || (isOne && operation == FROM_STATS)) wide(operation, src, dst, rows, cols, srcStride, dstStride, maxima, sums, work);
  else if (isOne && operation == SOFTMAX) alone(src, dst, cols, work);
  else narrow(operation, src, dst, rows, cols, srcStride, dstStride, maxima, sums, work);
}

/**
 * The same on rows that lie side by side: those of a shape [outer, cols, inner] along its middle axis, `rows` = outer · inner of
 * them. The elements of a row are `stride` bytes apart, at `src` and at `dst`. Longer rows than the work area holds come in pieces.
 */
export function columns(
  operation: i32, src: usize, dst: usize, rows: i32, cols: i32, inner: i32,
  stride: usize, maxima: usize, sums: usize, work: usize,
): void {
  assert(rows > 0 && cols > 0 && inner > 0, "columns: rows, cols and inner must be positive");
  assert((work & 15) == 0, "columns: work must be aligned to 16 bytes");
  assert(cols <= LONGEST, "columns: four rows must fit into the work area");
  columnsInLanes(operation, src, dst, rows, cols, inner, stride, maxima, sums, work);
}

function apart(src: u64, dst: u64, srcBytes: u64, dstBytes: u64): bool {
  return src == dst || src + srcBytes <= dst || dst + dstBytes <= src;
}

function inMemory(at: u64, bytes: u64): bool {
  return at + bytes <= <u64>memory.size() << 16;
}
