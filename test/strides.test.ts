// Rows apart from each other: padded batches, slices of rows, results with room between them. What lies between is neither read
// nor written.

import { describe, expect, test } from "vitest";
import { expectToAnswer } from "./compare.js";
import { onEveryBackend } from "./engines.js";
import { placesOf, type Request } from "./oracle.js";
import { gradients, OPERATIONS, results, spreadStats } from "./programs.js";
import { DISTRIBUTIONS, logits, randomFrom, WITH_SEED } from "./random.js";
import { Ways } from "./ways.js";

const SIZES: readonly (readonly [rows: number, cols: number, gap: number, outGap: number])[] = [
  [1, 5, 3, 0],
  [5, 1, 1, 2],
  [9, 3, 1, 1],
  [7, 10, 6, 0],
  [33, 10, 0, 6],
  [6, 64, 1, 3],
  [6, 65, 3, 1],
  [10, 100, 28, 28],
  [3, 1000, 24, 1],
  [3, 1030, 2, 5], // longer than a scratch block of 4096 bytes
  [2, 2600, 5, 5],
  [5000, 2, 1, 2], // more rows than the tables hold
];

const CANARY = 0x7fc0dead; // as a float32: a NaN that no kernel makes

onEveryBackend(`strides ${WITH_SEED}`, (engine, name) => {
  const ways = new Ways(engine, name);

  describe.each(OPERATIONS)("%s", (operation) => {
    test.each(SIZES)("%i × %i, %i between rows in, %i out", (rows, cols, gap, outGap) => {
      const random = randomFrom(4000 + cols);
      const isValue = operation === "logSumExp" || operation === "rowStats";
      const rowStride = cols + gap;
      const options = isValue ? { cols, rowStride } : { cols, rowStride, outRowStride: cols + outGap };
      for (const missing of new Set([0, gap])) {
        const length = rows * rowStride - missing;
        const places = placesOf(length, options);
        let input = logits(random, length, DISTRIBUTIONS[cols % DISTRIBUTIONS.length]!);
        let second: Request["second"];
        if (operation === "softmaxBackward" || operation === "logSoftmaxBackward") {
          input = Float32Array.from(results(random, length, operation === "logSoftmaxBackward"));
          second = Float32Array.from(gradients(random, length));
        } else if (operation === "softmaxFromStats")
          second = spreadStats(random, places, Float64Array.from(input), options);
        // Between rows: what would show, in any of them.
        const isRead = new Set(places.flatMap((row) => row.map(({ at }) => at)));
        for (let i = 0; i < length; i++) if (!isRead.has(i)) input[i] = i % 2 === 0 ? NaN : Infinity;
        const request = { operation, input, second, options };
        const result = ways.same(request);
        expectToAnswer(request, result, name);
      }
    });
  });

  test("with rowStride, the bits of rows without anything between them", () => {
    const random = randomFrom(4100);
    for (const [rows, cols, gap, outGap] of SIZES) {
      const packed = logits(random, rows * cols, DISTRIBUTIONS[1]!);
      const padded = new Float32Array(rows * (cols + gap)).fill(NaN);
      for (let row = 0; row < rows; row++)
        padded.set(packed.subarray(row * cols, (row + 1) * cols), row * (cols + gap));
      const expected = engine.softmax(packed, { cols });
      const got = engine.softmax(padded, { cols, rowStride: cols + gap, outRowStride: cols + outGap });
      for (let row = 0; row < rows; row++) {
        const start = row * (cols + outGap);
        const wanted = expected.subarray(row * cols, (row + 1) * cols);
        expect(got.subarray(start, start + cols), `row ${row}`).toEqualBitForBit(wanted);
      }
    }
  });

  test("softmax over a slice of each row, in place: the rest keeps its bits", () => {
    const random = randomFrom(4101);
    const arena = engine.createArena(2 ** 18);
    for (const [rows, width, from, to] of [
      [5, 10, 2, 7],
      [40, 21, 0, 20],
      [7, 200, 63, 190],
      [3, 3000, 1500, 2900],
    ] as const)
      for (const isInArena of [false, true]) {
        arena.reset();
        const length = rows * width;
        const whole = isInArena ? arena.alloc(length) : new Float32Array(length);
        whole.set(logits(random, length, DISTRIBUTIONS[0]!));
        const words = new Uint32Array(whole.buffer, whole.byteOffset, length);
        for (let i = 0; i < length; i++) if (i % width < from || i % width >= to) words[i] = CANARY;
        const before = words.slice();
        const slice = whole.subarray(from, (rows - 1) * width + to);
        const input = slice.slice();
        const options = { cols: to - from, rowStride: width, outRowStride: width };
        expect(engine.softmax(slice, { ...options, out: slice })).toBe(slice);
        expectToAnswer({ operation: "softmax", input, options }, slice, name);
        for (let i = 0; i < length; i++)
          if (i % width < from || i % width >= to) expect(words[i], `element ${i}`).toBe(before[i]);
      }
    arena.dispose();
  });

  test("other strides out than in, over the same memory: as if the input had been copied first", () => {
    const random = randomFrom(4102);
    const arena = engine.createArena(2 ** 18);
    for (const [rows, cols] of [
      [9, 10],
      [6, 70],
      [2, 3000],
    ] as const)
      for (const [gap, outGap] of [
        [5, 0],
        [0, 5],
        [3, 7],
      ] as const)
        for (const operation of ["softmax", "logSoftmax", "softmaxBackward"] as const)
          for (const isInArena of [false, true]) {
            arena.reset();
            const length = rows * (cols + Math.max(gap, outGap));
            const place = isInArena ? arena.alloc(length) : new Float32Array(length);
            place.set(logits(random, length, DISTRIBUTIONS[0]!));
            const options = { cols, rowStride: cols + gap, outRowStride: cols + outGap };
            const source = place.subarray(0, rows * (cols + gap));
            const out = place.subarray(0, rows * (cols + outGap));
            const input = source.slice();
            const request: Request = { operation, input, options };
            if (operation === "softmaxBackward") engine.softmaxBackward(source, source, { ...options, out });
            else engine[operation](source, { ...options, out });
            expectToAnswer(operation === "softmaxBackward" ? { ...request, second: input } : request, out, name);
          }
    arena.dispose();
  });
});
