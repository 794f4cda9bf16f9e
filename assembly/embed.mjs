// build/*.wasm → build/modules/binaries.js, compressed, as base64, beside the compiled API.
// In `npm run build`: asc, then tsc, then this, then rolldown. src/binaries.d.ts has the types.
import { readFileSync, writeFileSync } from "node:fs";
import { deflateAsync } from "@gfx/zopfli";
import { inflate } from "../build/modules/inflate.js";

const build = new URL("../build/", import.meta.url);
const simd = readFileSync(new URL("simd.wasm", build));
const relaxed = readFileSync(new URL("relaxed.wasm", build));
const both = Buffer.concat([simd, relaxed]);
const compressed = Buffer.from(await deflateAsync(both, { numiterations: 100 }));

const inflated = Buffer.alloc(both.length);
inflate(compressed.toString("latin1"), inflated);
if (!inflated.equals(both)) throw new Error("src/inflate.ts cannot read what the compressor made of the kernels");

const names = {
  compressed: compressed.toString("base64"),
  bytes: both.length,
  relaxedStart: simd.length,
};
const lines = Object.entries(names).map(([name, value]) => `export const ${name} = ${JSON.stringify(value)};\n`);
writeFileSync(new URL("modules/binaries.js", build), lines.join(""));
