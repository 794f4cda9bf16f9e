// Long rows, in the passes of the formula: the maximum, the terms and their sum, the division. Along the row, the lanes hold
// neighbours; what there is to do between the passes is done for four rows at once, one in each lane of a slot.
//
// Rows short enough to stay in the cache go through a pass by the batch, for the reason that lanes.ts gives. All steps are
// exported as they are: a row too long for the memory at hand goes through the passes in pieces (multiples of 256
// columns, but for the last) and comes out with the bits of the whole row.

import {
  LOG2E, LN2_UPPER, LN2_LOWER, Q2, Q3, Q4, Q5, Q6, ONE, UPPER_BITS, UP, DOWN,
  exp, expm1, floored, mulAdd, rebuilt, reduced, timesDouble,
} from "./exp";
import { GROUP_ROWS, findResults, findShifts } from "./lanes";
import { LIFT } from "./log";
import { FROM_STATS, LOG_SOFTMAX, isLogarithmic } from "./operation";
import {
  CENTRE, COUNT, LARGEST, LOG, LOWER, LOWEST, MAGIC, MAX, NEAR, SLOT_BYTES, SUMS, UPPER,
  beginSlot, expOfMax, storeValues,
} from "./slot";
import { START, lost, total, upperHalf } from "./sum";

// Behind the slot of a group stands what the passes leave for each of its four rows, a vector a row.
const MAXIMA: usize = SLOT_BYTES;
const TOTALS_01: usize = MAXIMA + 64;
const TOTALS_23: usize = TOTALS_01 + 64;
const WIDE_SLOT_BYTES: usize = TOTALS_23 + 64;

const BATCH_GROUPS: i32 = 2;
/** The longest row that goes by the batch, in bytes: a batch of them stays in the L2 cache. */
const BATCHED_BYTES: usize = 8192;

/** Parameters as those of narrow.ts. */
export function wide(
  operation: i32, src: usize, dst: usize, rows: i32, cols: i32,
  srcStride: usize, dstStride: usize, maxima: usize, sums: usize, work: usize,
): void {
  const batchRows = <usize>cols << 2 <= BATCHED_BYTES ? GROUP_ROWS * BATCH_GROUPS : 1;
  const values = isLogarithmic(operation) && operation != LOG_SOFTMAX;
  for (; rows > 0; rows -= batchRows) {
    const count = min(rows, batchRows);
    for (let row = 0; row < count; row += GROUP_ROWS) beginWide(slotOf(work, row));
    for (let row = 0; row < count; row++) findMaximum(src + <usize>row * srcStride, cols, slotOf(work, row), row & 3);
    for (let row = 0; row < count; row += GROUP_ROWS)
      findWideShifts(operation, slotOf(work, row), min(count - row, GROUP_ROWS), maxima + (<usize>row << 2));
    for (let row = 0; row < count; row++)
      sumWide(operation, src + <usize>row * srcStride, dst + <usize>row * dstStride, cols, slotOf(work, row), row & 3);
    for (let row = 0; row < count; row += GROUP_ROWS)
      findWideResults(operation, slotOf(work, row), min(count - row, GROUP_ROWS), sums + (<usize>row << 3));
    if (values) {
      for (let row = 0; row < count; row += GROUP_ROWS)
        storeValues(operation, slotOf(work, row), min(count - row, GROUP_ROWS), dst + (<usize>row << 2), sums + (<usize>row << 3));
      dst += <usize>count << 2;
    } else {
      for (let row = 0; row < count; row++)
        finishWide(operation, src + <usize>row * srcStride, dst + <usize>row * dstStride, cols, slotOf(work, row), row & 3);
      dst += dstStride * <usize>count;
    }
    src += srcStride * <usize>count;
    maxima += <usize>count << 2;
    sums += <usize>count << 3;
  }
}

// @ts-ignore: decorator
@inline
function slotOf(work: usize, row: i32): usize {
  return work + <usize>(row >> 2) * WIDE_SLOT_BYTES;
}

/** Before the first pass of a group. Rows that are not there stay as this leaves them. */
export function beginWide(slot: usize): void {
  beginSlot(slot, f32x4.splat(-Infinity));
  for (const end = slot + 64; slot < end; slot += 16) {
    v128.store(slot, f32x4.splat(-Infinity), MAXIMA);
    v128.store(slot, f64x2.splat(0), TOTALS_01);
    v128.store(slot, f64x2.splat(0), TOTALS_23);
  }
}

const BLOCK_BYTES: usize = 64;
/** How much of a row is added up in float32 and its losses (64 terms a lane) before float64 takes over: see sum.ts. */
const FLUSHED_BYTES: usize = 1024;

/** The last 1 to 3 elements of a row; the missing ones are −∞, whose exp is 0, if not `filler`. `bytes` is 4, 8 or 12. */
// @ts-ignore: decorator
@inline
export function loadTail(src: usize, bytes: usize, filler: f32 = -Infinity): v128 {
  const fill = f32x4.splat(filler);
  if (bytes == 4) return v128.load32_lane(src, fill, 0);
  const two = v128.load64_lane(src, fill, 0);
  return bytes == 8 ? two : v128.load32_lane(src, two, 2, 8);
}

// @ts-ignore: decorator
@inline
export function storeTail(dst: usize, v: v128, bytes: usize): void {
  if (bytes == 4) v128.store32_lane(dst, v, 0);
  else {
    v128.store64_lane(dst, v, 0);
    if (bytes == 12) v128.store32_lane(dst, v, 2, 8);
  }
}

/** Pass 1, for one `row` of the group. A NaN is passed over (it reaches the sum instead). */
export function findMaximum(src: usize, cols: i32, slot: usize, row: i32): void {
  slot += <usize>row << 4;
  const end = src + (<usize>cols << 2);
  let a = v128.load(slot, MAXIMA), b = a, c = a, d = a;
  for (; src + BLOCK_BYTES <= end; src += BLOCK_BYTES) {
    a = f32x4.pmax(a, v128.load(src));
    b = f32x4.pmax(b, v128.load(src, 16));
    c = f32x4.pmax(c, v128.load(src, 32));
    d = f32x4.pmax(d, v128.load(src, 48));
  }
  for (; src + 16 <= end; src += 16) a = f32x4.pmax(a, v128.load(src));
  if (src < end) b = f32x4.pmax(b, loadTail(src, end - src));
  v128.store(slot, f32x4.pmax(f32x4.pmax(a, b), f32x4.pmax(c, d)), MAXIMA);
}

/** Between passes 1 and 2: how far the rows are to be moved, and the powers of two to divide by. */
export function findWideShifts(operation: i32, slot: usize, count: i32, maxima: usize): void {
  const a = v128.load(slot, MAXIMA), b = v128.load(slot, MAXIMA + 16);
  const c = v128.load(slot, MAXIMA + 32), d = v128.load(slot, MAXIMA + 48);
  const ab = f32x4.pmax(v128.shuffle<f32>(a, b, 0, 4, 1, 5), v128.shuffle<f32>(a, b, 2, 6, 3, 7));
  const cd = f32x4.pmax(v128.shuffle<f32>(c, d, 0, 4, 1, 5), v128.shuffle<f32>(c, d, 2, 6, 3, 7));
  v128.store(slot, f32x4.pmax(v128.shuffle<f64>(ab, cd, 0, 2), v128.shuffle<f64>(ab, cd, 1, 3)), MAX);
  findShifts(operation, slot, count, maxima);
}

/** Pass 2, for one `row` of the group: what the operation adds up. Terms are left at `dst`. */
export function sumWide(operation: i32, src: usize, dst: usize, cols: i32, slot: usize, row: i32): void {
  if (isLogarithmic(operation)) sumRests(src, cols, slot, row);
  else sumTerms(src, dst, cols, slot, row);
}

/** The row less its centre. */
function centred(src: usize, dst: usize, cols: i32, centre: v128): void {
  const end = src + (<usize>cols << 2);
  for (; src + 16 <= end; src += 16, dst += 16) v128.store(dst, f32x4.sub(v128.load(src), centre));
  if (src < end) storeTail(dst, f32x4.sub(loadTail(src, end - src), centre), end - src);
}

/** Writes the terms exp(x)·2^−N, and adds them to the row's totals. */
function sumTerms(src: usize, dst: usize, cols: i32, slot: usize, row: i32): void {
  const vector = <usize>row << 4, lane = <usize>row << 2;
  if (load<f32>(slot + lane, CENTRE) != 0) {
    centred(src, dst, cols, v128.load32_splat(slot + lane, CENTRE));
    src = dst;
  }
  const log2e = LOG2E, ln2Upper = LN2_UPPER, ln2Lower = LN2_LOWER, one = ONE;
  const q2 = Q2, q3 = Q3, q4 = Q4, q5 = Q5, q6 = Q6;
  const lowest = v128.load32_splat(slot + lane, LOWEST), magic = v128.load32_splat(slot + lane, MAGIC);

  const end = src + (<usize>cols << 2);
  while (src < end) {
    const stop = min(src + FLUSHED_BYTES, end);
    let sum = f32x4.splat(START), losses = f32x4.splat(0);
    for (; src + BLOCK_BYTES <= stop; src += BLOCK_BYTES, dst += BLOCK_BYTES) {
      const x0 = floored(v128.load(src), lowest), x1 = floored(v128.load(src, 16), lowest);
      const x2 = floored(v128.load(src, 32), lowest), x3 = floored(v128.load(src, 48), lowest);
      const s0 = mulAdd(x0, log2e, magic), s1 = mulAdd(x1, log2e, magic);
      const s2 = mulAdd(x2, log2e, magic), s3 = mulAdd(x3, log2e, magic);
      const t0 = reduced(x0, s0, magic, ln2Upper, ln2Lower), t1 = reduced(x1, s1, magic, ln2Upper, ln2Lower);
      const t2 = reduced(x2, s2, magic, ln2Upper, ln2Lower), t3 = reduced(x3, s3, magic, ln2Upper, ln2Lower);
      const w0 = expm1(t0, q2, q3, q4, q5, q6), w1 = expm1(t1, q2, q3, q4, q5, q6);
      const w2 = expm1(t2, q2, q3, q4, q5, q6), w3 = expm1(t3, q2, q3, q4, q5, q6);
      const e0 = rebuilt(w0, s0, one), e1 = rebuilt(w1, s1, one), e2 = rebuilt(w2, s2, one), e3 = rebuilt(w3, s3, one);
      v128.store(dst, e0);
      v128.store(dst, e1, 16);
      v128.store(dst, e2, 32);
      v128.store(dst, e3, 48);
      const a0 = f32x4.add(sum, e0), a1 = f32x4.add(a0, e1), a2 = f32x4.add(a1, e2), a3 = f32x4.add(a2, e3);
      losses = f32x4.add(losses, lost(sum, a0, e0));
      losses = f32x4.add(losses, lost(a0, a1, e1));
      losses = f32x4.add(losses, lost(a1, a2, e2));
      losses = f32x4.add(losses, lost(a2, a3, e3));
      sum = a3;
    }
    for (; src + 16 <= stop; src += 16, dst += 16) {
      const e = exp(v128.load(src), lowest, magic, log2e, ln2Upper, ln2Lower, q2, q3, q4, q5, q6, one);
      v128.store(dst, e);
      const next = f32x4.add(sum, e);
      losses = f32x4.add(losses, lost(sum, next, e));
      sum = next;
    }
    if (src < stop) {
      const tail = loadTail(src, stop - src);
      const e = exp(tail, lowest, magic, log2e, ln2Upper, ln2Lower, q2, q3, q4, q5, q6, one);
      storeTail(dst, e, stop - src);
      src = stop;
      const next = f32x4.add(sum, e);
      losses = f32x4.add(losses, lost(sum, next, e));
      sum = next;
    }
    const totals = slot + vector;
    v128.store(totals, f64x2.add(v128.load(totals, TOTALS_01), total(sum, losses)), TOTALS_01);
    const upperTotal = total(upperHalf(sum), upperHalf(losses));
    v128.store(totals, f64x2.add(v128.load(totals, TOTALS_23), upperTotal), TOTALS_23);
  }
}

/** Adds up the terms of all elements but the largest, and counts those. */
function sumRests(src: usize, cols: i32, slot: usize, row: i32): void {
  const vector = <usize>row << 4, lane = <usize>row << 2;
  if (abs(load<f32>(slot + lane, MAX)) == Infinity) markNaN(src, cols, slot + lane);
  const log2e = LOG2E, ln2Upper = LN2_UPPER, ln2Lower = LN2_LOWER, one = ONE;
  const q2 = Q2, q3 = Q3, q4 = Q4, q5 = Q5, q6 = Q6;
  const centre = v128.load32_splat(slot + lane, CENTRE), max = v128.load32_splat(slot + lane, NEAR);
  const lowest = f32x4.sub(v128.load32_splat(slot + lane, LOWEST), f32x4.splat(LIFT * 0.6931471805599453));
  const magic = f32x4.add(v128.load32_splat(slot + lane, MAGIC), f32x4.splat(LIFT));
  let sum01 = v128.load(slot + vector, TOTALS_01), sum23 = v128.load(slot + vector, TOTALS_23);
  let count = 0;
  const end = src + (<usize>cols << 2);
  for (; src + 16 <= end; src += 16) {
    const x = f32x4.sub(v128.load(src), centre), isMax = f32x4.eq(x, max);
    const e = v128.andnot(exp(x, lowest, magic, log2e, ln2Upper, ln2Lower, q2, q3, q4, q5, q6, one), isMax);
    count += popcnt(i32x4.bitmask(isMax));
    sum01 = f64x2.add(sum01, f64x2.promote_low_f32x4(e));
    sum23 = f64x2.add(sum23, f64x2.promote_low_f32x4(upperHalf(e)));
  }
  if (src < end) {
    const x = f32x4.sub(loadTail(src, end - src), centre), isMax = f32x4.eq(x, max);
    const e = v128.andnot(exp(x, lowest, magic, log2e, ln2Upper, ln2Lower, q2, q3, q4, q5, q6, one), isMax);
    count += popcnt(i32x4.bitmask(isMax));
    sum01 = f64x2.add(sum01, f64x2.promote_low_f32x4(e));
    sum23 = f64x2.add(sum23, f64x2.promote_low_f32x4(upperHalf(e)));
  }
  v128.store(slot + vector, sum01, TOTALS_01);
  v128.store(slot + vector, sum23, TOTALS_23);
  store<i32>(slot + lane, load<i32>(slot + lane, COUNT) + count, COUNT);
}

/** A maximum of −∞ or +∞ becomes NaN where there is a NaN: pass 1 takes no notice of those. */
function markNaN(src: usize, cols: i32, lane: usize): void {
  for (const end = src + (<usize>cols << 2); src < end; src += 4)
    if (isNaN(load<f32>(src))) store<f32>(lane, NaN, MAX);
}

/** Between passes 2 and 3: what the terms are to be multiplied by, or the logarithms. */
export function findWideResults(operation: i32, slot: usize, count: i32, sums: usize): void {
  v128.store(slot, totalOf(slot), SUMS);
  v128.store(slot, totalOf(slot + 32), SUMS + 16);
  if (!isLogarithmic(operation)) v128.store(slot, expOfMax(slot), LARGEST);
  findResults(operation, slot, count, sums);
}

/** The sums of two rows that follow each other in the slot: all four lanes of each. */
// @ts-ignore: decorator
@inline
function totalOf(slot: usize): v128 {
  const a = f64x2.add(v128.load(slot, TOTALS_01), v128.load(slot, TOTALS_23));
  const b = f64x2.add(v128.load(slot + 16, TOTALS_01), v128.load(slot + 16, TOTALS_23));
  return f64x2.add(v128.shuffle<f64>(a, b, 0, 2), v128.shuffle<f64>(a, b, 1, 3));
}

/** Pass 3, for one `row` of the group: from the terms, which are at `dst`, or else from the elements at `src`. */
export function finishWide(operation: i32, src: usize, dst: usize, cols: i32, slot: usize, row: i32): void {
  if (operation == LOG_SOFTMAX) subtract(src, dst, cols, slot, row);
  else scale(dst, cols, slot, row);
}

/** (x − max) − log Σ: of one sign, so no rounding is larger than one of the result. */
function subtract(src: usize, dst: usize, cols: i32, slot: usize, row: i32): void {
  const lane = <usize>row << 2;
  const max = f32x4.add(v128.load32_splat(slot + lane, CENTRE), v128.load32_splat(slot + lane, NEAR));
  const log = v128.load32_splat(slot + lane, LOG);
  const end = src + (<usize>cols << 2);
  for (; src + 16 <= end; src += 16, dst += 16) v128.store(dst, f32x4.sub(f32x4.sub(v128.load(src), max), log));
  if (src < end) storeTail(dst, f32x4.sub(f32x4.sub(loadTail(src, end - src), max), log), end - src);
}

/** The terms at `dst`, times the row's factor. */
function scale(dst: usize, cols: i32, slot: usize, row: i32): void {
  const lane = <usize>row << 2;
  const upper = v128.load32_splat(slot + lane, UPPER), lower = v128.load32_splat(slot + lane, LOWER);
  const upperBits = UPPER_BITS, up = UP, down = DOWN;
  const end = dst + (<usize>cols << 2);
  for (; dst + BLOCK_BYTES <= end; dst += BLOCK_BYTES) {
    const y0 = timesDouble(v128.load(dst), upper, lower, upperBits, up, down), y1 = timesDouble(v128.load(dst, 16), upper, lower, upperBits, up, down);
    const y2 = timesDouble(v128.load(dst, 32), upper, lower, upperBits, up, down), y3 = timesDouble(v128.load(dst, 48), upper, lower, upperBits, up, down);
    v128.store(dst, y0);
    v128.store(dst, y1, 16);
    v128.store(dst, y2, 32);
    v128.store(dst, y3, 48);
  }
  for (; dst + 16 <= end; dst += 16) v128.store(dst, timesDouble(v128.load(dst), upper, lower, upperBits, up, down));
  if (dst < end) storeTail(dst, timesDouble(loadTail(dst, end - dst), upper, lower, upperBits, up, down), end - dst);
}
