// Rivals and the chart's library are not dependencies of the package: the bench installs them, once, into the folder that
// needs them. Install scripts stay off: onnxruntime-node's would fetch GPU libraries, and its CPU binary is in the package.

import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const folderOf = (name) => fileURLToPath(new URL(name, import.meta.url));
const manifest = (folder) => JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));

/** Versions of the direct dependencies of bench/`name`, as installed; `undefined` for one that is not. */
export function versionsIn(name) {
  const folder = folderOf(name);
  const installed = Object.keys(manifest(folder).dependencies).map((dependency) => {
    const at = join(folder, "node_modules", dependency);
    return [dependency, existsSync(at) ? manifest(at).version : undefined];
  });
  return Object.fromEntries(installed);
}

/** Installs what bench/`name`/package.json asks for, unless it is there. */
export function install(name) {
  const folder = folderOf(name);
  const wanted = Object.entries(manifest(folder).dependencies);
  const installed = versionsIn(name);
  if (wanted.every(([dependency, version]) => installed[dependency] === version)) return;
  console.error(`installing ${wanted.map((pair) => pair.join("@")).join(", ")} into bench/${name} (once) …`);
  const flags = ["--ignore-scripts", "--no-audit", "--no-fund"];
  const options = { cwd: folder, stdio: ["ignore", "ignore", "inherit"], shell: process.platform === "win32" };
  const { status } = spawnSync("npm", ["ci", ...flags], options);
  if (status !== 0) throw new Error(`npm ci failed in bench/${name}`);
}
