// Every back end by its name: the engine that runs it, or why it cannot run on this Node. Suites are written once, as a
// function of an engine, and run on each.

import { type BackendName, createEngineSync, type Engine } from "softmax-wasm";
import { describe, expect, test } from "vitest";

const NAMES: readonly BackendName[] = ["relaxed", "simd", "js"];

/** None in a page (browser/). */
const node = typeof window === "undefined" ? process.versions.node : undefined;

/** What must run here: anything else is a failure (engine.test.ts, browser/page/), not a skipped test. */
export const MUST_RUN: readonly BackendName[] =
  node !== undefined && Number.parseInt(node, 10) < 22 ? ["simd", "js"] : ["relaxed", "simd", "js"];

/** The engines that run here. */
export const running: { readonly name: BackendName; readonly engine: Engine }[] = [];

/** The others. */
export const refused: { readonly name: BackendName; readonly reason: string }[] = [];

for (const name of NAMES) {
  try {
    running.push({ name, engine: createEngineSync({ backend: name }) });
  } catch (error) {
    refused.push({ name, reason: (error as Error).message });
  }
}

/** Declares `suite` once for each back end. Those that cannot run are shown, by name, as skipped. */
export function onEveryBackend(title: string, suite: (engine: Engine, name: BackendName) => void): void {
  for (const { name, engine } of running)
    describe(`${title}, on ${name}`, () => {
      test("is what runs", () => {
        expect(engine.backend).toBe(name);
      });
      suite(engine, name);
    });
  for (const { name, reason } of refused) test.skip(`${title}, on ${name}: not run: ${reason}`, () => {});
}
