// Numbers of 16 bits, for the inputs and the answers of the bench.

/** `values`: of each pattern of bits. The rest is as in truth.mjs. */
export const halves = {
  float16: { fractionBits: 10, leastExponent: -14, values: valuesOf(10) },
  bfloat16: { fractionBits: 7, leastExponent: -126, values: valuesOf(7) },
};

function valuesOf(fractionBits) {
  const most = 2 ** (15 - fractionBits) - 1;
  const bias = (most - 1) / 2;
  return Float32Array.from({ length: 65536 }, (_, bits) => {
    const sign = bits >> 15 ? -1 : 1;
    const exponent = (bits >> fractionBits) & most;
    const fraction = (bits & (2 ** fractionBits - 1)) / 2 ** fractionBits;
    if (exponent === most) return fraction === 0 ? sign * Infinity : Number.NaN;
    return sign * (exponent === 0 ? fraction * 2 ** (1 - bias) : (1 + fraction) * 2 ** (exponent - bias));
  });
}

/** The bits of numbers of a format that are near `logits`: cut off rather than rounded, tiny ones to 0. */
export function bitsNear(logits, { fractionBits }) {
  const bits = new Uint32Array(logits.buffer, logits.byteOffset, logits.length);
  const rebias = 127 - (2 ** (14 - fractionBits) - 1);
  return Uint16Array.from(bits, (word) => {
    const magnitude = ((word & 0x7fffffff) >>> (23 - fractionBits)) - (rebias << fractionBits);
    return Math.max(magnitude, 0) | ((word >>> 16) & 0x8000);
  });
}

export const widened = (bits, { values }) => Float32Array.from(bits, (pattern) => values[pattern]);
