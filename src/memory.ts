// The one file that owns linear memory: makes it, divides it, copies into it and out of it. A memory never grows, so its
// views never detach.
//
//   0        2048        TABLES                  DATA
//   | unused | work area | tables, a row an entry | scratch block, or an arena's arrays …
//
// The kernel keeps nothing in memory from call to call: whatever is written there, the next result is right. (The low 2048
// bytes hold the messages of the debug build.) A test checks the sizes.

import { checkCount, fail } from "./check.js";
import { fillElements, portion, setElements, sizeOf, type Typed } from "./intrinsics.js";
import { type Kernel, webAssembly } from "./wasm.js";

declare global {
  /** As in TypeScript's `esnext.disposable`, for users who compile without it. */
  interface SymbolConstructor {
    readonly dispose: unique symbol;
  }
}

export const WORK = 2048;
/** How many elements of rows side by side the work area holds: 32 rows of 32,768, or 4 of 262,144. Touched as far as needed. */
export const HELD = 1048576;
/** What the kernel's WORK_BYTES asks for: those, and what is known about 32 rows. */
export const WORK_BYTES: number = 4 * HELD + 1536;
/** What rows along the last axis take of it. */
export const ROWS_WORK_BYTES = 9728;
/** How many rows side by side go through the kernel at once, and what they take where they come in pieces. */
export const STRIP_ROWS = 32;
export const STRIP_WORK_BYTES = 17920;

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
export const DATA: number = ENDS + 4 * TABLE_ROWS + 1536;
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
  readonly halves: Uint16Array;
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
    halves: new Uint16Array(buffer),
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
  fillElements(bytes, 0, WORK, WORK + workBytes);
  fillElements(bytes, 0, TEMPERATURES, end);
}

/**
 * From here down, a loop beats `set` and the view it needs (28 ns), and copying beats asking whether an array lies in an
 * arena (30 ns). Bench: `npm run bench -- --only call`.
 */
export const FEW = 64;

/** Copies `count` elements of `source`, from `from` on, to `target`, from `to` on: arrays of one class. */
export function copy<T extends Typed>(source: T, from: number, target: T, to: number, count: number): void {
  if (count <= FEW) for (let i = 0; i < count; i++) target[to + i] = source[from + i]!;
  else setElements(target, portion(source, from, count), to);
}

/**
 * Arrays inside the kernel's memory, where an engine uses them without copying. Of fixed size: nothing it hands out ever
 * detaches. Made by {@link Engine.createArena}.
 *
 * @example
 * ```ts
 * const arena = engine.createArena(64 * 2 ** 20);
 * const x = arena.alloc(rows * cols);
 * x.set(logits);
 * engine.softmax(x, { cols, out: x });
 * ```
 */
export class Arena {
  /** Bytes that `alloc` can hand out in all. */
  readonly byteLength: number;
  readonly #buffer: ArrayBuffer;
  readonly #start: number;
  readonly #retire: () => void;
  #used = 0;
  #mostUsed = 0;
  #disposed = false;

  /** @internal `buffer` holds `byteLength` from `start` on, rounded up to a multiple of 16. */
  constructor(buffer: ArrayBuffer, start: number, byteLength: number, retire: () => void) {
    this.#buffer = buffer;
    this.#start = start;
    this.#retire = retire;
    this.byteLength = byteLength;
  }

  /** Bytes not handed out yet. */
  get bytesFree(): number {
    return Math.max(0, this.byteLength - this.#used);
  }

  /**
   * A Float32Array of `length` elements, aligned to 16 bytes. Its contents are whatever was there before.
   *
   * @throws {@link RangeError} `ERR_SOFTMAX_ARENA_FULL` where there is no room; nothing changes.
   * @throws {@link TypeError} `ERR_SOFTMAX_TYPE`, {@link RangeError} `ERR_SOFTMAX_VALUE` for no valid length.
   * @throws {@link TypeError} `ERR_SOFTMAX_DETACHED` where its buffer was transferred (`js`: others cannot be).
   * @throws {@link Error} `ERR_SOFTMAX_DISPOSED` after `dispose`.
   */
  alloc(length: number): Float32Array {
    this.#alive("alloc");
    const bytes = 4 * checkCount("alloc", "length", length, 0, 2 ** 32);
    if (bytes > this.bytesFree)
      fail(
        RangeError,
        "ERR_SOFTMAX_ARENA_FULL",
        `alloc: ${bytes} bytes do not fit: the arena has ${this.bytesFree} of ${this.byteLength} left`,
      );
    if (sizeOf(this.#buffer) === 0)
      fail(TypeError, "ERR_SOFTMAX_DETACHED", "alloc: the arena is detached: its buffer was transferred");
    const array = new Float32Array(this.#buffer, this.#start + this.#used, length);
    this.#used += Math.ceil(bytes / 16) * 16;
    this.#mostUsed = Math.max(this.#mostUsed, this.#used);
    return array;
  }

  /** Makes all of the arena free again. Arrays handed out before stay valid, and share memory with the next ones. */
  reset(): void {
    this.#alive("reset");
    this.#used = 0;
  }

  /** Zeroes what was used and ends the arena. Its arrays stay valid, but are copied from now on, like any others. */
  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    this.#retire();
    if (sizeOf(this.#buffer) > 0) fillElements(new Uint8Array(this.#buffer, this.#start, this.#mostUsed), 0);
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  #alive(what: string): void {
    if (this.#disposed) fail(Error, "ERR_SOFTMAX_DISPOSED", `${what}: the arena was disposed of`);
  }
}
