// Rows along any axis: every operation, every rank, rows that straddle what lies beside them, longer than the memory for them.

import { createEngineSync } from "softmax-wasm";
import { describe, expect, test } from "vitest";
import { expectToAnswer } from "./compare.js";
import { onEveryBackend, running } from "./engines.js";
import { type OperationName, placesOf, type Request } from "./oracle.js";
import { gradients, OPERATIONS, results, spreadStats } from "./programs.js";
import { DISTRIBUTIONS, integer, logits, type Random, randomFrom, WITH_SEED } from "./random.js";
import { ulpAt } from "./ulp.js";
import { perform, Ways } from "./ways.js";

const fallback = running.find(({ name }) => name === "js")!.engine;

/** A call along an axis, each row from another distribution. */
function requestOf(random: Random, operation: OperationName, shape: readonly number[], axis: number): Request {
  const options = { shape, axis };
  const length = shape.reduce((a, b) => a * b, 1);
  if (operation === "softmaxBackward" || operation === "logSoftmaxBackward") {
    const input = Float32Array.from(results(random, length, operation === "logSoftmaxBackward"));
    return { operation, input, second: Float32Array.from(gradients(random, length)), options };
  }
  const places = placesOf(length, options);
  const input = new Float32Array(length);
  for (const row of places) {
    const { draw } = DISTRIBUTIONS[integer(random, 0, DISTRIBUTIONS.length - 1)]!;
    for (const { at } of row) input[at] = draw(random);
  }
  if (operation !== "softmaxFromStats") return { operation, input, options };
  return { operation, input, second: spreadStats(random, places, Float64Array.from(input), options), options };
}

const SHAPES: readonly (readonly number[])[] = [
  [7],
  [300],
  [1, 1],
  [5, 4],
  [70, 3],
  [3, 70],
  [130, 33],
  [2, 3, 4],
  [5, 3, 3], // four lanes straddle the blocks of three
  [4, 5, 7],
  [3, 1100, 2], // longer than a scratch block of 4096 bytes
  [2, 1100, 5],
  [1, 2100, 1],
  [2, 3, 4, 5],
  [3, 1, 6, 1],
  [2, 3, 2, 3, 2],
  [1, 5, 1, 7, 9],
];

onEveryBackend(`any axis ${WITH_SEED}`, (engine, name) => {
  const ways = new Ways(engine, name, 2 ** 25);

  describe.each(OPERATIONS)("%s", (operation) => {
    test.each(SHAPES.map((shape) => [shape.join(" × "), shape] as const))("%s, every axis", (_, shape) => {
      const random = randomFrom(3000);
      for (let axis = 0; axis < shape.length; axis++) {
        const request = requestOf(random, operation, shape, axis);
        const result = ways.same(request);
        expectToAnswer(request, result, name);
        const negative = { ...request, options: { shape, axis: axis - shape.length } };
        expect(ways.same(negative), `axis ${axis - shape.length}`).toEqual(result);
      }
    });

    test("1 … 65 rows side by side", () => {
      const random = randomFrom(3001);
      for (const inner of [1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 15, 16, 17, 29, 31, 32, 33, 36, 40, 63, 64, 65])
        for (const [outer, cols] of [
          [1, 5],
          [3, 2],
          [2, 66],
        ] as const) {
          const request = requestOf(random, operation, [outer, cols, inner], 1);
          expectToAnswer(request, ways.same(request), name);
        }
    });

    test("more rows side by side than the tables hold", () => {
      const random = randomFrom(3002);
      for (const shape of [
        [3, 5000],
        [2, 3, 4100],
        [3000, 3, 3],
      ]) {
        const request = requestOf(random, operation, shape, shape.length - 2);
        expectToAnswer(request, ways.same(request), name);
      }
    });
  });

  // What is too large for the oracle is compared with the fallback, on rows that were taken out one by one.
  describe.each(["softmax", "logSoftmax", "logSumExp"] as const)("%s, large", (operation) => {
    test.each([
      [2, 33_000, 2],
      [1, 70_001, 3],
      [1, 16_385, 5],
      [1, 32_769, 33], // the longest but one that the kernel's work area holds 32 of: in pieces, in an arena, too
      [2, 262_145, 2], // that it holds 4 of
      [1, 33_000, 13],
      [4, 5000, 5], // in batches of 24 rows, of 8, of 4 and of 16 neighbours
      [1, 12_000, 11],
      [1, 20_000, 6],
      [2, 8000, 33],
      [1, 130, 8200],
    ])("%i × %i × %i", (outer, cols, inner) => {
      const input = logits(randomFrom(3003 + cols), outer * cols * inner, DISTRIBUTIONS[1]!);
      const got = ways.same({ operation, input, options: { shape: [outer, cols, inner], axis: 1 } }) as Float32Array;
      const row = new Float32Array(cols);
      for (let index = 0; index < outer * inner; index += inner > 100 ? 37 : 1) {
        const start = Math.floor(index / inner) * cols * inner + (index % inner);
        for (let col = 0; col < cols; col++) row[col] = input[start + col * inner]!;
        const want = fallback[operation](row);
        let farthest = 0;
        for (let col = 0; col < want.length; col++) {
          const y = operation === "logSumExp" ? got[index]! : got[start + col * inner]!;
          const isTiny = operation === "softmax" && Math.max(y, want[col]!) <= 2 ** -125; // may be 0, on either
          if (!isTiny) farthest = Math.max(farthest, Math.abs(y - want[col]!) / ulpAt(want[col]!));
        }
        expect(farthest, `ULP from the fallback, row ${index}`).toBeLessThanOrEqual(4);
      }
    });
  });

  test("more long rows side by side than go through the kernel at once", () => {
    const random = randomFrom(3005);
    const middle = createEngineSync({ backend: name, scratchBytes: 2 ** 17 }); // room for no four of these rows, but 256 of each
    const [cols, inner] = [9000, 40];
    for (const operation of OPERATIONS) {
      const { input, second, options } = requestOf(random, operation, [cols, inner], 0);
      const request = { operation, input, second, options };
      expect(perform(middle, request, options), operation).toEqual(perform(engine, request, options));
    }
    middle.dispose();
  });

  test.each(OPERATIONS)("rows that the kernel's work area does not hold, %s", (operation) => {
    const request = requestOf(randomFrom(3006), operation, [32_800, 37], 0);
    expect(() => ways.same(request)).not.toThrow();
  });

  test.each(OPERATIONS)("so many that an arena's come from memory, %s", (operation) => {
    const request = requestOf(randomFrom(3007), operation, [97, 250, 64], 1);
    expect(() => ways.same(request)).not.toThrow();
  });

  test("a row has the same bits wherever it lies", () => {
    const random = randomFrom(3004);
    const moved = (
      operation: "softmax" | "logSoftmax",
      cols: number,
      outer: number,
      inner: number,
      row: Float32Array,
    ) => {
      for (let o = 0; o < outer; o++)
        for (let k = 0; k < inner; k++) {
          const input = logits(random, outer * cols * inner, DISTRIBUTIONS[(o + k) % DISTRIBUTIONS.length]!);
          row.forEach((x, col) => {
            input[(o * cols + col) * inner + k] = x;
          });
          const got = engine[operation](input, { shape: [outer, cols, inner], axis: 1 });
          yielded.push(row.map((_, col) => got[(o * cols + col) * inner + k]!));
        }
    };
    let yielded: Float32Array[] = [];
    for (const operation of ["softmax", "logSoftmax"] as const)
      for (const cols of [1, 3, 65, 400]) {
        const row = logits(random, cols, DISTRIBUTIONS[1]!);
        yielded = [];
        moved(operation, cols, 3, 5, row);
        moved(operation, cols, 2, 8, row);
        moved(operation, cols, 1, 33, row);
        for (const bits of yielded) expect(bits, `${operation}, ${cols} columns`).toEqualBitForBit(yielded[0]!);
      }
  });

  test("shapes with a 0, and with nothing in them", () => {
    const empty = new Float32Array(0);
    for (const shape of [
      [0, 3],
      [3, 0],
      [2, 0, 4],
    ])
      for (let axis = 0; axis < shape.length; axis++) {
        expect(engine.softmax(empty, { shape, axis })).toEqual(empty);
        expect(engine.logSoftmax(empty, { shape, axis })).toEqual(empty);
        expect(engine.softmaxBackward(empty, empty, { shape, axis })).toEqual(empty);
        const rows = shape.reduce((product, size, i) => (i === axis ? product : product * size), 1);
        const { max, sum } = engine.rowStats(empty, { shape, axis });
        expect([max, sum]).toEqual([new Float32Array(rows).fill(-Infinity), new Float64Array(rows)]);
      }
    expect(engine.softmax(new Float32Array([3]), { shape: [] })).toEqual(new Float32Array([1]));
  });

  test("nothing at all is one row of no elements, unless the layout says otherwise", () => {
    const empty = new Float32Array(0);
    expect(engine.softmax(empty)).toEqual(empty);
    expect(engine.logSumExp(empty)).toEqual(new Float32Array([-Infinity]));
    expect(engine.rowStats(empty)).toEqual({ max: new Float32Array([-Infinity]), sum: new Float64Array(1) });
    expect(engine.logSumExp(empty, { cols: 3 })).toEqual(empty);
    expect(engine.logSumExp(empty, { cols: 0 })).toEqual(empty);
  });
});
