// Short rows: four rows at a time, transposed into lanes and back. The few operations per row are shared by four.

import { NOTHING, UPPER_BITS, DOWN, farLanes, lowered, productOf, timesDouble } from "./exp";
import { BATCH_GROUPS, GROUP_ROWS, SLOTS_BYTES, apartBy, findResults, settle, sum, takeMaxima } from "./lanes";
import { FROM_STATS, LOG_SOFTMAX, hasTerms, isValue } from "./operation";
import { DEEP, LOG, LOWER, MAX, NEAR, SLOT_BYTES, UPPER, beginSlot, findShiftsOf, firstOf, storeValues } from "./slot";
import { ONE_SUM_COLS } from "./sum";
import { storeTail } from "./tail";

/** Twice as many rows go in a batch if they are this short: 2 to 4 % off at 2 to 10 columns; at 64, 3 % more (the L1 cache). */
const SHORT: i32 = 24;

/**
 * From here on, the next batch, and where it goes, are fetched while the terms of this one are computed, a cache line of each for each block of
 * terms. `relaxed`, Node 24, 48 MiB: 21 columns 9 to 20 % off, 64 17 to 19 %, 100 25 to 27 %; 4 MiB: 7, 14 and 20 %; in cache 1 % more, and fewer
 * columns, for which it is not done, 3 %. All of a group at once gains nothing. Not where `dst` is `src`, as in the scratch.
 */
const FETCHED_COLS: i32 = 16;

/**
 * What the slots of a batch take of the work area, and 2560 bytes: without 1536 of them, groups would begin as far from the start of a page as the first
 * array of an arena, and take 7 % more at 64 columns.
 */
const NARROW_SLOTS_BYTES: i32 = 2 * SLOTS_BYTES + 2560;

/**
 * `rows` × `cols` float32 from `src` on to `dst`, which may be `src`: a batch is read before it is written. A row begins
 * `srcStride` bytes after the one before it. Values and statistics go to `dst` and `sums`, or come from `maxima` and `sums`.
 */
export function narrow(
  operation: i32, src: usize, dst: usize, rows: i32, cols: i32,
  srcStride: usize, dstStride: usize, maxima: usize, sums: usize, work: usize,
): void {
  const data = work + NARROW_SLOTS_BYTES, apart = apartBy(cols);
  const batchRows = cols <= SHORT ? 2 * GROUP_ROWS * BATCH_GROUPS : GROUP_ROWS * BATCH_GROUPS;
  const fetches = cols >= FETCHED_COLS && src != dst && srcStride == dstStride;
  const srcEnd = fetches ? src + <usize>(rows - 1) * srcStride + (<usize>cols << 2) : 0;
  for (let row = 0; row < rows; row += batchRows) {
    const count = min(rows - row, batchRows), groups = (count + 3) >> 2;
    const values = dst + (<usize>row << 2), rowSums = sums + (<usize>row << 3);
    if (operation == FROM_STATS) takeMaxima(maxima + (<usize>row << 2), work, count);
    readRows(operation, src + <usize>row * srcStride, count, cols, srcStride, data, apart, work);
    sum(operation, data, cols, apart, work, groups, cols <= ONE_SUM_COLS, src + <usize>(row + count) * srcStride, srcEnd, dst - src);
    findResults(operation, work, count, cols, rowSums);
    if (isValue(operation)) storeValues(operation, work, count, values, rowSums);
    else if (operation == LOG_SOFTMAX) writeLogs(dst + <usize>row * dstStride, count, cols, dstStride, data, apart, work);
    else writeProbabilities(dst + <usize>row * dstStride, count, cols, dstStride, data, apart, work);
  }
}

// A tile is 4 rows × 4 columns; the last of a row may have 1, 2 or 3 columns.

// @ts-ignore: decorator
@inline
function loadRow(src: usize, cols: i32): v128 {
  if (cols == 1) return v128.load32_zero(src);
  const two = v128.load64_zero(src);
  return cols == 2 ? two : v128.load32_lane(src, two, 2, 8);
}

/** Writes the columns of a last tile; returns the larger of `max` and the largest of each row. */
// @ts-ignore: decorator
@inline
function lastTileIn(row0: usize, row1: usize, row2: usize, row3: usize, data: usize, cols: i32, max: v128): v128 {
  const a = loadRow(row0, cols), b = loadRow(row1, cols), c = loadRow(row2, cols), d = loadRow(row3, cols);
  const ab01 = v128.shuffle<f32>(a, b, 0, 4, 1, 5), cd01 = v128.shuffle<f32>(c, d, 0, 4, 1, 5);
  const col0 = v128.shuffle<f64>(ab01, cd01, 0, 2);
  v128.store(data, col0);
  max = f32x4.pmax(max, col0);
  if (cols > 1) {
    const col1 = v128.shuffle<f64>(ab01, cd01, 1, 3);
    v128.store(data, col1, 16);
    max = f32x4.pmax(max, col1);
  }
  if (cols > 2) {
    const ab23 = v128.shuffle<f32>(a, b, 2, 6, 3, 7), cd23 = v128.shuffle<f32>(c, d, 2, 6, 3, 7);
    const col2 = v128.shuffle<f64>(ab23, cd23, 0, 2);
    v128.store(data, col2, 32);
    max = f32x4.pmax(max, col2);
  }
  return max;
}

/** Writes the first `cols` of four columns, as rows. */
// @ts-ignore: decorator
@inline
function tileOut(
  row0: usize, row1: usize, row2: usize, row3: usize, a: v128, b: v128, c: v128, d: v128, cols: i32,
): void {
  const ab01 = v128.shuffle<f32>(a, b, 0, 4, 1, 5), ab23 = v128.shuffle<f32>(a, b, 2, 6, 3, 7);
  const cd01 = v128.shuffle<f32>(c, d, 0, 4, 1, 5), cd23 = v128.shuffle<f32>(c, d, 2, 6, 3, 7);
  a = v128.shuffle<f64>(ab01, cd01, 0, 2);
  b = v128.shuffle<f64>(ab01, cd01, 1, 3);
  c = v128.shuffle<f64>(ab23, cd23, 0, 2);
  d = v128.shuffle<f64>(ab23, cd23, 1, 3);
  if (cols == 4) {
    v128.store(row0, a);
    v128.store(row1, b);
    v128.store(row2, c);
    v128.store(row3, d);
  } else {
    const bytes = <usize>cols << 2;
    storeTail(row0, a, bytes);
    storeTail(row1, b, bytes);
    storeTail(row2, c, bytes);
    storeTail(row3, d, bytes);
  }
}

// @ts-ignore: decorator
@inline
function probabilitiesOut(
  row0: usize, row1: usize, row2: usize, row3: usize, data: usize,
  upper: v128, lower: v128, upperBits: v128, down: v128, cols: i32,
): void {
  const a = timesDouble(v128.load(data), upper, lower, upperBits, down);
  const b = cols > 1 ? timesDouble(v128.load(data, 16), upper, lower, upperBits, down) : a;
  const c = cols > 2 ? timesDouble(v128.load(data, 32), upper, lower, upperBits, down) : a;
  const d = cols > 3 ? timesDouble(v128.load(data, 48), upper, lower, upperBits, down) : a;
  tileOut(row0, row1, row2, row3, a, b, c, d, cols);
}

/** (x − max) − log Σ: of one sign, so each rounding is one of the result's own size or less. */
// @ts-ignore: decorator
@inline
function logsOut(
  row0: usize, row1: usize, row2: usize, row3: usize, data: usize, near: v128, log: v128, cols: i32,
): void {
  const a = f32x4.sub(f32x4.sub(v128.load(data), near), log), b = f32x4.sub(f32x4.sub(v128.load(data, 16), near), log);
  const c = f32x4.sub(f32x4.sub(v128.load(data, 32), near), log), d = f32x4.sub(f32x4.sub(v128.load(data, 48), near), log);
  tileOut(row0, row1, row2, row3, a, b, c, d, cols);
}

/** Rows in; elements, one row a lane, out, and what follows from the maximum. */
function readRows(operation: i32, src: usize, rows: i32, cols: i32, stride: usize, first: usize, apart: usize, slots: usize): void {
  const lastCols = cols & 3;
  const nothing = i32x4.splat(NOTHING);
  let far = f32x4.splat(0), slot = slots, group = first;
  for (let row = 0; row < rows; row += GROUP_ROWS, slot += SLOT_BYTES, group += apart) {
    let data = group;
    let row0 = src + <usize>firstOf(row, rows) * stride;
    let row1 = rows > 1 ? row0 + stride : row0;
    let row2 = rows > 2 ? row1 + stride : row1;
    let row3 = rows > 3 ? row2 + stride : row2;
    // Four of them: on Intel, each waits four cycles for the one before it (64 columns 9 % off, 21 3 %).
    let max = nothing, max1 = nothing, max2 = nothing, max3 = nothing;
    for (const end = row0 + (<usize>(cols & ~3) << 2); row0 < end; data += 64) {
      const a = v128.load(row0), b = v128.load(row1), c = v128.load(row2), d = v128.load(row3);
      const ab01 = v128.shuffle<f32>(a, b, 0, 4, 1, 5), cd01 = v128.shuffle<f32>(c, d, 0, 4, 1, 5);
      const ab23 = v128.shuffle<f32>(a, b, 2, 6, 3, 7), cd23 = v128.shuffle<f32>(c, d, 2, 6, 3, 7);
      const col0 = v128.shuffle<f64>(ab01, cd01, 0, 2), col1 = v128.shuffle<f64>(ab01, cd01, 1, 3);
      const col2 = v128.shuffle<f64>(ab23, cd23, 0, 2), col3 = v128.shuffle<f64>(ab23, cd23, 1, 3);
      v128.store(data, col0);
      v128.store(data, col1, 16);
      v128.store(data, col2, 32);
      v128.store(data, col3, 48);
      max = f32x4.pmax(max, col0);
      max1 = f32x4.pmax(max1, col1);
      max2 = f32x4.pmax(max2, col2);
      max3 = f32x4.pmax(max3, col3);
      row0 += 16; row1 += 16; row2 += 16; row3 += 16;
    }
    max = f32x4.pmax(f32x4.pmax(max, max1), f32x4.pmax(max2, max3));
    if (lastCols == 1) max = lastTileIn(row0, row1, row2, row3, data, 1, max);
    else if (lastCols == 2) max = lastTileIn(row0, row1, row2, row3, data, 2, max);
    else if (lastCols == 3) max = lastTileIn(row0, row1, row2, row3, data, 3, max);
    if (operation == FROM_STATS) max = v128.load(slot, MAX);
    if (!hasTerms(operation) || cols > ONE_SUM_COLS) beginSlot(slot, max); // the sum of few terms begins by itself
    else v128.store(slot, max, MAX);
    findShiftsOf(slot, max);
    far = v128.or(far, farLanes(max));
  }
  if (v128.any_true(far)) settle(first, cols, apart, slots, (rows + 3) >> 2);
}

/** Terms in; probabilities out, as rows. */
function writeProbabilities(dst: usize, rows: i32, cols: i32, stride: usize, first: usize, apart: usize, slots: usize): void {
  const upperBits = i32x4.splat(UPPER_BITS), down = f32x4.splat(DOWN);
  const lastCols = cols & 3;
  for (let row = 0; row < rows; row += GROUP_ROWS, slots += SLOT_BYTES, first += apart) {
    let data = first;
    const upper = v128.load(slots, UPPER), lower = v128.load(slots, LOWER);
    let row0 = dst + <usize>firstOf(row, rows) * stride;
    let row1 = rows > 1 ? row0 + stride : row0;
    let row2 = rows > 2 ? row1 + stride : row1;
    let row3 = rows > 3 ? row2 + stride : row2;
    const end = row0 + (<usize>(cols & ~3) << 2);
    if (!load<i32>(slots, DEEP)) {
      const upperDown = lowered(upper, down), lowerDown = lowered(lower, down);
      for (; row0 < end; data += 64) {
        const a = productOf(v128.load(data), upperDown, lowerDown, upperBits), b = productOf(v128.load(data, 16), upperDown, lowerDown, upperBits);
        const c = productOf(v128.load(data, 32), upperDown, lowerDown, upperBits), d = productOf(v128.load(data, 48), upperDown, lowerDown, upperBits);
        tileOut(row0, row1, row2, row3, a, b, c, d, 4);
        row0 += 16; row1 += 16; row2 += 16; row3 += 16;
      }
    }
    for (; row0 < end; data += 64) {
      probabilitiesOut(row0, row1, row2, row3, data, upper, lower, upperBits, down, 4);
      row0 += 16; row1 += 16; row2 += 16; row3 += 16;
    }
    if (lastCols == 1) probabilitiesOut(row0, row1, row2, row3, data, upper, lower, upperBits, down, 1);
    else if (lastCols == 2) probabilitiesOut(row0, row1, row2, row3, data, upper, lower, upperBits, down, 2);
    else if (lastCols == 3) probabilitiesOut(row0, row1, row2, row3, data, upper, lower, upperBits, down, 3);
  }
}

/** Logits in; log-probabilities out, as rows. */
function writeLogs(dst: usize, rows: i32, cols: i32, stride: usize, first: usize, apart: usize, slots: usize): void {
  const lastCols = cols & 3;
  for (let row = 0; row < rows; row += GROUP_ROWS, slots += SLOT_BYTES, first += apart) {
    let data = first;
    const near = v128.load(slots, NEAR), log = v128.load(slots, LOG);
    let row0 = dst + <usize>firstOf(row, rows) * stride;
    let row1 = rows > 1 ? row0 + stride : row0;
    let row2 = rows > 2 ? row1 + stride : row1;
    let row3 = rows > 3 ? row2 + stride : row2;
    for (const end = row0 + (<usize>(cols & ~3) << 2); row0 < end; data += 64) {
      logsOut(row0, row1, row2, row3, data, near, log, 4);
      row0 += 16; row1 += 16; row2 += 16; row3 += 16;
    }
    if (lastCols > 0) logsOut(row0, row1, row2, row3, data, near, log, lastCols);
  }
}
