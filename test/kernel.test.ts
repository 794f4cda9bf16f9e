// The kernel without the API around it: what the binaries import, export and contain; the debug build with its assertions, through
// AssemblyScript's loader; and arrays that end where memory ends, so that one byte too many traps.

import { readdirSync, readFileSync, statSync } from "node:fs";
import { instantiateSync } from "@assemblyscript/loader";
import { createEngineSync } from "softmax-wasm";
import { describe, expect, test } from "vitest";
import * as memory from "../build/modules/memory.js";
import {
  BFLOAT16,
  FLOAT16,
  FROM_STATS,
  LOG_SOFTMAX,
  LOG_SUM_EXP,
  ROW_STATS,
  SOFTMAX,
} from "../build/modules/operation.js";
import type { Kernel } from "../build/modules/wasm.js";
import { opcodesOf } from "./binary.js";
import { refused } from "./engines.js";
import { DISTRIBUTIONS, integer, logits, normal, randomFrom, WITH_SEED } from "./random.js";

const ROOT = new URL("../", import.meta.url);
const bytesOf = (name: string) => readFileSync(new URL(`build/${name}.wasm`, ROOT));
const textOf = (path: string) => readFileSync(new URL(path, ROOT), "utf8");

const RELEASES = ["simd", "relaxed"] as const;

/** The end of a memory of two pages. */
const END = 2 * 65536;

interface Memory {
  readonly kernel: Kernel;
  readonly bytes: Uint8Array;
  readonly floats: Float32Array;
}

/** A kernel and all of its memory. The debug build comes through the loader, which turns aborts into errors. */
function load(name: "simd" | "relaxed" | "debug", pages = 2): Memory {
  const memory = new WebAssembly.Memory({ initial: pages, maximum: pages });
  const imports = { env: { memory } };
  const { exports } =
    name === "debug"
      ? instantiateSync(bytesOf(name), imports)
      : new WebAssembly.Instance(new WebAssembly.Module(bytesOf(name)), imports);
  const kernel = exports as unknown as Kernel;
  return { kernel, bytes: new Uint8Array(memory.buffer), floats: new Float32Array(memory.buffer) };
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

const sources = readdirSync(new URL("assembly/", ROOT)).filter((file) => file.endsWith(".ts"));

describe("binaries", () => {
  /** What src/wasm.ts says that the kernel exports. */
  const [declared] = /export interface Kernel \{[\s\S]*?\n\}/.exec(textOf("src/wasm.ts"))!;
  const names = Array.from(declared.matchAll(/^ {2}(?:readonly (\w+)|(\w+)\()/gm), ([, value, method]) => ({
    name: (value ?? method)!,
    kind: value === undefined ? "function" : "global",
  }));
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

  // 16 KB until all operations came; what they take beyond that is being worked on.
  test.each(RELEASES)("%s.wasm is at most 26,000 bytes", (name) => {
    expect(statSync(new URL(`build/${name}.wasm`, ROOT)).size).toBeLessThanOrEqual(26_000);
  });

  test.each(RELEASES)("%s.wasm puts no data into memory: nothing a caller writes can change the kernel", (name) => {
    expect(dataSegments(bytesOf(name))).toEqual([]);
  });

  test("debug.wasm: its messages end before what the kernel writes", () => {
    const segments = dataSegments(bytesOf("debug"));
    expect(segments.length).toBeGreaterThan(0);
    for (const [start, end] of segments) {
      expect(start).toBeGreaterThan(0);
      expect(end).toBeLessThanOrEqual(memory.HALVES);
    }
  });

  test("the areas of memory follow each other, aligned, each as long as it must be", () => {
    const { HALVES, WORK, WORK_BYTES, TEMPERATURES, SUMS, MAXIMA, STARTS, ENDS, DATA, TABLE_ROWS } = memory;
    const areas: readonly (readonly [start: number, bytes: number, alignment: number])[] = [
      [HALVES, 1024, 16],
      [WORK, WORK_BYTES, 16],
      [TEMPERATURES, 8 * TABLE_ROWS, 16],
      [SUMS, 8 * TABLE_ROWS, 16],
      [MAXIMA, 4 * TABLE_ROWS, 16],
      [STARTS, 4 * TABLE_ROWS, 16],
      [ENDS, 4 * TABLE_ROWS, 16],
      [DATA, 0, 16],
    ];
    let end = 0;
    for (const [start, bytes, alignment] of areas) {
      expect(start % alignment).toBe(0);
      expect(start).toBeGreaterThanOrEqual(end);
      end = start + bytes;
    }
    expect(DATA + memory.MAX_BYTES + 64).toBeLessThanOrEqual(2 ** 32); // 64: to read on
  });

  test("the work area is as long as the kernel says, which is enough for the longest rows side by side", () => {
    const { WORK, WORK_BYTES, DATA, MAXIMA, SUMS } = memory;
    const { kernel, bytes, floats } = load("debug", 160);
    for (const name of ["simd", "debug"] as const) expect(load(name).kernel.WORK_BYTES.value).toBe(WORK_BYTES);
    for (const cols of [1023, 1024, 1025, 32_764, 32_768, 32_769]) {
      bytes.fill(0xc5, WORK);
      const canaries = bytes.slice(WORK + WORK_BYTES, DATA);
      const canary = floats[DATA / 4]!;
      const batch = floats.subarray(DATA / 4, DATA / 4 + 33 * cols);
      batch.fill(1);
      kernel.columns(SOFTMAX, DATA, DATA, 33, cols, 33, 4 * 33, MAXIMA, SUMS, WORK);
      expect(batch.every((y) => y === Math.fround(1 / cols))).toBe(true);
      kernel.gradientColumns(SOFTMAX, DATA, DATA, DATA, 33, cols, 33, 4 * 33, WORK);
      expect(bytes.slice(WORK + WORK_BYTES, DATA)).toEqual(canaries);
      expect(floats.slice(DATA / 4 + 33 * cols, DATA / 4 + 33 * cols + 16).every((x) => x === canary)).toBe(true);
    }
  });

  test("only relaxed.wasm has relaxed instructions", () => {
    expect(textOf("build/simd.wat")).not.toMatch(/relaxed_/);
    expect(opcodesOf(bytesOf("debug")).relaxed).toEqual([]);
    expect(textOf("build/relaxed.wat")).toMatch(/f32x4\.relaxed_madd/);
  });
});

// Where things lie in the memory that the tests below use.
const { HALVES, WORK } = memory;
const DATA = 49152;

// What the parts of the kernel take of the work area: what is known about 32 rows, and some of their elements.
const SLOTS_BYTES = 1536;
const ROWS_BYTES = memory.ROWS_WORK_BYTES;
/** From one group of four rows to the next: an odd number of cache lines. */
const apart = (cols: number) => 64 * (Math.ceil(cols / 4) | 1);
/** Of rows side by side: of two arrays, if those are both read, half as much of each. Terms are added up two by two. */
const piecesBytes = (cols: number, arrays = 1) => {
  const most = 128 / arrays;
  const length = Math.min(cols, most);
  return SLOTS_BYTES + (8 * arrays - 1) * (16 * most + 64) + 16 * (arrays === 1 ? length + (length % 2) : length);
};
const columnsBytes = (rows: number, cols: number) =>
  Math.min(8 * SLOTS_BYTES + 1024 + Math.min(64, Math.ceil(rows / 4)) * apart(cols), memory.WORK_BYTES);

test("rows that come in pieces: each strip of 32 has room, and so have as many as the tables", () => {
  const { STRIP_ROWS, STRIP_WORK_BYTES, TABLE_ROWS, WORK_BYTES } = memory;
  expect(STRIP_WORK_BYTES).toBe(Math.max(piecesBytes(128), piecesBytes(128, 2)));
  expect((TABLE_ROWS / STRIP_ROWS) * STRIP_WORK_BYTES).toBeLessThanOrEqual(WORK_BYTES);
  expect(piecesBytes(11, 2)).toBeLessThanOrEqual(ROWS_BYTES); // short rows of a gradient
});

test("rows that lie near their maximum need no care, whatever was left in the work area", () => {
  const SLOT_BYTES = 192;
  const DEEP = 112; // assembly/slot.ts
  const { kernel, bytes, floats } = load("simd");
  for (const cols of [8, 9, 10, 21, 64, 65, 100, 101, 112])
    for (const left of [0, -Infinity, -1e38]) {
      floats.fill(left, WORK / 4, (WORK + ROWS_BYTES) / 4);
      const batch = floats.subarray(DATA / 4, DATA / 4 + 8 * cols);
      batch.forEach((_, i) => {
        batch[i] = 100 + (i % 7);
      });
      kernel.rows(SOFTMAX, DATA, DATA, 8, cols, 4 * cols, 4 * cols, HALVES, HALVES, WORK);
      const care = [0, 1].map((group) => bytes[WORK + group * SLOT_BYTES + DEEP]);
      expect(care, `${cols} columns, ${left} left`).toEqual([0, 0]);
    }
});

describe("the debug build's assertions", () => {
  const rows = (
    kernel: Kernel,
    src: number,
    dst: number,
    count: number,
    cols: number,
    stride = 4 * cols,
    work = WORK,
  ) => kernel.rows(SOFTMAX, src, dst, count, cols, stride, stride, 0, 0, work);
  const columns = (kernel: Kernel, count: number, cols: number, inner: number, work = WORK) =>
    kernel.columns(SOFTMAX, DATA, DATA, count, cols, inner, 4 * inner, 0, 0, work);

  /** For each assertion, by its message, a call that fails it. */
  const violations: Record<string, (kernel: Kernel) => void> = {
    "rows: rows and cols must be positive": (kernel) => rows(kernel, DATA, DATA, 1, 0),
    "rows: work must be aligned to 16 bytes": (kernel) => rows(kernel, DATA, DATA, 1, 1, 4, WORK + 8),
    "rows: a row must end before the next begins": (kernel) => rows(kernel, DATA, DATA, 2, 3, 8),
    "rows: src and dst must be equal or apart": (kernel) => rows(kernel, DATA, DATA + 4, 1, 2),
    "rows: src must lie in memory": (kernel) => rows(kernel, END - 4, DATA, 1, 2),
    "rows: dst must lie in memory": (kernel) => rows(kernel, DATA, END - 4, 1, 2),
    "columns: rows, cols and inner must be positive": (kernel) => columns(kernel, 2, 2, 0),
    "columns: work must be aligned to 16 bytes": (kernel) => columns(kernel, 2, 2, 2, WORK + 8),
    "columns: four rows must fit into the work area": (kernel) => columns(kernel, 1, memory.WORK_ELEMENTS / 4 + 1, 1),
  };
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
    rows(kernel, DATA, DATA, 1, 4);
    expect(floats.slice(DATA / 4, DATA / 4 + 4)).toEqual(new Float32Array(4).fill(0.25));
  });

  test("values may lie anywhere but among the rows: they are as many as those, not as long", () => {
    const { kernel, floats } = load("debug");
    floats.fill(0, DATA / 4);
    kernel.rows(LOG_SUM_EXP, DATA, DATA - 16, 4, 100, 400, 400, 0, 0, WORK);
    expect(floats.slice(DATA / 4 - 4, DATA / 4)).toEqual(new Float32Array(4).fill(Math.log(100)));
    const run = () => kernel.rows(LOG_SUM_EXP, DATA, DATA - 12, 4, 100, 400, 400, 0, 0, WORK);
    expect(run).toThrow("rows: src and dst must be equal or apart");
  });

  test.each([
    [0, 1],
    [-1, 1],
    [1, 0],
    [1, -4],
  ])("%i rows of %i columns", (count, cols) => {
    const { kernel } = load("debug");
    expect(() => rows(kernel, DATA, DATA, count, cols)).toThrow("rows and cols must be positive");
    expect(() => columns(kernel, count, cols, 1)).toThrow("rows, cols and inner must be positive");
  });
});

type Array = Float32Array | Float64Array | Int32Array | Uint16Array | Uint8Array;
/** The arrays of a call, by the names of its parameters. */
type Name =
  | "src"
  | "dst"
  | "maxima"
  | "sums"
  | "out"
  | "grad"
  | "at"
  | "changed"
  | "heats"
  | "starts"
  | "ends"
  | "bias"
  | "mask";
type Arrays = { readonly [name in Name]?: Array | undefined };
type Addresses = { [name in Name]?: number } & { work: number };

const named = (arrays: Arrays) => Object.entries(arrays).filter(([, array]) => array) as [Name, Array][];

/** A call of the kernel: what it reads, what it writes, and what that must come to. `run` gets the address of each. */
interface Task {
  readonly title: string;
  readonly inputs: Arrays;
  readonly outputs: Arrays;
  /** Outputs that may lie where an input does. */
  readonly inPlace?: readonly (readonly [output: Name, input: Name])[];
  readonly workBytes: number;
  /** How far, in bytes, the call may read beyond an array that ends where memory ends. */
  readonly slack?: { readonly [name in Name | "work"]?: number };
  readonly run: (at: Addresses, kernel: Kernel) => void;
}

const CANARY = 0x7fc0dead; // as a float32: a NaN that no kernel makes

const bytesOfArray = ({ buffer, byteOffset, byteLength }: Array) => new Uint8Array(buffer, byteOffset, byteLength);

/** Where each array lies if one of them ends where memory ends: the others behind the work area, apart. `work` is one of them. */
function place(
  { inputs, outputs, workBytes, slack }: Task,
  last: Name | "work",
  equal: readonly Name[],
  end: number,
): Addresses {
  const at: Addresses = { work: WORK };
  let next = Math.max(DATA, WORK + Math.ceil(workBytes / 4) * 4) + 20;
  for (const [name, array] of named({ ...inputs, ...outputs })) {
    if (name === last || equal.includes(name)) continue;
    next = Math.ceil((next + 4) / 8) * 8 + (array.BYTES_PER_ELEMENT < 8 ? 4 : 0); // aligned as the elements are, no better
    at[name] = next;
    next += array.byteLength + (slack?.[name] ?? 0);
  }
  const bytes = last === "work" ? workBytes : (inputs[last] ?? outputs[last])!.byteLength;
  at[last] = end - bytes - (slack?.[last] ?? 0);
  for (const name of equal) at[name] = at[last]!;
  if (next > end - bytes) throw new Error("the arrays do not fit");
  return at;
}

describe.each(["debug", ...RELEASES] as const)(`memory, %s.wasm ${WITH_SEED}`, (name) => {
  const refusal = refused.find((each) => each.name === name);
  if (refusal !== undefined) return test.skip(`not run: ${refusal.reason}`, () => {});

  const small = load(name);
  const large = load(name, 512);
  const { kernel, bytes, floats } = small;
  const firstBytes = bytes.slice(0, HALVES); // the kernel's own data
  const engine = createEngineSync({ backend: name === "relaxed" ? "relaxed" : "simd" });

  /** Runs a task in a memory of canaries, with its arrays at `at`: what is wrong with any byte of it afterwards. */
  function faultAt(task: Task, at: Addresses, { kernel, bytes }: Memory): string {
    new Uint32Array(bytes.buffer).fill(CANARY);
    bytes.set(firstBytes);
    for (const [name, array] of named(task.inputs)) bytes.set(bytesOfArray(array), at[name]);
    const before = bytes.slice();
    task.run(at, kernel);
    for (const [name, array] of named(task.outputs)) {
      const wanted = bytesOfArray(array);
      const got = bytes.subarray(at[name], at[name]! + wanted.length);
      if (Buffer.compare(got, wanted) !== 0) {
        const index = got.findIndex((byte, i) => byte !== wanted[i]);
        return `${name} differs at element ${Math.floor(index / array.BYTES_PER_ELEMENT)}`;
      }
      before.set(wanted, at[name]);
    }
    before.set(bytes.subarray(at.work, at.work + task.workBytes), at.work);
    before.set(bytes.subarray(HALVES, WORK), HALVES);
    return Buffer.compare(bytes, before) === 0 ? "" : `wrote to ${bytes.findIndex((byte, i) => byte !== before[i])}`;
  }

  /** With each of its arrays in turn, the work area too, at the end of memory; and in place. */
  function check(task: Task, memory = small): void {
    const names = named({ ...task.inputs, ...task.outputs }).map(([name]) => name);
    const places: [Name | "work", Name[]][] = [...names, "work" as const].map((last) => [last, []]);
    for (const [output, input] of task.inPlace ?? []) places.push([output, [input]]);
    for (const [last, equal] of places) {
      const at = place(task, last, equal, memory.bytes.length);
      const where = `${last}${equal.length > 0 ? ` and ${equal}` : ""} at the end: ${JSON.stringify(at)}`;
      expect(faultAt(task, at, memory), `${task.title}, ${where}`).toBe("");
    }
  }

  /** One element beyond the end of memory, it traps: an array that ends at the end ends nowhere else. */
  function checkTraps(task: Task): void {
    for (const [last, array] of named({ ...task.inputs, ...task.outputs })) {
      const at = place(task, last, [], bytes.length);
      const run = () => task.run({ ...at, [last]: at[last]! + array.BYTES_PER_ELEMENT }, kernel);
      expect(run, `${task.title}, ${last}`).toThrow(/must lie in memory|out of bounds/);
    }
  }

  const inputOf = (seed: number, count: number) =>
    logits(randomFrom(seed), count, DISTRIBUTIONS[seed % DISTRIBUTIONS.length]!);
  const normals = (seed: number, count: number) => {
    const random = randomFrom(seed);
    return Float32Array.from({ length: count }, () => normal(random, 0, 1));
  };

  /** Blocks of `length` elements, `stride` apart, with canaries between them. */
  function spread(array: Float32Array, length: number, stride: number): Float32Array {
    const blocks = array.length / length;
    const words = new Uint32Array((blocks - 1) * stride + length).fill(CANARY);
    const spread = new Float32Array(words.buffer);
    for (let i = 0; i < blocks; i++) spread.set(array.subarray(i * length, (i + 1) * length), i * stride);
    return spread;
  }

  const OPERATIONS = { SOFTMAX, LOG_SOFTMAX, LOG_SUM_EXP, ROW_STATS, FROM_STATS };
  const entries = Object.entries(OPERATIONS);

  interface Sides {
    /** Known statistics, where an operation takes them. */
    readonly known: Arrays;
    /** By the names of `outputs`. */
    readonly results: { dst: Float32Array; sums?: Float64Array };
  }

  /** What an operation reads beside the logits, and what comes of it. */
  function sidesOf(
    operation: number,
    input: Float32Array,
    layout: { readonly cols: number } | { readonly shape: readonly number[]; readonly axis: number },
  ): Sides {
    if (operation === SOFTMAX) return { known: {}, results: { dst: engine.softmax(input, layout) } };
    if (operation === LOG_SOFTMAX) return { known: {}, results: { dst: engine.logSoftmax(input, layout) } };
    if (operation === LOG_SUM_EXP) return { known: {}, results: { dst: engine.logSumExp(input, layout) } };
    const { max, sum } = engine.rowStats(input, layout);
    if (operation === ROW_STATS) return { known: {}, results: { dst: max, sums: sum } };
    return {
      known: { maxima: max, sums: sum },
      results: { dst: engine.softmaxFromStats(input, { max, sum }, layout) },
    };
  }

  /** Each element twice: the API sends rows of a shape […, 1] down another path; side by side with their twins, they stay here. */
  const twice = (array: Float32Array) => Float32Array.from({ length: 2 * array.length }, (_, i) => array[i >> 1]!);
  const once = <T extends Array>(array: T) => array.filter((_: number, i: number) => i % 2 === 0) as T;

  /** As `sidesOf`, of a shape [outer, cols, inner] along its middle axis. */
  function columnSidesOf(operation: number, input: Float32Array, outer: number, cols: number, inner: number): Sides {
    if (inner > 1) return sidesOf(operation, input, { shape: [outer, cols, inner], axis: 1 });
    const { known, results } = sidesOf(operation, twice(input), { shape: [outer, cols, 2], axis: 1 });
    return {
      known: Object.fromEntries(named(known).map(([name, array]) => [name, once(array)])),
      results: { dst: once(results.dst), ...(results.sums && { sums: once(results.sums) }) },
    };
  }

  const isValue = (operation: number) => operation === LOG_SUM_EXP || operation === ROW_STATS;

  /** rows(): rows one after the other, `gap` elements between those of the input, and `outGap` between those of the output. */
  function rowsTask(title: string, operation: number, rows: number, cols: number, gap = 0, outGap = gap): Task {
    const input = inputOf(cols, rows * cols);
    const { known, results } = sidesOf(operation, input, { cols });
    return {
      title: `${title}, ${rows} × ${cols}`,
      inputs: { src: spread(input, cols, cols + gap), ...known },
      outputs: isValue(operation) ? { ...results } : { dst: spread(results.dst, cols, cols + outGap) },
      inPlace: isValue(operation) || gap !== outGap ? [] : [["dst", "src"]],
      workBytes: ROWS_BYTES,
      run: ({ src, dst, maxima, sums, work }, kernel) =>
        kernel.rows(
          operation,
          src!,
          dst!,
          rows,
          cols,
          4 * (cols + gap),
          4 * (cols + outGap),
          maxima ?? 0,
          sums ?? 0,
          work,
        ),
    };
  }

  /** columns(): of a shape [outer, cols, inner] the rows along the middle axis, `gap` elements after each `inner`. */
  function columnsTask(
    title: string,
    operation: number,
    outer: number,
    cols: number,
    inner: number,
    gap: number,
  ): Task {
    const input = inputOf(cols, outer * cols * inner);
    const stride = inner + gap;
    const { known, results } = columnSidesOf(operation, input, outer, cols, inner);
    return {
      title: `${title}, ${outer} × ${cols} × ${inner}, stride ${stride}`,
      inputs: { src: spread(input, inner, stride), ...known },
      outputs: isValue(operation) ? { ...results } : { dst: spread(results.dst, inner, stride) },
      inPlace: isValue(operation) ? [] : [["dst", "src"]],
      workBytes: columnsBytes(outer * inner, cols),
      run: ({ src, dst, maxima, sums, work }, kernel) =>
        kernel.columns(operation, src!, dst!, outer * inner, cols, inner, 4 * stride, maxima ?? 0, sums ?? 0, work),
    };
  }

  describe.each(entries)("rows, %s", (title, operation) => {
    test.each([1, 2, 3, 4, 5, 6, 7, 8, 9])("%i rows of 1 … 130 columns", (rows) => {
      for (let cols = 1; cols <= 130; cols++) check(rowsTask(title, operation, rows, cols));
    });

    test("more rows than a batch of the kernel", () => {
      for (const [rows, cols] of [
        [64, 3],
        [100, 7],
        [33, 32],
        [40, 33],
        [17, 100],
        [40, 100],
        [17, 101],
        [4, 400],
      ] as const)
        check(rowsTask(title, operation, rows, cols));
      for (const cols of [7, 70, 110]) check(rowsTask(title, operation, 37, cols, 3, 5));
    });

    test("what lies between rows is neither read nor written", () => {
      for (const cols of [1, 2, 3, 4, 5, 31, 32, 64, 65, 66, 67, 111, 112, 113, 114, 115])
        for (const rows of [1, 2, 3, 5, 9])
          for (const [gap, outGap] of [
            [1, 1],
            [3, 0],
            [0, 2],
            [7, 5],
          ] as const)
            check(rowsTask(title, operation, rows, cols, gap, outGap));
    });

    test("what is fetched ahead ends where the rows do", () => {
      for (const cols of [15, 16, 17, 24, 25, 50, 100, 111, 112, 113])
        for (const rows of [40, 65, 130])
          for (const [gap, outGap] of [
            [0, 0],
            [40, 40],
            [40, 0],
          ] as const)
            if (rows * (cols + gap) < 6600) check(rowsTask(title, operation, rows, cols, gap, outGap));
    });

    test("one element further, and it does trap", () => {
      for (const [rows, cols] of [
        [1, 1],
        [1, 3],
        [3, 5],
        [9, 32],
        [1, 33],
        [1, 100],
        [1, 101],
        [2, 130],
      ] as const)
        checkTraps(rowsTask(title, operation, rows, cols));
    });
  });

  describe.each(entries)("columns, %s", (title, operation) => {
    test.each([1, 2, 3, 4, 5, 7, 8, 9, 16, 31, 32, 33, 40])("%i side by side, 1 … 70 long", (inner) => {
      for (let cols = 1; cols <= 70; cols += inner > 9 ? 3 : 1)
        check(columnsTask(title, operation, cols % 3 === 0 && inner < 10 ? 3 : 1, cols, inner, 0));
    });

    test.each([
      [1, 32_769, 1],
      [2, 32_800, 18], // in batches of 28 rows and 8
      [1, 33_500, 34], // and of 28 of 34 neighbours
      [3, 70_000, 3], // of 12
      [1, 131_000, 10], // of 6 and 4, not of 8 and 2
      [1, 66_000, 33], // of 12 of 33 neighbours
      [1, 262_144, 2], // of 4
    ])("longer than 32 of them fit into the work area: %i × %i × %i", (outer, cols, inner) => {
      check(columnsTask(title, operation, outer, cols, inner, 0), large);
    });

    test.each([
      [2, 17, 600], // in batches of 256 rows, 256 and 88
      [1, 33, 513], // of 256, 256 and 1
      [1, 600, 512], // of 192, 192 and 128
      [1, 1900, 545], // of 64, the last of 33
    ])("many side by side, in batches of several blocks: %i × %i × %i", (outer, cols, inner) => {
      for (const gap of [0, 5]) check(columnsTask(title, operation, outer, cols, inner, gap), large);
    });

    test("what lies between is neither read nor written", () => {
      for (const inner of [1, 2, 3, 4, 5, 8, 9, 33])
        for (const cols of [1, 2, 5, 17])
          for (const gap of [1, 4, 6]) check(columnsTask(title, operation, 1, cols, inner, gap));
    });

    test("one element further, and it does trap", () => {
      for (const [outer, cols, inner] of [
        [1, 1, 1],
        [1, 3, 4],
        [2, 5, 3],
        [1, 66, 9],
      ] as const)
        checkTraps(columnsTask(title, operation, outer, cols, inner, 0));
    });
  });

  // A row longer than the scratch goes through these, in pieces of which the last can be of any length.
  describe.each(entries)("the passes for pieces, %s", (title, operation) => {
    test("a row in two, the last of 1 … 130 columns", () => {
      for (let last = 1; last <= 130; last++) {
        const first = 256;
        check({
          ...rowsTask(title, operation, 1, first + last),
          run: ({ src, dst, maxima, sums, work }, kernel) => {
            const end = 4 * first;
            kernel.beginWide(work, 1);
            kernel.findMaxima(src!, 1, first, 0, work);
            kernel.findMaxima(src! + end, 1, last, 0, work);
            kernel.findWideShifts(operation, work, 1, maxima ?? 0);
            kernel.sumWide(operation, src!, dst!, first, work);
            kernel.sumWide(operation, src! + end, dst! + end, last, work);
            kernel.findWideResults(operation, work, 1, first + last, sums ?? 0);
            if (isValue(operation)) return kernel.storeValues(operation, work, 1, dst!, sums ?? 0);
            kernel.finishWide(operation, src!, dst!, first, work);
            kernel.finishWide(operation, src! + end, dst! + end, last, work);
          },
        });
      }
    });

    test("up to 32 rows side by side", () => {
      for (const count of [1, 2, 3, 4, 5, 8, 13, 32])
        for (const cols of [1, 2, 3, 5, 16, 33, 62, 128, 129, 200])
          for (const gap of [0, 3]) {
            const groups = Math.ceil(count / 4);
            const task = columnsTask(title, operation, 1, cols, count, gap);
            const stride = 4 * (count + gap);
            check({
              ...task,
              workBytes: piecesBytes(cols),
              run: ({ src, dst, maxima, sums, work }, kernel) => {
                kernel.begin(work, groups);
                kernel.findColumnMaxima(src!, count, cols, stride, work);
                kernel.findShifts(operation, work, count, maxima ?? 0);
                kernel.sumColumns(operation, src!, dst!, count, cols, stride, cols, work);
                kernel.findResults(operation, work, count, cols, sums ?? 0);
                if (isValue(operation)) kernel.storeValues(operation, work, count, dst!, sums ?? 0);
                else kernel.finishColumns(operation, src!, dst!, count, cols, stride, work);
              },
            });
          }
    });
  });

  describe.each([
    ["softmax", SOFTMAX],
    ["log-softmax", LOG_SOFTMAX],
  ] as const)("gradients, %s", (title, form) => {
    interface Along {
      readonly shape: readonly number[];
      readonly axis: number;
    }
    const forward = (input: Float32Array, layout: Along) =>
      form === SOFTMAX ? engine.softmax(input, layout) : engine.logSoftmax(input, layout);
    const backward = (out: Float32Array, grad: Float32Array, layout: Along) =>
      form === SOFTMAX ? engine.softmaxBackward(out, grad, layout) : engine.logSoftmaxBackward(out, grad, layout);

    /** Of a shape [outer, cols, inner] along the middle axis; `gap` elements after each `length`. */
    function parts(outer: number, cols: number, inner: number, length: number, gap: number, alone = false) {
      const layout = { shape: [outer, cols, inner], axis: 1 };
      const out = forward(inputOf(cols, outer * cols * inner), layout);
      const grad = normals(cols, out.length);
      const dst = alone
        ? once(backward(twice(out), twice(grad), { shape: [outer, cols, 2], axis: 1 }))
        : backward(out, grad, layout);
      const spaced = (array: Float32Array) => spread(array, length, length + gap);
      return {
        inputs: { out: spaced(out), grad: spaced(grad) },
        outputs: { dst: spaced(dst) },
        inPlace: [["dst", "out"] as const, ["dst", "grad"] as const],
      };
    }

    function gradientRowsTask(rows: number, cols: number, gap: number): Task {
      return {
        title: `${title}, ${rows} × ${cols}, ${gap} between`,
        ...parts(rows, cols, 1, cols, gap),
        workBytes: cols <= 11 && cols % 4 > 0 ? piecesBytes(cols, 2) : SLOTS_BYTES,
        run: ({ out, grad, dst, work }, kernel) => {
          const stride = 4 * (cols + gap);
          kernel.gradientRows(form, out!, grad!, dst!, rows, cols, stride, stride, work);
        },
      };
    }

    function gradientColumnsTask(outer: number, cols: number, inner: number, gap: number): Task {
      const stride = 4 * (inner + gap);
      return {
        title: `${title}, ${outer} × ${cols} × ${inner}, ${gap} between`,
        ...parts(outer, cols, inner, inner, gap, inner === 1),
        workBytes: piecesBytes(cols, 2),
        run: ({ out, grad, dst, work }, kernel) =>
          kernel.gradientColumns(form, out!, grad!, dst!, outer * inner, cols, inner, stride, work),
      };
    }

    test("rows of 1 … 130 columns", () => {
      for (let cols = 1; cols <= 130; cols++)
        for (const rows of [1, 2, 9]) check(gradientRowsTask(rows, cols, cols % 3));
    });

    test("columns, 1 … 150 long", () => {
      for (const inner of [1, 2, 3, 4, 5, 8, 9, 33])
        for (let cols = 1; cols <= 150; cols += cols < 40 ? 3 : 30)
          if (cols * inner < 3500) check(gradientColumnsTask(cols > 40 ? 1 : 1 + (cols % 2), cols, inner, cols % 3));
    });

    test("in pieces", () => {
      for (let cols = 1; cols <= 130; cols++)
        check({
          ...gradientRowsTask(1, cols, 0),
          run: ({ out, grad, dst, work }, kernel) => {
            kernel.beginWide(work, 1);
            for (const finishes of [false, true]) kernel.gradientPiece(finishes, form, out!, grad!, dst!, cols, work);
          },
        });
      for (const count of [1, 2, 3, 4, 5, 8, 13, 32])
        for (const cols of [1, 2, 5, 16, 30])
          check({
            ...gradientColumnsTask(1, cols, count, cols % 3),
            run: ({ out, grad, dst, work }, kernel) => {
              const stride = 4 * (count + (cols % 3));
              kernel.begin(work, Math.ceil(count / 4));
              for (const finishes of [false, true])
                kernel.gradientColumnsPiece(finishes, form, out!, grad!, dst!, count, cols, stride, work);
            },
          });
    });

    test("one element further, and it does trap", () => {
      for (const [rows, cols] of [
        [1, 1],
        [3, 5],
        [2, 130],
      ] as const) {
        checkTraps(gradientRowsTask(rows, cols, 0));
        checkTraps(gradientColumnsTask(1, cols, rows, 0));
      }
    });
  });

  describe("change", () => {
    /** What the options come to, one element at a time, as they are documented. */
    function changed(x: number, temperature: number | undefined, bias: number | undefined, keeps: boolean): number {
      if (!keeps) return -Infinity;
      return Math.fround(x / (temperature ?? 1) + (bias ?? -0));
    }

    function changeTask(seed: number, majors: number, minors: number, rowsAreMajor: boolean): Task {
      const random = randomFrom(seed);
      const rows = rowsAreMajor ? majors : minors;
      const length = rowsAreMajor ? minors : majors;
      const first = integer(random, 0, 5);
      const heatIsOne = random() < 0.5;
      const heats =
        random() < 0.5
          ? undefined
          : Float64Array.from({ length: heatIsOne ? 1 : rows }, () => Math.fround(random() + 0.1));
      const ranged = random() < 0.5;
      const starts = Int32Array.from({ length: rows }, () =>
        integer(random, 0, random() < 0.5 ? length / 2 : length + 8),
      );
      const ends = Int32Array.from({ length: rows }, () => integer(random, 0, length + 8));
      const biasIsFull = random() < 0.5;
      const bias = random() < 0.5 ? undefined : normals(seed + 1, biasIsFull ? rows * length : length);
      const maskIsFull = random() < 0.5;
      const maskLength = maskIsFull ? rows * length : length;
      const mask =
        random() < 0.5
          ? undefined
          : Uint8Array.from({ length: maskLength }, () => (random() < 0.5 ? 0 : integer(random, 1, 255)));
      const input = normals(seed, majors * minors);
      const at = input.map((x, position) => {
        const [major, minor] = [Math.floor(position / minors), position % minors];
        const [row, index] = rowsAreMajor ? [major, minor] : [minor, major];
        const inRange = !ranged || (first + index >= starts[row]! && first + index < ends[row]!);
        const keeps = inRange && (mask === undefined || mask[maskIsFull ? position : index] !== 0);
        return changed(x, heats?.[heatIsOne ? 0 : row], bias?.[biasIsFull ? position : index], keeps);
      });
      // What is read by fours is read beyond the last major, or beyond the block where all of it is one line.
      const over = -minors & 3;
      const overAll = -(majors * minors) & 3;
      const shared = rowsAreMajor ? over : 0;
      const beside = rowsAreMajor ? 0 : over;
      return {
        title: `seed ${seed}: ${majors} × ${minors}, rows are ${rowsAreMajor ? "major" : "minor"}`,
        inputs: {
          at: input,
          ...(heats && { heats }),
          ...(ranged && { starts, ends }),
          ...(bias && { bias }),
          ...(mask && { mask }),
        },
        outputs: { changed: at },
        slack: {
          at: 4 * Math.max(over, overAll),
          changed: 4 * Math.max(over, overAll),
          heats: heatIsOne ? 0 : 8 * beside,
          starts: 4 * beside,
          ends: 4 * beside,
          bias: 4 * (biasIsFull ? (heats && !heatIsOne ? over : overAll) : shared),
          mask: maskIsFull ? overAll : shared,
        },
        workBytes: 0,
        run: (where, kernel) =>
          kernel.change(
            where.at!,
            majors,
            minors,
            rowsAreMajor,
            first,
            where.heats ?? 0,
            heatIsOne,
            where.starts ?? 0,
            where.ends ?? 0,
            where.bias ?? 0,
            biasIsFull,
            where.mask ?? 0,
            maskIsFull,
          ),
      };
    }

    test.each([
      ["rows along the minors", true],
      ["rows along the majors", false],
    ] as const)("%s: what the options say, and nothing else is written", (_, rowsAreMajor) => {
      for (let seed = 0; seed < 2000; seed++) {
        const task = changeTask(seed, 1 + (seed % 7), 1 + (seed % 23), rowsAreMajor);
        const arrays = named(task.inputs).flatMap(([name]) => (name === "at" ? [] : [name]));
        for (const last of ["changed" as const, ...arrays]) {
          const at = { ...place(task, last, last === "changed" ? ["at"] : [], END) };
          at.changed = at.at!; // it is in place, always
          expect(faultAt(task, at, small), `${task.title}, ${last} at the end`).toBe("");
        }
      }
    });
  });

  describe.each([
    ["float16", FLOAT16],
    ["bfloat16", BFLOAT16],
  ] as const)("widen and round, %s", (dtype, format) => {
    test("fours that end where memory ends, and in place", () => {
      const random = randomFrom(format);
      for (let count = 4; count <= 80; count += 4) {
        // Normal numbers of both formats: their bits are those of float32, shifted, the exponent less its other bias.
        const wide = Float32Array.from(
          { length: count },
          () => (integer(random, 0, 1) ? 1 : -1) * integer(random, 1, 200),
        );
        const narrow = new Uint16Array(count);
        const bits = new Uint32Array(wide.buffer);
        for (let i = 0; i < count; i++) {
          const magnitude = bits[i]! & 0x7fffffff;
          narrow[i] =
            format === BFLOAT16 ? bits[i]! >>> 16 : ((bits[i]! >>> 16) & 0x8000) | ((magnitude - (112 << 23)) >>> 13);
        }
        check({
          title: `widen ${dtype}, ${count}`,
          inputs: { src: narrow },
          outputs: { dst: wide },
          workBytes: 0,
          run: ({ src, dst }, kernel) => kernel.widen(format, src!, dst!, count),
        });
        check({
          title: `round ${dtype}, ${count}`,
          inputs: { src: wide },
          outputs: { dst: narrow },
          workBytes: 0,
          run: ({ src, dst }, kernel) => kernel.round(format, src!, dst!, count),
        });
        floats.fill(7);
        const at = END - 4 * count;
        bytes.set(bytesOfArray(narrow), at + 2 * count);
        kernel.widen(format, at + 2 * count, at, count);
        expect(floats.slice(at / 4)).toEqualBitForBit(wide);
        kernel.round(format, at, at, count);
        expect(new Uint16Array(bytes.buffer, at, count)).toEqual(narrow);
        expect(floats[at / 4 - 1]).toBe(7);
      }
    });

    test("counts that are no multiple of four are rounded up", () => {
      for (let count = 1; count < 24; count++) {
        const fours = Math.ceil(count / 4) * 4;
        check({
          title: `${count}`,
          inputs: { src: new Uint16Array(fours) },
          outputs: { dst: new Float32Array(fours) },
          workBytes: 0,
          run: ({ src, dst }, kernel) => kernel.widen(format, src!, dst!, count),
        });
        check({
          title: `${count}`,
          inputs: { src: new Float32Array(fours) },
          outputs: { dst: new Uint16Array(fours) },
          workBytes: 0,
          run: ({ src, dst }, kernel) => kernel.round(format, src!, dst!, count),
        });
      }
    });
  });

  if (name !== "debug")
    test.each([
      ["that ends where memory ends, but for room to read on", 64],
      ["that would end where a page ends", 0],
    ])("a scratch block %s", (_, after) => {
      const { DATA } = memory;
      const scratchBytes = 65536 - ((DATA + after + 4096) % 65536) + 4096;
      const full = createEngineSync({ backend: name, scratchBytes });
      const random = randomFrom(14);
      for (let cols = 1; cols <= 130; cols++) {
        // Rows that fill it, as far as whole rows can, twice.
        const rows = 2 * Math.ceil(scratchBytes / 4 / cols);
        const input = logits(random, rows * cols, DISTRIBUTIONS[cols % DISTRIBUTIONS.length]!);
        const lengths = Uint32Array.from({ length: rows }, () => integer(random, 0, cols));
        const bias = normals(cols, rows * cols);
        const mask = Uint8Array.from(input, () => integer(random, 0, 1));
        for (const options of [
          { cols },
          { cols, lengths },
          { cols, bias },
          { cols, mask },
          { cols, bias, mask },
          { shape: [cols, rows], axis: 0, lengths },
        ])
          expect(full.softmax(input, options)).toEqualBitForBit(engine.softmax(input, options));
        expect(full.logSoftmaxBackward(input, bias, { cols })).toEqualBitForBit(
          engine.logSoftmaxBackward(input, bias, { cols }),
        );
      }
      full.dispose();
    });

  // The four terms at either end of a part of a row decide which loop takes it; all others are the same here.
  test("tiny results of long rows are the same by integers as by a multiplication", () => {
    const random = randomFrom(67);
    const [UPPER, LOWER, DST] = [(WORK + 128) / 4, (WORK + 144) / 4, DATA / 4]; // assembly/slot.ts
    const part = 1024;
    for (const cols of [113, 114, 115, 130, 143, 2 * part + 113]) {
      const fillEnds = (array: Float32Array, value: number) => {
        for (let first = 0; first < cols; first += part) {
          const end = Math.min(first + part, cols);
          array.fill(value, first, first + 4).fill(value, end - 4, end);
        }
        return array;
      };
      const tiny = () => (1 + random()) * 2 ** integer(random, 32 - 125, 32 - 100);
      const terms = Float32Array.from({ length: cols }, tiny);
      terms[20] = 0;
      terms[21] = NaN;
      floats[UPPER] = 2 ** integer(random, -12, -6);
      floats[LOWER] = floats[UPPER]! * normal(random, 0, 2 ** -14);
      const [byIntegers, byMultiplication] = [2 ** (32 - 65), 2 ** 32].map((ends) => {
        const out = floats.subarray(DST, DST + cols);
        out.set(fillEnds(terms, ends));
        kernel.finishWide(SOFTMAX, 0, 4 * DST, cols, WORK);
        return fillEnds(out.slice(), 0);
      });
      expect(byIntegers, `${cols} columns`).toEqualBitForBit(byMultiplication!);
      expect(byIntegers!.filter((y) => y > 0 && y < 2 ** -126).length, "subnormal results").toBeGreaterThan(cols / 100);
    }
  });

  test("fuses multiply-add: relaxed does, simd does not", () => {
    expect(Boolean(kernel.fuses(1 + 2 ** -12))).toBe(name === "relaxed");
    expect(Boolean(kernel.isRelaxed(1))).toBe(name === "relaxed");
  });
});
