// The compiler's output without the exports that only keep it from making literals of constants (exp.ts says why): those of mutable
// globals. That is 500 bytes of names, and nobody can write to the constants any more.
import { readFileSync, writeFileSync } from "node:fs";
import binaryen from "assemblyscript/binaryen";

const file = new URL("../build/template.wasm", import.meta.url);
const module = binaryen.readBinary(readFileSync(file));
for (let i = module.getNumExports() - 1; i >= 0; i--) {
  const { kind, name, value } = binaryen.getExportInfo(module.getExportByIndex(i));
  if (kind !== binaryen.ExternalGlobal) continue;
  if (binaryen.getGlobalInfo(module.getGlobal(value)).mutable) module.removeExport(name);
}
writeFileSync(file, module.emitBinary());
