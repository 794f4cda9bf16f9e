// Memory of the process: flat, however many calls of whatever shape, and whether they fail or not; and no call keeps the
// caller's arrays alive.

import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { createEngineSync } from "softmax-wasm";
import { expect, test } from "vitest";
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

  test("a call keeps neither its input nor its output alive", async () => {
    const make = (): WeakRef<object>[] => {
      const input = new Float32Array(1000);
      const out = new Float32Array(1000);
      const other = engine.softmax(input, { cols: 10 });
      engine.softmax(input, { cols: 10, out });
      return [input, out, other].map((array) => new WeakRef(array));
    };
    const references = make();
    await bytesInUse();
    expect(references.map((reference) => reference.deref()?.constructor.name)).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
  });
});
