// The back end without WebAssembly: rows go through reference.ts one by one, changed and in float32.

import { changedRow, positionOf } from "./changes.js";
import { allocated, type Call, copied } from "./check.js";
import { elementAt, storeElement } from "./half.js";
import { bufferOf, isShared } from "./intrinsics.js";
import { Arena } from "./memory.js";
import {
  FLOAT32,
  FROM_STATS,
  isGradient,
  LOG_SOFTMAX,
  LOG_SUM_EXP,
  ROW_STATS,
  SOFTMAX,
  SOFTMAX_BACKWARD,
} from "./operation.js";
import type { Backend } from "./place.js";
import * as reference from "./reference.js";
import { isEmpty } from "./tables.js";

export const jsBackend: Backend = {
  run(call) {
    if (isShared(call.input)) call.input = copied(call.what, call.input);
    if (isGradient(call.operation) && isShared(call.grad)) call.grad = copied(call.what, call.grad);
    if (isGradient(call.operation)) gradient(call);
    else if (call.operation === SOFTMAX && isPlain(call))
      reference.softmax(call.input as Float32Array, call.out as Float32Array, call.rows, call.cols);
    else rowByRow(call);
  },
  createArena(byteLength) {
    const buffer = bufferOf(allocated("createArena", 4 * Math.ceil(byteLength / 16)));
    return new Arena(buffer as ArrayBuffer, 0, byteLength, () => {});
  },
  clear() {},
};

/** Whether the rows are one after the other, in float32, and nothing is to be done to them first. */
function isPlain({ inputFormat, outFormat, inner, cols, rowStride, outRowStride, changes, zeroEmpty }: Call): boolean {
  return (
    inputFormat === FLOAT32 &&
    outFormat === FLOAT32 &&
    inner === 1 &&
    rowStride === cols &&
    outRowStride === cols &&
    changes === undefined &&
    !zeroEmpty
  );
}

function rowByRow(call: Call): void {
  const { what, operation, out, outFormat, stats, rows, cols, inner, outRowStride, zeroEmpty } = call;
  const row = allocated(what, cols);
  for (let index = 0; index < rows; index++) {
    changedRow(call, index, row);
    if (operation === LOG_SUM_EXP) {
      storeElement(out, outFormat, index, Math.fround(reference.logSumExp(row, 0, cols)));
      continue;
    }
    if (operation === ROW_STATS) {
      const { max, sum } = reference.statistics(row, 0, cols);
      stats.max[index] = max;
      stats.sum[index] = sum;
      continue;
    }
    if (zeroEmpty && (operation === FROM_STATS ? isEmpty(stats, index) : hasNothing(row, cols)))
      for (let col = 0; col < cols; col++) row[col] = operation === LOG_SOFTMAX ? -Infinity : 0;
    else if (operation === LOG_SOFTMAX) reference.logSoftmax(row, row, 1, cols);
    else if (operation === FROM_STATS) reference.softmaxFrom(row, row, cols, stats.max[index]!, stats.sum[index]!);
    else reference.softmax(row, row, 1, cols);
    const start = positionOf(index, 0, cols, inner, outRowStride);
    if (outFormat === FLOAT32) for (let col = 0, at = start; col < cols; col++, at += inner) out[at] = row[col]!;
    else for (let col = 0; col < cols; col++) storeElement(out, outFormat, start + col * inner, row[col]!);
  }
}

/** Whether a row is nothing but −∞. */
function hasNothing(row: Float32Array, cols: number): boolean {
  let col = 0;
  while (col < cols && row[col] === -Infinity) col++;
  return col === cols;
}

/** dx = p·(g − Σ p·g), or g − e^l·Σ g of log-probabilities l. */
function gradient({ operation, input, inputFormat, grad, gradFormat, out, outFormat, ...layout }: Call): void {
  const { rows, cols, inner, rowStride, outRowStride } = layout;
  const isSoftmax = operation === SOFTMAX_BACKWARD;
  for (let row = 0; row < rows; row++) {
    const start = positionOf(row, 0, cols, inner, rowStride);
    const end = start + cols * inner;
    let sum = 0;
    for (let at = start; at < end; at += inner)
      sum += elementAt(grad, gradFormat, at) * (isSoftmax ? elementAt(input, inputFormat, at) : 1);
    let to = positionOf(row, 0, cols, inner, outRowStride);
    for (let at = start; at < end; at += inner, to += inner) {
      const g = elementAt(grad, gradFormat, at);
      const y = elementAt(input, inputFormat, at);
      storeElement(out, outFormat, to, Math.fround(isSoftmax ? y * (g - sum) : g - Math.exp(y) * sum));
    }
  }
}
