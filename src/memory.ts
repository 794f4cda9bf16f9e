// The one file that owns linear memory: makes it, divides it, copies into it and out of it. A memory never grows, so its
// views never detach.
//
//   0        5120                     6144        TEMPERATURES            DATA
//   | unused | halves of exponentials | work area | tables, a row an entry | scratch block, or an arena's arrays …
//
// The kernel keeps nothing in memory from call to call: whatever is written there, the next result is right. (The lowest
// bytes hold the messages of the debug build.) A test checks the sizes.

import { fillElements, portion, setElements, type Typed } from "./intrinsics.js";
import { type Kernel, webAssembly } from "./wasm.js";

/** Where the kernel leaves halves of exponentials (assembly/exp.ts), up to WORK. */
export const HALVES = 5120;
export const WORK = 6144;
/** How many elements of rows side by side the work area holds: 32 rows of 32,768, or 4 of 262,144. Touched as far as needed. */
export const WORK_ELEMENTS = 1048576;
/** What the kernel's WORK_BYTES asks for: those, what is known about 256 rows, a KiB, and what lies between groups. */
export const WORK_BYTES: number = 4 * WORK_ELEMENTS + 14336;
/** What rows along the last axis take of it. */
export const ROWS_WORK_BYTES = 20480;
/** How many rows side by side go through the kernel at once, and what they take where they come in pieces. */
export const STRIP_ROWS = 32;
export const STRIP_WORK_BYTES = 18880;

/** How many rows the tables have room for: what goes to the kernel, or comes from it, once a row. */
export const TABLE_ROWS = 4096;
export const TEMPERATURES: number = WORK + WORK_BYTES;
export const SUMS: number = TEMPERATURES + 8 * TABLE_ROWS;
export const MAXIMA: number = SUMS + 8 * TABLE_ROWS;
export const STARTS: number = MAXIMA + 4 * TABLE_ROWS;
export const ENDS: number = STARTS + 4 * TABLE_ROWS;

/**
 * Not a multiple of 4096 from the start of a page, where most large arrays begin: copies between places that are the same
 * distance from a page take 30 % longer.
 */
export const DATA: number = ENDS + 4 * TABLE_ROWS + 2048;
/** After the scratch block, so that the kernel may read on. */
const BEYOND = 64;
const PAGE_BYTES = 65536;
/** The largest scratch or arena: with all that lies below it, the 4 GiB that a memory can have. */
export const MAX_BYTES: number = 2 ** 32 - 5 * 2 ** 20;

/** A memory of its own, with the kernel that works in it. */
export interface Region {
  readonly kernel: Kernel;
  /** All of the memory. */
  readonly floats: Float32Array;
  /** Where a few elements go. */
  readonly few: Float32Array;
  readonly shorts: Uint16Array;
  readonly bytes: Uint8Array;
  readonly temperatures: Float64Array;
  readonly sums: Float64Array;
  readonly maxima: Float32Array;
  readonly starts: Int32Array;
  readonly ends: Int32Array;
  /** How much of the work area may have been written to. */
  workBytes: number;
}

/** Throws what the engine throws: RangeError where `byteLength` cannot be had, LinkError for a foreign module. */
export function createRegion(module: object, byteLength: number): Region {
  const { Memory, Instance } = webAssembly();
  const pages = Math.ceil((DATA + byteLength + BEYOND) / PAGE_BYTES);
  const size: { initial: number; maximum: number; __proto__: null } = {
    initial: pages,
    maximum: pages,
    __proto__: null,
  };
  const memory = new Memory(size); // which would take `shared` from Object.prototype, too
  const instance = new Instance(module, { env: { memory } }); // a local called `exports` would hide that of CommonJS
  const { buffer } = memory;
  return {
    kernel: { ...(instance.exports as Kernel) }, // a copy is quicker to read
    floats: new Float32Array(buffer),
    few: new Float32Array(buffer, FEW_DATA, FEW),
    shorts: new Uint16Array(buffer),
    bytes: new Uint8Array(buffer),
    temperatures: new Float64Array(buffer, TEMPERATURES, TABLE_ROWS),
    sums: new Float64Array(buffer, SUMS, TABLE_ROWS),
    maxima: new Float32Array(buffer, MAXIMA, TABLE_ROWS),
    starts: new Int32Array(buffer, STARTS, TABLE_ROWS),
    ends: new Int32Array(buffer, ENDS, TABLE_ROWS),
    workBytes: ROWS_WORK_BYTES,
  };
}

/** Zeroes what calls have left below `end`. */
export function wipe({ bytes, workBytes }: Region, end: number): void {
  fillElements(bytes, 0, HALVES, WORK + workBytes);
  fillElements(bytes, 0, TEMPERATURES, end);
}

/**
 * From here down, a loop beats `set` and the view it needs (28 ns), and copying beats asking whether an array lies in an
 * arena (30 ns). Bench: `npm run bench -- --only call`.
 */
export const FEW = 64;
/**
 * Where they go: a table that such calls have no use for. Not as far from the start of a page as the first arrays of arenas, or loads would wait for stores
 * that seem to be to the same place (one row of 10 in an arena, Node 24, Zen 4: 134 → 120 ns).
 */
export const FEW_DATA: number = STARTS;

/** Copies the first elements. One index serves both arrays: one row of 10, in and out, takes 4 ns less than by `copy`. */
export function copyFew(source: Float32Array, target: Float32Array, count: number): void {
  for (let i = 0; i < count; i++) target[i] = source[i]!;
}

/** Copies `count` elements of `source`, from `from` on, to `target`, from `to` on: arrays of one class. */
export function copy<T extends Typed>(source: T, from: number, target: T, to: number, count: number): void {
  if (count <= FEW) for (const end = from + count; from < end; from++, to++) target[to] = source[from]!;
  else setElements(target, portion(source, from, count), to);
}
