// log Σ exp(x − max), in float64, with the largest terms kept out of the sum: of k elements equal to the maximum and a rest,
// it is log1p((k − 1) + rest / largest), which keeps the smallest rest beside a single maximum ([16.9, 0]: 4.6e−8).
//
// The rest is added up 2^32 higher than the terms of softmax, which are 2^32 up themselves, so that nothing that shows beside 0 is
// lost: a float32 reaches down to 2^−149, and long rows may add up many terms below it.

import { mulAdd64 } from "./either";
import { exponentOf } from "./exp";

/** How much higher the terms of a rest are: they are exp(x)·2^(LIFT − N). */
export const LIFT: f32 = 64;

// Globals, for the reason that exp.ts gives: with literals, this takes half as long again; as scalars, 3 to 6 % longer at 2 to 10 columns.
export let LN2_64: v128 = f64x2(0.6931471805599453, 0.6931471805599453);
export let LIFT_SCALE: v128 = f64x2(18446744073709551616.0, 18446744073709551616.0); // 2^LIFT
export let ROOT_HALF: v128 = i64x2(0x3fe6a09e667f3bcd, 0x3fe6a09e667f3bcd);          // the bits of √½
export let ONE_64: v128 = f64x2(1, 1);
export let E2: v128 = f64x2(0.5, 0.5);                                               // 1/2!: Taylor's coefficients of exp
export let E3: v128 = f64x2(0.16666666666666666, 0.16666666666666666);
export let E4: v128 = f64x2(0.041666666666666664, 0.041666666666666664);
export let E5: v128 = f64x2(0.008333333333333333, 0.008333333333333333);
export let E6: v128 = f64x2(0.001388888888888889, 0.001388888888888889);
export let E7: v128 = f64x2(0.0001984126984126984, 0.0001984126984126984);
export let E8: v128 = f64x2(0.0000248015873015873, 0.0000248015873015873);           // 1/8!
export let A3: v128 = f64x2(0.3333333333333333, 0.3333333333333333);                 // 1/3: those of atanh
export let A5: v128 = f64x2(0.2, 0.2);
export let A7: v128 = f64x2(0.14285714285714285, 0.14285714285714285);
export let A9: v128 = f64x2(0.1111111111111111, 0.1111111111111111);
export let A11: v128 = f64x2(0.09090909090909091, 0.09090909090909091);

/** exp(near)·2^−N in float64, for two rows whose maxima are the lower lanes: Taylor's polynomial of degree 8, to 2^−32. */
function maxTerm(near: v128): v128 {
  const x = f64x2.promote_low_f32x4(near);
  const t = f64x2.sub(x, f64x2.mul(f64x2.promote_low_f32x4(exponentOf(near)), LN2_64));
  const t2 = f64x2.mul(t, t), t4 = f64x2.mul(t2, t2);
  // Summed as a tree: it is waited for.
  const low = mulAdd64(mulAdd64(E3, t, E2), t2, f64x2.add(t, ONE_64));
  const high = mulAdd64(mulAdd64(E7, t, E6), t2, mulAdd64(E5, t, E4));
  return mulAdd64(mulAdd64(E8, t4, high), t4, low);
}

/** Σ exp(x − max) − 1, for two rows: the rest, their maxima and how many elements equal those in the lower lanes. */
// @ts-ignore: decorator
@inline
export function sumAboveOne(rest: v128, near: v128, count: v128): v128 {
  const others = f64x2.sub(f64x2.convert_low_i32x4_s(count), ONE_64);
  return f64x2.add(others, f64x2.div(rest, f64x2.mul(maxTerm(near), LIFT_SCALE)));
}

/**
 * log(1 + z) for z ≥ 0, to 2^−34: the sum s = 1 + z is m·2^e with m in [√½, √2), and log m = 2·atanh f of
 * f = (m − 1)/(m + 1), by its series. What s has lost of z comes back at the end; it only shows where s is near 1.
 */
export function logOfSum(rest: v128, near: v128, count: v128): v128 {
  const one = ONE_64;
  const z = sumAboveOne(rest, near, count);
  const s = f64x2.add(one, z), lost = f64x2.sub(z, f64x2.sub(s, one));
  const e = i64x2.shr_u(i64x2.sub(s, ROOT_HALF), 52);
  const m = i64x2.sub(s, i64x2.shl(e, 52));
  const f = f64x2.div(f64x2.sub(m, one), f64x2.add(m, one)), f2 = f64x2.mul(f, f), f4 = f64x2.mul(f2, f2);
  const high = mulAdd64(mulAdd64(A11, f2, A9), f4, mulAdd64(A7, f2, A5));
  const series = mulAdd64(high, f4, mulAdd64(A3, f2, ONE_64));
  const exponent = f64x2.convert_low_i32x4_s(v128.shuffle<i32>(e, e, 0, 2, 0, 2));
  const whole = mulAdd64(exponent, LN2_64, lost);
  return mulAdd64(f64x2.add(f, f), series, whole);
}
