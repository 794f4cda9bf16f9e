// float16 and bfloat16, in and out: every bit pattern widened exactly, every result rounded to the nearest, ties to even.

import { describe, expect, test } from "vitest";
import { expectToAnswer, told } from "./compare.js";
import { onEveryBackend } from "./engines.js";
import { bitsOf, decoded, encoded, isSame } from "./formats.js";
import type { Request } from "./oracle.js";
import { OPERATIONS, program } from "./programs.js";
import { DISTRIBUTIONS, integer, logits, randomFrom, WITH_SEED } from "./random.js";
import { Ways } from "./ways.js";

const FORMATS = ["float16", "bfloat16"] as const;
const ALL_BITS = Uint16Array.from({ length: 65_536 }, (_, bits) => bits);

/** The number after `value`, away from 0 (`step` 1) or towards it (−1), in float32. */
function neighbour(value: number, step: number): number {
  const words = new Int32Array(Float32Array.of(value).buffer);
  words[0]! += step;
  return new Float32Array(words.buffer)[0]!;
}

/** float32 on and beside every border where rounding turns, and every value itself. */
function borders(dtype: "float16" | "bfloat16"): Float32Array {
  const infinity = encoded(dtype, Infinity);
  const values: number[] = [];
  for (let bits = 0; bits < infinity; bits++) {
    const value = decoded(dtype, bits);
    const next = bits + 1 === infinity ? 2 * value - decoded(dtype, bits - 1) : decoded(dtype, bits + 1);
    const middle = value + (next - value) / 2;
    for (const x of [value, neighbour(value, 1), neighbour(middle, -1), middle, neighbour(middle, 1)])
      if (Number.isFinite(Math.fround(x))) values.push(x, -x);
  }
  return Float32Array.from(values.filter((x) => Object.is(x, Math.fround(x))));
}

/** The engine's own class, where it has one. */
const Float16 = (globalThis as { Float16Array?: new (values: ArrayLike<number>) => Request["input"] }).Float16Array;

/** Fails unless all bits are equal; of NaNs, any is as good as another. */
function expectBits(dtype: "float16" | "bfloat16", got: Uint16Array, inputs: Float32Array): void {
  for (let i = 0; i < inputs.length; i++) {
    const want = encoded(dtype, inputs[i]!);
    if (!isSame(dtype, got[i]!, want))
      expect.fail(`${dtype} of ${inputs[i]}: got bits ${got[i]!.toString(16)}, want ${want.toString(16)}`);
  }
}

onEveryBackend(`half precision ${WITH_SEED}`, (engine, name) => {
  const ways = new Ways(engine, name);

  describe.each(FORMATS)("%s", (dtype) => {
    test("all 65,536 bit patterns are widened exactly", () => {
      // The maximum of one element is the element.
      const { max, sum } = engine.rowStats(ALL_BITS, { cols: 1, dtype });
      const values = engine.logSumExp(ALL_BITS, { cols: 1, dtype });
      const swept = engine.rowStats(ALL_BITS, { shape: [1, 65_536], axis: 0, dtype });
      const wrong = ALL_BITS.find((bits) => {
        const want = decoded(dtype, bits);
        return Number.isNaN(want)
          ? !(Number.isNaN(sum[bits]) && Number.isNaN(values[bits]) && Number.isNaN(swept.sum[bits]))
          : !(max[bits] === want && values[bits] === want && swept.max[bits] === want);
      });
      expect(
        wrong !== undefined &&
          `${wrong.toString(16)}: want ${decoded(dtype, wrong)}, got ${max[wrong]}, ${values[wrong]}`,
      ).toBe(false);
    });

    test("float32 on every border is rounded to nearest, ties to even: elements", () => {
      // e^−∞ is 0, and so the gradient passes as it is.
      const gradient = borders(dtype).filter((x) => x !== 0);
      const logProbs = new Float32Array(gradient.length).fill(-Infinity);
      const out = new Uint16Array(gradient.length);
      expect(engine.logSoftmaxBackward(logProbs, gradient, { cols: 1, dtype, out })).toBe(out);
      expectBits(dtype, out, gradient);
    });

    test("the same: values of rows", () => {
      const input = borders(dtype).filter((x) => x !== 0);
      const out = new Uint16Array(input.length);
      expect(engine.logSumExp(input, { cols: 1, dtype, out })).toBe(out);
      expectBits(dtype, out, input);
      const infinite = new Float32Array([Infinity, -Infinity, NaN]);
      const three = new Uint16Array(3);
      engine.logSumExp(infinite, { cols: 1, dtype, out: three });
      expectBits(dtype, three, infinite);
    });

    test("every pattern survives its way in and out; −∞ and NaN among them", () => {
      const numbers = ALL_BITS.filter((bits) => Number.isFinite(decoded(dtype, bits)) && decoded(dtype, bits) !== 0);
      const nothing = new Float32Array(numbers.length).fill(-Infinity);
      const out = new Uint16Array(numbers.length);
      engine.logSoftmaxBackward(nothing, numbers, { cols: 1, dtype, out });
      expect(out).toEqual(numbers);
      const row = bitsOf(dtype, [1, -Infinity, 2]);
      const logs = engine.logSoftmax(row, { dtype, out: new Uint16Array(3) });
      expect(decoded(dtype, logs[1]!)).toBe(-Infinity);
      const spoilt = engine.softmax(bitsOf(dtype, [1, NaN, 2]), { dtype, out: new Uint16Array(3) });
      expect(Array.from(spoilt, (bits) => decoded(dtype, bits))).toEqual([NaN, NaN, NaN]);
      const infinite = engine.softmax(bitsOf(dtype, [1, Infinity, 2]), { dtype, out: new Uint16Array(3) });
      expect(Array.from(infinite, (bits) => decoded(dtype, bits))).toEqual([NaN, NaN, NaN]);
    });

    test("a NaN stays one, whatever its payload: rounded up like a number, some would be −0", () => {
      const payloads = new Float32Array(
        Uint32Array.of(0x7fc00000, 0x7fffffff, 0x7f800001, 0xffffffff, 0xffc00000).buffer,
      );
      for (const cols of [1, 3, 70])
        for (const operation of ["softmax", "logSoftmax", "logSumExp", "logSoftmaxBackward"] as const) {
          const input = new Float32Array(payloads.length * cols).fill(-1);
          for (const [row, at] of [0, 0, 0, cols - 1, cols >> 1].entries())
            input.set(payloads.subarray(row, row + 1), row * cols + at);
          const out = new Uint16Array(operation === "logSumExp" ? payloads.length : input.length);
          if (operation === "logSoftmaxBackward")
            engine[operation](new Float32Array(input.length), input, { cols, dtype, out });
          else engine[operation](input, { cols, dtype, out });
          expect(Array.from(out, (bits) => decoded(dtype, bits))).toEqual(Array(out.length).fill(NaN));
        }
    });

    test("widened input gives the bits of the same numbers in float32", () => {
      const random = randomFrom(6000);
      for (const [rows, cols] of [
        [1, 1],
        [5, 3],
        [3, 64],
        [7, 65],
        [2, 1025],
        [1, 5003],
      ] as const) {
        const halves = bitsOf(dtype, logits(random, rows * cols, DISTRIBUTIONS[1]!));
        const wide = Float32Array.from(halves, (bits) => decoded(dtype, bits));
        for (const operation of ["softmax", "logSoftmax", "logSumExp"] as const) {
          const expected = engine[operation](wide, { cols });
          expect(engine[operation](halves, { cols, dtype })).toEqualBitForBit(expected);
          const out = new Uint16Array(expected.length);
          expectBits(dtype, engine[operation](halves, { cols, dtype, out }), expected);
          expectBits(dtype, engine[operation](wide, { cols, dtype, out }), expected);
          const half = bitsOf(dtype, wide);
          if (operation !== "logSumExp")
            expectBits(dtype, engine[operation](half, { cols, dtype, out: half }), expected);
        }
      }
    });

    test("nothing beside the result is written", () => {
      const random = randomFrom(6001);
      for (let cols = 1; cols < 30; cols++)
        for (const at of [0, 1, 3, 7]) {
          const place = new Uint16Array(cols + 32).fill(0xdead);
          const out = place.subarray(at, at + cols);
          engine.softmax(bitsOf(dtype, logits(random, cols, DISTRIBUTIONS[0]!)), { dtype, out });
          expect(place.filter((bits, i) => (i < at || i >= at + cols) && bits !== 0xdead)).toEqual(new Uint16Array(0));
        }
    });
  });

  test("random calls of every operation with half precision on some side", () => {
    const random = randomFrom(6002);
    const seen = new Set<string>();
    for (let i = 0; i < 200; ) {
      const request = program(random);
      if (request.options.dtype === undefined) continue;
      expectToAnswer(request, ways.same(request), name);
      seen.add(request.operation);
      i++;
    }
    expect([...seen].sort()).toEqual([...OPERATIONS].sort());
  });

  if (Float16 === undefined) test.skip("Float16Array: this engine has none", () => {});
  else
    test("Float16Array holds what its bits say", () => {
      const random = randomFrom(6003);
      const of = (values: ArrayLike<number>) => new Float16(values) as Request["input"] & Float32Array;
      for (let i = 0; i < 40; i++) {
        const cols = integer(random, 1, 200);
        const bits = bitsOf("float16", logits(random, 3 * cols, DISTRIBUTIONS[1]!));
        const values = Array.from(bits, (half) => decoded("float16", half));
        const array = of(values);
        const fromBits = engine.softmax(bits, { cols, dtype: "float16" });
        expect(engine.softmax(array, { cols })).toEqualBitForBit(fromBits);
        const out = of(new Float32Array(values.length));
        expect(engine.softmax(array, { cols, out })).toBe(out);
        expect(Array.from(out), told(values)).toEqual(
          Array.from(engine.softmax(bits, { cols, dtype: "float16", out: new Uint16Array(bits.length) }), (half) =>
            decoded("float16", half),
          ),
        );
        const shape = [cols, 3];
        engine.logSoftmax(array, { shape, axis: 0, out: array });
        const request: Request = { operation: "logSoftmax", input: of(values), options: { shape, axis: 0 } };
        expectToAnswer({ ...request, outFormat: "float16" }, array, name);
      }
    });
});
