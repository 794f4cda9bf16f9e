// npm run sweep [-- --stride N] [--workers N]
// Runs every float32 that the kernel's exp can meet through build/simd.wasm and build/relaxed.wasm, and compares with exp in
// float64. The figures stand beside the constants (assembly/exp.ts) and in DESIGN.md. sweepWorker.mjs does the work.
//
// The kernel writes exp(x)·2^−N, N = round(max·log2 e); N is even or odd, and else only scales the result. So:
// - max = 0 (N = 0): every float32 from −∞ to the largest one with that N, which is ln2/2; 3.2 billion of them;
// - other x: every float32 from there up to 256, and from where the first ends down to −344, each with an even and an odd N;
// - other maxima: 4 million x each, for the switch at ±256 and the rows beyond, which are moved by their maximum first.

import { readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { parseArgs } from "node:util";
import { Worker } from "node:worker_threads";
import { heading, progress, progressDone, table } from "./print.mjs";

const { values: flags } = parseArgs({
  options: {
    stride: { type: "string", default: "1" },
    workers: { type: "string", default: String(Math.min(2, availableParallelism())) },
  },
});
const stride = Number(flags.stride);
const workers = Number(flags.workers);
if (!(Number.isInteger(stride) && stride >= 1 && Number.isInteger(workers) && workers >= 1))
  throw new Error("--stride and --workers take whole numbers from 1 on");

// Floats in order are integers in order: 0 is +0, 1 the next one up; −1 is −0, −2 the next one down.
const LOWEST = -0x7f800001; // −∞
const HIGHEST = 0x3eb17218; // 0.34657359, ln2/2
const PER_JOB = 2 ** 25;

/** Maxima, and how far down from each every float32 is taken. On the left N is odd above 0 and even below; on the right not. */
// biome-ignore format: pairs
const WINDOWS = [
  { max: 255.99998, least: 169.5 }, { max: 255.4, least: 170 },
  { max: 170, least: 85 }, { max: 170.7, least: 85 },
  { max: 85, least: 0.34657 }, { max: 85.7, least: 0.34657 },
  { max: -87.3, least: -172 }, { max: -86.6, least: -172 },
  { max: -171.9, least: -257 }, { max: -171.3, least: -257 },
  { max: -255.2, least: -344 }, { max: -255.99998, least: -344 },
];

/** Either side of every place where the arithmetic changes, and some in between. */
const MAXIMA = [
  -1e30, -70000, -1000, -256.5, -256, -255.99998, -200.5, -100, -88, -10, -1, -0.5, -0.35, 0.34657, 0.35, 0.5, 1, 2.5,
  10, 50.25, 88.5, 100, 128, 177.4, 200.5, 255, 255.99998, 256, 256.5, 300, 1000, 70000, 1e30,
];
const PER_MAXIMUM = 2 ** 22;

const started = performance.now();
const names = ["simd", "relaxed"].filter(runsHere);
const everyFloat = await sweep(jobsFor(0, LOWEST, HIGHEST), "every float32");
const otherFloats = await sweep(
  WINDOWS.flatMap(({ max, least }) => jobsFor(Math.fround(max), orderOf(least), orderOf(max))),
  "other x",
);
const otherMaxima = await sweep(
  MAXIMA.map((max) => ({ max, count: Math.ceil(PER_MAXIMUM / stride) })),
  "other maxima",
);
progressDone();
report();

function runsHere(name) {
  const bytes = readFileSync(new URL(`../build/${name}.wasm`, import.meta.url));
  if (WebAssembly.validate(bytes)) return true;
  console.log(`${name}: Node ${process.versions.node} cannot run it`);
  return false;
}

function jobsFor(max, least, most) {
  const jobs = [];
  for (let start = least; start <= most; start += PER_JOB * stride)
    jobs.push({ max, start, stride, count: Math.min(PER_JOB, Math.floor((most - start) / stride) + 1) });
  return jobs;
}

function orderOf(x) {
  const bits = new Int32Array(Float32Array.of(x).buffer)[0];
  return bits >= 0 ? bits : ~(bits & 0x7fffffff);
}

/** Hands the jobs to the workers as they ask for them; returns what they found, by binary. */
async function sweep(jobs, what) {
  const found = Object.fromEntries(names.map((name) => [name, undefined]));
  let next = 0;
  let done = 0;
  const work = () =>
    new Promise((resolve, reject) => {
      const worker = new Worker(new URL("sweepWorker.mjs", import.meta.url), { workerData: { names } });
      const giveJob = () => (next < jobs.length ? worker.postMessage(jobs[next++]) : resolve(worker.terminate()));
      worker.on("error", reject);
      worker.on("message", (results) => {
        for (const name of names)
          found[name] = found[name] === undefined ? results[name] : merged(found[name], results[name]);
        done++;
        const seconds = Math.round((performance.now() - started) / 1000);
        progress(`${what}: ${Math.round((100 * done) / jobs.length)} %, ${seconds} s`);
        giveJob();
      });
      giveJob();
    });
  await Promise.all(Array.from({ length: Math.min(workers, jobs.length) }, work));
  return found;
}

function merged(a, b) {
  const sum = (key) => a[key] + b[key];
  return {
    ...(b.maxUlp > a.maxUlp ? b : a),
    highest: b.highest.units > a.highest.units ? b.highest : a.highest,
    lowest: b.lowest.units < a.lowest.units ? b.lowest : a.lowest,
    count: sum("count"),
    compared: sum("compared"),
    misrounded: sum("misrounded"),
    breaks: sum("breaks"),
    firstBreak: a.firstBreak ?? b.firstBreak,
    zeroTooEarly: sum("zeroTooEarly"),
    zeroTooLate: sum("zeroTooLate"),
    notNumbers: sum("notNumbers"),
    largestZero: Math.max(a.largestZero, b.largestZero),
    smallestNonZero: Math.min(a.smallestNonZero, b.smallestNonZero),
    atZero: b.atZero,
    atMinusZero: b.atMinusZero,
  };
}

function report() {
  const seconds = Math.round((performance.now() - started) / 1000);
  const sampled = stride === 1 ? "" : `, every ${stride}th`;
  heading(`exp(x)·2^−N against float64${sampled}: Node ${process.versions.node}, workers: ${workers}, ${seconds} s`);
  const line = (name, what, found) => [
    `${name}, ${what}`,
    found.count.toLocaleString("en"),
    found.maxUlp.toFixed(4),
    described(found.witness) + (found.max === 0 ? "" : ` (max ${Number(found.max.toPrecision(8))})`),
    `${((100 * found.misrounded) / found.compared).toFixed(2)} %`,
    found.breaks,
  ];
  table(
    ["", "floats", "max ULP", "at x", "not the nearest float", "order broken"],
    names.flatMap((name) => [
      line(name, "max = 0", everyFloat[name]),
      line(name, "other x", otherFloats[name]),
      line(name, "other maxima", otherMaxima[name]),
    ]),
  );
  for (const name of names) {
    const all = [everyFloat, otherFloats, otherMaxima].map((found) => found[name]).reduce(merged);
    for (const [what, { units, x }] of Object.entries({ highest: all.highest, lowest: all.lowest }))
      console.log(`  ${name}: ${what} by ${units.toFixed(4)}·2^-24 of the true value, at x = ${described(x)}`);
    const spread = all.highest.units - all.lowest.units;
    console.log(`  ${name}: softmax is off by at most ${(spread + 1).toFixed(2)} ULP: both, and one rounding`);
    const { atZero, atMinusZero, largestZero, smallestNonZero, firstBreak } = everyFloat[name];
    console.log(`\n  ${name}: exp(+0) = ${atZero}, exp(−0) = ${atMinusZero}`);
    console.log(
      `  ${name}: exactly 0 up to x = ${described(largestZero)}, not 0 from x = ${described(smallestNonZero)} on`,
    );
    for (const first of [firstBreak, otherFloats[name].firstBreak, otherMaxima[name].firstBreak])
      if (first)
        console.log(`  ${name}: order first broken at x = ${described(first)}: exp is less there than just below`);
  }
  const faults = names.flatMap((name) =>
    [everyFloat, otherFloats, otherMaxima].flatMap((found) => faultsOf(name, found[name])),
  );
  for (const fault of faults) console.log(`  WRONG: ${fault}`);
  if (faults.length > 0) process.exitCode = 1;
}

/** What no build may do, whatever its accuracy. */
function faultsOf(
  name,
  { atZero, atMinusZero, notNumbers, zeroTooEarly, zeroTooLate, largestZero, smallestNonZero, max },
) {
  const faults = [];
  if (atZero !== 1 || atMinusZero !== 1) faults.push(`${name}: exp(±0) is not 1`);
  if (notNumbers > 0) faults.push(`${name}: ${notNumbers} results are NaN`);
  if (zeroTooEarly > 0)
    faults.push(`${name}: ${zeroTooEarly} results are 0 though exp is 2^-125 of the largest or more`);
  if (zeroTooLate > 0)
    faults.push(`${name}: ${zeroTooLate} results are not 0 though exp is less than 2^-126 of the largest`);
  if (Object.is(max, 0) && !(largestZero < smallestNonZero)) faults.push(`${name}: zeros and non-zeros overlap`);
  return faults;
}

/** Decimal, hexadecimal as in C, and bits. */
function described(x) {
  const view = new DataView(new ArrayBuffer(4));
  view.setFloat32(0, x);
  const bits = view.getUint32(0);
  const exponent = (bits >>> 23) & 255;
  const fraction = ((bits & 0x7fffff) * 2).toString(16).padStart(6, "0");
  const sign = bits >>> 31 ? "-" : "";
  const hex = exponent === 255 ? `${sign}inf` : `${sign}0x${exponent ? 1 : 0}.${fraction}p${(exponent || 1) - 127}`;
  return `${x} = ${hex} (0x${bits.toString(16).padStart(8, "0")})`;
}
