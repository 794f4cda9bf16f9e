// npm run bench [-- --quick] [--only WORD …] [--no-record]
// Measures this package and its rivals side by side, prints tables, and writes a dated record to bench/record/.
// WORD is a section (grid, operations, call, hurt, first, crossover), or a part of the name of a shape ("x1000") or of a system ("tfjs").

import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { cpus, loadavg } from "node:os";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { install, versionsIn } from "./install.mjs";
import { heading, progress, progressDone } from "./print.mjs";
import * as call from "./sections/call.mjs";
import * as crossover from "./sections/crossover.mjs";
import * as first from "./sections/first.mjs";
import * as gridSection from "./sections/grid.mjs";
import * as hurt from "./sections/hurt.mjs";
import * as operations from "./sections/operations.mjs";
import {
  axisLabel,
  axisShapes,
  firstShapes,
  grid,
  hurtShapes,
  label,
  logShapes,
  optionShapes,
  shapeLabel,
} from "./shapes.mjs";
import { systems as allSystems, runnable } from "./systems.mjs";

const sections = { grid: gridSection, operations, call, hurt, first, crossover };
const ROOT = new URL("../", import.meta.url);

const { values: flags } = parseArgs({
  allowNegative: true,
  options: {
    quick: { type: "boolean", default: false },
    only: { type: "string", multiple: true, default: [] },
    record: { type: "boolean", default: true },
  },
});

if (!existsSync(new URL("build/esm/binaries.js", ROOT))) throw new Error("nothing is built yet: npm run build");
install("peers");

const labels = [
  ...[...grid, ...logShapes, ...hurtShapes, ...firstShapes].map(label),
  ...axisShapes.map(axisLabel),
  ...optionShapes.map(shapeLabel),
];
const only = { sections: [], shapes: [], systems: [] };
for (const word of flags.only) {
  if (word in sections) only.sections.push(word);
  else if (labels.some((name) => name.includes(word))) only.shapes.push(word);
  else if (allSystems.some(({ name }) => name.includes(word))) only.systems.push(word);
  else throw new Error(`--only ${word}: no section, shape or system has that in its name`);
}
const wants = (words, name) =>
  words.length === 0 || words.some((word) => (labels.includes(word) ? name === word : name.includes(word)));

const started = new Date();
progress("loading every system");
const { present, absent } = await runnable(allSystems.filter(({ name }) => wants(only.systems, name)));
progressDone();

const environment = await describe(present);
printEnvironment(environment, present, absent);

const context = { quick: flags.quick, systems: present, wantsShape: (name) => wants(only.shapes, name) };
const results = {};
const sectionSeconds = {};
for (const [name, section] of Object.entries(sections))
  if (wants(only.sections, name)) {
    const start = performance.now();
    results[name] = await section.run(context);
    sectionSeconds[name] = Math.round((performance.now() - start) / 1000);
  }

const seconds = Math.round((Date.now() - started) / 1000);
console.log(
  `\n${seconds} s: ${Object.entries(sectionSeconds)
    .map(([name, taken]) => `${name} ${taken}`)
    .join(", ")}`,
);
if (flags.record) writeRecord();

/** What the figures depend on. */
async function describe(systems) {
  const { defaultEngine } = await import("../build/esm/index.js");
  const { backend, reason } = defaultEngine();
  const kernels = ["simd", "relaxed"].map((name) => {
    const bytes = readFileSync(new URL(`build/${name}.wasm`, ROOT));
    return [name, { bytes: bytes.length, sha256: createHash("sha256").update(bytes).digest("hex").slice(0, 16) }];
  });
  return {
    date: started.toISOString(),
    node: process.version,
    v8: process.versions.v8,
    cpu: cpus()[0].model,
    cores: cpus().length,
    platform: `${process.platform} ${process.arch}`,
    loadAtStart: loadavg()[0],
    commit: commit(),
    defaultBackend: { backend, reason },
    kernels: Object.fromEntries(kernels),
    rivals: versionsIn("peers"),
    includes: Object.fromEntries(systems.map(({ name, includes }) => [name, includes])),
  };
}

function commit() {
  const git = (...words) => execFileSync("git", words, { cwd: ROOT, encoding: "utf8" }).trim();
  try {
    const changed = git("status", "--porcelain", "--", "src", "assembly") !== "";
    return git("rev-parse", "--short", "HEAD") + (changed ? " + changes" : "");
  } catch {
    return "unknown";
  }
}

function printEnvironment(environment, present, absent) {
  const { date, node, v8, cpu, cores, platform, commit, defaultBackend, kernels, loadAtStart } = environment;
  heading(`softmax-wasm bench${flags.quick ? ", quick" : ""}`);
  console.log(`  ${date}   Node ${node}   V8 ${v8}   ${cpu}, ${cores} cores   ${platform}   commit ${commit}`);
  console.log(`  default back end: ${defaultBackend.backend} (${defaultBackend.reason})`);
  console.log(
    `  kernels: ${Object.entries(kernels)
      .map(([name, { bytes }]) => `${name} ${bytes} bytes`)
      .join(", ")}`,
  );
  console.log(`  load when it started: ${loadAtStart.toFixed(2)} (0 is a quiet machine)`);
  heading("What a timing includes");
  for (const { name, includes } of present) console.log(`  ${name}: ${includes}`);
  for (const { name, reason } of absent) console.log(`  ${name}: not here: ${reason}`);
}

function writeRecord() {
  const day = started.toISOString().slice(0, 16).replace(":", "");
  const name = `${day}-node-${process.versions.node}${flags.quick ? "-quick" : ""}.json`;
  const folder = new URL("record/", import.meta.url);
  mkdirSync(folder, { recursive: true });
  const record = {
    format: 1,
    quick: flags.quick,
    only: flags.only,
    seconds,
    sectionSeconds,
    ...environment,
    absent,
    ...results,
  };
  writeFileSync(new URL(name, folder), `${JSON.stringify(record, rounded, 1)}\n`);
  console.log(`record: ${fileURLToPath(new URL(name, folder))}`);
}

/** Five significant digits are more than any of these figures has. */
function rounded(_key, value) {
  return typeof value === "number" && !Number.isInteger(value) ? Number(value.toPrecision(5)) : value;
}
