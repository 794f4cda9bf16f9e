// A checked call: what check.ts found, and all that a back end is told.

import type { Changes } from "./changes.js";
import { FLOAT32, type Format, type Operation, SOFTMAX, type Stored } from "./operation.js";
import type { NewFloat32Array, RowStats } from "./options.js";

/**
 * One record serves all calls (no garbage): it is filled after the last of the caller's code has run, and emptied by
 * `forget` when the call is over, lest it keep the caller's arrays alive.
 */
export interface Call {
  what: string;
  operation: Operation;
  input: Stored;
  inputFormat: Format;
  /** The other input of a gradient. */
  grad: Stored;
  gradFormat: Format;
  out: Stored;
  outFormat: Format;
  /** Given or asked for. */
  stats: RowStats;
  /** What the caller gets: `out` as it was given, or the statistics. */
  result: unknown;
  rows: number;
  /** Elements of a row. */
  cols: number;
  /** How many rows lie side by side: 1 where rows lie along the last axis. */
  inner: number;
  /** From the start of a row to the start of the next, where rows lie along the last axis. */
  rowStride: number;
  outRowStride: number;
  changes: Changes | undefined;
  /** Whether rows of which nothing is kept are to be 0 (or −∞). */
  zeroEmpty: boolean;
}

export const NO_ELEMENTS: NewFloat32Array = new Float32Array(0);
export const NO_STATS: RowStats = { max: NO_ELEMENTS, sum: new Float64Array(0) };
export const call: Call = {
  what: "",
  operation: SOFTMAX,
  input: NO_ELEMENTS,
  inputFormat: FLOAT32,
  grad: NO_ELEMENTS,
  gradFormat: FLOAT32,
  out: NO_ELEMENTS,
  outFormat: FLOAT32,
  stats: NO_STATS,
  result: undefined,
  rows: 0,
  cols: 0,
  inner: 1,
  rowStride: 0,
  outRowStride: 0,
  changes: undefined,
  zeroEmpty: false,
};

/** Ends the call: its arrays are the caller's alone again. */
export function forget(): void {
  call.input = NO_ELEMENTS;
  call.grad = NO_ELEMENTS;
  call.out = NO_ELEMENTS;
  call.stats = NO_STATS;
  call.result = undefined;
  call.changes = undefined;
}

/** Whether the elements are float32, and nothing is to be done to them first. */
export function isPlain({ inputFormat, gradFormat, outFormat, changes, zeroEmpty }: Call): boolean {
  return (
    inputFormat === FLOAT32 && gradFormat === FLOAT32 && outFormat === FLOAT32 && changes === undefined && !zeroEmpty
  );
}

/** Whether rows follow each other, with nothing in between, where they come from and where they go. */
export function adjoin({ inner, cols, rowStride, outRowStride }: Call): boolean {
  return inner === 1 && rowStride === cols && outRowStride === cols;
}
