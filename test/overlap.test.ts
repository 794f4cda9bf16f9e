// Results that are written over what the call reads: as if all of it had been copied first. Every operation, every option, in one
// piece of memory, plain or an arena's; nothing outside of the result changes.

import { Worker } from "node:worker_threads";
import { createEngineSync, type Engine, mergeRowStats, type RowStats } from "softmax-wasm";
import { describe, expect, test } from "vitest";
import { onEveryBackend } from "./engines.js";
import { call, isGradient, isValue, OPERATIONS, type Operation, type Options, TAKEN_BY } from "./operations.js";
import { integer, normal, type Random, randomFrom, WITH_SEED } from "./random.js";

type Typed = Float32Array | Float64Array | Uint8Array | Uint16Array | Uint32Array;

/** What a call reads, with contents that are valid, by the name of the option or argument. */
type Name = "input" | "grad" | "max" | "sum" | "temperature" | "bias" | "mask" | "lengths";
type Arrays = { [name in Name]?: Typed };

const entries = (arrays: Arrays) => Object.entries(arrays) as [Name, Typed][];

interface Problem {
  readonly what: Operation;
  readonly rows: number;
  readonly cols: number;
  readonly layout: Options;
  readonly arrays: Arrays;
  /** The kinds and lengths of what is written: one, or the two of rowStats. */
  readonly outs: readonly Typed[];
}

const bfloat16 = (array: Float32Array) => new Uint16Array(array.buffer).filter((_, i) => i % 2 === 1); // the upper halves: little-endian

/** A call of an operation on random data: any layout, any of the options, either format. */
function problem(what: Operation, rows: number, cols: number, random: Random): Problem {
  const chance = () => random() < 0.5;
  const count = rows * cols;
  const floats = (length: number) => Float32Array.from({ length }, () => normal(random, 0, 2));
  const formatted = (array: Float32Array) => (chance() ? array : bfloat16(array));
  const arrays: Arrays = { input: formatted(floats(count)) };
  if (isGradient(what)) arrays.grad = formatted(floats(count));
  if (what === "softmaxFromStats") {
    arrays.max = new Float32Array(rows).fill(9);
    arrays.sum = Float64Array.from({ length: rows }, () => 1 + random());
  }
  if (TAKEN_BY.bias.includes(what)) {
    if (chance()) arrays.temperature = Float32Array.from({ length: rows }, () => 0.5 + random());
    if (chance()) arrays.bias = floats(chance() ? count : cols);
    if (chance()) arrays.mask = Uint8Array.from({ length: chance() ? count : cols }, () => integer(random, 0, 2));
    if (chance()) arrays.lengths = Uint32Array.from({ length: rows }, () => integer(random, 0, cols));
  }
  const side = rows % 2 === 0 && chance();
  const layout: Options = side ? { shape: [2, cols, rows / 2], axis: 1 } : { cols };
  if (TAKEN_BY.empty.includes(what) && chance()) layout.empty = "zero";
  const size = isValue(what) ? rows : count;
  const outs =
    what === "rowStats"
      ? [new Float32Array(rows), new Float64Array(rows)]
      : [chance() ? new Float32Array(size) : new Uint16Array(size)];
  if ([...Object.values(arrays), ...outs].some((array) => array instanceof Uint16Array)) layout.dtype = "bfloat16";
  return { what, rows, cols, layout, arrays, outs };
}

/** Runs a problem on these arrays, into these. */
function run(engine: Engine, { what, layout }: Problem, arrays: Arrays, outs: readonly Typed[]): unknown {
  const { input, grad, max, sum, ...options } = arrays;
  const out = outs.length === 2 ? { max: outs[0], sum: outs[1] } : outs[0];
  const second = max ? { max, sum } : grad;
  return call(engine, what, { input, second, options: { ...layout, ...options, out } });
}

type Constructor = new (buffer: ArrayBufferLike, offset: number, length: number) => Typed;
const at = (buffer: ArrayBufferLike, offset: number, like: Typed) =>
  new (like.constructor as Constructor)(buffer, offset, like.length);
const aligned = (offset: number, { BYTES_PER_ELEMENT }: Typed) =>
  Math.ceil(offset / BYTES_PER_ELEMENT) * BYTES_PER_ELEMENT;
const bytesOf = ({ buffer, byteOffset, byteLength }: Typed) => new Uint8Array(buffer, byteOffset, byteLength);

/** While `run` runs, another thread writes this and that by turns to the last element of shared memory. */
async function whileWritten(array: Typed, [one, other]: [number, number], run: () => void): Promise<void> {
  const code = `
    const { parentPort, workerData: { array, one, other } } = require("node:worker_threads");
    const last = array.length - 1;
    parentPort.postMessage("");
    for (;;) {
      array[last] = one;
      array[last] = other;
    }`;
  const worker = new Worker(code, { eval: true, workerData: { array, one, other } });
  await new Promise<void>((resolve) => void worker.once("message", resolve));
  try {
    for (let i = 0; i < 40; i++) run();
  } finally {
    await worker.terminate();
  }
}

/** Puts all arrays of a problem next to each other, from `start` on, and what is written somewhere over them. */
function check(engine: Engine, problem: Problem, buffer: ArrayBufferLike, start: number, random: Random): void {
  const arrays: Arrays = {};
  let end = start;
  for (const [name, array] of entries(problem.arrays).sort(() => random() - 0.5)) {
    arrays[name] = at(buffer, aligned(end, array), array);
    bytesOf(arrays[name]!).set(bytesOf(array));
    end = arrays[name]!.byteOffset + array.byteLength;
  }
  const outs: Typed[] = [];
  for (const out of problem.outs) {
    // Exactly over one of them, or anywhere; two do not lie over each other.
    const over = Object.values(arrays)[integer(random, 0, Object.keys(arrays).length - 1)]!;
    const first = outs.length === 0 ? start : outs[0]!.byteOffset + outs[0]!.byteLength;
    const anywhere = first + integer(random, 0, Math.max(0, end - first));
    const offset = random() < 0.4 && over.byteOffset >= first ? over.byteOffset : anywhere;
    outs.push(at(buffer, aligned(offset, out), out));
  }
  const expected = problem.outs.map((out) => out.slice());
  run(engine, problem, structuredClone(problem.arrays), expected);

  const wanted = new Uint8Array(buffer).slice();
  for (const [i, out] of outs.entries()) wanted.set(bytesOf(expected[i]!), out.byteOffset);
  const result = run(engine, problem, arrays, outs);
  if (outs.length === 1) expect(result).toBe(outs[0]);
  else expect((result as RowStats).max).toBe(outs[0]);

  const got = new Uint8Array(buffer);
  const low = start - 64; // what is further down is the arena's own
  if (Buffer.compare(got.subarray(low), wanted.subarray(low)) === 0) return;
  const places = [...entries(arrays), ...outs.map((out) => ["out", out] as const)].map(
    ([name, a]) => `${name} ${a.byteOffset}+${a.byteLength}`,
  );
  const first = got.findIndex((byte, i) => i >= low && byte !== wanted[i]);
  throw new Error(
    `${problem.what}, ${problem.rows} × ${problem.cols}, ${JSON.stringify(problem.layout)}: byte ${first}; ${places}`,
  );
}

onEveryBackend(`overlaps ${WITH_SEED}`, (engine, name) => {
  const small = createEngineSync({ backend: name, scratchBytes: 4096 });
  const SIZES = [
    [3, 4],
    [8, 3],
    [2, 70],
    [12, 100],
    [64, 33],
  ] as const;

  describe.each([
    ["plain arrays", engine],
    ["plain arrays, through a scratch of 4096 bytes", small],
  ])("%s", (_, each) => {
    test.each(OPERATIONS)("%s", (what) => {
      const random = randomFrom(what.length);
      for (const [rows, cols] of SIZES)
        for (let i = 0; i < 150; i++) {
          const buffer = new ArrayBuffer(64 + 40 * rows * cols + 64 * rows + 64);
          check(each, problem(what, rows, cols, random), buffer, 64, random);
        }
    });

    test.each(OPERATIONS)("%s, rows longer than that scratch", (what) => {
      const random = randomFrom(what.length);
      for (const [rows, cols] of [
        [1, 3001],
        [2, 1500],
        [4, 1100],
      ] as const)
        for (let i = 0; i < 20; i++) {
          const buffer = new ArrayBuffer(64 + 40 * rows * cols + 64 * rows + 64);
          check(each, problem(what, rows, cols, random), buffer, 64, random);
        }
    });
  });

  test.each(OPERATIONS)("an arena: %s", (what) => {
    const random = randomFrom(what.length);
    for (const [rows, cols] of SIZES) {
      const arena = engine.createArena(64 + 40 * rows * cols + 64 * rows + 64);
      const { buffer, byteOffset } = arena.alloc(16);
      for (let i = 0; i < 60; i++) check(engine, problem(what, rows, cols, random), buffer, byteOffset + 64, random);
      arena.dispose();
    }
  });

  test.each(OPERATIONS)("shared memory: %s", (what) => {
    const random = randomFrom(what.length);
    for (const [rows, cols] of SIZES)
      for (let i = 0; i < 30; i++) {
        const buffer = new SharedArrayBuffer(64 + 40 * rows * cols + 64 * rows + 64);
        check(engine, problem(what, rows, cols, random), buffer, 64, random);
      }
  });

  describe("other threads write to what a call reads: it has some state of it, the same throughout", () => {
    // What is written differs in one byte (0, ±512, 2¹⁹, 1): a copy of shared memory may have some bytes of each of two values.
    const cols = 2 ** 19; // far more than that scratch holds: read more than once
    const shared = new Float32Array(new SharedArrayBuffer(4 * cols));
    const out = new Float32Array(cols);
    const ends = () => [out[0], out[cols - 1]];
    const equal = [1 / cols, 1 / cols];
    const alone = [0, 1];

    test("the input", async () => {
      await whileWritten(shared.fill(0), [0, 512], () => {
        small.softmax(shared, { out });
        expect([equal, alone]).toContainEqual(ends());
        const [value] = small.logSumExp(shared);
        expect([Math.fround(Math.log(cols)), 512]).toContain(value);
      });
    });

    test("an input of a few elements", async () => {
      const few = new Float32Array(new SharedArrayBuffer(40));
      const result = new Float32Array(10);
      await whileWritten(few, [0, 512], () => {
        for (let i = 0; i < 2000; i++) {
          small.softmax(few, { out: result });
          if (result[9] !== Math.fround(0.1)) expect(result[9]).toBe(1);
        }
      });
    });

    test("an input at temperature 0", async () => {
      const some = new Float32Array(new SharedArrayBuffer(4 * 512));
      const result = new Float32Array(512);
      await whileWritten(some, [0, Infinity], () => {
        for (let i = 0; i < 100; i++) {
          small.softmax(some, { temperature: 0, out: result });
          if (!Number.isNaN(result[0])) expect(result[0]! + result[511]!).toBe(1);
        }
      });
    });

    test("a mask, a bias", async () => {
      const input = new Float32Array(cols).fill(512, cols - 1);
      const mask = new Uint8Array(new SharedArrayBuffer(cols)).fill(1);
      const dropped = [Math.fround(1 / (cols - 1)), 0];
      await whileWritten(mask, [0, 1], () => {
        small.softmax(input, { mask, out });
        expect([dropped, alone]).toContainEqual(ends());
      });
      await whileWritten(shared.fill(0), [-512, 0], () => {
        small.softmax(input, { bias: shared, out });
        expect([equal, alone]).toContainEqual(ends());
      });
    });

    test("a gradient", async () => {
      const probs = new Float32Array(cols).fill(1 / cols); // and so Σ p·g is 0 or 1
      await whileWritten(shared.fill(0), [0, cols], () => {
        small.softmaxBackward(probs, shared, { out });
        expect([
          [0, 0],
          [-1 / cols, 1 - 1 / cols],
        ]).toContainEqual(ends());
      });
    });
  });

  test("rows apart, results between them", () => {
    // Input and output interleaved, neither element on the other; and the same memory with two strides.
    for (const [inputStride, outStride, offset] of [
      [8, 8, 4],
      [8, 4, 0],
      [4, 8, 0],
      [6, 5, 3],
      [5, 6, 1],
    ] as const)
      for (const cols of [4, 3]) {
        const memory = Float32Array.from({ length: 200 }, (_, i) => Math.sin(i));
        const input = memory.subarray(20, 20 + 9 * inputStride + cols);
        const out = memory.subarray(20 + offset, 20 + offset + 9 * outStride + cols);
        const layout = { cols, rowStride: inputStride, outRowStride: outStride };
        const wanted = memory.slice();
        const expected = engine.softmax(input.slice(), { ...layout, outRowStride: cols });
        for (let row = 0; row < 10; row++)
          wanted.set(expected.subarray(row * cols, (row + 1) * cols), 20 + offset + row * outStride);
        expect(engine.softmax(input, { ...layout, out })).toBe(out);
        expect(memory).toEqual(wanted);
      }
  });

  test("the same array as everything that it can be", () => {
    const array = Float32Array.from({ length: 9 }, (_, i) => 1 + i / 8);
    const copies = () => ({ temperature: array.slice(0, 3), bias: array.slice() });
    const expected = engine.softmax(array.slice(), { cols: 3, ...copies() });
    const all = array.slice();
    const options = { cols: 3, temperature: all.subarray(0, 3), bias: all, out: all };
    expect(engine.softmax(all, options)).toEqual(expected);
    const square = array.slice();
    const gradient = engine.softmaxBackward(square.slice(), square.slice(), { cols: 3 });
    expect(engine.softmaxBackward(square, square, { cols: 3, out: square })).toEqual(gradient);
  });
});

test("other threads write to statistics that are merged: they have some state, the same throughout", async () => {
  const max = new Float32Array(new SharedArrayBuffer(4));
  const sum = new Float64Array([1]);
  const other = { max: new Float32Array([-1]), sum };
  await whileWritten(max, [0, -512], () => {
    for (let i = 0; i < 4000; i++) {
      const merged = mergeRowStats({ max, sum }, other);
      expect(merged.sum[0], `beside ${merged.max[0]}`).toBe(merged.max[0] === 0 ? 1 + Math.exp(-1) : 1);
    }
  });
});
