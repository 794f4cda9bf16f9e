// exp of four lanes at a time, times a power of two; the arithmetic that lanes.ts, wide.ts and alone.ts are made of.
//
//   exp(x)·2^−N  =  2^(n−N) · e^t      n = round(x·log2 e),  t = x − n·ln2,  |t| ≤ ln2/2
//
// N is the caller's: any shift gives the same softmax (DESIGN.md, "Numbers"), and a power of two rounds nothing.
//
// Error, over every float32 it can meet (npm run sweep, 3.2·10⁹ of them and 33 other N):
//   simd     0.995 ULP at −0x1.77338cp+2; rises with x throughout; exp(±0) = 1
//   relaxed  1.025 ULP at 0x1.f43d74p+3 (maximum 85); rises with x throughout; exp(±0) = 1
// In parts of 2^−24 of the true value, which is what softmax's bound comes from (DESIGN.md, "Numbers"):
//   simd     −1.366 at −0x1.77338cp+2 to 1.398 at −0x1.b61052p+4
//   relaxed  −1.413 at 0x1.da3f88p+5 to 1.448 at 0x1.39ff10p+7

import { andOrFirst, mulAdd, plusOrFirst } from "./either";

/**
 * Terms are exp(x)·2^(HEIGHT − N). A multiplication, fused or not, that takes or gives a subnormal number takes 50 ns longer on Intel, 7 on Zen 3
 * (DESIGN.md, "Subnormal products"): without this height, rows with many terms near 2^−126 took ten times as long as others.
 */
export const HEIGHT: f32 = 32;

/** From there down to exp(x)·2^−N, or a sum of those. */
// @ts-ignore: decorator
@inline
export function lowered(v: v128, down: v128): v128 {
  return f32x4.mul(v, down);
}

/**
 * The same bits, of what is finite, by integers, which take no longer where results are subnormal: from `least` on, the exponent becomes less by
 * `height`; below, the addition rounds to the unit that subnormal results have. Of the two, the right one is never the smaller.
 */
// @ts-ignore: decorator
@inline
export function loweredTiny(v: v128, height: v128, least: v128): v128 {
  return v128.or(i32x4.max_s(i32x4.sub(v, height), i32x4.sub(f32x4.add(v, least), least)), f32x4.ne(v, v));
}

/** Does `mulAdd` round once on this machine? With x = 1 + 2⁻¹², x² − (1 + 2⁻¹¹) is 2⁻²⁴ if it does, else 0. */
export function fuses(x: f32): bool {
  const xs = f32x4.splat(x);
  return f32x4.extract_lane(mulAdd(xs, xs, f32x4.splat(-1.00048828125)), 0) != 0;
}

/**
 * e·(upper + lower): rounded once, give or take 2⁻³⁵, if `upper` has 12 significant bits. With a reciprocal that was itself
 * rounded to float32, outputs are off by up to 3.3 ULP instead of 2.8 (3·10⁷ rows of 2 to 64 columns, simulated).
 * Brings terms down from their HEIGHT, last: until then no part of a tiny one is subnormal.
 */
// @ts-ignore: decorator
@inline
export function timesDouble(e: v128, upper: v128, lower: v128, upperBits: v128, down: v128): v128 {
  return lowered(productOf(e, upper, lower, upperBits), down);
}

/** The same, at the height of the terms. */
// @ts-ignore: decorator
@inline
export function productOf(e: v128, upper: v128, lower: v128, upperBits: v128): v128 {
  const eUpper = andOrFirst(e, upperBits);
  return mulAdd(eUpper, upper, plusOrFirst(f32x4.mul(e, lower), f32x4.mul(f32x4.sub(e, eUpper), upper)));
}

/** 1 − a·upper, to 2⁻³⁵, where that is small and `upper` has 12 significant bits. */
// @ts-ignore: decorator
@inline
export function oneLess(a: v128, upper: v128, one: v128, upperBits: v128): v128 {
  const aUpper = v128.and(a, upperBits);
  return f32x4.sub(f32x4.sub(one, f32x4.mul(aUpper, upper)), f32x4.mul(f32x4.sub(a, aUpper), upper));
}

// The constants are mutable globals, read once per call into locals. As literals, V8 13 and later would rebuild them inside
// the loops, which then take twice as long; and what is not exported, the compiler makes a literal. Afterwards strip.mjs takes the
// exports away. Scalars, because a vector takes twice the bytes; written out, or a start function would have to compute them.
export let LOG2E: f32 = 1.4426950216293335;          // 0x1.715476p+0    log2 e
export let LN2_UPPER: f32 = -0.693145751953125;      // -0x1.62e400p-1   −ln2, upper 15 bits: n times this is exact for |n| < 512
export let LN2_LOWER: f32 = -1.428606765330187e-06;  // -0x1.7f7d1cp-20  −ln2, the rest
export let Q2: f32 = 0.4999999403953552;             // 0x1.fffffcp-2    e^t = 1 + t + t²·(Q2 + Q3·t + Q4·t² + Q5·t³ + Q6·t⁴): our own minimax
export let Q3: f32 = 0.1666652262210846;             // 0x1.555494p-3    fit on |t| ≤ ln2/2, error 2^−28.25, rounded low order first
export let Q4: f32 = 0.04166829213500023;            // 0x1.5558bep-5
export let Q5: f32 = 0.008368532173335552;           // 0x1.123856p-7
export let Q6: f32 = 0.001381829846650362;           // 0x1.6a3d08p-10
export let ONE: f32 = 1;
/**
 * How far below the largest, in logits, terms become 0: 125.001 powers of two. With 126.5, one large logit was enough for the results of others to be
 * subnormal, and such rows took 1.5 to 1.9 times as long as others (Intel).
 */
export let DEPTH: f32 = 86.644;
/** For N = 0: see `magicOf`. 1.5·2^23 + 127 + HEIGHT. */
export let MAGIC_OF_0: f32 = 12583071;
/**
 * From here on, numbers lie so far from zero that n·ln2 would no longer be exact. Such rows are first moved
 * by their maximum, which is exact for every element that matters (Sterbenz: within a factor of two of it).
 */
export let FAR: f32 = 256;
/** The largest of no elements: the bits of −∞, which as a float32 would need a start function. */
export let NOTHING: i32 = 0xff800000;
export let DOWN: f32 = 2.3283064365386963e-10;       // 0x1p-32          see HEIGHT
export let LEAST: f32 = 5.048709793414476e-29;       // 0x1p-94          from there down, HEIGHT higher, results are subnormal
/** The upper 12 significant bits of a float32: the product of two such numbers is exact. */
export let UPPER_BITS: i32 = 0xfffff000;

/** A mask of the lanes whose maximum is far from zero, infinite or NaN. */
// @ts-ignore: decorator
@inline
export function farLanes(max: v128): v128 {
  return v128.not(f32x4.lt(f32x4.abs(max), f32x4.splat(FAR)));
}

/** N = round(max·log2 e): 2^N is the power of two nearest to exp(max), so exp(max)·2^−N lies in [√½, √2]. */
// @ts-ignore: decorator
@inline
export function exponentOf(max: v128): v128 {
  return f32x4.nearest(f32x4.mul(max, f32x4.splat(LOG2E)));
}

/**
 * The float32 at which one unit in the last place is 1, plus the exponent bias, minus N: added to x·log2 e it leaves
 * n − N + 127 + HEIGHT in the low bits, which are the exponent of 2^(n−N+HEIGHT) once they are shifted into place.
 */
// @ts-ignore: decorator
@inline
export function magicOf(exponent: v128): v128 {
  return f32x4.sub(f32x4.splat(MAGIC_OF_0), exponent);
}

/** The least x that counts, beside a maximum near zero. */
// @ts-ignore: decorator
@inline
export function lowestOf(near: v128): v128 {
  return f32x4.sub(near, f32x4.splat(DEPTH));
}

// @ts-ignore: decorator
@inline
function reduced(x: v128, shifted: v128, magic: v128, ln2Upper: v128, ln2Lower: v128): v128 {
  const n = f32x4.sub(shifted, magic);
  return mulAdd(n, ln2Lower, mulAdd(n, ln2Upper, x));
}

/** e^t − 1, the polynomial summed as a tree: one step less to wait for than Horner's rule, no operation more. */
// @ts-ignore: decorator
@inline
function expm1(t: v128, q2: v128, q3: v128, q4: v128, q5: v128, q6: v128): v128 {
  const t2 = f32x4.mul(t, t);
  const q23 = mulAdd(q3, t, q2);
  const q456 = mulAdd(q6, t2, mulAdd(q5, t, q4));
  return mulAdd(mulAdd(q456, t2, q23), t2, t);
}

/** (1 + w)·scale, rounded once: w times a power of two is exact. */
// @ts-ignore: decorator
@inline
function rebuilt(w: v128, scale: v128): v128 {
  return mulAdd(w, scale, scale);
}

/** All of it, for one vector; 0 below `lowest`. A NaN is not below it. */
// @ts-ignore: decorator
@inline
export function exp(
  x: v128, lowest: v128, magic: v128, log2e: v128, ln2Upper: v128, ln2Lower: v128,
  q2: v128, q3: v128, q4: v128, q5: v128, q6: v128,
): v128 {
  return v128.andnot(expAbove(x, magic, log2e, ln2Upper, ln2Lower, q2, q3, q4, q5, q6), f32x4.lt(x, lowest));
}

/** The same for an x that is not below `lowest`, as the maximum never is. */
// @ts-ignore: decorator
@inline
export function expAbove(
  x: v128, magic: v128, log2e: v128, ln2Upper: v128, ln2Lower: v128,
  q2: v128, q3: v128, q4: v128, q5: v128, q6: v128,
): v128 {
  const shifted = mulAdd(x, log2e, magic);
  return rebuilt(expm1(reduced(x, shifted, magic, ln2Upper, ln2Lower), q2, q3, q4, q5, q6), i32x4.shl(shifted, 23));
}

// The same in two loops over a block: first halves are left in memory, two vectors for each of x, and second halves made of them. All of it is a chain
// of 45 cycles (`simd`: 60), and a processor looks no further ahead than some 128 operations: as many as nine vectors have (`simd`: five), which do not
// keep it busy. Halves are shorter, and so are the waits in which it holds them; and each loop has half of the constants, which leaves registers for
// sums. Zen 4, in cache, beside one loop: log-softmax 4 to 18 % off (`simd` 10 to 24 %), softmax of `simd` 7 to 11 % (2 columns 5 % more), of
// `relaxed` 0 to 5 %; short rows of `relaxed` gain 4 % since they go without masks (DESIGN.md, "The exp pass").

/** What a block has at most: 16 vectors. With 32 it takes 1 % longer (log forms 3 to 6 %), with 64 longer than one loop (`simd`: 13 %). */
export const EXP_BLOCK_BYTES: usize = 256;
/** The same in wide.ts, for rows of up to so many columns: 32 vectors, 2 to 5 % less than with 16. Longer rows, from memory, take 4 % more (Zen 4). */
export const LONG_BLOCK_BYTES: usize = 512;
export const LONG_BLOCK_COLS: i32 = 512;
/** Where its halves are. No array is, in engines, and the debug build's messages end before it. Known beforehand, it saves 2 % of long rows. */
export const HALVES: usize = 5120;

/**
 * In a shallow row, no element lies more than 40 below the maximum. Then no term is dropped, and none makes a product near 2^−126: terms are from
 * 2^−58.3 of the largest on, so that results of rows of up to 2^31 are above 2^−90, and e·lower, if it is not 0, about 2^−150 or more, where float32
 * ends. The bits are those of the other way, without its masks and without a HEIGHT to take away. When the first halves of a block are there, its least
 * element tells; if that is lower than this, they are made anew, with masks, and what comes after goes with masks at once.
 */
// @ts-ignore: decorator
@inline
export function floorOf(lowest: v128): v128 {
  return f32x4.add(lowest, f32x4.splat(DEPTH - 40));
}

/** The first half for an x of which the term is not dropped: t and 2^(n−N+HEIGHT). */
// @ts-ignore: decorator
@inline
function storeHalf(at: usize, x: v128, magic: v128, log2e: v128, ln2Upper: v128, ln2Lower: v128): void {
  const shifted = mulAdd(x, log2e, magic);
  v128.store(at, reduced(x, shifted, magic, ln2Upper, ln2Lower));
  v128.store(at, i32x4.shl(shifted, 23), 16);
}

/** The same for any x; both are 0 where it is to come out as 0. */
// @ts-ignore: decorator
@inline
export function storeMaskedHalf(at: usize, x: v128, dropped: v128, magic: v128, log2e: v128, ln2Upper: v128, ln2Lower: v128): void {
  const shifted = mulAdd(x, log2e, magic);
  v128.store(at, v128.andnot(reduced(x, shifted, magic, ln2Upper, ln2Lower), dropped));
  v128.store(at, v128.andnot(i32x4.shl(shifted, 23), dropped), 16);
}

/**
 * The first halves of all from `at` to `stop`, two vectors at a time; gives back whether they have masks, which they get if `deep`, or if an element lies
 * below `floor`. Of an odd number, what is behind the last one has a half, too, and counts as one of them.
 */
// @ts-ignore: decorator
@inline
export function storeHalves(
  at: usize, stop: usize, deep: bool, lowest: v128, floor: v128, magic: v128, log2e: v128, ln2Upper: v128, ln2Lower: v128,
): bool {
  if (!deep) {
    let least = f32x4.splat(Infinity);
    for (let from = at, half = HALVES; from < stop; from += 32, half += 64) {
      const x = v128.load(from), next = v128.load(from, 16);
      least = f32x4.pmin(least, f32x4.pmin(x, next));
      storeHalf(half, x, magic, log2e, ln2Upper, ln2Lower);
      storeHalf(half + 32, next, magic, log2e, ln2Upper, ln2Lower);
    }
    deep = v128.any_true(f32x4.lt(least, floor));
  }
  if (deep)
    for (let from = at, half = HALVES; from < stop; from += 16, half += 32) {
      const x = v128.load(from);
      storeMaskedHalf(half, x, f32x4.lt(x, lowest), magic, log2e, ln2Upper, ln2Lower);
    }
  return deep;
}

/** The second half. */
// @ts-ignore: decorator
@inline
export function finishedHalf(at: usize, q2: v128, q3: v128, q4: v128, q5: v128, q6: v128): v128 {
  return rebuilt(expm1(v128.load(at), q2, q3, q4, q5, q6), v128.load(at, 16));
}
