// Where the rows of an array lie.

import { checkCount, LARGEST_COUNT } from "./argument.js";
import type { Matrix } from "./changes.js";
import { fail, unexpected } from "./errors.js";
import { isArray } from "./intrinsics.js";

/** The distance from row to row: that of rows without anything between them, if it was not said. */
export function readStride(what: string, name: string, value: unknown, cols: number, inner: number): number {
  if (value === undefined) return cols;
  if (inner !== 1) fail("ERR_SOFTMAX_OPTION", `${what}: "${name}" needs rows along the last axis`);
  return checkCount(what, name, value, Math.max(1, cols), LARGEST_COUNT);
}

/** `rows` of `cols`, `stride` apart (side by side: `cols`). After the last one, the rest may be missing. */
export function checkExtent(
  what: string,
  name: string,
  length: number,
  rows: number,
  cols: number,
  stride: number,
  why = "",
): void {
  const most = rows * stride;
  const least = rows === 0 ? 0 : most - stride + cols;
  if (length >= least && length <= most) return;
  const wanted = least === most ? `${least}` : `${least} to ${most}`;
  unexpected(what, name, `length ${wanted}${why}`, length, "ERR_SOFTMAX_LENGTH");
}

/** What a shape and an axis say. */
export interface Layout extends Matrix {
  readonly rows: number;
  readonly cols: number;
  readonly inner: number;
}

/** Far more than anyone has: a proxy may call itself as long as it likes. */
const MOST_AXES = 1024;

/** Nothing is kept of the shape but what follows from it: storing into an array asks Array.prototype, which may have a setter. */
export function readShape(what: string, shape: unknown, axis: unknown): Layout {
  if (isArray(shape) !== true) unexpected(what, "shape", "an array of numbers", shape);
  const sizes = shape as readonly unknown[];
  const rank = checkCount(what, "shape.length", sizes.length, 0, MOST_AXES);
  const most = Math.max(rank, 1);
  const given = axis === undefined ? -1 : checkCount(what, "axis", axis, -most, most - 1);
  const along = given < 0 ? given + most : given;
  let rows = 1;
  let cols = 1;
  let inner = 1;
  let elements = 1;
  let height = 1;
  let width = 1;
  for (let i = 0; i < rank; i++) {
    const size = checkCount(what, `shape[${i}]`, sizes[i], 0, LARGEST_COUNT);
    if (i === along) cols = size;
    else rows *= size;
    if (i > along) inner *= size;
    elements *= size;
    height = width;
    width = size;
    if (Math.max(rows, elements) > LARGEST_COUNT)
      fail("ERR_SOFTMAX_VALUE", `${what}: "shape" has more elements than an array can hold`);
  }
  return { rows, cols, inner: Math.max(inner, 1), rank, fromLast: most - 1 - along, height, width };
}
