// The kernel as text inside the package: every bundler and every content policy can read a string. It is compressed: as base64 alone, users would
// download twice as much.

import { bytes, compressed } from "./binaries.js";
import { inflate } from "./inflate.js";
import type { WasmName } from "./place.js";
import { variantOf } from "./variants.js";

declare function atob(text: string): string;

let template: Uint8Array | undefined;

/** The bytes of build/`name`.wasm. */
export function bytesOf(name: WasmName): Uint8Array {
  if (template === undefined) {
    const inflated = new Uint8Array(bytes);
    inflate(atob(compressed), inflated);
    template = inflated; // not before: a call near the end of the stack may have failed
  }
  return variantOf(template, name);
}
