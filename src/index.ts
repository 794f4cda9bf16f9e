// The public functions. Importing does no work and never throws; the first call chooses a back end.
// js.ts and workerd.ts are the same functions with kernels from elsewhere, or none.

import { select, selectSync } from "./backend.js";
import { checkEngineOptions, type EngineOptions, type SoftmaxOptions } from "./check.js";
import { embedded } from "./embedded.js";
import { Engine } from "./engine.js";

export type { BackendName } from "./backend.js";
export type { EngineOptions, SoftmaxErrorCode, SoftmaxOptions } from "./check.js";
export { Engine } from "./engine.js";
export { Arena } from "./memory.js";

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
  return Engine.of(await select(checkEngineOptions("createEngine", options), embedded));
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
  return Engine.of(selectSync(checkEngineOptions("createEngineSync", options), embedded));
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
