// float16 and bfloat16 ↔ float32, eight at a time. Counts are rounded up to a multiple of eight: there must be room for that.

/** As in src/wasm.ts. */
export const FLOAT16: i32 = 1;
export const BFLOAT16: i32 = 2;

/** Exact. `dst` may lie below `src`, 2 bytes an element or more: what is written has been read. */
export function widen(format: i32, src: usize, dst: usize, count: i32): void {
  for (; count > 0; count -= 8, src += 16, dst += 32) {
    const half = v128.load(src);
    const low = i32x4.extend_low_i16x8_u(half), high = i32x4.extend_high_i16x8_u(half);
    v128.store(dst, format == BFLOAT16 ? i32x4.shl(low, 16) : fromFloat16(low));
    v128.store(dst, format == BFLOAT16 ? i32x4.shl(high, 16) : fromFloat16(high), 16);
  }
}

/** Rounds to nearest, ties to even. `dst` may be `src`. */
export function round(format: i32, src: usize, dst: usize, count: i32): void {
  for (; count > 0; count -= 8, src += 32, dst += 16) {
    const low = v128.load(src), high = v128.load(src, 16);
    const lowHalf = format == BFLOAT16 ? toBfloat16(low) : toFloat16(low);
    const highHalf = format == BFLOAT16 ? toBfloat16(high) : toFloat16(high);
    v128.store(dst, i16x8.narrow_i32x4_u(lowHalf, highHalf));
  }
}

/** The bits of float16 in the low half of each lane. */
// @ts-ignore: decorator
@inline
function fromFloat16(half: v128): v128 {
  const magnitude = i32x4.shl(v128.and(half, i32x4.splat(0x7fff)), 13), sign = i32x4.shl(v128.and(half, i32x4.splat(0x8000)), 16);
  const exponent = v128.and(magnitude, i32x4.splat(0x0f800000));
  // The exponent's bias is 15 there and 127 here. Of infinity and NaN, all bits of the exponent stay set.
  const isSpecial = i32x4.eq(exponent, i32x4.splat(0x0f800000)), isSubnormal = i32x4.eq(exponent, i32x4.splat(0));
  const normal = i32x4.add(magnitude, v128.bitselect(i32x4.splat(224 << 23), i32x4.splat(112 << 23), isSpecial));
  // A subnormal's bits, set below those of 2^−14, and that subtracted: no operation on a subnormal float32.
  const least = i32x4.splat(113 << 23);
  const subnormal = f32x4.sub(v128.or(magnitude, least), least);
  return v128.or(v128.bitselect(subnormal, normal, isSubnormal), sign);
}

// @ts-ignore: decorator
@inline
function toFloat16(x: v128): v128 {
  const sign = i32x4.shr_u(v128.and(x, i32x4.splat(0x80000000)), 16), magnitude = v128.and(x, i32x4.splat(0x7fffffff));
  const isNaN = f32x4.ne(x, x), isSubnormal = i32x4.lt_u(magnitude, i32x4.splat(113 << 23));
  // Added to 0.5, a number below 2^−14 is rounded to a multiple of 2^−24, the unit of a subnormal float16.
  const subnormal = i32x4.sub(f32x4.add(magnitude, f32x4.splat(0.5)), f32x4.splat(0.5));
  const odd = v128.and(i32x4.shr_u(magnitude, 13), i32x4.splat(1));
  const rounded = i32x4.shr_u(i32x4.add(i32x4.add(magnitude, i32x4.splat(0xfff - (112 << 23))), odd), 13);
  const finite = v128.bitselect(subnormal, i32x4.min_u(rounded, i32x4.splat(0x7c00)), isSubnormal);
  return v128.or(v128.bitselect(i32x4.splat(0x7e00), finite, isNaN), sign);
}

// @ts-ignore: decorator
@inline
function toBfloat16(x: v128): v128 {
  const odd = v128.and(i32x4.shr_u(x, 16), i32x4.splat(1));
  const rounded = i32x4.shr_u(i32x4.add(i32x4.add(x, i32x4.splat(0x7fff)), odd), 16);
  return v128.bitselect(i32x4.splat(0x7fc0), rounded, f32x4.ne(x, x));
}
