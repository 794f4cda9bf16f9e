// A counterexample that is not kept as it was, or made into something that does not fail, is lost.

import { describe, expect, test } from "vitest";
import { counterexamplesOf, keep, read, written } from "./counterexamples.js";
import type { Request } from "./oracle.js";
import { program } from "./programs.js";
import { randomFrom, WITH_SEED } from "./random.js";
import { smaller } from "./smaller.js";

describe(`counterexamples ${WITH_SEED}`, () => {
  test("are read as they were written", () => {
    const random = randomFrom(60);
    for (let i = 0; i < 200; i++) {
      const request = program(random);
      expect(read(written(request))).toEqual(request);
    }
    const special = { numbers: [NaN, Infinity, -Infinity, -0, 0], word: "Infinity", empty: {}, nothing: null };
    expect(read(written(special))).toStrictEqual(special);
  });

  test("are told, and not written, unless the nightly run asks for that", () => {
    const before = counterexamplesOf("nothing");
    expect(keep("nothing", { amount: -0 })).toBe('add to "nothing" in test/counterexamples.json: {"amount":"-0"}');
    expect(counterexamplesOf("nothing")).toEqual(before);
  });

  test("lose what does not matter", () => {
    const request: Request = {
      operation: "softmax",
      input: new Float32Array([1, 2, 3, 4, NaN, 6]),
      options: { cols: 2, temperature: 2, causal: 0, empty: "zero" },
    };
    const fails = ({ input, options }: Request) => options.causal === 0 && Number.isNaN(input[4]);
    expect(smaller(request, fails)).toEqual({
      operation: "softmax",
      input: new Float32Array([0, 0, 0, 0, NaN, 6]),
      options: { cols: 2, causal: 0 },
    });
  });
});
