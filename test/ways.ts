// All the ways that a call's data can travel: a fresh result, one given, in place, in an arena, through a scratch block that is too
// small for it. Every way must give the same bits.

import {
  type Arena,
  type BackendName,
  createEngineSync,
  type Elements,
  type Engine,
  type RowStats,
} from "softmax-wasm";
import { afterAll, expect } from "vitest";
import { describeRequest } from "./compare.js";
import { type FormatName, formatOf, isSame } from "./formats.js";
import { lengthOfResult, placesOf, type Request } from "./oracle.js";

type Options = Request["options"] & { readonly out?: Elements | undefined };

/** The operation by its name. */
export function perform(engine: Engine, { operation, input, second }: Request, options: Options): Elements | RowStats {
  const method = engine[operation] as (...parameters: unknown[]) => Elements | RowStats;
  return second === undefined ? method.call(engine, input, options) : method.call(engine, input, second, options);
}

/** What lies between rows before the call, and must after it. */
const FILLER = 7;

/** A result of `length` elements in a format, full of fillers; in an arena if one is given. */
function resultOf(format: FormatName, length: number, arena?: Arena): Elements {
  if (format === "float32") return (arena?.alloc(length) ?? new Float32Array(length)).fill(FILLER);
  return (arena === undefined ? new Uint16Array(length) : halvesIn(arena, length)).fill(FILLER);
}

function halvesIn(arena: Arena, length: number): Uint16Array {
  const { buffer, byteOffset } = arena.alloc(Math.ceil(length / 2));
  return new Uint16Array(buffer, byteOffset, length);
}

function copyOf(array: Elements): Elements {
  return (array as Float32Array).slice();
}

function inArena(arena: Arena, array: Elements): Elements {
  const isFloat = array[Symbol.toStringTag] === "Float32Array";
  if (array[Symbol.toStringTag] === "Float16Array") return array;
  const inside = isFloat ? arena.alloc(array.length) : halvesIn(arena, array.length);
  inside.set(array as Float32Array);
  return inside;
}

export class Ways {
  readonly #engine: Engine;
  readonly #small: Engine;
  readonly #arena: Arena;

  constructor(engine: Engine, name: BackendName, arenaBytes = 2 ** 20) {
    this.#engine = engine;
    this.#small = createEngineSync({ backend: name, scratchBytes: 4096 });
    this.#arena = engine.createArena(arenaBytes);
    afterAll(() => {
      this.#small.dispose();
      this.#arena.dispose();
    });
  }

  /** The result, which was the same in every way. */
  same(request: Request): Elements | RowStats {
    const { operation, input, options } = request;
    if (operation === "rowStats") return this.#sameStats(request);
    const isWritten = this.#written(request);
    const results = operation === "logSumExp" ? this.#values(request) : this.#batches(request);
    const [[, first]] = results as [[string, Elements]];
    const format = formatOf(first, options.dtype);
    for (const [way, result] of results)
      for (let i = 0; i < result.length; i++) {
        if (isWritten[i] === 1 && !isSame(format, result[i]!, first[i]!))
          expect.fail(`${way}, element ${i}: got ${result[i]}, not ${first[i]}: ${describeRequest(request)}`);
        const before = way.includes("in place") ? (input[i] as number) : FILLER;
        if (isWritten[i] === 0 && !Object.is(result[i], before))
          expect.fail(`${way}: wrote ${result[i]} between rows, at ${i}: ${describeRequest(request)}`);
      }
    // A result that is not given: the same, and 0 between rows.
    if ((request.outFormat ?? "float32") === "float32") {
      const fresh = perform(this.#engine, request, options) as Float32Array;
      for (let i = 0; i < fresh.length; i++)
        if (!Object.is(fresh[i], isWritten[i] === 1 ? first[i] : 0))
          expect.fail(`fresh, element ${i}: got ${fresh[i]}, not ${first[i]}: ${describeRequest(request)}`);
    }
    return first;
  }

  #written(request: Request): Uint8Array {
    const written = new Uint8Array(lengthOfResult(request));
    const { rowStride, outRowStride } = request.options;
    if (request.operation === "logSumExp" || (rowStride ?? outRowStride) === undefined) return written.fill(1);
    for (const places of placesOf(request.input.length, request.options))
      for (const { outAt } of places) written[outAt] = 1;
    return written;
  }

  #values(request: Request): [way: string, result: Elements][] {
    const { outFormat = "float32", options, input } = request;
    const length = lengthOfResult(request);
    const run = (engine: Engine, from: Elements, out: Elements) => {
      perform(engine, { ...request, input: from }, { ...options, out });
      return out;
    };
    this.#arena.reset();
    const inside = inArena(this.#arena, input);
    return [
      ["out given", run(this.#engine, input, resultOf(outFormat, length))],
      ["small scratch", run(this.#small, input, resultOf(outFormat, length))],
      ["from an arena", run(this.#engine, inside, resultOf(outFormat, length))],
      ["within an arena", run(this.#engine, inside, resultOf(outFormat, length, this.#arena))],
    ];
  }

  #batches(request: Request): [way: string, result: Elements][] {
    const { outFormat = "float32", options, input } = request;
    const length = lengthOfResult(request);
    const second = request.second !== undefined && !("max" in request.second) ? request.second : undefined;
    const results: [string, Elements][] = [];
    const run = (way: string, engine: Engine, from: Elements, out: Elements, other: Request["second"]) => {
      perform(engine, { ...request, input: from, second: other }, { ...options, out });
      results.push([way, out]);
    };
    const arena = this.#arena;
    run("out given", this.#engine, input, resultOf(outFormat, length), request.second);
    run("small scratch", this.#small, input, resultOf(outFormat, length), request.second);
    arena.reset();
    const inside = inArena(arena, input);
    const secondInside = second === undefined ? request.second : inArena(arena, second);
    run("in an arena", this.#engine, inside, resultOf(outFormat, length, arena), secondInside);
    run("out of an arena", this.#engine, inside, resultOf(outFormat, length), request.second);
    const { cols, rowStride = cols, outRowStride = cols } = options;
    if (formatOf(input, options.dtype) !== outFormat || rowStride !== outRowStride || input.length < length)
      return results;
    const replaced =
      second !== undefined && formatOf(second, options.dtype) === outFormat && rowStride === cols ? second : undefined;
    for (const [title, engine] of [
      ["in place", this.#engine],
      ["in place, small scratch", this.#small],
    ] as const) {
      const place = copyOf(input);
      run(title, engine, place, place, request.second);
      if (replaced === undefined) continue;
      const secondPlace = copyOf(replaced);
      run(`${title} of the gradient`, engine, input, secondPlace, secondPlace);
    }
    if (replaced !== undefined) {
      const secondPlace = inArena(arena, replaced);
      run("in place of the gradient, in an arena", this.#engine, inside, secondPlace, secondPlace);
    }
    run("in place, in an arena", this.#engine, inside, inside, secondInside);
    return results;
  }

  #sameStats(request: Request): RowStats {
    const { options, input } = request;
    const first = perform(this.#engine, request, options) as RowStats;
    this.#arena.reset();
    const inside = inArena(this.#arena, input);
    for (const [way, engine, from] of [
      ["small scratch", this.#small, input],
      ["in an arena", this.#engine, inside],
    ] as const) {
      const stats = perform(engine, { ...request, input: from }, options) as RowStats;
      for (let row = 0; row < first.max.length; row++)
        if (!Object.is(stats.max[row], first.max[row]) || !Object.is(stats.sum[row], first.sum[row]))
          expect.fail(
            `${way}, row ${row}: got ${stats.max[row]}, ${stats.sum[row]}, not ${first.max[row]}, ${first.sum[row]}: ` +
              describeRequest(request),
          );
    }
    return first;
  }
}
