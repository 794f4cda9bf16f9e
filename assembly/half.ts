// float16 and bfloat16 ↔ float32, four at a time. Counts are rounded up to a multiple of four: there must be room for that.

/** As in src/operation.ts; anything else is float16. */
const BFLOAT16: i32 = 2;

// Globals, for the reason that exp.ts gives: with literals, float16 takes twice as long.
export let SIGN_16: i32 = 0x8000;
export let MAGNITUDE_16: i32 = 0x7fff;
export let INFINITY_16: i32 = 0x7c00;
export let QUIET_16: i32 = 0x200;               // what makes a NaN of infinity
export let EXPONENT_16: i32 = 0x0f800000;       // where it lies in a float32
export let BIASES: i32 = 0x38000000;            // 112 << 23: the exponent's bias is 15 in float16, and 127 in float32
export let LEAST_NORMAL_16: i32 = 0x38800000;   // 2^−14, as a float32
export let HALF: f32 = 0.5;
export let ROUND_16: i32 = 0xc8000fff;          // 0xfff − BIASES: just under half a unit of float16, and the biases
export let ROUND_B16: i32 = 0x7fff;
export let NAN_B16: i32 = 0x7fc0;
export let UNIT: i32 = 1;

/** Exact. `dst` may lie below `src`, 2 bytes an element or more: what is written has been read. */
export function widen(format: i32, src: usize, dst: usize, count: i32): void {
  const sign = i32x4.splat(SIGN_16), magnitude = i32x4.splat(MAGNITUDE_16), exponent = i32x4.splat(EXPONENT_16);
  const biases = i32x4.splat(BIASES), least = i32x4.splat(LEAST_NORMAL_16), none = i32x4.splat(0);
  for (; count > 0; count -= 4, src += 8, dst += 16) {
    const half = i32x4.extend_low_i16x8_u(v128.load64_zero(src));
    v128.store(dst, format == BFLOAT16 ? i32x4.shl(half, 16) : fromFloat16(half, sign, magnitude, exponent, biases, least, none));
  }
}

/** Rounds to nearest, ties to even. `dst` may be `src`. */
export function round(format: i32, src: usize, dst: usize, count: i32): void {
  const unit = i32x4.splat(UNIT);
  if (format == BFLOAT16) {
    const nearly = i32x4.splat(ROUND_B16), nan = i32x4.splat(NAN_B16);
    for (; count > 0; count -= 4, src += 16, dst += 8) storeHalves(dst, toBfloat16(v128.load(src), unit, nearly, nan));
    return;
  }
  const sign = i32x4.splat(SIGN_16), least = i32x4.splat(LEAST_NORMAL_16), half = f32x4.splat(HALF);
  const nearly = i32x4.splat(ROUND_16), infinity = i32x4.splat(INFINITY_16), quiet = i32x4.splat(QUIET_16);
  for (; count > 0; count -= 4, src += 16, dst += 8)
    storeHalves(dst, toFloat16(v128.load(src), sign, least, half, nearly, unit, infinity, quiet));
}

// @ts-ignore: decorator
@inline
function storeHalves(dst: usize, half: v128): void {
  v128.store64_lane(dst, i16x8.narrow_i32x4_u(half, half), 0);
}

/** The bits of float16 in the low half of each lane. */
// @ts-ignore: decorator
@inline
function fromFloat16(half: v128, signBit: v128, magnitudeBits: v128, exponentBits: v128, biases: v128, least: v128, none: v128): v128 {
  const magnitude = i32x4.shl(v128.and(half, magnitudeBits), 13), sign = i32x4.shl(v128.and(half, signBit), 16);
  const exponent = v128.and(magnitude, exponentBits);
  // Of infinity and NaN, all bits of the exponent stay set.
  const isSpecial = i32x4.eq(exponent, exponentBits), isSubnormal = i32x4.eq(exponent, none);
  const normal = i32x4.add(i32x4.add(magnitude, biases), v128.and(isSpecial, biases));
  // A subnormal's bits, set below those of 2^−14, and that subtracted: no operation on a subnormal float32.
  const subnormal = f32x4.sub(v128.or(magnitude, least), least);
  return v128.or(v128.bitselect(subnormal, normal, isSubnormal), sign);
}

// @ts-ignore: decorator
@inline
function toFloat16(x: v128, signBit: v128, least: v128, half: v128, nearly: v128, unit: v128, infinity: v128, quiet: v128): v128 {
  const sign = v128.and(i32x4.shr_u(x, 16), signBit), magnitude = f32x4.abs(x);
  const isNaN = f32x4.ne(x, x), isSubnormal = i32x4.lt_s(magnitude, least);
  // Added to 0.5, a number below 2^−14 is rounded to a multiple of 2^−24, the unit of a subnormal float16.
  const subnormal = i32x4.sub(f32x4.add(magnitude, half), half);
  const odd = v128.and(i32x4.shr_u(magnitude, 13), unit);
  const rounded = i32x4.shr_u(i32x4.add(i32x4.add(magnitude, nearly), odd), 13);
  const finite = v128.bitselect(subnormal, i32x4.min_u(rounded, infinity), isSubnormal);
  return v128.or(v128.or(finite, v128.and(isNaN, quiet)), sign);
}

// @ts-ignore: decorator
@inline
function toBfloat16(x: v128, unit: v128, nearly: v128, nan: v128): v128 {
  const odd = v128.and(i32x4.shr_u(x, 16), unit);
  const rounded = i32x4.shr_u(i32x4.add(i32x4.add(x, nearly), odd), 16);
  return v128.bitselect(nan, rounded, f32x4.ne(x, x));
}
