// The package as users get it: packed, and unpacked into the node_modules of projects that are not part of it.

import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export const root = fileURLToPath(new URL("../../", import.meta.url));
export const here = fileURLToPath(new URL(".", import.meta.url));
export const build = join(root, "build");
export const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));

/** Runs a command; throws, with all it printed, unless it ends with 0. Returns what it wrote to the standard output. */
export function run(command, parameters, options = {}) {
  const { status, signal, stdout, stderr, error } = spawnSync(command, parameters, {
    cwd: root,
    encoding: "utf8",
    maxBuffer: 2 ** 28,
    ...options,
  });
  if (status !== 0)
    throw new Error(`${command} ${parameters.join(" ")}: ${error ?? signal ?? `exit ${status}`}\n${stdout}${stderr}`);
  return stdout;
}

/** Packs what is built, into build/`name`. Returns the tarball's path. */
export function pack(name) {
  const folder = join(build, name);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  run("npm", ["pack", "--ignore-scripts", "--silent", "--pack-destination", folder]);
  return join(folder, `${manifest.name}-${manifest.version}.tgz`);
}

/** Unpacks a tarball to `folder`, as npm does. */
export function unpack(tarball, folder) {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  run("tar", ["-xzf", tarball, "--strip-components=1", "-C", folder]);
}

/** A new project in `folder`, with the packed package in its node_modules, the smoke suite, and these files. */
export function project(folder, tarball, files = {}, type = "module") {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  unpack(tarball, join(folder, "node_modules", manifest.name));
  cpSync(join(here, "smoke.mjs"), join(folder, "smoke.mjs"));
  write(folder, { "package.json": JSON.stringify({ private: true, type }), ...files });
}

/** Writes files, by their names, into `folder`. */
export function write(folder, files) {
  mkdirSync(folder, { recursive: true });
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
}

/** How many of the package's texts that stand for its kernels are in `code`. */
export function embeddedIn(code) {
  const texts = readFileSync(join(build, "esm/binaries.js"), "utf8").match(/[\w+/=]{1000,}/g);
  return texts.filter((text) => code.includes(text)).length;
}
