// Rows that do not lie along the last axis: the elements of a row are `stride` bytes apart, and beside each of them lie those of its
// neighbours. Adjacent rows go into adjacent lanes as they are; nothing is transposed.
//
// Of a shape [outer, cols, inner], row i = o·inner + k has its elements at ((o·cols) + c)·stride + 4k, c = 0, 1, …
//
// Rows that the work area holds are read once and written once. Longer ones come in pieces: they are read twice, and their terms wait
// at `dst`.

import { UPPER_BITS, DOWN, timesDouble } from "./exp";
import { BATCH_GROUPS, GROUP_ROWS, SLOTS_BYTES, apartBy, begin, findResults, findShifts, settle, sum } from "./lanes";
import { LOG_SOFTMAX, SOFTMAX, hasTerms, isValue } from "./operation";
import { LOG, LOWER, MAX, NEAR, SLOT_BYTES, STARTS, UPPER, firstOf, storeValues } from "./slot";
import { ONE_SUM_COLS } from "./sum";

export const BATCH_ROWS: i32 = GROUP_ROWS * BATCH_GROUPS;
/** How many elements the work area holds. That is more than the L2 cache, and still quicker than to read rows twice (DESIGN.md). */
const WORK_ELEMENTS: i32 = 1048576;
/** The longest row of which it holds four. */
export const LONGEST: i32 = WORK_ELEMENTS / GROUP_ROWS;
/** What of longer ones goes through a step at once: half of the L1 cache. A multiple of 64, where sums pause. */
export const PIECE: i32 = 128;
const PIECE_APART: usize = 16 * PIECE + 64;

// Of many neighbours, a batch takes more than 32, as far as the L2 cache holds them, and reads and writes RUN elements of each 32 in turn.
// What follows each other in time then lies in fewer pages of memory. From memory, `relaxed`, Node 24: 100 × 16,384 25 % off, 21 × 16,384
// 15 %, 500 × 2048 12 %, 1000 × 4096 6 %; nothing or less with fewer neighbours, or rows that are no longer than a run.
const MANY: i32 = 512;
const RUN: i32 = 16;
const MOST_BLOCKS: i32 = 8;
const BLOCKS_ROOM: i32 = 131072;

/** Where the elements of a batch lie in the work area: behind its slots, and a KiB further, for the reason that narrow.ts gives. */
const BATCH_AT: i32 = MOST_BLOCKS * SLOTS_BYTES + 1024;
export const COLUMNS_WORK_BYTES: i32 = BATCH_AT + 4 * WORK_ELEMENTS + 1024; // and what lies between the groups

/** Where the row in a lane begins. */
// @ts-ignore: decorator
@inline
function startAt(slot: usize, lane: usize): usize {
  return <usize>load<u32>(slot + (lane << 2), STARTS);
}

/** Where the rows of a batch begin: `inner` of them side by side, `pitch` bytes from those on to the next ones. */
export function findStarts(row: i32, count: i32, pitch: usize, inner: i32, slots: usize): void {
  for (let lane = 0; lane < count; lane += GROUP_ROWS, slots += SLOT_BYTES) {
    const first = row + firstOf(lane, count), rowsHere = min(count, GROUP_ROWS);
    let within = first % inner, start = <usize>(first / inner) * pitch + (<usize>within << 2);
    for (let i = 0; i < GROUP_ROWS; i++) {
      store<u32>(slots + (<usize>i << 2), <u32>start, STARTS);
      if (i + 1 >= rowsHere) continue;
      start += 4;
      if (++within < inner) continue;
      within = 0;
      start += pitch - (<usize>inner << 2);
    }
  }
}

/** The most rows of a batch: as many as the work area holds, by fours, up to a block of 32; or several blocks. */
function mostRows(cols: i32, inner: i32): i32 {
  const rows = min((WORK_ELEMENTS / cols) & ~3, BATCH_ROWS);
  return inner < MANY || cols <= RUN ? rows : max(rows, min((BLOCKS_ROOM / cols) & -BATCH_ROWS, MOST_BLOCKS * BATCH_ROWS));
}

/**
 * How many rows the batch from `row` on has: neighbours, where there are enough of them for a full one. Fewer than four are not left
 * for the last.
 */
// @ts-ignore: decorator
@inline
function batchAt(row: i32, rows: i32, inner: i32, batchRows: i32): i32 {
  const left = inner < BATCH_ROWS ? rows - row : inner - (row % inner);
  return inner < BATCH_ROWS && <u32>(left - batchRows - 1) < <u32>GROUP_ROWS - 1 ? left - GROUP_ROWS : min(left, batchRows);
}

export function columns(
  operation: i32, src: usize, dst: usize, rows: i32, cols: i32, inner: i32,
  stride: usize, maxima: usize, sums: usize, work: usize,
): void {
  const data = work + BATCH_AT, apart = apartBy(cols), batchRows = mostRows(cols, inner);
  for (let row = 0, count = 0; row < rows; row += count) {
    count = batchAt(row, rows, inner, batchRows);
    const groups = (count + 3) >> 2, run = count > BATCH_ROWS ? RUN : cols, rowSums = sums + (<usize>row << 3);
    begin(work, groups);
    findStarts(row, count, <usize>cols * stride, inner, work);
    for (let first = 0; first < cols; first += run)
      gather(src + <usize>first * stride, count, min(cols - first, run), stride, data + (<usize>first << 4), apart, work);
    findShifts(operation, work, count, maxima + (<usize>row << 2));
    settle(data, cols, apart, work, groups);
    sum(operation, data, cols, apart, work, groups, cols <= ONE_SUM_COLS);
    findResults(operation, work, count, cols, rowSums);
    if (isValue(operation)) storeValues(operation, work, count, dst + (<usize>row << 2), rowSums);
    else
      for (let first = 0; first < cols; first += run)
        scatter(operation, dst + <usize>first * stride, count, min(cols - first, run), stride, data + (<usize>first << 4), 16, apart, work);
  }
}

// Rows too long for the work area, or for the memory at hand, come in pieces of a multiple of 64 elements, at most 32 rows side by side:
// begin; findColumnMaxima of every piece; findShifts; sumColumns of every piece; findResults; finishColumns of every piece.

export function findColumnMaxima(src: usize, count: i32, length: i32, stride: usize, work: usize): void {
  findNeighbours(count, work);
  for (; length > 0; length -= PIECE, src += <usize>PIECE * stride)
    gather(src, count, min(length, PIECE), stride, work + SLOTS_BYTES, PIECE_APART, work);
}

/** Of rows of `cols` in all. Terms are left at `dst`. */
export function sumColumns(
  operation: i32, src: usize, dst: usize, count: i32, length: i32, stride: usize, cols: i32, work: usize,
): void {
  findNeighbours(count, work);
  const data = work + SLOTS_BYTES, groups = (count + 3) >> 2;
  for (; length > 0; length -= PIECE, src += <usize>PIECE * stride, dst += <usize>PIECE * stride) {
    const piece = min(length, PIECE);
    gather(src, count, piece, stride, data, PIECE_APART, work);
    settle(data, piece, PIECE_APART, work, groups);
    sum(operation, data, piece, PIECE_APART, work, groups, cols <= ONE_SUM_COLS);
    if (hasTerms(operation)) scatter(AS_IT_IS, dst, count, piece, stride, data, 16, PIECE_APART, work);
  }
}

/** From the terms, which are at `dst`, or else from the elements at `src`. */
export function finishColumns(operation: i32, src: usize, dst: usize, count: i32, length: i32, stride: usize, work: usize): void {
  findNeighbours(count, work);
  if (operation != LOG_SOFTMAX) {
    if (isFull(count, work)) {
      scatter(operation, dst, count, length, stride, dst, stride, 16, work);
      return;
    }
    src = dst;
  }
  for (; length > 0; length -= PIECE, src += <usize>PIECE * stride, dst += <usize>PIECE * stride) {
    const piece = min(length, PIECE);
    gather(src, count, piece, stride, work + SLOTS_BYTES, PIECE_APART, work);
    if (operation == LOG_SOFTMAX) settle(work + SLOTS_BYTES, piece, PIECE_APART, work, (count + 3) >> 2);
    scatter(operation, dst, count, piece, stride, work + SLOTS_BYTES, 16, PIECE_APART, work);
  }
}

/** Rows that lie side by side, all of them. */
export function findNeighbours(count: i32, slots: usize): void {
  findStarts(0, count, 0, count, slots);
}

/** Whether a batch has all its rows, and they are neighbours everywhere. */
// @ts-ignore: decorator
@inline
function isFull(count: i32, slots: usize): bool {
  return count == BATCH_ROWS && startAt(slots + 7 * SLOT_BYTES, 3) - startAt(slots, 0) == 4 * (BATCH_ROWS - 1);
}

/** Elements in, and the maxima. */
export function gather(
  src: usize, count: i32, length: i32, stride: usize, data: usize, apart: usize, slots: usize,
): void {
  for (; count > 0; count -= BATCH_ROWS, data += <usize>BATCH_GROUPS * apart, slots += SLOTS_BYTES)
    gatherBlock(src, min(count, BATCH_ROWS), length, stride, data, apart, slots);
}

/** Where 32 rows lie side by side, they are read by whole cache lines. */
// @ts-ignore: decorator
@inline
function gatherBlock(
  src: usize, count: i32, length: i32, stride: usize, data: usize, apart: usize, slots: usize,
): void {
  let end = data + (<usize>length << 4);
  if (isFull(count, slots)) {
    src += startAt(slots, 0);
    let a = maxOf(slots, 0), b = maxOf(slots, 1), c = maxOf(slots, 2), d = maxOf(slots, 3);
    let e = maxOf(slots, 4), f = maxOf(slots, 5), g = maxOf(slots, 6), h = maxOf(slots, 7);
    for (; data < end; data += 16, src += stride) {
      let to = data;
      a = f32x4.pmax(a, moved(src, to));
      b = f32x4.pmax(b, moved(src + 16, to += apart));
      c = f32x4.pmax(c, moved(src + 32, to += apart));
      d = f32x4.pmax(d, moved(src + 48, to += apart));
      e = f32x4.pmax(e, moved(src + 64, to += apart));
      f = f32x4.pmax(f, moved(src + 80, to += apart));
      g = f32x4.pmax(g, moved(src + 96, to += apart));
      h = f32x4.pmax(h, moved(src + 112, to += apart));
    }
    storeMax(slots, 0, a); storeMax(slots, 1, b); storeMax(slots, 2, c); storeMax(slots, 3, d);
    storeMax(slots, 4, e); storeMax(slots, 5, f); storeMax(slots, 6, g); storeMax(slots, 7, h);
    return;
  }
  for (let lane = 0; lane < count; lane += 4, slots += SLOT_BYTES, data += apart, end += apart) {
    let a = src + startAt(slots, 0), b = src + startAt(slots, 1), c = src + startAt(slots, 2), d = src + startAt(slots, 3);
    let max = v128.load(slots, MAX);
    if (b == a + 4 && c == a + 8 && d == a + 12)
      for (let at = data; at < end; at += 16, a += stride) max = f32x4.pmax(max, moved(a, at));
    else if (count >= GROUP_ROWS && (d == b + 8 || (b == a + 4 && (c == b + 4 || d == c + 4)))) {
      // The first one, two or three rows are neighbours, and so are the others, somewhere else.
      const others = i32x4.ge_s(i32x4(0, 1, 2, 3), i32x4.splat(b != a + 4 ? 1 : c != b + 4 ? 2 : 3));
      d -= 12;
      for (let at = data; at < end; at += 16, a += stride, d += stride) {
        const x = v128.bitselect(v128.load(d), v128.load(a), others);
        v128.store(at, x);
        max = f32x4.pmax(max, x);
      }
    } else
      for (let at = data; at < end; at += 16) {
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
function moved(src: usize, dst: usize): v128 {
  const x = v128.load(src);
  v128.store(dst, x);
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
function resultOf(operation: i32, v: v128, slot: usize, upperBits: v128, down: v128): v128 {
  if (operation == AS_IT_IS) return v;
  if (operation == LOG_SOFTMAX) return f32x4.sub(f32x4.sub(v, v128.load(slot, NEAR)), v128.load(slot, LOG));
  return timesDouble(v, v128.load(slot, UPPER), v128.load(slot, LOWER), upperBits, down);
}

// @ts-ignore: decorator
@inline
function batchOut(operation: i32, data: usize, apart: usize, dst: usize, slots: usize, upperBits: v128, down: v128): void {
  groupOut(operation, data, dst, slots, upperBits, down);
  groupOut(operation, data += apart, dst + 16, slots + 1 * SLOT_BYTES, upperBits, down);
  groupOut(operation, data += apart, dst + 32, slots + 2 * SLOT_BYTES, upperBits, down);
  groupOut(operation, data += apart, dst + 48, slots + 3 * SLOT_BYTES, upperBits, down);
  groupOut(operation, data += apart, dst + 64, slots + 4 * SLOT_BYTES, upperBits, down);
  groupOut(operation, data += apart, dst + 80, slots + 5 * SLOT_BYTES, upperBits, down);
  groupOut(operation, data += apart, dst + 96, slots + 6 * SLOT_BYTES, upperBits, down);
  groupOut(operation, data += apart, dst + 112, slots + 7 * SLOT_BYTES, upperBits, down);
}

// @ts-ignore: decorator
@inline
function groupOut(operation: i32, data: usize, dst: usize, slot: usize, upperBits: v128, down: v128): void {
  v128.store(dst, resultOf(operation, v128.load(data), slot, upperBits, down));
}

/** Results out, of what is at `data`: from element to element `step` bytes on, from group to group `apart`. */
export function scatter(
  operation: i32, dst: usize, count: i32, length: i32, stride: usize,
  data: usize, step: usize, apart: usize, slots: usize,
): void {
  for (; count > 0; count -= BATCH_ROWS, data += <usize>BATCH_GROUPS * apart, slots += SLOTS_BYTES)
    scatterBlock(operation, dst, min(count, BATCH_ROWS), length, stride, data, step, apart, slots);
}

// @ts-ignore: decorator
@inline
function scatterBlock(
  operation: i32, dst: usize, count: i32, length: i32, stride: usize,
  data: usize, step: usize, apart: usize, slots: usize,
): void {
  const upperBits = i32x4.splat(UPPER_BITS), down = f32x4.splat(DOWN);
  let end = data + <usize>length * step;
  if (isFull(count, slots)) {
    dst += startAt(slots, 0);
    if (operation == AS_IT_IS)
      for (; data < end; data += step, dst += stride) batchOut(AS_IT_IS, data, apart, dst, slots, upperBits, down);
    else if (operation == LOG_SOFTMAX)
      for (; data < end; data += step, dst += stride) batchOut(LOG_SOFTMAX, data, apart, dst, slots, upperBits, down);
    else
      for (; data < end; data += step, dst += stride) batchOut(SOFTMAX, data, apart, dst, slots, upperBits, down);
    return;
  }
  for (let lane = 0; lane < count; lane += 4, slots += SLOT_BYTES, data += apart, end += apart) {
    let a = dst + startAt(slots, 0), b = dst + startAt(slots, 1), c = dst + startAt(slots, 2), d = dst + startAt(slots, 3);
    if (b == a + 4 && c == a + 8 && d == a + 12) {
      if (operation == AS_IT_IS)
        for (let at = data; at < end; at += step, a += stride) groupOut(AS_IT_IS, at, a, slots, upperBits, down);
      else if (operation == LOG_SOFTMAX)
        for (let at = data; at < end; at += step, a += stride) groupOut(LOG_SOFTMAX, at, a, slots, upperBits, down);
      else
        for (let at = data; at < end; at += step, a += stride) groupOut(SOFTMAX, at, a, slots, upperBits, down);
    } else if (b == a + 4 && d == c + 4)
      for (let at = data; at < end; at += step, a += stride, c += stride) {
        const y = resultOf(operation, v128.load(at), slots, upperBits, down);
        v128.store64_lane(a, y, 0);
        v128.store64_lane(c, y, 1);
      }
    else
      for (let at = data; at < end; at += step) {
        const y = resultOf(operation, v128.load(at), slots, upperBits, down);
        v128.store32_lane(a, y, 0);
        v128.store32_lane(b, y, 1);
        v128.store32_lane(c, y, 2);
        v128.store32_lane(d, y, 3);
        a += stride; b += stride; c += stride; d += stride;
      }
  }
}
