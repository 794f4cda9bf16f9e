// Rows that do not lie along the last axis: the elements of a row are `stride` bytes apart, and beside each of them lie those of its
// neighbours. Adjacent rows go into adjacent lanes as they are; nothing is transposed.
//
// Of a shape [outer, cols, inner], row i = o·inner + k has its elements at ((o·cols) + c)·stride + 4k, c = 0, 1, …
//
// Rows that the work area holds are read once and written once. Longer ones are read twice, and their terms wait at `dst`.

import { UPPER_BITS, UP, DOWN, timesDouble } from "./exp";
import { BATCH_GROUPS, GROUP_ROWS, SLOTS_BYTES, STEP, begin, findResults, findShifts, settle, sum } from "./lanes";
import { LOG_SOFTMAX, SOFTMAX, isLogarithmic, isValue } from "./operation";
import { LOG, LOWER, MAX, NEAR, SLOT_BYTES, UPPER, firstOf, storeValues } from "./slot";

export const BATCH_ROWS: i32 = GROUP_ROWS * BATCH_GROUPS;
/** The longest rows that the work area holds a batch of: half of the L2 cache. Rows of 2048, with room for 1024: DESIGN.md. */
const LONGEST: i32 = 4096;
/** What goes through a step at once: half of the L1 cache. A multiple of 64, where sums pause. */
export const PIECE: i32 = 128;

export const COLUMNS_WORK_BYTES: i32 = SLOTS_BYTES + 4 * BATCH_ROWS * LONGEST;

/** Where the first element of row `row` lies. */
// @ts-ignore: decorator
@inline
function startOf(row: i32, inner: i32, cols: i32, stride: usize): usize {
  return <usize>(row / inner) * <usize>cols * stride + (<usize>(row % inner) << 2);
}

/** How many rows make the batch that begins at `row`: neighbours, where there are enough of them for a full batch. */
// @ts-ignore: decorator
@inline
function batchAt(row: i32, rows: i32, inner: i32): i32 {
  const count = min(rows - row, BATCH_ROWS);
  return inner < BATCH_ROWS ? count : min(count, inner - (row % inner));
}

export function columns(
  operation: i32, src: usize, dst: usize, rows: i32, cols: i32, inner: i32,
  stride: usize, maxima: usize, sums: usize, work: usize,
): void {
  const data = work + SLOTS_BYTES;
  for (let row = 0, count = 0; row < rows; row += count) {
    count = batchAt(row, rows, inner);
    const groups = (count + 3) >> 2, isShort = cols <= LONGEST;
    begin(work, groups);
    if (isShort)
      for (let first = 0; first < cols; first += PIECE)
        gather(src + <usize>first * stride, row, count, min(cols - first, PIECE), cols, inner, stride, data + <usize>first * STEP, work);
    else findMaxima(src, row, count, cols, cols, inner, stride, work);
    findShifts(operation, work, count, maxima + (<usize>row << 2));
    if (isShort) {
      settle(data, cols, work, groups);
      for (let first = 0; first < cols; first += PIECE)
        sum(operation, data + <usize>first * STEP, min(cols - first, PIECE), work, groups);
    } else sumPieces(operation, src, dst, row, count, cols, cols, inner, stride, work);
    const rowSums = sums + (<usize>row << 3);
    findResults(operation, work, count, rowSums);
    if (isValue(operation)) storeValues(operation, work, count, dst + (<usize>row << 2), rowSums);
    else if (isShort)
      for (let first = 0; first < cols; first += PIECE)
        scatter(operation, dst + <usize>first * stride, row, count, min(cols - first, PIECE), cols, inner, stride, data + <usize>first * STEP, STEP, work);
    else finish(operation, src, dst, row, count, cols, cols, inner, stride, work);
  }
}

// Rows too long for the memory at hand come in pieces of a multiple of 64 elements, at most 32 rows side by side: begin;
// findColumnMaxima of every piece; findShifts; sumColumns of every piece; findResults; finishColumns of every piece.

export function findColumnMaxima(src: usize, count: i32, length: i32, stride: usize, work: usize): void {
  findMaxima(src, 0, count, length, length, count, stride, work);
}

/** Terms are left at `dst`. */
export function sumColumns(operation: i32, src: usize, dst: usize, count: i32, length: i32, stride: usize, work: usize): void {
  sumPieces(operation, src, dst, 0, count, length, length, count, stride, work);
}

/** From the terms, which are at `dst`, or else from the elements at `src`. */
export function finishColumns(operation: i32, src: usize, dst: usize, count: i32, length: i32, stride: usize, work: usize): void {
  finish(operation, src, dst, 0, count, length, length, count, stride, work);
}

// Below, `row` … `row + count − 1` are the rows of a batch, and `length` how many elements of each are meant, the first at `src`.

function findMaxima(
  src: usize, row: i32, count: i32, length: i32, cols: i32, inner: i32, stride: usize, work: usize,
): void {
  for (; length > 0; length -= PIECE, src += <usize>PIECE * stride)
    gather(src, row, count, min(length, PIECE), cols, inner, stride, work + SLOTS_BYTES, work);
}

function sumPieces(
  operation: i32, src: usize, dst: usize, row: i32, count: i32, length: i32, cols: i32, inner: i32, stride: usize, work: usize,
): void {
  const data = work + SLOTS_BYTES, groups = (count + 3) >> 2;
  for (; length > 0; length -= PIECE, src += <usize>PIECE * stride, dst += <usize>PIECE * stride) {
    const piece = min(length, PIECE);
    gather(src, row, count, piece, cols, inner, stride, data, work);
    settle(data, piece, work, groups);
    sum(operation, data, piece, work, groups);
    if (!isLogarithmic(operation)) scatter(AS_IT_IS, dst, row, count, piece, cols, inner, stride, data, STEP, work);
  }
}

function finish(
  operation: i32, src: usize, dst: usize, row: i32, count: i32, length: i32, cols: i32, inner: i32, stride: usize, work: usize,
): void {
  const data = work + SLOTS_BYTES, groups = (count + 3) >> 2, isLog = operation == LOG_SOFTMAX;
  if (!isLog) {
    if (isFull(row, count, inner)) {
      scatter(operation, dst, row, count, length, cols, inner, stride, dst + startOf(row, inner, cols, stride), stride, work);
      return;
    }
    src = dst;
  }
  for (; length > 0; length -= PIECE, src += <usize>PIECE * stride, dst += <usize>PIECE * stride) {
    const piece = min(length, PIECE);
    gather(src, row, count, piece, cols, inner, stride, data, work);
    if (isLog) settle(data, piece, work, groups);
    scatter(operation, dst, row, count, piece, cols, inner, stride, data, STEP, work);
  }
}

/** Whether a batch has all its rows, and they are neighbours everywhere. */
// @ts-ignore: decorator
@inline
function isFull(row: i32, count: i32, inner: i32): bool {
  return count == BATCH_ROWS && row % inner + count <= inner;
}

/** Elements in, and the maxima. Where a batch lies side by side, it is read by whole cache lines. */
export function gather(
  src: usize, row: i32, count: i32, length: i32, cols: i32, inner: i32, stride: usize, data: usize, slots: usize,
): void {
  const end = data + <usize>length * STEP;
  if (isFull(row, count, inner)) {
    src += startOf(row, inner, cols, stride);
    let a = maxOf(slots, 0), b = maxOf(slots, 1), c = maxOf(slots, 2), d = maxOf(slots, 3);
    let e = maxOf(slots, 4), f = maxOf(slots, 5), g = maxOf(slots, 6), h = maxOf(slots, 7);
    for (; data < end; data += STEP, src += stride) {
      a = f32x4.pmax(a, moved(src, data, 0));
      b = f32x4.pmax(b, moved(src, data, 16));
      c = f32x4.pmax(c, moved(src, data, 32));
      d = f32x4.pmax(d, moved(src, data, 48));
      e = f32x4.pmax(e, moved(src, data, 64));
      f = f32x4.pmax(f, moved(src, data, 80));
      g = f32x4.pmax(g, moved(src, data, 96));
      h = f32x4.pmax(h, moved(src, data, 112));
    }
    storeMax(slots, 0, a); storeMax(slots, 1, b); storeMax(slots, 2, c); storeMax(slots, 3, d);
    storeMax(slots, 4, e); storeMax(slots, 5, f); storeMax(slots, 6, g); storeMax(slots, 7, h);
    return;
  }
  const last = row + count - 1;
  for (let lane = 0; lane < count; lane += 4, slots += SLOT_BYTES, data += 16) {
    const first = row + firstOf(lane, count);
    let a = src + startOf(first, inner, cols, stride), b = src + startOf(min(first + 1, last), inner, cols, stride);
    let c = src + startOf(min(first + 2, last), inner, cols, stride), d = src + startOf(min(first + 3, last), inner, cols, stride);
    let max = v128.load(slots, MAX);
    if (b == a + 4 && c == a + 8 && d == a + 12)
      for (let at = data; at < end; at += STEP, a += stride) max = f32x4.pmax(max, moved(a, at, 0));
    else
      for (let at = data; at < end; at += STEP) {
        const x = v128.load32_lane(d, v128.load32_lane(c, v128.load32_lane(b, v128.load32_zero(a), 1), 2), 3);
        v128.store(at, x);
        max = f32x4.pmax(max, x);
        a += stride; b += stride; c += stride; d += stride;
      }
    v128.store(slots, max, MAX);
  }
}

// @ts-ignore: decorator
@inline
function moved(src: usize, dst: usize, offset: usize): v128 {
  const x = v128.load(src + offset);
  v128.store(dst + offset, x);
  return x;
}

// @ts-ignore: decorator
@inline
function maxOf(slots: usize, group: usize): v128 {
  return v128.load(slots + group * SLOT_BYTES, MAX);
}

// @ts-ignore: decorator
@inline
function storeMax(slots: usize, group: usize, max: v128): void {
  v128.store(slots + group * SLOT_BYTES, max, MAX);
}

/** In place of an operation: leave the elements as they are. */
export const AS_IT_IS: i32 = -1;

/** An element out: of its term, the probability; of its logit, the log-probability. */
// @ts-ignore: decorator
@inline
function resultOf(operation: i32, v: v128, slot: usize, upperBits: v128, up: v128, down: v128): v128 {
  if (operation == AS_IT_IS) return v;
  if (operation == LOG_SOFTMAX) return f32x4.sub(f32x4.sub(v, v128.load(slot, NEAR)), v128.load(slot, LOG));
  return timesDouble(v, v128.load(slot, UPPER), v128.load(slot, LOWER), upperBits, up, down);
}

// @ts-ignore: decorator
@inline
function batchOut(operation: i32, data: usize, dst: usize, slots: usize, upperBits: v128, up: v128, down: v128): void {
  groupOut(operation, data, dst, 0, slots + 0 * SLOT_BYTES, upperBits, up, down);
  groupOut(operation, data, dst, 16, slots + 1 * SLOT_BYTES, upperBits, up, down);
  groupOut(operation, data, dst, 32, slots + 2 * SLOT_BYTES, upperBits, up, down);
  groupOut(operation, data, dst, 48, slots + 3 * SLOT_BYTES, upperBits, up, down);
  groupOut(operation, data, dst, 64, slots + 4 * SLOT_BYTES, upperBits, up, down);
  groupOut(operation, data, dst, 80, slots + 5 * SLOT_BYTES, upperBits, up, down);
  groupOut(operation, data, dst, 96, slots + 6 * SLOT_BYTES, upperBits, up, down);
  groupOut(operation, data, dst, 112, slots + 7 * SLOT_BYTES, upperBits, up, down);
}

// @ts-ignore: decorator
@inline
function groupOut(
  operation: i32, data: usize, dst: usize, at: usize, slot: usize, upperBits: v128, up: v128, down: v128,
): void {
  v128.store(dst + at, resultOf(operation, v128.load(data + at), slot, upperBits, up, down));
}

/** Results out, of what is at `data`, from element to element `step` bytes apart. */
export function scatter(
  operation: i32, dst: usize, row: i32, count: i32, length: i32, cols: i32, inner: i32, stride: usize,
  data: usize, step: usize, slots: usize,
): void {
  const upperBits = UPPER_BITS, up = UP, down = DOWN;
  const end = data + <usize>length * step;
  if (isFull(row, count, inner)) {
    dst += startOf(row, inner, cols, stride);
    if (operation == AS_IT_IS)
      for (; data < end; data += step, dst += stride) batchOut(AS_IT_IS, data, dst, slots, upperBits, up, down);
    else if (operation == LOG_SOFTMAX)
      for (; data < end; data += step, dst += stride) batchOut(LOG_SOFTMAX, data, dst, slots, upperBits, up, down);
    else
      for (; data < end; data += step, dst += stride) batchOut(SOFTMAX, data, dst, slots, upperBits, up, down);
    return;
  }
  const last = row + count - 1;
  for (let lane = 0; lane < count; lane += 4, slots += SLOT_BYTES, data += 16) {
    const first = row + firstOf(lane, count);
    let a = dst + startOf(first, inner, cols, stride), b = dst + startOf(min(first + 1, last), inner, cols, stride);
    let c = dst + startOf(min(first + 2, last), inner, cols, stride), d = dst + startOf(min(first + 3, last), inner, cols, stride);
    if (b == a + 4 && c == a + 8 && d == a + 12) {
      if (operation == AS_IT_IS)
        for (let at = data; at < end; at += step, a += stride) groupOut(AS_IT_IS, at, a, 0, slots, upperBits, up, down);
      else if (operation == LOG_SOFTMAX)
        for (let at = data; at < end; at += step, a += stride) groupOut(LOG_SOFTMAX, at, a, 0, slots, upperBits, up, down);
      else
        for (let at = data; at < end; at += step, a += stride) groupOut(SOFTMAX, at, a, 0, slots, upperBits, up, down);
    } else
      for (let at = data; at < end; at += step) {
        const y = resultOf(operation, v128.load(at), slots, upperBits, up, down);
        v128.store32_lane(a, y, 0);
        v128.store32_lane(b, y, 1);
        v128.store32_lane(c, y, 2);
        v128.store32_lane(d, y, 3);
        a += stride; b += stride; c += stride; d += stride;
      }
  }
}
