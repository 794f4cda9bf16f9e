// The spine: caller's array → check → place → kernel → result.

import { type BackendName, type Selection, select, selectSync } from "./backend.js";
import type { EngineOptions, SoftmaxOptions } from "./check.js";
import { checkCall, checkCount, checkEngineOptions, codeOf, fail, taken } from "./check.js";
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

/**
 * Makes an engine, compiling off the thread that calls.
 *
 * @throws {@link TypeError}, {@link RangeError} (as a rejection) for bad options.
 * @throws {@link Error} `ERR_SOFTMAX_BACKEND` (as a rejection) where the back end asked for cannot run; it names the
 *   cause. `"auto"` always finds one.
 * @example
 * ```ts
 * const engine = await createEngine({ backend: "auto" });
 * console.log(engine.backend, "because", engine.reason);
 * const probs = engine.softmax(new Float32Array([1, 2, 3, 4]), { cols: 2 });
 * ```
 */
export async function createEngine(options?: EngineOptions): Promise<Engine> {
  return Engine.of(await select(checkEngineOptions("createEngine", options)));
}

/**
 * Makes an engine at once. Compiling its few kilobytes takes about a millisecond; browsers before 2023 refuse to do more
 * than 4 KB on the main thread, where `"auto"` then falls back and {@link createEngine} does not.
 *
 * @throws As {@link createEngine} rejects.
 * @example
 * ```ts
 * using engine = createEngineSync({ deterministic: true });
 * ```
 */
export function createEngineSync(options?: EngineOptions): Engine {
  return Engine.of(selectSync(checkEngineOptions("createEngineSync", options)));
}

let shared: Engine | undefined;

/** The engine behind the functions of this module, made at the first call. Once disposed of, another one is made. */
export function defaultEngine(): Engine {
  if (shared === undefined || shared.disposed) shared = createEngineSync();
  return shared;
}

/**
 * Softmax of each row of a batch: `y_i = exp(x_i) / Σ_j exp(x_j)`, by equation 3.11 of the chapter this follows, which
 * shifts the exponents so that nothing overflows.
 *
 * `input` holds rows × cols logits, row by row; the result has the same layout. A row with a NaN or +∞ is all NaN, and so
 * is one of only −∞; beside finite logits, −∞ gives exactly 0. k equal logits give exactly `Math.fround(1 / k)`.
 *
 * Accuracy: at most 3 ULP from the true value for every finite input, at every length (largest seen: 2.97; `js`: 0.55);
 * terms below 2⁻¹²⁶ of the largest are 0. A row's bits do not depend on what is beside it, nor on where it lies.
 *
 * @param input Logits: a Float32Array of any realm, also on a SharedArrayBuffer (then copied first).
 * @param options Layout (`cols`, or `shape` and `axis`), and `out`.
 * @returns `out`, or a new array.
 * @throws {@link TypeError} `ERR_SOFTMAX_TYPE`, `ERR_SOFTMAX_OPTION`, `ERR_SOFTMAX_DETACHED`
 * @throws {@link RangeError} `ERR_SOFTMAX_VALUE`, `ERR_SOFTMAX_LENGTH`, `ERR_SOFTMAX_MEMORY`. Nothing is written.
 * @example
 * ```ts
 * softmax(new Float32Array([0, Math.log(3), 5, 5]), { cols: 2 }); // 0.25, 0.75, 0.5, 0.5
 * ```
 */
export function softmax(input: Float32Array, options?: SoftmaxOptions): Float32Array {
  return defaultEngine().softmax(input, options);
}
