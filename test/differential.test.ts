// Random calls on every back end against one oracle that is too simple to be wrong. PROGRAMS sets how many, SEED which.

import { afterAll, expect, test } from "vitest";
import { expectToAnswer } from "./compare.js";
import { onEveryBackend } from "./engines.js";
import { program } from "./programs.js";
import { randomFrom, WITH_SEED } from "./random.js";
import { Ways } from "./ways.js";

const PROGRAMS = Number(process.env.PROGRAMS ?? 1200);
/** A group of programs has a title of its own, and starts its own random numbers. */
const GROUP = 100;

onEveryBackend(`${PROGRAMS} random programs ${WITH_SEED}`, (engine, name) => {
  const ways = new Ways(engine, name);
  let run = 0;
  test.each(Array.from({ length: Math.ceil(PROGRAMS / GROUP) }, (_, i) => i))("group %i", (group) => {
    const random = randomFrom(50_000 + group);
    for (let i = 0; i < GROUP; i++, run++) {
      const request = program(random);
      expectToAnswer(request, ways.same(request), name);
    }
  });
  afterAll(() => {
    expect(run).toBeGreaterThan(0);
  });
});
