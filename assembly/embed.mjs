// build/*.wasm → binaries.js, the bytes as base64, beside the compiled API in both of its module formats.
// Runs last in `npm run build`: asc, then tsc, then this. src/binaries.d.ts has the types.
import { readFileSync, writeFileSync } from "node:fs";

const build = new URL("../build/", import.meta.url);
const bytes = (name) => readFileSync(new URL(`${name}.wasm`, build)).toString("base64");
const binaries = { simd: bytes("simd"), relaxed: bytes("relaxed") };

const lines = (declare) =>
  Object.entries(binaries)
    .map(([name, text]) => `${declare(name)}"${text}";\n`)
    .join("");
writeFileSync(
  new URL("esm/binaries.js", build),
  lines((name) => `export const ${name} = `),
);
writeFileSync(
  new URL("cjs/binaries.js", build),
  lines((name) => `exports.${name} = `),
);
writeFileSync(new URL("cjs/package.json", build), '{ "type": "commonjs" }\n');
