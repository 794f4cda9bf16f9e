// The work on rows that lie one in each lane: element 0 of four rows, element 1 of four rows, and so on. No sum or maximum ever
// crosses lanes. narrow.ts and columns.ts bring rows into this form and back.
//
// Groups of four go through the work area by the batch, in steps. Each step has waits (chains of additions, a division)
// that the next group of the same step fills, where all steps of one group in a row would leave the machine idle half the
// time (10 columns: 1.40 → 1.13 ns per element). The area holds the slots of a batch, then element 0 of all its rows, element 1, …

import {
  LOG2E, LN2_UPPER, LN2_LOWER, Q2, Q3, Q4, Q5, Q6, ONE,
  exp, expm1, floored, mulAdd, rebuilt, reduced,
} from "./exp";
import { LIFT } from "./log";
import { FROM_STATS, isLogarithmic } from "./operation";
import {
  CENTRE, COUNT, LARGEST, LOWEST, MAGIC, MAX, NEAR, SLOT_BYTES, SUM, SUMS, SUM_LOWER,
  beginSlot, expOfMax, findFactorsOf, findLogsOf, findShiftsOf, firstOf, infiniteLanes, takeMaximum, takeSum,
} from "./slot";
import { START, lost, lostOfTwo, upperHalf } from "./sum";

export const GROUP_ROWS: i32 = 4;
export const BATCH_GROUPS: i32 = 8;
export const SLOTS_BYTES: i32 = BATCH_GROUPS * <i32>SLOT_BYTES;

/** From an element of a row to the next, where a batch has all its groups. */
export const STEP: usize = 16 * BATCH_GROUPS;
/** How many terms a lane adds up before it begins a new sum: see sum.ts. */
const FLUSHED: usize = 64;

export function begin(slots: usize, groups: i32): void {
  for (; groups > 0; groups--, slots += SLOT_BYTES) beginSlot(slots, f32x4.splat(-Infinity));
}

/** Between the maxima and the terms. `maxima`: of known statistics, in place of those found. */
export function findShifts(operation: i32, slots: usize, count: i32, maxima: usize): void {
  if (operation == FROM_STATS) takeMaxima(maxima, slots, count);
  for (; count > 0; count -= GROUP_ROWS, slots += SLOT_BYTES) findShiftsOf(slots, v128.load(slots, MAX));
}

/** Moves rows that are far from zero, and looks for NaNs where the maximum, to which they do not count, is infinite. */
export function settle(data: usize, cols: i32, step: usize, slots: usize, groups: i32): void {
  for (; groups > 0; groups--, slots += SLOT_BYTES, data += 16)
    if (v128.any_true(v128.load(slots, CENTRE))) settleGroup(data, cols, step, slots);
}

export function settleGroup(data: usize, cols: i32, step: usize, slot: usize): void {
  const centre = v128.load(slot, CENTRE), end = data + <usize>cols * step;
  if (v128.any_true(infiniteLanes(centre))) markNaNs(data, end, step, slot);
  for (; data < end; data += step) v128.store(data, f32x4.sub(v128.load(data), centre));
}

/** An infinite maximum becomes NaN. */
function markNaNs(data: usize, end: usize, step: usize, slot: usize): void {
  const max = v128.load(slot, MAX);
  let nan = f32x4.splat(0);
  for (; data < end; data += step) {
    const x = v128.load(data);
    nan = v128.or(nan, f32x4.ne(x, x));
  }
  v128.store(slot, v128.or(max, v128.and(nan, infiniteLanes(max))), MAX); // all bits set: a NaN
}

/** What the operation adds up of the elements; terms take their place. */
export function sum(operation: i32, data: usize, cols: i32, step: usize, slots: usize, groups: i32): void {
  if (isLogarithmic(operation)) sumRests(data, cols, step, slots, groups);
  else sumTerms(data, cols, step, slots, groups);
}

/** Logits in; their terms out, and the sum of each row's. */
function sumTerms(first: usize, cols: i32, step: usize, slots: usize, groups: i32): void {
  const log2e = LOG2E, ln2Upper = LN2_UPPER, ln2Lower = LN2_LOWER, one = ONE;
  const q2 = Q2, q3 = Q3, q4 = Q4, q5 = Q5, q6 = Q6;
  const start = f32x4.splat(START), none = f32x4.splat(0);

  for (; groups > 0; groups--, slots += SLOT_BYTES, first += 16) {
    let data = first;
    const end = data + <usize>cols * step;
    const lowest = v128.load(slots, LOWEST), magic = v128.load(slots, MAGIC);
    const largest = exp(v128.load(slots, NEAR), lowest, magic, log2e, ln2Upper, ln2Lower, q2, q3, q4, q5, q6, one);
    v128.store(slots, largest, LARGEST);
    let high = v128.load(slots, SUM), low = v128.load(slots, SUM_LOWER);
    while (data < end) {
      const stop = min(data + FLUSHED * step, end);
      let sum = start, losses = none;
      // The stages of wide.ts, written again: an inline function returns one value, and these are four terms and two sums.
      for (; data + 4 * step <= stop; data += 4 * step) {
        const x0 = floored(v128.load(data), lowest), x1 = floored(v128.load(data + step), lowest);
        const x2 = floored(v128.load(data + 2 * step), lowest), x3 = floored(v128.load(data + 3 * step), lowest);
        const s0 = mulAdd(x0, log2e, magic), s1 = mulAdd(x1, log2e, magic);
        const s2 = mulAdd(x2, log2e, magic), s3 = mulAdd(x3, log2e, magic);
        const t0 = reduced(x0, s0, magic, ln2Upper, ln2Lower), t1 = reduced(x1, s1, magic, ln2Upper, ln2Lower);
        const t2 = reduced(x2, s2, magic, ln2Upper, ln2Lower), t3 = reduced(x3, s3, magic, ln2Upper, ln2Lower);
        const w0 = expm1(t0, q2, q3, q4, q5, q6), w1 = expm1(t1, q2, q3, q4, q5, q6);
        const w2 = expm1(t2, q2, q3, q4, q5, q6), w3 = expm1(t3, q2, q3, q4, q5, q6);
        const e0 = rebuilt(w0, s0, one), e1 = rebuilt(w1, s1, one), e2 = rebuilt(w2, s2, one), e3 = rebuilt(w3, s3, one);
        v128.store(data, e0);
        v128.store(data + step, e1);
        v128.store(data + 2 * step, e2);
        v128.store(data + 3 * step, e3);
        const a0 = f32x4.add(sum, e0), a1 = f32x4.add(a0, e1), a2 = f32x4.add(a1, e2), a3 = f32x4.add(a2, e3);
        losses = f32x4.add(losses, lost(sum, a0, e0));
        losses = f32x4.add(losses, lost(a0, a1, e1));
        losses = f32x4.add(losses, lost(a1, a2, e2));
        losses = f32x4.add(losses, lost(a2, a3, e3));
        sum = a3;
      }
      for (; data < stop; data += step) {
        const e = exp(v128.load(data), lowest, magic, log2e, ln2Upper, ln2Lower, q2, q3, q4, q5, q6, one);
        v128.store(data, e);
        const next = f32x4.add(sum, e);
        losses = f32x4.add(losses, lost(sum, next, e));
        sum = next;
      }
      sum = f32x4.sub(sum, start);
      const all = f32x4.add(high, sum);
      low = f32x4.add(low, f32x4.add(losses, lostOfTwo(high, sum, all)));
      high = all;
    }
    v128.store(slots, high, SUM);
    v128.store(slots, low, SUM_LOWER);
  }
}

/** Logits in, and left as they are: the sum of the terms of all but the largest, and how many those are. */
function sumRests(first: usize, cols: i32, step: usize, slots: usize, groups: i32): void {
  const log2e = LOG2E, ln2Upper = LN2_UPPER, ln2Lower = LN2_LOWER, one = ONE;
  const q2 = Q2, q3 = Q3, q4 = Q4, q5 = Q5, q6 = Q6;
  const lift = f32x4.splat(LIFT), liftNatural = f32x4.splat(LIFT * 0.6931471805599453);

  for (; groups > 0; groups--, slots += SLOT_BYTES, first += 16) {
    const max = v128.load(slots, NEAR);
    const lowest = f32x4.sub(v128.load(slots, LOWEST), liftNatural), magic = f32x4.add(v128.load(slots, MAGIC), lift);
    let sum01 = v128.load(slots, SUMS), sum23 = v128.load(slots, SUMS + 16), count = v128.load(slots, COUNT);
    const end = first + <usize>cols * step;
    for (let data = first; data < end; data += step) {
      const x = v128.load(data), isMax = f32x4.eq(x, max);
      const e = v128.andnot(exp(x, lowest, magic, log2e, ln2Upper, ln2Lower, q2, q3, q4, q5, q6, one), isMax);
      count = i32x4.sub(count, isMax);
      sum01 = f64x2.add(sum01, f64x2.promote_low_f32x4(e));
      sum23 = f64x2.add(sum23, f64x2.promote_low_f32x4(upperHalf(e)));
    }
    v128.store(slots, sum01, SUMS);
    v128.store(slots, sum23, SUMS + 16);
    v128.store(slots, count, COUNT);
  }
}

/** Between the sums and the result. `sums`: of known statistics, in place of those found. */
export function findResults(operation: i32, slots: usize, count: i32, sums: usize): void {
  if (operation == FROM_STATS) takeSums(sums, slots, count);
  for (; count > 0; count -= GROUP_ROWS, slots += SLOT_BYTES) {
    if (isLogarithmic(operation)) findLogsOf(slots);
    else findFactorsOf(slots);
  }
}

/** Which row a lane is of, of `count`. */
// @ts-ignore: decorator
@inline
function rowOf(lane: i32, count: i32): usize {
  return <usize>min(firstOf(lane & ~3, count) + (lane & 3), count - 1);
}

export function takeMaxima(maxima: usize, slots: usize, count: i32): void {
  for (let lane = 0; lane < ((count + 3) & ~3); lane++)
    takeMaximum(slots + <usize>(lane >> 2) * SLOT_BYTES, lane & 3, load<f32>(maxima + (rowOf(lane, count) << 2)));
}

function takeSums(sums: usize, slots: usize, count: i32): void {
  for (let lane = 0; lane < ((count + 3) & ~3); lane++) {
    const slot = slots + <usize>(lane >> 2) * SLOT_BYTES;
    if ((lane & 3) == 0) v128.store(slot, expOfMax(slot), LARGEST);
    takeSum(slot, lane & 3, load<f64>(sums + (rowOf(lane, count) << 3)));
  }
}
