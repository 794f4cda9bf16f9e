// The true softmax for bulk checks: the formula in doubles, whose own error is a ten-millionth of a float32 ULP or less. (Truth from
// integer arithmetic alone, with no float in it, is in golden.json.)

export interface TrueRow {
  /** exp(x − max) of each element: 1 for the largest. */
  readonly terms: Float64Array;
  /** What the terms are divided by. */
  readonly sum: number;
}

/** Row `row` of `input`, in doubles. Special rows come out as the formula has them: NaN if there is a NaN or +∞, or only −∞. */
export function trueRow(input: Float32Array, row: number, cols: number): TrueRow {
  const start = row * cols;
  let max = -Infinity;
  for (let i = 0; i < cols; i++) max = Math.max(max, input[start + i]!); // Math.max keeps a NaN
  const terms = new Float64Array(cols);
  let sum = 0;
  let lost = 0; // Neumaier: the terms are never larger than the sum, but for the first
  for (let i = 0; i < cols; i++) {
    const term = Math.exp(input[start + i]! - max);
    const next = sum + term;
    lost += sum >= term ? sum - next + term : term - next + sum;
    terms[i] = term;
    sum = next;
  }
  return { terms, sum: sum + lost };
}
