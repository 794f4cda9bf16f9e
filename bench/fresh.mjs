// Runs a file of this folder in a process of its own, with one JSON argument, and returns the JSON it prints.

import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

/** Seen twice on Node 24: a process that has printed its answer and waits for itself at its end, for ever. */
const LONGEST_MS = 120_000;

export function inFreshProcess(file, argument) {
  const path = fileURLToPath(new URL(file, import.meta.url));
  const { status, error, stdout, stderr } = spawnSync(process.execPath, [path, JSON.stringify(argument)], {
    encoding: "utf8",
    timeout: LONGEST_MS,
    killSignal: "SIGKILL",
  });
  const answer = stdout.trim().split("\n").at(-1);
  if (status === 0 || (error?.code === "ETIMEDOUT" && answer !== "")) return JSON.parse(answer);
  throw new Error(`${file} failed: ${error?.message ?? stderr.trim().split("\n").at(-1)}`);
}
