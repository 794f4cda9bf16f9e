// log Σ exp(x − max), in float64, with the largest terms kept out of the sum: of k elements equal to the maximum and a rest,
// it is log1p((k − 1) + rest / largest), which keeps the smallest rest beside a single maximum ([16.9, 0]: 4.6e−8).
//
// The rest is added up 2^64 higher than the terms of softmax, so that nothing that shows beside 0 is lost: a float32 reaches
// down to 2^−149, and long rows may add up many terms below it.

import { LOG2E, exponentOf } from "./exp";

/** How much higher the terms of a rest are: they are exp(x)·2^(LIFT − N). */
export const LIFT: f32 = 64;
const LIFT_SCALE: f64 = 18446744073709551616.0; // 2^64

/** exp(near)·2^−N in float64, for two rows whose maxima are the lower lanes: a Taylor polynomial, to 2^−36. */
export function maxTerm(near: v128): v128 {
  const x = f64x2.promote_low_f32x4(near);
  const t = f64x2.sub(x, f64x2.mul(f64x2.promote_low_f32x4(exponentOf(near)), f64x2.splat(0.6931471805599453)));
  let e = f64x2.splat(1.0 / 362880);
  e = f64x2.add(f64x2.mul(e, t), f64x2.splat(1.0 / 40320));
  e = f64x2.add(f64x2.mul(e, t), f64x2.splat(1.0 / 5040));
  e = f64x2.add(f64x2.mul(e, t), f64x2.splat(1.0 / 720));
  e = f64x2.add(f64x2.mul(e, t), f64x2.splat(1.0 / 120));
  e = f64x2.add(f64x2.mul(e, t), f64x2.splat(1.0 / 24));
  e = f64x2.add(f64x2.mul(e, t), f64x2.splat(1.0 / 6));
  e = f64x2.add(f64x2.mul(e, t), f64x2.splat(0.5));
  e = f64x2.add(f64x2.mul(e, t), f64x2.splat(1));
  return f64x2.add(f64x2.mul(e, t), f64x2.splat(1));
}

/** Σ exp(x − max) − 1, for two rows: the rest, their maxima and how many elements equal those in the lower lanes. */
// @ts-ignore: decorator
@inline
export function sumAboveOne(rest: v128, near: v128, count: v128): v128 {
  const others = f64x2.sub(f64x2.convert_low_i32x4_s(count), f64x2.splat(1));
  return f64x2.add(others, f64x2.div(rest, f64x2.mul(maxTerm(near), f64x2.splat(LIFT_SCALE))));
}

/**
 * log(1 + z) for z ≥ 0, to 2^−34: the sum s = 1 + z is m·2^e with m in [√½, √2), and log m = 2·atanh f of
 * f = (m − 1)/(m + 1), by its series. What s has lost of z comes back as z/s at the end.
 */
export function logOfSum(rest: v128, near: v128, count: v128): v128 {
  const one = f64x2.splat(1);
  const z = sumAboveOne(rest, near, count);
  const s = f64x2.add(one, z), lost = f64x2.sub(z, f64x2.sub(s, one));
  const e = i64x2.shr_s(i64x2.sub(s, i64x2.splat(0x3fe6a09e667f3bcd)), 52); // √½
  const m = i64x2.sub(s, i64x2.shl(e, 52));
  const f = f64x2.div(f64x2.sub(m, one), f64x2.add(m, one)), f2 = f64x2.mul(f, f);
  let p = f64x2.splat(1.0 / 13);
  p = f64x2.add(f64x2.mul(p, f2), f64x2.splat(1.0 / 11));
  p = f64x2.add(f64x2.mul(p, f2), f64x2.splat(1.0 / 9));
  p = f64x2.add(f64x2.mul(p, f2), f64x2.splat(1.0 / 7));
  p = f64x2.add(f64x2.mul(p, f2), f64x2.splat(1.0 / 5));
  p = f64x2.add(f64x2.mul(p, f2), f64x2.splat(1.0 / 3));
  p = f64x2.add(f64x2.mul(p, f2), one);
  const exponent = f64x2.convert_low_i32x4_s(v128.shuffle<i32>(e, e, 0, 2, 0, 2));
  const log = f64x2.add(f64x2.mul(exponent, f64x2.splat(0.6931471805599453)), f64x2.mul(f64x2.add(f, f), p));
  return f64x2.add(log, f64x2.div(lost, s));
}
