// Every error an argument can cause is raised here, before anything the caller can see is written. Options are read once,
// own, enumerable properties only; the arrays are measured after the last of the caller's code (a getter, say) has run.

import {
  attachedLength,
  checkCount,
  checkKind,
  checkLength,
  checkRecord,
  checkWord,
  LARGEST_COUNT,
  unknownOption,
} from "./argument.js";
import { type Call, call, NO_ELEMENTS, NO_STATS } from "./call.js";
import type { Changes } from "./changes.js";
import { allocated, allocatedDoubles, keptArray, overlap } from "./copies.js";
import { fail, unexpected } from "./errors.js";
import { bitsOfFloat16, bufferOf, hasOwn, kindOf } from "./intrinsics.js";
import { checkExtent, type Layout, readShape, readStride } from "./layout.js";
import {
  BFLOAT16,
  FLOAT16,
  FLOAT32,
  type Format,
  FROM_STATS,
  isGradient,
  isValue,
  LOG_SOFTMAX,
  type Operation,
  ROW_STATS,
  SOFTMAX,
  SOFTMAX_BACKWARD,
  type Stored,
} from "./operation.js";
import type {
  BackendName,
  Elements,
  EngineOptions,
  Float16Elements,
  LogSumExpOptions,
  RowStats,
  SoftmaxOptions,
} from "./options.js";

// Which options an operation takes beside those of the layout and `out`.
const LOGIT_OPTIONS = 1;
const OUT_STRIDE = 2;
const EMPTY = 4;
const ALL = LOGIT_OPTIONS | OUT_STRIDE | EMPTY;
const TAKES: readonly number[] = [ALL, ALL, LOGIT_OPTIONS, LOGIT_OPTIONS, ALL, OUT_STRIDE, OUT_STRIDE];

/** `second` is the known statistics, or the gradient of the result. */
export function checkCall(what: string, operation: Operation, input: unknown, options: unknown, second: unknown): Call {
  let cols: unknown;
  let shape: unknown;
  let axis: unknown;
  let rowStride: unknown;
  let outRowStride: unknown;
  let dtype: unknown;
  let temperature: unknown;
  let bias: unknown;
  let mask: unknown;
  let lengths: unknown;
  let causal: unknown;
  let empty: unknown;
  let out: unknown;
  if (options !== undefined) {
    checkRecord(what, "options", options, "an object");
    const given = options as { [name in keyof (SoftmaxOptions & LogSumExpOptions)]: unknown };
    for (const name in given) {
      if (!hasOwn(given, name)) continue;
      if (name === "cols") cols = given.cols;
      else if (name === "out") out = given.out;
      else if (name === "shape") shape = given.shape;
      else if (name === "axis") axis = given.axis;
      else if (name === "rowStride") rowStride = given.rowStride;
      else if (name === "dtype") dtype = given.dtype;
      else if (name === "outRowStride" && TAKES[operation]! & OUT_STRIDE) outRowStride = given.outRowStride;
      else if (name === "empty" && TAKES[operation]! & EMPTY) empty = given.empty;
      else if (!(TAKES[operation]! & LOGIT_OPTIONS)) unknownOption(what, name);
      else if (name === "temperature") temperature = given.temperature;
      else if (name === "bias") bias = given.bias;
      else if (name === "mask") mask = given.mask;
      else if (name === "lengths") lengths = given.lengths;
      else if (name === "causal") causal = given.causal;
      else unknownOption(what, name);
    }
  }
  const values = isValue(operation);
  const gradient = isGradient(operation);
  const inputName = gradient ? (operation === SOFTMAX_BACKWARD ? "probs" : "logProbs") : "input";
  if (dtype !== undefined) checkWord(what, "dtype", dtype, ["float16", "bfloat16"]);
  if (empty !== undefined) checkWord(what, "empty", empty, ["nan", "zero"]);
  const inputFormat = formatOf(what, inputName, input, dtype);
  let outFormat: Format = FLOAT32;
  let gradFormat: Format = FLOAT32;
  let max: unknown;
  let sum: unknown;
  if (operation === FROM_STATS) ({ max, sum } = statsOf(what, "stats", second));
  if (operation === ROW_STATS && out !== undefined) ({ max, sum } = statsOf(what, "out", out));
  else if (out !== undefined) outFormat = formatOf(what, "out", out, dtype);
  if (gradient) gradFormat = formatOf(what, "grad", second, dtype);
  if (dtype !== undefined && !(isBits(input) || isBits(out) || isBits(second)))
    fail("ERR_SOFTMAX_OPTION", `${what}: "dtype" needs a Uint16Array`);
  let layout: Layout | undefined;
  if (shape !== undefined) {
    if (cols !== undefined) fail("ERR_SOFTMAX_OPTION", `${what}: "cols" and "shape" exclude each other`);
    layout = readShape(what, shape, axis);
  } else if (axis !== undefined) {
    fail("ERR_SOFTMAX_OPTION", `${what}: "axis" needs "shape"`);
  }

  // From here on, none of the caller's code runs.
  showClass(input as Stored);
  const length = attachedLength(what, inputName, input as Stored);
  let width = length;
  let inner = 1;
  let stride = length;
  let rows: number;
  if (layout !== undefined) {
    ({ rows, cols: width, inner } = layout);
    stride = readStride(what, "rowStride", rowStride, width, inner);
    checkExtent(what, inputName, length, rows, width, stride, " for the shape");
  } else {
    if (cols !== undefined) width = checkCount(what, "cols", cols, 0, LARGEST_COUNT);
    else if (rowStride !== undefined) fail("ERR_SOFTMAX_OPTION", `${what}: "rowStride" needs "cols" or "shape"`);
    stride = readStride(what, "rowStride", rowStride, width, 1);
    rows = cols === undefined ? 1 : length === 0 ? 0 : Math.ceil(length / stride);
    if (rowStride !== undefined) checkExtent(what, inputName, length, rows, width, stride);
    else if (rows * width !== length)
      unexpected(what, inputName, `a multiple of ${width} elements`, length, "ERR_SOFTMAX_LENGTH");
  }
  // The kernel counts them in 32 bits.
  if (width >= 2 ** 31 && length > 0)
    unexpected(what, inputName, "rows of less than 2^31 elements", width, "ERR_SOFTMAX_LENGTH");
  const outStride = readStride(what, "outRowStride", outRowStride, width, inner);
  if (gradient) checkExtent(what, "grad", attachedLength(what, "grad", second as Stored), rows, width, stride);
  if (max !== undefined) {
    const name = operation === ROW_STATS ? "out" : "stats";
    checkLength(what, `${name}.max`, max as Float32Array, rows);
    checkLength(what, `${name}.sum`, sum as Float64Array, rows);
    if (
      operation === ROW_STATS &&
      overlap(max as Float32Array, sum as Float64Array) &&
      bufferOf(max as Float32Array) === bufferOf(sum as Float64Array)
    )
      fail("ERR_SOFTMAX_VALUE", `${what}: "out.max" and "out.sum" overlap`);
  }
  if (out !== undefined && operation !== ROW_STATS) {
    showClass(out as Stored);
    if (values) checkLength(what, "out", out as Stored, rows);
    else checkExtent(what, "out", attachedLength(what, "out", out as Stored), rows, width, outStride);
  }
  const changes =
    temperature === undefined &&
    bias === undefined &&
    mask === undefined &&
    lengths === undefined &&
    causal === undefined
      ? undefined
      : checkChanges(
          what,
          operation,
          layout ?? { rows, cols: width, inner, rank: cols === undefined ? 1 : 2, fromLast: 0, height: rows, width },
          temperature,
          bias,
          mask,
          lengths,
          causal,
        );

  // Nothing is wrong.
  let to: Stored = NO_ELEMENTS;
  let stats = NO_STATS;
  if (operation === ROW_STATS)
    stats =
      max === undefined
        ? { max: allocated(what, rows), sum: allocatedDoubles(what, rows) }
        : { max: max as Float32Array, sum: sum as Float64Array };
  else to = out === undefined ? allocated(what, values ? rows : rows * outStride) : bitsOf(out as Elements, outFormat);
  if (operation === FROM_STATS)
    stats = { max: keptArray(what, max as Float32Array, [to]), sum: keptArray(what, sum as Float64Array, [to]) };
  const kept = changes === undefined ? undefined : keptChanges(what, changes, [to, stats.max, stats.sum]);

  call.what = what;
  call.operation = operation;
  call.input = bitsOf(input as Elements, inputFormat);
  call.inputFormat = inputFormat;
  call.grad = gradient ? bitsOf(second as Elements, gradFormat) : NO_ELEMENTS;
  call.gradFormat = gradFormat;
  call.out = to;
  call.outFormat = outFormat;
  call.stats = stats;
  call.result = out ?? (operation === ROW_STATS ? stats : to);
  call.rows = rows;
  call.cols = width;
  call.inner = inner;
  call.rowStride = stride;
  call.outRowStride = outStride;
  call.changes = kept;
  call.zeroEmpty = empty === "zero";
  return call;
}

/** How an array holds its elements; an error if it is none that can. */
function formatOf(what: string, name: string, value: unknown, dtype: unknown): Format {
  const kind = kindOf(value);
  if (kind === "Float32Array") return FLOAT32;
  if (kind === "Float16Array") return FLOAT16;
  if (kind !== "Uint16Array") unexpected(what, name, "a Float32Array", value);
  if (dtype === undefined)
    fail("ERR_SOFTMAX_OPTION", `${what}: "${name}" is a Uint16Array: "dtype" must say what it holds`);
  return dtype === "bfloat16" ? BFLOAT16 : FLOAT16;
}

/** V8 sees at an element which class an array has, and then loads its length instead of calling for it: 2 ns for each (Node 20 to 26, `--only call`). */
function showClass(array: Stored): void {
  void array[0];
}

function isBits(value: unknown): boolean {
  return kindOf(value) === "Uint16Array";
}

/** The same memory, as the bits of a shorter format if it is not float32. */
function bitsOf(array: Elements, format: Format): Stored {
  return format === FLOAT16 && kindOf(array) === "Float16Array"
    ? bitsOfFloat16(array as Float16Elements)
    : (array as Stored);
}

function statsOf(what: string, name: string, value: unknown): { max: unknown; sum: unknown } {
  checkRecord(what, name, value, "{ max, sum }");
  const { max, sum } = value as { max: unknown; sum: unknown };
  checkKind(what, `${name}.max`, max, "Float32Array");
  checkKind(what, `${name}.sum`, sum, "Float64Array");
  return { max, sum };
}

function checkChanges(
  what: string,
  operation: Operation,
  layout: Layout,
  temperature: unknown,
  bias: unknown,
  mask: unknown,
  lengths: unknown,
  causal: unknown,
): Changes {
  const { rows, cols } = layout;
  // What other threads can write to is copied before it is checked.
  if (kindOf(temperature) === "Float32Array") temperature = keptArray(what, temperature as Float32Array, []);
  if (temperature !== undefined) checkTemperature(what, operation, temperature, rows);
  const biasIsFull = isFull(what, "bias", bias, "Float32Array", rows, cols);
  const maskIsFull = isFull(what, "mask", mask, "Uint8Array", rows, cols);
  if (lengths !== undefined) {
    checkKind(what, "lengths", lengths, "Uint32Array", "Int32Array");
    lengths = keptArray(what, lengths as Uint32Array, []);
    checkLength(what, "lengths", lengths as Uint32Array, rows);
    for (let row = 0; row < rows; row++) {
      const length = (lengths as Uint32Array)[row]!;
      // The name takes longer to make than a row of ten, so it is made for an error only.
      if (!(length >= 0 && length <= cols)) checkCount(what, `lengths[${row}]`, length, 0, cols);
    }
  }
  let offset: number | undefined;
  if (causal !== undefined) {
    offset = checkCount(what, "causal", causal, -LARGEST_COUNT, LARGEST_COUNT);
    if (layout.rank < 2) fail("ERR_SOFTMAX_OPTION", `${what}: "causal" needs "cols", or a shape of two axes or more`);
  }
  return {
    temperature: temperature as number | Float32Array | undefined,
    bias: bias as Float32Array | undefined,
    biasIsFull,
    mask: mask as Uint8Array | undefined,
    maskIsFull,
    lengths: lengths as Uint32Array | undefined,
    causal: offset,
    matrix: layout,
  };
}

function checkTemperature(what: string, operation: Operation, temperature: unknown, rows: number): void {
  const freezes = operation === SOFTMAX || operation === LOG_SOFTMAX; // statistics have no limit at 0
  const least = freezes ? "a finite number, not below 0" : "a finite number above 0";
  const check = (value: number, row?: number) => {
    if (value >= 0 && value < Infinity && (value !== 0 || freezes)) return;
    const name = row === undefined ? "temperature" : `temperature[${row}]`;
    unexpected(what, name, least, value, "ERR_SOFTMAX_VALUE");
  };
  if (typeof temperature === "number") {
    check(temperature);
    return;
  }
  if (kindOf(temperature) !== "Float32Array")
    unexpected(what, "temperature", "a number or a Float32Array", temperature);
  checkLength(what, "temperature", temperature as Float32Array, rows);
  for (let row = 0; row < rows; row++) check((temperature as Float32Array)[row]!, row);
}

/** Checks a bias or mask, if there is one: whether it has an element for each of the input's, rather than for each of a row. */
function isFull(what: string, name: string, array: unknown, kind: string, rows: number, cols: number): boolean {
  if (array === undefined) return false;
  checkKind(what, name, array, kind);
  const length = attachedLength(what, name, array as ArrayBufferView);
  if (length === rows * cols) return true;
  if (length !== cols)
    unexpected(what, name, `length ${rows * cols}, or ${cols} for all rows`, length, "ERR_SOFTMAX_LENGTH");
  return false;
}

function keptChanges(what: string, changes: Changes, written: readonly ArrayBufferView[]): Changes {
  const { temperature, bias, mask, lengths } = changes;
  return {
    ...changes,
    temperature: typeof temperature === "number" ? temperature : keptArray(what, temperature, written),
    bias: keptArray(what, bias, written),
    mask: keptArray(what, mask, written),
    lengths: keptArray(what, lengths, written),
  };
}

/** Checked engine options; `what` is the function they were given to. */
export interface EngineSetup {
  readonly what: string;
  readonly backend: "auto" | BackendName;
  readonly deterministic: boolean;
  readonly module: object | undefined;
  readonly scratchBytes: number;
}

const BACKENDS: readonly string[] = ["auto", "relaxed", "simd", "js"];

export function checkEngineOptions(what: string, options: unknown): EngineSetup {
  let backend: unknown;
  let deterministic: unknown;
  let module: unknown;
  let scratchBytes: unknown;
  if (options !== undefined) {
    checkRecord(what, "options", options, "an object");
    const given = options as { [name in keyof EngineOptions]: unknown };
    for (const name in given) {
      if (!hasOwn(given, name)) continue;
      if (name === "backend") backend = given.backend;
      else if (name === "deterministic") deterministic = given.deterministic;
      else if (name === "module") module = given.module;
      else if (name === "scratchBytes") scratchBytes = given.scratchBytes;
      else unknownOption(what, name);
    }
  }
  if (backend === undefined) backend = "auto";
  checkWord(what, "backend", backend, BACKENDS);
  if (deterministic !== undefined && typeof deterministic !== "boolean")
    unexpected(what, "deterministic", "a boolean", deterministic);
  if (module !== undefined && (typeof module !== "object" || module === null))
    unexpected(what, "module", "a WebAssembly.Module", module);
  if (deterministic === true && (backend === "relaxed" || backend === "js"))
    fail("ERR_SOFTMAX_OPTION", `${what}: "deterministic" excludes the ${backend} back end`);
  if (module !== undefined && backend === "js")
    fail("ERR_SOFTMAX_OPTION", `${what}: "module" excludes the js back end`);
  return {
    what,
    backend: backend as EngineSetup["backend"],
    deterministic: deterministic === true,
    module: module as object | undefined,
    scratchBytes: scratchBytes === undefined ? 2 ** 23 : checkCount(what, "scratchBytes", scratchBytes, 4096, 2 ** 30),
  };
}

/** Statistics of the same number of rows. */
export function checkPair(what: string, a: unknown, b: unknown): { left: RowStats; right: RowStats; rows: number } {
  const left = statsOf(what, "a", a);
  const right = statsOf(what, "b", b);
  const rows = attachedLength(what, "a.max", left.max as Float32Array);
  const kept = (name: string, { max, sum }: RowStats) => {
    checkLength(what, `${name}.max`, max, rows);
    checkLength(what, `${name}.sum`, sum, rows);
    return { max: keptArray(what, max, []), sum: keptArray(what, sum, []) };
  };
  return { left: kept("a", left as RowStats), right: kept("b", right as RowStats), rows };
}
