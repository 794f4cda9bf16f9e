// The two kernels, of one binary. assembly/either.ts has the stand-ins, and says why.

import type { WasmName } from "./place.js";

const NOPS = 0x010101;

/**
 * Stand-ins are 0xfd, this byte, 1. What takes their place, as one number of three bytes, first in `simd`, then in `relaxed`; and behind each how many
 * bytes before it are no longer wanted, and become nops: an operand that is left out.
 */
const VARIANTS = new Map([
  [0xbc, [0xfde601, 0, NOPS, 0]], // f32x4.mul
  [0xbd, [0xfde401, 0, 0xfd8502, 0]], // f32x4.add; f32x4.relaxed_madd
  [0xbe, [0xfdf201, 0, NOPS, 0]], // f64x2.mul
  [0xbf, [0xfdf001, 0, 0xfd8702, 0]], // f64x2.add; f64x2.relaxed_madd
  [0xdc, [0xfd4e01, 0, NOPS, 2]], // v128.and, nop
  [0xdd, [0xfde401, 0, NOPS, 12]], // f32x4.add
  [0xde, [NOPS, 2, NOPS, 0]], // a·1
  [0xdf, [0xfde501, 0, 0xfd8602, 0]], // f32x4.sub; f32x4.relaxed_nmadd
  [0x9c, [0xfde401, 0, 0xfde501, 0]], // f32x4.add; f32x4.sub
]);

/** The bytes of a kernel. */
export function variantOf(template: Uint8Array, name: WasmName): Uint8Array {
  const code = new Uint8Array(template);
  const first = name === "simd" ? 0 : 2;
  for (let at = code.indexOf(0xfd); at >= 0; at = code.indexOf(0xfd, at + 1)) {
    const variants = code[at + 2] === 1 && VARIANTS.get(code[at + 1]!);
    if (!variants) continue;
    const bytes = variants[first]!;
    code.fill(1, at - variants[first + 1]!, at);
    code[at] = bytes >> 16;
    code[at + 1] = bytes >> 8;
    code[at + 2] = bytes;
  }
  return code;
}
