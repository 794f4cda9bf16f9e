// Arrays outside of arenas, and everything that is to be changed or converted: a tile at a time through the scratch block. A tile is
// some rows, as many as there is room for; of rows longer than that, a piece. So are, in an arena, rows side by side that the kernel's
// work area does not hold.

import type { Call } from "./call.js";
import { fillTables, hasRanges, mayFreeze } from "./changes.js";
import { allocated, unshare } from "./copies.js";
import { fillElements } from "./intrinsics.js";
import { DATA, MAXIMA, type Region, STRIP_ROWS, SUMS, TABLE_ROWS, WORK, WORK_BYTES, WORK_ELEMENTS } from "./memory.js";
import { formOf, isGradient, isValue } from "./operation.js";
import { inPieces } from "./pieces.js";
import { giveStats, takeValues } from "./tables.js";
import {
  emptyRows,
  fillEmpty,
  loadGradient,
  loadLogits,
  roomFor,
  save,
  secondAt,
  strideOf,
  type Tile,
  widthOf,
} from "./tile.js";

/** Pieces are multiples of this, and so the sums pause where they do in whole rows (assembly/wide.ts, lanes.ts). */
const PIECE = 256;
const COLUMN_PIECE = 64;

/**
 * So many rows side by side at least, or all of them, make a tile: else pieces of all of them, which are one run in an array, are quicker,
 * though they are copied five times. Bench, arrays, `relaxed`: 64 of 32,000 of 256 took 2.8 times as long, 256 of 8192 of 512 1.45 times;
 * 512 of 4096 of 2048 took 0.9 times as long.
 */
const SHORT_RUN = 512;

/** `isCopied`: not in an arena. */
export function stream(region: Region, bytes: number, call: Call, isCopied = true): void {
  const { changes, rows, cols, inner } = call;
  if (inner > 1) region.workBytes = WORK_BYTES;
  const room = roomFor(call, bytes);
  const tile: Tile = { call, region, isCopied, room, row: 0, count: 0, first: 0, length: cols };
  const fit = isCopied ? rowsThatFit(call, bytes) : 0;
  const unit = inner === 1 ? PIECE : COLUMN_PIECE;
  const across = fit > 0 ? fit : Math.min(inner, TABLE_ROWS, Math.floor(room / unit));
  const piece = Math.floor(room / across / unit) * unit;
  const spare = changes !== undefined && mayFreeze(changes) ? allocated(call.what, cols) : undefined;
  if (isCopied && (fit === 0 || spare !== undefined)) unshare(call); // or else what is read is read once
  for (; tile.row < rows; tile.row += tile.count) {
    // All of those side by side, as often as they fit; or else some of them.
    tile.count = Math.min(across, fit >= inner ? rows - tile.row : inner - (tile.row % inner));
    if (changes !== undefined) fillTables(call, changes, tile.row, tile.count, region, spare);
    if (fit > 0) whole(tile);
    else inPieces(tile, piece);
  }
}

/** How many whole rows a tile can have: a multiple of four if it can be, since the kernel takes four at once. 0: they go in pieces. */
export function rowsThatFit(call: Call, bytes: number): number {
  const { cols, inner } = call;
  const fit = Math.min(TABLE_ROWS, Math.floor(roomFor(call, bytes) / cols));
  if (inner === 1) return fit > 4 ? fit - (fit % 4) : fit;
  if (!fitsWorkArea(call)) return 0;
  if (fit >= inner) return fit - (fit % inner);
  return fit >= SHORT_RUN ? fit - (fit % STRIP_ROWS) : 0;
}

/** Whether the kernel takes whole rows side by side: its work area holds four, or, where there are as many neighbours, a strip. */
export function fitsWorkArea({ cols, inner }: Call): boolean {
  return cols * (inner < STRIP_ROWS ? 4 : STRIP_ROWS) <= WORK_ELEMENTS;
}

function whole(tile: Tile): void {
  const { call, region, row, count } = tile;
  const { operation, cols, inner } = call;
  const { kernel } = region;
  const stride = inner === 1 ? 4 * cols : strideOf(tile);
  if (isGradient(operation)) {
    loadGradient(tile);
    const grad = secondAt(tile);
    const form = formOf(operation);
    if (inner === 1) kernel.gradientRows(form, DATA, grad, DATA, count, cols, stride, stride, WORK);
    else kernel.gradientColumns(form, DATA, grad, DATA, count, cols, widthOf(tile), stride, WORK);
    save(tile);
    return;
  }
  loadLogits(tile);
  giveStats(region, call, row, count);
  const empty = call.zeroEmpty ? emptyRows(tile) : undefined;
  const dst = isValue(operation) ? MAXIMA : DATA;
  if (inner === 1) alongRows(tile, dst);
  else kernel.columns(operation, DATA, dst, count, cols, widthOf(tile), stride, MAXIMA, SUMS, WORK);
  if (isValue(operation)) takeValues(region, call, row, count);
  else {
    if (empty !== undefined) fillEmpty(tile, empty);
    save(tile);
  }
}

/** A power of two, so large that what is cut is a long row still, of which sums pause there (assembly/index.ts, wide.ts). */
const CUT = 256;

/**
 * Rows along the last axis. Of what `lengths` or `causal` drop at the end of long ones, some is computed, up to a multiple of CUT, and the rest is as the
 * last of that: no bit differs. Neighbours that end at the same multiple go together.
 */
function alongRows({ call, region, count }: Tile, dst: number): void {
  const { operation, cols, changes } = call;
  const { kernel, floats, ends } = region;
  const cuts = cols >= 2 * CUT && changes !== undefined && hasRanges(changes);
  const widthAt = (row: number) => (cuts ? Math.min(cols, (ends[row]! | (CUT - 1)) + 1) : cols);
  const stride = 4 * cols;
  const value = isValue(operation);
  for (let row = 0, next = cuts ? 0 : count - 1; row < count; row = next) {
    const width = widthAt(row);
    while (++next < count && widthAt(next) === width);
    const src = DATA + stride * row;
    kernel.rows(
      operation,
      src,
      dst + (value ? 4 : stride) * row,
      next - row,
      width,
      stride,
      stride,
      MAXIMA + 4 * row,
      SUMS + 8 * row,
      WORK,
    );
    if (width < cols && !value)
      for (let at = src >>> 2; row < next; row++, at += cols)
        fillElements(floats, floats[at + width - 1]!, at + width, at + cols);
  }
}
