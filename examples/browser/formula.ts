// The formula as it is written, and what to say about its result beside ours.

/** Equation 3.10 in doubles: exp(x_i) / Σ exp(x_j). */
export function plainFormula(logits: Float32Array): Float64Array {
  const terms = Float64Array.from(logits, Math.exp);
  const sum = terms.reduce((total, term) => total + term, 0);
  return terms.map((term) => term / sum);
}

const agree = (plain: Float64Array, ours: Float32Array) => plain.every((p, i) => Math.abs(p - ours[i]!) < 1e-6);

/** One or two sentences, for everybody. */
export function verdict(logits: Float32Array, plain: Float64Array, ours: Float32Array): string {
  const largest = Math.max(...logits);
  if (Number.isNaN(largest)) return "A NaN among the logits makes every probability NaN: an error stays visible.";
  if (largest === Infinity) return "Beside +∞ no probability is defined: the whole row is NaN.";
  if (largest === -Infinity) return "Where every logit is −∞, no probability is defined: the whole row is NaN.";
  if (Math.exp(largest) === Infinity)
    return `exp(${Math.fround(largest)}) is larger than any double, and ∞\u00a0/\u00a0∞ is NaN: the plain formula fails. Ours does not.`;
  if (Math.exp(largest) === 0)
    return "Every exp is smaller than any double, and 0\u00a0/\u00a00 is NaN: the plain formula fails. Ours does not.";
  if (!agree(plain, ours))
    return "The plain formula is off: its sum is too large, or its terms too small, for a double. Ours is right.";
  return `Both agree. The most likely: logit ${ours.indexOf(Math.max(...ours)) + 1}.`;
}
