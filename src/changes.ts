// What the options do to the logits before any operation: divide, add, drop. The kernel does the arithmetic of the wasm back ends
// (assembly/change.ts), from the tables that are filled here; `changeRow` does that of the fallback, and says what is meant.

import { elementAt } from "./half.js";
import { copy } from "./memory.js";
import { FLOAT32, type Format, type Stored } from "./operation.js";

/** The last two axes of a batch, and where the rows lie with respect to them. */
export interface Matrix {
  readonly rank: number;
  /** How many axes come after that of the rows. */
  readonly fromLast: number;
  readonly height: number;
  readonly width: number;
}

/** Checked options; undefined where not given. Those that are full have an element for each of the batch, others for each of a row. */
export interface Changes {
  readonly temperature: number | Float32Array | undefined;
  readonly bias: Float32Array | undefined;
  readonly biasIsFull: boolean;
  readonly mask: Uint8Array | undefined;
  readonly maskIsFull: boolean;
  readonly lengths: Uint32Array | undefined;
  readonly causal: number | undefined;
  readonly matrix: Matrix;
}

/** A batch, and what is to be done to it. */
export interface Source {
  readonly input: Stored;
  readonly inputFormat: Format;
  readonly cols: number;
  readonly inner: number;
  readonly rowStride: number;
}

/** Where element `col` of row `row` is among those of the batch, rows being `stride` apart if they lie along the last axis. */
export function positionOf(row: number, col: number, cols: number, inner: number, stride: number): number {
  if (inner === 1) return row * stride + col;
  const within = row % inner;
  return ((row - within) / inner) * cols * inner + col * inner + within;
}

function temperatureOf({ temperature }: Changes, row: number): number {
  return typeof temperature === "object" ? temperature[row]! : (temperature ?? 1);
}

/** Whether some row may have the temperature 0. */
export function mayFreeze({ temperature }: Changes): boolean {
  return typeof temperature === "object" || temperature === 0;
}

/** The first index that `lengths` and `causal` keep of a row. */
function firstKept({ causal, matrix }: Changes, row: number, cols: number): number {
  if (causal === undefined || matrix.fromLast !== 1) return 0;
  return Math.min(cols, Math.max(0, (row % matrix.width) - causal));
}

/** The index after the last one that they keep. */
function endKept({ causal, lengths, matrix }: Changes, row: number, cols: number, inner: number): number {
  const end = lengths === undefined ? cols : lengths[row]!;
  if (causal === undefined || matrix.fromLast === 1) return end;
  if (matrix.fromLast === 0) return Math.max(0, Math.min(end, (row % matrix.height) + causal + 1));
  const within = (row % inner) % (matrix.height * matrix.width); // both of the last axes lie across the rows
  const column = within % matrix.width;
  return column <= (within - column) / matrix.width + causal ? end : 0;
}

/** `count` neighbours from row `row` of `array` on, laid out as the input is → rows of `logits`, `pitch` apart. */
export function readRows(
  { cols, inner, rowStride }: Source,
  array: Stored,
  format: Format,
  row: number,
  count: number,
  logits: Float32Array,
  pitch: number,
): void {
  let from = positionOf(row, 0, cols, inner, rowStride);
  if (inner === 1 && format === FLOAT32) copy(array as Float32Array, from, logits, 0, cols);
  else
    for (let col = 0; col < cols; col++, from += inner)
      if (format === FLOAT32) for (let i = 0, to = col; i < count; i++, to += pitch) logits[to] = array[from + i]!;
      else for (let i = 0, to = col; i < count; i++, to += pitch) logits[to] = elementAt(array, format, from + i);
}

/**
 * Changes row `row`, which is in `logits` from `at` on. At temperature 0, all but the first maximum is dropped, unless there is a NaN
 * or +∞, which make the result NaN as ever.
 */
export function changeRow(source: Source, changes: Changes, row: number, logits: Float32Array, at: number): void {
  const { cols } = source;
  const temperature = temperatureOf(changes, row);
  changeLogits(source, changes, row, temperature || 1, logits, at);
  if (temperature !== 0) return;
  const first = firstMaximum(logits, at, cols);
  if (first >= 0) for (let col = 0; col < cols; col++) if (col !== first) logits[at + col] = -Infinity;
}

function changeLogits(
  { cols, inner }: Source,
  changes: Changes,
  row: number,
  temperature: number,
  logits: Float32Array,
  at: number,
): void {
  const { bias, biasIsFull, mask, maskIsFull } = changes;
  const start = firstKept(changes, row, cols);
  const end = endKept(changes, row, cols, inner);
  let position = positionOf(row, 0, cols, inner, cols);
  for (let col = 0; col < cols; col++, position += inner) {
    const keeps = col >= start && col < end && (mask === undefined || mask[maskIsFull ? position : col] !== 0);
    const shift = bias === undefined ? 0 : bias[biasIsFull ? position : col]!;
    logits[at + col] = keeps ? logits[at + col]! / temperature + shift : -Infinity;
  }
}

/** The index of the first maximum, or −1 where there is a NaN or an infinite one. */
function firstMaximum(logits: Float32Array, at: number, cols: number): number {
  let first = -1;
  let max = -Infinity;
  for (let col = 0; col < cols; col++) {
    const x = logits[at + col]!;
    if (x > max) {
      max = x;
      first = col;
    }
    if (x === Infinity || Number.isNaN(x)) return -1;
  }
  return first;
}

/** The kernel's tables: an entry for each of the rows at hand. */
export interface Tables {
  readonly temperatures: Float64Array;
  readonly starts: Int32Array;
  readonly ends: Int32Array;
}

/** Whether the kernel needs `starts` and `ends`. */
export function hasRanges(changes: Changes): boolean {
  return changes.lengths !== undefined || changes.causal !== undefined || mayFreeze(changes);
}

/**
 * Fills the tables for `count` rows from `first` on; of a temperature for all, the first entry. At temperature 0, the first maximum is
 * all that is kept, and 1 divides: where some row `mayFreeze`, that takes a spare row.
 */
export function fillTables(
  source: Source,
  changes: Changes,
  first: number,
  count: number,
  tables: Tables,
  spare: Float32Array | undefined,
): void {
  const { cols, inner } = source;
  const entries = typeof changes.temperature === "object" ? count : 1;
  for (let i = 0; i < entries; i++) tables.temperatures[i] = temperatureOf(changes, first + i) || 1;
  if (!hasRanges(changes)) return;
  for (let i = 0; i < count; i++) {
    const row = first + i;
    tables.starts[i] = firstKept(changes, row, cols);
    tables.ends[i] = endKept(changes, row, cols, inner);
    if (temperatureOf(changes, row) === 0) freeze(source, changes, row, i, tables, spare!);
  }
}

function freeze(
  source: Source,
  changes: Changes,
  row: number,
  i: number,
  { starts, ends }: Tables,
  logits: Float32Array,
): void {
  readRows(source, source.input, source.inputFormat, row, 1, logits, 0);
  changeLogits(source, changes, row, 1, logits, 0);
  const first = firstMaximum(logits, 0, source.cols);
  if (first < 0) return;
  starts[i] = first;
  ends[i] = first + 1;
}
