// The two binaries as bytes: what is in them, and that the package embeds these very bytes.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { importsOf, opcodesOf } from "./binary.js";
import { MUST_RUN } from "./engines.js";

const build = new URL("../build/", import.meta.url);
const bytesOf = (name: string) => new Uint8Array(readFileSync(new URL(`${name}.wasm`, build)));
const requireBuilt = createRequire(fileURLToPath(build));

test("simd.wasm has no instruction of relaxed SIMD: one is enough to be refused whole, by Safari and Node 20", () => {
  const { functions, vector, relaxed } = opcodesOf(bytesOf("simd"));
  expect(functions).toBeGreaterThan(5);
  expect(vector.length).toBeGreaterThan(500);
  expect(relaxed).toEqual([]);
});

test("relaxed.wasm has fused multiply-add, and of relaxed SIMD nothing else", () => {
  const F32X4_MADD = 0x105;
  const F32X4_NMADD = 0x106;
  const F64X2_MADD = 0x107;
  const { relaxed } = opcodesOf(bytesOf("relaxed"));
  expect(relaxed.length).toBeGreaterThan(10);
  expect(new Set(relaxed)).toEqual(new Set([F32X4_MADD, F32X4_NMADD, F64X2_MADD]));
});

/** What assembly/either.ts stands in for, by its number: in simd, in relaxed. */
const STAND_INS = new Map<number, [simd: number[], relaxed: number[]]>([
  [0xbc, [[0xe6], []]],
  [0xbd, [[0xe4], [0x105]]],
  [0xbe, [[0xf2], []]],
  [0xbf, [[0xf0], [0x107]]],
  [0xdc, [[0x4e], []]],
  [0xdd, [[0xe4], []]],
  [0xde, [[], []]],
  [0xdf, [[0xe5], [0x106]]],
  [0x9c, [[0xe4], [0xe5]]],
]);

test("both are the template, with what its stand-ins stand for, and nothing else", () => {
  const template = opcodesOf(bytesOf("template")).vector;
  const simd = template.flatMap((number) => STAND_INS.get(number)?.[0] ?? [number]);
  expect(opcodesOf(bytesOf("simd")).vector).toEqual(simd);
  // Where relaxed has no use for a sum, its second operand goes, too: a difference and a product.
  const isWanted = (_: number, i: number) => template[i + 1] !== 0xdd && template[i + 2] !== 0xdd;
  const relaxed = template.filter(isWanted).flatMap((number) => STAND_INS.get(number)?.[1] ?? [number]);
  expect(opcodesOf(bytesOf("relaxed")).vector).toEqual(relaxed);
});

test.each(["template", "template.debug"])(
  "%s.wasm has the bytes of a stand-in where it has a stand-in, and nowhere else",
  (name) => {
    const bytes = bytesOf(name);
    const found = bytes.filter((byte, i) => byte === 0xfd && STAND_INS.has(bytes[i + 1]!) && bytes[i + 2] === 1).length;
    expect(found).toBe(opcodesOf(bytes).vector.filter((number) => STAND_INS.has(number)).length);
    expect(found).toBeGreaterThan(100);
  },
);

test("the scanner finds each instruction of relaxed SIMD, and throws where it does not know one", () => {
  const binary = (...code: number[]) =>
    // (module (func …)) with the sections of types and functions left out
    Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, 10, code.length + 4, 1, code.length + 2, 0, ...code, 0x0b);
  for (let number = 0x100; number <= 0x113; number++)
    expect(opcodesOf(binary(0xfd, (number & 127) | 128, number >> 7)).relaxed).toEqual([number]);
  expect(opcodesOf(binary(0x41, 0xfd, 0x85, 2, 0x1a))).toEqual({
    functions: 1,
    instructions: 3,
    vector: [],
    relaxed: [],
  });
  expect(() => opcodesOf(binary(0xfe, 0x00))).toThrow("unknown opcode 0xfe at 13");
  expect(() => opcodesOf(binary(0x44))).toThrow("crosses byte");
});

describe.each(["simd", "relaxed"] as const)("%s.wasm", (name) => {
  test("is valid wherever its back end must run", () => {
    expect(WebAssembly.validate(bytesOf(name))).toBe(MUST_RUN.includes(name));
  });

  test("imports its memory and nothing else", () => {
    expect(importsOf(bytesOf(name))).toEqual(["2 env memory"]);
  });

  test("is what the package embeds, for import and for require", async () => {
    type Embedded = { bytesOf(name: "simd" | "relaxed"): Uint8Array };
    const imported = (await import(new URL("esm/binaries.js", build).href)) as Embedded;
    const required = requireBuilt("./cjs/binaries.js") as Embedded;
    expect(imported.bytesOf(name)).toEqual(bytesOf(name));
    expect(required.bytesOf(name)).toEqual(bytesOf(name));
  });
});
