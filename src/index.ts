// The public functions. Importing does no work and never throws; the first call chooses a back end.
// js.ts and workerd.ts are the same functions with kernels from elsewhere, or none.

import { bytesOf } from "./embedded.js";

// The kernels' text comes first in a bundle that way: in the midst of code, gzip makes 0.3 to 1 KB more of it.

import { type Modules, select, selectSync } from "./backend.js";
import { checkEngineOptions } from "./check.js";
import { Engine, type EngineConstructor } from "./engine.js";
import type {
  BackwardOptions,
  Elements,
  EngineOptions,
  LogSumExpOptions,
  NewFloat32Array,
  NewRowStats,
  RowStats,
  RowStatsOptions,
  SoftmaxOptions,
} from "./options.js";
import { startKernel } from "./place.js";
import { webAssembly } from "./wasm.js";

export { Arena } from "./arena.js";
export { Engine } from "./engine.js";
export type * from "./options.js";
export { mergeRowStats } from "./stats.js";

const embedded: Modules = {
  now: (name) => new (webAssembly().Module)(bytesOf(name)),
  soon: async (name) => webAssembly().compile(bytesOf(name)),
};

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
  return new (Engine as unknown as EngineConstructor)(
    await select(checkEngineOptions("createEngine", options), embedded, startKernel),
  );
}

/**
 * Makes an engine synchronously. Unpacking and compiling its 26 KB takes some milliseconds. Browsers from before 2023 refuse to
 * compile more than 4 KB on the main thread: there, `"auto"` falls back to `js`, where {@link createEngine} would not.
 *
 * @throws As {@link createEngine} rejects.
 * @example
 * ```ts
 * using engine = createEngineSync({ deterministic: true });
 * ```
 */
export function createEngineSync(options?: EngineOptions): Engine {
  return new (Engine as unknown as EngineConstructor)(
    selectSync(checkEngineOptions("createEngineSync", options), embedded, startKernel),
  );
}

let shared: Engine | undefined;

/** The engine behind the functions of this module, made at the first call, and anew once it was disposed of. */
export function defaultEngine(): Engine {
  if (shared === undefined || shared.disposed) shared = createEngineSync();
  return shared;
}

/**
 * Softmax of each row of a batch: `y_i = exp(x_i) / Σ_j exp(x_j)`, with the exponents shifted so that
 * nothing overflows: `exp(x_i + C) / Σ_j exp(x_j + C)`, the same for every C (equation 3.11 of the book chapter on implementing softmax safely).
 *
 * `input` holds rows × cols logits, row by row; the result has the same layout. A row with a NaN or +∞ is all NaN, and so
 * is one of only −∞; beside finite logits, −∞ gives exactly 0. k equal logits give exactly `Math.fround(1 / k)`.
 *
 * Accuracy: at most 4 ULP from the true value for every finite input at every length (proved: 3.86; `js`: 1); the largest error of two
 * billion random outputs is 2.97. Terms below 2⁻¹²⁶ of the largest are 0, those between that and 2⁻¹²⁵
 * may be. A row's bits depend neither on the rest of the batch nor on the row's position, but on whether it lies along the last axis.
 *
 * @param input Logits: a Float32Array, or half precision; of any realm, also on a SharedArrayBuffer (then copied first).
 * @param options Layout (`cols`, or `shape` and `axis`), what to do to the logits first, and `out`.
 * @returns `out`, or a new array.
 * @throws {@link TypeError} `ERR_SOFTMAX_TYPE`, `ERR_SOFTMAX_OPTION`, `ERR_SOFTMAX_DETACHED`
 * @throws {@link RangeError} `ERR_SOFTMAX_VALUE`, `ERR_SOFTMAX_LENGTH`, `ERR_SOFTMAX_MEMORY`. Nothing is written.
 * @example
 * ```ts
 * softmax(new Float32Array([0, Math.log(3), 5, 5]), { cols: 2 }); // 0.25, 0.75, 0.5, 0.5
 * ```
 */
export function softmax<Out extends Elements = NewFloat32Array>(
  input: Elements,
  options?: SoftmaxOptions<Out>,
): NoInfer<Out> {
  return defaultEngine().softmax(input, options);
}

/**
 * Log-probabilities of each row of a batch: `y_i = x_i − max − log Σ_j exp(x_j − max)`, computed without the
 * probabilities, and so without loss: of [16.9, 0], the first is −4.5753e−8. (The same equation, in logarithms.)
 *
 * Everything else is as in {@link softmax}, except that −∞ beside finite logits gives −∞. Accuracy: at most 3 ULP (`js`: 1).
 *
 * @param input Logits.
 * @param options Layout, what to do to the logits first, and `out`.
 * @returns `out`, or a new Float32Array.
 * @throws As {@link softmax}.
 * @example
 * ```ts
 * logSoftmax(new Float32Array([0, Math.log(3)])); // -1.3863, -0.2877
 * ```
 */
export function logSoftmax<Out extends Elements = NewFloat32Array>(
  input: Elements,
  options?: SoftmaxOptions<Out>,
): NoInfer<Out> {
  return defaultEngine().logSoftmax(input, options);
}

/**
 * `log Σ_j exp(x_j)` of each row: one value a row, the rows in the order of the shape without the axis.
 *
 * −∞ for a row of nothing but −∞, or of no elements; +∞ where there is one; NaN where there is a NaN. Accuracy: 3 ULP or an
 * absolute error of 2⁻²² (`js`: 1, 2⁻²⁸), whichever is larger: a negative maximum and the logarithm may cancel.
 *
 * @param input Logits.
 * @param options Layout, what to do to the logits first, and `out`: one element for each row.
 * @returns `out`, or a new Float32Array.
 * @throws As {@link softmax}.
 * @example
 * ```ts
 * logSumExp(new Float32Array([0, 0, 1000, 1000]), { cols: 2 }); // 0.6931, 1000.6932
 * ```
 */
export function logSumExp<Out extends Elements = NewFloat32Array>(
  input: Elements,
  options?: LogSumExpOptions<Out>,
): NoInfer<Out> {
  return defaultEngine().logSumExp(input, options);
}

/**
 * The maximum of each row, and `Σ_j exp(x_j − max)`: all that softmax needs to know of the rest of a row. For rows that are
 * spread over tiles, files, processes or machines: {@link mergeRowStats} puts parts together, {@link softmaxFromStats}
 * makes probabilities from the whole.
 *
 * @param input Logits, of whole rows or of a part of each.
 * @param options Layout, what to do to the logits first, and `out`.
 * @returns `out`, or new arrays: one element for each row.
 * @throws As {@link softmax}.
 * @example
 * ```ts
 * const { max, sum } = rowStats(new Float32Array([1, 2, 3]));
 * console.log(max[0]! + Math.log(sum[0]!)); // 3.4076
 * ```
 */
export function rowStats<Out extends RowStats = NewRowStats>(
  input: Elements,
  options?: RowStatsOptions<Out>,
): NoInfer<Out> {
  return defaultEngine().rowStats(input, options);
}

/**
 * Probabilities of a part of each row, given the statistics of the whole: `y_i = exp(x_i − max) / sum`.
 *
 * Accuracy: 4 ULP from the result of the uncut row, however many pieces it was cut into. `max` must not be smaller than any
 * logit of the part; with the statistics of other rows, the result is meaningless.
 *
 * @param input Logits.
 * @param stats Statistics of each row, as {@link rowStats} and {@link mergeRowStats} give them.
 * @param options As those of softmax.
 * @returns `out`, or a new Float32Array.
 * @throws As {@link softmax}.
 * @example
 * ```ts
 * const whole = new Float32Array([0, 1, 2, 3]);
 * const left = whole.subarray(0, 2), right = whole.subarray(2);
 * const stats = mergeRowStats(rowStats(left), rowStats(right));
 * softmaxFromStats(right, stats); // 0.2369, 0.6439
 * ```
 */
export function softmaxFromStats<Out extends Elements = NewFloat32Array>(
  input: Elements,
  stats: RowStats,
  options?: SoftmaxOptions<Out>,
): NoInfer<Out> {
  return defaultEngine().softmaxFromStats(input, stats, options);
}

/**
 * The gradient of the logits, from that of the probabilities: `dx_i = p_i·(g_i − Σ_j p_j·g_j)`, in doubles, rounded once.
 * After a softmax with a `temperature`, divide the result by that.
 *
 * @param probs What softmax returned.
 * @param grad The gradient with respect to it, in the same layout.
 * @param options Layout (of `probs` and `grad`), and `out`, which may be either of them.
 * @returns `out`, or a new Float32Array.
 * @throws As {@link softmax}.
 * @example
 * ```ts
 * softmaxBackward(new Float32Array([0.25, 0.75]), new Float32Array([1, 0])); // 0.1875, -0.1875
 * ```
 */
export function softmaxBackward<Out extends Elements = NewFloat32Array>(
  probs: Elements,
  grad: Elements,
  options?: BackwardOptions<Out>,
): NoInfer<Out> {
  return defaultEngine().softmaxBackward(probs, grad, options);
}

/**
 * The gradient of the logits, from that of the log-probabilities: `dx_i = g_i − exp(l_i)·Σ_j g_j`, in doubles, rounded once.
 * After a logSoftmax with a `temperature`, divide the result by that. Where it dropped elements, `grad` must be 0,
 * since all of `grad` counts.
 *
 * @param logProbs What logSoftmax returned.
 * @param grad The gradient with respect to it, in the same layout.
 * @param options Layout (of `logProbs` and `grad`), and `out`, which may be either of them.
 * @returns `out`, or a new Float32Array.
 * @throws As {@link softmax}.
 * @example
 * ```ts
 * logSoftmaxBackward(new Float32Array([Math.log(0.25), Math.log(0.75)]), new Float32Array([1, 0])); // 0.75, -0.75
 * ```
 */
export function logSoftmaxBackward<Out extends Elements = NewFloat32Array>(
  logProbs: Elements,
  grad: Elements,
  options?: BackwardOptions<Out>,
): NoInfer<Out> {
  return defaultEngine().logSoftmaxBackward(logProbs, grad, options);
}
