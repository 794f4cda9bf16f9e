// The sum of a row's terms, to far beyond float32, and the factor that makes probabilities of them.
//
// A running float32 sum and, beside it, the sum of what each addition rounded away. The sum starts at 2, which no term
// exceeds (they are at most √2; all of this is higher: HEIGHT): the larger operand is then always the sum, and so
// the loss of an addition is exact (Dekker's Fast2Sum). Up to 64 terms a lane, the losses of equal terms add up exactly, and
// any others' to 2⁻³⁷ of the sum; longer rows hand it on to float64 after that many. This
// costs a tenth of the exp pass, where float64 lanes throughout cost an eighth.
// Adding trees of four float32 before going to float64 costs nothing, but leaves outputs off by up to 4.2 ULP.

import { plus, plusDifference } from "./either";
import { DOWN, oneLess } from "./exp";

// Globals, for the reason that exp.ts gives.
export let START: f32 = 8589934592; // 2·2^HEIGHT
export let LEAST_COUNT: f32 = 2;
export let CLOSE: f32 = 2.384185791015625e-07; // 2⁻²²: four roundings

/** What `sum + term`, rounded to `next`, has lost. */
// @ts-ignore: decorator
@inline
export function lost(sum: v128, next: v128, term: v128): v128 {
  return f32x4.sub(term, f32x4.sub(next, sum));
}

/**
 * `losses`, and what two more additions have lost: of `a` to `sum`, rounded to `next`, and of `b` to that, rounded to `last`. Those two are all that
 * an addition waits for, and three cycles each; a multiply-add would take four, and losses that wait for each other four more (DESIGN.md, "The exp
 * pass").
 */
// @ts-ignore: decorator
@inline
export function lostByTwo(losses: v128, sum: v128, a: v128, next: v128, b: v128, last: v128, one: v128): v128 {
  return plus(plus(plusDifference(b, next, last, one), plusDifference(a, sum, next, one), one), losses, one);
}

/** Lanes 2 and 3, where float64 conversions want them. */
// @ts-ignore: decorator
@inline
export function upperHalf(v: v128): v128 {
  return v128.shuffle<f64>(v, v, 1, 0);
}

// Lanes in memory, in float64. Load and conversion are one instruction; from a vector that was loaded, lanes 2 and 3 take two.

// @ts-ignore: decorator
@inline
export function promotedLow(at: usize): v128 {
  return f64x2.promote_low_f32x4(v128.load64_zero(at));
}

// @ts-ignore: decorator
@inline
export function promotedHigh(at: usize): v128 {
  return f64x2.promote_low_f32x4(v128.load64_zero(at, 8));
}

/** The same in a third of the bytes, and two instructions: not for loops over elements. */
// @ts-ignore: decorator
@inline
export function upperHalfOnce(v: v128): v128 {
  return f64x2.splat(f64x2.extract_lane(v, 1));
}

/** The sums in lanes 0 and 1, in float64. */
// @ts-ignore: decorator
@inline
export function total(sum: v128, losses: v128, start: v128): v128 {
  return f64x2.add(f64x2.sub(f64x2.promote_low_f32x4(sum), start), f64x2.promote_low_f32x4(losses));
}

/** Two float64 pairs → four float32, rounded to nearest. */
// @ts-ignore: decorator
@inline
export function narrowed(a: v128, b: v128): v128 {
  return v128.shuffle<f64>(f32x4.demote_f64x2_zero(a), f32x4.demote_f64x2_zero(b), 0, 2);
}

/**
 * In rows no longer than this, k equal terms come out as fround(1/k) by themselves: of all numbers in the middle between two float32, which have 25
 * bits, none is closer to 1/k than 2^−25/k of it, unless it is equal, and factors and products are off by 2^−34.
 */
export const EQUALS_APART: i32 = 112;

/**
 * A mask of the rows that may be k > 1 equal terms and nothing else that counts: the sum is then k times the largest term. A coarse
 * test, in float32, that lets nothing of the kind slip; `divisor` decides. A lone term needs no care: 1/1 is in no middle.
 */
// @ts-ignore: decorator
@inline
export function equalLanes(sum: v128, largest: v128): v128 {
  const count = f32x4.pmax(f32x4.nearest(f32x4.div(sum, largest)), f32x4.splat(LEAST_COUNT));
  const off = f32x4.abs(f32x4.sub(sum, f32x4.mul(count, largest)));
  return f32x4.lt(off, f32x4.mul(sum, f32x4.splat(CLOSE)));
}

/**
 * What to divide the terms by, two rows at a time: their sums. But k equal terms must each come out as fround(1/k), to the
 * bit, [5, 5] as [0.5, 0.5], and for some k, 1/k is so close to the middle between two float32 that the error of a product
 * (2⁻³³) would decide. Such rows are divided by 2⁻³² more or less, whichever leads away from the middle.
 */
function divisor(sum: v128, largest: v128): v128 {
  const one = f64x2.splat(1), nudge = f64x2.splat(1 / 4294967296.0);
  const count = f64x2.nearest(f64x2.div(sum, largest));
  const share = f64x2.div(one, count);
  const rounded = f64x2.promote_low_f32x4(f32x4.demote_f64x2_zero(share));
  const less = v128.and(f64x2.gt(rounded, share), nudge), more = v128.and(f64x2.lt(rounded, share), nudge);
  const nudged = f64x2.mul(sum, f64x2.add(one, f64x2.sub(more, less)));
  return v128.bitselect(nudged, sum, f64x2.eq(sum, f64x2.mul(count, largest)));
}

/** Up to here, a row has one such sum in each lane (lanes.ts). */
export const ONE_SUM_COLS: i32 = 64;

/** Four float64, sums of terms → float32 at `at`, and what that rounding has lost 16 bytes on. */
// @ts-ignore: decorator
@inline
export function storeSums(at: usize, sum01: v128, sum23: v128): void {
  // In float64 still: given statistics may be as large as a float32 can be.
  const down = f64x2.splat(DOWN);
  sum01 = f64x2.mul(sum01, down);
  sum23 = f64x2.mul(sum23, down);
  const sum = narrowed(sum01, sum23);
  v128.store(at, sum);
  v128.store(at, lowerOf(sum, sum01, sum23), 16);
}

// @ts-ignore: decorator
@inline
function lowerOf(sum: v128, sum01: v128, sum23: v128): v128 {
  return narrowed(
    f64x2.sub(sum01, f64x2.promote_low_f32x4(sum)), f64x2.sub(sum23, f64x2.promote_low_f32x4(upperHalfOnce(sum))),
  );
}

/**
 * From the sums of four rows, each in two float32, to what the terms are to be multiplied by: 1/divisor in the two parts that
 * `timesDouble` wants, written to `at` and 16 bytes on. In float32 throughout, since four rows in float64 are two vectors: with
 * what DESIGN.md lists beside it, 4 % off at 10 columns, nothing at 2.
 */
// @ts-ignore: decorator
@inline
export function storeFactors(at: usize, sum: v128, rest: v128, one: v128, upperBits: v128): void {
  const inverse = f32x4.div(one, sum), upper = v128.and(inverse, upperBits);
  v128.store(at, upper);
  v128.store(at, lowerFactor(inverse, upper, sum, rest, one, upperBits), 16);
}

/** The second part: (1 − divisor·upper)/divisor. */
// @ts-ignore: decorator
@inline
export function lowerFactor(inverse: v128, upper: v128, sum: v128, rest: v128, one: v128, upperBits: v128): v128 {
  return f32x4.mul(f32x4.sub(oneLess(sum, upper, one, upperBits), f32x4.mul(rest, upper)), inverse);
}

/** The same where some may be equal terms. Those that are not come out with the same bits. */
export function storeNudgedFactors(at: usize, sum: v128, rest: v128, largest: v128, one: v128, upperBits: v128): void {
  const sum01 = f64x2.add(f64x2.promote_low_f32x4(sum), f64x2.promote_low_f32x4(rest));
  const sum23 = f64x2.add(f64x2.promote_low_f32x4(upperHalfOnce(sum)), f64x2.promote_low_f32x4(upperHalfOnce(rest)));
  const divisor01 = divisor(sum01, f64x2.promote_low_f32x4(largest));
  const divisor23 = divisor(sum23, f64x2.promote_low_f32x4(upperHalfOnce(largest)));
  const nudged = narrowed(divisor01, divisor23);
  storeFactors(at, nudged, lowerOf(nudged, divisor01, divisor23), one, upperBits);
}
