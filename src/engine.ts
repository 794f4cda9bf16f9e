// The spine: caller's array → check → place → kernel → result.

import type { Arena } from "./arena.js";
import { checkCount } from "./argument.js";
import type { Selection } from "./backend.js";
import { type Call, forget } from "./call.js";
import { checkCall } from "./check.js";
import { fail, isOurs } from "./errors.js";
import { storeElement } from "./half.js";
import { MAX_BYTES } from "./memory.js";
import {
  FROM_STATS,
  isValue,
  LOG_SOFTMAX,
  LOG_SOFTMAX_BACKWARD,
  LOG_SUM_EXP,
  type Operation,
  ROW_STATS,
  SOFTMAX,
  SOFTMAX_BACKWARD,
} from "./operation.js";
import type {
  BackendName,
  BackwardOptions,
  Elements,
  LogSumExpOptions,
  NewFloat32Array,
  NewRowStats,
  RowStats,
  RowStatsOptions,
  SoftmaxOptions,
} from "./options.js";
import type { Backend } from "./place.js";

/**
 * A back end with the memory it works in. Made by {@link createEngine}, {@link createEngineSync} or
 * {@link defaultEngine}. Calls are synchronous; engines are independent of each other.
 */
export class Engine {
  /** What runs: `"relaxed"`, `"simd"` or `"js"`. */
  readonly backend: BackendName;
  /** Why this back end, in one sentence. */
  readonly reason: string;
  readonly #backend: Backend;
  #disposed = false;

  private constructor({ backend, name, reason }: Selection) {
    this.#backend = backend;
    this.backend = name;
    this.reason = reason;
  }

  /** Probabilities: the function {@link softmax}, on this engine. */
  softmax<Out extends Elements = NewFloat32Array>(input: Elements, options?: SoftmaxOptions<Out>): NoInfer<Out> {
    return this.#run("softmax", SOFTMAX, input, options) as NoInfer<Out>;
  }

  /** Logarithms of probabilities: the function {@link logSoftmax}, on this engine. */
  logSoftmax<Out extends Elements = NewFloat32Array>(input: Elements, options?: SoftmaxOptions<Out>): NoInfer<Out> {
    return this.#run("logSoftmax", LOG_SOFTMAX, input, options) as NoInfer<Out>;
  }

  /** `log Σ exp(x)`, one value a row: the function {@link logSumExp}, on this engine. */
  logSumExp<Out extends Elements = NewFloat32Array>(input: Elements, options?: LogSumExpOptions<Out>): NoInfer<Out> {
    return this.#run("logSumExp", LOG_SUM_EXP, input, options) as NoInfer<Out>;
  }

  /** The maximum and `Σ exp(x − max)` of each row: the function {@link rowStats}, on this engine. */
  rowStats<Out extends RowStats = NewRowStats>(input: Elements, options?: RowStatsOptions<Out>): NoInfer<Out> {
    return this.#run("rowStats", ROW_STATS, input, options) as NoInfer<Out>;
  }

  /** Probabilities of a part of each row: the function {@link softmaxFromStats}, on this engine. */
  softmaxFromStats<Out extends Elements = NewFloat32Array>(
    input: Elements,
    stats: RowStats,
    options?: SoftmaxOptions<Out>,
  ): NoInfer<Out> {
    return this.#run("softmaxFromStats", FROM_STATS, input, options, stats) as NoInfer<Out>;
  }

  /** The gradient of the logits, from that of probabilities: the function {@link softmaxBackward}, on this engine. */
  softmaxBackward<Out extends Elements = NewFloat32Array>(
    probs: Elements,
    grad: Elements,
    options?: BackwardOptions<Out>,
  ): NoInfer<Out> {
    return this.#run("softmaxBackward", SOFTMAX_BACKWARD, probs, options, grad) as NoInfer<Out>;
  }

  /** The gradient of the logits, from that of their logarithms: the function {@link logSoftmaxBackward}, on this engine. */
  logSoftmaxBackward<Out extends Elements = NewFloat32Array>(
    logProbs: Elements,
    grad: Elements,
    options?: BackwardOptions<Out>,
  ): NoInfer<Out> {
    return this.#run("logSoftmaxBackward", LOG_SOFTMAX_BACKWARD, logProbs, options, grad) as NoInfer<Out>;
  }

  /**
   * Memory in which arrays need no copying, if all of a call's lie in it. `byteLength`: 16 to 2³² − 5·2²⁰ bytes, all
   * reserved now, none later; and 4 MiB more for the kernel, touched only as far as needed.
   *
   * @throws {@link TypeError} `ERR_SOFTMAX_TYPE`, {@link RangeError} `ERR_SOFTMAX_VALUE` for an invalid size.
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

  #run(what: string, operation: Operation, input: unknown, options: unknown, second?: unknown): unknown {
    const call = checkCall(what, operation, input, options, second);
    try {
      this.#alive(what); // after the last of the caller's code: a getter may have disposed of the engine
      if (call.cols > 0 && call.rows > 0) this.#backend.run(call);
      else if (isValue(operation)) writeEmptySums(call); // of the others, a shape may have 2^52 rows, with nothing to write
      return call.result;
    } catch (cause) {
      if (isOurs(cause)) throw cause;
      this.#backend.clear(); // the next call gets a fresh scratch and kernel, whatever happened to these
      fail("ERR_SOFTMAX_FAULT", `${what}: the kernel failed; "out" may be partly written`, cause);
    } finally {
      forget();
    }
  }

  #alive(what: string): void {
    if (this.#disposed) fail("ERR_SOFTMAX_DISPOSED", `${what}: the engine was disposed of`);
  }
}

/** @internal The constructor, which is private to everyone else. */
export type EngineConstructor = new (selection: Selection) => Engine;

/** The value of an empty sum, for rows without elements. */
function writeEmptySums({ operation, out, outFormat, stats, rows }: Call): void {
  for (let row = 0; row < rows; row++) {
    if (operation === LOG_SUM_EXP) storeElement(out, outFormat, row, -Infinity);
    else {
      stats.max[row] = -Infinity;
      stats.sum[row] = 0;
    }
  }
}
