// Arenas: what they hand out, what they refuse, and what is left of them after reset and dispose.

import { type Arena, createEngineSync } from "softmax-wasm";
import { expect, test } from "vitest";
import { onEveryBackend } from "./engines.js";
import { disposed, full, memory, refused, type, value } from "./errors.js";

onEveryBackend("arenas", (engine, name) => {
  test("arrays are aligned, apart from each other, and all of the bytes can be had", () => {
    const arena = engine.createArena(1000);
    expect(arena.byteLength).toBe(1000);
    expect(arena.bytesFree).toBe(1000);
    const arrays = [1, 3, 4, 0, 5, 100].map((length) => arena.alloc(length));
    let end = 0;
    for (const array of arrays) {
      expect(array).toBeInstanceOf(Float32Array);
      expect(array.byteOffset % 16).toBe(0);
      expect(array.buffer).toBe(arrays[0]!.buffer);
      expect(array.byteOffset).toBeGreaterThanOrEqual(end);
      end = array.byteOffset + array.byteLength;
    }
    expect(arrays.map((array) => array.length)).toEqual([1, 3, 4, 0, 5, 100]);
    expect(arena.bytesFree).toBe(1000 - 16 - 16 - 16 - 32 - 400);
    expect(arena.alloc(arena.bytesFree / 4)).toHaveLength(130);
    expect(arena.bytesFree).toBe(0);
    expect(arena.alloc(0)).toHaveLength(0);
    arena.dispose();
  });

  test("a full arena refuses, and nothing changes", () => {
    const arena = engine.createArena(64);
    const array = arena.alloc(8).fill(7);
    for (const length of [9, 2 ** 20, 2 ** 32])
      refused(() => arena.alloc(length), full(`alloc: ${4 * length} bytes do not fit: the arena has 32 of 64 left`));
    expect(arena.bytesFree).toBe(32);
    expect(array).toEqual(new Float32Array(8).fill(7));
    expect(arena.alloc(8)).toHaveLength(8);
    refused(() => arena.alloc(1), full("alloc: 4 bytes do not fit"));
    arena.dispose();
  });

  test("reset makes all of it free; arrays from before stay valid", () => {
    const arena = engine.createArena(64);
    const before = arena.alloc(16).fill(7);
    arena.reset();
    expect(arena.bytesFree).toBe(64);
    const after = arena.alloc(16);
    expect(after.byteOffset).toBe(before.byteOffset);
    engine.softmax(before, { out: before });
    expect(after).toEqual(new Float32Array(16).fill(1 / 16));
    arena.dispose();
  });

  test("dispose zeroes what was used; arrays stay valid, and are treated like any other", () => {
    const arena = engine.createArena(4096);
    arena.alloc(1024).fill(7);
    arena.reset();
    const array = arena.alloc(8).fill(7);
    arena.dispose();
    const whole = new Float32Array(array.buffer, array.byteOffset, 1024);
    expect(whole.every((x) => x === 0)).toBe(true);
    array.set([1, 2, 3, 4, 5, 6, 7, 8]);
    const expected = engine.softmax(array.slice(), { cols: 4 });
    expect(engine.softmax(array, { cols: 4, out: array })).toBe(array);
    expect(array).toEqual(expected);
    refused(() => arena.alloc(1), disposed("alloc: the arena was disposed of"));
    refused(() => arena.reset(), disposed("reset: the arena was disposed of"));
    arena.dispose(); // does nothing
    expect(array).toEqual(expected);
    arena[Symbol.dispose]();
  });

  test("an arena outlives its engine", () => {
    const other = createEngineSync({ backend: name });
    const array = other.createArena(64).alloc(4).fill(1);
    other.dispose();
    expect(engine.softmax(array, { out: array })).toEqual(new Float32Array(4).fill(0.25));
  });

  test("sizes that are none", () => {
    for (const size of ["64", 64n, null, undefined, {}])
      refused(() => engine.createArena(size as number), type('createArena: "byteLength" expected a number, got '));
    for (const size of [0, -64, 15, 64.5, NaN, Infinity, 2 ** 32])
      refused(
        () => engine.createArena(size),
        value('createArena: "byteLength" expected an integer from 16 to 4289724416, got '),
      );
    const arena = engine.createArena(64);
    for (const length of ["4", 4n, null, undefined, {}])
      refused(() => arena.alloc(length as number), type('alloc: "length" expected a number, got '));
    for (const length of [-1, 0.5, NaN, Infinity, 2 ** 32 + 1])
      refused(() => arena.alloc(length), value('alloc: "length" expected an integer from 0 to 4294967296, got '));
    expect(arena.bytesFree).toBe(64);
    expect(arena.alloc(-0)).toHaveLength(0);
    arena.dispose();
  });

  test("no memory for an arena", () => {
    const before = { Float32Array: globalThis.Float32Array, WebAssembly: globalThis.WebAssembly };
    class NoMemory {
      constructor() {
        throw new RangeError("could not allocate memory");
      }
    }
    try {
      const Memory = NoMemory as unknown as typeof WebAssembly.Memory;
      Object.assign(globalThis, { Float32Array: NoMemory, WebAssembly: { ...WebAssembly, Memory } });
      const error = refused(() => engine.createArena(4096), memory("createArena: cannot allocate 4096 bytes"));
      expect(error.cause).toBeInstanceOf(RangeError);
    } finally {
      Object.assign(globalThis, before);
    }
    engine.createArena(4096).dispose();
  });

  test("addresses above 2 GiB", (context) => {
    let arena: Arena;
    try {
      arena = engine.createArena(2 ** 31 + 2 ** 26);
    } catch (error) {
      return context.skip(`not run: ${(error as Error).message}`);
    }
    arena.alloc(2 ** 29 - 2 ** 12); // not touched, and so not backed by memory
    for (const cols of [10, 100, 1000]) {
      const array = arena.alloc(10_000); // the first of them reaches across 2 GiB
      for (let i = 0; i < array.length; i++) array[i] = Math.sin(i);
      const expected = engine.softmax(array.slice(), { cols });
      expect(engine.softmax(array, { cols, out: array })).toEqualBitForBit(expected);
    }
    // Not disposed of: that would zero, and so occupy, all of it.
  });

  // Below what an arena hands out lies the work area; the js back end has none.
  if (name !== "js") {
    test("the input may lie on the kernel's work area: then it is copied", () => {
      const arena = engine.createArena(4096);
      const array = arena.alloc(1000);
      const logits = array.map((_, i) => Math.sin(i));
      for (const at of [2048, array.byteOffset - 4000, array.byteOffset - 2000])
        for (const layout of [{ cols: 10 }, { cols: 100 }, { shape: [100, 10], axis: 0 }]) {
          const below = new Float32Array(array.buffer, at, 1000);
          below.set(logits);
          const options = at + 4000 > array.byteOffset ? layout : { ...layout, out: array };
          expect(engine.softmax(below, options)).toEqual(engine.softmax(logits, layout));
        }
      arena.dispose();
    });

    test("dispose zeroes what the kernel left behind; from then on, it leaves nothing there", () => {
      const arena = engine.createArena(2 ** 17);
      const array = arena.alloc(12_000).fill(1);
      const out = arena.alloc(12_000);
      const leftOver = () => new Uint8Array(array.buffer, 0, array.byteOffset).filter((byte) => byte !== 0).length;
      const run = () => {
        engine.softmax(array, { cols: 10, out });
        engine.softmax(array, { shape: [1200, 10], axis: 0, out });
        engine.softmaxFromStats(array, engine.rowStats(array, { cols: 10 }), { cols: 10, out });
      };
      run();
      expect(leftOver()).toBeGreaterThan(0);
      arena.dispose();
      expect(leftOver()).toBe(0);
      run();
      expect(out).toEqual(new Float32Array(12_000).fill(0.1));
      expect(leftOver()).toBe(0);
    });

    test("any array may lie on the kernel's work area: then it is copied", () => {
      const arena = engine.createArena(4096);
      const array = arena.alloc(1000).fill(1);
      const below = new Float32Array(array.buffer, 2048, 1000);
      expect(engine.softmax(array, { out: below })).toBe(below);
      expect(below).toEqual(new Float32Array(1000).fill(1 / 1000));
      const few = new Float32Array(array.buffer, 1024, 4);
      expect(engine.softmax(new Float32Array(4), { out: few })).toEqual(new Float32Array(4).fill(0.25));
      const grad = array.map((_, i) => Math.sin(i));
      below.set(grad);
      const gradient = engine.softmaxBackward(array.slice(), grad, { cols: 100 });
      array.fill(1);
      expect(engine.softmaxBackward(array, below, { cols: 100, out: array })).toEqual(gradient);
      array.fill(1);
      new Float32Array(array.buffer, 0, 2048).fill(NaN); // all that lies below
      expect(engine.softmax(array, { out: array })).toEqual(new Float32Array(1000).fill(1 / 1000));
      arena.dispose();
    });
  }
});
