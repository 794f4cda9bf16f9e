// Bad inputs, one call each, on every back end: the error is the right one, and nothing was written anywhere.

import { type SoftmaxOptions, softmax } from "softmax-wasm";
import { afterEach, describe, expect, test } from "vitest";
import { onEveryBackend } from "./engines.js";
import { detached, length, memory, option, type Refusal, refused, type, value } from "./errors.js";
import { NO_ARRAYS, NO_COUNTS, NO_NUMBERS } from "./impostors.js";

const NUMBERS = Float32Array.from({ length: 12 }, (_, i) => i / 8);

/** Options that do not fit `NUMBERS`, and the error they deserve. */
const BAD_OPTIONS: readonly (readonly [options: unknown, refusal: Refusal])[] = [
  ...[null, true, 12, "12", 12n, Symbol("cols"), () => 4, [4], new Float32Array(12), Buffer.from([4])].map(
    (options) => [options, type('softmax: "options" expected an object, got ')] as const,
  ),
  ...NO_ARRAYS.map(([named, out]) => [{ out }, type(`softmax: "out" expected a Float32Array, got ${named}`)] as const),
  ...NO_NUMBERS.map(([named, cols]) => [{ cols }, type(`softmax: "cols" expected a number, got ${named}`)] as const),
  ...NO_COUNTS.map((cols) => [{ cols }, value(`softmax: "cols" expected an integer from 0 to `)] as const),
  [{ cols: 5 }, length('softmax: "input" expected a multiple of 5 elements, got 12')],
  [{ cols: 24 }, length('softmax: "input" expected a multiple of 24 elements, got 12')],
  [{ cols: 2 ** 32 }, length('softmax: "input" expected a multiple of 4294967296 elements, got 12')],
  [{ cols: 2 ** 53 - 1 }, length('softmax: "input" expected a multiple of 9007199254740991 elements, got 12')],
  [{ cols: 0 }, length('softmax: "input" expected a multiple of 0 elements, got 12')],
  [{ cols: -0 }, length('softmax: "input" expected a multiple of 0 elements, got 12')],
  [{ out: new Float32Array(11) }, length('softmax: "out" expected length 12, got 11')],
  [{ out: new Float32Array(13) }, length('softmax: "out" expected length 12, got 13')],
  [{ out: new Float32Array(0) }, length('softmax: "out" expected length 12, got 0')],

  ...[null, 12, "3,4", { length: 2 }, new Int32Array([3, 4])].map(
    (shape) => [{ shape }, type('softmax: "shape" expected an array of numbers, got ')] as const,
  ),
  ...NO_NUMBERS.map(
    ([named, size]) => [{ shape: [3, size] }, type(`softmax: "shape[1]" expected a number, got ${named}`)] as const,
  ),
  ...NO_COUNTS.map(
    (size) => [{ shape: [size, 4] }, value('softmax: "shape[0]" expected an integer from 0 to ')] as const,
  ),
  [{ shape: [3, undefined, 4] }, type('softmax: "shape[1]" expected a number, got undefined')],
  [{ shape: [3, 5] }, length('softmax: "input" expected length 15 for the shape, got 12')],
  [{ shape: [] }, length('softmax: "input" expected length 1 for the shape, got 12')],
  [{ shape: [3, 0] }, length('softmax: "input" expected length 0 for the shape, got 12')],
  [{ shape: [2 ** 31, 2 ** 31] }, value('softmax: "shape" has more elements than ')],
  [{ shape: [65536, 65536, 65536, 65536] }, value('softmax: "shape" has more elements than ')],
  [{ shape: [0, 2 ** 31, 2 ** 31], axis: 0 }, value('softmax: "shape" has more elements than ')],
  [{ shape: [2 ** 16, 2 ** 16] }, length('softmax: "input" expected length 4294967296 for the shape, got 12')],
  ...NO_NUMBERS.map(
    ([named, axis]) => [{ shape: [3, 4], axis }, type(`softmax: "axis" expected a number, got ${named}`)] as const,
  ),
  ...[2, -3, 0.5, NaN].map(
    (axis) => [{ shape: [3, 4], axis }, value('softmax: "axis" expected an integer from -2 to 1')] as const,
  ),
  [{ axis: 0 }, option('softmax: "axis" needs "shape"')],
  [{ axis: -1, cols: 4 }, option('softmax: "axis" needs "shape"')],
  [{ cols: 4, shape: [3, 4] }, option('softmax: "cols" and "shape" exclude each other')],
  [{ columns: 4 }, option('softmax: "columns" is not an option of softmax')],
  [{ cols: 4, Out: new Float32Array(12) }, option('softmax: "Out" is not an option of softmax')],
];

const isPlainObject = (each: unknown): each is object =>
  each instanceof Object && Object.getPrototypeOf(each) === Object.prototype;

/** Transfers an array's buffer away, as postMessage does. */
function transfer(array: Float32Array): void {
  structuredClone(array.buffer, { transfer: [array.buffer as ArrayBuffer] });
}

/** An array on memory that can shrink. */
function resizable(...numbers: number[]) {
  const buffer = new ArrayBuffer(4 * numbers.length, { maxByteLength: 4 * numbers.length });
  const array = new Float32Array(buffer, 0, numbers.length);
  array.set(numbers);
  return { buffer, array };
}

onEveryBackend("bad inputs", (engine) => {
  const run = (input: unknown, options?: unknown) => engine.softmax(input as Float32Array, options as SoftmaxOptions);

  test.each([...NO_ARRAYS, ["undefined", undefined] as const])("input: %s", (named, input) => {
    const out = new Float32Array(12).fill(7);
    const wanted = type(`softmax: "input" expected a Float32Array, got ${named}`);
    refused(() => run(input), wanted);
    refused(() => run(input, { cols: 4, out }), wanted);
    refused(() => run(input, { shape: [3, 4], out }), wanted);
    expect(out).toEqual(new Float32Array(12).fill(7));
  });

  test.each(BAD_OPTIONS)("options: %o", (options, refusal) => {
    const input = NUMBERS.slice();
    const out = new Float32Array(12).fill(7);
    refused(() => run(input, options), refusal);
    if (isPlainObject(options) && !("out" in options)) {
      refused(() => run(input, { ...options, out }), refusal);
      expect(out).toEqual(new Float32Array(12).fill(7));
      refused(() => run(input, { ...options, out: input }), refusal);
    }
    expect(input).toEqual(NUMBERS);
  });

  test.each([
    ["cols", { cols: 4 }],
    ["shape", { shape: [3, 4] }],
    ["no layout", {}],
  ])("a transferred array, %s", (_, layout) => {
    const out = new Float32Array(12).fill(7);
    const gone = NUMBERS.slice();
    transfer(gone);
    refused(() => run(gone, { ...layout, out }), detached('softmax: "input" is detached'));
    refused(() => run(gone, layout), detached('softmax: "input" is detached'));
    const input = NUMBERS.slice();
    refused(() => run(input, { ...layout, out: gone }), detached('softmax: "out" is detached'));
    expect(out).toEqual(new Float32Array(12).fill(7));
    expect(input).toEqual(NUMBERS);
  });

  test("an array that lost a part of its memory", () => {
    const { buffer, array } = resizable(...NUMBERS);
    buffer.resize(44);
    refused(() => run(array), detached('softmax: "input" is detached'));
    refused(() => run(NUMBERS, { out: array }), detached('softmax: "out" is detached'));
    const tracking = new Float32Array(buffer); // its length follows the buffer's: 11
    refused(() => run(NUMBERS, { out: tracking }), length('softmax: "out" expected length 12, got 11'));
    expect(run(tracking)).toHaveLength(11);
  });

  describe("the caller's code runs before anything is measured", () => {
    test("a getter that transfers the input", () => {
      const input = NUMBERS.slice();
      const out = new Float32Array(12).fill(7);
      const options = {
        out,
        get cols() {
          transfer(input);
          return 4;
        },
      };
      refused(() => run(input, options), detached('softmax: "input" is detached'));
      expect(out).toEqual(new Float32Array(12).fill(7));
    });

    test("a getter that shrinks input and out", () => {
      const input = resizable(...NUMBERS);
      const out = resizable(...NUMBERS);
      const options = {
        out: out.array,
        get cols() {
          input.buffer.resize(16);
          out.buffer.resize(0);
          return 4;
        },
      };
      refused(() => run(input.array, options), detached('softmax: "input" is detached'));
      expect(Array.from(new Float32Array(input.buffer))).toEqual(Array.from(NUMBERS.subarray(0, 4)));
    });

    test("a getter in the shape that transfers the output", () => {
      const out = new Float32Array(12);
      const shape = Object.defineProperty([3, 4], 1, {
        get() {
          transfer(out);
          return 4;
        },
      });
      refused(() => run(NUMBERS, { out, shape }), detached('softmax: "out" is detached'));
    });

    test("a getter that calls softmax", () => {
      const options = {
        get cols() {
          expect(run(new Float32Array(2))).toEqual(new Float32Array([0.5, 0.5]));
          return 4;
        },
      };
      expect(run(new Float32Array(12), options)).toEqual(new Float32Array(12).fill(0.25));
    });

    test("an error of a getter is passed on as it is", () => {
      const error = new Error("mine");
      const options = {
        get cols(): number {
          throw error;
        },
      };
      expect(() => run(NUMBERS, options)).toThrow(error);
    });
  });

  test("each option is read once", () => {
    const reads: string[] = [];
    const count = <T>(name: string, result: T) => ({
      enumerable: true,
      get() {
        reads.push(name);
        return result;
      },
    });
    const options = Object.defineProperties(
      {},
      {
        shape: count("shape", Object.defineProperties([0, 0], { 0: count("shape[0]", 3), 1: count("shape[1]", 4) })),
        axis: count("axis", -1),
        out: count("out", new Float32Array(12)),
      },
    );
    run(NUMBERS, options);
    expect(reads.sort()).toEqual(["axis", "out", "shape", "shape[0]", "shape[1]"]);
    reads.length = 0;
    run(NUMBERS, Object.defineProperty({}, "cols", count("cols", 3)));
    expect(reads).toEqual(["cols"]);
  });

  describe("own properties only, and the built-ins as they were at load", () => {
    const undo: (() => void)[] = [];
    afterEach(() => {
      while (undo.length > 0) undo.pop()!();
    });
    /** Redefines a property until the test ends. */
    function patch(object: object, name: PropertyKey, descriptor: PropertyDescriptor): void {
      const before = Object.getOwnPropertyDescriptor(object, name);
      undo.push(() =>
        before === undefined ? Reflect.deleteProperty(object, name) : Object.defineProperty(object, name, before),
      );
      Object.defineProperty(object, name, { configurable: true, ...descriptor });
    }
    const big = Float32Array.from({ length: 1200 }, (_, i) => (i % 13) / 4);

    test("a polluted Object.prototype, an inherited option", () => {
      const expected = run(NUMBERS, { cols: 4 });
      const out = new Float32Array(12).fill(7);
      for (const [name, polluted] of Object.entries({ cols: 3, out, shape: [1], axis: 0, nonsense: 1 }))
        patch(Object.prototype, name, { value: polluted, writable: true, enumerable: true });
      expect(run(NUMBERS, { cols: 4, out: undefined, shape: undefined, axis: undefined })).toEqual(expected);
      expect(run(NUMBERS, { cols: 4 })).toEqual(expected);
      expect(run(NUMBERS, Object.create({ cols: 3, nonsense: 1 }))).toHaveLength(12);
      expect(out).toEqual(new Float32Array(12).fill(7));
    });

    test("patched methods and getters of typed arrays, patched Math", () => {
      const expected = [run(NUMBERS, { cols: 4 }), run(big, { cols: 100 }), run(big)];
      const typedArray = Object.getPrototypeOf(Float32Array.prototype) as object;
      const broken = () => {
        throw new Error("patched");
      };
      for (const name of ["set", "subarray", "slice", "fill", "copyWithin", "keys", Symbol.iterator])
        for (const prototype of [typedArray, Float32Array.prototype])
          patch(prototype, name, { value: broken, writable: true });
      for (const name of ["length", "byteOffset", "byteLength", "buffer", Symbol.toStringTag])
        patch(Float32Array.prototype, name, { get: broken });
      for (const name of ["fround", "exp"]) patch(Math, name, { value: broken, writable: true });
      const got = [run(NUMBERS, { cols: 4 }), run(big, { cols: 100 }), run(big)];
      while (undo.length > 0) undo.pop()!();
      expect(got).toEqual(expected);
    });
  });

  test("no memory for the result", () => {
    const { Float32Array: Real } = globalThis;
    class NoMemory {
      constructor() {
        throw new RangeError("Array buffer allocation failed");
      }
    }
    const input = new Float32Array(2 ** 16);
    try {
      globalThis.Float32Array = NoMemory as unknown as typeof Float32Array;
      refused(() => run(input), memory("softmax: cannot allocate 262144 bytes"));
    } finally {
      globalThis.Float32Array = Real;
    }
    expect(run(input)).toHaveLength(65536);
  });

  test("all is well after all this", () => {
    expect(run(new Float32Array(12), { cols: 4 })).toEqual(new Float32Array(12).fill(0.25));
  });
});

test("the function of the module checks, too", () => {
  refused(
    () => softmax([1, 2] as unknown as Float32Array),
    type('softmax: "input" expected a Float32Array, got Array'),
  );
  refused(() => softmax(NUMBERS, { out: new Float32Array(11) }), length('softmax: "out" expected length 12, got 11'));
});
