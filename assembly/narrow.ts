// Short rows: four rows at a time, one row in each lane. No sum or maximum ever crosses lanes, and the few operations per
// row are shared by four.
//
// Groups of four go through the work area by the batch, in four steps. Each step has waits (chains of additions, a division)
// that the next group of the same step fills, where all steps of one group in a row would leave the machine idle half the
// time (10 columns: 1.40 → 1.13 ns per element).
//
// A group's slot in the work area, 16 bytes each:
//
//   step 1, columns:  column 0 | column 1 | … | lowest  | magic
//   step 2, terms:    term 0   | term 1   | … | sum     | losses | largest
//   step 3, factors:  term 0   | term 1   | … | upper   | lower

import {
  LOG2E, LN2_UPPER, LN2_LOWER, Q2, Q3, Q4, Q5, Q6, ONE, UPPER_BITS, UP, DOWN,
  exp, expm1, exponentOf, farLanes, floored, lowestOf, magicOf, mulAdd, rebuilt, reduced, timesDouble,
} from "./exp";
import { START, lost, storeFactors, total, upperHalf } from "./sum";

const GROUP_ROWS: i32 = 4;
const BATCH_GROUPS: i32 = 8;

/** Bytes of work area that a column takes, and that a batch takes beside its columns. */
export const WORK_BYTES_PER_COL: i32 = 16 * BATCH_GROUPS;
export const WORK_BYTES_BESIDE: i32 = 48 * BATCH_GROUPS;

/** Softmax of `rows` × `cols` float32 from `src` to `dst`, which may be `src`: a batch is read before it is written. */
export function softmaxNarrow(src: usize, dst: usize, rows: i32, cols: i32, work: usize): void {
  const stride = <usize>cols << 2;
  const batchRows = GROUP_ROWS * BATCH_GROUPS;
  for (; rows > 0; rows -= batchRows) {
    const count = min(rows, batchRows);
    const groups = (count + GROUP_ROWS - 1) / GROUP_ROWS;
    readColumns(src, count, cols, work);
    sumTerms(groups, cols, work);
    findFactors(groups, cols, work);
    writeRows(dst, count, cols, work);
    src += stride * <usize>batchRows;
    dst += stride * <usize>batchRows;
  }
}

// A tile is 4 rows × 4 columns; the last of a row may have 1, 2 or 3 columns. Where fewer than four rows are left, the
// last one stands in for those missing: it is read and written more than once, with the same values.

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

/** Writes the tile's columns; returns the larger of `max` and the largest of each row. */
// @ts-ignore: decorator
@inline
function tileIn(row0: usize, row1: usize, row2: usize, row3: usize, work: usize, cols: i32, max: v128): v128 {
  const a = loadRow(row0, cols), b = loadRow(row1, cols), c = loadRow(row2, cols), d = loadRow(row3, cols);
  const ab01 = v128.shuffle<f32>(a, b, 0, 4, 1, 5), cd01 = v128.shuffle<f32>(c, d, 0, 4, 1, 5);
  const col0 = v128.shuffle<f64>(ab01, cd01, 0, 2);
  v128.store(work, col0);
  max = f32x4.pmax(max, col0);
  if (cols > 1) {
    const col1 = v128.shuffle<f64>(ab01, cd01, 1, 3);
    v128.store(work, col1, 16);
    max = f32x4.pmax(max, col1);
  }
  if (cols > 2) {
    const ab23 = v128.shuffle<f32>(a, b, 2, 6, 3, 7), cd23 = v128.shuffle<f32>(c, d, 2, 6, 3, 7);
    const col2 = v128.shuffle<f64>(ab23, cd23, 0, 2);
    v128.store(work, col2, 32);
    max = f32x4.pmax(max, col2);
    if (cols > 3) {
      const col3 = v128.shuffle<f64>(ab23, cd23, 1, 3);
      v128.store(work, col3, 48);
      max = f32x4.pmax(max, col3);
    }
  }
  return max;
}

/** Reads the tile's columns and writes them as rows, each times its factor. */
// @ts-ignore: decorator
@inline
function tileOut(
  row0: usize, row1: usize, row2: usize, row3: usize, work: usize,
  upper: v128, lower: v128, upperBits: v128, up: v128, down: v128, cols: i32,
): void {
  const none = f32x4.splat(0);
  const a = timesDouble(v128.load(work), upper, lower, upperBits, up, down);
  const b = cols > 1 ? timesDouble(v128.load(work, 16), upper, lower, upperBits, up, down) : none;
  const c = cols > 2 ? timesDouble(v128.load(work, 32), upper, lower, upperBits, up, down) : none;
  const d = cols > 3 ? timesDouble(v128.load(work, 48), upper, lower, upperBits, up, down) : none;
  const ab01 = v128.shuffle<f32>(a, b, 0, 4, 1, 5), ab23 = v128.shuffle<f32>(a, b, 2, 6, 3, 7);
  const cd01 = v128.shuffle<f32>(c, d, 0, 4, 1, 5), cd23 = v128.shuffle<f32>(c, d, 2, 6, 3, 7);
  storeRow(row0, v128.shuffle<f64>(ab01, cd01, 0, 2), cols);
  storeRow(row1, v128.shuffle<f64>(ab01, cd01, 1, 3), cols);
  storeRow(row2, v128.shuffle<f64>(ab23, cd23, 0, 2), cols);
  storeRow(row3, v128.shuffle<f64>(ab23, cd23, 1, 3), cols);
}

/** Step 1: rows in; columns out, less the maximum where a row is far from zero, and the shift to exponentiate with. */
function readColumns(src: usize, rows: i32, cols: i32, work: usize): void {
  const stride = <usize>cols << 2;
  const lastCols = cols & 3;
  for (; rows > 0; rows -= GROUP_ROWS) {
    let row0 = src;
    let row1 = rows > 1 ? row0 + stride : row0;
    let row2 = rows > 2 ? row1 + stride : row1;
    let row3 = rows > 3 ? row2 + stride : row2;
    src = row3 + stride;
    const first = work;
    let max = f32x4.splat(-Infinity);
    for (const end = row0 + (<usize>(cols & ~3) << 2); row0 < end; work += 64) {
      max = tileIn(row0, row1, row2, row3, work, 4, max);
      row0 += 16; row1 += 16; row2 += 16; row3 += 16;
    }
    if (lastCols == 1) max = tileIn(row0, row1, row2, row3, work, 1, max);
    else if (lastCols == 2) max = tileIn(row0, row1, row2, row3, work, 2, max);
    else if (lastCols == 3) max = tileIn(row0, row1, row2, row3, work, 3, max);
    work += <usize>lastCols << 4;

    const far = farLanes(max);
    if (v128.any_true(far)) {
      const centre = v128.and(max, far);
      for (let p = first; p < work; p += 16) v128.store(p, f32x4.sub(v128.load(p), centre));
      max = v128.andnot(max, far);
    }
    const exponent = exponentOf(max);
    v128.store(work, lowestOf(exponent));
    v128.store(work, magicOf(exponent), 16);
    work += 48;
  }
}

/** Step 2: logits in; their terms out, and the sum of each row's. */
function sumTerms(groups: i32, cols: i32, work: usize): void {
  const log2e = LOG2E, ln2Upper = LN2_UPPER, ln2Lower = LN2_LOWER, one = ONE;
  const q2 = Q2, q3 = Q3, q4 = Q4, q5 = Q5, q6 = Q6;

  const colsBytes = <usize>cols << 4;
  for (; groups > 0; groups--) {
    const end = work + colsBytes;
    const lowest = v128.load(end), magic = v128.load(end, 16);
    let sum = f32x4.splat(START), losses = f32x4.splat(0), largest = losses;
    // The stages of wide.ts, written again: an inline function returns one value, and these are four terms and two sums.
    for (; work + 64 <= end; work += 64) {
      const x0 = floored(v128.load(work), lowest), x1 = floored(v128.load(work, 16), lowest);
      const x2 = floored(v128.load(work, 32), lowest), x3 = floored(v128.load(work, 48), lowest);
      const s0 = mulAdd(x0, log2e, magic), s1 = mulAdd(x1, log2e, magic);
      const s2 = mulAdd(x2, log2e, magic), s3 = mulAdd(x3, log2e, magic);
      const t0 = reduced(x0, s0, magic, ln2Upper, ln2Lower), t1 = reduced(x1, s1, magic, ln2Upper, ln2Lower);
      const t2 = reduced(x2, s2, magic, ln2Upper, ln2Lower), t3 = reduced(x3, s3, magic, ln2Upper, ln2Lower);
      const w0 = expm1(t0, q2, q3, q4, q5, q6), w1 = expm1(t1, q2, q3, q4, q5, q6);
      const w2 = expm1(t2, q2, q3, q4, q5, q6), w3 = expm1(t3, q2, q3, q4, q5, q6);
      const e0 = rebuilt(w0, s0, one), e1 = rebuilt(w1, s1, one), e2 = rebuilt(w2, s2, one), e3 = rebuilt(w3, s3, one);
      v128.store(work, e0);
      v128.store(work, e1, 16);
      v128.store(work, e2, 32);
      v128.store(work, e3, 48);
      const a0 = f32x4.add(sum, e0), a1 = f32x4.add(a0, e1), a2 = f32x4.add(a1, e2), a3 = f32x4.add(a2, e3);
      losses = f32x4.add(losses, lost(sum, a0, e0));
      losses = f32x4.add(losses, lost(a0, a1, e1));
      losses = f32x4.add(losses, lost(a1, a2, e2));
      losses = f32x4.add(losses, lost(a2, a3, e3));
      sum = a3;
      largest = f32x4.pmax(largest, f32x4.pmax(f32x4.pmax(e0, e1), f32x4.pmax(e2, e3)));
    }
    for (; work < end; work += 16) {
      const e = exp(v128.load(work), lowest, magic, log2e, ln2Upper, ln2Lower, q2, q3, q4, q5, q6, one);
      v128.store(work, e);
      const next = f32x4.add(sum, e);
      losses = f32x4.add(losses, lost(sum, next, e));
      sum = next;
      largest = f32x4.pmax(largest, e);
    }
    v128.store(work, sum);
    v128.store(work, losses, 16);
    v128.store(work, largest, 32);
    work += 48;
  }
}

/** Step 3: sums in; what the terms are to be multiplied by out. */
function findFactors(groups: i32, cols: i32, work: usize): void {
  for (work += <usize>cols << 4; groups > 0; groups--) {
    const sum = v128.load(work), losses = v128.load(work, 16), largest = v128.load(work, 32);
    storeFactors(work, total(sum, losses), total(upperHalf(sum), upperHalf(losses)), largest);
    work += 48 + (<usize>cols << 4);
  }
}

/** Step 4: terms in, as columns; probabilities out, as rows. */
function writeRows(dst: usize, rows: i32, cols: i32, work: usize): void {
  const upperBits = UPPER_BITS, up = UP, down = DOWN;
  const stride = <usize>cols << 2;
  const lastCols = cols & 3;
  const colsBytes = <usize>cols << 4;
  for (; rows > 0; rows -= GROUP_ROWS) {
    const upper = v128.load(work + colsBytes), lower = v128.load(work + colsBytes, 16);
    let row0 = dst;
    let row1 = rows > 1 ? row0 + stride : row0;
    let row2 = rows > 2 ? row1 + stride : row1;
    let row3 = rows > 3 ? row2 + stride : row2;
    dst = row3 + stride;
    for (const end = row0 + (<usize>(cols & ~3) << 2); row0 < end; work += 64) {
      tileOut(row0, row1, row2, row3, work, upper, lower, upperBits, up, down, 4);
      row0 += 16; row1 += 16; row2 += 16; row3 += 16;
    }
    if (lastCols == 1) tileOut(row0, row1, row2, row3, work, upper, lower, upperBits, up, down, 1);
    else if (lastCols == 2) tileOut(row0, row1, row2, row3, work, upper, lower, upperBits, up, down, 2);
    else if (lastCols == 3) tileOut(row0, row1, row2, row3, work, upper, lower, upperBits, up, down, 3);
    work += (<usize>lastCols << 4) + 48;
  }
}
