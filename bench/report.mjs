// node bench/report.mjs [RECORD] [--print]
// From a record of npm run bench (unless named, the newest full one that nobody has called disturbed): the README's tables,
// written between its bench markers (--print: only printed), and the chart bench/record/chart.svg. Speed and error come from the
// same rows.

import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { install } from "./install.mjs";
import { axisLabel, axisShapes, grid, label, logShapes } from "./shapes.mjs";

const { values: flags, positionals } = parseArgs({ allowPositionals: true, options: { print: { type: "boolean" } } });
const FOLDER = new URL("record/", import.meta.url);
const README = new URL("../README.md", import.meta.url);
const START = "<!-- bench:start -->";
const END = "<!-- bench:end -->";

/** Whom the table of operations names. */
const OPERATION_SYSTEMS = [
  "relaxed, arena",
  "simd, arena",
  "onnxruntime-node, 1 thread",
  "onnxruntime-web, wasm",
  "tfjs-backend-wasm, read",
  "plain loop",
];

const record = JSON.parse(readFileSync(positionals[0] ?? newest(), "utf8"));
const shapes = grid
  .filter((shape) => shape.table)
  .map(({ rows, cols }) => record.grid.shapes.find((shape) => shape.rows === rows && shape.cols === cols))
  .filter((shape) => shape !== undefined);
const names = [...new Set(shapes.flatMap(({ systems }) => systems.map(({ name }) => name)))];

/** Our systems are named by their back end; here they need the package's name too. */
const titles = Object.fromEntries(names.map((name) => [name, isOurs(name) ? `softmax-wasm, ${name}` : name]));

writeTable();
await writeChart();

function newest() {
  const names = existsSync(FOLDER) ? readdirSync(FOLDER).filter((name) => name.endsWith(".json")) : [];
  const isFull = ({ quick, disturbed, grid, operations }) =>
    !quick && disturbed === undefined && grid !== undefined && operations !== undefined;
  const full = names.filter((name) => isFull(JSON.parse(readFileSync(new URL(name, FOLDER), "utf8"))));
  if (full.length === 0) throw new Error("bench/record/ has no full record: npm run bench");
  return new URL(full.sort().at(-1), FOLDER);
}

function isOurs(name) {
  return /^(relaxed|simd|js), /.test(name);
}

function measured(shape, name) {
  return shape.systems.find((system) => system.name === name) ?? {};
}

function writeTable() {
  const cell = (shape, name) => {
    const { nsPerElement, maxUlp, wrong } = measured(shape, name);
    if (wrong !== undefined) return "wrong";
    if (nsPerElement === undefined) return "";
    const speed = nsPerElement.median.toFixed(nsPerElement.median < 9.95 ? 2 : 1);
    return maxUlp === undefined
      ? speed
      : `${isOurs(name) ? `**${speed}**` : speed} · ${maxUlp.toFixed(maxUlp < 9.95 ? 1 : 0)}`;
  };
  const lines = [
    `| ns per element · largest error, ULP | ${shapes.map(({ cols }) => `${cols.toLocaleString("en")} columns`).join(" | ")} |`,
    `|---|${shapes.map(() => "--:").join("|")}|`,
    ...names.map((name) => `| ${titles[name]} | ${shapes.map((shape) => cell(shape, name)).join(" | ")} |`),
    ...operationLines(),
    "",
    `${record.date.slice(0, 10)}, Node ${record.node.slice(1)}, ${record.cpu}, one thread unless stated otherwise; medians of interleaved` +
      " rounds. `npm run bench` repeats it, and says what each timing includes.",
    `onnxruntime ${record.rivals["onnxruntime-node"]}, TensorFlow.js ${record.rivals["@tensorflow/tfjs-core"]} (its result read into an array, or kept` +
      " in its memory); memory copy: the batch copied, nothing computed.",
  ];
  const text = lines.join("\n");
  const readme = existsSync(README) ? readFileSync(README, "utf8") : "";
  const start = readme.indexOf(START);
  const end = readme.indexOf(END);
  if (flags.print || start < 0 || end < start) return console.log(text);
  writeFileSync(README, `${readme.slice(0, start + START.length)}\n${text}\n${readme.slice(end)}`);
  console.log("README.md: table written");
}

/** One small table of what there is beside softmax of the last axis; nothing from a record without that section. */
function operationLines() {
  const { logarithms = [], axis = [] } = record.operations ?? {};
  const columns = [
    ...["logSoftmax", "logSumExp"].flatMap((operation) =>
      logShapes
        .filter((shape) => shape.table)
        .map((shape) => ({
          title: `${operation}, ${label(shape)}`,
          systems: logarithms.find((one) => one.operation === operation && label(one) === label(shape))?.systems,
        })),
    ),
    ...axisShapes
      .filter((shape) => shape.table)
      .map((shape) => ({
        title: `softmax, ${axisLabel(shape)}`,
        systems: axis.find((one) => axisLabel(one) === axisLabel(shape))?.systems,
      })),
  ].filter(({ systems }) => systems !== undefined);
  if (columns.length === 0) return [];
  const cell = (name, systems) => {
    const { nsPerElement, wrong } = systems.find((system) => system.name === name) ?? {};
    if (wrong !== undefined) return "wrong";
    if (nsPerElement === undefined) return "";
    const speed = nsPerElement.median.toFixed(nsPerElement.median < 9.95 ? 2 : 1);
    return isOurs(name) ? `**${speed}**` : speed;
  };
  return [
    "",
    `| ns per element | ${columns.map(({ title }) => title).join(" | ")} |`,
    `|---|${columns.map(() => "--:").join("|")}|`,
    ...OPERATION_SYSTEMS.map(
      (name) =>
        `| ${isOurs(name) ? `softmax-wasm, ${name}` : name} | ${columns.map(({ systems }) => cell(name, systems)).join(" | ")} |`,
    ),
  ];
}

async function writeChart() {
  install("chart");
  const { draw } = await import("./chart/draw.mjs");
  const points = shapes.flatMap((shape) =>
    names.map((name) => {
      const { nsPerElement, maxUlp } = measured(shape, name);
      return { system: titles[name], isOurs: isOurs(name), cols: shape.cols, ns: nsPerElement?.median, ulp: maxUlp };
    }),
  );
  mkdirSync(FOLDER, { recursive: true });
  const path = new URL("chart.svg", FOLDER);
  writeFileSync(path, draw(points));
  console.log(fileURLToPath(path));
}
