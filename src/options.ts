// The types that callers see, but for the classes: the options of an engine and of every operation, statistics, codes of errors.

/** `relaxed`: WebAssembly SIMD with fused multiply-add; `simd`: without; `js`: no WebAssembly. Fastest first. */
export type BackendName = "relaxed" | "simd" | "js";

/** How to make an engine. */
export interface EngineOptions {
  /** Which back end; one asked for by name either runs or is an error. Default `"auto"`: the fastest that runs here. */
  readonly backend?: "auto" | BackendName | undefined;
  /** The same bits on every machine: `simd`, or an error where that cannot run. */
  readonly deterministic?: boolean | undefined;
  /** `softmax-wasm/simd.wasm` or `relaxed.wasm` as a ready `WebAssembly.Module`, where compiling is forbidden (Cloudflare Workers). */
  readonly module?: object | undefined;
  /**
   * Memory through which arrays outside of arenas are streamed, in bytes: 4096 to 2³⁰. Default 2²³, of which ordinary calls touch
   * at most 2²¹; longer rows, or many side by side, may touch all of it.
   */
  readonly scratchBytes?: number | undefined;
}

/** The `code` of every error this library throws. They do not change between versions; messages may. */
export type SoftmaxErrorCode =
  /** TypeError: an argument is of the wrong kind. */
  | "ERR_SOFTMAX_TYPE"
  /** RangeError: a number is out of its range, a word is none of those allowed, or `out.max` and `out.sum` overlap. */
  | "ERR_SOFTMAX_VALUE"
  /** RangeError: an array has the wrong length. */
  | "ERR_SOFTMAX_LENGTH"
  /** TypeError: an option is unknown, does not go with another, or lacks one that it needs. */
  | "ERR_SOFTMAX_OPTION"
  /** TypeError: an array's buffer was transferred away or shrunk. */
  | "ERR_SOFTMAX_DETACHED"
  /** RangeError: an arena has no room left. */
  | "ERR_SOFTMAX_ARENA_FULL"
  /** RangeError: the memory asked for cannot be had. */
  | "ERR_SOFTMAX_MEMORY"
  /** Error: an engine or arena was disposed of. */
  | "ERR_SOFTMAX_DISPOSED"
  /** Error: the back end asked for cannot run here; the message says why. */
  | "ERR_SOFTMAX_BACKEND"
  /** Error: the kernel failed in the middle of a call. `out` may be partly written; the next call starts afresh. */
  | "ERR_SOFTMAX_FAULT";

/** A `Float16Array`, where the engine has that: described here, since `lib: es2022` does not know it. */
export interface Float16Elements {
  readonly [Symbol.toStringTag]: "Float16Array";
  readonly BYTES_PER_ELEMENT: number;
  readonly buffer: ArrayBufferLike;
  readonly byteLength: number;
  readonly byteOffset: number;
  readonly length: number;
  [index: number]: number;
}

/** Logits or results: float32; float16; or, in a Uint16Array, the bits that `dtype` names. */
export type Elements = Float32Array | Uint16Array | Float16Elements;

/** `Float32Array<ArrayBuffer>` and `Float64Array<ArrayBuffer>`, from TypeScript 5.7 on. */
export type NewFloat32Array = ReturnType<Float32ArrayConstructor["of"]>;
export type NewFloat64Array = ReturnType<Float64ArrayConstructor["of"]>;

/** Statistics in new arrays, whose buffers can be transferred. */
export interface NewRowStats extends RowStats {
  readonly max: NewFloat32Array;
  readonly sum: NewFloat64Array;
}

/** Where the rows lie. */
export interface LayoutOptions {
  /** Elements per row; `input.length` must be a multiple of it. Default: the whole input is one row. */
  readonly cols?: number | undefined;
  /** The shape of the input, in place of `cols`: the last axis varies fastest (C order). At most 1024 axes. */
  readonly shape?: readonly number[] | undefined;
  /** With `shape`: the axis that rows lie along, −rank to rank − 1. Default −1, the last. */
  readonly axis?: number | undefined;
  /**
   * Elements from the start of a row of the input to the start of the next, for rows along the last axis: default `cols`, and not
   * less. What lies between rows is not read, and may be missing after the last one.
   */
  readonly rowStride?: number | undefined;
  /** What the bits of a Uint16Array mean. */
  readonly dtype?: "float16" | "bfloat16" | undefined;
}

/**
 * What happens to the logits first: `logit ← Math.fround(logit / temperature + bias)`, rounded once. Where an option has one
 * value per row, rows are in the order of the shape without the axis.
 */
export interface LogitOptions {
  /**
   * What logits are divided by: a number, or one for each row; finite, not negative. 0 gives 1 for the first maximum, after `bias`,
   * and 0 for all others (logSoftmax: 0 and −∞); the other operations have no such limit and refuse it. A logit that overflows
   * counts as ±∞.
   */
  readonly temperature?: number | Float32Array | undefined;
  /** Added to the logits: rows × cols elements (packed: none for what lies between rows), or one row, used for all. */
  readonly bias?: Float32Array | undefined;
  /** 0 drops an element. As many elements as a `bias`. */
  readonly mask?: Uint8Array | undefined;
  /** How many elements of each row count, from its first: one number for each row, 0 to the length of a row. */
  readonly lengths?: Uint32Array | Int32Array | undefined;
  /** In the matrix of the last two axes (with `cols`: of rows and columns), row i keeps the columns j ≤ i + `causal`. */
  readonly causal?: number | undefined;
}

/** How rows with a result for each element are written. */
export interface ResultOptions<Out extends Elements = Float32Array> {
  /** Where to write; possibly the input itself. Its type decides the format. Default: a new Float32Array. */
  readonly out?: Out | undefined;
  /** As `rowStride`, of the result. Default: the length of a row. What lies between rows is left as it is. */
  readonly outRowStride?: number | undefined;
}

/** Options of softmax, logSoftmax and softmaxFromStats. */
export interface SoftmaxOptions<Out extends Elements = Float32Array>
  extends LayoutOptions,
    LogitOptions,
    ResultOptions<Out> {
  /** What becomes of a row in which no element is kept, or only −∞: `"nan"` (default), or `"zero"`, 0 throughout (logSoftmax: −∞). */
  readonly empty?: "nan" | "zero" | undefined;
}

/** Options of logSumExp. */
export interface LogSumExpOptions<Out extends Elements = Float32Array> extends LayoutOptions, LogitOptions {
  /** Where to write: one element for each row. Default: a new Float32Array. */
  readonly out?: Out | undefined;
}

/** Options of rowStats. */
export interface RowStatsOptions<Out extends RowStats = RowStats> extends LayoutOptions, LogitOptions {
  /** Where to write: one element of each array for each row. Default: new arrays. */
  readonly out?: Out | undefined;
}

/** Options of softmaxBackward and logSoftmaxBackward. */
export interface BackwardOptions<Out extends Elements = Float32Array> extends LayoutOptions, ResultOptions<Out> {}

/** Statistics of rows, or of parts of them: log Σ exp(x) is `max + Math.log(sum)`. */
export interface RowStats {
  /** The largest logit of each row (never −0); −∞ for none. */
  readonly max: Float32Array;
  /**
   * Σ exp(x − max) of each row, to 2⁻²³ of it: from 1 to the number of its elements, or 0 for none. NaN where there is a NaN; 1 where
   * there is +∞.
   */
  readonly sum: Float64Array;
}
