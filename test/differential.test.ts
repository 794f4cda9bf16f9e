// Random calls on every back end against one oracle that is too simple to be wrong. PROGRAMS sets how many, SEED which. A call that
// fails is made smaller, and kept in counterexamples.json.

import { afterAll, expect, test } from "vitest";
import { expectToAnswer } from "./compare.js";
import { counterexamplesOf, keep } from "./counterexamples.js";
import { onEveryBackend } from "./engines.js";
import type { Request } from "./oracle.js";
import { program } from "./programs.js";
import { randomFrom, WITH_SEED } from "./random.js";
import { smaller } from "./smaller.js";
import { Ways } from "./ways.js";

const PROGRAMS = Number(process.env.PROGRAMS ?? 1200);
/** A group of programs has a title of its own, and starts its own random numbers. */
const GROUP = 100;
const TITLE = "random programs";

onEveryBackend(`${PROGRAMS} random programs ${WITH_SEED}`, (engine, name) => {
  const ways = new Ways(engine, name);
  let run = 0;

  const failure = (request: Request): Error | undefined => {
    try {
      expectToAnswer(request, ways.same(request), name);
      return undefined;
    } catch (error) {
      return error as Error;
    }
  };

  const known = counterexamplesOf<Request>(TITLE);
  if (known.length > 0)
    test("the counterexamples there have been", () => {
      for (const request of known) expect(failure(request)).toBeUndefined();
    });

  test.each(Array.from({ length: Math.ceil(PROGRAMS / GROUP) }, (_, i) => i))("group %i", (group) => {
    const random = randomFrom(50_000 + group);
    for (let i = 0; i < GROUP; i++, run++) {
      const request = program(random);
      const error = failure(request);
      if (error === undefined) continue;
      const smallest = smaller(request, (other) => failure(other) !== undefined);
      expect.fail(`${error.message}\n${keep(TITLE, smallest)}`);
    }
  });
  afterAll(() => {
    expect(run).toBeGreaterThan(0);
  });
});
