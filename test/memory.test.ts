// Memory of the process: flat, however many calls of whatever shape, and whether they fail or not; and no call keeps the
// caller's arrays alive.

import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { createEngineSync } from "softmax-wasm";
import { describe, expect, test } from "vitest";
import { onEveryBackend } from "./engines.js";
import { integer, randomFrom, WITH_SEED } from "./random.js";

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;

/** Bytes in use after a collection. Buffers are freed a little later, in the background. */
async function bytesInUse(): Promise<{ heap: number; buffers: number }> {
  for (let i = 0; i < 3; i++) {
    collect();
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  const { heapUsed, external, arrayBuffers } = process.memoryUsage();
  return { heap: heapUsed, buffers: external + arrayBuffers };
}

const MIB = 2 ** 20;

onEveryBackend(`memory ${WITH_SEED}`, (engine, name) => {
  test("100,000 calls of changing shapes, one in ten of which fail", async () => {
    const random = randomFrom(12);
    const arena = engine.createArena(MIB);
    const pool = new Float32Array(4096);
    const out = new Float32Array(4096);
    let failed = 0;
    const callMany = (count: number) => {
      for (let i = 0; i < count; i++) {
        const cols = integer(random, 1, 64);
        const length = cols * integer(random, 0, 6);
        const input = pool.subarray(0, length);
        arena.reset();
        try {
          if (i % 4 === 0) engine.softmax(input, { cols });
          else if (i % 4 === 1) engine.softmax(input, { cols, out: out.subarray(0, length) });
          else if (i % 4 === 2) engine.softmax(arena.alloc(length).fill(1), { cols, out: arena.alloc(length) });
          else
            engine.softmax(
              input,
              i % 5 === 0 ? { cols } : i % 2 === 0 ? { shape: [-1] } : { cols, out: pool.subarray(1) },
            );
        } catch (error) {
          failed += error instanceof RangeError ? 1 : Infinity;
        }
      }
    };
    callMany(2000);
    const before = await bytesInUse();
    callMany(100_000);
    const after = await bytesInUse();
    expect(failed).toBeGreaterThan(10_000);
    expect(failed).toBeLessThan(50_000);
    expect(after.buffers - before.buffers, "bytes of buffers more than before").toBeLessThan(MIB);
    expect(after.heap - before.heap, "bytes of heap more than before").toBeLessThan(4 * MIB);
    arena.dispose();
  });

  test("20,000 calls of every operation, with options, one in ten of which fail", async () => {
    const random = randomFrom(13);
    const pool = new Float32Array(4096);
    const mask = new Uint8Array(4096).fill(1);
    let failed = 0;
    const callMany = (count: number) => {
      for (let i = 0; i < count; i++) {
        const cols = integer(random, 1, 64);
        const rows = integer(random, 1, 8);
        const input = pool.subarray(0, rows * cols);
        const layout = i % 2 === 0 ? { cols } : { shape: [cols, rows], axis: 0 };
        const temperature = i % 10 === 0 ? -1 : i % 11 === 0 ? 0 : 2;
        const options = { ...layout, temperature, bias: input, mask: mask.subarray(0, cols) };
        try {
          if (i % 7 === 0) engine.softmax(input, { ...options, dtype: "bfloat16", out: new Uint16Array(rows * cols) });
          else if (i % 7 === 1) engine.logSoftmax(input, { ...options, out: input });
          else if (i % 7 === 2) engine.logSumExp(input, { ...options, temperature: temperature || 1 });
          else if (i % 7 === 3) engine.softmaxFromStats(input, engine.rowStats(input, layout), options);
          else if (i % 7 === 4) engine.softmaxBackward(input, input, i % 10 === 0 ? { cols: 0 } : layout);
          else if (i % 7 === 5) engine.logSoftmaxBackward(input, input, i % 10 === 0 ? { ...layout, axis: 9 } : layout);
          else engine.softmax(input, { ...options, lengths: new Uint32Array(rows), empty: "zero" });
        } catch (error) {
          failed += error instanceof RangeError || error instanceof TypeError ? 1 : Infinity;
        }
      }
    };
    callMany(2000);
    failed = 0;
    const before = await bytesInUse();
    callMany(20_000);
    const after = await bytesInUse();
    expect(failed).toBeGreaterThan(1500);
    expect(failed).toBeLessThan(3000);
    expect(after.buffers - before.buffers, "bytes of buffers more than before").toBeLessThan(MIB);
    expect(after.heap - before.heap, "bytes of heap more than before").toBeLessThan(4 * MIB);
  });

  test("300 engines with an arena each, large batches and long rows", async () => {
    const input = new Float32Array(2 * MIB);
    const makeMany = (count: number) => {
      for (let i = 0; i < count; i++) {
        const other = createEngineSync({ backend: name });
        const arena = other.createArena(MIB);
        const array = arena.alloc(1000);
        other.softmax(array, { cols: 10, out: array });
        if (i % 100 === 0) {
          other.softmax(input, { cols: 1024, out: input });
          other.softmax(input, { out: input });
        }
        if (i % 2 === 0) arena.dispose(); // those that are only dropped are collected, too
        if (i % 3 === 0) other.dispose();
      }
    };
    makeMany(3);
    const before = await bytesInUse();
    makeMany(300);
    const after = await bytesInUse();
    expect(after.buffers - before.buffers, "bytes of buffers more than before").toBeLessThan(8 * MIB);
  });

  test("the longest row of all leaves nothing behind", async () => {
    const row = new Float32Array(4 * MIB);
    engine.softmax(row.subarray(0, 1000));
    const before = await bytesInUse();
    engine.softmax(row, { out: row });
    const after = await bytesInUse();
    expect(after.buffers - before.buffers, "bytes of buffers more than before").toBeLessThan(MIB);
  });

  describe("a call keeps none of its arrays alive", () => {
    type Keep = <T extends object>(array: T) => T;
    const floats = () => new Float32Array(1000);
    const options = (keep: Keep) => ({
      cols: 10,
      bias: keep(floats()),
      mask: keep(new Uint8Array(1000).fill(1)),
      temperature: keep(new Float32Array(100).fill(1)),
      lengths: keep(new Uint32Array(100)),
    });
    const stats = (keep: Keep) => ({ max: keep(new Float32Array(100)), sum: keep(new Float64Array(100).fill(2)) });

    // One at a time: the next call would let go of what the last one kept.
    test.each<readonly [title: string, arrays: number, run: (keep: Keep) => unknown]>([
      ["softmax", 2, (keep) => keep(engine.softmax(keep(floats()), { cols: 10 }))],
      ["softmax, out", 2, (keep) => engine.softmax(keep(floats()), { cols: 10, out: keep(floats()) })],
      ["logSoftmax", 6, (keep) => engine.logSoftmax(keep(floats()), { ...options(keep), out: keep(floats()) })],
      ["logSumExp", 6, (keep) => keep(engine.logSumExp(keep(floats()), options(keep)))],
      ["rowStats", 7, (keep) => engine.rowStats(keep(floats()), { ...options(keep), out: stats(keep) })],
      ["softmaxFromStats", 7, (keep) => engine.softmaxFromStats(keep(floats()), stats(keep), options(keep))],
      [
        "softmaxBackward",
        3,
        (keep) => engine.softmaxBackward(keep(floats()), keep(floats()), { cols: 10, out: keep(floats()) }),
      ],
      [
        "one that fails",
        6,
        (keep) => {
          const out = keep(new Float32Array(3));
          expect(() => engine.softmax(keep(floats()), { ...options(keep), out })).toThrow("length");
        },
      ],
    ])("%s", async (_, arrays, run) => {
      const make = (): WeakRef<object>[] => {
        const references: WeakRef<object>[] = [];
        run((array) => {
          references.push(new WeakRef(array));
          return array;
        });
        return references;
      };
      const references = make();
      expect(references).toHaveLength(arrays);
      await bytesInUse();
      expect(references.flatMap((reference, i) => (reference.deref() === undefined ? [] : [i]))).toEqual([]);
    });
  });
});
