// The work on rows that lie one in each lane: element 0 of four rows, element 1 of four rows, and so on. No sum or maximum ever
// crosses lanes. narrow.ts and columns.ts bring rows into this form and back.
//
// Groups of four go through the work area by the batch, in steps. Each step has waits (chains of additions, a division)
// that the next group of the same step fills, where all steps of one group in a row would leave the machine idle half the
// time (10 columns: 1.40 → 1.13 ns per element). The area holds the slots of a batch, then its groups.

import {
  LOG2E, LN2_UPPER, LN2_LOWER, Q2, Q3, Q4, Q5, Q6, ONE, UPPER_BITS, DOWN,
  HEIGHT, EXP_BLOCK_BYTES, HALVES, exp, finishedHalf, floorOf, lowered, storeHalves, storeMaskedHalf,
} from "./exp";
import { LIFT } from "./log";
import { FROM_STATS, ROW_STATS, hasTerms } from "./operation";
import {
  CENTRE, COUNT, DEEP, LARGEST, LOWEST, MAGIC, MAX, NEAR, SLOT_BYTES, SUM, SUMS, SUM_LOWER, UPPER,
  beginSlot, expOfMax, findLogsOf, findShiftsOf, firstOf, infiniteLanes, takeMaximum, takeSum,
} from "./slot";
import {
  EQUALS_APART, ONE_SUM_COLS, START, equalLanes, lost, lostByTwo, promotedHigh, promotedLow, storeFactors, storeNudgedFactors, storeSums, total,
  upperHalfOnce,
} from "./sum";

export const GROUP_ROWS: i32 = 4;
export const BATCH_GROUPS: i32 = 8;
export const SLOTS_BYTES: i32 = BATCH_GROUPS * <i32>SLOT_BYTES;

/** A cache line. */
const LINE_BYTES: usize = 64;
/** How much is added up before a new sum begins. */
export const PART_BYTES: usize = ONE_SUM_COLS << 4;

/**
 * From one group to the next: an odd number of cache lines, or all eight could share one place in the cache. Behind an odd number of columns
 * there is room for one more.
 */
// @ts-ignore: decorator
@inline
export function apartBy(cols: i32): usize {
  return (((<usize>cols << 4) + 63) & ~63) | 64;
}

export function begin(slots: usize, groups: i32): void {
  for (; groups > 0; groups--, slots += SLOT_BYTES) beginSlot(slots, f32x4.splat(-Infinity));
}

/** Between the maxima and the terms. `maxima`: of known statistics, in place of those found. */
export function findShifts(operation: i32, slots: usize, count: i32, maxima: usize): void {
  if (operation == FROM_STATS) takeMaxima(maxima, slots, count);
  for (; count > 0; count -= GROUP_ROWS, slots += SLOT_BYTES) findShiftsOf(slots, v128.load(slots, MAX));
}

/** Moves rows that are far from zero, and looks for NaNs where the maximum, to which they do not count, is infinite. */
export function settle(data: usize, cols: i32, apart: usize, slots: usize, groups: i32): void {
  for (; groups > 0; groups--, slots += SLOT_BYTES, data += apart)
    if (v128.any_true(v128.load(slots, CENTRE))) settleGroup(data, cols, slots);
}

function settleGroup(data: usize, cols: i32, slot: usize): void {
  const centre = v128.load(slot, CENTRE), end = data + (<usize>cols << 4);
  if (v128.any_true(infiniteLanes(centre))) markNaNs(data, end, slot);
  for (; data < end; data += 16) v128.store(data, f32x4.sub(v128.load(data), centre));
}

/** An infinite maximum becomes NaN. */
function markNaNs(data: usize, end: usize, slot: usize): void {
  const max = v128.load(slot, MAX);
  let nan = f32x4.splat(0);
  for (; data < end; data += 16) {
    const x = v128.load(data);
    nan = v128.or(nan, f32x4.ne(x, x));
  }
  v128.store(slot, v128.or(max, v128.and(nan, infiniteLanes(max))), MAX); // all bits set: a NaN
}

/**
 * What the operation adds up of the elements; terms take their place. `inOneSum`: these are all of the rows, and no more than ONE_SUM_COLS.
 * `ahead`, up to `aheadEnd`: what will be read next, and `toDst` from it what will be written; both are fetched meanwhile (narrow.ts).
 */
export function sum(
  operation: i32, data: usize, cols: i32, apart: usize, slots: usize, groups: i32, inOneSum: bool,
  ahead: usize = 0, aheadEnd: usize = 0, toDst: usize = 0,
): void {
  if (hasTerms(operation)) {
    findTerms(data, cols, apart, slots, groups, ahead, aheadEnd, toDst);
    sumTerms(data, cols, apart, slots, groups, inOneSum);
  } else sumRests(data, cols, apart, slots, groups);
}

/** Shorter rows take exp in one loop, with masks: in two, 2 and 5 columns take 9 and 8 % longer (`relaxed`; `simd` 2 and 4 %). */
const HALVED_COLS: i32 = 8;

/** Logits in, terms out. An odd number of columns gets one more, as the first, lest what was left there counts as low: there is room (`apartBy`). */
function findTerms(first: usize, cols: i32, apart: usize, slots: usize, groups: i32, ahead: usize, aheadEnd: usize, toDst: usize): void {
  const log2e = f32x4.splat(LOG2E), ln2Upper = f32x4.splat(LN2_UPPER), ln2Lower = f32x4.splat(LN2_LOWER);
  const q2 = f32x4.splat(Q2), q3 = f32x4.splat(Q3), q4 = f32x4.splat(Q4), q5 = f32x4.splat(Q5), q6 = f32x4.splat(Q6);
  let deep = cols < HALVED_COLS;
  for (; groups > 0; groups--, slots += SLOT_BYTES, first += apart) {
    const lowest = v128.load(slots, LOWEST), magic = v128.load(slots, MAGIC), floor = floorOf(lowest);
    let at = first;
    const end = first + (<usize>cols << 4);
    if (cols < HALVED_COLS)
      for (; at < end; at += 16) v128.store(at, exp(v128.load(at), lowest, magic, log2e, ln2Upper, ln2Lower, q2, q3, q4, q5, q6));
    else if (cols & 1) v128.store(end, v128.load(at));
    while (at < end) {
      const stop = min(at + EXP_BLOCK_BYTES, end);
      for (const fetchedEnd = min(ahead + (stop - at), aheadEnd); ahead < fetchedEnd; ahead += LINE_BYTES) {
        // Loads might trap, so no compiler leaves them out.
        load<i32>(ahead);
        load<i32>(ahead + toDst);
      }
      deep = storeHalves(at, stop, deep, lowest, floor, magic, log2e, ln2Upper, ln2Lower);
      for (let from = HALVES; at < stop; from += 64, at += 32) {
        v128.store(at, finishedHalf(from, q2, q3, q4, q5, q6));
        v128.store(at, finishedHalf(from + 32, q2, q3, q4, q5, q6), 16);
      }
    }
    store<i32>(slots, deep, DEEP);
  }
}

/**
 * The sums of the terms, of four groups at a time, since an addition waits for the one before it, and of two terms of each. Where groups are missing,
 * the last one is taken again; an odd number of terms gets a zero.
 */
function sumTerms(first: usize, cols: i32, apart: usize, slots: usize, groups: i32, inOneSum: bool): void {
  const start = f32x4.splat(START), none = f32x4.splat(0), one = f32x4.splat(ONE), down = f32x4.splat(DOWN);
  for (; groups > 0; groups -= 4, slots += 4 * SLOT_BYTES, first += 4 * apart) {
    const b = <usize>min(groups - 1, 1), c = <usize>min(groups - 1, 2), d = <usize>min(groups - 1, 3), toB = b * apart, toC = c * apart, toD = d * apart;
    const slotB = slots + b * SLOT_BYTES, slotC = slots + c * SLOT_BYTES, slotD = slots + d * SLOT_BYTES;
    let at = first;
    const end = first + (<usize>cols << 4);
    if (cols & 1) {
      v128.store(end, none); // there is room: see apartBy
      v128.store(end + toB, none);
      v128.store(end + toC, none);
      v128.store(end + toD, none);
    }
    while (at < end) {
      let sumA = start, lossesA = none, sumB = start, lossesB = none, sumC = start, lossesC = none, sumD = start, lossesD = none;
      for (const stop = min(at + PART_BYTES, end); at < stop; at += 32) {
        const a0 = v128.load(at), a1 = v128.load(at, 16), nextA = f32x4.add(sumA, a0), lastA = f32x4.add(nextA, a1);
        lossesA = lostByTwo(lossesA, sumA, a0, nextA, a1, lastA, one);
        sumA = lastA;
        const b0 = v128.load(at + toB), b1 = v128.load(at + toB, 16), nextB = f32x4.add(sumB, b0), lastB = f32x4.add(nextB, b1);
        lossesB = lostByTwo(lossesB, sumB, b0, nextB, b1, lastB, one);
        sumB = lastB;
        const c0 = v128.load(at + toC), c1 = v128.load(at + toC, 16), nextC = f32x4.add(sumC, c0), lastC = f32x4.add(nextC, c1);
        lossesC = lostByTwo(lossesC, sumC, c0, nextC, c1, lastC, one);
        sumC = lastC;
        const d0 = v128.load(at + toD), d1 = v128.load(at + toD, 16), nextD = f32x4.add(sumD, d0), lastD = f32x4.add(nextD, d1);
        lossesD = lostByTwo(lossesD, sumD, d0, nextD, d1, lastD, one);
        sumD = lastD;
      }
      if (inOneSum) {
        storeSum(slots, sumA, lossesA, start, down);
        storeSum(slotB, sumB, lossesB, start, down);
        storeSum(slotC, sumC, lossesC, start, down);
        storeSum(slotD, sumD, lossesD, start, down);
      } else {
        storePart(HALVES, sumA, lossesA);
        storePart(HALVES + 32, sumB, lossesB);
        storePart(HALVES + 64, sumC, lossesC);
        storePart(HALVES + 96, sumD, lossesD);
        for (let slot = slots, from = HALVES; slot <= slotD; slot += SLOT_BYTES, from += 32) addPart(slot, from);
      }
    }
  }
}

/** The sum of all terms. Not in float64, where four rows are two vectors: storeFactors has what that gains. */
// @ts-ignore: decorator
@inline
function storeSum(slot: usize, sum: v128, losses: v128, start: v128, down: v128): void {
  v128.store(slot, lowered(f32x4.sub(sum, start), down), SUM);
  v128.store(slot, lowered(losses, down), SUM_LOWER);
}

// The sum of a part of the terms, which is left where nothing is meanwhile, and added to the others from there.

// @ts-ignore: decorator
@inline
function storePart(at: usize, sum: v128, losses: v128): void {
  v128.store(at, sum);
  v128.store(at, losses, 16);
}

// @ts-ignore: decorator
@inline
function addPart(slot: usize, from: usize): void {
  const start64 = f64x2.splat(START), sum = v128.load(from), losses = v128.load(from, 16);
  v128.store(slot, f64x2.add(v128.load(slot, SUMS), total(sum, losses, start64)), SUMS);
  v128.store(slot, f64x2.add(v128.load(slot, SUMS + 16), total(upperHalfOnce(sum), upperHalfOnce(losses), start64)), SUMS + 16);
}

/** Logits in, and left as they are: the sum of the terms of all but the largest, and how many those are. */
function sumRests(first: usize, cols: i32, apart: usize, slots: usize, groups: i32): void {
  const log2e = f32x4.splat(LOG2E), ln2Upper = f32x4.splat(LN2_UPPER), ln2Lower = f32x4.splat(LN2_LOWER);
  const q2 = f32x4.splat(Q2), q3 = f32x4.splat(Q3), q4 = f32x4.splat(Q4), q5 = f32x4.splat(Q5), q6 = f32x4.splat(Q6);
  const lift = f32x4.splat(LIFT - HEIGHT), liftNatural = f32x4.splat(LIFT * 0.6931471805599453);

  for (; groups > 0; groups--, slots += SLOT_BYTES, first += apart) {
    const max = v128.load(slots, NEAR);
    const lowest = f32x4.sub(v128.load(slots, LOWEST), liftNatural), magic = f32x4.add(v128.load(slots, MAGIC), lift);
    let sum01 = v128.load(slots, SUMS), sum23 = v128.load(slots, SUMS + 16), count = v128.load(slots, COUNT);
    let at = first;
    const end = first + (<usize>cols << 4);
    while (at < end) {
      let half = HALVES;
      for (const stop = min(at + EXP_BLOCK_BYTES, end); at < stop; at += 16, half += 32) {
        const x = v128.load(at), isMax = f32x4.eq(x, max);
        count = i32x4.sub(count, isMax);
        storeMaskedHalf(half, x, v128.or(f32x4.lt(x, lowest), isMax), magic, log2e, ln2Upper, ln2Lower);
      }
      let to = HALVES;
      for (let from = HALVES; from < half; from += 32, to += 16) v128.store(to, finishedHalf(from, q2, q3, q4, q5, q6));
      for (let from = HALVES; from < to; from += 16) {
        sum01 = f64x2.add(sum01, promotedLow(from));
        sum23 = f64x2.add(sum23, promotedHigh(from));
      }
    }
    v128.store(slots, sum01, SUMS);
    v128.store(slots, sum23, SUMS + 16);
    v128.store(slots, count, COUNT);
  }
}

/** Between the sums and the result, of rows of `cols` in all. `sums`: of known statistics, in place of those found. */
export function findResults(operation: i32, slots: usize, count: i32, cols: i32, sums: usize): void {
  if (operation == FROM_STATS) {
    takeSums(sums, slots, count);
    cols = i32.MAX_VALUE; // these may be parts of any row
  }
  if (operation == ROW_STATS) return;
  if (hasTerms(operation)) findFactors(slots, count, cols);
  else for (; count > 0; count -= GROUP_ROWS, slots += SLOT_BYTES) findLogsOf(slots);
}

/** From the sums of the terms to what those are to be multiplied by. */
function findFactors(slots: usize, count: i32, cols: i32): void {
  const one = f32x4.splat(ONE), upperBits = i32x4.splat(UPPER_BITS);
  for (; count > 0; count -= GROUP_ROWS, slots += SLOT_BYTES) {
    if (cols > ONE_SUM_COLS) storeSums(slots + SUM, v128.load(slots, SUMS), v128.load(slots, SUMS + 16));
    const high = v128.load(slots, SUM), low = v128.load(slots, SUM_LOWER);
    const sum = f32x4.add(high, low), rest = lost(high, sum, low);
    storeFactors(slots + UPPER, sum, rest, one, upperBits);
    if (cols <= EQUALS_APART) continue;
    const largest = expOfMax(slots);
    if (v128.any_true(equalLanes(sum, largest))) storeNudgedFactors(slots + UPPER, sum, rest, largest, one, upperBits);
  }
}

/** Which row a lane is of, of `count`. */
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
