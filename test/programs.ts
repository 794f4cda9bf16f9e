// Random calls of every operation: layouts, options, formats, and data with everything in it that may be in a float32.

import type { Elements, RowStats } from "softmax-wasm";
import { bitsOf, type FormatName, numbersOf } from "./formats.js";
import { changed, type OperationName, placesOf, type Request, statsOf } from "./oracle.js";
import { DISTRIBUTIONS, integer, normal, type Random } from "./random.js";

export const OPERATIONS: readonly OperationName[] = [
  "softmax",
  "logSoftmax",
  "logSumExp",
  "rowStats",
  "softmaxFromStats",
  "softmaxBackward",
  "logSoftmaxBackward",
];

const SPECIAL = [
  NaN,
  Infinity,
  -Infinity,
  3.4028234663852886e38,
  -3.4028234663852886e38,
  2 ** -149,
  -(2 ** -130),
  0,
  -0,
];

function oneOf<T>(random: Random, values: readonly T[]): T {
  return values[integer(random, 0, values.length - 1)]!;
}

type Mutable<T> = { -readonly [key in keyof T]: T[key] };
type Options = Mutable<Request["options"]>;

/** A length on any side of the kernels' switches, and of 1024, what a scratch block of 4096 bytes holds. */
function lengthOfRow(random: Random, most: number): number {
  const length = oneOf(random, [
    () => integer(random, 1, 9),
    () => integer(random, 1, 70),
    () => integer(random, 60, 70),
    () => integer(random, 1, 300),
    () => integer(random, 900, 2600),
  ])();
  return Math.min(length, most);
}

const MOST_ELEMENTS = 3000;

interface Layout {
  readonly options: Options;
  readonly inputLength: number;
}

/** `cols`, `shape` and `axis`, or strides. */
function layoutOf(random: Random, hasOutStride: boolean, most: number): Layout {
  const cols = lengthOfRow(random, most);
  const rows = integer(random, 1, Math.max(1, Math.min(40, Math.floor(most / cols))));
  const kind = random();
  if (kind < 0.25) return { options: { cols }, inputLength: rows * cols };
  if (kind < 0.5) {
    const options: Options = { cols };
    if (random() < 0.7) options.rowStride = cols + integer(random, 0, 9);
    if (hasOutStride && random() < 0.7)
      options.outRowStride = random() < 0.3 ? (options.rowStride ?? cols) : cols + integer(random, 0, 9);
    const stride = options.rowStride ?? cols;
    const missing = integer(random, 0, stride - cols);
    return { options, inputLength: rows * stride - missing };
  }
  const rank = integer(random, 1, 5);
  const axis = integer(random, 0, rank - 1);
  const shape = Array.from({ length: rank }, () => 1);
  shape[axis] = cols;
  let left = Math.floor(most / cols);
  for (let i = 0; i < rank; i++) {
    if (i === axis) continue;
    shape[i] = integer(random, 1, Math.max(1, Math.min(left, i > axis ? 40 : 6)));
    left = Math.floor(left / shape[i]!);
  }
  const options: Options = { shape, axis: random() < 0.5 ? axis : axis - rank };
  if (axis === rank - 1 && random() < 0.3) delete options.axis;
  return { options, inputLength: shape.reduce((a, b) => a * b, 1) };
}

/** Logits row by row, each of a distribution of its own; one in six rows has something special in it. */
function fill(random: Random, places: ReturnType<typeof placesOf>, length: number): Float64Array {
  const values = new Float64Array(length).fill(1e9); // between rows: would show
  const isTame = random() < 0.6;
  for (const row of places) {
    const { draw } = oneOf(random, DISTRIBUTIONS);
    for (const { at } of row) values[at] = Math.fround(draw(random));
    if (isTame || random() < 0.5) continue;
    const times = random() < 0.2 ? row.length : integer(random, 1, 3);
    const always = oneOf(random, SPECIAL);
    for (let i = 0; i < times; i++) values[oneOf(random, row).at] = random() < 0.7 ? always : oneOf(random, SPECIAL);
  }
  return values;
}

/** Finite numbers, and now and then a NaN. */
export function gradients(random: Random, length: number): Float64Array {
  const deviation = oneOf(random, [1, 1e-3, 1e4, 1e30, 1e-40]);
  const hasNaN = random() < 0.1;
  return Float64Array.from({ length }, () =>
    hasNaN && random() < 0.02 ? NaN : Math.fround(normal(random, 0, deviation)),
  );
}

/** Numbers from 0 to 1, or their logarithms. */
export function results(random: Random, length: number, isLog: boolean): Float64Array {
  const deviation = oneOf(random, [0.1, 3, 30, 80]);
  const hasNaN = random() < 0.05;
  return Float64Array.from({ length }, () => {
    if (hasNaN && random() < 0.02) return NaN;
    const log = random() < 0.02 ? -Infinity : -Math.abs(normal(random, 0, deviation));
    return Math.fround(isLog ? log : Math.exp(log));
  });
}

function stored(format: FormatName, values: Float64Array): Elements {
  if (format === "float32") return Float32Array.from(values);
  return bitsOf(format, values);
}

function addChanges(random: Random, options: Options, operation: OperationName, places: ReturnType<typeof placesOf>) {
  const rows = places.length;
  const cols = places[0]!.length;
  const batch = rows * cols;
  const sized = () => (random() < 0.5 ? batch : cols);
  const isValue = operation === "logSumExp" || operation === "rowStats";
  const mayBeZero = !isValue && operation !== "softmaxFromStats";
  const heat = () => {
    if (mayBeZero && random() < 0.15) return 0;
    return oneOf(random, [1, 0.5, 0.7, 2, 10, 0.01, 1e4, 3 * random() + 0.01]);
  };
  if (random() < 0.4) options.temperature = random() < 0.5 ? heat() : Float32Array.from({ length: rows }, () => heat());
  if (random() < 0.3) {
    const isMask = random() < 0.2;
    options.bias = Float32Array.from({ length: sized() }, () => {
      if (random() < 0.1) return isMask ? -Infinity : 0;
      return normal(random, 0, 5);
    });
  }
  if (random() < 0.3) {
    const kept = oneOf(random, [0, 0.1, 0.5, 0.95]);
    options.mask = Uint8Array.from({ length: sized() }, () => (random() < kept ? integer(random, 1, 255) : 0));
  }
  if (random() < 0.3) {
    const lengths = Array.from({ length: rows }, () => integer(random, 0, cols));
    options.lengths = random() < 0.5 ? Int32Array.from(lengths) : Uint32Array.from(lengths);
  }
  if (options.shape?.length !== 1 && random() < 0.3) options.causal = integer(random, -rows - 1, cols + 1);
  if (!isValue && random() < 0.5) options.empty = random() < 0.7 ? "zero" : "nan";
}

/** Of rows that are spread: what is here, and elsewhere a few elements more. */
export function spreadStats(
  random: Random,
  places: ReturnType<typeof placesOf>,
  values: Float64Array,
  options: Options,
): RowStats {
  const batch = places.reduce((count, row) => count + row.length, 0);
  const stats = places.map((row, index) => {
    const here = changed(row, index, values, options, batch);
    const max = here.reduce((a, b) => Math.max(a, b), -Infinity);
    const elsewhere = Array.from({ length: integer(random, 0, 5) }, () =>
      Math.fround(Number.isFinite(max) ? max + normal(random, -2, 3) : normal(random, 0, 1)),
    );
    if (random() < 0.05) elsewhere.push(oneOf(random, SPECIAL));
    return statsOf([...here, ...elsewhere]);
  });
  return { max: Float32Array.from(stats, ({ max }) => max), sum: Float64Array.from(stats, ({ sum }) => sum) };
}

/** A random call, on about so many elements at most. */
export function program(random: Random, most = MOST_ELEMENTS): Request {
  const operation = oneOf(random, OPERATIONS);
  const isGradient = operation === "softmaxBackward" || operation === "logSoftmaxBackward";
  const hasOutStride = operation !== "logSumExp" && operation !== "rowStats";
  const { options, inputLength } = layoutOf(random, hasOutStride, most);
  const places = placesOf(inputLength, options);
  const dtype = oneOf(random, ["float16", "bfloat16"] as const);
  const inputFormat = random() < 0.75 ? "float32" : dtype;
  const secondFormat = random() < 0.75 ? "float32" : dtype;
  const outFormat = operation === "rowStats" || random() < 0.75 ? "float32" : dtype;
  if ([inputFormat, outFormat, isGradient ? secondFormat : "float32"].includes(dtype)) options.dtype = dtype;
  if (isGradient) {
    const input = stored(inputFormat, results(random, inputLength, operation === "logSoftmaxBackward"));
    const second = stored(secondFormat, gradients(random, inputLength));
    return { operation, input, second, options, outFormat };
  }
  const input = stored(inputFormat, fill(random, places, inputLength));
  if (random() < 0.6) addChanges(random, options, operation, places);
  if (operation !== "softmaxFromStats") return { operation, input, options, outFormat };
  const values = numbersOf(input, options.dtype);
  return { operation, input, second: spreadStats(random, places, values, options), options, outFormat };
}
