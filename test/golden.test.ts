// Accuracy against golden values: softmax in integer arithmetic of 512 bits, rounded to 20 digits (golden/README.md).

import type { BackendName, Engine } from "softmax-wasm";
import { expect, test } from "vitest";
import { onEveryBackend } from "./engines.js";
import { CASES, inputOf } from "./golden.js";
import { BOUND, ulpError } from "./ulp.js";

test("there are cases", () => {
  expect(CASES.length).toBeGreaterThan(50);
});

/**
 * `simd` and `js` give the same bits on every machine and engine: these, on all the cases. A change of the kernel may change
 * them; it then belongs in the changelog ("results may differ in the last bit"), and the new sum belongs here.
 */
const CHECKSUMS: Readonly<Partial<Record<BackendName, string>>> = { simd: "358b7746", js: "491b0cc2" };

/** The hash FNV-1a of the bits of all results. */
function checksum(engine: Engine): string {
  let hash = 0x811c9dc5;
  for (const golden of CASES)
    for (const byte of new Uint8Array(engine.softmax(inputOf(golden), { cols: golden.cols }).buffer))
      hash = Math.imul(hash ^ byte, 0x01000193);
  return (hash >>> 0).toString(16);
}

onEveryBackend("golden values", (engine, name) => {
  if (CHECKSUMS[name] !== undefined)
    test("the same bits as on every other machine", () => {
      expect(checksum(engine)).toBe(CHECKSUMS[name]);
    });

  test.each(CASES.map((golden) => [golden.id, golden] as const))("%s", (_, golden) => {
    const { rows, cols, softmax } = golden;
    const input = inputOf(golden);
    expect([input.length, softmax.length]).toEqual([rows * cols, rows * cols]);
    const wanted = softmax.map(Number);
    const got = engine.softmax(input, { cols });
    const tooFar: string[] = [];
    for (let row = 0; row < rows; row++) {
      const largest = Math.max(...wanted.slice(row * cols, (row + 1) * cols));
      for (let i = row * cols; i < (row + 1) * cols; i++) {
        const ulp = ulpError(got[i]!, wanted[i]!, wanted[i]! / largest);
        if (!(ulp <= BOUND[name]))
          tooFar.push(`input ${input[i]}, got ${got[i]}, want ${softmax[i]}, off by ${ulp} ULP`);
      }
    }
    expect(tooFar).toEqual([]);
  });
});
