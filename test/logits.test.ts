// What the options do to the logits first: temperature, bias, mask, lengths, causal; all of them together, for every operation that
// takes them; and rows of which nothing is left.

import type { SoftmaxOptions } from "softmax-wasm";
import { describe, expect, test } from "vitest";
import { expectToAnswer } from "./compare.js";
import { onEveryBackend } from "./engines.js";
import { changed, type OperationName, placesOf, type Request } from "./oracle.js";
import { spreadStats } from "./programs.js";
import { DISTRIBUTIONS, integer, logits, normal, type Random, randomFrom, WITH_SEED } from "./random.js";
import { ulpAt } from "./ulp.js";
import { Ways } from "./ways.js";

const TAKING: readonly OperationName[] = ["softmax", "logSoftmax", "logSumExp", "rowStats", "softmaxFromStats"];

type Layout = Pick<SoftmaxOptions, "cols" | "shape" | "axis" | "rowStride">;

/** The last of them longer than a scratch block of 4096 bytes. */
const LAYOUTS: readonly (readonly [title: string, length: number, layout: Layout])[] = [
  ["cols", 91, { cols: 7 }],
  ["cols with gaps", 90, { cols: 7, rowStride: 9 }],
  ["wide", 600, { cols: 100 }],
  ["axis −1", 240, { shape: [2, 4, 6, 5], axis: -1 }],
  ["axis −2", 240, { shape: [2, 4, 6, 5], axis: -2 }],
  ["axis −3", 240, { shape: [2, 4, 6, 5], axis: -3 }],
  ["axis 0 of four", 240, { shape: [2, 4, 6, 5], axis: 0 }],
  ["axis 0 of two", 132, { shape: [12, 11], axis: 0 }],
  ["long rows", 2600, { cols: 1300 }],
  ["long columns", 3300, { shape: [1100, 3], axis: 0 }],
];

const EMPTIES = [undefined, "nan", "zero"] as const;

type Mutable<T> = { -readonly [key in keyof T]: T[key] };
type Options = Mutable<Request["options"]>;

/** Each option that a bit of `subset` stands for; an array for the batch or for one row by turns. */
function optionsOf(random: Random, layout: Layout, length: number, subset: number, isFull: boolean): Options {
  const places = placesOf(length, layout);
  const rows = places.length;
  const cols = places[0]!.length;
  const size = isFull ? rows * cols : cols;
  const options: Options = { ...layout };
  if (subset & 1)
    options.temperature = isFull ? Float32Array.from({ length: rows }, () => 0.1 + 3 * random()) : 0.1 + 3 * random();
  if (subset & 2) options.bias = Float32Array.from({ length: size }, () => normal(random, 0, 4));
  if (subset & 4)
    options.mask = Uint8Array.from({ length: size }, () => (random() < 0.7 ? integer(random, 1, 255) : 0));
  if (subset & 8) {
    const lengths = Array.from({ length: rows }, () => integer(random, 0, cols));
    options.lengths = isFull ? Uint32Array.from(lengths) : Int32Array.from(lengths);
  }
  if (subset & 16) options.causal = integer(random, -3, 3);
  return options;
}

onEveryBackend(`logits, changed first ${WITH_SEED}`, (engine, name) => {
  const ways = new Ways(engine, name);
  const check = (request: Request) => expectToAnswer(request, ways.same(request), name);

  describe.each(TAKING)("%s", (operation) => {
    test.each(LAYOUTS)("every combination: %s", (_, length, layout) => {
      const random = randomFrom(5000);
      const subsets = Array.from({ length: 31 }, (_, i) => i + 1);
      for (const subset of length < 2000 ? subsets : [1, 2, 4, 8, 16, 31])
        for (const isFull of [false, true]) {
          const options = optionsOf(random, layout, length, subset, isFull);
          const empty = EMPTIES[(subset + (isFull ? 1 : 0)) % 3];
          if (operation !== "logSumExp" && operation !== "rowStats" && empty !== undefined) options.empty = empty;
          const places = placesOf(length, options);
          const input = logits(random, length, DISTRIBUTIONS[subset % DISTRIBUTIONS.length]!);
          const second =
            operation === "softmaxFromStats"
              ? spreadStats(random, places, Float64Array.from(input), options)
              : undefined;
          check({ operation, input, second, options });
        }
    });

    test("dropped positions, whatever is there, change no bit", () => {
      const random = randomFrom(5001);
      for (const [, length, layout] of LAYOUTS) {
        const options = optionsOf(random, layout, length, 4 + 8 + 16, true);
        const places = placesOf(length, options);
        const input = logits(random, length, DISTRIBUTIONS[0]!);
        const second =
          operation === "softmaxFromStats" ? spreadStats(random, places, Float64Array.from(input), options) : undefined;
        const expected = ways.same({ operation, input, second, options });
        const batch = places.length * places[0]!.length;
        for (const trash of [NaN, Infinity, 3e38]) {
          const spoilt = input.slice();
          places.forEach((row, index) => {
            const kept = changed(row, index, Float64Array.from(input), options, batch);
            row.forEach(({ at }, col) => {
              if (kept[col] === -Infinity) spoilt[at] = trash;
            });
          });
          expect(ways.same({ operation, input: spoilt, second, options })).toEqual(expected);
        }
      }
    });
  });

  test("where nothing is kept, neither does a bias that is NaN or infinite matter", () => {
    const x = new Float32Array([1, 2, 3, 4]);
    const layouts = [{ cols: 2 }, { shape: [2, 2], axis: 0 }] as const;
    const keeps = new Uint8Array([0, 1, 0, 1]);
    for (const spoilt of [NaN, Infinity, -Infinity])
      for (const temperature of [undefined, 0.5, new Float32Array([0.5, 2])])
        for (const [index, layout] of layouts.entries()) {
          const ofRow = new Float32Array([spoilt, 0]);
          const full = new Float32Array(index === 0 ? [spoilt, 0, spoilt, 0] : [spoilt, spoilt, 0, 0]);
          const mask = index === 0 ? keeps : new Uint8Array([0, 0, 1, 1]);
          for (const bias of [ofRow, full])
            for (const dropped of [{ mask }, { mask: new Uint8Array([0, 1]) }]) {
              const options = { ...layout, ...(temperature !== undefined && { temperature }), bias, ...dropped };
              expect(engine.softmax(x, options)).toEqual(Float32Array.from(mask));
            }
        }
  });

  test("masked rows are the rows of what is kept", () => {
    const random = randomFrom(5002);
    for (let cols = 1; cols < 200; cols += 3) {
      const input = logits(random, cols, DISTRIBUTIONS[cols % DISTRIBUTIONS.length]!);
      const mask = Uint8Array.from({ length: cols }, (_, i) => (i === 0 || random() < 0.6 ? 1 : 0));
      const kept = input.filter((_, i) => mask[i] === 1);
      for (const operation of ["softmax", "logSoftmax"] as const) {
        const dropped = operation === "softmax" ? 0 : -Infinity;
        const masked = engine[operation](input, { mask });
        expect(masked.filter((_, i) => mask[i] === 0).every((y) => Object.is(y, dropped))).toBe(true);
        const compact = engine[operation](kept);
        masked
          .filter((_, i) => mask[i] === 1)
          .forEach((y, i) => {
            expect(Math.abs(y - compact[i]!)).toBeLessThanOrEqual(6 * ulpAt(compact[i]!));
          });
      }
      const [first] = engine.logSumExp(input, { mask });
      const [second] = engine.logSumExp(kept);
      expect(Math.abs(first! - second!)).toBeLessThanOrEqual(Math.max(6 * ulpAt(second!), 2 ** -21));
    }
  });

  test("lengths are a mask of the first columns; −∞ as a bias drops, too", () => {
    const random = randomFrom(5003);
    for (const [rows, cols] of [
      [7, 5],
      [9, 33],
      [5, 100],
    ] as const) {
      const input = logits(random, rows * cols, DISTRIBUTIONS[1]!);
      const lengths = Uint32Array.from({ length: rows }, () => integer(random, 1, cols));
      const keeps = (i: number) => i % cols < lengths[Math.floor(i / cols)]!;
      const mask = Uint8Array.from(input, (_, i) => (keeps(i) ? 1 : 0));
      const bias = Float32Array.from(input, (_, i) => (keeps(i) ? 0 : -Infinity));
      const expected = engine.softmax(input, { cols, lengths });
      expect(engine.softmax(input, { cols, mask })).toEqualBitForBit(expected);
      expect(engine.softmax(input, { cols, bias })).toEqualBitForBit(expected);
      expect(engine.softmax(input, { cols, temperature: 1, mask })).toEqualBitForBit(expected);
    }
  });

  test("long rows are cut where lengths and causal end: the bits are those of a mask", () => {
    const random = randomFrom(5015);
    for (const cols of [511, 512, 513, 1000]) {
      const ends = [0, 1, 255, 256, 256, 257, 300, 511, 512, cols - 1, cols, 20, 600, 40].map((end) =>
        Math.min(end, cols),
      );
      const input = logits(random, ends.length * cols, DISTRIBUTIONS[0]!);
      input[2 * cols + 300] = NaN; // dropped
      input[6 * cols + 10] = NaN;
      input[7 * cols + 500] = Infinity;
      const masked = (ends: readonly number[]) =>
        Uint8Array.from({ length: ends.length * cols }, (_, i) => (i % cols < ends[Math.floor(i / cols)]! ? 1 : 0));
      const square = { shape: [7, 2, cols], causal: 255 };
      for (const [given, mask] of [
        [{ cols, lengths: Uint32Array.from(ends) }, masked(ends)],
        [square, masked(ends.map((_, row) => Math.min(cols, 256 + (row % 2))))],
      ] as const)
        for (const empty of ["nan", "zero"] as const) {
          const layout = { cols, mask };
          for (const operation of ["softmax", "logSoftmax"] as const)
            expect(engine[operation](input, { ...given, empty })).toEqualBitForBit(
              engine[operation](input, { ...layout, empty }),
            );
          expect(engine.logSumExp(input, given)).toEqualBitForBit(engine.logSumExp(input, layout));
          const stats = engine.rowStats(input, layout);
          const same = engine.rowStats(input, given);
          expect(same.max).toEqualBitForBit(stats.max);
          expect(same.sum).toEqual(stats.sum);
          expect(engine.softmaxFromStats(input, stats, { ...given, empty })).toEqualBitForBit(
            engine.softmaxFromStats(input, stats, { ...layout, empty }),
          );
          const halves = (options: SoftmaxOptions) =>
            Array.from(
              engine.softmax(input, { ...options, dtype: "float16", out: new Uint16Array(input.length) }),
              (bits) => ((bits & 0x7fff) > 0x7c00 ? NaN : bits), // which NaN is nobody's business
            );
          expect(halves(given)).toEqual(halves(layout));
        }
    }
  });

  test("causal: of a square, row i keeps the first i + 1; along the other axis, column j the last of them", () => {
    const ones = (shape: number[], axis: number, causal: number) =>
      Array.from(engine.softmax(new Float32Array(9), { shape, axis, causal, empty: "zero" }), (y) => (y > 0 ? 1 : 0));
    expect(ones([3, 3], -1, 0)).toEqual([1, 0, 0, 1, 1, 0, 1, 1, 1]);
    expect(ones([3, 3], -2, 0)).toEqual([1, 0, 0, 1, 1, 0, 1, 1, 1]);
    expect(ones([1, 3, 3], 0, 0)).toEqual([1, 0, 0, 1, 1, 0, 1, 1, 1]);
    expect(ones([3, 3], -1, -1)).toEqual([0, 0, 0, 1, 0, 0, 1, 1, 0]);
    expect(ones([3, 3], -1, 1)).toEqual([1, 1, 0, 1, 1, 1, 1, 1, 1]);
    expect(ones([3, 3], -1, -3)).toEqual([0, 0, 0, 0, 0, 0, 0, 0, 0]);
    expect(ones([3, 3], -1, 2)).toEqual([1, 1, 1, 1, 1, 1, 1, 1, 1]);
  });

  describe("temperature", () => {
    test("fround(x / t + bias), rounded once", () => {
      const random = randomFrom(5004);
      for (const temperature of [0.1, 1 / 3, 0.7, 1, 3, 1e-3, 1e4, 2 ** -149, 1e-300, 1e300])
        for (const cols of [3, 70]) {
          const input = logits(random, 6 * cols, DISTRIBUTIONS[0]!);
          const bias = logits(random, cols, DISTRIBUTIONS[1]!);
          for (const options of [
            { cols, temperature },
            { cols, temperature, bias },
            { shape: [cols, 6], axis: 0, temperature, bias },
          ]) {
            check({ operation: "softmax", input, options });
            check({ operation: "logSumExp", input, options });
          }
        }
      // One column shows the changed logit itself (0 in place of −0).
      const x = logits(random, 4000, DISTRIBUTIONS[1]!);
      const b = logits(random, 4000, DISTRIBUTIONS[0]!);
      const t = Float32Array.from({ length: 4000 }, () => 0.05 + 2 * random());
      const { max } = engine.rowStats(x, { cols: 1, temperature: t, bias: b });
      expect(max).toEqualBitForBit(x.map((logit, i) => logit / t[i]! + b[i]! + 0));
      expect(engine.rowStats(x, { cols: 1, temperature: 0.7 }).max).toEqualBitForBit(x.map((logit) => logit / 0.7 + 0));
    });

    test("as by division, also where a product with the reciprocal would be rounded otherwise, or there is none", () => {
      const random = randomFrom(5014);
      const special = [0, -0, 1, -1, 2 ** -149, -(2 ** -126), 3.4e38, -3.4e38, Infinity, -Infinity];
      const checkDivided = (x: Float32Array, temperature: number) =>
        expect(engine.rowStats(x, { cols: 1, temperature }).max).toEqualBitForBit(
          x.map((logit) => Math.fround(logit / temperature) + 0),
        );
      for (const t of [5e-324, 1e-310, 2.3e-308, 1e-40, 1e-38, 2 ** -24, 0.3, 7, 1e38, 1e300, Number.MAX_VALUE])
        checkDivided(new Float32Array(special), t);
      for (let i = 0; i < 20_000; i++) {
        const x = Math.fround(1 + random());
        const middle = 1 + (2 * Math.floor(random() * 2 ** 23) + 1) * 2 ** -24; // between two float32
        checkDivided(new Float32Array([x, 3 * x, -x]), x / middle);
      }
    });

    test("0: one-hot at the first maximum, after bias and mask", () => {
      const answer = (values: number[], options: SoftmaxOptions = {}) =>
        Array.from(engine.softmax(new Float32Array(values), { temperature: 0, ...options }));
      expect(answer([1, 3, 3, 2])).toEqual([0, 1, 0, 0]);
      expect(answer([3, 1, 3])).toEqual([1, 0, 0]);
      expect(answer([-Infinity, -Infinity, -5])).toEqual([0, 0, 1]);
      expect(answer([3, 1, 2], { mask: new Uint8Array([0, 1, 1]) })).toEqual([0, 0, 1]);
      expect(answer([3, 1, 2], { bias: new Float32Array([0, 9, 0]) })).toEqual([0, 1, 0]);
      expect(answer([1, 2, 3], { lengths: new Uint32Array([2]) })).toEqual([0, 1, 0]);
      expect(answer([1, NaN, 3])).toEqual([NaN, NaN, NaN]);
      expect(answer([1, Infinity, 3])).toEqual([NaN, NaN, NaN]);
      expect(answer([NaN, 2, 3], { mask: new Uint8Array([0, 1, 1]) })).toEqual([0, 0, 1]);
      expect(answer([-Infinity, -Infinity])).toEqual([NaN, NaN]);
      expect(answer([-Infinity, -Infinity], { empty: "zero" })).toEqual([0, 0]);
      expect(answer([0, -0])).toEqual([1, 0]);
      // Side by side, in two blocks, each row with its maximum elsewhere.
      expect(answer([1, 9, 5, 2, 3, 4, 1, 2, 3, 9, 7, 4], { shape: [2, 3, 2], axis: 1 })).toEqual([
        0, 1, 1, 0, 0, 0, 0, 0, 0, 1, 1, 0,
      ]);
      const mixed = new Float32Array([0, 1, 0]);
      const rows = new Float32Array([1, 2, 0, 0, 5, 4]);
      expect(engine.softmax(rows, { cols: 2, temperature: mixed })).toEqual(new Float32Array([0, 1, 0.5, 0.5, 1, 0]));
      const random = randomFrom(5005);
      for (const cols of [2, 70, 1500])
        for (const operation of ["softmax", "logSoftmax"] as const)
          for (const options of [{ cols }, { shape: [cols, 4], axis: 0 }]) {
            const input = logits(random, 4 * cols, DISTRIBUTIONS[0]!).map(Math.round); // with many ties
            check({ operation, input, options: { ...options, temperature: 0 } });
          }
    });
  });

  test("empty: a row of which nothing is kept; a NaN that is kept shows in spite of it", () => {
    const rows = [
      [-Infinity, -Infinity, -Infinity],
      [1, 2, 3],
      [NaN, -Infinity, -Infinity],
      [-Infinity, NaN, -Infinity],
      [Infinity, -Infinity, -Infinity],
      [1, 2, NaN],
    ];
    const mask = new Uint8Array([1, 1, 1, 0, 0, 0, 1, 1, 1, 1, 0, 1, 1, 1, 1, 1, 1, 0]);
    const input = new Float32Array(rows.flat());
    const shares = Array.from(engine.softmax(new Float32Array([1, 2])));
    const wanted = (nothing: number, rest: number[]) =>
      [
        nothing,
        nothing,
        nothing,
        nothing,
        nothing,
        nothing,
        NaN,
        NaN,
        NaN,
        nothing,
        nothing,
        nothing,
        NaN,
        NaN,
        NaN,
      ].concat(rest);
    const logs = Array.from(engine.logSoftmax(new Float32Array([1, 2])));
    expect(engine.softmax(input, { cols: 3, mask })).toEqualNumbers(wanted(NaN, [...shares, 0]));
    expect(engine.softmax(input, { cols: 3, mask, empty: "nan" })).toEqualNumbers(wanted(NaN, [...shares, 0]));
    expect(engine.softmax(input, { cols: 3, mask, empty: "zero" })).toEqualNumbers(wanted(0, [...shares, 0]));
    expect(engine.logSoftmax(input, { cols: 3, mask, empty: "zero" })).toEqualNumbers(
      wanted(-Infinity, [...logs, -Infinity]),
    );
    expect(engine.softmax(input.subarray(0, 3), { empty: "zero" })).toEqualNumbers([0, 0, 0]);
    expect(engine.logSumExp(input, { cols: 3, mask }).slice(0, 2)).toEqualNumbers([-Infinity, -Infinity]);
  });

  test("options that lie in the result's own memory, or are shared, are read before they are written over", () => {
    const random = randomFrom(5006);
    const cols = 300;
    const input = logits(random, 9 * cols, DISTRIBUTIONS[0]!);
    const bias = logits(random, 9 * cols, DISTRIBUTIONS[0]!);
    const expected = engine.softmax(input, { cols, bias });
    const out = bias.slice();
    expect(engine.softmax(input, { cols, bias: out, out })).toEqualBitForBit(expected);
    const shared = new Float32Array(new SharedArrayBuffer(4 * bias.length));
    shared.set(bias);
    expect(engine.softmax(input, { cols, bias: shared })).toEqualBitForBit(expected);
    const temperature = Float32Array.from({ length: 9 }, () => 0.5 + random());
    const place = input.slice();
    place.set(temperature, 5 * cols);
    const both = place.slice();
    const inside = both.subarray(5 * cols, 5 * cols + 9);
    expect(engine.softmax(both, { cols, temperature: inside, out: both })).toEqualBitForBit(
      engine.softmax(place, { cols, temperature }),
    );
  });
});
