// Are the tests worth anything? Each mutant of mutants.mjs, a small mistake in the kernel or the API, is made in a copy of the
// tree, which is then rebuilt and tested: first by the suites that are likely to notice, then by all. A mutant that survives
// must be explained. `npm run mutation`, with the options that `--help` lists.

import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { MUTANTS } from "./mutants.mjs";

const HELP = `npm run mutation -- [options]
  --check        only see that every mutant can be made, in a second
  --only TEXT    those whose name or file contains the text
  --first        only the suites named with a mutant, not all of them: for trying new ones
  --relaxed NODE also those of the relaxed binary, by this Node (22 or later); also if this one is
  --workers N    copies of the tree at work, 1 or 2 (default)`;

/** A mutant may make a loop endless. All suites take a minute or two on an idle machine. */
const LONGEST_MS = 15 * 60_000;

const root = fileURLToPath(new URL("../../", import.meta.url));
const { values: options } = parseArgs({
  options: {
    check: { type: "boolean" },
    only: { type: "string" },
    first: { type: "boolean" },
    relaxed: { type: "string" },
    workers: { type: "string", default: "2" },
    help: { type: "boolean" },
  },
});
if (options.help) {
  console.log(HELP);
  process.exit();
}
const relaxedNode =
  options.relaxed ?? (Number.parseInt(process.versions.node, 10) >= 22 ? process.execPath : undefined);

/** The files as they are now: whoever goes on working on the tree does not disturb. */
const sources = new Map(MUTANTS.map(({ file }) => [file, readFileSync(join(root, file), "utf8")]));

/** The text of the file with the mutant in it. */
function mutated({ name, file, text, replacement }) {
  const whole = sources.get(file);
  const parts = whole.split(text);
  if (parts.length !== 2)
    throw new Error(`${name}: its text must occur once in ${file}, and does ${parts.length - 1} times`);
  return parts.join(replacement);
}

const names = new Set();
const stale = [];
for (const mutant of MUTANTS) {
  if (names.has(mutant.name)) throw new Error(`two mutants are called "${mutant.name}"`);
  names.add(mutant.name);
  for (const suite of mutant.suites)
    if (!existsSync(join(root, `test/${suite}.test.ts`)))
      throw new Error(`${mutant.name}: there is no suite "${suite}"`);
  try {
    mutated(mutant);
  } catch ({ message }) {
    stale.push(message);
  }
}
if (stale.length > 0) {
  console.error(stale.join("\n"));
  process.exit(1);
}
const inKernel = MUTANTS.filter(({ file }) => file.startsWith("assembly/")).length;
console.log(`${MUTANTS.length} mutants, ${inKernel} of them in the kernel, can be made`);
if (options.check) process.exit();

/** Runs a command in a copy of the tree, quietly; its status, or "endless". */
function run(folder, command, parameters) {
  return new Promise((resolve) => {
    const child = spawn(command, parameters, { cwd: folder, stdio: ["ignore", "pipe", "pipe"], detached: true });
    let output = "";
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (data) => (output += data));
    const timer = setTimeout(() => {
      process.kill(-child.pid, "SIGKILL"); // and what it has started
      resolve({ status: "endless", output });
    }, LONGEST_MS);
    child.on("close", (status) => {
      clearTimeout(timer);
      resolve({ status, output });
    });
  });
}

const bin = (path) => join(root, "node_modules", path);
const COPIED = readdirSync(root).filter((name) => !["build", "node_modules", ".git"].includes(name));

/** A copy of the tree, built: build/mutation/1, 2. */
async function copyOfTree(number) {
  const folder = join(root, "build/mutation", String(number));
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  for (const name of COPIED) cpSync(join(root, name), join(folder, name), { recursive: true });
  symlinkSync(join(root, "node_modules"), join(folder, "node_modules"));
  const { status, output } = await run(folder, "npm", ["run", "--silent", "build"]);
  if (status !== 0) throw new Error(`the copy does not build\n${output}`);
  return folder;
}

const bundle = [process.execPath, [bin("rolldown/bin/cli.mjs"), "-c"]];

/** What a mutant in this file makes it necessary to build again. */
function stepsFor({ file }) {
  if (!file.startsWith("assembly/")) {
    const flags = ["--noCheck", "--declaration", "false", "--isolatedDeclarations", "false", "--removeComments"];
    return [[process.execPath, [bin("typescript/bin/tsc"), ...flags]], bundle];
  }
  const asc = [process.execPath, [bin("assemblyscript/bin/asc.js"), "--target", "template"]];
  return [asc, ...["strip", "embed"].map((name) => [process.execPath, [`assembly/${name}.mjs`]]), bundle];
}

/** Of all that is built for Node and runs: to notice a mutant that changes nothing. */
function fingerprint(folder) {
  const hash = createHash("sha256");
  for (const name of ["simd.wasm", "relaxed.wasm"]) hash.update(readFileSync(join(folder, "build", name)));
  const modules = join(folder, "build/modules");
  for (const name of readdirSync(modules).sort())
    if (name.endsWith(".js")) hash.update(readFileSync(join(modules, name)));
  return hash.digest("hex");
}

/** Undefined if all tests pass, or which one does not. */
async function firstFailure(folder, node, suites) {
  const report = join(folder, "build/report.json");
  rmSync(report, { force: true });
  const parameters = ["run", "--bail", "1", "--maxWorkers", "1", "--reporter", "json", "--outputFile", report];
  const { status, output } = await run(folder, node, [bin("vitest/vitest.mjs"), ...parameters, ...suites]);
  if (status === 0) return undefined;
  if (status === "endless") return "(endless)";
  if (!existsSync(report)) return `(no report: ${output.trim().split("\n").at(-1)})`;
  for (const { name, assertionResults, message } of JSON.parse(readFileSync(report, "utf8")).testResults) {
    const suite = name.slice(name.lastIndexOf("/") + 1).replace(".test.ts", "");
    const failed = assertionResults.find((result) => result.status === "failed");
    if (failed !== undefined) return `${suite}: ${failed.fullName}`;
    if (message) return `${suite}: ${message.split("\n", 1)[0]}`;
  }
  return "(an error outside of any test)";
}

async function judge(mutant, folder, original) {
  const node = mutant.on === "relaxed" ? relaxedNode : process.execPath;
  const path = join(folder, mutant.file);
  const before = readFileSync(path);
  writeFileSync(path, mutated(mutant));
  try {
    for (const [command, parameters] of stepsFor(mutant)) {
      const { status, output } = await run(folder, command, parameters);
      if (status !== 0) return { fate: "broken", by: `it does not build: ${output.trim().split("\n", 1)[0]}` };
    }
    if (fingerprint(folder) === original) return { fate: "survived", by: "(it builds to the same bytes)" };
    let by;
    for (const suite of mutant.suites) by ??= await firstFailure(folder, node, [`test/${suite}.test.ts`]);
    if (!options.first) by ??= await firstFailure(folder, node, []);
    return by === undefined ? { fate: "survived", by: "" } : { fate: "killed", by };
  } finally {
    writeFileSync(path, before);
  }
}

const chosen = MUTANTS.filter(({ name, file, on }) => {
  if (on === "relaxed" && relaxedNode === undefined) return false;
  return options.only === undefined || name.includes(options.only) || file.includes(options.only);
});
const results = new Map();
const queue = [...chosen];

async function work(number) {
  const folder = await copyOfTree(number);
  const original = fingerprint(folder);
  let built; // what the last mutant left behind
  for (let mutant = queue.shift(); mutant !== undefined; mutant = queue.shift()) {
    if (built !== undefined && stepsFor(built)[0][1].join() !== stepsFor(mutant)[0][1].join())
      await restore(folder, built);
    const began = Date.now();
    const result = await judge(mutant, folder, original);
    built = mutant;
    results.set(mutant, result);
    const seconds = Math.round((Date.now() - began) / 1000);
    const explained = result.fate === "survived" && mutant.equivalent !== undefined ? " (explained)" : "";
    console.log(
      `${results.size}/${chosen.length} ${result.fate}${explained} in ${seconds} s: ${mutant.name} · ${result.by}`,
    );
  }
}

/** Builds again, from sources that are the original ones. */
async function restore(folder, mutant) {
  for (const [command, parameters] of stepsFor(mutant)) await run(folder, command, parameters);
}

await Promise.all(Array.from({ length: Math.min(2, Math.max(1, Number(options.workers))) }, (_, i) => work(i + 1)));

console.log("\n| mutant | file | fate | by |\n| --- | --- | --- | --- |");
let bad = 0;
const counts = { killed: 0, explained: 0 };
for (const mutant of chosen) {
  const { fate, by } = results.get(mutant);
  const isExplained = fate === "survived" && mutant.equivalent !== undefined;
  if (fate === "killed" && mutant.equivalent === undefined) counts.killed++;
  else if (isExplained) counts.explained++;
  else bad++;
  const told = fate === "killed" && mutant.equivalent !== undefined ? "killed, though it is explained" : fate;
  console.log(
    `| ${mutant.name} | ${mutant.file} | ${isExplained ? "explained" : told} | ${isExplained ? mutant.equivalent : by} |`,
  );
}
const left = MUTANTS.length - chosen.length;
console.log(`\n${counts.killed} killed, ${counts.explained} explained, ${bad} survived or broken, ${left} not tried`);
process.exitCode = bad === 0 ? 0 : 1;
