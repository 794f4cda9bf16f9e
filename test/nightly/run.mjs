// `npm run nightly`: more cases of the properties and more random programs than anyone waits for, with a seed that is new each time (or
// that of `-- --seed N`), on every back end. What fails is added to test/counterexamples.json: commit it with what mends it.

import { spawnSync } from "node:child_process";
import { randomInt } from "node:crypto";
import { parseArgs } from "node:util";
import { nodeOf } from "../package/engines.mjs";
import { root } from "../package/tarball.mjs";

const CASES = 32; // of each property, operation, layout, path and back end: 100,000 in all on two back ends, 150,000 on three
const PROGRAMS = 20_000;

const { values: options } = parseArgs({ options: { seed: { type: "string" } } });
const seed = Number(options.seed ?? randomInt(2 ** 32)) >>> 0;
/** One that can run all back ends. */
const node = Number.parseInt(process.versions.node, 10) < 22 ? nodeOf(24) : process.execPath;

console.log(`npm run nightly -- --seed ${seed}`);
const env = { ...process.env, SEED: seed, CASES, PROGRAMS, KEEP: "1" };
const run = (...parameters) => spawnSync(node, parameters, { cwd: root, env, stdio: "inherit" }).status;
const status = run("node_modules/vitest/vitest.mjs", "run", "--config", "test/nightly/vitest.config.mjs");
if (status !== 0) run("node_modules/@biomejs/biome/bin/biome", "format", "--write", "test/counterexamples.json");
console.log(`${status === 0 ? "nothing failed" : "FAILED"}: npm run nightly -- --seed ${seed}`);
process.exitCode = status ?? 1;
