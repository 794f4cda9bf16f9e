// What our options cost beside plain softmax of the same batch: for each of our systems, all options in turn.

import { compare } from "../comparison.mjs";
import { bitsNear, halves, widened } from "../half.mjs";
import { generator, logits } from "../inputs.mjs";
import { speedup } from "../measure.mjs";
import { engineOf } from "../ours.mjs";
import { heading, progress, short, table } from "../print.mjs";
import { optionShapes, problemOf, shapeLabel } from "../shapes.mjs";
import { truthOf } from "../truth.mjs";

const PLAIN = "plain";

/** Elements between rows, in the case of rows that are apart. */
const GAP = 4;

/**
 * Each: what it is called; its options, for a batch; what a logit becomes, where that is not itself; and the formats of input and
 * answer, where they are not float32.
 */
const cases = [
  { name: PLAIN },
  {
    name: "temperature",
    options: () => ({ temperature: 0.7 }),
    changed: (x) => x / 0.7,
  },
  {
    name: "temperature of each row",
    options: ({ rows, random }) => ({ temperature: Float32Array.from({ length: rows }, () => 0.5 + random()) }),
    changed: (x, { row }, { temperature }) => x / temperature[row],
  },
  {
    name: "mask, full",
    options: ({ rows, cols, random }) => ({ mask: Uint8Array.from({ length: rows * cols }, someKept(cols, random)) }),
    changed: (x, { at }, { mask }) => (mask[at] ? x : -Infinity),
  },
  {
    name: "mask, one row",
    options: ({ cols, random }) => ({ mask: Uint8Array.from({ length: cols }, someKept(cols, random)) }),
    changed: (x, { col }, { mask }) => (mask[col] ? x : -Infinity),
  },
  {
    name: "lengths",
    options: ({ rows, cols, random }) => ({
      lengths: Uint32Array.from({ length: rows }, () => 1 + Math.floor(cols * random())),
    }),
    changed: (x, { row, col }, { lengths }) => (col < lengths[row] ? x : -Infinity),
  },
  {
    name: "causal",
    options: ({ shape }) => ({ shape, causal: 0 }),
    changed: (x, { row, col }, { shape }) => (col <= row % shape.at(-2) ? x : -Infinity),
  },
  {
    name: "bias, full",
    options: ({ rows, cols, random }) => ({ bias: Float32Array.from({ length: rows * cols }, () => 4 * random() - 2) }),
    changed: (x, { at }, { bias }) => x + bias[at],
  },
  {
    name: "bias, one row",
    options: ({ cols, random }) => ({ bias: Float32Array.from({ length: cols }, () => 4 * random() - 2) }),
    changed: (x, { col }, { bias }) => x + bias[col],
  },
  { name: "rows apart", isApart: true, options: ({ cols }) => ({ rowStride: cols + GAP }) },
  { name: "float16 in", from: "float16" },
  { name: "float16 out", to: "float16" },
  { name: "float16 in and out", from: "float16", to: "float16" },
  { name: "bfloat16 in and out", from: "bfloat16", to: "bfloat16" },
];

/** Half of the elements, and the first of each row. */
function someKept(cols, random) {
  return (_, i) => (i % cols === 0 || random() < 0.5 ? 1 : 0);
}

export async function options({ systems, wants, budget }) {
  const ours = systems.filter(({ isOurs }) => isOurs);
  const results = [];
  if (ours.length === 0) return results;
  for (const shape of optionShapes) {
    if (!wants(shape, shapeLabel)) continue;
    const prepared = prepare(shape);
    const lines = [];
    for (const system of ours) lines.push(await measure(system, shape, prepared, budget));
    results.push({ ...shape, systems: lines });
    print(results.at(-1));
  }
  return results;
}

/** Inputs, options and true values, which are the same for all systems. */
function prepare({ shape }) {
  progress(`options, ${shapeLabel({ shape })}: true values`);
  const problem = problemOf(shape);
  const { rows, cols } = problem;
  const plain = logits(rows, cols);
  return cases.map(({ name, options = () => ({}), changed = (x) => x, isApart = false, from, to }) => {
    const given = { cols, ...options({ shape, rows, cols, random: generator(rows + cols) }) };
    if (given.shape) delete given.cols;
    if (from ?? to) given.dtype = from ?? to;
    const bits = from && bitsNear(plain, halves[from]);
    const values = bits ? widened(bits, halves[from]) : plain;
    const meant = values.map((x, at) => changed(x, { at, row: Math.floor(at / cols), col: at % cols }, given));
    const input = bits ?? (isApart ? apart(plain, cols) : plain);
    return { name, problem, given, input, to, truth: truthOf(problem, meant), format: halves[to] };
  });
}

function apart(batch, cols) {
  const stride = cols + GAP;
  const result = new Float32Array((batch.length / cols) * stride);
  for (let row = 0; row < batch.length / cols; row++)
    result.set(batch.subarray(row * cols, (row + 1) * cols), row * stride);
  return result;
}

async function measure(system, { shape }, prepared, budget) {
  const { name, backend, inArena } = system;
  const engine = await engineOf(backend);
  const taking = prepared.map(({ given, to, input, ...one }) => ({
    ...one,
    input: one.truth.values, // only counted
    system: { prepare: () => task(engine, inArena, one.problem, input, given, to) },
  }));
  const results = await compare(`options, ${shapeLabel({ shape })}, ${name}`, taking, budget);
  const plain = results.find((result) => result.name === PLAIN);
  for (const result of results)
    if (result.milliseconds && plain.milliseconds) result.ratio = speedup(plain.milliseconds, result.milliseconds);
  return { name, cases: results };
}

/** In an arena: input and answer. Other arrays are ordinary ones. */
function task(engine, inArena, { rows, cols }, input, given, to) {
  const length = rows * cols;
  const arena = inArena ? engine.createArena(4 * (input.length + length) + 64) : undefined;
  const place = (Kind, size) => {
    if (arena === undefined) return new Kind(size);
    const floats = arena.alloc(Math.ceil((size * Kind.BYTES_PER_ELEMENT) / 4));
    return new Kind(floats.buffer, floats.byteOffset, size);
  };
  const x = place(input.constructor, input.length);
  const out = place(to ? Uint16Array : Float32Array, length);
  x.set(input);
  const options = { ...given, out };
  return {
    run: () => engine.softmax(x, options),
    output: () => (to ? widened(out, halves[to]) : out),
    dispose: () => arena?.dispose(),
  };
}

function print({ shape, why, systems }) {
  heading(`Options, softmax of ${shapeLabel({ shape })} (${why}): ns per element (times as long as plain)`);
  const cell = ({ nsPerElement, ratio, wrong }) =>
    wrong === undefined ? `${short(nsPerElement.median)} (×${short(ratio)})` : "wrong";
  table(
    ["", ...systems.map(({ name }) => name), "max ULP"],
    cases.map(({ name }, which) => [
      name,
      ...systems.map((system) => cell(system.cases[which])),
      short(Math.max(...systems.map((system) => system.cases[which].maxUlp ?? Number.NaN))),
    ]),
  );
  console.log("  Elements that are dropped count too. ULP are those of the answer's format.");
  for (const { name, cases } of systems)
    for (const { name: option, wrong } of cases)
      if (wrong !== undefined) console.log(`  ${name}, ${option}: not timed, wrong: ${wrong}`);
}
