// Plain arrays of rows that follow each other, through the scratch: few elements at once, more of them by blocks.

import type { Call } from "./call.js";
import { now } from "./intrinsics.js";
import { copy, copyFew, DATA, FEW_DATA, MAXIMA, type Region, SUMS, TABLE_ROWS, WORK } from "./memory.js";
import { isValue } from "./operation.js";
import { giveStats, takeValues, usesTables } from "./tables.js";

/**
 * A block fills this at least, and twice this at most. Which of the two is quicker depends on the machine: AMD's Zen 3 and 4 copy more than their L2 cache
 * holds past that cache, so that large blocks take 0.86 to 1 of the time; on Zen 5 and Intel, those that stay in it take 0.90 to 0.97 (DESIGN.md,
 * "Around the kernel").
 */
const SMALL = 2 ** 18;
const LARGE = 2 ** 20;

/** No script can ask which machine it runs on, so an engine compares: in each large batch, until it is decided, one size in turn with the other. */
export interface Trial {
  /** In how many more batches the small blocks were quicker than in which they were slower. */
  lead: number;
}

/** What decides. Where one size is quicker in six batches of ten, the other gets so far ahead in one trial of 27; in seven of ten, in one of 880. */
const ENOUGH = 8;

/** With room for four rows more: rounded down to a multiple of four, they fill a block still. */
function withRoom(size: number, cols: number): number {
  return size + Math.min(size, 16 * cols);
}

/** Large until it is decided, and always for rows of which a small one does not hold four: of 50,257 columns two, which takes 4 % longer on Zen 5. */
export function blockBytes({ lead }: Trial, cols: number): number {
  return withRoom(lead >= ENOUGH && 8 * cols <= SMALL ? SMALL : LARGE, cols);
}

/** So many rows fit; a multiple of four if they can be, since the kernel takes four at once. */
function rowsIn(bytes: number, { operation, cols }: Call): number {
  const fit = Math.min(Math.floor(bytes / 4 / cols), usesTables(operation) ? TABLE_ROWS : Infinity);
  return fit > 4 ? fit - (fit % 4) : fit;
}

export function inBlocks(scratch: Region, bytes: number, call: Call, trial: Trial): void {
  const { operation, rows, cols } = call;
  const most = rowsIn(bytes, call);
  let row = 0;
  if (Math.abs(trial.lead) < ENOUGH && bytes > LARGE && 8 * cols <= SMALL && !usesTables(operation)) {
    const least = rowsIn(withRoom(SMALL, cols), call);
    let large = Infinity;
    let small = Infinity;
    for (; row + 2 * most <= rows; row += 2 * most) {
      const middle = row + most;
      const begun = now();
      runBlocks(scratch, call, row, middle, most);
      const half = now();
      runBlocks(scratch, call, middle, middle + most, least);
      small = Math.min(small, now() - half);
      large = Math.min(large, half - begun);
    }
    if (row > 0) trial.lead += Math.sign(large - small);
  }
  runBlocks(scratch, call, row, rows, most);
}

/** The rows from `row` to `end`, at most so many at a time. */
function runBlocks(scratch: Region, call: Call, row: number, end: number, most: number): void {
  const { operation, input, out, cols } = call;
  const { floats } = scratch;
  for (; row < end; row += most) {
    const count = Math.min(most, end - row);
    copy(input as Float32Array, row * cols, floats, DATA >>> 2, count * cols);
    inScratch(scratch, DATA, call, row, count);
    if (!isValue(operation)) copy(floats, DATA >>> 2, out as Float32Array, row * cols, count * cols);
  }
}

/** All rows of a call that has few elements. */
export function fewElements(scratch: Region, call: Call): void {
  const { operation, input, out, rows, cols } = call;
  const { few } = scratch;
  copyFew(input as Float32Array, few, rows * cols);
  inScratch(scratch, FEW_DATA, call, 0, rows);
  if (!isValue(operation)) copyFew(few, out as Float32Array, rows * cols);
}

/** Rows that were copied to `at`. Their results take their place, or, if those are one value a row, go where they are wanted. */
function inScratch(scratch: Region, at: number, call: Call, row: number, count: number): void {
  const { operation, cols } = call;
  const stride = 4 * cols;
  const value = isValue(operation);
  giveStats(scratch, call, row, count);
  scratch.kernel.rows(operation, at, value ? MAXIMA : at, count, cols, stride, stride, MAXIMA, SUMS, WORK);
  if (value) takeValues(scratch, call, row, count);
}
