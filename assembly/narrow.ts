// Short rows: four rows at a time, one row in each lane. No sum or maximum ever crosses lanes, and the cost of the
// few operations per row is shared by four. A group goes through `work` (16 bytes a column), turned by 4×4 transposes
// on the way in and on the way out; all of it is read before any of it is written, so dst may be src.

import {
  CONSTANTS, LOG2E, LN2_UPPER, LN2_LOWER, Q2, Q3, Q4, Q5, Q6,
  exp, expm1, exponentOf, farLanes, floored, lowestOf, magicOf, mulAdd, rebuilt, reduced, timesDouble,
} from "./exp";
import { START, divisor, lost, lowerPart, reciprocal, total, upperBits, upperHalf } from "./sum";

// A tile is 4 rows × 4 columns; the last tile of a row may have only 1, 2 or 3 columns.

// @ts-ignore: decorator
@inline
function loadRow(src: usize, cols: i32): v128 {
  if (cols == 1) return v128.load32_zero(src);
  if (cols == 2) return v128.load64_zero(src);
  if (cols == 3) return v128.load32_lane(src, v128.load64_zero(src), 2, 8);
  return v128.load(src);
}

// @ts-ignore: decorator
@inline
function storeRow(dst: usize, row: v128, cols: i32): void {
  if (cols == 1) v128.store32_lane(dst, row, 0);
  else if (cols == 2) v128.store64_lane(dst, row, 0);
  else if (cols == 3) {
    v128.store64_lane(dst, row, 0);
    v128.store32_lane(dst, row, 2, 8);
  } else v128.store(dst, row);
}

/** Rows in, columns out: one vector per column at `work`. Returns the largest of each row. */
// @ts-ignore: decorator
@inline
function tileIn(row0: usize, row1: usize, row2: usize, row3: usize, work: usize, cols: i32): v128 {
  const a = loadRow(row0, cols), b = loadRow(row1, cols), c = loadRow(row2, cols), d = loadRow(row3, cols);
  const ab01 = v128.shuffle<f32>(a, b, 0, 4, 1, 5), ab23 = v128.shuffle<f32>(a, b, 2, 6, 3, 7);
  const cd01 = v128.shuffle<f32>(c, d, 0, 4, 1, 5), cd23 = v128.shuffle<f32>(c, d, 2, 6, 3, 7);
  let max = v128.shuffle<f64>(ab01, cd01, 0, 2);
  v128.store(work, max);
  if (cols > 1) {
    const col1 = v128.shuffle<f64>(ab01, cd01, 1, 3);
    v128.store(work, col1, 16);
    max = f32x4.pmax(max, col1);
  }
  if (cols > 2) {
    const col2 = v128.shuffle<f64>(ab23, cd23, 0, 2);
    v128.store(work, col2, 32);
    max = f32x4.pmax(max, col2);
  }
  if (cols > 3) {
    const col3 = v128.shuffle<f64>(ab23, cd23, 1, 3);
    v128.store(work, col3, 48);
    max = f32x4.pmax(max, col3);
  }
  return max;
}

/** Columns in, each times the reciprocal of its row's sum; rows out. */
// @ts-ignore: decorator
@inline
function tileOut(
  row0: usize, row1: usize, row2: usize, row3: usize, work: usize, upper: v128, lower: v128, cols: i32,
): void {
  const zero = f32x4.splat(0);
  const a = timesDouble(v128.load(work), upper, lower);
  const b = cols > 1 ? timesDouble(v128.load(work, 16), upper, lower) : zero;
  const c = cols > 2 ? timesDouble(v128.load(work, 32), upper, lower) : zero;
  const d = cols > 3 ? timesDouble(v128.load(work, 48), upper, lower) : zero;
  const ab01 = v128.shuffle<f32>(a, b, 0, 4, 1, 5), ab23 = v128.shuffle<f32>(a, b, 2, 6, 3, 7);
  const cd01 = v128.shuffle<f32>(c, d, 0, 4, 1, 5), cd23 = v128.shuffle<f32>(c, d, 2, 6, 3, 7);
  storeRow(row0, v128.shuffle<f64>(ab01, cd01, 0, 2), cols);
  storeRow(row1, v128.shuffle<f64>(ab01, cd01, 1, 3), cols);
  storeRow(row2, v128.shuffle<f64>(ab23, cd23, 0, 2), cols);
  storeRow(row3, v128.shuffle<f64>(ab23, cd23, 1, 3), cols);
}

/**
 * Softmax of `rows` × `cols` float32 from `src` to `dst`. `work` holds 16 bytes a column, at least 64.
 * A last group of fewer than four rows repeats its last row in the lanes left over: same bits, written twice.
 */
export function softmaxNarrow(src: usize, dst: usize, rows: i32, cols: i32, work: usize): void {
  const log2e = v128.load32_splat(CONSTANTS, LOG2E);
  const ln2Upper = v128.load32_splat(CONSTANTS, LN2_UPPER), ln2Lower = v128.load32_splat(CONSTANTS, LN2_LOWER);
  const q2 = v128.load32_splat(CONSTANTS, Q2), q3 = v128.load32_splat(CONSTANTS, Q3);
  const q4 = v128.load32_splat(CONSTANTS, Q4), q5 = v128.load32_splat(CONSTANTS, Q5);
  const q6 = v128.load32_splat(CONSTANTS, Q6);

  const stride = <usize>cols << 2;
  const workEnd = work + (<usize>cols << 4);
  const tilesEnd = work + (<usize>(cols & ~3) << 4);
  const lastCols = cols & 3;

  for (; rows > 0; rows -= 4) {
    const step1 = rows > 1 ? stride : 0, step2 = rows > 2 ? stride : 0, step3 = rows > 3 ? stride : 0;
    let row0 = src, row1 = row0 + step1, row2 = row1 + step2, row3 = row2 + step3;
    src = row3 + stride;

    let max = f32x4.splat(-Infinity), p = work;
    for (; p < tilesEnd; p += 64) {
      max = f32x4.pmax(max, tileIn(row0, row1, row2, row3, p, 4));
      row0 += 16; row1 += 16; row2 += 16; row3 += 16;
    }
    if (lastCols == 1) max = f32x4.pmax(max, tileIn(row0, row1, row2, row3, p, 1));
    else if (lastCols == 2) max = f32x4.pmax(max, tileIn(row0, row1, row2, row3, p, 2));
    else if (lastCols == 3) max = f32x4.pmax(max, tileIn(row0, row1, row2, row3, p, 3));

    const far = farLanes(max);
    if (v128.any_true(far)) {
      const centre = v128.and(max, far);
      for (p = work; p < workEnd; p += 16) v128.store(p, f32x4.sub(v128.load(p), centre));
      max = v128.andnot(max, far);
    }

    const exponent = exponentOf(max), lowest = lowestOf(exponent), magic = magicOf(exponent);
    let sum = f32x4.splat(START), losses = f32x4.splat(0);
    for (p = work; p < tilesEnd; p += 64) {
      const x0 = floored(v128.load(p), lowest), x1 = floored(v128.load(p, 16), lowest);
      const x2 = floored(v128.load(p, 32), lowest), x3 = floored(v128.load(p, 48), lowest);
      const s0 = mulAdd(x0, log2e, magic), s1 = mulAdd(x1, log2e, magic);
      const s2 = mulAdd(x2, log2e, magic), s3 = mulAdd(x3, log2e, magic);
      const t0 = reduced(x0, s0, magic, ln2Upper, ln2Lower), t1 = reduced(x1, s1, magic, ln2Upper, ln2Lower);
      const t2 = reduced(x2, s2, magic, ln2Upper, ln2Lower), t3 = reduced(x3, s3, magic, ln2Upper, ln2Lower);
      const w0 = expm1(t0, q2, q3, q4, q5, q6), w1 = expm1(t1, q2, q3, q4, q5, q6);
      const w2 = expm1(t2, q2, q3, q4, q5, q6), w3 = expm1(t3, q2, q3, q4, q5, q6);
      const e0 = rebuilt(w0, s0), e1 = rebuilt(w1, s1), e2 = rebuilt(w2, s2), e3 = rebuilt(w3, s3);
      v128.store(p, e0);
      v128.store(p, e1, 16);
      v128.store(p, e2, 32);
      v128.store(p, e3, 48);
      const a0 = f32x4.add(sum, e0), a1 = f32x4.add(a0, e1), a2 = f32x4.add(a1, e2), a3 = f32x4.add(a2, e3);
      losses = f32x4.add(losses, lost(sum, a0, e0));
      losses = f32x4.add(losses, lost(a0, a1, e1));
      losses = f32x4.add(losses, lost(a1, a2, e2));
      losses = f32x4.add(losses, lost(a2, a3, e3));
      sum = a3;
    }
    for (; p < workEnd; p += 16) {
      const e = exp(v128.load(p), lowest, magic, log2e, ln2Upper, ln2Lower, q2, q3, q4, q5, q6);
      v128.store(p, e);
      const next = f32x4.add(sum, e);
      losses = f32x4.add(losses, lost(sum, next, e));
      sum = next;
    }

    const largest = exp(max, lowest, magic, log2e, ln2Upper, ln2Lower, q2, q3, q4, q5, q6);
    const divisor01 = divisor(total(sum, losses), f64x2.promote_low_f32x4(largest));
    const divisor23 = divisor(
      total(upperHalf(sum), upperHalf(losses)),
      f64x2.promote_low_f32x4(upperHalf(largest)),
    );
    const inverse = reciprocal(divisor01, divisor23);
    const upper = upperBits(inverse), lower = lowerPart(divisor01, divisor23, upper, inverse);

    row0 = dst; row1 = row0 + step1; row2 = row1 + step2; row3 = row2 + step3;
    dst = row3 + stride;
    for (p = work; p < tilesEnd; p += 64) {
      tileOut(row0, row1, row2, row3, p, upper, lower, 4);
      row0 += 16; row1 += 16; row2 += 16; row3 += 16;
    }
    if (lastCols == 1) tileOut(row0, row1, row2, row3, p, upper, lower, 1);
    else if (lastCols == 2) tileOut(row0, row1, row2, row3, p, upper, lower, 2);
    else if (lastCols == 3) tileOut(row0, row1, row2, row3, p, upper, lower, 3);
  }
}
