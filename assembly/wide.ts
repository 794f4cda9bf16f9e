// Long rows, in the three passes of the formula: the maximum, the terms and their sum, the division.
//
// Rows that are short enough to stay in the cache go through each pass by the batch, for the reason narrow.ts gives: the
// passes end in chains of operations that the next row's beginning fills (100 columns: 0.97 → 0.80 ns per element).
// The passes are exported as they are: a row too long for the memory at hand goes through them in pieces (multiples of 16
// columns, but for the last) and comes out with the bits of the whole row.
//
// A row's slot in the work area, 16 bytes each:  max, in all lanes | sum | losses | factor, upper | factor, lower

import {
  CONSTANTS, LOG2E, LN2_UPPER, LN2_LOWER, Q2, Q3, Q4, Q5, Q6,
  exp, expOfMax, expm1, exponentOf, farLanes, floored, lowestOf, magicOf, mulAdd, rebuilt, reduced, timesDouble,
} from "./exp";
import { START, divisor, lost, lowerPart, mayBeEqual, narrowed, total, upperHalf, upperPart } from "./sum";

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

const MAX: usize = 0;
const SUM: usize = 16;
const LOSSES: usize = 32;
const UPPER: usize = 48;
const LOWER: usize = 64;
const SLOT_BYTES: usize = 80;

const BATCH_ROWS: i32 = 8;
/** The longest row that is still batched, in bytes. */
const BATCHED_BYTES: usize = 4096;

/** Softmax of `rows` × `cols` float32 from `src` to `dst`, which may be `src`. */
export function softmaxWide(src: usize, dst: usize, rows: i32, cols: i32, work: usize): void {
  const stride = <usize>cols << 2;
  const batchRows = stride <= BATCHED_BYTES ? BATCH_ROWS : 1;
  for (; rows > 0; rows -= batchRows) {
    const count = min(rows, batchRows);
    for (let i = 0, from = src, slot = work; i < count; i++, from += stride, slot += SLOT_BYTES) {
      begin(slot);
      findMax(from, cols, slot);
    }
    for (let i = 0, from = src, to = dst, slot = work; i < count; i++, from += stride, to += stride, slot += SLOT_BYTES)
      sumTerms(from, to, cols, slot);
    for (let i = 0, slot = work; i < count; i++, slot += SLOT_BYTES) findFactor(slot);
    for (let i = 0, to = dst, slot = work; i < count; i++, to += stride, slot += SLOT_BYTES) scale(to, cols, slot);
    src += stride * <usize>count;
    dst += stride * <usize>count;
  }
}

/** Before the first pass of a row. */
export function begin(slot: usize): void {
  v128.store(slot, f32x4.splat(-Infinity), MAX);
  v128.store(slot, f32x4.splat(START), SUM);
  v128.store(slot, f32x4.splat(0), LOSSES);
}

/** Pass 1. The largest element; a NaN is passed over (it reaches the sum instead). */
export function findMax(src: usize, cols: i32, slot: usize): void {
  const end = src + (<usize>cols << 2);
  let a = v128.load(slot, MAX), b = a, c = a, d = a;
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
  v128.store(slot, f32x4.pmax(a, v128.shuffle<f32>(a, a, 1, 0, 3, 2)), MAX);
}

/** The row less its maximum. */
function centred(src: usize, dst: usize, cols: i32, max: v128): void {
  const end = src + (<usize>cols << 2);
  for (; src + 16 <= end; src += 16, dst += 16) v128.store(dst, f32x4.sub(v128.load(src), max));
  if (src < end) storeTail(dst, f32x4.sub(loadTail(src, end - src), max), end - src);
}

/** Pass 2. Writes the terms exp(x)·2^−N, and adds them to the row's sums (sum.ts). */
export function sumTerms(src: usize, dst: usize, cols: i32, slot: usize): void {
  let max = v128.load(slot, MAX);
  if (v128.any_true(farLanes(max))) {
    centred(src, dst, cols, max);
    src = dst;
    max = f32x4.splat(0);
  }
  const log2e = v128.load32_splat(CONSTANTS, LOG2E);
  const ln2Upper = v128.load32_splat(CONSTANTS, LN2_UPPER), ln2Lower = v128.load32_splat(CONSTANTS, LN2_LOWER);
  const q2 = v128.load32_splat(CONSTANTS, Q2), q3 = v128.load32_splat(CONSTANTS, Q3);
  const q4 = v128.load32_splat(CONSTANTS, Q4), q5 = v128.load32_splat(CONSTANTS, Q5);
  const q6 = v128.load32_splat(CONSTANTS, Q6);
  const exponent = exponentOf(max), lowest = lowestOf(exponent), magic = magicOf(exponent);

  const end = src + (<usize>cols << 2);
  let sum = v128.load(slot, SUM), losses = v128.load(slot, LOSSES);
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
  v128.store(slot, sum, SUM);
  v128.store(slot, losses, LOSSES);
}

/** Between passes 2 and 3: what the terms are to be multiplied by. */
export function findFactor(slot: usize): void {
  const max = v128.load(slot, MAX), sum = v128.load(slot, SUM), losses = v128.load(slot, LOSSES);
  const largest = expOfMax(v128.andnot(max, farLanes(max)));
  const pairs = f64x2.add(total(sum, losses), total(upperHalf(sum), upperHalf(losses)));
  let whole = f64x2.add(pairs, upperHalf(pairs));
  let whole32 = narrowed(whole, whole);
  if (mayBeEqual(whole32, largest)) {
    whole = divisor(whole, f64x2.promote_low_f32x4(largest));
    whole32 = narrowed(whole, whole);
  }
  const inverse = f32x4.div(f32x4.splat(1), whole32), upper = upperPart(inverse);
  v128.store(slot, upper, UPPER);
  v128.store(slot, lowerPart(whole, whole, upper, inverse), LOWER);
}

/** Pass 3. The terms at `dst`, times the row's factor. */
export function scale(dst: usize, cols: i32, slot: usize): void {
  const upper = v128.load(slot, UPPER), lower = v128.load(slot, LOWER);
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
