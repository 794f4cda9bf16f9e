// The options of every operation, as the caller gives them.

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
   * less. What lies between rows is not read. After the last row, it may be missing.
   */
  readonly rowStride?: number | undefined;
  /** What the bits of a Uint16Array mean. */
  readonly dtype?: "float16" | "bfloat16" | undefined;
}

/**
 * What happens to the logits first: `logit ← Math.fround(logit / temperature + bias)`, rounded once. Rows are counted in the
 * order of a result that has one value a row: by the shape without the axis.
 */
export interface LogitOptions {
  /**
   * What logits are divided by: a number, or one for each row; finite, not negative. 0 gives 1 for the first maximum, after `bias`,
   * and 0 for all others (only softmax and logSoftmax have such a limit; the others refuse it).
   */
  readonly temperature?: number | Float32Array | undefined;
  /** Added to the logits: as many elements as the input has in its rows, or one row for all. */
  readonly bias?: Float32Array | undefined;
  /** 0 drops an element: as many as the input has in its rows, or one row for all. */
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
  /** A row of which nothing is kept but −∞: `"nan"` (default), or `"zero"`: 0 throughout (logSoftmax: −∞). */
  readonly empty?: "nan" | "zero" | undefined;
}

/** Options of logSumExp. */
export interface LogSumExpOptions<Out extends Elements = Float32Array> extends LayoutOptions, LogitOptions {
  /** Where to write: one element for each row. Default: a new Float32Array. */
  readonly out?: Out | undefined;
}

/** Options of rowStats. */
export interface RowStatsOptions extends LayoutOptions, LogitOptions {
  /** Where to write: one element of each array for each row. Default: new arrays. */
  readonly out?: RowStats | undefined;
}

/** Options of softmaxBackward and logSoftmaxBackward. */
export interface BackwardOptions<Out extends Elements = Float32Array> extends LayoutOptions, ResultOptions<Out> {}

/** What is known of rows, or of parts of them: log Σ exp(x) is `max + Math.log(sum)`. */
export interface RowStats {
  /** The largest logit of each row; −∞ for none. */
  readonly max: Float32Array;
  /** Σ exp(x − max) of each row: at least 1, or 0 for none. NaN where there is a NaN. */
  readonly sum: Float64Array;
}
