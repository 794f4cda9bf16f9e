// What a gradient of the result is of the logits, in float64 throughout: the difference at its heart loses nothing then.
//
//   softmax      dx = p·(g − Σ p·g)
//   log-softmax  dx = g − e^l·Σ g

import { SLOTS_BYTES, begin } from "./lanes";
import { LOG_SOFTMAX, SOFTMAX } from "./operation";
import { LOWER as GRAD_TAIL, SLOT_BYTES, SUMS, UPPER as OUT_TAIL, beginSlot } from "./slot";
import { narrowed, upperHalf } from "./sum";
import { AS_IT_IS, BATCH_ROWS, PIECE, findNeighbours, findStarts, gather, scatter, stepOf } from "./columns";
import { loadTail, storeTail } from "./wide";

/** e^l of two lanes, l ≤ 0, to 2^−39.6; 0 below −700. The polynomial is our own minimax fit. */
// @ts-ignore: decorator
@inline
function exp64(l: v128): v128 {
  const x = f64x2.pmax(l, f64x2.splat(-700)); // in this order: keeps NaN
  // n + 1023 as the low bits of a float64 whose unit is 1; moved to where the exponent is, 2^n
  const toInteger = f64x2.splat(6755399441055744.0 + 1023), s = f64x2.add(f64x2.mul(x, f64x2.splat(1.4426950408889634)), toInteger);
  const n = f64x2.sub(s, toInteger);
  const t = f64x2.sub(f64x2.sub(x, f64x2.mul(n, f64x2.splat(0.6931471805598903))), f64x2.mul(n, f64x2.splat(5.497923018708371e-14)));
  let q = f64x2.splat(0.000024708289164770262);
  q = f64x2.add(f64x2.mul(q, t), f64x2.splat(0.00019908939056760067));
  q = f64x2.add(f64x2.mul(q, t), f64x2.splat(0.0013889197129868843));
  q = f64x2.add(f64x2.mul(q, t), f64x2.splat(0.008333281807912762));
  q = f64x2.add(f64x2.mul(q, t), f64x2.splat(0.04166666440507744));
  q = f64x2.add(f64x2.mul(q, t), f64x2.splat(0.16666666784442417));
  q = f64x2.add(f64x2.mul(q, t), f64x2.splat(0.50000000004268107));
  const e = f64x2.add(f64x2.add(f64x2.mul(f64x2.mul(t, t), q), t), f64x2.splat(1));
  return v128.andnot(f64x2.mul(e, i64x2.shl(s, 52)), f64x2.lt(l, x)); // 0 times an infinite gradient is NaN
}

/** The gradient of two lanes: of g, and of what came out, given its row's sum. */
// @ts-ignore: decorator
@inline
function gradientOf(operation: i32, p: v128, g: v128, sum: v128): v128 {
  if (operation == LOG_SOFTMAX) return f64x2.sub(g, f64x2.mul(exp64(p), sum));
  return f64x2.mul(p, f64x2.sub(g, sum));
}

// @ts-ignore: decorator
@inline
function summandOf(operation: i32, p: v128, g: v128): v128 {
  return operation == LOG_SOFTMAX ? g : f64x2.mul(p, g);
}

/** Four lanes of what two pairs of sums make of them. */
// @ts-ignore: decorator
@inline
function gradients(operation: i32, p: v128, g: v128, sum01: v128, sum23: v128): v128 {
  const low = gradientOf(operation, f64x2.promote_low_f32x4(p), f64x2.promote_low_f32x4(g), sum01);
  const high = gradientOf(operation, f64x2.promote_low_f32x4(upperHalf(p)), f64x2.promote_low_f32x4(upperHalf(g)), sum23);
  return narrowed(low, high);
}

/** Adds to the sums in the slot. From four elements to the next, `step` bytes. */
function addUp(operation: i32, out: usize, grad: usize, end: usize, step: usize, slot: usize): void {
  let sum01 = v128.load(slot, SUMS), sum23 = v128.load(slot, SUMS + 16);
  for (; out < end; out += step, grad += step) {
    const p = v128.load(out), g = v128.load(grad);
    sum01 = f64x2.add(sum01, summandOf(operation, f64x2.promote_low_f32x4(p), f64x2.promote_low_f32x4(g)));
    sum23 = f64x2.add(sum23, summandOf(operation, f64x2.promote_low_f32x4(upperHalf(p)), f64x2.promote_low_f32x4(upperHalf(g))));
  }
  v128.store(slot, sum01, SUMS);
  v128.store(slot, sum23, SUMS + 16);
}

/** Two loops: of a choice in one, the compiler makes a `select`, with an exponential for either operation (0.5 → 4.5 ns an element). */
function findGradients(
  operation: i32, out: usize, grad: usize, dst: usize, end: usize, step: usize, sum01: v128, sum23: v128,
): void {
  if (operation == LOG_SOFTMAX)
    for (; out < end; out += step, grad += step, dst += step)
      v128.store(dst, gradients(LOG_SOFTMAX, v128.load(out), v128.load(grad), sum01, sum23));
  else
    for (; out < end; out += step, grad += step, dst += step)
      v128.store(dst, gradients(SOFTMAX, v128.load(out), v128.load(grad), sum01, sum23));
}

/** `rows` × `cols` of what came out, at `out`, and of its gradient, at `grad` → that of the logits, at `dst`; any two may be equal. */
export function gradientRows(
  operation: i32, out: usize, grad: usize, dst: usize, rows: i32, cols: i32,
  outStride: usize, gradStride: usize, dstStride: usize, work: usize,
): void {
  for (; rows > 0; rows--, out += outStride, grad += gradStride, dst += dstStride) {
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
export function sumGradient(operation: i32, out: usize, grad: usize, cols: i32, slot: usize): void {
  const whole = <usize>(cols & ~3) << 2, left = <usize>(cols & 3) << 2;
  addUp(operation, out, grad, out + whole, 16, slot);
  if (left == 0) return;
  takeTails(out + whole, grad + whole, left, slot);
  addUp(operation, slot + OUT_TAIL, slot + GRAD_TAIL, slot + OUT_TAIL + 16, 16, slot);
}

export function finishGradient(operation: i32, out: usize, grad: usize, dst: usize, cols: i32, slot: usize): void {
  const both = f64x2.add(v128.load(slot, SUMS), v128.load(slot, SUMS + 16));
  const sum = f64x2.add(both, v128.shuffle<f64>(both, both, 1, 0));
  const whole = <usize>(cols & ~3) << 2, left = <usize>(cols & 3) << 2;
  findGradients(operation, out, grad, dst, out + whole, 16, sum, sum);
  if (left == 0) return;
  takeTails(out + whole, grad + whole, left, slot);
  findGradients(operation, slot + OUT_TAIL, slot + GRAD_TAIL, slot + OUT_TAIL, slot + OUT_TAIL + 16, 16, sum, sum);
  storeTail(dst + whole, v128.load(slot, OUT_TAIL), left);
}

/** The same on rows side by side: see columns.ts. */
export function gradientColumns(
  operation: i32, out: usize, grad: usize, dst: usize, rows: i32, cols: i32, inner: i32, stride: usize, work: usize,
): void {
  for (let row = 0; row < rows; row += BATCH_ROWS) {
    const count = min(rows - row, BATCH_ROWS);
    begin(work, (count + 3) >> 2);
    findStarts(row, count, cols, inner, stride, work);
    sumInLanes(operation, out, grad, count, cols, stride, work);
    finishInLanes(operation, out, grad, dst, count, cols, stride, work);
  }
}

/** A piece of at most 32 rows side by side: adds to their sums. */
export function sumGradientColumns(operation: i32, out: usize, grad: usize, count: i32, length: i32, stride: usize, work: usize): void {
  findNeighbours(count, work);
  sumInLanes(operation, out, grad, count, length, stride, work);
}

export function finishGradientColumns(operation: i32, out: usize, grad: usize, dst: usize, count: i32, length: i32, stride: usize, work: usize): void {
  findNeighbours(count, work);
  finishInLanes(operation, out, grad, dst, count, length, stride, work);
}

// In the work area: slots, a piece of what came out, and one of its gradient.

/** Of two arrays, half as much of each: as much work area as anything else that comes in pieces. */
const HALF_PIECE: i32 = PIECE / 2;
const GRADIENT: usize = 4 * BATCH_ROWS * HALF_PIECE;

function sumInLanes(operation: i32, out: usize, grad: usize, count: i32, length: i32, stride: usize, work: usize): void {
  const data = work + SLOTS_BYTES, step = stepOf(count);
  for (; length > 0; length -= HALF_PIECE, out += <usize>HALF_PIECE * stride, grad += <usize>HALF_PIECE * stride) {
    const piece = min(length, HALF_PIECE);
    gather(out, count, piece, stride, data, work);
    gather(grad, count, piece, stride, data + GRADIENT, work);
    let first = data;
    for (let lane = 0, slot = work; lane < count; lane += 4, slot += SLOT_BYTES, first += 16)
      addUp(operation, first, first + GRADIENT, data + <usize>piece * step, step, slot);
  }
}

function finishInLanes(
  operation: i32, out: usize, grad: usize, dst: usize, count: i32, length: i32, stride: usize, work: usize,
): void {
  const data = work + SLOTS_BYTES, step = stepOf(count);
  for (; length > 0; length -= HALF_PIECE, out += <usize>HALF_PIECE * stride, grad += <usize>HALF_PIECE * stride, dst += <usize>HALF_PIECE * stride) {
    const piece = min(length, HALF_PIECE);
    gather(out, count, piece, stride, data, work);
    gather(grad, count, piece, stride, data + GRADIENT, work);
    let first = data;
    for (let lane = 0, slot = work; lane < count; lane += 4, slot += SLOT_BYTES, first += 16) {
      const sum01 = v128.load(slot, SUMS), sum23 = v128.load(slot, SUMS + 16);
      findGradients(operation, first, first + GRADIENT, first, data + <usize>piece * step, step, sum01, sum23);
    }
    scatter(AS_IT_IS, dst, count, piece, stride, data, step, work);
  }
}
