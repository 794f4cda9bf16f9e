// Engines and bundlers are no dependencies of the package: each comes, once, into a folder of its own under build/. Install
// scripts stay off: nothing that is used here needs one.

import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { build, run } from "./tarball.mjs";

const FLAGS = ["--no-package-lock", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"];

/** The folder, below build/, of an install of `dependencies` (name → exact version). */
export function install(name, dependencies) {
  const folder = join(build, name);
  const wanted = JSON.stringify({ private: true, type: "module", dependencies });
  const stamp = join(folder, "installed.json"); // written last: an install that was cut off is done again
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === wanted) return folder;
  console.log(`installing ${Object.keys(dependencies).join(", ")} into build/${name} (once) …`);
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "package.json"), wanted);
  run("npm", ["install", ...FLAGS], { cwd: folder });
  writeFileSync(stamp, wanted);
  return folder;
}
