// Rows that do not lie along the last axis: the elements of a row are `stride` bytes apart, and beside each of them lie those of its
// neighbours. Adjacent rows go into adjacent lanes as they are; nothing is transposed.
//
// Of a shape [outer, cols, inner], row i = o·inner + k has its elements at ((o·cols) + c)·stride + 4k, c = 0, 1, …

import { UPPER_BITS, UP, DOWN, timesDouble } from "./exp";
import { BATCH_GROUPS, GROUP_ROWS, SLOTS_BYTES, begin, settle, solve, sum } from "./lanes";
import { LOG_SOFTMAX, SOFTMAX, isLogarithmic } from "./operation";
import { LOG, LOWER, MAX, NEAR, SLOT_BYTES, UPPER, storeValues } from "./slot";

/** Where the first element of row `row` lies. */
// @ts-ignore: decorator
@inline
function startOf(row: i32, inner: i32, cols: i32, stride: usize): usize {
  return <usize>(row / inner) * <usize>cols * stride + (<usize>(row % inner) << 2);
}

/** How many groups go by the batch: as many as `dataBytes` of work area hold the elements of. */
// @ts-ignore: decorator
@inline
export function batchGroups(cols: i32, dataBytes: i32): i32 {
  return max(1, min(BATCH_GROUPS, dataBytes / (cols << 4)));
}

export function columns(
  operation: i32, src: usize, dst: usize, rows: i32, cols: i32, inner: i32,
  stride: usize, maxima: usize, sums: usize, work: usize, workBytes: i32,
): void {
  const data = work + SLOTS_BYTES;
  const batchRows = GROUP_ROWS * batchGroups(cols, workBytes - SLOTS_BYTES);
  for (let row = 0; row < rows; row += batchRows) {
    const count = min(rows - row, batchRows), groups = (count + 3) >> 2;
    begin(work, groups);
    gather(src, row, count, cols, inner, stride, data, work);
    solve(operation, data, cols, work, count, maxima + (<usize>row << 2), sums + (<usize>row << 3));
    if (isLogarithmic(operation) && operation != LOG_SOFTMAX)
      storeValues(operation, work, count, dst + (<usize>row << 2), sums + (<usize>row << 3));
    else writeColumns(operation, dst, row, count, cols, inner, stride, data, work);
  }
}

// Rows longer than the work area holds go through in pieces of a multiple of 64 elements (where the sums pause), at most 32 rows
// side by side: begin; findColumnMaxima of every piece; findShifts; sumColumns of every piece; findResults; finishColumns.

export function findColumnMaxima(src: usize, count: i32, cols: i32, stride: usize, work: usize): void {
  gather(src, 0, count, cols, count, stride, work + SLOTS_BYTES, work);
}

export function sumColumns(operation: i32, src: usize, count: i32, cols: i32, stride: usize, work: usize): void {
  const data = work + SLOTS_BYTES, groups = (count + 3) >> 2;
  gather(src, 0, count, cols, count, stride, data, work);
  settle(data, cols, work, groups);
  sum(operation, data, cols, work, groups);
}

/** The terms are found once more: where the elements came from, there may be no room for them. */
export function finishColumns(operation: i32, src: usize, dst: usize, count: i32, cols: i32, stride: usize, work: usize): void {
  sumColumns(operation == LOG_SOFTMAX ? operation : SOFTMAX, src, count, cols, stride, work);
  writeColumns(operation, dst, 0, count, cols, count, stride, work + SLOTS_BYTES, work);
}

/** Whether rows `row` … `row + count − 1` are neighbours everywhere, and fill groups of four. */
// @ts-ignore: decorator
@inline
function adjacent(row: i32, count: i32, inner: i32): bool {
  return (count & 3) == 0 && row % inner + count <= inner;
}

/** Elements in, and the maxima. Where a batch lies side by side, all of it is read element by element: whole cache lines. */
export function gather(
  src: usize, row: i32, count: i32, cols: i32, inner: i32, stride: usize, data: usize, slots: usize,
): void {
  const groupBytes = <usize>cols << 4;
  if (adjacent(row, count, inner)) {
    src += startOf(row, inner, cols, stride);
    for (const end = data + groupBytes; data < end; data += 16, src += stride) {
      let from = src, to = data, slot = slots;
      for (let lane = 0; lane < count; lane += 4, from += 16, to += groupBytes, slot += SLOT_BYTES) {
        const x = v128.load(from);
        v128.store(to, x);
        v128.store(slot, f32x4.pmax(v128.load(slot, MAX), x), MAX);
      }
    }
    return;
  }
  for (let lane = 0; lane < count; lane += 4, slots += SLOT_BYTES) {
    const last = row + count - 1;
    let a = src + startOf(row + lane, inner, cols, stride), b = src + startOf(min(row + lane + 1, last), inner, cols, stride);
    let c = src + startOf(min(row + lane + 2, last), inner, cols, stride), d = src + startOf(min(row + lane + 3, last), inner, cols, stride);
    let max = v128.load(slots, MAX);
    for (const end = data + groupBytes; data < end; data += 16) {
      const x = v128.load32_lane(d, v128.load32_lane(c, v128.load32_lane(b, v128.load32_zero(a), 1), 2), 3);
      v128.store(data, x);
      max = f32x4.pmax(max, x);
      a += stride; b += stride; c += stride; d += stride;
    }
    v128.store(slots, max, MAX);
  }
}

/** Terms in and probabilities out, or logits in and log-probabilities out. */
function writeColumns(
  operation: i32, dst: usize, row: i32, count: i32, cols: i32, inner: i32, stride: usize, data: usize, slots: usize,
): void {
  const groupBytes = <usize>cols << 4;
  if (operation == LOG_SOFTMAX) {
    let at = data, slot = slots;
    for (let lane = 0; lane < count; lane += 4, slot += SLOT_BYTES) {
      const near = v128.load(slot, NEAR), log = v128.load(slot, LOG);
      for (const end = at + groupBytes; at < end; at += 16)
        v128.store(at, f32x4.sub(f32x4.sub(v128.load(at), near), log));
    }
  } else {
    const upperBits = UPPER_BITS, up = UP, down = DOWN;
    let at = data, slot = slots;
    for (let lane = 0; lane < count; lane += 4, slot += SLOT_BYTES) {
      const upper = v128.load(slot, UPPER), lower = v128.load(slot, LOWER);
      for (const end = at + groupBytes; at < end; at += 16)
        v128.store(at, timesDouble(v128.load(at), upper, lower, upperBits, up, down));
    }
  }
  scatter(dst, row, count, cols, inner, stride, data);
}

export function scatter(dst: usize, row: i32, count: i32, cols: i32, inner: i32, stride: usize, data: usize): void {
  const groupBytes = <usize>cols << 4;
  if (adjacent(row, count, inner)) {
    dst += startOf(row, inner, cols, stride);
    for (const end = data + groupBytes; data < end; data += 16, dst += stride) {
      let from = data, to = dst;
      for (let lane = 0; lane < count; lane += 4, from += groupBytes, to += 16) v128.store(to, v128.load(from));
    }
    return;
  }
  for (let lane = 0; lane < count; lane += 4) {
    const last = row + count - 1;
    let a = dst + startOf(row + lane, inner, cols, stride), b = dst + startOf(min(row + lane + 1, last), inner, cols, stride);
    let c = dst + startOf(min(row + lane + 2, last), inner, cols, stride), d = dst + startOf(min(row + lane + 3, last), inner, cols, stride);
    for (const end = data + groupBytes; data < end; data += 16) {
      const y = v128.load(data);
      v128.store32_lane(a, y, 0);
      v128.store32_lane(b, y, 1);
      v128.store32_lane(c, y, 2);
      v128.store32_lane(d, y, 3);
      a += stride; b += stride; c += stride; d += stride;
    }
  }
}
