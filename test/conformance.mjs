// node test/conformance.mjs DIR
// Runs the cases in DIR/*.json, published by others, on every back end that runs here, or says why it does not run one.
// A case: { id, op, dtype, shape, axis, axes?, rows, cols, input | generate, expected…, tolerance, rowwise?, verified? }, with
// NaN and infinities as strings. A case that this program does not understand counts as failed.
//
// Rows: those of `rows` and `cols` if these say something else than `shape` and `axis` (older ONNX flattens); otherwise those of
// `shape` and `axis`, whatever the axis; `rowwise`, the same case with the axis moved last, is run as well.
//
// Values that whoever collected the cases found wrong: where `verified.ok` is false, `verified.mismatches` lists
// [index, recorded, verified], and the verified value, rounded to float32, counts in place of the recorded one.

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { createEngineSync } from "softmax-wasm";

/** What the library has, by the name that cases use. */
const OPERATIONS = {
  softmax: (engine, input, options) => engine.softmax(input, options),
  logsoftmax: (engine, input, options) => engine.logSoftmax(input, options),
  logsumexp: (engine, input, options) => engine.logSumExp(input, options),
};

/** How rows are generated, by the members of `generate`. */
const RECIPES = {
  fill_each_of: constants,
  "fill,set,variants": constantWithMaximum,
  "counts,every_row_identical,filler,start,top_values": runsOfTopValues,
};
const VARIANTS = "repeat with the maximum at index 0, n-1, n>>1";
const FORMULA = /^\|y-e\| <= \((\d+) \+ \(max-x_i\)\) \* 2\^-24 \* e$/;
const SPECIAL = ["NaN", "Infinity", "-Infinity"];
const bits = new DataView(new ArrayBuffer(8));

/** Why a case cannot be run. Any other error in preparing it means that it is not understood. */
class Skip extends Error {}

try {
  if (process.argv.length !== 3) throw new Error("expected a folder: node test/conformance.mjs DIR");
  main(process.argv[2]);
} catch (error) {
  console.error(`conformance: ${error.message}`);
  process.exitCode = 1;
}

function main(folder) {
  const names = readdirSync(folder).filter((name) => name.endsWith(".json"));
  const files = names.filter((name) => name !== "index.json").sort();
  if (files.length < names.length) console.log("index.json is left out: it lists the other files");
  const tests = files.map((file) => ({ file, cases: readCases(join(folder, file)) }));
  const engines = ["relaxed", "simd", "js"].flatMap(start);
  const width = Math.max(4, ...files.map((file) => file.length));
  console.log(`${"file".padEnd(width)}  back end  passed  failed  skipped  worst ULP  skipped because`);
  const tallies = tests.flatMap(({ file, cases }) => runFile(file, cases, engines, width));
  for (const failure of tallies.flatMap(({ failures }) => failures)) console.log(failure);
  const total = (name) => tallies.reduce((sum, tally) => sum + tally[name], 0);
  if (total("passed") + total("failed") === 0) console.log(`No case of ${folder} was run.`);
  if (total("passed") === 0 || total("failed") > 0) process.exitCode = 1;
  console.log(`${total("passed")} passed, ${total("failed")} failed, ${total("skipped")} skipped`);
}

function readCases(path) {
  try {
    const { cases, case_count: count } = JSON.parse(readFileSync(path, "utf8"));
    if (!Array.isArray(cases)) throw new Error('it has no list of "cases"');
    if (cases.length !== (count ?? cases.length))
      throw new Error(`it has ${cases.length} cases, and "case_count" says ${count}`);
    return cases;
  } catch (cause) {
    throw new Error(`${path} cannot be read: ${cause.message}`);
  }
}

function start(backend) {
  try {
    return [createEngineSync({ backend })];
  } catch (error) {
    console.log(`${backend} is left out: ${error.message}`);
    return [];
  }
}

function runFile(file, cases, engines, width) {
  const tallies = engines.map(() => ({ passed: 0, failed: 0, skipped: 0, worst: 0, reasons: {}, failures: [] }));
  for (const test of cases) {
    const prepared = attempt(() => prepare(test));
    for (const [index, engine] of engines.entries()) count(tallies[index], file, test, prepared, engine);
  }
  for (const [index, { passed, failed, skipped, worst, reasons }] of tallies.entries()) {
    const ulp = passed + failed === 0 ? "-" : worst.toFixed(2);
    const counts = `${right(passed, 6)}  ${right(failed, 6)}  ${right(skipped, 7)}  ${right(ulp, 9)}`;
    const why = Object.entries(reasons).map(([reason, times]) => `${times} × ${reason}`);
    console.log(`${file.padEnd(width)}  ${engines[index].backend.padEnd(8)}  ${counts}  ${why.join("; ")}`.trimEnd());
  }
  return tallies;
}

function right(value, width) {
  return String(value).padStart(width);
}

function attempt(action) {
  try {
    return { value: action() };
  } catch (error) {
    return { error };
  }
}

/** Runs a case, unless it could not be prepared, and counts it. */
function count(tally, file, test, { value: runs = [], error }, engine) {
  if (error instanceof Skip) {
    tally.skipped++;
    tally.reasons[error.message] = (tally.reasons[error.message] ?? 0) + 1;
    return;
  }
  const problems = error === undefined ? [] : [`not understood: ${error.message}`];
  for (const run of runs) {
    const result = attempt(() => OPERATIONS[test.op](engine, new Float32Array(run.input), run.options));
    const { worst = 0, problem } = result.error ? { problem: `threw ${result.error}` } : compare(result.value, run);
    tally.worst = Math.max(tally.worst, worst);
    if (problem !== undefined) problems.push(run.label + problem);
  }
  tally[problems.length === 0 ? "passed" : "failed"]++;
  const where = `FAILED ${file}, ${test?.id}, ${engine.backend}`;
  if (problems.length > 0) tally.failures.push(`${where} (${problems.length} of its runs):\n  ${problems[0]}`);
}

/** The runs a case asks for, in doubles: { label, input, expected, cols, inner, options, allowed }. */
function prepare(test) {
  const { op, dtype, scale = 1, generate, tolerance = {} } = test;
  if (typeof op !== "string") throw new Error(`op ${op}`);
  if (!Object.hasOwn(OPERATIONS, op)) throw new Skip(`the library has no ${op}`);
  if (dtype !== "float32" && dtype !== "float64") throw new Skip(`its dtype is ${dtype}`);
  if (scale !== 1) throw new Skip("the library has no scale");
  const allowed = allowedError(tolerance);
  const runs = (generate === undefined ? listed(test) : generated(test)).map((run) => ({ ...run, allowed }));
  if (dtype === "float64" && !runs.every((run) => survivesRounding(run, op)))
    throw new Skip("float64, and the tolerance is too fine for float32");
  return runs;
}

/** The error allowed: a function of the value wanted and of how far below its row's maximum the input is. */
function allowedError(tolerance) {
  const { exact, formula, ulp, mode = "", rtol = 0, atol = 0 } = tolerance;
  const constant = formula === undefined ? NaN : Number(FORMULA.exec(formula)?.[1]);
  const numeric = typeof rtol === "number" && typeof atol === "number" && ("rtol" in tolerance || "atol" in tolerance);
  const remark = !/^\w+$/.test(mode); // a mode in several words explains, and changes nothing
  if (constant >= 0) return (want, below) => (constant + below) * 2 ** -24 * Math.abs(want);
  if (formula !== undefined) throw new Error(`the formula ${JSON.stringify(formula)}`);
  if (exact === true) return (want) => Math.abs(Math.fround(want) - want);
  if (typeof ulp === "number") return (want) => ulp * ulpAt(want);
  if (numeric && mode === "or") return (want) => Math.max(atol, rtol * Math.abs(want));
  if (numeric && remark) return (want) => atol + rtol * Math.abs(want);
  throw new Error(`the tolerance ${JSON.stringify(tolerance)}`);
}

/** Whether rounding input and result to float32 moves the result by less than half of what is allowed. */
function survivesRounding({ input, expected, allowed }, op) {
  const moved = input.reduce((most, x) => Math.max(most, Math.abs(x - Math.fround(x)) || 0), 0); // 0: NaN, infinities
  const moves = (want) => 2 * moved * (op === "softmax" ? Math.abs(want) : 1) + Math.abs(want) * 2 ** -23;
  return expected.every((want) => !Number.isFinite(want) || moves(want) <= allowed(want, 0) / 2);
}

/** As listed, and as listed row by row. */
function listed(test) {
  const whole = { label: "", input: numbers(test.input), expected: corrected(test), ...layout(test) };
  const { rowwise, verified } = test;
  if (rowwise === undefined || verified?.ok === false) return [whole]; // corrections have the order of the case itself
  const { input, expected, rows, cols } = rowwise;
  if (rows * cols !== input.length) throw new Error(`row by row, ${rows} × ${cols} is not ${input.length}`);
  const values = { input: numbers(input), expected: numbers(expected) };
  return [whole, { label: "row by row: ", ...values, cols, inner: 1, options: { cols } }];
}

/** Where the rows lie. Those of a case with several axes lie one after the other, or it says nothing of rows. */
function layout({ input, shape, axis, axes, rows, cols }) {
  const along = axis ?? (axes?.length === 1 ? axes[0] : undefined);
  const after = along < 0 ? along + shape?.length : along;
  if (cols !== undefined && !(shape?.[after] === cols && after === shape.length - 1)) {
    if (rows * cols !== input.length) throw new Error(`${rows} × ${cols} is not ${input.length}`);
    return { cols, inner: 1, options: { cols } };
  }
  if (shape === undefined) throw new Error("neither a shape nor columns");
  if (axis === null && (axes ?? shape).length === shape.length) return { cols: input.length, inner: 1, options: {} };
  if (along === undefined) throw new Skip(`the library has no ${axes?.length ?? "unknown"} axes at once`);
  const inner = shape.slice(after + 1).reduce((product, size) => product * size, 1);
  return { cols: shape[after], inner, options: { shape, axis: along } };
}

/** What is expected, but for what was found wrong in it. */
function corrected({ expected, verified }) {
  const values = numbers(expected);
  if (verified?.ok !== false) return values;
  if (!(verified.mismatches?.length > 0)) throw new Error("verified.ok is false, and no mismatches are listed");
  for (const [index, recorded, value] of verified.mismatches) {
    if (!Object.is(values[index], Number(recorded))) throw new Error(`a mismatch at ${index}, where there is none`);
    values[index] = Math.fround(Number(value));
  }
  return values;
}

function numbers(list) {
  const unknown = list.find((value) => typeof value !== "number" && !SPECIAL.includes(value));
  if (unknown !== undefined) throw new Error(`the value ${JSON.stringify(unknown)}`);
  return Float64Array.from(list, Number);
}

function generated(test) {
  const members = Object.keys(test.generate).sort().join();
  if (!Object.hasOwn(RECIPES, members)) throw new Error(`the recipe "${members}"`);
  const { rows, cols } = test;
  const runs = RECIPES[members](test.generate, test).map(({ label, rest, spans }) => {
    const row = { input: new Float64Array(cols).fill(rest[0]), expected: new Float64Array(cols).fill(rest[1]) };
    for (const { from, to, value, want } of spans) {
      row.input.fill(value, from, to);
      row.expected.fill(want, from, to);
    }
    if (row.input.some(Number.isNaN) || row.expected.some(Number.isNaN)) throw new Error("a recipe that lacks a value");
    const batch = { input: repeated(row.input, rows), expected: repeated(row.expected, rows) };
    return { label, ...batch, cols, inner: 1, options: { cols } };
  });
  if (!runs.some(({ input }) => input.length > 0)) throw new Error("a recipe for nothing");
  return runs;
}

function repeated(row, rows) {
  const batch = new Float64Array(rows * row.length);
  for (let start = 0; start < batch.length; start += row.length) batch.set(row, start);
  return batch;
}

// Recipes give rows: what `rest` of the row is and shall become, and the same for spans of it.

function constants(generate, test) {
  return generate.fill_each_of.map((fill) => ({
    label: `fill ${fill}: `,
    rest: [fill, test.expected_each],
    spans: [],
  }));
}

function constantWithMaximum({ fill, set, variants }, { cols, expected_max: want, expected_rest: wantRest }) {
  if (variants !== VARIANTS || set.length !== 1) throw new Error(`variants "${variants}" of ${set.length}`);
  return [0, cols - 1, cols >> 1].map((from) => ({
    label: `maximum at ${from}: `,
    rest: [fill, wantRest],
    spans: [{ from, to: from + 1, value: set[0][1], want }],
  }));
}

function runsOfTopValues(generate, { cols, expected_top: wants, expected_filler: wantRest }) {
  const { filler, start, top_values: values, counts, every_row_identical: identical } = generate;
  let to = start;
  const spans = counts.map((length, index) => {
    const from = to;
    to += length;
    return { from, to, value: values[index], want: wants[index] };
  });
  if (identical !== true || !(start >= 0 && to <= cols)) throw new Error(`the recipe ${JSON.stringify(generate)}`);
  return [{ label: "", rest: [filler, wantRest], spans }];
}

/** The largest error in ULP, where the value wanted is a normal float32, and what is wrong, if anything. */
function compare(got, { input, expected, cols, inner, allowed }) {
  if (got.length !== expected.length) return { problem: `got ${got.length} values, want ${expected.length}` };
  const perElement = input.length === expected.length;
  const below = perElement ? distances(input, cols, inner) : [];
  const wrong = [];
  let worst = 0;
  for (let index = 0; index < got.length; index++) {
    const want = expected[index];
    const error = Object.is(got[index], want) ? 0 : Math.abs(got[index] - want);
    const size = Math.abs(want);
    const right = error === 0 || (size < Infinity && error <= allowed(want, perElement ? below[index] : 0));
    if (!right) wrong.push(index);
    if (size < 2 ** -126 || !(size < Infinity) || error <= worst * size * 2 ** -24) continue; // an ULP is more than size · 2⁻²⁴
    worst = Math.max(worst, Number.isNaN(error) ? Infinity : error / ulpAt(want));
  }
  const [first] = wrong;
  const problem = `index ${first}: got ${got[first]}, want ${expected[first]} (${wrong.length} of ${got.length} wrong)`;
  return { worst, problem: wrong.length > 0 ? problem : undefined };
}

/** How far each element is below the maximum of its row. */
function distances(input, cols, inner) {
  const below = new Float64Array(input.length);
  for (let start = 0; start < input.length; start += cols * inner)
    for (let row = start; row < start + inner; row++) {
      let maximum = -Infinity;
      for (let at = row; at < row + cols * inner; at += inner) maximum = Math.max(maximum, input[at]);
      for (let at = row; at < row + cols * inner; at += inner) below[at] = maximum - input[at];
    }
  return below;
}

/** One unit in the last place of a float32 at `value`, which is a double; 2^−149 below 2^−126. */
function ulpAt(value) {
  bits.setFloat64(0, Math.max(Math.abs(value), 2 ** -126));
  bits.setUint32(0, bits.getUint32(0) & 0x7ff00000);
  bits.setUint32(4, 0);
  return bits.getFloat64(0) * 2 ** -23;
}
