// Elements in the formats that are shorter than float32, one at a time. assembly/half.ts does the same four at a time.

import { BFLOAT16, FLOAT32, type Format, type Stored } from "./operation.js";

const float = new Float32Array(1);
const bits = new Uint32Array(float.buffer);

/** Element `index` of an array in one of them, exactly. */
export function elementAt(array: Stored, format: Format, index: number): number {
  const stored = array[index]!;
  if (format === BFLOAT16) {
    bits[0] = stored << 16;
    return float[0]!;
  }
  const sign = stored & 0x8000 ? -1 : 1;
  if ((stored & 0x7c00) === 0x7c00) return stored & 1023 ? NaN : sign * Infinity;
  bits[0] = (stored & 0x7fff) << 13; // the bias of float32 is 112 more. By `2 ** exponent`, 26 ns an element, not 15
  return sign * float[0]! * 2 ** 112;
}

/** Stores a float32, rounded to nearest, ties to even. */
export function storeElement(array: Stored, format: Format, index: number, value: number): void {
  array[index] = format === FLOAT32 ? value : format === BFLOAT16 ? bfloat16Of(value) : float16Of(value);
}

function bfloat16Of(value: number): number {
  if (Number.isNaN(value)) return 0x7fc0;
  float[0] = value;
  const all = bits[0]!;
  return (all + 0x7fff + ((all >>> 16) & 1)) >>> 16;
}

function float16Of(value: number): number {
  if (Number.isNaN(value)) return 0x7e00;
  float[0] = value;
  const sign = (bits[0]! >>> 16) & 0x8000;
  const magnitude = bits[0]! & 0x7fffffff;
  if (magnitude < 113 << 23) {
    float[0] = Math.abs(value) + 0.5; // rounds to a multiple of 2^−24, the unit of a subnormal
    return sign | (bits[0]! & 0x7ff);
  }
  const rounded = (magnitude - (112 << 23) + 0xfff + ((magnitude >>> 13) & 1)) >>> 13;
  return sign | Math.min(rounded, 0x7c00);
}
