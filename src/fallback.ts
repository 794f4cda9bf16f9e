// The back end without WebAssembly: rows go through reference.ts one by one, changed and in float32.

import { Arena, type ArenaConstructor } from "./arena.js";
import { adjoin, type Call, isPlain } from "./call.js";
import { changeRow, positionOf, readRows } from "./changes.js";
import { allocated, allocatedDoubles, separate } from "./copies.js";
import { storeElement } from "./half.js";
import { bufferOf, fillElements, isShared } from "./intrinsics.js";
import { copy, copyFew, FEW } from "./memory.js";
import {
  FLOAT32,
  FROM_STATS,
  isGradient,
  isValue,
  LOG_SOFTMAX,
  LOG_SUM_EXP,
  ROW_STATS,
  SOFTMAX,
  SOFTMAX_BACKWARD,
} from "./operation.js";
import type { Backend } from "./place.js";
import * as reference from "./reference.js";
import { hasNothing, isEmpty } from "./tables.js";

export const jsBackend: Backend = {
  run(call) {
    const { operation, rows, cols } = call;
    const adjoining = operation === SOFTMAX && isPlain(call) && adjoin(call);
    if (adjoining && rows * cols <= FEW) return fewElements(call);
    if (rows > 1) separate(call); // each is read whole before it is written
    if (adjoining && !isShared(call.input)) rowByRow(call, call.input as Float32Array);
    else byBlocks(call); // which reads what other threads may write to only once
  },
  createArena(byteLength) {
    const buffer = bufferOf(allocated("createArena", 4 * Math.ceil(byteLength / 16)));
    return new (Arena as unknown as ArenaConstructor)(buffer as ArrayBuffer, 0, byteLength, () => {});
  },
  clear() {
    fillElements(few, 0);
    if (terms !== undefined) fillElements(terms, 0, 0, KEPT_TERMS);
    terms = undefined;
  },
};

/** Room for the terms of a row, in doubles. Kept between calls for rows of up to so many, and only touched as far as needed. */
const KEPT_TERMS = 65536;
let terms: Float64Array | undefined;
/** A copy of a few elements. */
const few = new Float32Array(FEW);

function termsFor({ what, cols }: Call): Float64Array {
  if (cols > KEPT_TERMS) return allocatedDoubles(what, cols);
  terms ??= allocatedDoubles(what, KEPT_TERMS);
  return terms;
}

/** Read once, and whole before any is written: nothing to separate, nor to ask for. One row of 10: 126 → 107 ns (Node 24, `--only call`). */
function fewElements(call: Call): void {
  const { input, rows, cols } = call;
  copyFew(input as Float32Array, few, rows * cols);
  rowByRow(call, few);
}

function rowByRow(call: Call, from: Float32Array): void {
  const { out, rows, cols } = call;
  const to = out as Float32Array;
  const end = rows * cols;
  const exps = termsFor(call);
  if (cols === 2) for (let start = 0; start < end; start += cols) reference.softmaxOfTwo(from, to, start, exps);
  else if (cols === 3) for (let start = 0; start < end; start += cols) reference.softmaxOfThree(from, to, start);
  else for (let start = 0; start < end; start += cols) reference.softmax(from, to, start, start + cols, exps);
}

/**
 * Of rows side by side, four cache lines at once, unless they are long: 1.5 to 2.2 times as fast as one row at a time, and 1.04 (100
 * elements) to 1.6 times (50,257) as fast as one line (Node 24; 22 and 26 alike).
 */
const NEIGHBOURS = 64;
const MOST_ELEMENTS = 2 ** 22;
/** Between the rows of a block, lest those of 4096 elements have the same place in the cache. */
const GAP = 16;

/** A row, or neighbours, are read into a block, where the result takes their place. */
function byBlocks(call: Call): void {
  const { what, operation, input, inputFormat, grad, gradFormat, rows, cols, inner, changes } = call;
  const across = Math.max(1, Math.min(NEIGHBOURS, inner, Math.floor(MOST_ELEMENTS / cols)));
  const pitch = cols + GAP;
  const length = across * pitch - GAP;
  const block = allocated(what, length);
  const grads = isGradient(operation) ? allocated(what, length) : block;
  const exps = operation === SOFTMAX ? termsFor(call) : undefined;
  for (let first = 0, count = 0; first < rows; first += count) {
    count = Math.min(across, inner - (first % inner));
    readRows(call, input, inputFormat, first, count, block, pitch);
    if (isGradient(operation)) readRows(call, grad, gradFormat, first, count, grads, pitch);
    for (let i = 0; i < count; i++) {
      if (changes !== undefined) changeRow(call, changes, first + i, block, i * pitch);
      perform(call, first + i, block, grads, exps, i * pitch);
    }
    if (!isValue(operation)) writeRows(call, first, count, block, pitch);
  }
}

/** Row `index`, which is in `block` from `start` on. */
function perform(
  call: Call,
  index: number,
  block: Float32Array,
  grads: Float32Array,
  exps: Float64Array | undefined,
  start: number,
): void {
  const { operation, out, outFormat, stats, cols, zeroEmpty } = call;
  const end = start + cols;
  if (operation === LOG_SUM_EXP)
    storeElement(out, outFormat, index, Math.fround(reference.logSumExp(block, start, end)));
  else if (operation === ROW_STATS) {
    const { max, sum } = reference.statistics(block, start, end);
    stats.max[index] = max;
    stats.sum[index] = sum;
  } else if (operation === SOFTMAX_BACKWARD) reference.softmaxBackward(block, grads, start, end);
  else if (isGradient(operation)) reference.logSoftmaxBackward(block, grads, start, end);
  else if (zeroEmpty && (operation === FROM_STATS ? isEmpty(stats, index) : hasNothing(block, start, end, 1)))
    fillElements(block, operation === LOG_SOFTMAX ? -Infinity : 0, start, end);
  else if (operation === LOG_SOFTMAX) reference.logSoftmax(block, start, end);
  else if (operation === FROM_STATS) reference.softmaxFrom(block, start, end, stats.max[index]!, stats.sum[index]!);
  else reference.softmax(block, block, start, end, exps!);
}

/** The results, rounded to the format that is wanted. */
function writeRows(call: Call, row: number, count: number, block: Float32Array, pitch: number): void {
  const { out, outFormat, cols, inner, outRowStride } = call;
  let to = positionOf(row, 0, cols, inner, outRowStride);
  if (inner === 1 && outFormat === FLOAT32) copy(block, 0, out as Float32Array, to, cols);
  else
    for (let col = 0; col < cols; col++, to += inner)
      if (outFormat === FLOAT32) for (let i = 0, from = col; i < count; i++, from += pitch) out[to + i] = block[from]!;
      else
        for (let i = 0, from = col; i < count; i++, from += pitch) storeElement(out, outFormat, to + i, block[from]!);
}
