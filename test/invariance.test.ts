// A row's bits depend on the row alone: not on its place in the batch or in memory, nor on where the result goes, nor on
// how it travels (arena, scratch of any size, pieces), nor on how its layout is written down.

import { runInNewContext } from "node:vm";
import { createEngineSync, type Engine, type SoftmaxOptions } from "softmax-wasm";
import { afterAll, describe, expect, test } from "vitest";
import { onEveryBackend } from "./engines.js";
import { DISTRIBUTIONS, logits, randomFrom, WITH_SEED } from "./random.js";

/** Narrow and wide, with and without tails, small enough for a loop and not. */
const SHAPES: readonly (readonly [rows: number, cols: number])[] = [
  [1, 1],
  [5, 1],
  [3, 2],
  [9, 3],
  [6, 4],
  [7, 5],
  [13, 10],
  [33, 10],
  [5, 31],
  [4, 32],
  [3, 33],
  [2, 64],
  [3, 100],
  [2, 1000],
  [40, 33],
  [70, 5],
];

const EACH_SHAPE = SHAPES.map(([rows, cols]) => ({ rows, cols, title: `${rows} × ${cols}` }));

const CANARY = 0x7fc0dead; // as a float32: a NaN that no kernel makes

/** `length` float32 at `byteOffset` in a buffer that is otherwise full of canaries, with a check that they are alive. */
function guarded(length: number, byteOffset: number, content?: Float32Array) {
  const words = new Uint32Array(length + 64).fill(CANARY);
  const array = new Float32Array(words.buffer, 64 + byteOffset, length);
  if (content !== undefined) array.set(content);
  const first = array.byteOffset / 4;
  const others = () => [...words.subarray(0, first), ...words.subarray(first + length)];
  return { array, alive: () => others().every((word) => word === CANARY) };
}

onEveryBackend(`bits ${WITH_SEED}`, (engine, name) => {
  const arena = engine.createArena(2 ** 20);
  const small: Engine = createEngineSync({ backend: name, scratchBytes: 4096 });
  afterAll(() => {
    arena.dispose();
    small.dispose();
  });

  test("a row far above all others, at any column, of any of many rows", () => {
    for (const cols of [5, 66, 67, 129, 259])
      for (let row = 0; row < 20; row += 3)
        for (const col of [0, 4, cols >> 1, cols - 3, cols - 2, cols - 1]) {
          const input = new Float32Array(20 * cols).fill(-1);
          const start = row * cols;
          input[start + col] = 200;
          const alone = engine.softmax(input.slice(start, start + cols));
          const got = engine.softmax(input, { cols }).subarray(start, start + cols);
          expect(got, `${cols} columns, row ${row}, column ${col}`).toEqualBitForBit(alone);
          expect(got[col]).toBe(1);
        }
  });

  test("a large batch in place, by blocks of both sizes in turn, and some rows that are left", () => {
    const cols = 500;
    const input = logits(randomFrom(198), 2200 * cols, DISTRIBUTIONS[1]!);
    const want = new Float32Array(100 * cols);
    const fresh = createEngineSync({ backend: name });
    const got = input.slice();
    expect(fresh.softmax(got, { cols, out: got })).toBe(got);
    for (let at = 0; at < input.length; at += want.length)
      expect(got.subarray(at, at + want.length), `from row ${at / cols} on`).toEqualBitForBit(
        engine.softmax(input.subarray(at, at + want.length), { cols, out: want }),
      );
  });

  // One row in 30,000 shows whether its terms are added up in the very same way.
  test("short rows alone, many of every length", () => {
    const batch = logits(randomFrom(199), 5000 * 116, DISTRIBUTIONS[1]!);
    for (let cols = 1; cols <= 116; cols++) {
      const input = batch.subarray(0, 5000 * cols);
      const alone = new Float32Array(input.length);
      for (let at = 0; at < input.length; at += cols)
        engine.softmax(input.subarray(at, at + cols), { out: alone.subarray(at, at + cols) });
      expect(alone, `${cols} columns`).toEqualBitForBit(engine.softmax(input, { cols }));
    }
  });

  // Rows of which no element lies more than 40 below the maximum go without masks, until one does: then, all that follow in the batch have them. A
  // short row alone always has.
  test("rows in which one element lies low, at any column", () => {
    const rows = 24;
    for (const cols of [8, 9, 40, 65, 101, 112, 113, 130, 259])
      for (const depth of [39.5, 40, 40.5, 86.5, 87, 500, Infinity, NaN])
        for (const mean of [0, 1000]) {
          const input = logits(randomFrom(cols), rows * cols, DISTRIBUTIONS[0]!).map(
            (x) => mean + Math.max(-9, Math.min(9, x)),
          );
          for (let row = 0; row < rows; row++) {
            input[row * cols] = mean + 9;
            input[row * cols + 1 + ((row * 11) % (cols - 1))] = mean + 9 - depth;
          }
          const masked = new Float32Array(cols).fill(-Infinity, 1);
          const got = engine.softmax(input, { cols });
          for (let start = 0; start < input.length; start += cols) {
            const row = input.slice(start, start + cols);
            const alone = engine.softmax(row);
            const what = `${cols} columns, ${depth}, row ${start / cols}`;
            expect(got.subarray(start, start + cols), what).toEqualBitForBit(alone);
            const behind = engine.softmax(Float32Array.from([...masked, ...row]), { cols });
            expect(behind.subarray(cols), `${what}, behind one with masks`).toEqualBitForBit(alone);
          }
        }
  });

  describe.each(EACH_SHAPE)("$title", ({ rows, cols }) => {
    const random = randomFrom(200 + cols);
    // Each row of another kind, so that rows far from zero, or with very small terms, lie beside ordinary ones.
    const input = new Float32Array(rows * cols);
    for (let row = 0; row < rows; row++)
      input.set(logits(random, cols, DISTRIBUTIONS[row % DISTRIBUTIONS.length]!), row * cols);
    const expected = engine.softmax(input, { cols });

    test("a row alone, and last in batches of every size", () => {
      for (let row = 0; row < rows; row++) {
        const alone = engine.softmax(input.subarray(row * cols, (row + 1) * cols));
        expect(alone, `row ${row}`).toEqualBitForBit(expected.subarray(row * cols, (row + 1) * cols));
        const end = (row + 1) * cols;
        expect(engine.softmax(input.subarray(0, end), { cols })).toEqualBitForBit(expected.subarray(0, end));
        expect(engine.softmax(input.subarray(row * cols), { cols })).toEqualBitForBit(expected.subarray(row * cols));
      }
    });

    test("input and out at every alignment, and nothing else is written", () => {
      for (let from = 0; from < 16; from += 4)
        for (let to = 0; to < 16; to += 4) {
          const source = guarded(rows * cols, from, input);
          const target = guarded(rows * cols, to);
          expect(engine.softmax(source.array, { cols, out: target.array })).toBe(target.array);
          expect(target.array, `from ${from} to ${to}`).toEqualBitForBit(expected);
          expect(source.array).toEqualBitForBit(input);
          expect([source.alive(), target.alive()], `canaries, from ${from} to ${to}`).toEqual([true, true]);
        }
    });

    test("in place at every alignment", () => {
      for (let at = 0; at < 16; at += 4) {
        const { array, alive } = guarded(rows * cols, at, input);
        expect(engine.softmax(array, { cols, out: array })).toBe(array);
        expect(array, `at ${at}`).toEqualBitForBit(expected);
        expect(alive()).toBe(true);
        // Another view of the same elements is in place, too.
        array.set(input);
        const sameElements = new Float32Array(array.buffer, array.byteOffset, array.length);
        engine.softmax(array, { cols, out: sameElements });
        expect(array).toEqualBitForBit(expected);
      }
    });

    test("in an arena: at every alignment, in place and not, and with one side outside", () => {
      for (let from = 0; from < 4; from++)
        for (let to = 0; to < 4; to++) {
          arena.reset();
          const whole = arena.alloc(2 * rows * cols + 64).fill(7);
          const source = whole.subarray(8 + from, 8 + from + rows * cols);
          const target = whole.subarray(32 + rows * cols + to, 32 + to + 2 * rows * cols);
          source.set(input);
          expect(engine.softmax(source, { cols, out: target })).toBe(target);
          expect(target, `from ${from} to ${to}`).toEqualBitForBit(expected);
          expect(source).toEqualBitForBit(input);
          engine.softmax(source, { cols, out: source });
          expect(source).toEqualBitForBit(expected);
          const rest = whole.length - 2 * rows * cols;
          expect(whole.filter((x) => x === 7).length, "elements of the arena that are not ours").toBeGreaterThanOrEqual(
            rest,
          );
        }
      const inside = arena.alloc(rows * cols);
      inside.set(input);
      expect(engine.softmax(inside, { cols })).toEqualBitForBit(expected);
      expect(engine.softmax(input, { cols, out: inside })).toEqualBitForBit(expected);
      inside.set(input);
      expect(small.softmax(inside, { cols }), "in another engine's arena").toEqualBitForBit(expected);
    });

    test("from one arena to another", () => {
      const other = engine.createArena(2 ** 16);
      arena.reset();
      const source = arena.alloc(rows * cols);
      const target = other.alloc(rows * cols);
      source.set(input);
      expect(engine.softmax(source, { cols, out: target })).toEqualBitForBit(expected);
      expect(source).toEqualBitForBit(input);
      other.dispose();
    });

    test("out overlaps the input: as if it had been copied first", () => {
      const length = rows * cols;
      arena.reset();
      for (const shift of new Set([1, 4, cols, 4 * cols, length - 1]))
        for (const place of [new Float32Array(2 * length + 8), arena.alloc(2 * length + 8)])
          for (const [from, to] of [
            [0, shift],
            [shift, 0],
          ] as const) {
            if (Math.max(from, to) + length > place.length) continue;
            const source = place.subarray(from, from + length);
            const target = place.subarray(to, to + length);
            source.set(input);
            expect(engine.softmax(source, { cols, out: target })).toBe(target);
            expect(target, `from ${from} to ${to}`).toEqualBitForBit(expected);
            source.set(input);
            small.softmax(source, { cols, out: target });
            expect(target, `from ${from} to ${to}, small scratch`).toEqualBitForBit(expected);
          }
    });

    test("shape and axis say the same as cols", () => {
      const ways: SoftmaxOptions[] = [
        { shape: [rows, cols] },
        { shape: [rows, cols], axis: -1 },
        { shape: [rows, cols], axis: 1 },
      ];
      ways.push({ shape: [1, rows, 1, cols], axis: 3 });
      if (rows === 1) ways.push({}, { shape: [cols], axis: 0 }, { cols: undefined });
      for (const way of ways) expect(engine.softmax(input, way), JSON.stringify(way)).toEqualBitForBit(expected);
    });

    test("arrays of other realms, subclasses, shared and resizable memory", () => {
      class Liar extends Float32Array {
        override get length(): number {
          return 1;
        }
        override get byteOffset(): number {
          return 4;
        }
      }
      const lying = new Liar(input);
      expect(engine.softmax(lying, { cols })).toEqualBitForBit(expected);
      expect(engine.softmax(input, { cols, out: lying })).toBe(lying);
      expect(new Float32Array(lying.buffer)).toEqualBitForBit(expected);

      const foreign = runInNewContext("new Float32Array(length)", { length: rows * cols }) as Float32Array;
      expect(foreign).not.toBeInstanceOf(Float32Array);
      foreign.set(input);
      expect(engine.softmax(foreign, { cols })).toEqualBitForBit(expected);
      expect(engine.softmax(foreign, { cols, out: foreign })).toBe(foreign);
      expect(foreign).toEqualBitForBit(expected);

      const bytes = 4 * rows * cols;
      for (const make of [
        () => new Float32Array(new SharedArrayBuffer(bytes)),
        () => new Float32Array(new SharedArrayBuffer(bytes, { maxByteLength: 2 * bytes })),
        () => new Float32Array(new ArrayBuffer(bytes, { maxByteLength: 2 * bytes })),
        () => new Float32Array(new ArrayBuffer(bytes, { maxByteLength: bytes }), 0, rows * cols),
      ]) {
        const array = make();
        array.set(input);
        expect(engine.softmax(array, { cols })).toEqualBitForBit(expected);
        expect(array).toEqualBitForBit(input);
        expect(engine.softmax(input, { cols, out: make() })).toEqualBitForBit(expected);
        expect(engine.softmax(array, { cols, out: array })).toBe(array);
        expect(array).toEqualBitForBit(expected);
      }
    });
  });

  // Batches larger than the scratch, rows longer than it (1024 elements), and both with ends that fall anywhere.
  test.each([
    [3000, 1],
    [1500, 2],
    [700, 3],
    [300, 10],
    [65, 33],
    [40, 100],
    [5, 1000],
    [5, 1023],
    [5, 1024],
    [5, 1025],
    [3, 1039],
    [3, 1040],
    [3, 2047],
    [2, 2048],
    [2, 5000],
    [2, 20_000],
    [1, 100_003],
  ])("a scratch of 4096 bytes, the default, and an arena: %i × %i", (rows, cols) => {
    const random = randomFrom(300 + cols);
    for (const distribution of DISTRIBUTIONS) {
      const input = logits(random, rows * cols, distribution);
      if (cols > 1024) input.set([-Infinity, -Infinity], 1020); // across the end of a piece
      const expected = engine.softmax(input, { cols });
      expect(small.softmax(input, { cols }), distribution.name).toEqualBitForBit(expected);
      const inPlace = input.slice();
      expect(small.softmax(inPlace, { cols, out: inPlace }), distribution.name).toEqualBitForBit(expected);
      arena.reset();
      const inside = arena.alloc(rows * cols);
      inside.set(input);
      expect(engine.softmax(inside, { cols, out: inside }), distribution.name).toEqualBitForBit(expected);
    }
  });

  test("rows longer than the scratch, of whatever size that is", () => {
    const random = randomFrom(12);
    const sizes = [4352, 5000, 7000].map((scratchBytes) => createEngineSync({ backend: name, scratchBytes }));
    const cols = 2000;
    const rows = DISTRIBUTIONS.map((distribution) => logits(random, cols, distribution));
    // One row in twenty thousand shows where its sum pauses: some of those, two of each kernel.
    for (const seed of [1639, 53_459, 4636, 17_036]) {
      let state = seed;
      const row = new Float32Array(cols);
      for (let i = 0; i < cols; i++) {
        state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
        row[i] = -100 * (state / 2 ** 32);
      }
      rows.push(row);
    }
    for (const row of rows) for (const other of sizes) expect(other.softmax(row)).toEqualBitForBit(engine.softmax(row));
    for (const other of sizes) other.dispose();
  });

  test("NaN and infinities in rows longer than the scratch", () => {
    for (const special of [NaN, Infinity, -Infinity])
      for (const position of [0, 1023, 1024, 2999]) {
        const input = logits(randomFrom(10), 9000, DISTRIBUTIONS[0]!);
        input[3000 + position] = special;
        expect(small.softmax(input, { cols: 3000 })).toEqualBitForBit(engine.softmax(input, { cols: 3000 }));
        input.fill(special, 3000, 6000);
        expect(small.softmax(input, { cols: 3000 })).toEqualBitForBit(engine.softmax(input, { cols: 3000 }));
      }
  });

  test("two SharedArrayBuffer objects over the same memory can overlap, too", () => {
    const length = 5000;
    const memory = new SharedArrayBuffer(4 * length + 16);
    const sameMemory = structuredClone(memory); // as a Worker gets it
    const input = logits(randomFrom(11), length, DISTRIBUTIONS[0]!);
    const source = new Float32Array(memory, 0, length);
    const target = new Float32Array(sameMemory, 16, length);
    source.set(input);
    small.softmax(source, { cols: 10, out: target });
    expect(target).toEqualBitForBit(engine.softmax(input, { cols: 10 }));
  });
});
