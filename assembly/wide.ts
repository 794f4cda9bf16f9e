// Long rows: one row at a time, in the three passes of the formula. The passes are exported as they are, so that a row
// too long for the memory at hand can go through them in pieces (multiples of 16 columns, but for the last) and still
// get the bits of the whole row.

import {
  CONSTANTS, LOG2E, LN2_UPPER, LN2_LOWER, Q2, Q3, Q4, Q5, Q6, FAR,
  exp, expm1, exponentOf, farLanes, floored, lowestOf, magicOf, mulAdd, rebuilt, reduced, timesDouble,
} from "./exp";
import { START, divisor, lost, lowerPart, reciprocal, total, upperBits, upperHalf } from "./sum";

const BLOCK_BYTES: usize = 64;

/** The last 1 to 3 elements of a row, the missing ones filled with −∞, whose exp is 0. `bytes` is 4, 8 or 12. */
// @ts-ignore: decorator
@inline
function loadTail(src: usize, bytes: usize): v128 {
  const fill = f32x4.splat(-Infinity);
  if (bytes == 4) return v128.load32_lane(src, fill, 0);
  const two = v128.load64_lane(src, fill, 0);
  return bytes == 8 ? two : v128.load32_lane(src, two, 2, 8);
}

// @ts-ignore: decorator
@inline
function storeTail(dst: usize, v: v128, bytes: usize): void {
  if (bytes == 4) v128.store32_lane(dst, v, 0);
  else {
    v128.store64_lane(dst, v, 0);
    if (bytes == 12) v128.store32_lane(dst, v, 2, 8);
  }
}

/** Pass 1. The largest element, −∞ if there is none; a NaN is passed over (it reaches the sum instead). */
export function rowMax(src: usize, cols: i32): f32 {
  const end = src + (<usize>cols << 2);
  let a = f32x4.splat(-Infinity), b = a, c = a, d = a;
  for (; src + BLOCK_BYTES <= end; src += BLOCK_BYTES) {
    a = f32x4.pmax(a, v128.load(src));
    b = f32x4.pmax(b, v128.load(src, 16));
    c = f32x4.pmax(c, v128.load(src, 32));
    d = f32x4.pmax(d, v128.load(src, 48));
  }
  for (; src + 16 <= end; src += 16) a = f32x4.pmax(a, v128.load(src));
  if (src < end) b = f32x4.pmax(b, loadTail(src, end - src));
  a = f32x4.pmax(f32x4.pmax(a, b), f32x4.pmax(c, d));
  a = f32x4.pmax(a, upperHalf(a));
  return f32x4.extract_lane(f32x4.pmax(a, v128.shuffle<f32>(a, a, 1, 0, 3, 2)), 0);
}

/** The row less its maximum, for rows far from zero. */
function centred(src: usize, dst: usize, cols: i32, max: f32): void {
  const end = src + (<usize>cols << 2);
  const centre = f32x4.splat(max);
  for (; src + 16 <= end; src += 16, dst += 16) v128.store(dst, f32x4.sub(v128.load(src), centre));
  for (; src < end; src += 4, dst += 4) store<f32>(dst, load<f32>(src) - max);
}

/**
 * Pass 2. Writes the terms exp(x)·2^−N and adds them to the sums at `sums`: four float32 sums, then their four losses
 * (sum.ts), which start as `clearSums` leaves them.
 */
export function expSum(src: usize, dst: usize, cols: i32, max: f32, sums: usize): void {
  if (!(abs(max) < FAR)) {
    centred(src, dst, cols, max);
    src = dst;
    max = 0;
  }
  const log2e = v128.load32_splat(CONSTANTS, LOG2E);
  const ln2Upper = v128.load32_splat(CONSTANTS, LN2_UPPER), ln2Lower = v128.load32_splat(CONSTANTS, LN2_LOWER);
  const q2 = v128.load32_splat(CONSTANTS, Q2), q3 = v128.load32_splat(CONSTANTS, Q3);
  const q4 = v128.load32_splat(CONSTANTS, Q4), q5 = v128.load32_splat(CONSTANTS, Q5);
  const q6 = v128.load32_splat(CONSTANTS, Q6);
  const exponent = exponentOf(f32x4.splat(max)), lowest = lowestOf(exponent), magic = magicOf(exponent);

  const end = src + (<usize>cols << 2);
  let sum = v128.load(sums), losses = v128.load(sums, 16);
  for (; src + BLOCK_BYTES <= end; src += BLOCK_BYTES, dst += BLOCK_BYTES) {
    const x0 = floored(v128.load(src), lowest), x1 = floored(v128.load(src, 16), lowest);
    const x2 = floored(v128.load(src, 32), lowest), x3 = floored(v128.load(src, 48), lowest);
    const s0 = mulAdd(x0, log2e, magic), s1 = mulAdd(x1, log2e, magic);
    const s2 = mulAdd(x2, log2e, magic), s3 = mulAdd(x3, log2e, magic);
    const t0 = reduced(x0, s0, magic, ln2Upper, ln2Lower), t1 = reduced(x1, s1, magic, ln2Upper, ln2Lower);
    const t2 = reduced(x2, s2, magic, ln2Upper, ln2Lower), t3 = reduced(x3, s3, magic, ln2Upper, ln2Lower);
    const w0 = expm1(t0, q2, q3, q4, q5, q6), w1 = expm1(t1, q2, q3, q4, q5, q6);
    const w2 = expm1(t2, q2, q3, q4, q5, q6), w3 = expm1(t3, q2, q3, q4, q5, q6);
    const e0 = rebuilt(w0, s0), e1 = rebuilt(w1, s1), e2 = rebuilt(w2, s2), e3 = rebuilt(w3, s3);
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
  for (; src + 16 <= end; src += 16, dst += 16) {
    const e = exp(v128.load(src), lowest, magic, log2e, ln2Upper, ln2Lower, q2, q3, q4, q5, q6);
    v128.store(dst, e);
    const next = f32x4.add(sum, e);
    losses = f32x4.add(losses, lost(sum, next, e));
    sum = next;
  }
  if (src < end) {
    const tail = loadTail(src, end - src);
    const e = exp(tail, lowest, magic, log2e, ln2Upper, ln2Lower, q2, q3, q4, q5, q6);
    storeTail(dst, e, end - src);
    const next = f32x4.add(sum, e);
    losses = f32x4.add(losses, lost(sum, next, e));
    sum = next;
  }
  v128.store(sums, sum);
  v128.store(sums, losses, 16);
}

/** Before the first pass 2 of a row. */
// @ts-ignore: decorator
@inline
export function clearSums(sums: usize): void {
  v128.store(sums, f32x4.splat(START));
  v128.store(sums, f32x4.splat(0), 16);
}

/** Pass 3. Multiplies the terms at `dst` by the reciprocal of their sum. */
export function scale(dst: usize, cols: i32, max: f32, sums: usize): void {
  const m = f32x4.splat(max);
  const near = v128.andnot(m, farLanes(m));
  const exponent = exponentOf(near);
  const largest = exp(
    near, lowestOf(exponent), magicOf(exponent),
    v128.load32_splat(CONSTANTS, LOG2E),
    v128.load32_splat(CONSTANTS, LN2_UPPER), v128.load32_splat(CONSTANTS, LN2_LOWER),
    v128.load32_splat(CONSTANTS, Q2), v128.load32_splat(CONSTANTS, Q3), v128.load32_splat(CONSTANTS, Q4),
    v128.load32_splat(CONSTANTS, Q5), v128.load32_splat(CONSTANTS, Q6),
  );
  const sum = v128.load(sums), losses = v128.load(sums, 16);
  const pairs = f64x2.add(total(sum, losses), total(upperHalf(sum), upperHalf(losses)));
  const whole = divisor(f64x2.add(pairs, upperHalf(pairs)), f64x2.promote_low_f32x4(largest));
  const inverse = reciprocal(whole, whole);
  const upper = upperBits(inverse), lower = lowerPart(whole, whole, upper, inverse);

  const end = dst + (<usize>cols << 2);
  for (; dst + BLOCK_BYTES <= end; dst += BLOCK_BYTES) {
    const y0 = timesDouble(v128.load(dst), upper, lower), y1 = timesDouble(v128.load(dst, 16), upper, lower);
    const y2 = timesDouble(v128.load(dst, 32), upper, lower), y3 = timesDouble(v128.load(dst, 48), upper, lower);
    v128.store(dst, y0);
    v128.store(dst, y1, 16);
    v128.store(dst, y2, 32);
    v128.store(dst, y3, 48);
  }
  for (; dst + 16 <= end; dst += 16) v128.store(dst, timesDouble(v128.load(dst), upper, lower));
  if (dst < end) storeTail(dst, timesDouble(loadTail(dst, end - dst), upper, lower), end - dst);
}

/** Softmax of `rows` × `cols` float32 from `src` to `dst`, which may be `src`. `sums` holds 32 bytes. */
export function softmaxWide(src: usize, dst: usize, rows: i32, cols: i32, sums: usize): void {
  const stride = <usize>cols << 2;
  for (; rows > 0; rows--, src += stride, dst += stride) {
    const max = rowMax(src, cols);
    clearSums(sums);
    expSum(src, dst, cols, max, sums);
    scale(dst, cols, max, sums);
  }
}
