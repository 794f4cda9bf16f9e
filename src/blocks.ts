// Plain arrays of rows that follow each other, through the scratch: few elements at once, more by blocks; and how large those are.

import type { Call } from "./call.js";
import { now } from "./intrinsics.js";
import { copy, copyFew, DATA, FEW_DATA, MAXIMA, type Region, SUMS, TABLE_ROWS, WORK } from "./memory.js";
import { isValue } from "./operation.js";
import { rowsThatFit } from "./stream.js";
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
export const ENOUGH = 8;

/** With room for four rows more: rounded down to a multiple of four, they fill a block still. */
function withRoom(size: number, cols: number): number {
  return size + Math.min(size, 16 * cols);
}

/** What is used until it is decided. */
export function largeBytes(cols: number): number {
  return withRoom(LARGE, cols);
}

/**
 * What is used if small blocks are quicker; `otherwise`, where one does not hold four rows, or the `least` that should go at once: Zen 5, 50,257 columns
 * 1.04 of the time, 1000 × 200 side by side 1.19.
 */
export function smallBytes(call: Call, least: number, otherwise: number): number {
  const bytes = withRoom(SMALL, call.cols);
  return rowsThatFit(call, bytes) >= Math.max(4, least) ? bytes : otherwise;
}

/** So many rows fit; a multiple of four if they can be, since the kernel takes four at once. */
function rowsIn(bytes: number, { operation, cols }: Call): number {
  const fit = Math.min(Math.floor(bytes / 4 / cols), usesTables(operation) ? TABLE_ROWS : Infinity);
  return fit > 4 ? fit - (fit % 4) : fit;
}

export function inBlocks(scratch: Region, bytes: number, call: Call, trial: Trial): void {
  const { operation, rows } = call;
  const most = rowsIn(bytes, call);
  const compares = 2 * most <= rows && bytes > LARGE && Math.abs(trial.lead) < ENOUGH && !usesTables(operation);
  runBlocks(scratch, call, compares ? compared(scratch, call, most, trial) : 0, rows, most);
}

/** Large blocks in turn with as many rows by small ones, as often as there are so many; gives back the first row that is left. */
function compared(scratch: Region, call: Call, most: number, trial: Trial): number {
  const least = rowsIn(withRoom(SMALL, call.cols), call);
  if (least < 4) return 0;
  let large = Infinity;
  let small = Infinity;
  let row = 0;
  for (; row + 2 * most <= call.rows; row += 2 * most) {
    const middle = row + most;
    const begun = now();
    runBlocks(scratch, call, row, middle, most);
    const half = now();
    runBlocks(scratch, call, middle, middle + most, least);
    small = Math.min(small, now() - half);
    large = Math.min(large, half - begun);
  }
  trial.lead += Math.sign(large - small);
  return row;
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
