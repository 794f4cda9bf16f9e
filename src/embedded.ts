// The two kernels, as base64 inside the package: every bundler and every content policy can read a string.

import type { Modules, WasmName } from "./backend.js";
import { relaxed, simd } from "./binaries.js";
import { webAssembly } from "./wasm.js";

declare function atob(text: string): string;

const base64 = { relaxed, simd };

function bytesOf(name: WasmName): Uint8Array {
  return Uint8Array.from(atob(base64[name]), (character) => character.charCodeAt(0));
}

export const embedded: Modules = {
  now: (name) => new (webAssembly().Module)(bytesOf(name)),
  soon: async (name) => webAssembly().compile(bytesOf(name)),
};
