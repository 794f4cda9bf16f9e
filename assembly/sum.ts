// The sum of a row's terms, to far beyond float32, and the factor that makes probabilities of them.
//
// A running float32 sum and, beside it, the sum of what each addition rounded away. The sum starts at 2, which no term
// exceeds (they are at most √2): the larger operand is then always the sum, and so the loss of an addition is exact
// (Dekker's Fast2Sum). It costs 11 % of the exp pass, where adding in float64 lanes costs 18 %; adding trees of four
// float32 before going to float64 costs nothing, but leaves outputs off by up to 4.1 ULP.

import { UPPER_12_BITS } from "./exp";

export const START: f32 = 2;

/** What `sum + term`, rounded to `next`, has lost. */
// @ts-ignore: decorator
@inline
export function lost(sum: v128, next: v128, term: v128): v128 {
  return f32x4.sub(term, f32x4.sub(next, sum));
}

/** Lanes 2 and 3, where float64 conversions want them. */
// @ts-ignore: decorator
@inline
export function upperHalf(v: v128): v128 {
  return v128.shuffle<f64>(v, v, 1, 0);
}

/** The sums in lanes 0 and 1, in float64. */
// @ts-ignore: decorator
@inline
export function total(sum: v128, losses: v128): v128 {
  return f64x2.add(f64x2.sub(f64x2.promote_low_f32x4(sum), f64x2.splat(START)), f64x2.promote_low_f32x4(losses));
}

/**
 * The sum to divide by. Where a sum is k times the largest term, the row is k equal terms (k = 1: a lone element) and
 * nothing else that counts, and each of them must come out as fround(1/k), to the bit: [5, 5] as [0.5, 0.5].
 * largest·(1/k) is then rounded only once if the divisor is largest / fround(1/k).
 */
// @ts-ignore: decorator
@inline
export function divisor(sum: v128, largest: v128): v128 {
  const count = f64x2.nearest(f64x2.div(sum, largest));
  const off = f64x2.abs(f64x2.sub(sum, f64x2.mul(count, largest)));
  const equal = f64x2.lt(off, f64x2.mul(sum, f64x2.splat(1 / 1099511627776.0))); // 2⁻⁴⁰: the error of a sum
  if (!v128.any_true(equal)) return sum;
  const share = f64x2.promote_low_f32x4(f32x4.demote_f64x2_zero(f64x2.div(f64x2.splat(1), count)));
  return v128.bitselect(f64x2.div(largest, share), sum, equal);
}

/** Two float64 pairs → four float32, rounded to nearest. */
// @ts-ignore: decorator
@inline
export function narrowed(a: v128, b: v128): v128 {
  return v128.shuffle<f64>(f32x4.demote_f64x2_zero(a), f32x4.demote_f64x2_zero(b), 0, 2);
}

/** 1/divisor in float32: its upper 12 bits are the first part of the factor. */
// @ts-ignore: decorator
@inline
export function reciprocal(divisor01: v128, divisor23: v128): v128 {
  return f32x4.div(f32x4.splat(1), narrowed(divisor01, divisor23));
}

// @ts-ignore: decorator
@inline
export function upperBits(v: v128): v128 {
  return v128.and(v, i32x4.splat(UPPER_12_BITS));
}

/** The second part of the factor: (1 − divisor·upper)/divisor. */
// @ts-ignore: decorator
@inline
export function lowerPart(divisor01: v128, divisor23: v128, upper: v128, reciprocal: v128): v128 {
  const one = f64x2.splat(1);
  const left01 = f64x2.sub(one, f64x2.mul(divisor01, f64x2.promote_low_f32x4(upper)));
  const left23 = f64x2.sub(one, f64x2.mul(divisor23, f64x2.promote_low_f32x4(upperHalf(upper))));
  return f32x4.mul(narrowed(left01, left23), reciprocal);
}
