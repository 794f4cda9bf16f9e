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

/** Two float64 pairs → four float32, rounded to nearest. */
// @ts-ignore: decorator
@inline
export function narrowed(a: v128, b: v128): v128 {
  return v128.shuffle<f64>(f32x4.demote_f64x2_zero(a), f32x4.demote_f64x2_zero(b), 0, 2);
}

/**
 * Whether some row may be k equal terms (k = 1: a lone element) and nothing else that counts: its sum is then k times its
 * largest term. A coarse test, in float32, that lets nothing of the kind slip; `divisor` decides.
 */
// @ts-ignore: decorator
@inline
export function mayBeEqual(sum: v128, largest: v128): bool {
  const count = f32x4.nearest(f32x4.div(sum, largest));
  const off = f32x4.abs(f32x4.sub(sum, f32x4.mul(count, largest)));
  return v128.any_true(f32x4.le(off, f32x4.mul(sum, f32x4.splat(1 / 4194304.0)))); // 2⁻²²: four roundings
}

/**
 * What to divide the terms by, two rows at a time: their sum, but for rows of k equal terms. Each of those must come out as
 * fround(1/k), to the bit, [5, 5] as [0.5, 0.5], and does if the divisor is largest/fround(1/k), rounded only here.
 */
export function divisor(sum: v128, largest: v128): v128 {
  const count = f64x2.nearest(f64x2.div(sum, largest));
  const off = f64x2.abs(f64x2.sub(sum, f64x2.mul(count, largest)));
  const equal = f64x2.lt(off, f64x2.mul(sum, f64x2.splat(1 / 1099511627776.0))); // 2⁻⁴⁰: above the error of a sum
  const share = f64x2.promote_low_f32x4(f32x4.demote_f64x2_zero(f64x2.div(f64x2.splat(1), count)));
  return v128.bitselect(f64x2.div(largest, share), sum, equal);
}

/** The first part of the factor: as many bits of 1/divisor as `timesDouble` wants. */
// @ts-ignore: decorator
@inline
export function upperPart(inverse: v128): v128 {
  return v128.and(inverse, i32x4.splat(UPPER_12_BITS));
}

/** The second part of the factor: (1 − divisor·upper)/divisor. */
// @ts-ignore: decorator
@inline
export function lowerPart(divisor01: v128, divisor23: v128, upper: v128, inverse: v128): v128 {
  const one = f64x2.splat(1);
  const left01 = f64x2.sub(one, f64x2.mul(divisor01, f64x2.promote_low_f32x4(upper)));
  const left23 = f64x2.sub(one, f64x2.mul(divisor23, f64x2.promote_low_f32x4(upperHalf(upper))));
  return f32x4.mul(narrowed(left01, left23), inverse);
}
