// Every error an argument can cause is raised here, before anything the caller can see is written. Options are read once,
// own properties only; the arrays are measured after the last of the caller's code (a getter, say) has run.

import { bufferOf, byteOffsetOf, isDetached, isShared, kindOf, lengthOf, setFloats } from "./intrinsics.js";

/** The `code` of every error this library throws. They do not change between versions; messages may. */
export type SoftmaxErrorCode =
  /** TypeError: an argument is of the wrong kind. */
  | "ERR_SOFTMAX_TYPE"
  /** RangeError: a number is out of its range. */
  | "ERR_SOFTMAX_VALUE"
  /** RangeError: an array has the wrong length. */
  | "ERR_SOFTMAX_LENGTH"
  /** TypeError: an option is unknown, or does not go with another. */
  | "ERR_SOFTMAX_OPTION"
  /** TypeError: an array's buffer was transferred away or shrunk. */
  | "ERR_SOFTMAX_DETACHED"
  /** RangeError: an arena has no room left. */
  | "ERR_SOFTMAX_ARENA_FULL"
  /** RangeError: the memory asked for cannot be had. */
  | "ERR_SOFTMAX_MEMORY"
  /** Error: an engine or arena was disposed of. */
  | "ERR_SOFTMAX_DISPOSED"
  /** Error: the back end asked for cannot run here; the message says why. */
  | "ERR_SOFTMAX_BACKEND"
  /** Error: the kernel failed in the middle of a call. The engine has replaced it; `out` may be partly written. */
  | "ERR_SOFTMAX_FAULT";

type ErrorClass = new (message: string, options?: { cause?: unknown }) => Error;

export function fail(Class: ErrorClass, code: SoftmaxErrorCode, message: string, cause?: unknown): never {
  const error = cause === undefined ? new Class(message) : new Class(message, { cause });
  throw Object.assign(error, { code });
}

/** The code of an error of ours, `undefined` for any other. */
export function codeOf(error: unknown): SoftmaxErrorCode | undefined {
  const { code } = (error ?? {}) as { code?: unknown };
  return typeof code === "string" && code.startsWith("ERR_SOFTMAX_") ? (code as SoftmaxErrorCode) : undefined;
}

/** How a value is named in a message. */
function named(value: unknown): string {
  if (value === null || typeof value === "undefined" || typeof value === "boolean") return String(value);
  if (typeof value === "number") return Object.is(value, -0) ? "-0" : String(value);
  if (typeof value === "string") return value.length > 40 ? "a long string" : JSON.stringify(value);
  if (typeof value !== "object") return `a ${typeof value}`;
  return kindOf(value) ?? (Array.isArray(value) ? "Array" : "an object");
}

function checkFloats(what: string, name: string, value: unknown): asserts value is Float32Array {
  if (kindOf(value) !== "Float32Array")
    fail(TypeError, "ERR_SOFTMAX_TYPE", `${what}: "${name}" expected a Float32Array, got ${named(value)}`);
}

/** The length of an array that still has its memory. */
function attachedLength(what: string, name: string, array: Float32Array): number {
  const length = lengthOf(array);
  if (length === 0 && isDetached(array))
    fail(TypeError, "ERR_SOFTMAX_DETACHED", `${what}: "${name}" is detached: its buffer was transferred or shrunk`);
  return length;
}

/** A whole number from `least` to `most`. */
export function checkCount(what: string, name: string, value: unknown, least: number, most: number): number {
  if (typeof value !== "number")
    fail(TypeError, "ERR_SOFTMAX_TYPE", `${what}: "${name}" expected a number, got ${named(value)}`);
  if (!(Number.isInteger(value) && value >= least && value <= most))
    fail(
      RangeError,
      "ERR_SOFTMAX_VALUE",
      `${what}: "${name}" expected an integer from ${least} to ${most}, got ${named(value)}`,
    );
  return value + 0; // −0 counts as 0
}

function checkOptions(what: string, options: unknown): asserts options is object {
  if (typeof options !== "object" || options === null || Array.isArray(options) || kindOf(options) !== undefined)
    fail(TypeError, "ERR_SOFTMAX_TYPE", `${what}: "options" expected an object, got ${named(options)}`);
}

function unknownOption(what: string, name: string): never {
  fail(TypeError, "ERR_SOFTMAX_OPTION", `${what}: "${name}" is not an option of ${what}`);
}

const hasOwn: (object: object, name: PropertyKey) => boolean = Function.prototype.call.bind(
  Object.prototype.hasOwnProperty,
);

/** The layout of a batch, and where its result goes. */
export interface SoftmaxOptions {
  /** Elements per row; `input.length` must be a multiple of it. Default: the whole input is one row. */
  readonly cols?: number | undefined;
  /** The shape of the input, in place of `cols`: the last axis varies fastest (C order). */
  readonly shape?: readonly number[] | undefined;
  /** With `shape`: the axis along which probabilities add up to 1. So far the last one only: −1 (default), or rank − 1. */
  readonly axis?: number | undefined;
  /** Where to write; as long as the input, and possibly the input itself. Default: a new array. */
  readonly out?: Float32Array | undefined;
}

/**
 * A checked call. One record serves all calls (no garbage): filled after the last of the caller's code has run, and to be
 * emptied by `taken` before anything else happens, lest it keep the caller's arrays alive.
 */
export interface Call {
  input: Float32Array;
  out: Float32Array;
  rows: number;
  cols: number;
}

const NOTHING = new Float32Array(0);
const call: Call = { input: NOTHING, out: NOTHING, rows: 0, cols: 0 };

export function taken(): void {
  call.input = NOTHING;
  call.out = NOTHING;
}

export function checkCall(what: string, input: unknown, options: unknown): Call {
  let cols: unknown;
  let shape: unknown;
  let axis: unknown;
  let out: unknown;
  if (options !== undefined) {
    checkOptions(what, options);
    const given = options as { [name in keyof SoftmaxOptions]: unknown };
    for (const name in given) {
      if (!hasOwn(given, name)) continue;
      if (name === "cols") cols = given.cols;
      else if (name === "out") out = given.out;
      else if (name === "shape") shape = given.shape;
      else if (name === "axis") axis = given.axis;
      else unknownOption(what, name);
    }
  }
  checkFloats(what, "input", input);
  if (out !== undefined) checkFloats(what, "out", out);
  if (shape !== undefined) {
    if (cols !== undefined) fail(TypeError, "ERR_SOFTMAX_OPTION", `${what}: "cols" and "shape" exclude each other`);
    cols = lastAxis(what, attachedLength(what, "input", input), shape, axis);
  } else if (axis !== undefined) {
    fail(TypeError, "ERR_SOFTMAX_OPTION", `${what}: "axis" needs "shape"`);
  }

  // From here on, none of the caller's code runs.
  const length = attachedLength(what, "input", input);
  const width = cols === undefined ? length : checkCount(what, "cols", cols, 0, Number.MAX_SAFE_INTEGER);
  if (width === 0 ? length !== 0 : length % width !== 0)
    fail(RangeError, "ERR_SOFTMAX_LENGTH", `${what}: "input" expected a multiple of ${width} elements, got ${length}`);
  if (out !== undefined) {
    const outLength = attachedLength(what, "out", out);
    if (outLength !== length)
      fail(RangeError, "ERR_SOFTMAX_LENGTH", `${what}: "out" expected length ${length}, got ${outLength}`);
  }
  call.input = out !== undefined && out !== input && overlap(input, out, length) ? copied(what, input) : input;
  call.out = out ?? allocated(what, length);
  call.rows = length === 0 ? 0 : length / width;
  call.cols = width;
  return call;
}

/** The length of the last axis of `shape`, which must have `length` elements; `axis` must name that axis. */
function lastAxis(what: string, length: number, shape: unknown, axis: unknown): number {
  if (!Array.isArray(shape))
    fail(TypeError, "ERR_SOFTMAX_TYPE", `${what}: "shape" expected an array of numbers, got ${named(shape)}`);
  const rank = shape.length;
  let size = 1;
  let last = 1;
  for (let i = 0; i < rank; i++) {
    last = checkCount(what, `shape[${i}]`, shape[i], 0, Number.MAX_SAFE_INTEGER);
    size *= last;
    if (size > Number.MAX_SAFE_INTEGER)
      fail(RangeError, "ERR_SOFTMAX_VALUE", `${what}: "shape" has more elements than an array can hold`);
  }
  const along = axis === undefined ? -1 : checkCount(what, "axis", axis, -Math.max(rank, 1), Math.max(rank, 1) - 1);
  if (along !== -1 && along !== Math.max(rank, 1) - 1)
    fail(RangeError, "ERR_SOFTMAX_VALUE", `${what}: "axis" expected the last axis, got ${along}`);
  if (size !== length)
    fail(RangeError, "ERR_SOFTMAX_LENGTH", `${what}: "input" expected length ${size} for the shape, got ${length}`);
  return last;
}

/**
 * Whether `out` covers a part of the input, which must then be copied before anything is written. (The same view is no
 * clash: rows are read before they are written.) Buffers are compared last: asking for one takes 13 ns.
 * Two buffers that are shared may be the same memory, received twice.
 */
function overlap(input: Float32Array, out: Float32Array, length: number): boolean {
  const distance = byteOffsetOf(out) - byteOffsetOf(input);
  if (distance === 0 || Math.abs(distance) >= 4 * length) return false;
  return bufferOf(input) === bufferOf(out) || (isShared(input) && isShared(out));
}

/** A plain array of ours with the same elements. Copies of shared memory no longer change while they are read. */
export function copied(what: string, input: Float32Array): Float32Array {
  const copy = allocated(what, lengthOf(input));
  setFloats(copy, input, 0);
  return copy;
}

/** A new array, or `ERR_SOFTMAX_MEMORY`. */
export function allocated(what: string, length: number): Float32Array {
  try {
    return new Float32Array(length);
  } catch (cause) {
    fail(RangeError, "ERR_SOFTMAX_MEMORY", `${what}: there is no memory for ${4 * length} bytes`, cause);
  }
}

/** How to make an engine. */
export interface EngineOptions {
  /** Which back end; one asked for by name either runs or is an error. Default `"auto"`: the fastest that runs here. */
  readonly backend?: "auto" | "relaxed" | "simd" | "js" | undefined;
  /** Only results whose every bit is the same on all machines: `simd`, or an error where that cannot run. */
  readonly deterministic?: boolean | undefined;
  /** A ready `WebAssembly.Module` of one of our binaries, where compiling is not allowed (Cloudflare Workers). */
  readonly module?: object | undefined;
  /** Memory through which arrays outside of arenas are streamed, in bytes: 4096 to 2³⁰. Default 2²⁰. */
  readonly scratchBytes?: number | undefined;
}

/** Checked engine options; `what` is the function they were given to. */
export interface EngineSetup {
  readonly what: string;
  readonly backend: "auto" | "relaxed" | "simd" | "js";
  readonly deterministic: boolean;
  readonly module: object | undefined;
  readonly scratchBytes: number;
}

const BACKENDS: readonly unknown[] = ["auto", "relaxed", "simd", "js"];

export function checkEngineOptions(what: string, options: unknown): EngineSetup {
  let backend: unknown;
  let deterministic: unknown;
  let module: unknown;
  let scratchBytes: unknown;
  if (options !== undefined) {
    checkOptions(what, options);
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
  if (!BACKENDS.includes(backend)) {
    const [Class, code] =
      typeof backend === "string"
        ? ([RangeError, "ERR_SOFTMAX_VALUE"] as const)
        : ([TypeError, "ERR_SOFTMAX_TYPE"] as const);
    fail(Class, code, `${what}: "backend" expected "auto", "relaxed", "simd" or "js", got ${named(backend)}`);
  }
  if (deterministic !== undefined && typeof deterministic !== "boolean")
    fail(TypeError, "ERR_SOFTMAX_TYPE", `${what}: "deterministic" expected a boolean, got ${named(deterministic)}`);
  if (module !== undefined && (typeof module !== "object" || module === null))
    fail(TypeError, "ERR_SOFTMAX_TYPE", `${what}: "module" expected a WebAssembly.Module, got ${named(module)}`);
  if (deterministic === true && (backend === "relaxed" || backend === "js"))
    fail(TypeError, "ERR_SOFTMAX_OPTION", `${what}: "deterministic" excludes the ${backend} back end`);
  if (module !== undefined && backend === "js")
    fail(TypeError, "ERR_SOFTMAX_OPTION", `${what}: "module" excludes the js back end`);
  return {
    what,
    backend: backend as EngineSetup["backend"],
    deterministic: deterministic === true,
    module: module as object | undefined,
    scratchBytes: scratchBytes === undefined ? 2 ** 20 : checkCount(what, "scratchBytes", scratchBytes, 4096, 2 ** 30),
  };
}
