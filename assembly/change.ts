// What options do to the logits before any operation, in the cache, a block at a time: logit ← fround(logit / temperature + bias),
// and −∞ where it is dropped. A loop for each option: one loop for all took 0.7 to 1.9 ns per element, whatever was asked for; these
// take 0.1 to 0.3 each, one temperature 0.5, temperatures 0.7.

import { NOTHING } from "./exp";
import { narrowed, promotedHigh, promotedLow, upperHalf } from "./sum";
import { storeTail } from "./tail";

/**
 * A block of `majors` × `minors` logits at `at`. The rows of the batch are its majors (they lie along the minors) or its
 * minors (side by side); `first` is the index in its row of the first element of each. Every other address may be 0, for none:
 *
 *   temperatures  float64, one a row, or one for all if `temperatureIsOne`
 *   from, to      int32, one a row: what has an index from ≤ index < to is kept
 *   bias          float32, of the shape of the block if `biasIsFull`, otherwise one for each index
 *   mask          the same in bytes; 0 drops
 *
 * Of all of these, and of the block, up to three elements beyond the last may be read.
 */
export function change(
  at: usize, majors: i32, minors: i32, rowsAreMajor: bool, first: i32,
  temperatures: usize, temperatureIsOne: bool, from: usize, to: usize, bias: usize, biasIsFull: bool, mask: usize, maskIsFull: bool,
): void {
  const lineBytes = <usize>minors << 2, count = majors * minors;
  // What all elements share, and what each has for itself, make one line of the block.
  if (temperatures ? temperatureIsOne && (!bias || biasIsFull) : bias && biasIsFull) {
    if (!temperatures) add(at, count, bias, true);
    else if (bias) divide(at, count, temperatures, false, bias, true);
    else divideByOne(at, count, load<f64>(temperatures));
    temperatures = bias = 0;
  }
  for (let major = 0, line = at; major < majors; major++, line += lineBytes) {
    const index = <usize>major << 2;
    if (temperatures) {
      const biases = bias && (biasIsFull ? bias + <usize>major * lineBytes : rowsAreMajor ? bias : bias + index);
      const ofRow = rowsAreMajor && !temperatureIsOne ? temperatures + (index << 1) : temperatures;
      divide(line, minors, ofRow, !rowsAreMajor && !temperatureIsOne, biases, biasIsFull || rowsAreMajor);
    } else if (bias) add(line, minors, rowsAreMajor ? bias : bias + index, rowsAreMajor);
    if (mask && !maskIsFull) {
      if (rowsAreMajor) dropMasked(line, minors, mask);
      else if (load<u8>(mask + <usize>major) == 0) drop(line, minors);
    }
    if (from) {
      if (rowsAreMajor) {
        const start = load<i32>(from + index) - first, end = max(load<i32>(to + index) - first, 0);
        drop(line, min(start, minors));
        drop(line + (<usize>end << 2), minors - end);
      } else dropOutside(line, minors, from, to, first + major);
    }
  }
  if (mask && maskIsFull) dropMasked(at, count, mask); // last: where it drops, a bias that is NaN or infinite does not matter
}

// Each of these takes a line of `count` logits at `at`. What `moves` has one for each, otherwise one for all.

function add(at: usize, count: i32, bias: usize, moves: bool): void {
  let shift = v128.load32_splat(bias);
  for (; count > 0; count -= 4, at += 16, bias += 16) {
    if (moves) shift = v128.load(bias);
    storeSome(at, f32x4.add(v128.load(at), shift), count);
  }
}

/** More than twice what the roundings of the reciprocal, of a product and of the quotient itself come to. */
const MARGIN: f64 = 8.881784197001252e-16; // 2^−50

/**
 * fround(x / t) for one t: x / t lies between x·down and x·up, and if those are rounded to the same float32, so is it. If not, once in 2^25
 * elements, for a NaN, or for a t without a reciprocal, it is divided. 0.19 ns per element less than dividing always (1000 columns).
 */
function divideByOne(at: usize, count: i32, t: f64): void {
  const down = f64x2.splat((1 - MARGIN) / t), up = f64x2.splat((1 + MARGIN) / t);
  for (; count > 0; count -= 4, at += 16) {
    const x = v128.load(at), low = f64x2.promote_low_f32x4(x), high = f64x2.promote_low_f32x4(upperHalf(x)); // each is used twice
    let y = narrowed(f64x2.mul(low, down), f64x2.mul(high, down));
    if (v128.any_true(f32x4.ne(y, narrowed(f64x2.mul(low, up), f64x2.mul(high, up)))))
      y = narrowed(f64x2.div(low, f64x2.splat(t)), f64x2.div(high, f64x2.splat(t)));
    storeSome(at, y, count);
  }
}

/** In float64, so that there is one rounding, as of Math.fround(x / t + b). */
function divide(at: usize, count: i32, temperatures: usize, moves: bool, bias: usize, biasMoves: bool): void {
  let low = v128.load64_splat(temperatures), high = low, lowShift = f64x2.splat(0), highShift = lowShift;
  if (bias) lowShift = highShift = f64x2.promote_low_f32x4(v128.load32_splat(bias));
  for (; count > 0; count -= 4, at += 16) {
    if (moves) {
      low = v128.load(temperatures);
      high = v128.load(temperatures, 16);
      temperatures += 32;
    }
    let a = f64x2.div(promotedLow(at), low), b = f64x2.div(promotedHigh(at), high);
    if (bias) {
      if (biasMoves) {
        lowShift = promotedLow(bias);
        highShift = promotedHigh(bias);
        bias += 16;
      }
      a = f64x2.add(a, lowShift);
      b = f64x2.add(b, highShift);
    }
    storeSome(at, narrowed(a, b), count);
  }
}

function dropMasked(at: usize, count: i32, mask: usize): void {
  const dropped = i32x4.splat(NOTHING), none = i32x4.splat(0);
  for (; count > 0; count -= 4, at += 16, mask += 4) {
    const keep = i32x4.extend_low_i16x8_u(i16x8.extend_low_i8x16_u(v128.load32_zero(mask)));
    storeSome(at, v128.bitselect(dropped, v128.load(at), i32x4.eq(keep, none)), count);
  }
}

/** Of rows side by side, all at `index`. */
function dropOutside(at: usize, count: i32, from: usize, to: usize, index: i32): void {
  const dropped = i32x4.splat(NOTHING), here = i32x4.splat(index);
  for (; count > 0; count -= 4, at += 16, from += 16, to += 16) {
    const isKept = v128.and(i32x4.ge_s(here, v128.load(from)), i32x4.lt_s(here, v128.load(to)));
    storeSome(at, v128.bitselect(v128.load(at), dropped, isKept), count);
  }
}

function drop(at: usize, count: i32): void {
  const dropped = i32x4.splat(NOTHING);
  for (; count > 0; count -= 4, at += 16) storeSome(at, dropped, count);
}

/** Four elements, or what is left of a line: beyond it lies the next one. */
// @ts-ignore: decorator
@inline
function storeSome(at: usize, x: v128, left: i32): void {
  if (left >= 4) v128.store(at, x);
  else storeTail(at, x, <usize>left << 2);
}
