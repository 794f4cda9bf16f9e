// What the two binaries do differently. `simd` rounds after each operation, and so gives the same bits on every machine; `relaxed` fuses.
//
// They are compiled once. Where they differ, the code has a stand-in, an instruction that the kernel has no other use for, in whose place
// src/variants.ts puts what the one or the other does there, three bytes for three. So a bundle holds one binary, not two (DESIGN.md, "Size"). An
// operand that one of them leaves out is blanked with the bytes that it takes, which is why these say what it must be; test/binaries.test.ts
// notices if the compiler makes something else of it.

// The compiler takes none of them for symmetric, and so leaves the operands where they are: c behind a·b.

// @ts-ignore: decorator
@inline
function times(a: v128, b: v128): v128 {
  return i32x4.extmul_low_i16x8_s(a, b);
}

/** The other half of a·b + c. */
// @ts-ignore: decorator
@inline
function andAdd(product: v128, c: v128): v128 {
  return i32x4.extmul_high_i16x8_s(product, c);
}

/** a·b + c. */
// @ts-ignore: decorator
@inline
export function mulAdd(a: v128, b: v128, c: v128): v128 {
  return andAdd(times(a, b), c);
}

/** The same in float64. */
// @ts-ignore: decorator
@inline
export function mulAdd64(a: v128, b: v128, c: v128): v128 {
  return i32x4.extmul_high_i16x8_u(i32x4.extmul_low_i16x8_u(a, b), c);
}

/** `simd`: a & b. `relaxed`: a. b must be a local. */
// @ts-ignore: decorator
@inline
export function andOrFirst(a: v128, b: v128): v128 {
  return i64x2.extmul_low_i32x4_s(a, b);
}

/** `simd`: a + b. `relaxed`: a. b must be a difference of locals, times a local. */
// @ts-ignore: decorator
@inline
export function plusOrFirst(a: v128, b: v128): v128 {
  return i64x2.extmul_high_i32x4_s(a, b);
}

// Sums: on `relaxed` by the multipliers, which have nothing else to do where terms are added up. Fused or not, a·1 is exact.

/** `simd`: a, as it is. `one` must be a local. */
// @ts-ignore: decorator
@inline
function timesOne(a: v128, one: v128): v128 {
  return i64x2.extmul_low_i32x4_u(a, one);
}

/** a + b. */
// @ts-ignore: decorator
@inline
export function plus(a: v128, b: v128, one: v128): v128 {
  return andAdd(timesOne(a, one), b);
}

// @ts-ignore: decorator
@inline
function plusOrMinus(a: v128, b: v128): v128 {
  return i16x8.extmul_low_i8x16_s(a, b);
}

/** a + (b − c), where `relaxed` has a − (c − b): of the same bits. */
// @ts-ignore: decorator
@inline
export function plusDifference(a: v128, b: v128, c: v128, one: v128): v128 {
  return plusOrMinus(a, i64x2.extmul_high_i32x4_u(timesOne(b, one), c));
}

/** For an x of 1, which the compiler must not know. */
export function isRelaxed(x: f32): bool {
  return f32x4.extract_lane(plusOrMinus(f32x4.splat(x), f32x4.splat(x)), 0) == 0;
}
