// Rows longer than there is room for: one, or some side by side. Each pass of the kernel goes over all of their pieces, and its slots
// keep what is known so far: the statistics of the row, first of a part of it, then of all.

import { DATA, MAXIMA, STRIP_ROWS, STRIP_WORK_BYTES, SUMS, WORK } from "./memory.js";
import { FLOAT32, FROM_STATS, formOf, isGradient, isValue, LOG_SOFTMAX } from "./operation.js";
import { giveStats, takeValues } from "./tables.js";
import {
  emptyRows,
  fillEmpty,
  loadGradient,
  loadLogits,
  reload,
  save,
  secondAt,
  sourceOf,
  strideOf,
  type Tile,
  targetOf,
} from "./tile.js";

/** The rows of `tile`, in pieces of `piece` elements. */
export function inPieces(tile: Tile, piece: number): void {
  const { kernel } = tile.region;
  eachStrip(tile, (_, rows, work) => {
    if (tile.call.inner === 1) kernel.beginWide(work, rows);
    else kernel.begin(work, Math.ceil(rows / 4));
  });
  if (isGradient(tile.call.operation)) gradient(tile, piece);
  else forward(tile, piece);
}

function eachPiece(tile: Tile, piece: number, visit: () => void): void {
  const { cols } = tile.call;
  for (tile.first = 0; tile.first < cols; tile.first += piece) {
    tile.length = Math.min(piece, cols - tile.first);
    visit();
  }
}

/**
 * What goes through the kernel at once: `rows` rows, from row `row` of the tile on. What is known about them stays in their own
 * part of the work area.
 */
function eachStrip({ count }: Tile, visit: (row: number, rows: number, work: number) => void): void {
  for (let row = 0, work = WORK; row < count; row += STRIP_ROWS, work += STRIP_WORK_BYTES)
    visit(row, Math.min(STRIP_ROWS, count - row), work);
}

function gradient(tile: Tile, piece: number): void {
  const { operation, inner } = tile.call;
  const { kernel } = tile.region;
  const form = formOf(operation);
  const isRow = inner === 1;
  const stride = strideOf(tile);
  eachPiece(tile, piece, () => {
    loadGradient(tile);
    eachStrip(tile, (row, rows, work) => {
      const out = DATA + 4 * row;
      const grad = secondAt(tile) + 4 * row;
      if (isRow) kernel.sumGradient(form, out, grad, tile.length, work);
      else kernel.sumGradientColumns(form, out, grad, rows, tile.length, stride, work);
    });
  });
  eachPiece(tile, piece, () => {
    loadGradient(tile);
    eachStrip(tile, (row, rows, work) => {
      const out = DATA + 4 * row;
      const grad = secondAt(tile) + 4 * row;
      if (isRow) kernel.finishGradient(form, out, grad, out, tile.length, work);
      else kernel.finishGradientColumns(form, out, grad, out, rows, tile.length, stride, work);
    });
    save(tile);
  });
}

function forward(tile: Tile, piece: number): void {
  const { call, region, row: firstRow, count } = tile;
  const { operation, inner, outFormat, zeroEmpty } = call;
  const { kernel } = region;
  const isRow = inner === 1;
  const stride = strideOf(tile);
  const hasTerms = operation !== LOG_SOFTMAX && !isValue(operation);
  /** Whether the terms can wait in `out`: it has room for a float32 each. Otherwise they are found twice. */
  const keepsTerms = hasTerms && outFormat === FLOAT32;

  let empty: Uint8Array | undefined;
  eachPiece(tile, piece, () => {
    loadLogits(tile);
    if (zeroEmpty) {
      const here = emptyRows(tile);
      if (empty === undefined) empty = here;
      else for (let i = 0; i < count; i++) empty[i]! &= here[i]!;
    }
    const from = sourceOf(tile);
    eachStrip(tile, (row, rows, work) => {
      const src = from + 4 * row;
      if (isRow) kernel.findMaxima(src, rows, tile.length, 0, work);
      else kernel.findColumnMaxima(src, rows, tile.length, stride, work);
    });
  });
  giveStats(region, call, firstRow, count);
  eachStrip(tile, (row, rows, work) => {
    const maxima = MAXIMA + 4 * row;
    if (isRow) kernel.findWideShifts(operation, work, rows, maxima);
    else kernel.findShifts(operation, work, rows, maxima);
  });

  const sumPiece = () => {
    const from = sourceOf(tile);
    const to = hasTerms ? targetOf(tile) : from;
    eachStrip(tile, (row, rows, work) => {
      const src = from + 4 * row;
      const dst = to + 4 * row;
      if (isRow) kernel.sumWide(operation, src, dst, tile.length, work);
      else kernel.sumColumns(operation, src, dst, rows, tile.length, stride, work);
    });
  };
  if (operation !== FROM_STATS || keepsTerms)
    eachPiece(tile, piece, () => {
      loadLogits(tile);
      sumPiece();
      if (keepsTerms) save(tile);
    });
  eachStrip(tile, (row, rows, work) => {
    const sums = SUMS + 8 * row;
    if (isRow) kernel.findWideResults(operation, work, rows, sums);
    else kernel.findResults(operation, work, rows, sums);
    if (isValue(operation)) kernel.storeValues(operation, work, rows, MAXIMA + 4 * row, sums);
  });
  if (isValue(operation)) {
    takeValues(region, call, firstRow, count);
    return;
  }

  eachPiece(tile, piece, () => {
    if (keepsTerms) reload(tile);
    else {
      loadLogits(tile);
      if (hasTerms) sumPiece();
    }
    const from = sourceOf(tile);
    const to = targetOf(tile);
    eachStrip(tile, (row, rows, work) => {
      const src = from + 4 * row;
      const dst = to + 4 * row;
      if (isRow) kernel.finishWide(operation, src, dst, tile.length, work);
      else kernel.finishColumns(operation, src, dst, rows, tile.length, stride, work);
    });
    if (empty !== undefined) fillEmpty(tile, empty);
    save(tile);
  });
}
