// Rows longer than there is room for: one, or some side by side. Each pass of the kernel goes over all of their pieces, and its slots
// keep what is known so far: the statistics of the row, first of a part of it, then of all.

import { MAXIMA, STRIP_ROWS, STRIP_WORK_BYTES, SUMS, WORK } from "./memory.js";
import { FLOAT32, FROM_STATS, formOf, hasTerms, isGradient, isValue } from "./operation.js";
import { giveStats, takeValues } from "./tables.js";
import {
  addressOf,
  emptyRows,
  fillEmpty,
  loadGradient,
  loadLogits,
  reload,
  save,
  secondAt,
  strideOf,
  type Tile,
} from "./tile.js";

/** The rows of `tile`, in pieces of `piece` elements. */
export function inPieces(tile: Tile, piece: number): void {
  const { kernel } = tile.region;
  const begin = tile.call.inner === 1 ? kernel.beginWide : kernel.begin;
  eachStrip(tile, (rows, work) => begin(work, Math.ceil(rows / 4))); // one row is one group
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
 * What goes through the kernel at once: `rows` rows, from row `row` of the tile on, which are at `src`; their results belong at `dst`, if
 * they are as many as the elements. What is known about them stays in their own part of the work area.
 */
function eachStrip(
  tile: Tile,
  visit: (rows: number, work: number, src: number, dst: number, row: number) => void,
): void {
  const { count } = tile;
  const src = addressOf(tile, tile.call.input);
  const dst = addressOf(tile, tile.call.out);
  for (let row = 0, work = WORK; row < count; row += STRIP_ROWS, work += STRIP_WORK_BYTES)
    visit(Math.min(STRIP_ROWS, count - row), work, src + 4 * row, dst + 4 * row, row);
}

function gradient(tile: Tile, piece: number): void {
  const { operation, inner } = tile.call;
  const { kernel } = tile.region;
  const form = formOf(operation);
  const stride = strideOf(tile);
  const grads = secondAt(tile);
  for (let pass = 0; pass < 2; pass++) {
    const finishes = pass === 1; // no `of`, whose iterator can be patched
    eachPiece(tile, piece, () => {
      loadGradient(tile);
      eachStrip(tile, (rows, work, out, dst, row) => {
        const grad = grads + 4 * row;
        if (inner === 1) kernel.gradientPiece(finishes, form, out, grad, dst, tile.length, work);
        else kernel.gradientColumnsPiece(finishes, form, out, grad, dst, rows, tile.length, stride, work);
      });
      if (finishes) save(tile);
    });
  }
}

function forward(tile: Tile, piece: number): void {
  const { call, region, row, count } = tile;
  const { operation, cols, inner, outFormat, zeroEmpty } = call;
  const { kernel } = region;
  const isRow = inner === 1;
  const findMaxima = isRow ? kernel.findMaxima : kernel.findColumnMaxima;
  const findShifts = isRow ? kernel.findWideShifts : kernel.findShifts;
  const findResults = isRow ? kernel.findWideResults : kernel.findResults;
  const stride = strideOf(tile);
  /** Whether the terms can wait in `out`: it has room for a float32 each. Otherwise they are found twice. */
  const keepsTerms = hasTerms(operation) && outFormat === FLOAT32;

  let empty: Uint8Array | undefined;
  eachPiece(tile, piece, () => {
    loadLogits(tile);
    if (zeroEmpty) {
      const here = emptyRows(tile);
      if (empty === undefined) empty = here;
      else for (let i = 0; i < count; i++) empty[i]! &= here[i]!;
    }
    eachStrip(tile, (rows, work, src) => findMaxima(src, rows, tile.length, stride, work));
  });
  giveStats(region, call, row, count);
  eachStrip(tile, (rows, work, _src, _dst, first) => findShifts(operation, work, rows, MAXIMA + 4 * first));

  const sumPiece = () =>
    eachStrip(tile, (rows, work, src, dst) => {
      if (isRow) kernel.sumWide(operation, src, dst, tile.length, work);
      else kernel.sumColumns(operation, src, dst, rows, tile.length, stride, cols, work);
    });
  if (operation !== FROM_STATS || keepsTerms)
    eachPiece(tile, piece, () => {
      loadLogits(tile);
      sumPiece();
      if (keepsTerms) save(tile);
    });
  eachStrip(tile, (rows, work, _src, _dst, first) => {
    const sums = SUMS + 8 * first;
    findResults(operation, work, rows, cols, sums);
    if (isValue(operation)) kernel.storeValues(operation, work, rows, MAXIMA + 4 * first, sums);
  });
  if (isValue(operation)) {
    takeValues(region, call, row, count);
    return;
  }

  eachPiece(tile, piece, () => {
    if (keepsTerms) reload(tile);
    else {
      loadLogits(tile);
      if (hasTerms(operation)) sumPiece();
    }
    eachStrip(tile, (rows, work, src, dst) => {
      if (isRow) kernel.finishWide(operation, src, dst, tile.length, work);
      else kernel.finishColumns(operation, src, dst, rows, tile.length, stride, work);
    });
    if (empty !== undefined) fillEmpty(tile, empty);
    save(tile);
  });
}
