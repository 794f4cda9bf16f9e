// What happens where WebAssembly is missing, forbidden, out of memory, or fails in the middle of a call. The global is
// replaced while a call runs, and put back.

import { createEngine, createEngineSync, type Engine, type EngineOptions, type LayoutOptions } from "softmax-wasm";
import { afterEach, describe, expect, test } from "vitest";
import { checkCall } from "../build/modules/check.js";
import { DATA } from "../build/modules/memory.js";
import { SOFTMAX } from "../build/modules/operation.js";
import { KERNEL_VERSION } from "../build/modules/wasm.js";
import { MUST_RUN, running } from "./engines.js";
import { backend, fault, refused, rejected } from "./errors.js";
import { integer, randomFrom, WITH_SEED } from "./random.js";

const { WebAssembly: real } = globalThis;

afterEach(() => {
  globalThis.WebAssembly = real;
});

function replace(parts: object): void {
  globalThis.WebAssembly = Object.defineProperties(
    {},
    {
      ...Object.getOwnPropertyDescriptors(real),
      ...Object.getOwnPropertyDescriptors(parts),
    },
  ) as typeof WebAssembly;
}

const wasmNames = running.map(({ name }) => name).filter((name) => name !== "js");
const relaxedRuns = wasmNames.includes("relaxed");

/** A constructor that only throws. */
const throwing = (error: Error) =>
  class {
    constructor() {
      throw error;
    }
  };

/** Ways in which WebAssembly cannot be had, and the words in which the reason tells it. */
const OUTAGES: readonly (readonly [title: string, cut: () => void, cause: string])[] = [
  ["WebAssembly is missing", () => Reflect.deleteProperty(globalThis, "WebAssembly"), "there is no WebAssembly here"],
  [
    "WebAssembly is undefined",
    () => Object.assign(globalThis, { WebAssembly: undefined }),
    "there is no WebAssembly here",
  ],
  [
    "compiling is forbidden",
    () => {
      const error = new real.CompileError("Wasm code generation disallowed by embedder");
      replace({ Module: throwing(error), compile: () => Promise.reject(error) });
    },
    "Wasm code generation disallowed by embedder",
  ],
  [
    "instantiating fails",
    () => replace({ Instance: throwing(new real.LinkError("no such import\nat second line")) }),
    "no such import",
  ],
  [
    "instantiating runs out of memory",
    () => replace({ Instance: throwing(new RangeError("Out of memory")) }),
    "Out of memory",
  ],
  [
    "there is no memory",
    () => replace({ Memory: throwing(new RangeError("could not allocate memory")) }),
    "could not allocate memory",
  ],
];

describe.each(OUTAGES)("%s", (_, cut, cause) => {
  test("auto falls to js, and says why", async () => {
    cut();
    for (const engine of [createEngineSync(), await createEngine()]) {
      expect(engine.backend).toBe("js");
      const relaxed = relaxedRuns ? cause : ".*"; // where it does not run anyway, that is the reason
      expect(engine.reason).toMatch(new RegExp(`^relaxed cannot run: ${relaxed}; simd cannot run: ${cause}$`));
      expect(engine.softmax(new Float32Array([705, 705]))).toEqual(new Float32Array([0.5, 0.5]));
      expect(engine.createArena(64).alloc(4)).toHaveLength(4);
    }
  });

  test.each(wasmNames)("%s by name is an error that names the cause", async (name) => {
    cut();
    const refusal = (what: string) => backend(`${what}: ${name} cannot run: ${cause}`);
    expect(refused(() => createEngineSync({ backend: name }), refusal("createEngineSync")).cause).toBeInstanceOf(Error);
    await rejected(createEngine({ backend: name }), refusal("createEngine"));
  });

  test("so is a deterministic engine", async () => {
    cut();
    const refusal = (what: string) => backend(`${what}: simd cannot run: ${cause}`);
    refused(() => createEngineSync({ deterministic: true }), refusal("createEngineSync"));
    await rejected(createEngine({ deterministic: true }), refusal("createEngine"));
  });

  test("js by name does not mind, and all is well once it is over", async () => {
    cut();
    expect(createEngineSync({ backend: "js" }).reason).toBe("js was asked for");
    await Promise.allSettled([createEngine({ backend: "simd" }), createEngine({ backend: "simd" })]);
    globalThis.WebAssembly = real;
    const engines = await Promise.all([createEngine(), createEngine(), createEngine({ backend: "simd" })]);
    expect(engines.map((engine) => engine.backend)).toEqual([MUST_RUN[0], MUST_RUN[0], "simd"]);
  });
});

test("where only relaxed fails, auto takes simd, and says why", async () => {
  let calls = 0;
  class Module extends real.Module {
    constructor(bytes: BufferSource) {
      if (calls++ === 0) throw new real.CompileError("invalid simd opcode");
      super(bytes);
    }
  }
  replace({ Module, compile: async (bytes: BufferSource) => new Module(bytes) });
  for (const make of [async () => createEngineSync(), createEngine]) {
    calls = 0;
    const engine = await make();
    expect([engine.backend, engine.reason]).toEqual(["simd", "relaxed cannot run: invalid simd opcode"]);
  }
});

/** A WebAssembly that compiles `changed(bytes)` in the place of what it is given. */
function replaceBinaries(changed: (bytes: Uint8Array<ArrayBuffer>) => Uint8Array<ArrayBuffer>): void {
  class Module extends real.Module {
    constructor(bytes: Uint8Array<ArrayBuffer>) {
      super(changed(bytes));
    }
  }
  replace({ Module, compile: (bytes: Uint8Array<ArrayBuffer>) => real.compile(changed(bytes)) });
}

test.each([
  ["cut off in its header", (bytes: Uint8Array) => bytes.slice(0, 5)],
  ["empty", () => new Uint8Array(0)],
  ["without its last byte", (bytes: Uint8Array) => bytes.slice(0, -1)],
  ["cut in two", (bytes: Uint8Array) => bytes.slice(0, bytes.length >> 1)],
  ["of a later version of WebAssembly", (bytes: Uint8Array) => bytes.with(4, 2)],
  ["with its first section too long", (bytes: Uint8Array) => bytes.with(9, bytes[9]! ^ 0x7f)],
])("a binary %s is refused, and js runs", async (_, change) => {
  replaceBinaries(change as (bytes: Uint8Array<ArrayBuffer>) => Uint8Array<ArrayBuffer>);
  for (const engine of [createEngineSync(), await createEngine()]) {
    expect(engine.backend).toBe("js");
    expect(engine.reason).toMatch(/^relaxed cannot run: .+; simd cannot run: .+/);
    expect(engine.softmax(new Float32Array([705, 705]))).toEqual(new Float32Array([0.5, 0.5]));
  }
  const cause = (what: string) => backend(`${what}: simd cannot run: `);
  refused(() => createEngineSync({ backend: "simd" }), cause("createEngineSync"));
  await rejected(createEngine({ backend: "simd" }), cause("createEngine"));
  globalThis.WebAssembly = real;
  expect((await createEngine()).backend).toBe(MUST_RUN[0]);
});

test(`a binary with any byte altered: refused, or it runs; never anything else ${WITH_SEED}`, () => {
  const random = randomFrom(31);
  let refusals = 0;
  for (let i = 0; i < 60; i++) {
    replaceBinaries((bytes) => {
      const at = integer(random, 0, bytes.length - 1);
      return bytes.with(at, bytes[at]! ^ (1 << integer(random, 0, 7))) as Uint8Array<ArrayBuffer>;
    });
    const { backend: name, reason } = createEngineSync({ scratchBytes: 4096 });
    expect(reason).toMatch(/cannot run|is the fastest/);
    if (name === "js") refusals++;
  }
  expect(refusals).toBeGreaterThan(0);
});

test("what is thrown has no text", async () => {
  for (const thrown of [Object.create(null), undefined, Symbol("no"), Object.assign(new Error(), { message: null })]) {
    class Module {
      constructor() {
        throw thrown;
      }
    }
    replace({ Module, compile: () => Promise.reject(thrown) });
    for (const engine of [createEngineSync(), await createEngine()]) {
      expect(engine.backend).toBe("js");
      expect(engine.reason).toMatch(/^relaxed cannot run: .*; simd cannot run: ./);
    }
    refused(() => createEngineSync({ backend: "simd" }), backend("createEngineSync: simd cannot run: "));
  }
});

test("a page that forbids compiling still says that the kernel is valid", () => {
  const error = new real.CompileError("blocked by CSP");
  replace({ Module: throwing(error), compile: () => Promise.reject(error), validate: () => true });
  expect(createEngineSync().reason).toContain("simd cannot run: blocked by CSP");
});

test("a module that claims to be ours and has nothing in it: an error at the first call, and at every other", () => {
  replaceExports(() => ({ VERSION: { value: KERNEL_VERSION }, isRelaxed: () => 0 }));
  const engine = createEngineSync();
  for (let i = 0; i < 2; i++)
    refused(
      () => engine.softmax(new Float32Array(4)),
      fault('softmax: the kernel failed; "out" may be partly written'),
    );
});

test("engines made at the same time, some of which fail", async () => {
  const bad = new real.Module(Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0));
  const settled = await Promise.allSettled(
    Array.from({ length: 24 }, (_, i) => {
      if (i % 4 === 0) return createEngine({ scratchBytes: 4096 });
      if (i % 4 === 1) return createEngine({ module: bad });
      if (i % 4 === 2) return createEngine({ scratchBytes: -1 });
      return createEngine({ backend: i % 8 === 3 ? "simd" : "js", scratchBytes: 4096 });
    }),
  );
  for (const [i, outcome] of settled.entries())
    if (outcome.status === "fulfilled") {
      expect(outcome.value.softmax(new Float32Array(2))).toEqual(new Float32Array([0.5, 0.5]));
      outcome.value.dispose();
    } else
      expect((outcome.reason as { code: string }).code).toBe(i % 4 === 1 ? "ERR_SOFTMAX_BACKEND" : "ERR_SOFTMAX_VALUE");
  expect(settled.map(({ status }) => status === "fulfilled")).toEqual(
    settled.map((_, i) => i % 4 === 0 || i % 4 === 3),
  );
});

test.each(running)("two engines and many arenas at once, on $name", ({ name }) => {
  const engines = [
    createEngineSync({ backend: name }),
    createEngineSync({ backend: name, scratchBytes: 4096 }),
  ] as const;
  const arenas = Array.from({ length: 24 }, (_, i) => engines[i & 1]!.createArena(8192));
  const arrays = arenas.map((arena, i) => arena.alloc(800).map((_, j) => Math.sin(i + j)));
  const inside = arenas.map((arena) => arena.alloc(800));
  const expected = arrays.map((array) => engines[0].softmax(array.slice(), { cols: 100 }));
  for (const [i, array] of inside.entries()) array.set(arrays[i]!);
  for (let i = 0; i < 24; i++) {
    const engine = engines[(i >> 1) & 1]!; // of some, the arena; of others, it is a stranger
    const out = inside[(i * 7) % 24]!;
    const before = out.slice();
    expect(engine.softmax(inside[i]!, { cols: 100 })).toEqualBitForBit(expected[i]!);
    engine.softmax(inside[i]!, { cols: 100, out });
    expect(out).toEqualBitForBit(expected[i]!);
    out.set(before);
    if (i % 5 === 4) arenas[i]!.dispose();
    if (i % 5 === 4) inside[i]!.set(arrays[i]!);
  }
  engines[0].dispose();
  for (let i = 0; i < 24; i++)
    expect(engines[1].softmax(inside[i]!, { cols: 100, out: inside[i] })).toEqualBitForBit(expected[i]!);
});

/** Instances whose exports are passed through `change`. */
function replaceExports(change: (exports: Record<string, unknown>) => object): void {
  class Instance {
    readonly exports: object;
    constructor(module: WebAssembly.Module, imports: WebAssembly.Imports) {
      this.exports = change({ ...new real.Instance(module, imports).exports });
    }
  }
  replace({ Instance });
}

test("relaxed is refused where multiply-add is not fused", () => {
  replaceExports((exports) => ({ ...exports, isRelaxed: () => 1, fuses: () => 0 }));
  const { backend: name, reason } = createEngineSync();
  expect(name).toBe("js"); // here, simd claims to be relaxed, too
  expect(reason).toContain("relaxed cannot run: ");
  expect(reason).toContain("simd cannot run: this machine does not fuse multiply-add");
});

test("a kernel of another version is refused", () => {
  replaceExports((exports) => ({ ...exports, VERSION: { value: 999 } }));
  expect(createEngineSync().reason).toContain("simd cannot run: it is not a kernel of this version");
});

test.each(wasmNames)("%s has one memory of fixed size, and dispose zeroes what was copied into it", (name) => {
  const memories: WebAssembly.Memory[] = [];
  class Memory extends real.Memory {
    constructor(descriptor: WebAssembly.MemoryDescriptor) {
      super(descriptor);
      memories.push(this);
    }
  }
  replace({ Memory });
  const engine = createEngineSync({ backend: name, scratchBytes: 2 ** 16 });
  expect(memories).toHaveLength(1);
  const size = memories[0]!.buffer.byteLength;
  expect(size).toBeLessThan(DATA + 2 ** 16 + 2 ** 16); // the work area and the tables, the scratch, and less than a page
  for (const cols of [10, 1000, 100_000]) engine.softmax(new Float32Array(100_000).fill(7), { cols });
  expect(memories).toHaveLength(1);
  expect(memories[0]!.buffer.byteLength).toBe(size);

  const leftOver = () => new Uint8Array(memories[0]!.buffer).filter((byte) => byte !== 0).length;
  engine.softmax(new Float32Array(7), { temperature: 3, lengths: Uint32Array.of(5) });
  engine.rowStats(new Float32Array(7).fill(7));
  engine.softmax(new Float32Array(12_000).fill(7), { shape: [1200, 10], axis: 0 });
  expect(leftOver()).toBeGreaterThan(0);
  engine.dispose();
  expect(leftOver()).toBe(0);

  // And however much of the scratch a batch takes.
  for (const cols of [7, 1000, 50_257, 128_256, 300_000, 1_500_000]) {
    memories.length = 0;
    const other = createEngineSync({ backend: name });
    other.softmax(new Float32Array(cols * Math.ceil(1_500_000 / cols)).fill(7), { cols });
    const scratch = new Float32Array(memories[0]!.buffer, DATA);
    expect(scratch.some((x) => x !== 0)).toBe(true);
    other.dispose();
    expect(scratch.some((x) => x !== 0)).toBe(false);
  }
});

test("js: dispose zeroes what it kept of rows", async () => {
  const { Float32Array: Floats, Float64Array: Doubles } = globalThis;
  const input = new Floats(100).fill(7);
  const made: (Float32Array | Float64Array)[] = [];
  const watched = <Class extends Float32ArrayConstructor | Float64ArrayConstructor>(Class: Class): Class =>
    new Proxy(Class, {
      construct: (target, parameters) => {
        const array: Float32Array | Float64Array = Reflect.construct(target, parameters);
        made.push(array);
        return array;
      },
    });
  globalThis.Float32Array = watched(Floats);
  globalThis.Float64Array = watched(Doubles);
  try {
    // Loaded anew: it makes one of them when it is loaded.
    const { href } = new URL("../build/modules/fallback.js?watched", import.meta.url);
    const { jsBackend } = (await import(href)) as typeof import("../build/modules/fallback.js");
    const nonzero = () => made.filter((array) => array.some((x) => x !== 0)).length;
    const constants = nonzero();
    for (const length of [100, 10])
      jsBackend.run(checkCall("softmax", SOFTMAX, input.subarray(0, length), { out: new Floats(length) }, undefined));
    expect(nonzero()).toBe(constants + 2);
    jsBackend.clear();
    expect(nonzero()).toBe(constants);
  } finally {
    globalThis.Float32Array = Floats;
    globalThis.Float64Array = Doubles;
  }
});

describe.each(wasmNames)("a trap in the middle of a call, on %s", (name) => {
  const sound = running.find((each) => each.name === name)!.engine;

  /** An engine of which the instances trap at the `call`-th call of a kernel function. */
  function trapping(call: number, options?: EngineOptions) {
    let calls = 0;
    let instances = 0;
    replaceExports((exports) => {
      instances++;
      for (const [key, each] of Object.entries(exports))
        if (typeof each === "function" && key !== "fuses" && key !== "isRelaxed")
          exports[key] = (...numbers: unknown[]) => {
            if (++calls === call) throw new real.RuntimeError("unreachable");
            return (each as (...numbers: unknown[]) => unknown)(...numbers);
          };
      return exports;
    });
    const engine = createEngineSync({ backend: name, ...options });
    return { engine, instances: () => instances, calls: () => calls };
  }

  const input = Float32Array.from({ length: 6000 }, (_, i) => Math.sin(i));
  const failure = (what: string) => fault(`${what}: the kernel failed; "out" may be partly written`);
  const { max, sum } = sound.rowStats(input, { cols: 10 });
  const statsOf = (rows: number) => ({ max: max.slice(0, rows).fill(2), sum: sum.slice(0, rows) });

  /** Layouts that take different ways through the kernel with a scratch of 4096 bytes: its rows, and how many there are. */
  const LAYOUTS: readonly (readonly [title: string, length: number, rows: number, layout: LayoutOptions])[] = [
    ["a batch", 4000, 400, { cols: 10 }],
    ["rows in pieces", 6000, 2, { cols: 3000 }],
    ["side by side", 4000, 400, { shape: [20, 10, 20], axis: 1 }],
    ["side by side, in pieces", 6000, 2, { shape: [3000, 2], axis: 0 }],
  ];
  type Run = (engine: Engine, input: Float32Array, rows: number, layout: LayoutOptions) => unknown;
  const OPERATIONS: readonly (readonly [what: string, run: Run])[] = [
    ["softmax", (engine, input, _, layout) => engine.softmax(input, layout)],
    [
      "logSoftmax",
      (engine, input, _, layout) => engine.logSoftmax(input, { ...layout, temperature: 2, empty: "zero" }),
    ],
    ["logSumExp", (engine, input, _, layout) => engine.logSumExp(input, layout)],
    ["rowStats", (engine, input, _, layout) => engine.rowStats(input, layout)],
    ["softmaxFromStats", (engine, input, rows, layout) => engine.softmaxFromStats(input, statsOf(rows), layout)],
    ["softmaxBackward", (engine, input, _, layout) => engine.softmaxBackward(input, input, layout)],
    ["logSoftmaxBackward", (engine, input, _, layout) => engine.logSoftmaxBackward(input, input, layout)],
    [
      "softmax",
      (engine, input, _, layout) =>
        engine.softmax(input, { ...layout, dtype: "bfloat16", out: new Uint16Array(input.length) }),
    ],
  ];

  describe.each(LAYOUTS)(
    "%s, streamed, at every call of the kernel: an error, and the next call is right",
    (...row) => {
      const [, length, rows, layout] = row;
      test.each(OPERATIONS)("%s", (what, run) => {
        const logits = input.slice(0, length);
        const right = run(sound, logits, rows, layout);
        const counting = trapping(0, { scratchBytes: 4096 });
        expect(run(counting.engine, logits, rows, layout)).toEqual(right);
        const most = counting.calls();
        expect(most).toBeGreaterThan(2);
        for (let call = 1; call <= most; call++) {
          const { engine, instances } = trapping(call, { scratchBytes: 4096 });
          const before = instances();
          const error = refused(() => run(engine, logits, rows, layout), failure(what));
          expect(error.cause).toBeInstanceOf(WebAssembly.RuntimeError);
          expect(run(engine, logits, rows, layout)).toEqual(right);
          expect(instances(), "instances made for the next call").toBe(before + 1);
          expect(engine.backend).toBe(name);
        }
      });
    },
  );

  test("in an arena: an error, and the next call is right", () => {
    const { engine } = trapping(1);
    const array = engine.createArena(2 ** 16).alloc(6000);
    array.set(input);
    const out = array.slice();
    refused(() => engine.softmax(array, { cols: 10, out: array }), failure("softmax"));
    array.set(input);
    expect(engine.softmax(array, { cols: 10, out: array })).toEqualBitForBit(sound.softmax(input, { cols: 10 }));
    expect(engine.softmax(input, { cols: 10, out })).toEqualBitForBit(sound.softmax(input, { cols: 10 }));
  });

  test.each(OPERATIONS)("in an arena, %s", (what, run) => {
    const { engine } = trapping(1);
    const array = engine.createArena(2 ** 16).alloc(4000);
    for (const layout of [{ cols: 10 }, { shape: [20, 10, 20], axis: 1 }]) {
      array.set(input.subarray(0, 4000));
      if ("cols" in layout) refused(() => run(engine, array, 400, layout), failure(what));
      expect(run(engine, array, 400, layout)).toEqual(run(sound, array.slice(), 400, layout));
    }
  });
});
