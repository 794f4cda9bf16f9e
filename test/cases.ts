// Cases of the properties: plain data that can be drawn, made smaller, written to a file and read again; and calls of an operation on
// them, in any layout and along any path, with the result row by row.

import fc from "fast-check";
import { type Arena, type BackendName, createEngineSync, type Engine, type RowStats } from "softmax-wasm";
import { afterAll } from "vitest";
import { type OperationName, placesOf, type Request } from "./oracle.js";
import { perform } from "./ways.js";

export const LAYOUTS = ["rows", "rows apart", "columns", "middle axis"] as const;
export const PATHS = ["fresh", "given", "in place", "arena", "tiny scratch"] as const;

/** Where the data lies, and how it travels. */
export interface Way {
  readonly layout: (typeof LAYOUTS)[number];
  readonly path: (typeof PATHS)[number];
}

export interface Case extends Way {
  readonly operation: OperationName;
  readonly rows: number;
  readonly cols: number;
  /** The elements are these, in an order that `salt` decides. */
  readonly pattern: readonly number[];
  readonly salt: number;
  /** What a property makes of it is its own: a column, a temperature, an amount. */
  readonly amount: number;
}

export interface Batch {
  readonly rows: number;
  readonly cols: number;
  /** Row by row. */
  readonly values: Float32Array;
}

const SPECIAL = [NaN, Infinity, -Infinity, 0, -0, 3.4028234663852886e38, -3.4028234663852886e38, 2 ** -149];

/** What patterns are made of. `exact`: numbers that can be added to each other and to a small integer without rounding. */
export const ELEMENTS = {
  tame: fc.float({ min: -30, max: 30, noNaN: true }),
  exact: fc.integer({ min: -8192, max: 8192 }).map((n) => n / 64),
  wild: fc.oneof(
    { weight: 6, arbitrary: fc.float({ min: -200, max: 200, noNaN: true }) },
    { weight: 1, arbitrary: fc.float() },
    { weight: 1, arbitrary: fc.constantFrom(...SPECIAL) },
  ),
} as const;

/** Lengths on all sides of the kernel's switches, and of the 1024 elements that the tiny scratch holds. */
const LENGTHS = fc.oneof(
  { weight: 4, arbitrary: fc.integer({ min: 1, max: 70 }) },
  { weight: 2, arbitrary: fc.integer({ min: 60, max: 300 }) },
  { weight: 1, arbitrary: fc.integer({ min: 900, max: 1600 }) },
);

export function casesOf(way: Way, operation: OperationName, elements: keyof typeof ELEMENTS): fc.Arbitrary<Case> {
  return fc.record({
    layout: fc.constant(way.layout),
    path: fc.constant(way.path),
    operation: fc.constant(operation),
    rows: fc.integer({ min: 1, max: 6 }),
    cols: LENGTHS,
    pattern: fc.array(ELEMENTS[elements], { minLength: 1, maxLength: 24 }),
    salt: fc.nat(9999),
    amount: fc.nat(9999),
  });
}

function mixed(salt: number, index: number): number {
  let bits = Math.imul(index + 1, 0x9e3779b1) ^ Math.imul(salt + 1, 0x85ebca6b);
  bits = Math.imul(bits ^ (bits >>> 15), 0x2c1b3c6d);
  return (bits ^ (bits >>> 13)) >>> 0;
}

/** The logits of a case; for a gradient, what a forward call might have returned. */
export function batchOf({ operation, rows, cols, pattern, salt }: Case): Batch {
  const value = (i: number) => pattern[mixed(salt, i) % pattern.length]!;
  const values = Float32Array.from({ length: rows * cols }, (_, i) => {
    if (operation === "softmaxBackward") return Math.exp(-Math.abs(value(i)));
    return operation === "logSoftmaxBackward" ? -Math.abs(value(i)) : value(i);
  });
  return { rows, cols, values };
}

/** The gradient of a case: numbers from −8 to 8, in the order of the batch. */
export function gradientOf({ rows, cols, salt }: Case): Float32Array {
  return Float32Array.from({ length: rows * cols }, (_, i) => ((mixed(salt + 77, i) % 4097) - 2048) / 256);
}

export const isGradient = (operation: OperationName) => operation.endsWith("Backward");
const isValue = (operation: OperationName) => operation === "logSumExp" || operation === "rowStats";

/** One element for each of the batch, or for each row; of rowStats, the sums too. */
export interface Outcome {
  readonly values: Float32Array;
  readonly sums?: Float64Array;
}

export type Second = RowStats | Float32Array | undefined;

/** Rows that lie side by side and are longer than this are added in another order than those that do not. */
const SAME_ORDER = 64;

/** Whether the same row has the same bits in a batch of `rows` rows and in one of `others`; else it may differ by roundings. */
export function haveSameBits({ layout, cols }: Case, rows: number, others: number): boolean {
  const isBeside = (count: number) =>
    layout === "columns" ? count > 1 : layout === "middle axis" ? count / outerOf(count) > 1 : false;
  return cols <= SAME_ORDER || isBeside(rows) === isBeside(others);
}

/** Of a middle axis: in how many parts the rows lie. */
const outerOf = (rows: number) => (rows % 2 === 0 ? 2 : 1);

function layoutOf({ layout }: Way, rows: number, cols: number, isInPlace: boolean): Request["options"] {
  if (layout === "rows") return { cols };
  if (layout === "rows apart") return { cols, rowStride: cols + 3, outRowStride: cols + (isInPlace ? 3 : 1) };
  if (layout === "columns") return { shape: [cols, rows], axis: 0 };
  const outer = outerOf(rows);
  return { shape: [outer, cols, rows / outer], axis: 1 };
}

export class Runner {
  readonly #engine: Engine;
  readonly #small: Engine;
  readonly #arena: Arena;

  constructor(engine: Engine, name: BackendName) {
    this.#engine = engine;
    this.#small = createEngineSync({ backend: name, scratchBytes: 4096 });
    this.#arena = engine.createArena(2 ** 20);
    afterAll(() => {
      this.#small.dispose();
      this.#arena.dispose();
    });
  }

  /** The result of an operation, row by row. Options with one element a column, or a row, mean the same in every layout. */
  run(
    operation: OperationName,
    { rows, cols, values }: Batch,
    way: Way,
    second?: Second,
    changes?: Request["options"],
  ): Outcome {
    const { path } = way;
    const isInPlace = path === "in place";
    const { outRowStride, ...layout } = layoutOf(way, rows, cols, isInPlace);
    const hasStride = outRowStride !== undefined && !isValue(operation);
    const options = { ...layout, ...(hasStride ? { outRowStride } : {}), ...changes };
    const stride = layout.rowStride ?? cols;
    const places = placesOf(rows * stride, options);
    const isInArena = path === "arena";
    if (isInArena) this.#arena.reset();
    const make = (length: number) => (isInArena ? this.#arena.alloc(length) : new Float32Array(length)).fill(9);
    const spread = (source: Float32Array) => {
      const array = make(rows * stride);
      for (const [row, line] of places.entries()) for (const { at, col } of line) array[at] = source[row * cols + col]!;
      return array;
    };
    const input = spread(values);
    const other = second instanceof Float32Array ? spread(second) : second;
    const engine = path === "tiny scratch" ? this.#small : this.#engine;
    const request: Request = { operation, input, second: other, options };
    if (operation === "rowStats") {
      const { max, sum } = perform(engine, request, options) as RowStats;
      return { values: max, sums: sum };
    }
    const length = isValue(operation) ? rows : rows * (hasStride ? outRowStride : cols);
    const out = path === "fresh" ? undefined : isInPlace && !isValue(operation) ? input : make(length);
    const result = perform(engine, request, { ...options, out }) as Float32Array;
    if (isValue(operation)) return { values: result.slice() };
    const packed = new Float32Array(rows * cols);
    for (const [row, line] of places.entries())
      for (const { outAt, col } of line) packed[row * cols + col] = result[outAt]!;
    return { values: packed };
  }
}
