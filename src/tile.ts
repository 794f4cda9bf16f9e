// A tile: some rows of a batch, or a piece of each, on their way through the scratch block: in, changed and as float32; out, in the
// format that is wanted. A tile of an arena stays where it is.

import type { Call } from "./call.js";
import { hasRanges, positionOf } from "./changes.js";
import { byteOffsetOf } from "./intrinsics.js";
import { copy, DATA, ENDS, type Region, STARTS, TEMPERATURES } from "./memory.js";
import { FLOAT32, type Format, FROM_STATS, isGradient, LOG_SOFTMAX, type Stored } from "./operation.js";
import { hasNothing, isEmpty } from "./tables.js";

/** `count` rows of a call from `row` on; of each, `length` elements from `first` on. */
export interface Tile {
  readonly call: Call;
  readonly region: Region;
  /** Whether it goes through the scratch block of the region; or else is an arena's: logits of rows side by side, not to be changed. */
  readonly isCopied: boolean;
  /** How many elements the scratch block has room for, with what lies beside each. */
  readonly room: number;
  row: number;
  count: number;
  first: number;
  length: number;
}

// In the scratch block: the elements, then gradients or biases, then the mask.

/** How many elements there is room for, each with as much as belongs to it. */
export function roomFor({ operation, changes }: Call, scratchBytes: number): number {
  const second = isGradient(operation) || changes?.bias !== undefined ? 4 : 0;
  const mask = changes?.mask === undefined ? 0 : 1;
  return (scratchBytes / (4 + second + mask)) & ~3;
}

/** Where gradients, or biases, are. */
export function secondAt({ room }: Tile): number {
  return DATA + 4 * room;
}

function maskAt({ room, call }: Tile): number {
  return DATA + (call.changes?.bias === undefined ? 4 : 8) * room;
}

/** How many rows of a tile lie side by side. */
export function widthOf({ call, count }: Tile): number {
  return Math.min(count, call.inner);
}

/** Where the kernel finds a tile of an array, or leaves it: if it is not copied, its rows lie side by side, and have no stride of their own. */
export function addressOf(tile: Tile, array: Stored): number {
  return tile.isCopied ? DATA : byteOffsetOf(array) + 4 * runsOf(tile, 0).start;
}

/** How far the elements of rows side by side are apart there. */
export function strideOf(tile: Tile): number {
  return 4 * (tile.isCopied ? widthOf(tile) : tile.call.inner);
}

/** Elements of an array that lie in `times` runs of `length`, `step` apart. */
interface Runs {
  readonly start: number;
  readonly length: number;
  readonly times: number;
  readonly step: number;
}

/** Where a tile lies in an array of the batch whose rows are `stride` apart. */
function runsOf({ call, row, count, first, length }: Tile, stride: number): Runs {
  const { cols, inner } = call;
  const start = positionOf(row, first, cols, inner, stride);
  if (inner === 1)
    return length === stride
      ? { start, length: count * stride, times: 1, step: 0 }
      : { start, length, times: count, step: stride };
  if (count >= inner) return { start, length: count * length, times: 1, step: 0 };
  return { start, length: count, times: length, step: inner };
}

function copyRunsIn<T extends Stored | Uint8Array>(
  source: T,
  { start, length, times, step }: Runs,
  target: T,
  to: number,
): void {
  for (let i = 0; i < times; i++) copy(source, start + i * step, target, to + i * length, length);
}

/** A tile of an array in any format → float32 at address `at`. */
function load({ region }: Tile, at: number, array: Stored, format: Format, runs: Runs): void {
  const { kernel, floats, shorts } = region;
  if (format === FLOAT32) {
    copyRunsIn(array as Float32Array, runs, floats, at >>> 2);
    return;
  }
  const count = (runs.length * runs.times + 3) & ~3;
  const upper = at + 2 * count; // widened in place: what is written has been read
  copyRunsIn(array as Uint16Array, runs, shorts, upper >>> 1);
  kernel.widen(format, upper, at, count);
}

/** The results, to where they are wanted. */
export function save(tile: Tile): void {
  if (!tile.isCopied) return;
  const { call, region } = tile;
  const { kernel, floats, shorts } = region;
  const { start, length, times, step } = runsOf(tile, call.outRowStride);
  const isHalf = call.outFormat !== FLOAT32;
  if (isHalf) kernel.round(call.outFormat, DATA, DATA, length * times);
  const results: Stored = isHalf ? shorts : floats;
  const first = DATA / results.BYTES_PER_ELEMENT;
  for (let i = 0; i < times; i++) copy(results, first + i * length, call.out, start + i * step, length);
}

/** What was saved, again. */
export function reload(tile: Tile): void {
  if (tile.isCopied) load(tile, DATA, tile.call.out, tile.call.outFormat, runsOf(tile, tile.call.outRowStride));
}

/** What came out of a forward call, and its gradient. */
export function loadGradient(tile: Tile): void {
  const { input, inputFormat, grad, gradFormat, rowStride } = tile.call;
  const runs = runsOf(tile, rowStride);
  load(tile, DATA, input, inputFormat, runs);
  load(tile, secondAt(tile), grad, gradFormat, runs);
}

/** The logits, changed. The tables are filled. */
export function loadLogits(tile: Tile): void {
  if (!tile.isCopied) return;
  const { call, count, first, length } = tile;
  const { changes, cols, inner } = call;
  load(tile, DATA, call.input, call.inputFormat, runsOf(tile, call.rowStride));
  if (changes === undefined) return;
  const { kernel, floats, bytes } = tile.region;
  const { bias, biasIsFull, mask, maskIsFull, temperature } = changes;
  const full = runsOf(tile, cols);
  const shared: Runs = { start: first, length, times: 1, step: 0 };
  let biases = 0;
  let keeps = 0;
  if (bias !== undefined) {
    biases = secondAt(tile);
    copyRunsIn(bias, biasIsFull ? full : shared, floats, biases >>> 2);
  }
  if (mask !== undefined) {
    keeps = maskAt(tile);
    copyRunsIn(mask, maskIsFull ? full : shared, bytes, keeps);
  }

  // For the kernel: rows are the majors of a block, or its minors, and then one block follows another.
  const isRow = inner === 1;
  const isOne = typeof temperature !== "object";
  const width = widthOf(tile);
  for (let row = 0, done = 0; row < count; row += isRow ? count : width, done += width * length)
    kernel.change(
      DATA + 4 * done,
      isRow ? count : length,
      isRow ? length : width,
      isRow,
      first,
      (temperature ?? 1) === 1 ? 0 : TEMPERATURES + (isOne ? 0 : 8 * row),
      isOne,
      hasRanges(changes) ? STARTS + 4 * row : 0,
      ENDS + 4 * row,
      biases && biases + (biasIsFull ? 4 * done : 0),
      biasIsFull,
      keeps && keeps + (maskIsFull ? done : 0),
      maskIsFull,
    );
}

/** For each row of a tile, 1 where it is nothing but −∞; by their statistics, where those are given: then the tile is but a part of them. */
export function emptyRows(tile: Tile): Uint8Array {
  const { operation, stats } = tile.call;
  const empty = new Uint8Array(tile.count);
  for (let row = 0; row < tile.count; row++) {
    const { start, step } = lineOf(tile, row);
    const end = start + tile.length * step;
    const isNothing =
      operation === FROM_STATS ? isEmpty(stats, tile.row + row) : hasNothing(tile.region.floats, start, end, step);
    empty[row] = Number(isNothing);
  }
  return empty;
}

export function fillEmpty(tile: Tile, empty: Uint8Array): void {
  const { floats } = tile.region;
  const value = tile.call.operation === LOG_SOFTMAX ? -Infinity : 0;
  for (let row = 0; row < tile.count; row++) {
    if (empty[row] === 0) continue;
    const { start, step } = lineOf(tile, row);
    for (let col = 0; col < tile.length; col++) floats[start + col * step] = value;
  }
}

/** Where row `row` of a tile lies in the scratch block. */
function lineOf(tile: Tile, row: number): { start: number; step: number } {
  const step = widthOf(tile);
  return { start: (DATA >>> 2) + positionOf(row, 0, tile.length, step, tile.length), step };
}
