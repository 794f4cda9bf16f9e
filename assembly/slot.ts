// What is known about four rows, one in each lane. All kernels leave and find it here; what lies between the passes is done
// for four rows at once. A slot is also the partial result of rows that arrive in pieces.

import {
  LOG2E, LN2_UPPER, LN2_LOWER, Q2, Q3, Q4, Q5, Q6, DOWN,
  expAbove, exponentOf, farLanes, lowered, lowestOf, magicOf,
} from "./exp";
import { logOfSum, sumAboveOne } from "./log";
import { LOG_SUM_EXP } from "./operation";
import { narrowed, promotedHigh, promotedLow } from "./sum";

/** The largest element; −∞ before any, NaN where that is infinite and a NaN beside it. */
export const MAX: usize = 0;
/** What is subtracted from every element first: the maximum of rows far from zero, otherwise 0. */
export const CENTRE: usize = 16;
/** The maximum after that. */
export const NEAR: usize = 32;
/** For exp: see there. */
export const LOWEST: usize = 48;
export const MAGIC: usize = 64;
/** The sum of the terms, of rows of up to ONE_SUM_COLS: its upper and its lower part. So are all when their factors are found. */
export const SUM: usize = 80;
export const SUM_LOWER: usize = 96;
/** Or two float64 pairs: the same of longer rows, or the sum of all terms but the largest ones (log.ts), or of a gradient. */
export const SUMS: usize = 80;
/** The largest term, where statistics are given, or (int32) how many elements are as large as the maximum. */
export const LARGEST: usize = 112;
export const COUNT: usize = 112;
/**
 * Or (int32), where there are terms, whether those need care: of a long row, or, in the first lane, of all four. See `floorOf`. With statistics given, their
 * LARGEST takes its place and is never 0: such terms get care, which they need, since those sums may be of any size.
 */
export const DEEP: usize = 112;
/** What terms are multiplied by, in two parts; or log Σ exp(x − max), two float64 pairs. */
export const UPPER: usize = 128;
export const LOWER: usize = 144;
const LOGS: usize = 128;
/** The same logarithm in float32. */
export const LOG: usize = 160;
/** Where each row begins (uint32), if they do not lie along the last axis: columns.ts. */
export const STARTS: usize = 176;
export const SLOT_BYTES: usize = 192;

// @ts-ignore: decorator
@inline
export function beginSlot(slot: usize, max: v128): void {
  v128.store(slot, max, MAX);
  v128.store(slot, f64x2.splat(0), SUMS);
  v128.store(slot, f64x2.splat(0), SUMS + 16);
  v128.store(slot, f32x4.splat(0), COUNT);
}

/** From the maximum to how far the rows are to be moved, and the powers of two to divide by. */
// @ts-ignore: decorator
@inline
export function findShiftsOf(slot: usize, max: v128): void {
  const far = farLanes(max), near = v128.andnot(max, far);
  v128.store(slot, v128.and(max, far), CENTRE);
  v128.store(slot, near, NEAR);
  v128.store(slot, lowestOf(near), LOWEST);
  v128.store(slot, magicOf(exponentOf(near)), MAGIC);
}

/** The largest term, from the maximum of rows near zero. */
export function expOfMax(slot: usize): v128 {
  const largest = expAbove(
    v128.load(slot, NEAR), v128.load(slot, MAGIC),
    f32x4.splat(LOG2E), f32x4.splat(LN2_UPPER), f32x4.splat(LN2_LOWER),
    f32x4.splat(Q2), f32x4.splat(Q3), f32x4.splat(Q4), f32x4.splat(Q5), f32x4.splat(Q6),
  );
  return lowered(largest, f32x4.splat(DOWN));
}

/** From the sum of the smaller terms, and how many are largest, to the logarithm. */
export function findLogsOf(slot: usize): void {
  const log01 = logOfSum(v128.load(slot, SUMS), v128.load(slot, NEAR), v128.load(slot, COUNT));
  const log23 = logOfSum(v128.load(slot, SUMS + 16), v128.load64_zero(slot, NEAR + 8), v128.load64_zero(slot, COUNT + 8));
  v128.store(slot, log01, LOGS);
  v128.store(slot, log23, LOGS + 16);
  v128.store(slot, narrowed(log01, log23), LOG);
}

/** The lanes whose maximum is −∞ or +∞. */
// @ts-ignore: decorator
@inline
export function infiniteLanes(max: v128): v128 {
  return f32x4.eq(f32x4.abs(max), f32x4.splat(Infinity));
}

// Known statistics, in place of those that are found: the maximum before findShiftsOf, the sum after it.

export function takeMaximum(slot: usize, lane: i32, max: f32): void {
  store<f32>(slot + (<usize>lane << 2), max, MAX);
}

/**
 * Relative to 1, as given; relative to the kernel's own largest term, which is in the slot, from here on: a lone element comes out
 * as 1, nothing above it. A +∞ somewhere makes all of its row NaN.
 */
export function takeSum(slot: usize, lane: i32, sum: f64): void {
  const at = slot + (<usize>lane << 2);
  let relative = load<f32>(at, MAX) == Infinity ? NaN : sum * load<f32>(at, LARGEST);
  if (relative < Infinity) relative = min(relative, <f64>f32.MAX_VALUE);
  store<f64>(slot + (<usize>lane << 3), relative * 4294967296, SUMS); // 2^HEIGHT
}

/**
 * The first row of the group that begins at `row` of `count`: the last group goes back to have four rows, so that some are in two
 * groups, with the same result. Only where there are less than four in all, the last row stands in for those missing.
 */
// @ts-ignore: decorator
@inline
export function firstOf(row: i32, count: i32): i32 {
  return max(0, min(row, count - 4));
}

/**
 * The result of `count` rows that have one: log-sum-exp to `values`, or the maximum, and the sum to `sums`. −0 becomes +0: which of several
 * zeros was found to be the maximum depends on the pieces.
 */
export function storeValues(operation: i32, slots: usize, count: i32, values: usize, sums: usize): void {
  for (let row = 0; row < count; row += 4, slots += SLOT_BYTES) {
    const max = v128.load(slots, MAX);
    let value = max;
    if (operation == LOG_SUM_EXP) {
      const lse01 = f64x2.add(promotedLow(slots + MAX), v128.load(slots, LOGS));
      const lse23 = f64x2.add(promotedHigh(slots + MAX), v128.load(slots, LOGS + 16));
      value = v128.bitselect(max, narrowed(lse01, lse23), infiniteLanes(max));
    }
    v128.store(slots, value, UPPER);
    for (let lane = 0; lane < min(count, 4); lane++) {
      const at = slots + (<usize>lane << 2), index = <usize>(firstOf(row, count) + lane);
      store<f32>(values + (index << 2), load<f32>(at, UPPER) + 0);
      if (operation == LOG_SUM_EXP) continue;
      const rest = v128.load64_splat(slots + (<usize>lane << 3), SUMS);
      const sum = 1 + f64x2.extract_lane(sumAboveOne(rest, v128.load32_splat(at, NEAR), v128.load32_splat(at, COUNT)), 0);
      const largest = load<f32>(at, MAX);
      store<f64>(sums + (index << 3), largest == -Infinity ? 0 : largest == Infinity ? 1 : sum);
    }
  }
}
