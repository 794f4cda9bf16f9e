// What can be asked for. The numbers are those of assembly/operation.ts.

export const SOFTMAX = 0;
export const LOG_SOFTMAX = 1;
export const LOG_SUM_EXP = 2;
export const ROW_STATS = 3;
export const FROM_STATS = 4;
/** Gradients; the kernel has functions of their own for them, which take SOFTMAX or LOG_SOFTMAX. */
export const SOFTMAX_BACKWARD = 5;
export const LOG_SOFTMAX_BACKWARD = 6;

export type Operation = 0 | 1 | 2 | 3 | 4 | 5 | 6;

/** Whether the result is one value a row, or two. */
export function isValue(operation: Operation): boolean {
  return operation === LOG_SUM_EXP || operation === ROW_STATS;
}

/** Whether results are made of the terms, exp(x) over some power of two. */
export function hasTerms(operation: Operation): boolean {
  return operation === SOFTMAX || operation === FROM_STATS;
}

export function isGradient(operation: Operation): boolean {
  return operation >= SOFTMAX_BACKWARD;
}

/** What a gradient is the gradient of. */
export function formOf(operation: Operation): Operation {
  return operation === LOG_SOFTMAX_BACKWARD ? LOG_SOFTMAX : SOFTMAX;
}

/** How elements are written: assembly/half.ts has the same numbers. */
export const FLOAT32 = 0;
export const FLOAT16 = 1;
export const BFLOAT16 = 2;

export type Format = 0 | 1 | 2;

/** A checked array: float32, or the bits of a shorter format. */
export type Stored = Float32Array | Uint16Array;
