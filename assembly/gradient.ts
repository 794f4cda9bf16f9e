// What a gradient of the result is of the logits, in float64 throughout: the difference at its heart loses nothing then.
//
//   softmax      dx = p·(g − Σ p·g)
//   log-softmax  dx = g − e^l·Σ g

import { SLOTS_BYTES, begin } from "./lanes";
import { LOG_SOFTMAX } from "./operation";
import { SLOT_BYTES, SUMS, beginSlot } from "./slot";
import { narrowed, upperHalf } from "./sum";
import { AS_IT_IS, BATCH_ROWS, PIECE, findNeighbours, findStarts, gather, scatter, stepOf } from "./columns";
import { loadTail, storeTail } from "./wide";

/** e^l of two lanes, l ≤ 0, to 2^−40; 0 below −700. */
function exp64(l: v128): v128 {
  const x = f64x2.pmax(l, f64x2.splat(-700)); // in this order: keeps NaN
  const n = f64x2.nearest(f64x2.mul(x, f64x2.splat(1.4426950408889634)));
  const t = f64x2.sub(f64x2.sub(x, f64x2.mul(n, f64x2.splat(0.6931471805598903))), f64x2.mul(n, f64x2.splat(5.497923018708371e-14)));
  let e = f64x2.splat(1.0 / 3628800);
  e = f64x2.add(f64x2.mul(e, t), f64x2.splat(1.0 / 362880));
  e = f64x2.add(f64x2.mul(e, t), f64x2.splat(1.0 / 40320));
  e = f64x2.add(f64x2.mul(e, t), f64x2.splat(1.0 / 5040));
  e = f64x2.add(f64x2.mul(e, t), f64x2.splat(1.0 / 720));
  e = f64x2.add(f64x2.mul(e, t), f64x2.splat(1.0 / 120));
  e = f64x2.add(f64x2.mul(e, t), f64x2.splat(1.0 / 24));
  e = f64x2.add(f64x2.mul(e, t), f64x2.splat(1.0 / 6));
  e = f64x2.add(f64x2.mul(e, t), f64x2.splat(0.5));
  e = f64x2.add(f64x2.mul(e, t), f64x2.splat(1));
  e = f64x2.add(f64x2.mul(e, t), f64x2.splat(1));
  // n + 1023 as the low bits of a float64 whose unit is 1, moved to where the exponent is
  const scale = i64x2.shl(f64x2.add(n, f64x2.splat(6755399441055744.0 + 1023)), 52);
  return v128.andnot(f64x2.mul(e, scale), f64x2.lt(l, f64x2.splat(-700))); // 0 times an infinite gradient is NaN
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

/** Adds to the row's sum. In pieces: of a multiple of 4 columns, but for the last. */
export function sumGradient(operation: i32, out: usize, grad: usize, cols: i32, slot: usize): void {
  let sum01 = v128.load(slot, SUMS), sum23 = v128.load(slot, SUMS + 16);
  const end = out + (<usize>cols << 2);
  for (; out < end; out += 16, grad += 16) {
    const whole = out + 16 <= end;
    const p = whole ? v128.load(out) : loadTail(out, end - out, 0), g = whole ? v128.load(grad) : loadTail(grad, end - out, 0);
    sum01 = f64x2.add(sum01, summandOf(operation, f64x2.promote_low_f32x4(p), f64x2.promote_low_f32x4(g)));
    sum23 = f64x2.add(sum23, summandOf(operation, f64x2.promote_low_f32x4(upperHalf(p)), f64x2.promote_low_f32x4(upperHalf(g))));
  }
  v128.store(slot, sum01, SUMS);
  v128.store(slot, sum23, SUMS + 16);
}

export function finishGradient(operation: i32, out: usize, grad: usize, dst: usize, cols: i32, slot: usize): void {
  const both = f64x2.add(v128.load(slot, SUMS), v128.load(slot, SUMS + 16));
  const sum = f64x2.add(both, v128.shuffle<f64>(both, both, 1, 0));
  const end = out + (<usize>cols << 2);
  for (; out < end; out += 16, grad += 16, dst += 16) {
    if (out + 16 <= end) v128.store(dst, gradients(operation, v128.load(out), v128.load(grad), sum, sum));
    else storeTail(dst, gradients(operation, loadTail(out, end - out, 0), loadTail(grad, end - out, 0), sum, sum), end - out);
  }
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

const GRADIENT: usize = 4 * BATCH_ROWS * PIECE;

function sumInLanes(operation: i32, out: usize, grad: usize, count: i32, length: i32, stride: usize, work: usize): void {
  const data = work + SLOTS_BYTES, step = stepOf(count);
  for (; length > 0; length -= PIECE, out += <usize>PIECE * stride, grad += <usize>PIECE * stride) {
    const piece = min(length, PIECE);
    gather(out, count, piece, stride, data, work);
    gather(grad, count, piece, stride, data + GRADIENT, work);
    let first = data;
    for (let lane = 0, slot = work; lane < count; lane += 4, slot += SLOT_BYTES, first += 16) {
      let sum01 = v128.load(slot, SUMS), sum23 = v128.load(slot, SUMS + 16);
      for (let at = first; at < data + <usize>piece * step; at += step) {
        const p = v128.load(at), g = v128.load(at + GRADIENT);
        sum01 = f64x2.add(sum01, summandOf(operation, f64x2.promote_low_f32x4(p), f64x2.promote_low_f32x4(g)));
        sum23 = f64x2.add(sum23, summandOf(operation, f64x2.promote_low_f32x4(upperHalf(p)), f64x2.promote_low_f32x4(upperHalf(g))));
      }
      v128.store(slot, sum01, SUMS);
      v128.store(slot, sum23, SUMS + 16);
    }
  }
}

function finishInLanes(
  operation: i32, out: usize, grad: usize, dst: usize, count: i32, length: i32, stride: usize, work: usize,
): void {
  const data = work + SLOTS_BYTES, step = stepOf(count);
  for (; length > 0; length -= PIECE, out += <usize>PIECE * stride, grad += <usize>PIECE * stride, dst += <usize>PIECE * stride) {
    const piece = min(length, PIECE);
    gather(out, count, piece, stride, data, work);
    gather(grad, count, piece, stride, data + GRADIENT, work);
    let first = data;
    for (let lane = 0, slot = work; lane < count; lane += 4, slot += SLOT_BYTES, first += 16) {
      const sum01 = v128.load(slot, SUMS), sum23 = v128.load(slot, SUMS + 16);
      for (let at = first; at < data + <usize>piece * step; at += step)
        v128.store(at, gradients(operation, v128.load(at), v128.load(at + GRADIENT), sum01, sum23));
    }
    scatter(AS_IT_IS, dst, count, piece, stride, data, step, work);
  }
}
