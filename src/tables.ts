// What goes to the kernel, or comes from it, once a row: known statistics in; values and statistics out.

import type { Call } from "./call.js";
import { storeElement } from "./half.js";
import { copy, type Region } from "./memory.js";
import { FLOAT32, FROM_STATS, LOG_SUM_EXP, type Operation, ROW_STATS } from "./operation.js";
import type { RowStats } from "./options.js";

export function usesTables(operation: Operation): boolean {
  return operation === LOG_SUM_EXP || operation === ROW_STATS || operation === FROM_STATS;
}

/** Whether nothing is kept of a row, by its statistics. */
export function isEmpty({ max, sum }: RowStats, row: number): boolean {
  return max[row] === -Infinity && sum[row] === 0;
}

/** Whether a row is nothing but −∞. */
export function hasNothing(elements: Float32Array, start: number, end: number, step: number): boolean {
  while (start < end && elements[start] === -Infinity) start += step;
  return start >= end;
}

/** The statistics of `count` rows from `row` on, where those are given. */
export function giveStats({ maxima, sums }: Region, { operation, stats }: Call, row: number, count: number): void {
  if (operation !== FROM_STATS) return;
  copy(stats.max, row, maxima, 0, count);
  copy(stats.sum, row, sums, 0, count);
}

/** The values of `count` rows, to where the call wants them from `row` on. */
export function takeValues({ maxima, sums }: Region, call: Call, row: number, count: number): void {
  const { operation, out, outFormat, stats } = call;
  if (operation === ROW_STATS) {
    copy(maxima, 0, stats.max, row, count);
    copy(sums, 0, stats.sum, row, count);
  } else if (operation === LOG_SUM_EXP) {
    if (outFormat === FLOAT32) copy(maxima, 0, out as Float32Array, row, count);
    else for (let i = 0; i < count; i++) storeElement(out, outFormat, row + i, maxima[i]!);
  }
}
