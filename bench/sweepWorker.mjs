// A worker of sweep.mjs. A job is a run of floats in rising order and the maximum of the row they are taken to lie in; the
// answer is what each binary's exp did to them. exp in float64 is good to 2^−53, a billionth of a float32 ULP.

import { readFileSync } from "node:fs";
import { parentPort, workerData } from "node:worker_threads";

/** assembly/operation.ts */
const SOFTMAX = 0;
/** The address of statistics that are known already, which softmax does not read. */
const NONE = 0;

const CHUNK = 2 ** 16;
const SLOT = 2048; // the state of four rows between the passes; ours is row 0
const MAX = 4096; // a row of one element, the maximum
const SRC = 65536;
const DST = SRC + 4 * CHUNK;

/** A term may be given as 0 below the first part of the largest, and must be below the second (DESIGN.md, "Numbers"). */
const MAY_BE_ZERO = 2 ** -125;
const MUST_BE_ZERO = 2 ** -126;
const LEAST_NORMAL = 2 ** -126;

/** From here on, a row is first moved by its maximum (assembly/exp.ts). */
const FAR = 256;

/** How much higher terms are (assembly/exp.ts). */
const HEIGHT = 2 ** 32;

/** Other maxima: x from this far below the maximum up to it. All is 0 below. */
const DEPTH = 90;

const kernels = workerData.names.map((name) => {
  const memory = new WebAssembly.Memory({ initial: (DST + 4 * CHUNK) / 65536 });
  const module = new WebAssembly.Module(readFileSync(new URL(`../build/${name}.wasm`, import.meta.url)));
  const { beginWide, findMaxima, findWideShifts, sumWide } = new WebAssembly.Instance(module, { env: { memory } })
    .exports;
  const largest = new Float32Array(memory.buffer, MAX, 1);
  const xs = new Float32Array(memory.buffer, SRC, CHUNK);
  const es = new Float32Array(memory.buffer, DST, CHUNK);
  /** The first two passes of a long row of which `xs` is a piece, as src/stream.ts does them. */
  const run = (count, max) => {
    largest[0] = max;
    beginWide(SLOT, 1);
    findMaxima(MAX, 1, 1, 0, SLOT);
    findWideShifts(SOFTMAX, SLOT, 1, NONE);
    sumWide(SOFTMAX, SRC, DST, count, SLOT);
  };
  const single = (x, max) => {
    xs[0] = x;
    run(1, max);
    return es[0] / HEIGHT;
  };
  return { name, xs, es, run, single };
});

const input = new Float32Array(CHUNK);
const inputBits = new Int32Array(input.buffer);
const truth = new Float64Array(CHUNK);
const truthBits = new Int32Array(truth.buffer);
const perSpacing = new Float64Array(CHUNK);

/** 1 / (distance of neighbouring float32 numbers), by the biased exponent of a double. */
const PER_SPACING = Float64Array.from({ length: 2047 }, (_, biased) => 2 ** (23 - Math.max(biased - 1023, -126)));

parentPort.on("message", (job) => {
  const found = kernels.map((kernel) => ({
    max: job.max,
    count: job.count,
    compared: 0,
    maxUlp: 0,
    witness: 0,
    highest: { units: 0, x: 0 },
    lowest: { units: 0, x: 0 },
    misrounded: 0,
    breaks: 0,
    firstBreak: undefined,
    zeroTooEarly: 0,
    zeroTooLate: 0,
    notNumbers: 0,
    largestZero: -Infinity,
    smallestNonZero: Infinity,
    atZero: kernel.single(0, 0),
    atMinusZero: kernel.single(-0, 0),
    previous: valueBefore(kernel, job),
  }));
  const far = Math.abs(job.max) >= FAR ? Math.fround(job.max) : 0;
  const scale = scaleOf(job.max, far);
  const largest = Math.exp(Math.fround(job.max) - far) * scale;
  for (let first = 0; first < job.count; first += CHUNK) {
    const count = Math.min(CHUNK, job.count - first);
    if (job.start === undefined) fillBelow(job, first, count);
    else fillFrom(job.start + first * job.stride, job.stride, count);
    fillTruth(count, far, scale);
    kernels.forEach((kernel, which) => {
      kernel.xs.set(input);
      kernel.run(count, job.max);
      compare(kernel, count, largest, found[which]);
    });
  }
  parentPort.postMessage(Object.fromEntries(kernels.map(({ name }, which) => [name, found[which]])));
});

/** Order must also hold across the border of two jobs. */
function valueBefore({ single }, { start, stride, max }) {
  if (start === undefined || start <= -0x7f800001) return 0;
  fillFrom(start - stride, stride, 1);
  return single(input[0], max);
}

/** 2^−N, with N as the kernel chose it. */
function scaleOf(max, far) {
  const x = Math.fround(max);
  return 2 ** Math.round(Math.log2(kernels[0].single(x, x)) - (x - far) * Math.LOG2E);
}

function fillFrom(start, stride, count) {
  for (let i = 0; i < count; i++) {
    const order = start + i * stride;
    inputBits[i] = order >= 0 ? order : ~order | 0x80000000;
  }
}

function fillBelow({ max, count: all }, first, count) {
  for (let i = 0; i < count; i++) input[i] = max - DEPTH * (1 - (first + i) / (all - 1));
}

function fillTruth(count, far, scale) {
  for (let i = 0; i < count; i++) truth[i] = Math.exp(input[i] - far) * scale;
  for (let i = 0; i < count; i++) perSpacing[i] = PER_SPACING[truthBits[2 * i + 1] >>> 20];
}

function compare({ es }, count, largest, found) {
  let { previous, maxUlp, misrounded, compared } = found;
  for (let i = 0; i < count; i++) {
    const e = es[i] / HEIGHT;
    if (e < previous) {
      found.breaks++;
      found.firstBreak ??= input[i];
    }
    previous = e;
    if (e === 0) {
      if (truth[i] >= MAY_BE_ZERO * largest) found.zeroTooEarly++;
      if (input[i] > found.largestZero) found.largestZero = input[i];
      continue;
    }
    const ulp = Math.abs(e - truth[i]) * perSpacing[i];
    compared++;
    if (ulp > 0.5) misrounded++;
    if (ulp > maxUlp) {
      maxUlp = ulp;
      found.witness = input[i];
    }
    if (2 * ulp > Math.min(found.highest.units, -found.lowest.units) && truth[i] >= LEAST_NORMAL) {
      const units = (e / truth[i] - 1) * 2 ** 24;
      if (units > found.highest.units) found.highest = { units, x: input[i] };
      if (units < found.lowest.units) found.lowest = { units, x: input[i] };
    }
    if (Number.isNaN(e)) found.notNumbers++;
    if (truth[i] < MUST_BE_ZERO * largest) found.zeroTooLate++;
    if (input[i] < found.smallestNonZero) found.smallestNonZero = input[i];
  }
  Object.assign(found, { previous, maxUlp, misrounded, compared });
}
