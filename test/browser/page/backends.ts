// What must run in the browsers these suites are run with. Elsewhere, a back end that does not run is only shown as skipped.

import { createEngine, defaultEngine } from "softmax-wasm";
import { expect, test } from "vitest";
import { refused, running } from "../../engines.js";

test(`relaxed, simd and js run in ${navigator.userAgent}`, () => {
  expect(refused).toEqual([]);
  expect(running.map(({ name }) => name)).toEqual(["relaxed", "simd", "js"]);
});

test("auto takes the fastest, and says why", async () => {
  for (const engine of [defaultEngine(), await createEngine()]) {
    expect(engine.backend).toBe("relaxed");
    expect(engine.reason).toBe("relaxed is the fastest, and it runs here");
  }
});
