// float16 and bfloat16 slowly and obviously: a table of all values; rounding looks for the two neighbours.

import type { Elements } from "softmax-wasm";

export type FormatName = "float32" | "float16" | "bfloat16";

interface Half {
  readonly fractionBits: number;
  /** The exponent of the numbers from 1 to 2. */
  readonly bias: number;
  /** The bits of +∞. */
  readonly infinity: number;
}

const HALVES: Readonly<Record<"float16" | "bfloat16", Half>> = {
  float16: { fractionBits: 10, bias: 15, infinity: 0x7c00 },
  bfloat16: { fractionBits: 7, bias: 127, infinity: 0x7f80 },
};

/** The number that 16 bits stand for. */
export function decoded(format: "float16" | "bfloat16", bits: number): number {
  const { fractionBits, bias, infinity } = HALVES[format];
  const sign = bits & 0x8000 ? -1 : 1;
  const magnitude = bits & 0x7fff;
  if (magnitude > infinity) return NaN;
  if (magnitude === infinity) return sign * Infinity;
  return sign * finiteOf(magnitude, fractionBits, bias);
}

function finiteOf(magnitude: number, fractionBits: number, bias: number): number {
  const exponent = magnitude >> fractionBits;
  const fraction = magnitude % 2 ** fractionBits;
  if (exponent === 0) return fraction * 2 ** (1 - bias - fractionBits);
  return (2 ** fractionBits + fraction) * 2 ** (exponent - bias - fractionBits);
}

/** The values of the bits from 0 on, ascending; in the place of +∞, the number that would come next. */
function ladderOf({ fractionBits, bias, infinity }: Half): Float64Array {
  return Float64Array.from({ length: infinity + 1 }, (_, bits) => finiteOf(bits, fractionBits, bias));
}

const LADDERS = { float16: ladderOf(HALVES.float16), bfloat16: ladderOf(HALVES.bfloat16) };

/** The bits nearest to a number; of two that are equally near, the even ones. */
export function encoded(format: "float16" | "bfloat16", value: number): number {
  const { infinity } = HALVES[format];
  if (Number.isNaN(value)) return infinity | (infinity >> 1) | 0x40;
  const sign = value < 0 || Object.is(value, -0) ? 0x8000 : 0;
  const size = Math.abs(value);
  const ladder = LADDERS[format];
  let low = 0;
  let high = infinity; // ladder[low] <= size, and size < ladder[high] or that is the end
  if (size >= ladder[infinity]!) return sign | infinity;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (ladder[middle]! <= size) low = middle;
    else high = middle;
  }
  const below = size - ladder[low]!;
  const above = ladder[high]! - size;
  return sign | (below < above || (below === above && low % 2 === 0) ? low : high);
}

/** A number as the format holds it. */
export function rounded(format: FormatName, value: number): number {
  return format === "float32" ? Math.fround(value) : decoded(format, encoded(format, value));
}

/** How the elements of an array are written; `dtype` is that of the options. */
export function formatOf(array: Elements, dtype: "float16" | "bfloat16" | undefined): FormatName {
  if (array[Symbol.toStringTag] === "Float32Array") return "float32";
  return array[Symbol.toStringTag] === "Float16Array" ? "float16" : (dtype ?? "float16");
}

/** The elements of an array as numbers. */
export function numbersOf(array: Elements, dtype?: "float16" | "bfloat16"): Float64Array {
  const isBits = array[Symbol.toStringTag] === "Uint16Array";
  return Float64Array.from({ length: array.length }, (_, i) => (isBits ? decoded(dtype!, array[i]!) : array[i]!));
}

/** Whether two elements, or their bits in a shorter format, are the same; of NaNs, any is as good as another. */
export function isSame(format: FormatName, a: number, b: number): boolean {
  if (Object.is(a, b)) return true;
  return format !== "float32" && Number.isNaN(decoded(format, a)) && Number.isNaN(decoded(format, b));
}

/** Numbers, rounded, as the bits of a format. */
export function bitsOf(format: "float16" | "bfloat16", values: ArrayLike<number>): Uint16Array {
  return Uint16Array.from({ length: values.length }, (_, i) => encoded(format, values[i]!));
}
