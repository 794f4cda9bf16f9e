// Arrays outside of arenas, and everything that is to be changed or converted: a tile at a time through the scratch block. A tile is
// some rows, as many as there is room for; of rows longer than that, a piece, and then each pass goes over all pieces.

import { fillTables, hasRanges } from "./changes.js";
import type { Call } from "./check.js";
import { copy, DATA, ENDS, MAXIMA, type Region, STARTS, SUMS, TABLE_ROWS, TEMPERATURES, WORK } from "./memory.js";
import {
  FLOAT32,
  type Format,
  FROM_STATS,
  formOf,
  isGradient,
  isValue,
  LOG_SOFTMAX,
  type Stored,
} from "./operation.js";
import { giveStats, isEmpty, takeValues } from "./tables.js";

/** `count` rows from `row` on; of each, `length` elements from `first` on. */
interface Tile {
  row: number;
  count: number;
  first: number;
  length: number;
}

/** Pieces are multiples of this, and so the sums pause where they do in whole rows (assembly/wide.ts, lanes.ts). */
const PIECE = 256;
/** How many rows side by side go through the kernel in pieces. */
const STRIP = 32;

export function stream(scratch: Region, scratchBytes: number, call: Call): void {
  const { changes, rows, cols, inner } = call;
  const room = Math.floor(scratchBytes / bytesPerElement(call)) & ~7;
  const tile: Tile = { row: 0, count: 0, first: 0, length: cols };
  const step = rowsPerTile(inner, cols, room);
  if (step > 0) {
    for (; tile.row < rows; tile.row += tile.count) {
      tile.count = Math.min(step, inner > 1 && step < inner ? inner - (tile.row % inner) : rows - tile.row);
      if (changes !== undefined) fillTables(call, changes, tile.row, tile.count, scratch);
      whole(scratch, room, call, tile);
    }
    return;
  }
  const across = inner === 1 ? 1 : Math.min(inner, STRIP, Math.floor(room / PIECE));
  const piece = Math.floor(room / across / PIECE) * PIECE;
  for (; tile.row < rows; tile.row += tile.count) {
    tile.count = Math.min(across, inner - (tile.row % inner));
    if (changes !== undefined) fillTables(call, changes, tile.row, tile.count, scratch);
    inPieces(scratch, room, call, tile, piece);
  }
}

/** In the scratch block, an element takes 4 bytes, and as much as lies beside it. */
function bytesPerElement({ operation, changes }: Call): number {
  return 4 + (isGradient(operation) || changes?.bias !== undefined ? 4 : 0) + (changes?.mask !== undefined ? 1 : 0);
}

/** How many whole rows a tile can have: a multiple of four if it can be, since the kernel takes four at once. 0: not one. */
function rowsPerTile(inner: number, cols: number, room: number): number {
  const fit = Math.min(TABLE_ROWS, Math.floor(room / cols));
  if (inner === 1) return fit > 4 ? fit - (fit % 4) : fit;
  if (fit >= inner) return fit - (fit % inner);
  return fit > STRIP ? fit - (fit % STRIP) : fit >= 4 ? fit - (fit % 4) : 0;
}

// Where things are in the scratch block: the elements first, then gradients or biases, then the mask.

const secondAt = (room: number): number => DATA + 4 * room;
const maskAt = (room: number, { changes }: Call): number =>
  secondAt(room) + (changes?.bias === undefined ? 0 : 4 * room);

/** Elements of an array that lie in `times` runs of `length`, `step` apart. */
interface Runs {
  readonly start: number;
  readonly length: number;
  readonly times: number;
  readonly step: number;
}

/** Where a tile lies in an array of the batch whose rows are `stride` apart. */
function runsOf({ cols, inner }: Call, { row, count, first, length }: Tile, stride: number): Runs {
  if (inner === 1) {
    if (length === stride) return { start: row * stride, length: count * stride, times: 1, step: 0 };
    return { start: row * stride + first, length, times: count, step: stride };
  }
  const within = row % inner;
  const start = (row - within) * cols + first * inner + within;
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
function load({ kernel, floats, halves }: Region, at: number, array: Stored, format: Format, runs: Runs): void {
  if (format === FLOAT32) return copyRunsIn(array as Float32Array, runs, floats, at >>> 2);
  const count = (runs.length * runs.times + 7) & ~7;
  const upper = at + 2 * count; // widened in place: what is written has been read
  copyRunsIn(array as Uint16Array, runs, halves, upper >>> 1);
  kernel.widen(format, upper, at, count);
}

/** The other way. */
function save({ kernel, floats, halves }: Region, at: number, array: Stored, format: Format, runs: Runs): void {
  const { start, length, times, step } = runs;
  if (format !== FLOAT32) kernel.round(format, at, at, length * times);
  for (let i = 0; i < times; i++) {
    if (format === FLOAT32) copy(floats, (at >>> 2) + i * length, array as Float32Array, start + i * step, length);
    else copy(halves, (at >>> 1) + i * length, array as Uint16Array, start + i * step, length);
  }
}

/** The logits of a tile, changed. */
function loadLogits(scratch: Region, room: number, call: Call, tile: Tile): void {
  load(scratch, DATA, call.input, call.inputFormat, runsOf(call, tile, call.rowStride));
  const { changes, cols, inner } = call;
  if (changes === undefined) return;
  const { bias, biasIsFull, mask, maskIsFull, temperature } = changes;
  const { kernel, floats, bytes } = scratch;
  const { count, first, length } = tile;
  const shared: Runs = { start: first, length, times: 1, step: 0 };
  const full = runsOf(call, tile, cols);
  const biases = bias === undefined ? 0 : secondAt(room);
  const keeps = mask === undefined ? 0 : maskAt(room, call);
  if (bias !== undefined) copyRunsIn(bias, biasIsFull ? full : shared, floats, biases >>> 2);
  if (mask !== undefined) copyRunsIn(mask, maskIsFull ? full : shared, bytes, keeps);
  const temperatures = temperature === undefined || temperature === 1 ? 0 : TEMPERATURES;
  const starts = hasRanges(changes) ? STARTS : 0;
  if (inner === 1)
    return kernel.change(
      DATA,
      count,
      length,
      true,
      first,
      temperatures,
      starts,
      ENDS,
      biases,
      biasIsFull,
      keeps,
      maskIsFull,
    );
  const width = Math.min(count, inner);
  for (let row = 0, done = 0; row < count; row += width, done += width * length) {
    kernel.change(
      DATA + 4 * done,
      length,
      width,
      false,
      first,
      temperatures && temperatures + 8 * row,
      starts && starts + 4 * row,
      ENDS + 4 * row,
      biases && biases + (biasIsFull ? 4 * done : 0),
      biasIsFull,
      keeps && keeps + (maskIsFull ? done : 0),
      maskIsFull,
    );
  }
}

function whole(scratch: Region, room: number, call: Call, tile: Tile): void {
  const { operation, cols, inner, out, outFormat, outRowStride } = call;
  const { kernel } = scratch;
  const { row, count } = tile;
  const width = Math.min(count, inner);
  if (isGradient(operation)) {
    loadGradient(scratch, room, call, tile);
    const grad = secondAt(room);
    const form = formOf(operation);
    if (inner === 1) kernel.gradientRows(form, DATA, grad, DATA, count, cols, 4 * cols, 4 * cols, 4 * cols, WORK);
    else kernel.gradientColumns(form, DATA, grad, DATA, count, cols, width, 4 * width, WORK);
    return save(scratch, DATA, out, outFormat, runsOf(call, tile, outRowStride));
  }
  loadLogits(scratch, room, call, tile);
  giveStats(scratch, call, row, count);
  const empty = call.zeroEmpty ? emptyRows(scratch, call, tile) : [];
  const dst = isValue(operation) ? MAXIMA : DATA;
  if (inner === 1) kernel.rows(operation, DATA, dst, count, cols, 4 * cols, 4 * cols, MAXIMA, SUMS, WORK);
  else kernel.columns(operation, DATA, dst, count, cols, width, 4 * width, MAXIMA, SUMS, WORK);
  if (isValue(operation)) return takeValues(scratch, call, row, count);
  fillEmpty(scratch, call, tile, empty);
  save(scratch, DATA, out, outFormat, runsOf(call, tile, outRowStride));
}

function loadGradient(scratch: Region, room: number, call: Call, tile: Tile): void {
  const runs = runsOf(call, tile, call.rowStride);
  load(scratch, DATA, call.input, call.inputFormat, runs);
  load(scratch, secondAt(room), call.grad, call.gradFormat, runs);
}

/** The rows of a tile that are nothing but −∞; by their statistics, where those are given: then the tile is but a part of them. */
function emptyRows({ floats }: Region, call: Call, tile: Tile): number[] {
  const { operation, stats } = call;
  const empty: number[] = [];
  for (let row = 0; row < tile.count; row++) {
    if (operation === FROM_STATS) {
      if (isEmpty(stats, tile.row + row)) empty.push(row);
      continue;
    }
    const { start, step } = lineOf(call, tile, row);
    let col = 0;
    while (col < tile.length && floats[start + col * step] === -Infinity) col++;
    if (col === tile.length) empty.push(row);
  }
  return empty;
}

function fillEmpty({ floats }: Region, call: Call, tile: Tile, empty: readonly number[]): void {
  const value = call.operation === LOG_SOFTMAX ? -Infinity : 0;
  for (const row of empty) {
    const { start, step } = lineOf(call, tile, row);
    for (let col = 0; col < tile.length; col++) floats[start + col * step] = value;
  }
}

/** Where row `row` of a tile lies in the scratch block. */
function lineOf({ inner }: Call, { count, length }: Tile, row: number): { start: number; step: number } {
  const origin = DATA >>> 2;
  if (inner === 1) return { start: origin + row * length, step: 1 };
  const width = Math.min(count, inner);
  const within = row % width;
  return { start: origin + (row - within) * length + within, step: width };
}

/** Rows that do not fit: `tile` says which. Each pass of the kernel goes over all pieces. */
function inPieces(scratch: Region, room: number, call: Call, tile: Tile, piece: number): void {
  const { operation, cols, inner, out, outFormat, outRowStride } = call;
  const { kernel } = scratch;
  const { row, count } = tile;
  const stride = 4 * count;
  const isRow = inner === 1;
  const eachPiece = (visit: () => void): void => {
    for (tile.first = 0; tile.first < cols; tile.first += piece) {
      tile.length = Math.min(piece, cols - tile.first);
      visit();
    }
  };
  const saved = () => save(scratch, DATA, out, outFormat, runsOf(call, tile, outRowStride));
  if (isRow) kernel.beginWide(WORK);
  else kernel.begin(WORK, Math.ceil(count / 4));

  if (isGradient(operation)) {
    const form = formOf(operation);
    const grad = secondAt(room);
    eachPiece(() => {
      loadGradient(scratch, room, call, tile);
      if (isRow) kernel.sumGradient(form, DATA, grad, tile.length, WORK);
      else kernel.sumGradientColumns(form, DATA, grad, count, tile.length, stride, WORK);
    });
    return eachPiece(() => {
      loadGradient(scratch, room, call, tile);
      if (isRow) kernel.finishGradient(form, DATA, grad, DATA, tile.length, WORK);
      else kernel.finishGradientColumns(form, DATA, grad, DATA, count, tile.length, stride, WORK);
      saved();
    });
  }

  let empty: readonly number[] | undefined;
  eachPiece(() => {
    loadLogits(scratch, room, call, tile);
    if (call.zeroEmpty) {
      const here = emptyRows(scratch, call, tile);
      empty = empty === undefined ? here : empty.filter((index) => here.includes(index));
    }
    if (isRow) kernel.findMaximum(DATA, tile.length, WORK, 0);
    else kernel.findColumnMaxima(DATA, count, tile.length, stride, WORK);
  });
  giveStats(scratch, call, row, count);
  if (isRow) kernel.findWideShifts(operation, WORK, 1, MAXIMA);
  else kernel.findShifts(operation, WORK, count, MAXIMA);

  const sumPiece = () => {
    if (isRow) kernel.sumWide(operation, DATA, DATA, tile.length, WORK, 0);
    else kernel.sumColumns(operation, DATA, DATA, count, tile.length, stride, WORK);
  };
  /** Terms can wait in `out`, if that has room for a float32 each. */
  const hasTerms = operation !== LOG_SOFTMAX && !isValue(operation);
  const keepsTerms = hasTerms && outFormat === FLOAT32;
  if (operation !== FROM_STATS || keepsTerms)
    eachPiece(() => {
      loadLogits(scratch, room, call, tile);
      sumPiece();
      if (keepsTerms) saved();
    });
  if (isRow) kernel.findWideResults(operation, WORK, 1, SUMS);
  else kernel.findResults(operation, WORK, count, SUMS);
  if (isValue(operation)) {
    kernel.storeValues(operation, WORK, count, MAXIMA, SUMS);
    return takeValues(scratch, call, row, count);
  }

  eachPiece(() => {
    if (keepsTerms) load(scratch, DATA, out, outFormat, runsOf(call, tile, outRowStride));
    else {
      loadLogits(scratch, room, call, tile);
      if (hasTerms) sumPiece();
    }
    if (isRow) kernel.finishWide(operation, DATA, DATA, tile.length, WORK, 0);
    else kernel.finishColumns(operation, DATA, DATA, count, tile.length, stride, WORK);
    fillEmpty(scratch, call, tile, empty ?? []);
    saved();
  });
  tile.first = 0;
  tile.length = cols;
}
