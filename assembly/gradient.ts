// What a gradient of the result is of the logits, in float64 throughout: the difference at its heart loses nothing then.
//
//   softmax      dx = p·(g − Σ p·g)
//   log-softmax  dx = g − e^l·Σ g

import { mulAdd64 } from "./either";
import { EXP_BLOCK_BYTES, HALVES } from "./exp";
import { BATCH_GROUPS, SLOTS_BYTES, begin } from "./lanes";
import { LOG_SOFTMAX } from "./operation";
import { LOWER as GRAD_TAIL, SLOT_BYTES, SUMS, UPPER as OUT_TAIL, beginSlot } from "./slot";
import { narrowed, promotedHigh, promotedLow } from "./sum";
import { AS_IT_IS, BATCH_ROWS, PIECE, findNeighbours, findStarts, gather, scatter } from "./columns";
import { loadTail, storeTail } from "./tail";

// Globals, for the reason that exp.ts gives: with literals, logSoftmaxBackward takes half as long again.
export let LOWEST_64: f64 = -700;
export let LOG2E_64: f64 = 1.4426950408889634;
export let MAGIC_64: f64 = 6755399441056767; // 1.5·2^52 + 1023: leaves n + 1023 in the low bits, which become the exponent of 2^n
export let LN2_64_UPPER: f64 = -0.6931471805598903;
export let LN2_64_LOWER: f64 = -5.497923018708371e-14;
export let P1: f64 = 1;
export let P2: f64 = 0.50000000004268107;
export let P3: f64 = 0.16666666784442417;
export let P4: f64 = 0.04166666440507744;
export let P5: f64 = 0.008333281807912762;
export let P6: f64 = 0.0013889197129868843;
export let P7: f64 = 0.00019908939056760067;
export let P8: f64 = 0.000024708289164770262;

// e^l of two lanes, to 2^−39.6; 0 below −700, e^700 above. The polynomial is our own minimax fit. By halves, as in exp.ts, 20 to 29 % off
// logSoftmaxBackward from 10 columns on, 4 and 9 % at 2 (Zen 4, `relaxed` and `simd`). Halves in float64 take twice the room, so a block has eight vectors.

// @ts-ignore: decorator
@inline
function storeHalf64(
  at: usize, l: v128, lowest: v128, highest: v128, log2e: v128, magic: v128, ln2Upper: v128, ln2Lower: v128,
): void {
  const x = f64x2.pmin(f64x2.pmax(l, lowest), highest); // in this order: keeps NaN
  const s = mulAdd64(x, log2e, magic), n = f64x2.sub(s, magic);
  v128.store(at, mulAdd64(n, ln2Lower, mulAdd64(n, ln2Upper, x)));
  v128.store(at, v128.andnot(i64x2.shl(s, 52), f64x2.lt(l, x)), 16); // e^l must be 0 there: 0 times an infinite gradient is NaN
}

// @ts-ignore: decorator
@inline
function finishedHalf64(at: usize, p1: v128, p2: v128, p3: v128, p4: v128, p5: v128, p6: v128, p7: v128, p8: v128): v128 {
  const t = v128.load(at), t2 = f64x2.mul(t, t);
  const q67 = mulAdd64(p7, t, p6), q45 = mulAdd64(p5, t, p4), q23 = mulAdd64(p3, t, p2);
  const q = mulAdd64(mulAdd64(mulAdd64(p8, t2, q67), t2, q45), t2, q23);
  return f64x2.mul(f64x2.add(mulAdd64(t2, q, t), p1), v128.load(at, 16));
}

// @ts-ignore: decorator
@inline
function summandOf(operation: i32, p: v128, g: v128): v128 {
  return operation == LOG_SOFTMAX ? g : f64x2.mul(p, g);
}

/** Adds to the sums in the slot. */
function addUp(operation: i32, out: usize, grad: usize, end: usize, slot: usize): void {
  let sum01 = v128.load(slot, SUMS), sum23 = v128.load(slot, SUMS + 16);
  for (; out < end; out += 16, grad += 16) {
    sum01 = f64x2.add(sum01, summandOf(operation, promotedLow(out), promotedLow(grad)));
    sum23 = f64x2.add(sum23, summandOf(operation, promotedHigh(out), promotedHigh(grad)));
  }
  v128.store(slot, sum01, SUMS);
  v128.store(slot, sum23, SUMS + 16);
}

/** Of what came out and of its gradient, given its rows' sums, to the gradient of the logits. */
function findGradients(
  operation: i32, out: usize, grad: usize, dst: usize, end: usize, sum01: v128, sum23: v128,
): void {
  if (operation == LOG_SOFTMAX) findLogGradients(out, grad, dst, end, sum01, sum23);
  else
    for (; out < end; out += 16, grad += 16, dst += 16) {
      const low = f64x2.mul(promotedLow(out), f64x2.sub(promotedLow(grad), sum01));
      const high = f64x2.mul(promotedHigh(out), f64x2.sub(promotedHigh(grad), sum23));
      v128.store(dst, narrowed(low, high));
    }
}

function findLogGradients(out: usize, grad: usize, dst: usize, end: usize, sum01: v128, sum23: v128): void {
  const lowest = f64x2.splat(LOWEST_64), highest = f64x2.neg(lowest), log2e = f64x2.splat(LOG2E_64), magic = f64x2.splat(MAGIC_64);
  const ln2Upper = f64x2.splat(LN2_64_UPPER), ln2Lower = f64x2.splat(LN2_64_LOWER);
  const p1 = f64x2.splat(P1), p2 = f64x2.splat(P2), p3 = f64x2.splat(P3), p4 = f64x2.splat(P4);
  const p5 = f64x2.splat(P5), p6 = f64x2.splat(P6), p7 = f64x2.splat(P7), p8 = f64x2.splat(P8);
  while (out < end) {
    let half = HALVES;
    for (const stop = min(out + EXP_BLOCK_BYTES / 2, end); out < stop; out += 16, half += 64) {
      storeHalf64(half, promotedLow(out), lowest, highest, log2e, magic, ln2Upper, ln2Lower);
      storeHalf64(half + 32, promotedHigh(out), lowest, highest, log2e, magic, ln2Upper, ln2Lower);
    }
    for (let from = HALVES; from < half; from += 64, grad += 16, dst += 16) {
      const e01 = finishedHalf64(from, p1, p2, p3, p4, p5, p6, p7, p8), e23 = finishedHalf64(from + 32, p1, p2, p3, p4, p5, p6, p7, p8);
      const low = f64x2.sub(promotedLow(grad), f64x2.mul(e01, sum01));
      const high = f64x2.sub(promotedHigh(grad), f64x2.mul(e23, sum23));
      v128.store(dst, narrowed(low, high));
    }
  }
}

/**
 * The longest row with a tail that goes into lanes, four rows to a group. `relaxed`, Node 24: 2 columns 15.6 → 5.9 ns per element, 5 6.4 →
 * 3.0, 10 2.6 → 2.1; log-softmax 24.6 → 8.9, 11.4 → 6.1, 7.5 → 5.0. Without a tail, 4 columns would take 3.9 instead of 2.8.
 */
const SHORT_COLS: i32 = 11;

/** `rows` × `cols` of what came out, at `out`, and of its gradient, at `grad` → that of the logits, at `dst`; any two may be equal. */
export function gradientRows(
  operation: i32, out: usize, grad: usize, dst: usize, rows: i32, cols: i32,
  stride: usize, dstStride: usize, work: usize,
): void {
  const isShort = cols <= SHORT_COLS && (cols & 3) != 0, step = isShort ? BATCH_ROWS : 1;
  for (; rows > 0; rows -= step, out += <usize>step * stride, grad += <usize>step * stride, dst += <usize>step * dstStride) {
    if (isShort) {
      shortRows(operation, out, grad, dst, min(rows, BATCH_ROWS), cols, stride, dstStride, work);
      continue;
    }
    beginSlot(work, f32x4.splat(0));
    sumGradient(operation, out, grad, cols, work);
    finishGradient(operation, out, grad, dst, cols, work);
  }
}

/** The last elements of a row and of its gradient, and zeros, into the slot, where they are treated like the others. */
function takeTails(out: usize, grad: usize, bytes: usize, slot: usize): void {
  v128.store(slot, loadTail(out, bytes, 0), OUT_TAIL);
  v128.store(slot, loadTail(grad, bytes, 0), GRAD_TAIL);
}

/** Adds to the row's sum. In pieces: of a multiple of 4 columns, but for the last. */
function sumGradient(operation: i32, out: usize, grad: usize, length: i32, slot: usize): void {
  const whole = <usize>(length & ~3) << 2, left = <usize>(length & 3) << 2;
  addUp(operation, out, grad, out + whole, slot);
  if (left == 0) return;
  takeTails(out + whole, grad + whole, left, slot);
  addUp(operation, slot + OUT_TAIL, slot + GRAD_TAIL, slot + OUT_TAIL + 16, slot);
}

function finishGradient(operation: i32, out: usize, grad: usize, dst: usize, length: i32, slot: usize): void {
  const both = f64x2.add(v128.load(slot, SUMS), v128.load(slot, SUMS + 16));
  const sum = f64x2.add(both, v128.shuffle<f64>(both, both, 1, 0));
  const whole = <usize>(length & ~3) << 2, left = <usize>(length & 3) << 2;
  findGradients(operation, out, grad, dst, out + whole, sum, sum);
  if (left == 0) return;
  takeTails(out + whole, grad + whole, left, slot);
  findGradients(operation, slot + OUT_TAIL, slot + GRAD_TAIL, slot + OUT_TAIL, slot + OUT_TAIL + 16, sum, sum);
  storeTail(dst + whole, v128.load(slot, OUT_TAIL), left);
}

/** The same on rows side by side: see columns.ts. */
export function gradientColumns(
  operation: i32, out: usize, grad: usize, dst: usize, rows: i32, cols: i32, inner: i32, stride: usize, work: usize,
): void {
  for (let row = 0; row < rows; row += BATCH_ROWS) {
    const count = min(rows - row, BATCH_ROWS);
    begin(work, (count + 3) >> 2);
    findStarts(row, count, <usize>cols * stride, inner, work);
    passInLanes(false, operation, out, grad, 0, count, cols, stride, work);
    passInLanes(true, operation, out, grad, dst, count, cols, stride, work);
  }
}

/** A piece of a row: adds to its sum, or, given that, `finishes`. */
export function gradientPiece(finishes: bool, operation: i32, out: usize, grad: usize, dst: usize, length: i32, slot: usize): void {
  if (finishes) finishGradient(operation, out, grad, dst, length, slot);
  else sumGradient(operation, out, grad, length, slot);
}

/** The same of at most 32 rows side by side. */
export function gradientColumnsPiece(
  finishes: bool, operation: i32, out: usize, grad: usize, dst: usize, count: i32, length: i32, stride: usize, work: usize,
): void {
  findNeighbours(count, work);
  passInLanes(finishes, operation, out, grad, dst, count, length, stride, work);
}

// In the work area: slots, a piece of what came out, and one of its gradient.

/** Of two arrays, half as much of each: as much work area as anything else that comes in pieces. */
const HALF_PIECE: i32 = PIECE / 2;
const APART: usize = 16 * HALF_PIECE + 64;
const GRADIENT: usize = <usize>BATCH_GROUPS * APART;

/** At most 32 short rows, which are read once: no longer than a piece. */
function shortRows(
  operation: i32, out: usize, grad: usize, dst: usize, count: i32, cols: i32, stride: usize, dstStride: usize, work: usize,
): void {
  begin(work, (count + 3) >> 2);
  findStarts(0, count, stride, 1, work);
  gatherBoth(out, grad, count, cols, 4, work);
  goThrough(false, operation, count, cols, work);
  goThrough(true, operation, count, cols, work);
  findStarts(0, count, dstStride, 1, work);
  scatter(AS_IT_IS, dst, count, cols, 4, work + SLOTS_BYTES, 16, APART, work);
}

/** Both passes over them: adds to their sums, or, given those, `finishes`. */
function passInLanes(
  finishes: bool, operation: i32, out: usize, grad: usize, dst: usize, count: i32, length: i32, stride: usize, work: usize,
): void {
  for (; length > 0; length -= HALF_PIECE, out += <usize>HALF_PIECE * stride, grad += <usize>HALF_PIECE * stride, dst += <usize>HALF_PIECE * stride) {
    const piece = min(length, HALF_PIECE);
    gatherBoth(out, grad, count, piece, stride, work);
    goThrough(finishes, operation, count, piece, work);
    if (finishes) scatter(AS_IT_IS, dst, count, piece, stride, work + SLOTS_BYTES, 16, APART, work);
  }
}

function gatherBoth(out: usize, grad: usize, count: i32, length: i32, stride: usize, work: usize): void {
  gather(out, count, length, stride, work + SLOTS_BYTES, APART, work);
  gather(grad, count, length, stride, work + SLOTS_BYTES + GRADIENT, APART, work);
}

/** One pass over what lies in the work area. */
function goThrough(finishes: bool, operation: i32, count: i32, length: i32, work: usize): void {
  for (let lane = 0, slot = work, data = work + SLOTS_BYTES; lane < count; lane += 4, slot += SLOT_BYTES, data += APART) {
    const end = data + (<usize>length << 4);
    if (finishes) findGradients(operation, data, data + GRADIENT, data, end, v128.load(slot, SUMS), v128.load(slot, SUMS + 16));
    else addUp(operation, data, data + GRADIENT, end, slot);
  }
}
