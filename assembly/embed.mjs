// build/template*.wasm → the binaries made of them, the same as text, and build/modules/binaries.js: the template, compressed, as base64, beside the
// compiled API.
// In `npm run build`: asc, then tsc, then this, then rolldown. src/binaries.d.ts has the types.
import { readFileSync, writeFileSync } from "node:fs";
import { deflateAsync } from "@gfx/zopfli";
import binaryen from "assemblyscript/binaryen";
import { inflate } from "../build/modules/inflate.js";
import { variantOf } from "../build/modules/variants.js";

const build = new URL("../build/", import.meta.url);
const template = readFileSync(new URL("template.wasm", build));
for (const name of ["simd", "relaxed"]) {
  const bytes = variantOf(template, name);
  writeFileSync(new URL(`${name}.wasm`, build), bytes);
  writeFileSync(new URL(`${name}.wat`, build), binaryen.readBinary(bytes).emitText());
}
writeFileSync(new URL("debug.wasm", build), variantOf(readFileSync(new URL("template.debug.wasm", build)), "simd"));

const compressed = Buffer.from(await deflateAsync(template, { numiterations: 100 }));
const inflated = Buffer.alloc(template.length);
inflate(compressed.toString("latin1"), inflated);
if (!inflated.equals(template)) throw new Error("src/inflate.ts cannot read what the compressor made of the kernel");

const names = { compressed: compressed.toString("base64"), bytes: template.length };
const lines = Object.entries(names).map(([name, value]) => `export const ${name} = ${JSON.stringify(value)};\n`);
writeFileSync(new URL("modules/binaries.js", build), lines.join(""));
