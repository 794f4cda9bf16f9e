// build/*.wasm → binaries.js, compressed, as base64, beside the compiled API in both of its module formats.
// Runs last in `npm run build`: asc, then tsc, then this. src/binaries.d.ts has the types.
import { readFileSync, writeFileSync } from "node:fs";
import { deflateAsync } from "@gfx/zopfli";

const build = new URL("../build/", import.meta.url);
const simd = readFileSync(new URL("simd.wasm", build));
const relaxed = readFileSync(new URL("relaxed.wasm", build));
const compressed = await deflateAsync(Buffer.concat([simd, relaxed]), { numiterations: 100 });

const names = {
  compressed: Buffer.from(compressed).toString("base64"),
  sizes: { simd: simd.length, relaxed: relaxed.length },
};
const lines = (declare) =>
  Object.entries(names)
    .map(([name, value]) => `${declare}${name} = ${JSON.stringify(value)};\n`)
    .join("");
writeFileSync(new URL("esm/binaries.js", build), lines("export const "));
writeFileSync(new URL("cjs/binaries.js", build), lines("exports."));
writeFileSync(new URL("cjs/package.json", build), '{ "type": "commonjs" }\n');
