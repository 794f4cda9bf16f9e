// Rows in parts: their statistics, put together in any way, are those of the row; probabilities of a part are those of the row.

import { createEngineSync, mergeRowStats, type RowStats } from "softmax-wasm";
import { describe, expect, test } from "vitest";
import { expectToAnswer, note } from "./compare.js";
import { onEveryBackend, running } from "./engines.js";
import { DISTRIBUTIONS, integer, logits, type Random, randomFrom, WITH_SEED } from "./random.js";
import { trueRow } from "./truth.js";
import { ulpAt, ulpError } from "./ulp.js";
import { Ways } from "./ways.js";

/** What DESIGN promises of rows in parts, on every back end. */
const BOUND = 4;

const NEUTRAL: RowStats = { max: new Float32Array([-Infinity]), sum: new Float64Array([0]) };

/** Where to cut `length` elements into `count` parts; some may have none. */
function cutsOf(random: Random, length: number, count: number): number[] {
  const inner = Array.from({ length: count - 1 }, () => integer(random, 0, length)).sort((a, b) => a - b);
  return [0, ...inner, length];
}

function shuffled<T>(random: Random, values: readonly T[]): T[] {
  const result = [...values];
  for (let i = result.length - 1; i > 0; i--) {
    const j = integer(random, 0, i);
    [result[i], result[j]] = [result[j]!, result[i]!];
  }
  return result;
}

/** Any two neighbours, until one is left. */
function mergedSomehow(random: Random, parts: readonly RowStats[]): RowStats {
  const left = shuffled(random, parts);
  while (left.length > 1) {
    const at = integer(random, 0, left.length - 2);
    left.splice(at, 2, mergeRowStats(left[at]!, left[at + 1]!));
  }
  return left[0]!;
}

const one = (max: number, sum: number): RowStats => ({ max: new Float32Array([max]), sum: new Float64Array([sum]) });

onEveryBackend(`statistics ${WITH_SEED}`, (engine, name) => {
  const ways = new Ways(engine, name);
  const statsOf = (row: Float32Array) => (row.length === 0 ? NEUTRAL : engine.rowStats(row));

  test.each(DISTRIBUTIONS.map((distribution) => [distribution.name, distribution] as const))(
    "rows in any number of parts, put together in any order: %s",
    (_, distribution) => {
      const random = randomFrom(7000);
      for (const cols of [1, 2, 3, 10, 64, 65, 100, 1000, 5003])
        for (let i = 0; i < (cols > 500 ? 3 : 12); i++) {
          const row = logits(random, cols, distribution);
          const cuts = cutsOf(random, cols, integer(random, 1, Math.min(cols, 40)));
          const parts = cuts.slice(1).map((end, k) => row.subarray(cuts[k]!, end));
          const stats = mergedSomehow(random, parts.map(statsOf));
          expect(stats.max[0]).toBe(row.reduce((a, b) => Math.max(a, b)));
          const { terms, sum } = trueRow(row, 0, cols);
          expect(Math.abs(stats.sum[0]! - sum)).toBeLessThanOrEqual(sum * 2 ** -22);
          const got = parts.flatMap((part) =>
            part.length === 0 ? [] : Array.from(engine.softmaxFromStats(part, stats)),
          );
          got.forEach((y, col) => {
            const want = terms[col]! / sum;
            const ulp = ulpError(y, want, terms[col]!);
            const where = () =>
              `element ${col} of ${cols} in ${parts.length} parts: got ${y}, want ${want}, off by ${ulp}`;
            if (!(ulp <= BOUND)) expect.fail(where());
            if (y !== 0) note(name, "softmaxFromStats", y, want, 0, where);
          });
        }
    },
  );

  test("of uncut rows: within the bound, and max + log(sum) is the log-sum-exp", () => {
    const random = randomFrom(7001);
    for (const cols of [1, 3, 64, 65, 300, 2000])
      for (const distribution of DISTRIBUTIONS) {
        const input = logits(random, 4 * cols, distribution);
        const stats = ways.same({ operation: "rowStats", input, options: { cols } }) as RowStats;
        expectToAnswer({ operation: "rowStats", input, options: { cols } }, stats, name);
        engine.logSumExp(input, { cols }).forEach((value, row) => {
          const own = stats.max[row]! + Math.log(stats.sum[row]!);
          expect(Math.abs(own - value)).toBeLessThanOrEqual(Math.max(4 * ulpAt(value), 2 ** -21));
        });
        const request = { operation: "softmaxFromStats", input, second: stats, options: { cols } } as const;
        expectToAnswer(request, ways.same(request), name);
      }
  });

  test("sums to the last bit, in pieces through a scratch block of any size", () => {
    const random = randomFrom(7005);
    const sizes = [4096, 4352, 5000, 7000].map((scratchBytes) => createEngineSync({ backend: name, scratchBytes }));
    for (const layout of [{ cols: 6000 }, { shape: [6000, 1], axis: 0 }, { shape: [2000, 3], axis: 0 }])
      for (const distribution of DISTRIBUTIONS) {
        const input = logits(random, 6000, distribution);
        const expected = engine.rowStats(input, layout);
        for (const other of sizes) expect(other.rowStats(input, layout)).toEqual(expected);
      }
    for (const other of sizes) other.dispose();
  });

  test("given sums of any size, of rows that lie near their maximum", () => {
    const random = randomFrom(7006);
    for (const cols of [3, 9, 100, 130, 1000])
      for (const exponent of [0, 30, 60, 94, 110, 124]) {
        const input = logits(random, 9 * cols, DISTRIBUTIONS[1]!);
        const options = { cols };
        const { max, sum } = engine.rowStats(input, options);
        const second = { max, sum: sum.map((each) => each * 2 ** exponent) };
        const request = { operation: "softmaxFromStats", input, second, options } as const;
        expectToAnswer(request, ways.same(request), name);
      }
  });

  test("more rows than go through the kernel's tables at once", () => {
    const input = logits(randomFrom(7004), 3 * 10_000, DISTRIBUTIONS[1]!);
    const options = { cols: 3 };
    const stats = ways.same({ operation: "rowStats", input, options }) as RowStats;
    for (const [row, max] of stats.max.entries())
      expect(max).toBe(input.subarray(3 * row, 3 * row + 3).reduce((a, b) => Math.max(a, b)));
    for (const request of [
      { operation: "rowStats", input, options },
      { operation: "logSumExp", input, options },
      { operation: "softmaxFromStats", input, second: stats, options },
    ] as const)
      expectToAnswer(request, ways.same(request), name);
  });

  test("no probability is above 1; a lone element is 1, k equal ones are fround(1 / k)", () => {
    const random = randomFrom(7003);
    for (let i = 0; i < 3000; i++) {
      const largest = Math.fround(600 * random() - 300);
      const row = new Float32Array([largest, largest - 17 - 60 * random()]);
      expect(engine.softmaxFromStats(row, engine.rowStats(row))[0]).toBeLessThanOrEqual(1);
      const lone = row.subarray(0, 1);
      expect(engine.softmaxFromStats(lone, engine.rowStats(lone))[0]).toBe(1);
    }
    const few = Array.from({ length: 300 }, (_, k) => k + 1);
    for (const k of [...few, 685, 1419, 2071, 4095, 4142]) {
      // Of the last ones, 1 / k is within 2^−34 of itself from the middle between two float32.
      const equal = new Float32Array(k).fill(5);
      const stats = engine.rowStats(equal);
      const part = engine.softmaxFromStats(equal.subarray(0, 70), stats);
      expect(part).toEqualBitForBit(part.slice().fill(1 / k));
      expect(engine.softmaxFromStats(equal, stats)).toEqualBitForBit(equal.fill(1 / k));
    }
  });

  test("several rows at once, along any axis, cut along it", () => {
    const random = randomFrom(7002);
    for (const inner of [1, 3, 8])
      for (const cols of [4, 70]) {
        const shape = [2, cols, inner];
        const whole = logits(random, 2 * cols * inner, DISTRIBUTIONS[2]!);
        const cut = integer(random, 1, cols - 1);
        const take = (from: number, to: number) =>
          whole.filter((_, i) => {
            const col = Math.floor(i / inner) % cols;
            return col >= from && col < to;
          });
        const left = take(0, cut);
        const right = take(cut, cols);
        const leftShape = { shape: [2, cut, inner], axis: 1 };
        const rightShape = { shape: [2, cols - cut, inner], axis: 1 };
        const stats = mergeRowStats(engine.rowStats(left, leftShape), engine.rowStats(right, rightShape));
        const expected = engine.softmax(whole, { shape, axis: 1 });
        const gotLeft = engine.softmaxFromStats(left, stats, leftShape);
        const gotRight = engine.softmaxFromStats(right, stats, rightShape);
        const indices = Array.from(whole, (_, i) => Math.floor(i / inner) % cols);
        const wantLeft = expected.filter((_, i) => indices[i]! < cut);
        const wantRight = expected.filter((_, i) => indices[i]! >= cut);
        for (const [got, want] of [
          [gotLeft, wantLeft],
          [gotRight, wantRight],
        ] as const)
          got.forEach((y, i) => {
            expect(Math.abs(y - want[i]!)).toBeLessThanOrEqual(7 * ulpAt(want[i]!));
          });
      }
  });

  describe("special rows", () => {
    test.each([
      ["finite", [1, 2], 2, 1 + Math.exp(-1)],
      ["one element", [-5], -5, 1],
      ["some −∞", [-Infinity, 3, -Infinity], 3, 1],
      ["only −∞", [-Infinity, -Infinity], -Infinity, 0],
      ["equal", [7, 7, 7], 7, 3],
      ["the ends of the range", [3.4028234663852886e38, -3.4028234663852886e38], 3.4028234663852886e38, 1],
    ])("%s", (_, row, max, sum) => {
      for (const more of [0, 70, 120]) {
        const filled = new Float32Array(row.length + more).fill(-Infinity);
        filled.set(row);
        const stats = engine.rowStats(filled);
        expect(stats.max[0]).toBe(max);
        expect(stats.sum[0]).toBeCloseTo(sum, 6);
      }
    });

    test("a NaN or +∞ in one part makes NaN of all, as in the uncut row, and −∞ changes nothing", () => {
      const parts = [
        [1, 2, 3],
        [-Infinity, -Infinity],
        [0, 5],
      ].map((part) => new Float32Array(part));
      for (const special of [NaN, Infinity, -Infinity])
        for (let place = 0; place < 3; place++)
          for (const empty of ["nan", "zero"] as const) {
            const row = parts.map((part) => part.slice());
            row[place]![0] = special;
            const stats = row.map(statsOf).reduce((a, b) => mergeRowStats(a, b));
            const whole = Float32Array.from(row.flatMap((part) => Array.from(part)));
            const expected = engine.softmax(whole, { empty });
            let start = 0;
            for (const part of row) {
              const got = engine.softmaxFromStats(part, stats, { empty });
              got.forEach((y, i) => {
                const want = expected[start + i]!;
                const where = `${special} in part ${place}`;
                if (Number.isNaN(want)) expect(y, where).toBeNaN();
                else expect(Math.abs(y - want), where).toBeLessThanOrEqual(BOUND * ulpAt(want));
              });
              start += part.length;
            }
          }
    });

    test("a row with a NaN has its own maximum, whatever lies in the rows beside it", () => {
      const rows = [
        [1, Infinity, 2],
        [3, NaN, 1],
        [-Infinity, -Infinity, -Infinity],
        [4, 5, 6],
      ];
      const alone = rows.map((row) => engine.rowStats(Float32Array.from(row)));
      const across = Float32Array.from([0, 1, 2].flatMap((col) => rows.map((row) => row[col]!)));
      for (const stats of [
        engine.rowStats(Float32Array.from(rows.flat()), { cols: 3 }),
        engine.rowStats(across, { shape: [3, 4], axis: 0 }),
      ]) {
        expect(Array.from(stats.max)).toEqual(alone.map(({ max }) => max[0]));
        expect(Array.from(stats.sum)).toEqual(alone.map(({ sum }) => sum[0]));
      }
    });

    test("a maximum of zero is +0, however many zeros of either sign there are, wherever they are", () => {
      const input = new Float32Array(2000).fill(-1);
      input[4] = -0;
      input[1024] = 0;
      const small = createEngineSync({ backend: engine.backend, scratchBytes: 4096 });
      for (const row of [
        input,
        input.subarray(0, 1024),
        input.subarray(1000),
        new Float32Array([-0]),
        new Float32Array([0, -0]),
      ])
        for (const each of [engine, small]) {
          expect(each.rowStats(row).max).toEqual(new Float32Array([0]));
          expect(each.rowStats(row, { shape: [row.length, 1], axis: 0 }).max).toEqual(new Float32Array([0]));
        }
    });

    test("a sum of NaN shows, though the maximum is −∞, whatever empty says", () => {
      const spoilt = one(-Infinity, NaN);
      for (const empty of ["nan", "zero"] as const) {
        const part = new Float32Array(5).fill(-Infinity);
        expect(engine.softmaxFromStats(part, spoilt, { empty })).toEqualNumbers([NaN, NaN, NaN, NaN, NaN]);
      }
    });

    test("a sum that no row has, since it is beyond float32: next to nothing, and no NaN", () => {
      const [p] = engine.softmaxFromStats(new Float32Array(1), one(0, 1e39));
      expect(p).toBeGreaterThan(0);
      expect(p).toBeLessThan(3e-39);
    });

    test("rows of which nothing is anywhere", () => {
      const part = new Float32Array(5).fill(-Infinity);
      const stats = mergeRowStats(engine.rowStats(part), NEUTRAL);
      expect(engine.softmaxFromStats(part, stats)).toEqualNumbers([NaN, NaN, NaN, NaN, NaN]);
      expect(engine.softmaxFromStats(part, stats, { empty: "zero" })).toEqualNumbers([0, 0, 0, 0, 0]);
    });
  });
});

describe("mergeRowStats", () => {
  const VALUES = [
    one(-Infinity, 0),
    one(0, 1),
    one(-3, 2.5),
    one(100, 1.000001),
    one(-1e6, 3),
    one(3.4028234663852886e38, 7),
    one(Infinity, 1),
    one(2, NaN),
    one(NaN, NaN),
  ];

  test("−∞ with nothing is the neutral element", () => {
    for (const value of VALUES) {
      expect(mergeRowStats(value, NEUTRAL)).toEqual(value);
      expect(mergeRowStats(NEUTRAL, value)).toEqual(value);
    }
  });

  test("+∞ in both parts: as rowStats has it of the row", () => {
    expect(mergeRowStats(one(Infinity, 1), one(Infinity, 1))).toEqual(one(Infinity, 1));
    for (const { engine } of running)
      expect(engine.rowStats(new Float32Array([Infinity, Infinity]))).toEqual(one(Infinity, 1));
  });

  test("commutative to the bit; associative but for rounding", () => {
    const random = randomFrom(7100);
    const all = [...VALUES, ...Array.from({ length: 30 }, () => one(20 * random() - 10, 1 + 5 * random()))];
    for (const a of all)
      for (const b of all) {
        expect(mergeRowStats(a, b)).toEqual(mergeRowStats(b, a));
        for (const c of all.slice(0, 20)) {
          const left = mergeRowStats(mergeRowStats(a, b), c);
          const right = mergeRowStats(a, mergeRowStats(b, c));
          expect(left.max).toEqual(right.max);
          const [x, y] = [left.sum[0]!, right.sum[0]!];
          if (Number.isNaN(x)) expect(y).toBeNaN();
          else expect(Math.abs(x - y)).toBeLessThanOrEqual(x * 2 ** -50);
        }
      }
  });

  test("a NaN on either side stays; its arguments are left as they are", () => {
    for (const value of VALUES)
      for (const spoilt of [one(2, NaN), one(NaN, NaN)]) {
        const before = structuredClone(value);
        expect(mergeRowStats(value, spoilt).sum[0]).toBeNaN();
        expect(mergeRowStats(spoilt, value).sum[0]).toBeNaN();
        expect(value).toEqual(before);
      }
  });
});
