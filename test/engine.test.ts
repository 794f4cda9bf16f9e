// Engines: which back end runs and why, options, disposal, the default engine, and both module formats.

import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import * as esm from "softmax-wasm";
import { createEngine, createEngineSync, defaultEngine, type EngineOptions, softmax } from "softmax-wasm";
import { describe, expect, test } from "vitest";
import { MUST_RUN, onEveryBackend, refused as refusals, running } from "./engines.js";
import { backend, disposed, option, type Refusal, refused, rejected, type, value } from "./errors.js";

const HALVES = new Float32Array([0.5, 0.5]);
const moduleOf = (name: string) =>
  new WebAssembly.Module(readFileSync(new URL(`../build/${name}.wasm`, import.meta.url)));

/** A valid module that is none of ours: nothing but a header. */
const FOREIGN = new WebAssembly.Module(Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0));

describe("which back ends run here", () => {
  test(`${MUST_RUN.join(", ")} on Node ${process.versions.node}`, () => {
    expect(running.map(({ name }) => name)).toEqual(MUST_RUN);
  });

  test("each of the others says why not", () => {
    for (const { name, reason } of refusals)
      expect(reason).toMatch(new RegExp(`^createEngineSync: ${name} cannot run: .{10}`));
    expect(running.length + refusals.length).toBe(3);
  });

  test("auto takes the fastest, and says why", async () => {
    for (const engine of [
      createEngineSync(),
      createEngineSync({ backend: "auto" }),
      await createEngine(),
      await createEngine({}),
    ]) {
      expect(engine.backend).toBe(MUST_RUN[0]);
      expect(engine.reason).toContain(MUST_RUN[0] === "relaxed" ? "relaxed is the fastest" : "relaxed cannot run: ");
      engine.dispose();
    }
    expect(defaultEngine().backend).toBe(MUST_RUN[0]);
  });

  test("deterministic takes simd", async () => {
    for (const options of [{ deterministic: true }, { deterministic: true, backend: "simd" }] as const) {
      expect(createEngineSync(options).backend).toBe("simd");
      expect((await createEngine(options)).backend).toBe("simd");
    }
    expect(createEngineSync({ deterministic: false }).backend).toBe(MUST_RUN[0]);
  });

  test.each(running)("$name, asked for by name", async ({ name }) => {
    for (const engine of [createEngineSync({ backend: name }), await createEngine({ backend: name })]) {
      expect([engine.backend, engine.reason]).toEqual([name, `${name} was asked for`]);
      expect(engine.softmax(new Float32Array(2))).toEqual(HALVES);
      engine.dispose();
    }
  });

  test.each(["simd", "relaxed"].filter((name) => running.some((each) => each.name === name)))(
    "%s, as a module",
    async (name) => {
      const module = moduleOf(name);
      for (const options of [{ module }, { module, backend: name as "simd" }, { module, scratchBytes: 4096 }]) {
        const engine = createEngineSync(options);
        expect(engine.backend).toBe(name);
        expect(engine.reason).toBe(`${name} is the kernel of the given module`);
        expect(engine.softmax(new Float32Array(2))).toEqual(HALVES);
        expect((await createEngine(options)).backend).toBe(name);
      }
    },
  );

  test("many engines at once", async () => {
    const engines = await Promise.all(Array.from({ length: 20 }, () => createEngine({ scratchBytes: 4096 })));
    for (const engine of engines) expect(engine.softmax(new Float32Array(2))).toEqual(HALVES);
    engines[0]!.dispose();
    expect(engines[1]!.softmax(new Float32Array(2))).toEqual(HALVES);
  });
});

const BAD_OPTIONS: readonly (readonly [options: unknown, refusal: (name: string) => Refusal])[] = [
  ...[null, 12, "simd", [], () => {}, new Float32Array(2)].map(
    (options) => [options, (name: string) => type(`${name}: "options" expected an object, got `)] as const,
  ),
  [{ backends: "js" }, (name) => option(`${name}: "backends" is not an option of ${name}`)],
  [{ cols: 2 }, (name) => option(`${name}: "cols" is not an option of ${name}`)],
  [{ backend: "gpu" }, (name) => value(`${name}: "backend" expected "auto", "relaxed", "simd" or "js", got "gpu"`)],
  ...[3, null, true, ["simd"], new String("simd")].map(
    (each) => [{ backend: each }, (name: string) => type(`${name}: "backend" expected "auto", `)] as const,
  ),
  ...[1, null, "true", {}].map(
    (each) =>
      [{ deterministic: each }, (name: string) => type(`${name}: "deterministic" expected a boolean, got `)] as const,
  ),
  [
    { deterministic: true, backend: "relaxed" },
    (name) => option(`${name}: "deterministic" excludes the relaxed back end`),
  ],
  [{ deterministic: true, backend: "js" }, (name) => option(`${name}: "deterministic" excludes the js back end`)],
  ...[1, null, "simd.wasm", () => {}].map(
    (each) =>
      [{ module: each }, (name: string) => type(`${name}: "module" expected a WebAssembly.Module, got `)] as const,
  ),
  [{ module: FOREIGN, backend: "js" }, (name) => option(`${name}: "module" excludes the js back end`)],
  ...["4096", null, 4096n, {}].map(
    (each) =>
      [{ scratchBytes: each }, (name: string) => type(`${name}: "scratchBytes" expected a number, got `)] as const,
  ),
  ...[0, -1, 4095, 4096.5, NaN, Infinity, 2 ** 30 + 1].map(
    (each) =>
      [
        { scratchBytes: each },
        (name: string) => value(`${name}: "scratchBytes" expected an integer from 4096 to `),
      ] as const,
  ),
];

/** Modules that are no use, and why. */
const BAD_MODULES: readonly (readonly [title: string, options: EngineOptions, cause: string])[] = [
  ["another module", { module: FOREIGN }, "it is not a kernel of this version"],
  ["an object that is no module", { module: {} }, "WebAssembly.Instance()"],
  [
    "the bytes of a module",
    { module: readFileSync(new URL("../build/simd.wasm", import.meta.url)) },
    "WebAssembly.Instance()",
  ],
  ["the debug build", { module: moduleOf("debug") }, "WebAssembly.Instance(): Import "],
  ["the wrong kernel", { module: moduleOf("simd"), backend: "relaxed" }, "it is the simd kernel"],
];

describe("bad options", () => {
  test.each(BAD_OPTIONS)("%o", async (options, refusal) => {
    refused(() => createEngineSync(options as EngineOptions), refusal("createEngineSync"));
    await rejected(createEngine(options as EngineOptions), refusal("createEngine"));
  });

  test.each(BAD_MODULES)("%s", async (_, options, cause) => {
    const refusal = (what: string) => backend(`${what}: "module" cannot be used: ${cause}`);
    expect(refused(() => createEngineSync(options), refusal("createEngineSync")).cause).toBeInstanceOf(Error);
    await rejected(createEngine(options), refusal("createEngine"));
  });

  test.skipIf(refusals.length > 0)("a relaxed module for a deterministic engine", () => {
    const options = { module: moduleOf("relaxed"), deterministic: true };
    refused(
      () => createEngineSync(options),
      backend('createEngineSync: "module" cannot be used: the relaxed kernel is not deterministic'),
    );
  });

  test("inherited options are not seen", () => {
    expect(createEngineSync(Object.create({ backend: "js" })).backend).toBe(MUST_RUN[0]);
  });
});

onEveryBackend("disposal", (_, name) => {
  test("of an engine", () => {
    const engine = createEngineSync({ backend: name });
    const out = new Float32Array(2).fill(7);
    expect(engine.disposed).toBe(false);
    engine.dispose();
    expect(engine.disposed).toBe(true);
    refused(() => engine.softmax(new Float32Array(2), { out }), disposed("softmax: the engine was disposed of"));
    refused(() => engine.createArena(4096), disposed("createArena: the engine was disposed of"));
    expect(out).toEqual(new Float32Array(2).fill(7));
    engine.dispose(); // does nothing
    expect(engine.disposed).toBe(true);
    expect(engine.backend).toBe(name);
  });

  test("by Symbol.dispose", () => {
    const engine = createEngineSync({ backend: name });
    engine[Symbol.dispose]();
    expect(engine.disposed).toBe(true);
  });

  test("by a getter, in the middle of a call", () => {
    const engine = createEngineSync({ backend: name });
    const out = new Float32Array(4).fill(7);
    const options = {
      out,
      get cols() {
        engine.dispose();
        return 2;
      },
    };
    refused(() => engine.softmax(new Float32Array(4), options), disposed("softmax: the engine was disposed of"));
    expect(out).toEqual(new Float32Array(4).fill(7));
  });
});

describe("the default engine", () => {
  test("is one, and another once it was disposed of", () => {
    const first = defaultEngine();
    expect(defaultEngine()).toBe(first);
    first.dispose();
    expect(softmax(new Float32Array(2))).toEqual(HALVES);
    expect(defaultEngine()).not.toBe(first);
    expect(defaultEngine().disposed).toBe(false);
  });

  test("does what its method does", () => {
    const input = new Float32Array([1, 2, 3, 4]);
    expect(softmax(input, { cols: 2 })).toEqual(defaultEngine().softmax(input, { cols: 2 }));
    const out = new Float32Array(4);
    expect(softmax(input, { out })).toBe(out);
  });

  test("so do the other functions, each its own", () => {
    const engine = defaultEngine();
    const input = new Float32Array([1, 2, 3, 4]);
    const grad = new Float32Array([1, 0, 0, 2]);
    const options = { cols: 2 };
    const stats = esm.rowStats(input, options);
    expect(stats).toEqual(engine.rowStats(input, options));
    const results = [
      [esm.softmax(input, options), engine.softmax(input, options)],
      [esm.logSoftmax(input, options), engine.logSoftmax(input, options)],
      [esm.logSumExp(input, options), engine.logSumExp(input, options)],
      [esm.softmaxFromStats(input, stats, options), engine.softmaxFromStats(input, stats, options)],
      [esm.softmaxBackward(input, grad, options), engine.softmaxBackward(input, grad, options)],
      [esm.logSoftmaxBackward(input, grad, options), engine.logSoftmaxBackward(input, grad, options)],
    ];
    for (const [ours, theirs] of results) expect(ours).toEqual(theirs);
  });
});

describe("the package", () => {
  test("the same names as a CommonJS module, and it works", () => {
    const cjs = createRequire(import.meta.url)("softmax-wasm") as typeof esm;
    expect(Object.keys(cjs).sort()).toEqual(Object.keys(esm).sort());
    expect(Object.keys(esm).sort()).toEqual([
      "Arena",
      "Engine",
      "createEngine",
      "createEngineSync",
      "defaultEngine",
      "logSoftmax",
      "logSoftmaxBackward",
      "logSumExp",
      "mergeRowStats",
      "rowStats",
      "softmax",
      "softmaxBackward",
      "softmaxFromStats",
    ]);
    expect(cjs.softmax(new Float32Array(2))).toEqual(HALVES);
  });

  // In a process of its own: nothing of this one can help.
  test.each([
    ["without WebAssembly", ["--jitless"], "", "js", "there is no WebAssembly here"],
    ["where WebAssembly is an empty object", [], "globalThis.WebAssembly = {};", "js", "relaxed cannot run"],
    ["with everything there", [], "", MUST_RUN[0]!, ""],
  ])("%s, importing does no work and the first call finds a back end", (_, flags, before, name, reason) => {
    const program = `
      ${before}
      const { WebAssembly } = globalThis;
      let looked = 0;
      if (WebAssembly) globalThis.WebAssembly = new Proxy(WebAssembly, { get: (target, name) => (looked++, target[name]) });
      const { defaultEngine, softmax } = await import("softmax-wasm");
      const atImport = looked;
      const result = [...softmax(new Float32Array([0, 0]))];
      console.log(JSON.stringify({ atImport, result, name: defaultEngine().backend, reason: defaultEngine().reason }));`;
    expect(printed(program, flags)).toEqual({
      atImport: 0,
      result: [0.5, 0.5],
      name,
      reason: expect.stringContaining(reason),
    });
  });

  test("what fails once while the kernels are unpacked does not fail for good", () => {
    const program = `
      const { createEngineSync } = await import("softmax-wasm");
      const { atob } = globalThis;
      delete globalThis.atob;
      const { backend: without } = createEngineSync();
      globalThis.atob = atob;
      console.log(JSON.stringify([without, createEngineSync().backend]));`;
    expect(printed(program)).toEqual(["js", MUST_RUN[0]]);
  });

  // In a process of its own: it looks the functions of arrays up when it is imported.
  test.each(running)("$name: in place, in an arena, nothing is copied", ({ name }) => {
    const program = `
      const { prototype } = Object.getPrototypeOf(Float32Array);
      const { set } = prototype;
      let copied = 0;
      prototype.set = function (source, at) {
        copied += source.length;
        set.call(this, source, at);
      };
      const { createEngineSync } = await import("softmax-wasm");
      const engine = createEngineSync({ backend: "${name}" });
      const x = engine.createArena(2 ** 23).alloc(2 ** 21);
      copied = 0;
      for (const layout of [{ cols: 1024 }, { cols: 16 }, { shape: [16, 2048, 64], axis: 1 }, { shape: [1024, 2048], axis: 0 }])
        engine.softmax(x, { ...layout, out: x });
      console.log(copied);`;
    expect(printed(program)).toBe(0);
  });

  // As above; and the clock, too.
  const SMALL = 68 * 1024; // 272 KiB, and a multiple of four rows
  const LARGE = 260 * 1024;
  const CLOCK = "performance.now = () => time";
  const withKernel = running.filter(({ name }) => name !== "js");
  test.each(
    withKernel.flatMap(({ name }) => [
      { name, machine: "where each copy takes its time", clock: CLOCK, cost: "1000", block: LARGE },
      { name, machine: "where large copies take long", clock: CLOCK, cost: "source.length ** 2", block: SMALL },
      { name, machine: "where no time passes", clock: CLOCK, cost: "0", block: LARGE },
      { name, machine: "of a broken clock", clock: CLOCK, cost: "NaN", block: LARGE },
      { name, machine: "without a clock", clock: "delete globalThis.performance", cost: "1000", block: LARGE },
    ]),
  )("$name: large batches get blocks of the size that is quicker, $machine", ({ name, clock, cost, block }) => {
    const program = `
      const { prototype } = Object.getPrototypeOf(Float32Array);
      const { set } = prototype;
      let largest = 0;
      let time = 0;
      prototype.set = function (source, at) {
        largest = Math.max(largest, source.length);
        time += ${cost};
        set.call(this, source, at);
      };
      ${clock};
      const { createEngineSync } = await import("softmax-wasm");
      const engine = createEngineSync({ backend: "${name}" });
      const x = new Float32Array(2 ** 21);
      const largestOf = (array, options) => {
        largest = 0;
        engine.softmax(array, options);
        return largest;
      };
      engine.softmax(x.subarray(0, 2 ** 18), { cols: 1024 }); // too few rows to compare anything
      let before;
      for (let i = 0; i < 8; i++) before = largestOf(x, { cols: 1024, out: x });
      const plain = largestOf(x, { cols: 1024, out: x });
      const changed = largestOf(x, { cols: 1024, temperature: 2, out: x });
      const long = largestOf(x.subarray(0, 16 * 32769), { cols: 32769 });
      const beside = largestOf(x.subarray(0, 2e6), { shape: [20, 100, 1000], axis: 1 });
      console.log(JSON.stringify({ before, plain, changed, long, beside }));`;
    const always = { before: LARGE, long: 8 * 32769, beside: 2 * 100 * 1000 };
    expect(printed(program)).toEqual({ ...always, plain: block, changed: block });
  });
});

/** What a program prints, in a process of its own: JSON. */
function printed(program: string, flags: readonly string[] = []): unknown {
  const { status, stdout, stderr } = spawnSync(process.execPath, [...flags, "--input-type=module", "-e", program], {
    cwd: fileURLToPath(new URL("..", import.meta.url)),
    encoding: "utf8",
  });
  expect(status, stderr).toBe(0);
  return JSON.parse(stdout);
}
