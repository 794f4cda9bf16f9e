// Calls of every operation, with options, formats and layouts (the random programs), on one engine along one path; and calls that must
// fail. Every result has the bits it had when the oracle looked at it.

import { runnerImport } from "vite";
import { createEngineSync } from "../../build/esm/index.js";

const imported = async (name) => (await runnerImport(new URL(`../${name}.ts`, import.meta.url).pathname)).module;
const { answerTo, isRight, lengthOfResult } = await imported("oracle");
const { numbersOf } = await imported("formats");
const { program } = await imported("programs");
export const { integer, randomFrom, SEED } = await imported("random");

/** Thrown where the library is wrong. */
export class Wrong extends Error {}

function perform(engine, { operation, input, second }, options) {
  return second === undefined ? engine[operation](input, options) : engine[operation](input, second, options);
}

const NEW = { float32: Float32Array, float16: Uint16Array, bfloat16: Uint16Array };

/** What the oracle says of a result, or `undefined` where it has nothing against it. */
function objection(request, result, name) {
  const { format, elements, sums = [] } = answerTo(request, name);
  const values = request.operation === "rowStats" ? result.max : numbersOf(result, request.options.dtype);
  const wrong = elements.find((element) => !isRight(format, values[element.at], element));
  if (wrong !== undefined) return `element ${wrong.at}: ${values[wrong.at]}, not ${wrong.want} ± ${wrong.tolerance}`;
  for (const { at, want, tolerance } of sums) {
    const sum = result.sum[at];
    const isNear = Number.isNaN(want) ? Number.isNaN(sum) : Math.abs(sum - want) <= tolerance;
    if (!isNear) return `sum ${at}: ${sum}, not ${want} ± ${tolerance}`;
  }
  return undefined;
}

/**
 * A new array has also what comes after the last row, up to the next that there is not. One NaN is as good as another: WebAssembly leaves
 * its sign open, and V8's two compilers differ.
 */
function isSame(result, want, dtype) {
  const isHalf = want instanceof Uint16Array;
  const [got, expected] = isHalf ? [numbersOf(result, dtype), numbersOf(want, dtype)] : [result, want];
  return expected.every((x, i) => Object.is(x, got[i]));
}

/** A program, its result on each engine, seen by the oracle. */
function learned(request, engines) {
  const length = request.operation === "rowStats" ? 0 : lengthOfResult(request);
  const wanted = engines.map(({ name, engine }) => {
    const out = request.operation === "rowStats" ? undefined : new NEW[request.outFormat ?? "float32"](length);
    const result = perform(engine, request, { ...request.options, out });
    const problem = objection(request, result, name);
    if (problem !== undefined) throw new Wrong(`${request.operation}, ${name}: ${problem}`);
    return result;
  });
  return { request, length, wanted };
}

/** So many programs, whose results are right. */
export function programs(random, count, engines) {
  return Array.from({ length: count }, () => learned(program(random), engines));
}

const PATHS = ["fresh", "given", "arena", "in place", "small scratch"];

/** One call of a program. `isChecked`: its result is compared. */
export function call({ request, length, wanted }, { engine, small, arena }, index, path, isChecked) {
  const { operation, input, options, outFormat = "float32" } = request;
  const isFloat = outFormat === "float32";
  const { rowStride, outRowStride } = options;
  const isInPlace =
    PATHS[path] === "in place" && isFloat && input instanceof Float32Array && input.length === length && !rowStride;
  let from = input;
  let out;
  if (PATHS[path] === "arena" || PATHS[path] === "in place") {
    arena.reset();
    if (input instanceof Float32Array) {
      from = arena.alloc(input.length);
      from.set(input);
    }
  }
  if (operation !== "rowStats" && !(isFloat && PATHS[path] === "fresh")) {
    if (isInPlace && !outRowStride) out = from === input ? input.slice() : from;
    else if (isFloat && PATHS[path] === "arena") out = arena.alloc(length).fill(0);
    else out = new NEW[outFormat](length);
  }
  const runs = PATHS[path] === "small scratch" ? small : engine;
  const result = perform(runs, { operation, input: from, second: request.second }, { ...options, out });
  if (!isChecked) return;
  const want = wanted[index];
  const isRightNow =
    operation === "rowStats"
      ? isSame(result.max, want.max) && isSame(result.sum, want.sum)
      : isSame(result, want, options.dtype);
  if (!isRightNow) throw new Wrong(`${operation}, ${runs.backend}, ${PATHS[path]}: other bits than before`);
}

export const pathCount = PATHS.length;

const batch = new Float32Array(60).fill(1);
const untouched = new Float32Array(59).fill(7);
const ended = createEngineSync({ backend: "js" });
ended.dispose();

const detached = () => {
  const array = new Float32Array(60);
  structuredClone(array.buffer, { transfer: [array.buffer] });
  return array;
};

class Stop extends Error {}
const stopping = {
  get cols() {
    throw new Stop("the caller's own");
  },
};

/** Calls that fail, each with the code of its error. */
const FAILURES = [
  ["ERR_SOFTMAX_LENGTH", ({ engine }) => engine.softmax(batch, { cols: 10, out: untouched })],
  ["ERR_SOFTMAX_LENGTH", ({ engine }) => engine.softmax(batch, { cols: 10, mask: new Uint8Array(11) })],
  ["ERR_SOFTMAX_LENGTH", ({ engine }) => engine.softmaxBackward(batch, batch.subarray(1), { cols: 10 })],
  ["ERR_SOFTMAX_LENGTH", ({ engine }) => engine.logSumExp(batch, { shape: [7, 7] })],
  ["ERR_SOFTMAX_VALUE", ({ engine }) => engine.logSoftmax(batch, { cols: 0.5 })],
  ["ERR_SOFTMAX_VALUE", ({ engine }) => engine.rowStats(batch, { cols: 10, temperature: -1 })],
  ["ERR_SOFTMAX_VALUE", ({ engine }) => engine.softmax(batch, { shape: [6, 10], axis: 2 })],
  ["ERR_SOFTMAX_TYPE", ({ engine }) => engine.softmax([1, 2, 3])],
  ["ERR_SOFTMAX_TYPE", ({ engine }) => engine.softmax(batch, { cols: "10" })],
  ["ERR_SOFTMAX_OPTION", ({ engine }) => engine.softmax(batch, { columns: 10 })],
  ["ERR_SOFTMAX_OPTION", ({ engine }) => engine.logSumExp(batch, { empty: "zero" })],
  ["ERR_SOFTMAX_DETACHED", ({ engine }) => engine.softmax(detached(), { cols: 10 })],
  ["ERR_SOFTMAX_ARENA_FULL", ({ arena }) => arena.alloc(2 ** 24)],
  ["ERR_SOFTMAX_DISPOSED", () => ended.softmax(batch)],
  [undefined, ({ engine }) => engine.softmax(batch, stopping)],
];

/** One of those calls. */
export function failingCall(random, place) {
  const [code, attempt] = FAILURES[integer(random, 0, FAILURES.length - 1)];
  let error;
  try {
    attempt(place);
  } catch (thrown) {
    error = thrown;
  }
  if (error === undefined || error.code !== code || (code === undefined && !(error instanceof Stop)))
    throw new Wrong(`an error with the code ${code} expected, got ${error}`);
  if (untouched.some((x) => x !== 7)) throw new Wrong("a call that failed has written");
}
