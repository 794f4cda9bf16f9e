// Accuracy in bulk, against the formula in doubles: random logits of many kinds, very long rows, and rows made to find what
// random ones miss. Golden values have a suite of their own.

import { expect, test } from "vitest";
import { onEveryBackend } from "./engines.js";
import { DISTRIBUTIONS, integer, logits, randomFrom, WITH_SEED } from "./random.js";
import { BOUND, PROVED, ulpAt, worstOf } from "./ulp.js";

const SHAPES: readonly (readonly [rows: number, cols: number])[] = [
  [4000, 2],
  [2000, 5],
  [1000, 10],
  [400, 31],
  [300, 33],
  [100, 100],
  [20, 1000],
  [2, 50257],
];

onEveryBackend(`accuracy ${WITH_SEED}`, (engine, name) => {
  test.each(DISTRIBUTIONS.map((distribution) => [distribution.name, distribution] as const))(
    "%s",
    (_, distribution) => {
      const random = randomFrom(1);
      for (const [rows, cols] of SHAPES) {
        const input = logits(random, rows * cols, distribution);
        expect(engine.softmax(input, { cols })).toBeSoftmaxOf(input, cols, name);
      }
    },
  );

  test.each(["N(0, 1)", "U(-10, 10)", "N(1000000, 20)", "U(200, 300)"])("a row of 1048576, %s", (title) => {
    const distribution = DISTRIBUTIONS.find((each) => each.name === title)!;
    const input = logits(randomFrom(2), 2 ** 20, distribution);
    expect(engine.softmax(input)).toBeSoftmaxOf(input, 2 ** 20, name);
  });

  // A float32 sum is off by the more, the longer the row and the more alike its terms; so is a float32 sum of its losses.
  test.each([4097, 65_537, 262_147, 1_048_576])("one element beside %i equal ones", (cols) => {
    const random = randomFrom(3);
    for (let i = 0; i < 8; i++) {
      const input = new Float32Array(cols).fill(-3 * random());
      input[cols >> 1] = 0;
      expect(engine.softmax(input)).toBeSoftmaxOf(input, cols, name);
    }
  });

  // Such a row's sum is a multiple of its largest term, as a row of equal elements has it, but not all elements are equal.
  test("k equal elements beside far smaller ones", () => {
    const random = randomFrom(4);
    for (const equal of [2, 3, 5, 7, 56, 63, 126, 255, 510, 1020, 4093, 4095])
      for (let i = 0; i < 30; i++) {
        const base = (i % 3 === 0 ? 4 : 255) * (2 * random() - 1);
        const input = new Float32Array(equal + integer(random, 1, 200)).fill(base);
        for (let far = equal; far < input.length; far++) input[far] = base - 30 - 50 * random();
        expect(engine.softmax(input)).toBeSoftmaxOf(input, input.length, name);
      }
  });

  test("1020 equal elements and a smaller one: the worst seen on a wasm back end", () => {
    const input = new Float32Array(1021).fill(-2.532960891723633);
    input[1020] = -82.25228118896484;
    expect(engine.softmax(input)).toBeSoftmaxOf(input, 1021, name);
  });

  // A term with the largest error there is (npm run sweep), beside k equal ones with the largest of the other sign. The first of each back end
  // is off by 3.2 to 3.3 ULP; the others, whose rounding crosses a power of two, where ULPs double, by up to 3.8.
  test.each([
    [-27.378984451293945, 4.523515224456787, 1],
    [-5.188075065612793, -5.877277374267578, 253],
    [5.198627948760986, 4.526721477508545, 2003],
    [-59.95576095581055, -5.879183769226074, 1],
    [-14.900886535644531, -5.8582282066345215, 31],
    [-59.26310729980469, 4.525660037994385, 2009],
  ])("the worst that a search found: %f beside %f, %i times", (x, others, times) => {
    const input = new Float32Array(times + 1).fill(others);
    input[0] = x;
    expect(worstOf(engine.softmax(input), input, times + 1).ulp).toBeLessThan(PROVED[name]);
  });

  // Sums of rows side by side were in two float32 once, off by 876 ULP at 10⁸ columns, by 5 at these.
  test("millions of columns along another axis", () => {
    const cols = 5_415_878;
    const shape = [cols, 2];
    const input = new Float32Array(2 * cols).fill(0.3);
    const out = engine.softmax(input, { shape, axis: 0 });
    expect([out[0], out[2 * cols - 1]]).toEqual(new Array(2).fill(Math.fround(1 / cols)));
    for (let i = 0; i < input.length; i += 200) input[i] = input[i + 1] = -2;
    engine.softmax(input, { shape, axis: 0, out });
    const sum = (cols - Math.ceil(cols / 100)) * Math.exp(Math.fround(0.3)) + Math.ceil(cols / 100) * Math.exp(-2);
    for (const i of [0, 1, 2, 3]) {
      const want = Math.exp(input[i]!) / sum;
      expect(Math.abs(out[i]! - want) / ulpAt(want)).toBeLessThan(BOUND[name]);
    }
  });
});
