// A short row that is alone, with the bits of narrow.ts, which would take it four times over: the maximum, the terms, their sum, the division. Of so
// little, what counts is how long one step waits for another: nothing goes by way of a slot, and in a copy of the row, filled up to whole vectors, only
// the first step and the last have a tail.

import {
  LOG2E, LN2_UPPER, LN2_LOWER, Q2, Q3, Q4, Q5, Q6, ONE, UPPER_BITS, DOWN,
  exp, exponentOf, farLanes, lowered, lowestOf, magicOf, timesDouble,
} from "./exp";
import { GROUP_ROWS, PART_BYTES } from "./lanes";
import { ONE_SUM_COLS, START, lost, lostByTwo, lowerFactor, upperHalfOnce } from "./sum";
import { loadTail, storeTail } from "./tail";

/**
 * Softmax of one row of up to NARROW_COLS (index.ts), which is read before it is written. The call from JavaScript included, Node 24, Zen 4: 10 columns 36 ns
 * (`simd` 40), which were 68 (73) by the passes of long rows (DESIGN.md, "Short rows").
 */
export function alone(src: usize, dst: usize, cols: i32, work: usize): void {
  const bytes = <usize>cols << 2, tail = bytes & 15, end = work + bytes, whole = end - tail;
  let max = f32x4.splat(-Infinity);
  for (let at = work; at < end; at += 16, src += 16) {
    const x = at < whole ? v128.load(src) : loadTail(src, tail);
    v128.store(at, x);
    max = f32x4.pmax(max, x);
  }
  max = f32x4.pmax(max, upperHalfOnce(max));
  max = f32x4.pmax(f32x4.splat(f32x4.extract_lane(max, 0)), f32x4.splat(f32x4.extract_lane(max, 1)));

  const far = farLanes(max), centre = v128.and(max, far), near = v128.andnot(max, far);
  if (v128.any_true(centre)) for (let at = work; at < end; at += 16) v128.store(at, f32x4.sub(v128.load(at), centre));
  const lowest = lowestOf(near), magic = magicOf(exponentOf(near));
  const log2e = f32x4.splat(LOG2E), ln2Upper = f32x4.splat(LN2_UPPER), ln2Lower = f32x4.splat(LN2_LOWER);
  const q2 = f32x4.splat(Q2), q3 = f32x4.splat(Q3), q4 = f32x4.splat(Q4), q5 = f32x4.splat(Q5), q6 = f32x4.splat(Q6);
  for (let at = work; at < end; at += 16)
    v128.store(at, exp(v128.load(at), lowest, magic, log2e, ln2Upper, ln2Lower, q2, q3, q4, q5, q6));

  // Added up as in lanes.ts, one after the other. All lanes have the row's sum.
  const start = f32x4.splat(START), one = f32x4.splat(ONE), down = f32x4.splat(DOWN), upperBits = i32x4.splat(UPPER_BITS);
  let high = start, low = start, sums: f64 = 0;
  for (let at = work; at < end; ) {
    let losses = f32x4.splat(0);
    high = start;
    for (const stop = min(at + PART_BYTES / GROUP_ROWS, end); at < stop; at += 8) {
      const a = v128.load32_splat(at), b = v128.load32_splat(at, 4), next = f32x4.add(high, a), last = f32x4.add(next, b);
      losses = lostByTwo(losses, high, a, next, b, last, one);
      high = last;
    }
    if (cols > ONE_SUM_COLS) sums += <f64>f32x4.extract_lane(high, 0) - START + f32x4.extract_lane(losses, 0);
    high = lowered(f32x4.sub(high, start), down);
    low = lowered(losses, down);
  }
  if (cols > ONE_SUM_COLS) {
    const total = sums * DOWN;
    high = f32x4.splat(<f32>total);
    low = f32x4.splat(<f32>(total - <f32>total));
  }

  const sum = f32x4.add(high, low), inverse = f32x4.div(one, sum), upper = v128.and(inverse, upperBits);
  const lower = lowerFactor(inverse, upper, sum, lost(high, sum, low), one, upperBits);
  for (; work < whole; work += 16, dst += 16) v128.store(dst, timesDouble(v128.load(work), upper, lower, upperBits, down));
  if (tail > 0) storeTail(dst, timesDouble(v128.load(work), upper, lower, upperBits, down), tail);
}
