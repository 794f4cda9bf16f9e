// What a call of the kernel computes of each row. src/operation.ts has the same numbers.

export const SOFTMAX: i32 = 0;
/** x − max − log Σ exp(x − max) */
export const LOG_SOFTMAX: i32 = 1;
/** max + log Σ exp(x − max): a float32 a row */
export const LOG_SUM_EXP: i32 = 2;
/** max, a float32 a row, and Σ exp(x − max), a float64 a row */
export const ROW_STATS: i32 = 3;
/** exp(x − max) / sum, of a max and a sum that are given */
export const FROM_STATS: i32 = 4;

/** Whether results are made of the terms; those of other operations, of the sum of all but the largest (log.ts). */
// @ts-ignore: decorator
@inline
export function hasTerms(operation: i32): bool {
  return operation == SOFTMAX || operation == FROM_STATS;
}

/** Whether the result is one value a row, or two. */
// @ts-ignore: decorator
@inline
export function isValue(operation: i32): bool {
  return operation == LOG_SUM_EXP || operation == ROW_STATS;
}
