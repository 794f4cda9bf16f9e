// What options do to the logits before any operation, in the cache, a block at a time: logit ← fround(logit / temperature + bias),
// and −∞ where it is dropped.

/**
 * A block of `majors` × `minors` logits at `at`. The rows of the batch are its majors (they lie along the minors) or its
 * minors (side by side); `first` is the index in its row of the first element of each. Every other address may be 0, for none:
 *
 *   temperatures  float64, one a row
 *   from, to      int32, one a row: what has an index from ≤ index < to is kept
 *   bias          float32, of the shape of the block if `biasIsFull`, otherwise one for each index
 *   mask          the same in bytes; 0 drops
 */
export function change(
  at: usize, majors: i32, minors: i32, rowsAreMajor: bool, first: i32,
  temperatures: usize, from: usize, to: usize, bias: usize, biasIsFull: bool, mask: usize, maskIsFull: bool,
): void {
  const dropped = f32x4.splat(-Infinity), four = i32x4.splat(4);
  let temperature01 = f64x2.splat(1), temperature23 = temperature01;
  let start = i32x4.splat(0), end = start, shift = f32x4.splat(0), keep = start;
  const biasMoves = biasIsFull || rowsAreMajor, maskMoves = maskIsFull || rowsAreMajor;
  for (let major = 0; major < majors; major++) {
    let index = i32x4.splat(first + major);
    if (rowsAreMajor) {
      index = i32x4.add(i32x4.splat(first), i32x4(0, 1, 2, 3));
      if (temperatures) temperature01 = temperature23 = v128.load64_splat(temperatures + (<usize>major << 3));
      if (from) {
        start = v128.load32_splat(from + (<usize>major << 2));
        end = v128.load32_splat(to + (<usize>major << 2));
      }
    }
    let biases = bias, kept = mask, heats = temperatures, starts = from, ends = to;
    if (bias) {
      if (biasIsFull) biases += <usize>major * <usize>minors << 2;
      else if (!rowsAreMajor) shift = v128.load32_splat(bias + (<usize>major << 2));
    }
    if (mask) {
      if (maskIsFull) kept += <usize>major * <usize>minors;
      else if (!rowsAreMajor) keep = i32x4.splat(load<u8>(mask + <usize>major));
    }
    for (let left = minors; left > 0; left -= 4) {
      let x = v128.load(at); // beyond the last major, there is room to read
      if (bias && biasMoves) shift = v128.load(biases);
      if (temperatures) {
        if (!rowsAreMajor) {
          temperature01 = v128.load(heats);
          temperature23 = v128.load(heats, 16);
          heats += 32;
        }
        // In float64, so that there is one rounding, as of Math.fround(x / t + b).
        let low = f64x2.div(f64x2.promote_low_f32x4(x), temperature01);
        let high = f64x2.div(f64x2.promote_low_f32x4(v128.shuffle<f64>(x, x, 1, 0)), temperature23);
        if (bias) {
          low = f64x2.add(low, f64x2.promote_low_f32x4(shift));
          high = f64x2.add(high, f64x2.promote_low_f32x4(v128.shuffle<f64>(shift, shift, 1, 0)));
        }
        x = v128.shuffle<f64>(f32x4.demote_f64x2_zero(low), f32x4.demote_f64x2_zero(high), 0, 2);
      } else if (bias) x = f32x4.add(x, shift);
      if (mask) {
        if (maskMoves) keep = i32x4.extend_low_i16x8_u(i16x8.extend_low_i8x16_u(v128.load32_zero(kept)));
        x = v128.bitselect(x, dropped, i32x4.ne(keep, i32x4.splat(0)));
      }
      if (from) {
        if (!rowsAreMajor) {
          start = v128.load(starts);
          end = v128.load(ends);
          starts += 16;
          ends += 16;
        }
        x = v128.bitselect(x, dropped, v128.and(i32x4.ge_s(index, start), i32x4.lt_s(index, end)));
        if (rowsAreMajor) index = i32x4.add(index, four);
      }
      storeSome(at, x, left);
      biases += 16;
      kept += 4;
      at += 16;
    }
    at -= <usize>(-minors & 3) << 2;
  }
}

/** Four elements, or what is left of a major: beyond it lies the next one. */
// @ts-ignore: decorator
@inline
function storeSome(at: usize, x: v128, left: i32): void {
  if (left >= 4) v128.store(at, x);
  else {
    v128.store32_lane(at, x, 0);
    if (left > 1) v128.store32_lane(at, x, 1, 4);
    if (left > 2) v128.store32_lane(at, x, 2, 8);
  }
}
