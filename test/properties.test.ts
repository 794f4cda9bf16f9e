// What must hold between results: of every operation, in every layout, along every path, on every back end. CASES sets how many cases
// there are of each combination of these, SEED which. A case that fails is made as small as it can be, and kept in counterexamples.json.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Case, casesOf, LAYOUTS, PATHS, Runner } from "./cases.js";
import { counterexamplesOf, keep } from "./counterexamples.js";
import { onEveryBackend } from "./engines.js";
import { OPERATIONS } from "./programs.js";
import { PROPERTIES } from "./properties.js";
import { SEED, WITH_SEED } from "./random.js";
import { BOUND } from "./ulp.js";

const CASES = Number(process.env.CASES ?? 1);
const WAYS = LAYOUTS.flatMap((layout) => PATHS.map((path) => ({ layout, path })));
const COMBINATIONS = PROPERTIES.reduce((count, { operations }) => count + operations.length * WAYS.length, 0);

onEveryBackend(`properties, ${CASES * COMBINATIONS} cases ${WITH_SEED}`, (engine, name) => {
  const runner = new Runner(engine, name);

  describe.each(PROPERTIES)("$title", ({ title, operations, elements, check }) => {
    const known = counterexamplesOf<Case>(title);
    if (known.length > 0)
      test("the counterexamples there have been", () => {
        for (const found of known) check(runner, found, BOUND[name]);
      });

    test.each(operations)("%s", (operation) => {
      let run = 0;
      for (const [index, way] of WAYS.entries()) {
        const property = fc.property(casesOf(way, operation, elements), (given) => {
          run++;
          check(runner, given, BOUND[name]);
        });
        const seed = SEED + WAYS.length * OPERATIONS.indexOf(operation) + index;
        const details = fc.check(property, { numRuns: CASES, seed });
        if (!details.failed) continue;
        const [smallest] = details.counterexample as [Case];
        expect.fail(`${fc.defaultReportMessage(details)}\n${keep(title, smallest)}`);
      }
      expect(run).toBe(CASES * WAYS.length);
    });
  });
});
