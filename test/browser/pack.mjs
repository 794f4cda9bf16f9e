// Packs the package as npm would publish it, and unpacks it where the browser suites take it from.

import { execFileSync } from "node:child_process";
import { mkdirSync, rmSync } from "node:fs";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../../", import.meta.url));
const folder = fileURLToPath(new URL("../../build/browser/", import.meta.url));

rmSync(folder, { recursive: true, force: true });
mkdirSync(folder, { recursive: true });
const packed = execFileSync("npm", ["pack", "--ignore-scripts", "--json", "--pack-destination", folder], { cwd: root });
const [{ filename, files }] = JSON.parse(packed);
execFileSync("tar", ["-xzf", filename], { cwd: folder });
console.log(`${filename}: ${files.length} files, in build/browser/package`);
