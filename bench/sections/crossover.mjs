// Section `crossover`: up to which row length four rows at a time beat one. Both kernels are measured at every length, from
// builds of assembly/ in which only the constant NARROW_COLS differs: 0 (always one row) and a large one (always four).

import { spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { variantOf } from "../../build/modules/variants.js";
import { logits } from "../inputs.mjs";
import { interleaved, speedup, spread } from "../measure.mjs";
import { heading, progress, progressDone, short, table } from "../print.mjs";
import { crossoverCols } from "../shapes.mjs";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const CONSTANT = /(NARROW_COLS: i32 = )(\d+)/;
/** assembly/operation.ts */
const SOFTMAX = 0;
/** The address of statistics that are known already, which softmax does not read. */
const NONE = 0;
const ELEMENTS = 400_000;
const WORK = 6144;
const DATA = 65536;

export async function run({ quick, systems }) {
  const budget = quick ? { rounds: 5, milliseconds: 2 } : { rounds: 15, milliseconds: 10 };
  const lengths = quick ? crossoverCols.filter((cols) => cols % 32 === 0) : crossoverCols;
  const present = ["relaxed", "simd"].filter((name) => systems.some(({ backend }) => backend === name));
  const names = quick ? present.slice(0, 1) : present; // most of the time here goes into building
  const current = narrowColumns();
  const results = [];
  for (const name of names) {
    progress(`crossover: building two kernels, ${name}`);
    const four = instance(build(name, Math.max(...lengths)));
    const one = instance(build(name, 0));
    for (const cols of lengths) {
      progress(`crossover: ${name}, ${cols} columns`);
      const rows = Math.floor(ELEMENTS / cols / 4) * 4;
      const tasks = [
        { name: "four", run: four(rows, cols) },
        { name: "one", run: one(rows, cols) },
      ];
      const times = await interleaved(tasks, { ...budget, seed: cols });
      const perElement = 1e6 / (rows * cols);
      results.push({
        backend: name,
        cols,
        four: spread(times.get("four"), perElement),
        one: spread(times.get("one"), perElement),
        gain: speedup(times.get("four"), times.get("one")),
      });
    }
  }
  progressDone();
  heading(`Crossover: ns per element, four rows at a time and one (now: four up to ${current} columns)`);
  table(
    ["", "four", "one", "four is faster by"],
    results.map(({ backend, cols, four, one, gain }) => [
      `${backend}, ${cols}`,
      short(four.median),
      short(one.median),
      `×${short(gain)}${gain >= 1 === cols <= current ? "" : "  <"}`,
    ]),
  );
  console.log("  <: the other kernel is the faster one at this length");
  return { current, lengths: results };
}

const sources = () => readdirSync(join(ROOT, "assembly")).map((file) => join("assembly", file));

function narrowColumns() {
  for (const file of sources()) {
    const found = CONSTANT.exec(readFileSync(join(ROOT, file), "utf8"));
    if (found) return Number(found[2]);
  }
  throw new Error("there is no NARROW_COLS in assembly/");
}

/** The binary `name` with another NARROW_COLS, built from a copy of the sources. */
function build(name, narrowCols) {
  const folder = mkdtempSync(join(tmpdir(), "softmax-crossover-"));
  try {
    cpSync(join(ROOT, "assembly"), join(folder, "assembly"), { recursive: true });
    cpSync(join(ROOT, "asconfig.json"), join(folder, "asconfig.json"));
    symlinkSync(join(ROOT, "node_modules"), join(folder, "node_modules"));
    for (const file of sources()) {
      const path = join(folder, file);
      writeFileSync(path, readFileSync(path, "utf8").replace(CONSTANT, `$1${narrowCols}`));
    }
    const compiler = join(ROOT, "node_modules/assemblyscript/bin/asc.js");
    const { status, stderr } = spawnSync(process.execPath, [compiler, "--target", "template"], {
      cwd: folder,
      encoding: "utf8",
    });
    if (status !== 0) throw new Error(`asc failed: ${stderr}`);
    return new WebAssembly.Module(variantOf(readFileSync(join(folder, "build/template.wasm")), name));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** rows, cols → a function that runs that batch once, in a memory of this kernel's own. */
function instance(module) {
  const pages = Math.ceil((DATA + 8 * ELEMENTS) / 65536);
  const memory = new WebAssembly.Memory({ initial: pages, maximum: pages });
  const kernel = new WebAssembly.Instance(module, { env: { memory } }).exports;
  return (rows, cols) => {
    new Float32Array(memory.buffer, DATA).set(logits(rows, cols));
    const stride = 4 * cols;
    return () => kernel.rows(SOFTMAX, DATA, DATA + 4 * ELEMENTS, rows, cols, stride, stride, NONE, NONE, WORK);
  };
}
