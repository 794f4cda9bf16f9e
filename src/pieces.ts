// Rows longer than the scratch block: one, or up to 32 side by side. Each pass of the kernel goes over all of their pieces, and its
// slots keep what is known so far: the statistics of the row, first of a part of it, then of all.

import { DATA, MAXIMA, SUMS, WORK } from "./memory.js";
import { FLOAT32, FROM_STATS, formOf, isGradient, isValue, LOG_SOFTMAX } from "./operation.js";
import { giveStats, takeValues } from "./tables.js";
import { emptyRows, fillEmpty, loadGradient, loadLogits, reload, save, secondAt, type Tile } from "./tile.js";

/** The rows of `tile`, in pieces of `piece` elements. */
export function inPieces(tile: Tile, piece: number): void {
  const { kernel } = tile.region;
  if (tile.call.inner === 1) kernel.beginWide(WORK, 1);
  else kernel.begin(WORK, Math.ceil(tile.count / 4));
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

function gradient(tile: Tile, piece: number): void {
  const { call, count } = tile;
  const { kernel } = tile.region;
  const form = formOf(call.operation);
  const grad = secondAt(tile);
  const isRow = call.inner === 1;
  eachPiece(tile, piece, () => {
    loadGradient(tile);
    if (isRow) kernel.sumGradient(form, DATA, grad, tile.length, WORK);
    else kernel.sumGradientColumns(form, DATA, grad, count, tile.length, 4 * count, WORK);
  });
  eachPiece(tile, piece, () => {
    loadGradient(tile);
    if (isRow) kernel.finishGradient(form, DATA, grad, DATA, tile.length, WORK);
    else kernel.finishGradientColumns(form, DATA, grad, DATA, count, tile.length, 4 * count, WORK);
    save(tile);
  });
}

function forward(tile: Tile, piece: number): void {
  const { call, region, row, count } = tile;
  const { operation, outFormat, zeroEmpty } = call;
  const { kernel } = region;
  const isRow = call.inner === 1;
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
    if (isRow) kernel.findMaxima(DATA, 1, tile.length, 0, WORK);
    else kernel.findColumnMaxima(DATA, count, tile.length, 4 * count, WORK);
  });
  giveStats(region, call, row, count);
  if (isRow) kernel.findWideShifts(operation, WORK, 1, MAXIMA);
  else kernel.findShifts(operation, WORK, count, MAXIMA);

  const sumPiece = () => {
    if (isRow) kernel.sumWide(operation, DATA, DATA, tile.length, WORK);
    else kernel.sumColumns(operation, DATA, DATA, count, tile.length, 4 * count, WORK);
  };
  if (operation !== FROM_STATS || keepsTerms)
    eachPiece(tile, piece, () => {
      loadLogits(tile);
      sumPiece();
      if (keepsTerms) save(tile);
    });
  if (isRow) kernel.findWideResults(operation, WORK, 1, SUMS);
  else kernel.findResults(operation, WORK, count, SUMS);
  if (isValue(operation)) {
    kernel.storeValues(operation, WORK, count, MAXIMA, SUMS);
    takeValues(region, call, row, count);
    return;
  }

  eachPiece(tile, piece, () => {
    if (keepsTerms) reload(tile);
    else {
      loadLogits(tile);
      if (hasTerms) sumPiece();
    }
    if (isRow) kernel.finishWide(operation, DATA, DATA, tile.length, WORK);
    else kernel.finishColumns(operation, DATA, DATA, count, tile.length, 4 * count, WORK);
    if (empty !== undefined) fillEmpty(tile, empty);
    save(tile);
  });
}
