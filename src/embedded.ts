// The two kernels, as text inside the package: every bundler and every content policy can read a string. They are compressed
// together, since most of one is in the other: as base64 alone, users would download twice as much, and a bundle hold five times.

import { bytes, compressed, relaxedStart } from "./binaries.js";
import { inflate } from "./inflate.js";
import type { WasmName } from "./place.js";

declare function atob(text: string): string;

let both: Uint8Array | undefined;

/** The bytes of build/`name`.wasm. */
export function bytesOf(name: WasmName): Uint8Array {
  if (both === undefined) {
    const inflated = new Uint8Array(bytes);
    inflate(atob(compressed), inflated);
    both = inflated; // not before: a call near the end of the stack may have failed
  }
  return name === "simd" ? both.subarray(0, relaxedStart) : both.subarray(relaxedStart);
}
