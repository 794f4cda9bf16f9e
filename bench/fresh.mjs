// Runs a file of this folder in a process of its own, with one JSON argument, and returns the JSON it prints.

import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

export function inFreshProcess(file, argument) {
  const path = fileURLToPath(new URL(file, import.meta.url));
  const { status, stdout, stderr } = spawnSync(process.execPath, [path, JSON.stringify(argument)], {
    encoding: "utf8",
  });
  if (status !== 0) throw new Error(`${file} failed: ${stderr.trim().split("\n").at(-1)}`);
  return JSON.parse(stdout.trim().split("\n").at(-1));
}
