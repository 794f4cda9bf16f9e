// The one class beside Engine that users get: what hands out arrays of a memory, or, in the fallback, of an ordinary buffer.

import { checkCount } from "./argument.js";
import { fail } from "./errors.js";
import { fillElements, sizeOf } from "./intrinsics.js";
import type { NewFloat32Array } from "./options.js";

declare global {
  /** As in TypeScript's `esnext.disposable`, for users who compile without it. */
  interface SymbolConstructor {
    readonly dispose: unique symbol;
  }
}

/**
 * Hands out arrays inside the kernel's memory. Its engine uses them without copying in calls whose arrays all lie in one
 * arena, `out` included. Its size is fixed, so nothing it hands out ever detaches. To a worker, post an array's `slice()`: the
 * array itself takes a copy of the whole arena along. Made by {@link Engine.createArena}.
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

  private constructor(buffer: ArrayBuffer, start: number, byteLength: number, retire: () => void) {
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
   * @throws {@link TypeError} `ERR_SOFTMAX_TYPE`, {@link RangeError} `ERR_SOFTMAX_VALUE` for an invalid length.
   * @throws {@link TypeError} `ERR_SOFTMAX_DETACHED` where the arena's buffer was transferred (possible with `js` only).
   * @throws {@link Error} `ERR_SOFTMAX_DISPOSED` after `dispose`.
   */
  alloc(length: number): NewFloat32Array {
    this.#alive("alloc");
    const bytes = 4 * checkCount("alloc", "length", length, 0, 2 ** 32);
    if (bytes > this.bytesFree)
      fail(
        "ERR_SOFTMAX_ARENA_FULL",
        `alloc: ${bytes} bytes do not fit: the arena has ${this.bytesFree} of ${this.byteLength} left`,
      );
    if (sizeOf(this.#buffer) === 0)
      fail("ERR_SOFTMAX_DETACHED", "alloc: the arena is detached: its buffer was transferred");
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
    if (this.#disposed) fail("ERR_SOFTMAX_DISPOSED", `${what}: the arena was disposed of`);
  }
}

/** @internal The constructor, which is private to everyone else. `buffer` holds `byteLength` from `start` on, rounded up to a multiple of 16. */
export type ArenaConstructor = new (
  buffer: ArrayBuffer,
  start: number,
  byteLength: number,
  retire: () => void,
) => Arena;
