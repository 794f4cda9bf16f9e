// What must hold between results: of every operation, in every layout, along every path, on every back end. CASES sets how many cases
// there are of each of these, SEED which. A case that fails is made as small as it can be, and kept in counterexamples.json.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Case, casesOf, LAYOUTS, PATHS, Runner } from "./cases.js";
import { counterexamplesOf, keep } from "./counterexamples.js";
import { onEveryBackend } from "./engines.js";
import { PROPERTIES } from "./properties.js";
import { SEED, WITH_SEED } from "./random.js";
import { BOUND } from "./ulp.js";

const CASES = Number(process.env.CASES ?? 3);
const WAYS = LAYOUTS.flatMap((layout) => PATHS.map((path) => ({ layout, path })));

onEveryBackend(`properties, ${CASES} cases of each ${WITH_SEED}`, (engine, name) => {
  const runner = new Runner(engine, name);

  describe.each(PROPERTIES)("$title", ({ title, operations, elements, check }) => {
    const known = counterexamplesOf(title);
    if (known.length > 0)
      test("the counterexamples there have been", () => {
        for (const found of known) check(runner, found, BOUND[name]);
      });

    test("new cases", () => {
      let run = 0;
      for (const [index, way] of WAYS.entries()) {
        const property = fc.property(casesOf(way, operations, elements), (given) => {
          run++;
          check(runner, given, BOUND[name]);
        });
        const details = fc.check(property, { numRuns: CASES, seed: SEED + index });
        if (!details.failed) continue;
        const [smallest] = details.counterexample as [Case];
        expect.fail(`${fc.defaultReportMessage(details)}\n${keep(title, smallest)}`);
      }
      expect(run).toBe(CASES * WAYS.length);
    });
  });
});
