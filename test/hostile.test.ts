// Arguments of someone who means harm: first each kind of harm that was ever found to work, then CALLS random calls (hostile.ts) on
// each back end. What comes of them is the right answer, or a documented error and not a byte written; never a trap, never an error
// of the JavaScript engine's own, never a call that does not return.

import type * as api from "softmax-wasm";
import { createEngine, createEngineSync, type LayoutOptions, mergeRowStats } from "softmax-wasm";
import { afterAll, describe, expect, test } from "vitest";
import { DATA, MAXIMA, SUMS, WORK } from "../build/modules/memory.js";
import { onEveryBackend } from "./engines.js";
import { detached, memory, option, refused, rejected, type, value } from "./errors.js";
import { expectDocumented, Harm, Mine, oneOf, revoked, transfer } from "./hostile.js";
import { NO_COUNTS, NO_NUMBERS } from "./impostors.js";
import { call, canaryOut, isGradient, isValue, OPERATIONS, type Options, statsOfRows, valid } from "./operations.js";
import { randomFrom, WITH_SEED } from "./random.js";

const CALLS = Number(process.env.CALLS ?? 1000);

const waves = (length: number) => Float32Array.from({ length }, (_, i) => Math.sin(i));

/** Defines properties for the time of a call; no code of anyone else's runs then. */
function withProperties<T>(
  target: object,
  properties: Readonly<Record<PropertyKey, PropertyDescriptor>>,
  run: () => T,
): T {
  const undo = patched(target, properties);
  try {
    return run();
  } finally {
    undo();
  }
}

/** Defines properties, and returns how to undo that. Nothing in it asks a prototype. */
function patched(target: object, properties: Readonly<Record<PropertyKey, PropertyDescriptor>>): () => void {
  const keys = Reflect.ownKeys(properties);
  const bare = (descriptor: PropertyDescriptor | undefined) =>
    descriptor && (Object.assign(Object.create(null), descriptor) as PropertyDescriptor);
  const before = keys.map((key) => bare(Object.getOwnPropertyDescriptor(target, key)));
  const after = keys.map((key) => bare({ configurable: true, ...properties[key] })!);
  const { defineProperty, deleteProperty } = Reflect;
  for (let i = 0; i < keys.length; i++) defineProperty(target, keys[i]!, after[i]!);
  return () => {
    for (let i = 0; i < keys.length; i++)
      if (before[i] === undefined) deleteProperty(target, keys[i]!);
      else defineProperty(target, keys[i]!, before[i]!);
  };
}

const broken = () => {
  throw new Error("a patched method was called");
};

const methods = (prototype: object, kept: readonly PropertyKey[] = ["constructor"]) =>
  Object.fromEntries(
    Reflect.ownKeys(prototype)
      .filter(
        (name) => !kept.includes(name) && typeof Object.getOwnPropertyDescriptor(prototype, name)!.value === "function",
      )
      .map((name) => [name, { value: broken, writable: true }]),
  );

const TYPED_ARRAY: object = Object.getPrototypeOf(Float32Array.prototype);
const every = (names: readonly string[], descriptor: PropertyDescriptor) =>
  Object.fromEntries(names.map((name) => [name, descriptor]));

/** What may have been done to the built-in objects before a call. */
const PATCHES: readonly (readonly [
  name: string,
  target: object,
  properties: Record<PropertyKey, PropertyDescriptor>,
])[] = [
  ["methods of typed arrays", TYPED_ARRAY, methods(TYPED_ARRAY)],
  [
    "getters of Float32Array",
    Float32Array.prototype,
    every(["length", "byteLength", "byteOffset", "buffer", "set", "fill", "subarray"], { get: broken }),
  ],
  ["methods of Array", Array.prototype, methods(Array.prototype)],
  ["elements of Array.prototype", Array.prototype, every(["0", "1", "2"], { get: () => 2.5, set: () => {} })],
  ["constant elements of Object.prototype", Object.prototype, every(["0", "1", "2"], { value: 1 })],
  ["methods of Object.prototype", Object.prototype, methods(Object.prototype)],
  [
    "methods of Function.prototype",
    Function.prototype,
    every(["call", "apply", "bind"], { value: broken, writable: true }),
  ],
  [
    "options in Object.prototype",
    Object.prototype,
    every(["cols", "shape", "axis", "out", "bias", "max", "nonsense"], { value: 3, writable: true, enumerable: true }),
  ],
  [
    "descriptors in Object.prototype",
    Object.prototype,
    every(["get", "set", "value", "writable", "code", "cause", "shared", "address"], { value: true }),
  ],
  [
    "setters in Object.prototype",
    Object.prototype,
    every(["code", "message", "cause", "cols"], { set: broken, get: broken }),
  ],
];

onEveryBackend("hostile arguments", (engine, name) => {
  const small = createEngineSync({ backend: name, scratchBytes: 4096 });
  afterAll(() => small.dispose());

  test.each(OPERATIONS)("%s: revoked proxies", (what) => {
    const out = canaryOut(what);
    const args = { ...valid(what), options: { cols: 4, out } as Options };
    const got = "got a revoked proxy";
    const inputName = what === "softmaxBackward" ? "probs" : what === "logSoftmaxBackward" ? "logProbs" : "input";
    for (const gone of [{}, [], new Float32Array(12)].map(revoked)) {
      const input = type(`${what}: "${inputName}" expected a Float32Array, ${got}`);
      refused(() => call(engine, what, { ...args, input: gone }), input);
      const options = type(`${what}: "options" expected an object, ${got}`);
      refused(() => call(engine, what, { ...args, options: gone as Options }), options);
      const shape = type(`${what}: "shape" expected an array of numbers, ${got}`);
      refused(() => call(engine, what, { ...args, options: { shape: gone, out } }), shape);
      const kind = what === "rowStats" ? "{ max, sum }" : "a Float32Array";
      const wrongOut = type(`${what}: "out" expected ${kind}, ${got}`);
      refused(() => call(engine, what, { ...args, options: { cols: 4, out: gone } }), wrongOut);
      if (isGradient(what))
        refused(
          () => call(engine, what, { ...args, second: gone }),
          type(`${what}: "grad" expected a Float32Array, ${got}`),
        );
      if (what === "softmaxFromStats")
        refused(
          () => call(engine, what, { ...args, second: gone }),
          type(`${what}: "stats" expected { max, sum }, ${got}`),
        );
    }
    expect(out).toEqual(canaryOut(what));
  });

  test("a proxy that is revoked while it is read: what it throws comes through", () => {
    const out = new Float32Array(12).fill(7);
    const { proxy, revoke } = Proxy.revocable<Options>(
      { cols: 4, out },
      {
        get(target, key) {
          revoke();
          return target[key as string];
        },
      },
    );
    expect(() => call(engine, "softmax", { ...valid("softmax"), options: proxy })).toThrow("revoked");
    const options = Object.setPrototypeOf({ cols: 4, out }, revoked({}));
    expect(() => call(engine, "softmax", { ...valid("softmax"), options })).toThrow("revoked");
    expect(out).toEqual(new Float32Array(12).fill(7));
  });

  test.each(OPERATIONS)("%s: more rows without elements than can be counted", (what) => {
    const nothing = new Float32Array(0);
    for (const [shape, axis] of [
      [[2 ** 52, 0], 1],
      [[0, 2 ** 40], 0],
      [[2 ** 20, 0, 2 ** 20], 1],
    ] as const) {
      const rows = shape.reduce((product, size) => product * (size || 1), 1);
      const options = { shape, axis };
      const args = { input: nothing, second: isGradient(what) ? nothing : statsOfRows(0), options };
      if (isValue(what)) refused(() => call(engine, what, args), memory(`${what}: cannot allocate ${4 * rows} bytes`));
      else if (what === "softmaxFromStats")
        expect(() => call(engine, what, args)).toThrow(`"stats.max" expected length ${rows}, got 0`);
      else {
        expect(call(engine, what, args)).toEqual(nothing);
        expect(call(engine, what, { ...args, options: { ...options, out: nothing } })).toBe(nothing);
      }
    }
  });

  test("a shape that lies about its length", () => {
    const lying = (length: unknown) =>
      new Proxy([3, 4], { get: (shape, key) => (key === "length" ? length : shape[key as never]) });
    const input = valid("softmax").input as Float32Array;
    const run = (length: unknown) => engine.softmax(input, { shape: lying(length) });
    for (const [named, length] of NO_NUMBERS)
      refused(() => run(length), type(`softmax: "shape.length" expected a number, got ${named}`));
    for (const length of [...NO_COUNTS, 1025, 2 ** 32 - 1])
      refused(() => run(length), value('softmax: "shape.length" expected an integer from 0 to 1024, got '));
    refused(() => run(3), type('softmax: "shape[2]" expected a number, got undefined'));
    const endless = new Proxy([], { get: (_, key) => (key === "length" ? 2 ** 32 - 1 : 1) });
    refused(() => engine.softmax(input, { shape: endless }), value('softmax: "shape.length" '));
    expect(run(2)).toEqual(engine.softmax(input, { cols: 4 }));
    const deep = Array.from({ length: 1023 }, () => 1);
    expect(engine.softmax(input, { shape: [...deep, 12] })).toEqual(engine.softmax(input));
  });

  test("an array that lies about the size of its elements", () => {
    for (const bytes of [0, 1, 8, -4, NaN, "4"])
      for (const each of [engine, small]) {
        const lying = (array: Float32Array) => Object.defineProperty(array, "BYTES_PER_ELEMENT", { value: bytes });
        const [input, grad] = [waves(3000), waves(3000).reverse()];
        for (const options of [{ cols: 100 }, { cols: 300, rowStride: 300, temperature: 2 }, {}]) {
          expectSame(each.softmax(lying(input.slice()), options), each.softmax(input, options));
          expectSame(
            each.softmax(input, { ...options, bias: lying(grad.slice()) }),
            each.softmax(input, { ...options, bias: grad }),
          );
        }
        const out = lying(new Float32Array(3000));
        each.softmaxBackward(lying(input.slice()), lying(grad.slice()), { cols: 100, out });
        expectSame(new Float32Array(out.buffer), each.softmaxBackward(input, grad, { cols: 100 }));
      }
  });

  test("an arena of any size, filled to its last byte, still has an empty array", () => {
    for (let size = 16; size <= 48; size++) {
      const arena = engine.createArena(size);
      expect(arena.bytesFree).toBe(size);
      const array = arena.alloc(Math.floor(size / 4)).fill(5);
      expect(arena.bytesFree).toBeLessThan(4);
      for (let i = 0; i < 3; i++) {
        const empty = arena.alloc(0);
        expect(empty).toHaveLength(0);
        expect(empty.byteOffset % 16).toBe(0);
        expect(empty.byteOffset).toBeGreaterThanOrEqual(array.byteOffset + array.byteLength);
      }
      arena.dispose();
      expect(array.every((x) => x === 0)).toBe(true);
      expect(arena.bytesFree).toBeGreaterThanOrEqual(0);
    }
  });

  test("an arena whose buffer the caller gives away", () => {
    const arena = engine.createArena(64);
    const array = arena.alloc(4).fill(1);
    try {
      transfer(array.buffer);
    } catch {
      // a WebAssembly.Memory keeps its own
    }
    if (name === "js") {
      refused(() => arena.alloc(4), detached("alloc: the arena is detached"));
      refused(() => engine.softmax(array), detached('softmax: "input" is detached'));
      refused(() => engine.softmax(waves(4), { out: array }), detached('softmax: "out" is detached'));
    } else expect(engine.softmax(array, { out: arena.alloc(4) })).toEqual(new Float32Array(4).fill(0.25));
    arena.reset();
    arena.dispose();
    arena.dispose();
  });

  describe.each(PATCHES)("%s patched", (_, target, properties) => {
    test.each(OPERATIONS)("%s", (what) => {
      const rows = (length: number) => waves(length).fill(-Infinity, 0, 100);
      for (const each of [engine, small])
        for (const layout of [{ cols: 100 }, { shape: [3, 100, 10], axis: 1 }, { cols: 1500 }] as Options[]) {
          const isLong = layout.cols === 1500;
          const size = isLong ? 1500 : 3000;
          const count = isLong ? 1 : 30;
          const changes = {
            temperature: 2,
            bias: waves(size),
            lengths: new Uint32Array(count).fill(90),
            empty: "zero",
          };
          const options = { ...layout, ...(isGradient(what) ? {} : changes) } as Options;
          if (isValue(what)) delete options.empty;
          const args = { input: rows(size), second: isGradient(what) ? waves(size) : statsOfRows(count), options };
          const expected = call(each, what, args);
          expectSame(
            withProperties(target, properties, () => call(each, what, args)),
            expected,
          );
        }
      const bad = { ...valid(what), options: { cols: "4" } };
      const error = withProperties(target, properties, () => caught(() => call(engine, what, bad)));
      expect(error).toMatchObject({ code: "ERR_SOFTMAX_TYPE", message: `${what}: "cols" expected a number, got "4"` });
    });

    test("arenas, statistics, engines' options", () => {
      const merged = mergeRowStats(statsOfRows(), statsOfRows());
      const got = withProperties(target, properties, () => {
        const arena = engine.createArena(4096);
        const array = arena.alloc(400);
        for (let i = 0; i < 400; i++) array[i] = 1;
        engine.softmax(array, { cols: 100, out: array });
        const first = array[0];
        arena.reset();
        const full = caught(() => arena.alloc(9999));
        arena.dispose();
        const wrong = caught(() => createEngineSync({ backend: "gpu" as "js" }));
        return { first, last: array[399], full, wrong, merged: mergeRowStats(statsOf(3), statsOf(3)) };
      });
      expect(got).toMatchObject({ first: Math.fround(0.01), last: 0, merged });
      expectDocumented(got.full, "alloc");
      expectDocumented(got.wrong, "createEngineSync");
    });
  });

  if (name !== "js") {
    test("results and statistics on an arena's work area and tables", () => {
      const arena = engine.createArena(2 ** 20);
      const input = arena.alloc(40_000);
      input.set(waves(40_000));
      const options = { cols: 4 };
      const plain = input.slice();
      const values = engine.logSumExp(plain, options);
      const stats = engine.rowStats(plain, options);
      const probs = engine.softmaxFromStats(plain, stats, options);
      const { buffer } = input;
      for (const at of [0, WORK, WORK + 4096, SUMS, MAXIMA - 8000, MAXIMA, MAXIMA + 16, DATA - 40_000]) {
        const floats = new Float32Array(buffer, at, 10_000);
        const doubles = new Float64Array(buffer, at - (at % 8), 10_000);
        expectSame(engine.logSumExp(input, { ...options, out: floats }), values);
        if (at + 80_000 > input.byteOffset) continue;
        expectSame(
          engine.rowStats(input, { ...options, out: { max: new Float32Array(10_000), sum: doubles } }).sum,
          stats.sum,
        );
        engine.rowStats(input, { ...options, out: { max: floats, sum: new Float64Array(10_000) } });
        expectSame(floats, stats.max);
        const out = new Float32Array(input.length);
        expectSame(engine.softmaxFromStats(input, { max: floats, sum: stats.sum }, { ...options, out }), probs);
        const inside = arena.alloc(40_000);
        floats.set(stats.max);
        expectSame(engine.softmaxFromStats(input, { max: floats, sum: stats.sum }, { ...options, out: inside }), probs);
        doubles.set(stats.sum);
        expectSame(
          engine.softmaxFromStats(input, { max: stats.max, sum: doubles }, { ...options, out: inside }),
          probs,
        );
        arena.reset();
        arena.alloc(40_000);
      }
      arena.dispose();
    });

    test("arrays at the very end of the kernel's memory", () => {
      const arena = engine.createArena(2 ** 16);
      const whole = new Float32Array(arena.alloc(1).buffer);
      for (const size of [65, 66, 67, 100, 333, 1025, 3001])
        for (const cols of [1, 2, 3, 5, 7, size]) {
          const length = size - (size % cols);
          const last = whole.subarray(whole.length - length);
          const rows = length / cols;
          for (const layout of [{ cols }, { shape: [cols, rows], axis: 0 }] as LayoutOptions[])
            for (const what of OPERATIONS) {
              const args = (array: Float32Array) => ({
                input: array.set(waves(length)) ?? array,
                second: isGradient(what)
                  ? array
                  : { max: new Float32Array(rows).fill(1), sum: new Float64Array(rows).fill(2) },
                options: isValue(what) ? { ...layout } : { ...layout, out: array },
              });
              const expected = call(engine, what, args(new Float32Array(length)));
              expectSame(call(engine, what, args(last)), expected);
            }
        }
    });
  }

  test("one row, and the next one further than any address", () => {
    const arena = engine.createArena(2 ** 14);
    for (const stride of [2 ** 29, 2 ** 30, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 45, 2 ** 53 - 1])
      for (const cols of [1, 3, 70, 400])
        for (const what of OPERATIONS) {
          arena.reset();
          const array = arena.alloc(cols);
          const second = isGradient(what) ? array : statsOfRows(1);
          array.set(waves(cols));
          const expected = call(engine, what, { input: array.slice(), second, options: { cols } });
          const strides = isValue(what)
            ? { rowStride: stride }
            : { rowStride: stride, outRowStride: stride, out: array };
          expectSame(call(engine, what, { input: array, second, options: { cols, ...strides } }), expected);
        }
    const wide = () => engine.softmax(waves(12), { cols: 4, outRowStride: 2 ** 53 - 1 });
    refused(wide, memory("softmax: cannot allocate "));
  });
});

/** The same numbers: those of arrays, or of statistics. */
function expectSame(got: unknown, expected: unknown): void {
  const [ours, theirs] = [got, expected].map((each) =>
    ArrayBuffer.isView(each) ? [each as Float32Array] : [(each as api.RowStats).max, (each as api.RowStats).sum],
  );
  for (const [part, array] of ours!.entries()) {
    const wanted = theirs![part]!;
    expect(array).toHaveLength(wanted.length);
    for (let i = 0; i < wanted.length; i++)
      if (!Object.is(array[i], wanted[i])) expect.fail(`element ${i}: got ${array[i]}, want ${wanted[i]}`);
  }
}

const statsOf = (rows: number): api.RowStats => {
  const stats = { max: new Float32Array(rows), sum: new Float64Array(rows) };
  for (let i = 0; i < rows; i++) {
    stats.max[i] = 1.5;
    stats.sum[i] = 2 + i;
  }
  return stats;
};

function caught(run: () => unknown): unknown {
  try {
    run();
  } catch (error) {
    return error;
  }
  return undefined;
}

describe("statistics and engines", () => {
  test("mergeRowStats: revoked proxies, and no memory", () => {
    const stats = statsOfRows();
    refused(
      () => mergeRowStats(revoked({}) as api.RowStats, stats),
      type('mergeRowStats: "a" expected { max, sum }, got a '),
    );
    refused(
      () => mergeRowStats(stats, revoked([]) as api.RowStats),
      type('mergeRowStats: "b" expected { max, sum }, got a '),
    );
    class NoMemory {
      constructor() {
        throw new RangeError("Array buffer allocation failed");
      }
    }
    for (const [Class, bytes] of [
      ["Float32Array", 12],
      ["Float64Array", 24],
    ] as const) {
      const error = withProperties(globalThis, { [Class]: { value: NoMemory, writable: true } }, () =>
        caught(() => mergeRowStats(stats, stats)),
      );
      refused(
        () => {
          throw error;
        },
        memory(`mergeRowStats: cannot allocate ${bytes} bytes`),
      );
    }
  });

  test("a proxy that throws, as options of an engine", async () => {
    const error = new Mine("mine");
    const options = new Proxy(
      {},
      {
        ownKeys() {
          throw error;
        },
      },
    );
    expect(caught(() => createEngineSync(options))).toBe(error);
    await expect(createEngine(options)).rejects.toBe(error);
    refused(
      () => createEngineSync(revoked({})),
      type('createEngineSync: "options" expected an object, got a revoked proxy'),
    );
    await rejected(createEngine(revoked({})), type('createEngine: "options" expected an object, got a revoked proxy'));
    await rejected(
      createEngine({ module: revoked({}), backend: "js" }),
      option('createEngine: "module" excludes the js'),
    );
  });
});

const GROUP = 100;

onEveryBackend(`${CALLS} hostile calls ${WITH_SEED}`, (engine, name) => {
  const small = createEngineSync({ backend: name, scratchBytes: 4096 });
  const arenas = new Map([engine, small].map((each) => [each, each.createArena(2 ** 15)]));
  if (name === "js") arenas.clear(); // there, a call may give the buffer away
  afterAll(() => {
    small.dispose();
    for (const arena of arenas.values()) arena.dispose();
  });
  const outcomes = { answer: 0, error: 0 };

  test.each(Array.from({ length: Math.ceil(CALLS / GROUP) }, (_, i) => i))("group %i", (group) => {
    const random = randomFrom(70_000 + group);
    for (let i = 0; i < GROUP; i++) {
      const canDispose = random() < 0.05;
      const runs = canDispose ? createEngineSync({ backend: name }) : random() < 0.5 ? engine : small;
      const arena = arenas.get(runs) ?? runs.createArena(2 ** 15);
      arena.reset();
      const harm = new Harm(random, arena);
      const kind = random();
      if (random() < 0.5) harm.replaceSomething();
      if (random() < 0.1) harm.replaceSomething();
      if (kind < 0.4) harm.interfere(runs, canDispose);
      if (kind < 0.1) harm.interfere(runs, canDispose);
      if (random() < 0.4) harm.disguise();
      const [title, target, properties] = oneOf(random, PATCHES);
      const patch = { name: `${title} patched`, apply: () => patched(target, properties) };
      if (!harm.isTooLarge) outcomes[harm.expectOutcome(runs, name, kind < 0.8 ? undefined : patch)]++;
      if (runs.disposed)
        expectDocumented(
          caught(() => runs.softmax(new Float32Array(4))),
          "softmax",
        );
    }
  });

  test("some of them were answered, some refused, and all is well", () => {
    expect(outcomes.answer).toBeGreaterThan(CALLS / 5);
    expect(outcomes.error).toBeGreaterThan(CALLS / 5);
    for (const each of [engine, small])
      expect(each.softmax(new Float32Array(12), { cols: 4 })).toEqual(new Float32Array(12).fill(0.25));
  });
});
