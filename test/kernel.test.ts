// The kernel without the API around it: what the binaries import, export and contain; the debug build with its assertions, through
// AssemblyScript's loader; and arrays that end where memory ends, so that one byte too many traps.

import { readdirSync, readFileSync, statSync } from "node:fs";
import { instantiateSync } from "@assemblyscript/loader";
import { createEngineSync } from "softmax-wasm";
import { describe, expect, test } from "vitest";
import { DATA, WORK } from "../build/esm/memory.js";
import type { Kernel } from "../build/esm/wasm.js";
import { refused } from "./engines.js";
import { DISTRIBUTIONS, logits, randomFrom, WITH_SEED } from "./random.js";

const ROOT = new URL("../", import.meta.url);
const bytesOf = (name: string) => readFileSync(new URL(`build/${name}.wasm`, ROOT));
const textOf = (path: string) => readFileSync(new URL(path, ROOT), "utf8");

const RELEASES = ["simd", "relaxed"] as const;

/** A kernel and all of its memory, one page. The debug build comes through the loader, which turns aborts into errors. */
function load(name: "simd" | "relaxed" | "debug"): { kernel: Kernel; words: Uint32Array; floats: Float32Array } {
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 1 });
  const imports = { env: { memory } };
  const { exports } =
    name === "debug"
      ? instantiateSync(bytesOf(name), imports)
      : new WebAssembly.Instance(new WebAssembly.Module(bytesOf(name)), imports);
  const kernel = exports as unknown as Kernel;
  return { kernel, words: new Uint32Array(memory.buffer), floats: new Float32Array(memory.buffer) };
}

/** Where the binary's data segments lie: pairs of first address and end. */
function dataSegments(bytes: Uint8Array): [start: number, end: number][] {
  let at = 8; // behind magic number and version
  const leb = () => {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = bytes[at++]!;
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
  };
  while (at < bytes.length) {
    const section = bytes[at++];
    const size = leb();
    if (section !== 11) {
      at += size;
      continue;
    }
    return Array.from({ length: leb() }, () => {
      const [flags, constant] = [leb(), bytes[at++]];
      if (flags !== 0 || constant !== 0x41) throw new Error("a data segment of another kind than i32.const");
      const start = leb();
      at++; // end of the expression
      const length = leb();
      at += length;
      return [start, start + length];
    });
  }
  return [];
}

describe("binaries", () => {
  /** What src/wasm.ts says that the kernel exports; NARROW_COLS is for tests and benches. */
  const [declared] = /export interface Kernel \{[\s\S]*?\n\}/.exec(textOf("src/wasm.ts"))!;
  const names = Array.from(declared.matchAll(/^ {2}(?:readonly (\w+)|(\w+)\()/gm), ([, value, method]) => ({
    name: (value ?? method)!,
    kind: value === undefined ? "function" : "global",
  }));
  names.push({ name: "NARROW_COLS", kind: "global" });
  const constants = Array.from(textOf("assembly/exp.ts").matchAll(/^export let (\w+): v128/gm), ([, name]) => name!);
  names.push(...constants.map((name) => ({ name, kind: "global" })));
  const byName = (a: { name: string }, b: { name: string }) => (a.name < b.name ? -1 : 1);

  test.skipIf(refused.length > 0)("relaxed.wasm is there, and compiles", () => {
    expect(WebAssembly.validate(bytesOf("relaxed"))).toBe(true);
  });

  // A Node that cannot compile relaxed.wasm cannot list its imports and exports, either.
  test.each(RELEASES.filter((name) => refused.every((each) => each.name !== name)))(
    "%s.wasm imports the memory and nothing else; exports what src/wasm.ts declares",
    (name) => {
      const module = new WebAssembly.Module(bytesOf(name));
      expect(WebAssembly.Module.imports(module)).toEqual([{ module: "env", name: "memory", kind: "memory" }]);
      expect(WebAssembly.Module.exports(module).sort(byName)).toEqual(names.sort(byName));
    },
  );

  test.each(RELEASES)("%s.wasm is at most 16 KB", (name) => {
    expect(statSync(new URL(`build/${name}.wasm`, ROOT)).size).toBeLessThanOrEqual(16_384);
  });

  test.each(RELEASES)("%s.wasm puts no data into memory: nothing a caller writes can change the kernel", (name) => {
    expect(dataSegments(bytesOf(name))).toEqual([]);
  });

  test("debug.wasm: its messages end below the work area", () => {
    const segments = dataSegments(bytesOf("debug"));
    expect(segments.length).toBeGreaterThan(0);
    for (const [start, end] of segments) {
      expect(start).toBeGreaterThan(0);
      expect(end).toBeLessThanOrEqual(WORK);
    }
  });

  test("the work area ends below the data area", () => {
    const { kernel } = load("simd");
    expect(WORK % 16).toBe(0);
    expect(DATA % 16).toBe(0);
    expect(WORK + kernel.WORK_BYTES.value).toBeLessThanOrEqual(DATA);
    expect(load("debug").kernel.WORK_BYTES.value).toBe(kernel.WORK_BYTES.value);
  });

  test("only relaxed.wasm has relaxed instructions", () => {
    expect(textOf("build/simd.wat")).not.toMatch(/relaxed_/);
    expect(textOf("build/debug.wat")).not.toMatch(/relaxed_/);
    expect(textOf("build/relaxed.wat")).toMatch(/f32x4\.relaxed_madd/);
  });

  test.each(["esm", "cjs"])("build/%s has the same bytes, in base64", async (format) => {
    const embedded = (await import(new URL(`build/${format}/binaries.js`, ROOT).href)) as Record<string, string>;
    for (const name of RELEASES) expect(embedded[name]).toBe(bytesOf(name).toString("base64"));
  });
});

describe("the debug build's assertions", () => {
  /** For each assertion, by its message, a call that fails it. */
  const violations: Record<string, (kernel: Kernel) => void> = {
    "softmax: rows and cols must be positive": (kernel) => kernel.softmax(DATA, DATA, 1, 0, WORK),
    "softmax: work must be aligned to 16 bytes": (kernel) => kernel.softmax(DATA, DATA, 1, 1, WORK + 8),
    "softmax: src and dst must be equal or apart": (kernel) => kernel.softmax(DATA, DATA + 4, 1, 2, WORK),
    "softmax: src and dst must lie in memory": (kernel) => kernel.softmax(DATA, 65536 - 4, 1, 2, WORK),
  };
  const sources = readdirSync(new URL("assembly/", ROOT)).filter((file) => file.endsWith(".ts"));
  const messages = sources.flatMap((file) =>
    Array.from(textOf(`assembly/${file}`).matchAll(/\bassert\([^"]*"([^"]*)"/g), ([, message]) => message!),
  );

  test("all of them are in this list", () => {
    expect(messages.sort()).toEqual(Object.keys(violations).sort());
  });

  test.each(Object.entries(violations))("%s", (message, violate) => {
    const { kernel, floats } = load("debug");
    floats.fill(7, DATA / 4);
    expect(() => violate(kernel)).toThrow(message);
    expect(floats.subarray(DATA / 4).every((x) => x === 7)).toBe(true); // checked before anything is written
    kernel.softmax(DATA, DATA, 1, 4, WORK);
    expect(floats.slice(DATA / 4, DATA / 4 + 4)).toEqual(new Float32Array(4).fill(0.25));
  });

  test.each([
    [0, 1],
    [-1, 1],
    [1, 0],
    [1, -4],
  ])("%i rows of %i columns", (rows, cols) => {
    const { kernel } = load("debug");
    expect(() => kernel.softmax(DATA, DATA, rows, cols, WORK)).toThrow("rows and cols must be positive");
  });
});

const CANARY = 0x7fc0dead; // as a float32: a NaN that no kernel makes

// Where things lie in a memory of one page. In each, one array ends where memory ends.
const PLACES: readonly (readonly [
  title: string,
  place: (bytes: number) => { src: number; dst: number; work: number },
])[] = [
  ["the input at the end of memory", (bytes) => ({ src: 65536 - bytes, dst: DATA + 20, work: WORK })],
  ["the output at the end of memory", (bytes) => ({ src: DATA + 20, dst: 65536 - bytes, work: WORK })],
  ["both, in place, at the end of memory", (bytes) => ({ src: 65536 - bytes, dst: 65536 - bytes, work: WORK })],
];

describe.each(["debug", ...RELEASES] as const)(`memory, %s.wasm ${WITH_SEED}`, (name) => {
  const refusal = refused.find((each) => each.name === name);
  if (refusal !== undefined) return test.skip(`not run: ${refusal.reason}`, () => {});

  const { kernel, words, floats } = load(name);
  const workBytes = kernel.WORK_BYTES.value;
  const firstWords = words.slice(0, WORK / 4); // the kernel's own data
  const engine = createEngineSync({ backend: name === "relaxed" ? "relaxed" : "simd" });
  const atEnd = (bytes: number) => ({ src: DATA + 20, dst: DATA + 20, work: 65536 - workBytes, bytes });
  const places = [...PLACES, ["the work area at the end of memory", atEnd] as const];

  /** Runs the kernel in a memory of canaries, and checks every word of it afterwards. */
  function check(rows: number, cols: number, place: (typeof places)[number][1]): void {
    const count = rows * cols;
    const { src, dst, work } = place(4 * count);
    const input = logits(randomFrom(cols), count, DISTRIBUTIONS[cols % DISTRIBUTIONS.length]!);
    words.fill(CANARY).set(firstWords);
    floats.set(input, src / 4);
    const before = words.slice();
    kernel.softmax(src, dst, rows, cols, work);
    const got = floats.slice(dst / 4, dst / 4 + count);
    expect(got).toEqualBitForBit(engine.softmax(input, { cols }));
    for (let word = 0; word < words.length; word++) {
      const at = 4 * word;
      const ours = (at >= dst && at < dst + 4 * count) || (at >= work && at < work + workBytes);
      if (!ours && words[word] !== before[word])
        throw new Error(`wrote to ${at}; src ${src}, dst ${dst}, work ${work}`);
    }
  }

  describe.each(places)("%s", (_, place) => {
    test.each([1, 2, 3, 4, 5, 6, 7, 8, 9])("%i rows of 1 … 130 columns", (rows) => {
      for (let cols = 1; cols <= 130; cols++) {
        try {
          check(rows, cols, place);
        } catch (error) {
          throw new Error(`${rows} × ${cols}: ${(error as Error).message}`, { cause: error });
        }
      }
    });
  });

  test("more rows than a batch of the kernel", () => {
    for (const [rows, cols] of [
      [64, 3],
      [100, 7],
      [33, 32],
      [40, 33],
      [17, 100],
      [10, 400],
    ] as const)
      for (const [, place] of places) check(rows, cols, place);
  });

  test("one element further, and it does trap", () => {
    for (const [rows, cols] of [
      [1, 1],
      [1, 3],
      [3, 5],
      [9, 32],
      [1, 33],
      [2, 130],
    ] as const) {
      const src = 65536 - 4 * rows * cols + 4;
      const refusal = name === "debug" ? "src and dst must lie in memory" : WebAssembly.RuntimeError;
      expect(() => kernel.softmax(src, DATA, rows, cols, WORK)).toThrow(refusal);
      expect(() => kernel.softmax(DATA, src, rows, cols, WORK)).toThrow(refusal);
    }
  });

  // A row longer than the scratch goes through these, in pieces of which the last can be of any length.
  test("the passes for pieces, at the end of memory, 1 … 130 columns", () => {
    for (let cols = 1; cols <= 130; cols++) {
      const input = logits(randomFrom(cols), cols, DISTRIBUTIONS[cols % DISTRIBUTIONS.length]!);
      const row = cols % 4; // of a group of four
      for (const { src, dst } of PLACES.map(([, place]) => place(4 * cols))) {
        words.fill(CANARY).set(firstWords);
        floats.set(input, src / 4);
        kernel.begin(WORK);
        kernel.findMax(src, cols, WORK, row);
        kernel.findShifts(WORK);
        kernel.sumTerms(src, dst, cols, WORK, row);
        kernel.findFactors(WORK);
        kernel.scale(dst, cols, WORK, row);
        expect(floats.slice(dst / 4, dst / 4 + cols)).toBeSoftmaxOf(input, cols, engine.backend);
        if (src !== dst) expect(floats.slice(src / 4, src / 4 + cols)).toEqualBitForBit(input);
        expect([words[dst / 4 - 1], words[src / 4 - 1]]).toEqual([CANARY, CANARY]);
      }
    }
  });

  test("fuses multiply-add: relaxed does, simd does not", () => {
    expect(Boolean(kernel.fuses(1 + 2 ** -12))).toBe(name === "relaxed");
  });
});
