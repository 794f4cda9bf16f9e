// The spine: caller's array → check → place → kernel → result.

import type { BackendName, Selection } from "./backend.js";
import type { SoftmaxOptions } from "./check.js";
import { checkCall, checkCount, codeOf, fail, taken } from "./check.js";
import { type Arena, MAX_BYTES } from "./memory.js";
import type { Backend } from "./place.js";

/**
 * A back end, chosen, with the memory it works in. Made by {@link createEngine}, {@link createEngineSync} or
 * {@link defaultEngine}. Calls are synchronous; engines are independent of each other.
 */
export class Engine {
  /** What runs: `"relaxed"`, `"simd"` or `"js"`. */
  readonly backend: BackendName;
  /** One sentence: why this one. */
  readonly reason: string;
  readonly #backend: Backend;
  #disposed = false;

  private constructor({ backend, name, reason }: Selection) {
    this.#backend = backend;
    this.backend = name;
    this.reason = reason;
  }

  /** @internal */
  static of(selection: Selection): Engine {
    return new Engine(selection);
  }

  /** {@link softmax}, on this engine. */
  softmax(input: Float32Array, options?: SoftmaxOptions): Float32Array {
    const { input: logits, out, rows, cols } = checkCall("softmax", input, options);
    taken();
    this.#alive("softmax"); // after the last of the caller's code: a getter may have disposed of the engine
    try {
      if (rows > 0) this.#backend.softmax(logits, out, rows, cols);
    } catch (cause) {
      this.#recover("softmax", cause);
    }
    return out;
  }

  /**
   * Memory in which arrays need no copying. `byteLength`: 16 to 2³² − 2¹⁶ bytes, all of them allocated now, none later.
   *
   * @throws {@link TypeError} `ERR_SOFTMAX_TYPE`, {@link RangeError} `ERR_SOFTMAX_VALUE` for no valid size.
   * @throws {@link RangeError} `ERR_SOFTMAX_MEMORY` where that much cannot be had.
   * @throws {@link Error} `ERR_SOFTMAX_DISPOSED` after `dispose`.
   */
  createArena(byteLength: number): Arena {
    this.#alive("createArena");
    const size = checkCount("createArena", "byteLength", byteLength, 16, MAX_BYTES);
    return this.#backend.createArena(size);
  }

  /** Whether `dispose` was called. */
  get disposed(): boolean {
    return this.#disposed;
  }

  /** Zeroes and releases the scratch memory. After this, every call but `dispose` is an error. */
  dispose(): void {
    if (!this.#disposed) this.#backend.clear();
    this.#disposed = true;
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  /** After anything but an error of ours: a fresh scratch and kernel for the next call, whatever happened to these. */
  #recover(what: string, cause: unknown): never {
    if (codeOf(cause) !== undefined) throw cause;
    this.#backend.clear();
    fail(Error, "ERR_SOFTMAX_FAULT", `${what}: the kernel failed; "out" may be partly written`, cause);
  }

  #alive(what: string): void {
    if (this.#disposed) fail(Error, "ERR_SOFTMAX_DISPOSED", `${what}: the engine was disposed of`);
  }
}
