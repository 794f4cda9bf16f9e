// Gradients: against closed forms, against differences of the functions themselves, in every layout, in place of either input.

import { describe, expect, test } from "vitest";
import { expectToAnswer } from "./compare.js";
import { onEveryBackend } from "./engines.js";
import { DISTRIBUTIONS, integer, logits, normal, randomFrom, WITH_SEED } from "./random.js";
import { ulpAt } from "./ulp.js";
import { Ways } from "./ways.js";

/** Softmax of one row in doubles, or its logarithm. */
function softmaxOf(row: Float64Array, isLog: boolean): Float64Array {
  const max = row.reduce((a, b) => Math.max(a, b));
  const log = Math.log(row.reduce((sum, x) => sum + Math.exp(x - max), 0));
  return row.map((x) => (isLog ? x - max - log : Math.exp(x - max - log)));
}

/** Central differences, in doubles, of Σ g·f(x). */
function differences(row: Float64Array, grad: Float32Array, isLog: boolean): Float64Array {
  const step = 2 ** -17;
  const value = (at: number, by: number) => {
    const moved = row.slice();
    moved[at]! += by;
    return softmaxOf(moved, isLog).reduce((sum, y, i) => sum + y * grad[i]!, 0);
  };
  return row.map((_, i) => (value(i, step) - value(i, -step)) / (2 * step));
}

const OPERATIONS = ["softmaxBackward", "logSoftmaxBackward"] as const;

onEveryBackend(`gradients ${WITH_SEED}`, (engine, name) => {
  const ways = new Ways(engine, name);

  describe.each(OPERATIONS)("%s", (operation) => {
    const isLog = operation === "logSoftmaxBackward";
    const forward = isLog ? "logSoftmax" : "softmax";

    test("differences of the function itself", () => {
      const random = randomFrom(8000);
      for (let cols = 1; cols < 80; cols += 3) {
        const x = logits(random, cols, DISTRIBUTIONS[0]!);
        const grad = logits(random, cols, DISTRIBUTIONS[0]!);
        const got = engine[operation](engine[forward](x), grad);
        const want = differences(Float64Array.from(x), grad, isLog);
        const size = grad.reduce((most, g) => Math.max(most, Math.abs(g)), 1);
        got.forEach((dx, i) => {
          expect(Math.abs(dx - want[i]!), `${cols} columns, ${i}`).toBeLessThanOrEqual(size * cols * 2 ** -22);
        });
      }
    });

    test("closed forms: of a one-hot gradient, the row of the Jacobian", () => {
      const random = randomFrom(8001);
      for (const cols of [2, 5, 64, 65, 1100]) {
        const y = engine[forward](logits(random, cols, DISTRIBUTIONS[0]!));
        const hot = integer(random, 0, cols - 1);
        const grad = new Float32Array(cols);
        grad[hot] = 1;
        const got = engine[operation](y, grad);
        got.forEach((dx, i) => {
          const own = i === hot ? 1 : 0;
          const want = isLog ? own - Math.exp(y[i]!) : y[i]! * (own - y[hot]!);
          expect(Math.abs(dx - want), `${i} of ${cols}`).toBeLessThanOrEqual(ulpAt(want));
        });
      }
    });

    test("equal gradients move no logit; cross-entropy is p − target", () => {
      for (const cols of [1, 2, 4, 64, 256]) {
        const logSoftmax = engine.logSoftmax(new Float32Array(cols));
        const probs = new Float32Array(cols).fill(1 / cols); // a power of two: they add up to exactly 1
        const flat = engine[operation](isLog ? logSoftmax : probs, new Float32Array(cols).fill(3));
        for (const dx of flat) expect(Math.abs(dx)).toBeLessThanOrEqual(isLog ? 3 * 2 ** -20 : 0);
      }
      const logProbs = engine.logSoftmax(new Float32Array([1, 2, 3]));
      const got = engine.logSoftmaxBackward(logProbs, new Float32Array([0, -1, 0]));
      const probs = engine.softmax(new Float32Array([1, 2, 3]));
      got.forEach((dx, i) => {
        expect(dx).toBeCloseTo(probs[i]! - (i === 1 ? 1 : 0), 6);
      });
    });

    test.runIf(isLog)("what can be no logarithm of a probability: the formula, until it overflows", () => {
      for (const l of [1, 80, 200, 699, 710, 800, 1e30, Infinity])
        for (const sum of [2, -2, 2 ** -149]) {
          const got = engine.logSoftmaxBackward(new Float32Array([l, 0]), new Float32Array([sum, 0]));
          const want = sum - Math.exp(l) * sum;
          if (Math.abs(want) >= 2 ** 128) expect(got[0], `${l}, ${sum}`).toBe(Math.sign(want) * Infinity);
          else expect(Math.abs(got[0]! - want), `${l}, ${sum}`).toBeLessThanOrEqual(ulpAt(want));
        }
    });

    test("half an ULP, whatever the sizes, every layout, every way", () => {
      const random = randomFrom(8002);
      for (const size of [1e-40, 1e-20, 1, 1e20, 1e37])
        for (const [length, options] of [
          [90, { cols: 9 }],
          [440, { cols: 11 }],
          [91, { cols: 7, rowStride: 13 }],
          [91, { cols: 7, rowStride: 13, outRowStride: 13 }],
          [520, { cols: 7, rowStride: 13, outRowStride: 13 }],
          [390, { cols: 130 }],
          [3003, { cols: 1001 }],
          [4200, { cols: 2100 }],
          [360, { shape: [3, 4, 30], axis: 1 }],
          [360, { shape: [10, 4, 9], axis: 0 }],
          [6600, { shape: [2200, 3], axis: 0 }],
        ] as const) {
          const input = engine[forward](logits(random, length, DISTRIBUTIONS[1]!));
          const second = Float32Array.from({ length }, () => normal(random, 0, size));
          const request = { operation, input, second, options };
          expectToAnswer(request, ways.same(request), name);
        }
    });

    test("a NaN in a row makes NaN of it, and of no other", () => {
      const random = randomFrom(8003);
      for (const cols of [1, 3, 64, 65, 200])
        for (const inGrad of [false, true]) {
          const y = engine[forward](logits(random, 3 * cols, DISTRIBUTIONS[0]!), { cols });
          const grad = logits(random, 3 * cols, DISTRIBUTIONS[0]!);
          const expected = engine[operation](y, grad, { cols });
          const at = cols + integer(random, 0, cols - 1);
          (inGrad ? grad : y)[at] = NaN;
          if (inGrad || !isLog) expected.fill(NaN, cols, 2 * cols);
          else expected[at] = NaN; // Σ g knows nothing of it
          expect(engine[operation](y, grad, { cols })).toEqualNumbers(expected);
        }
    });
  });

  test("dropped elements have no gradient of softmax, and their own of log-softmax", () => {
    const mask = new Uint8Array([1, 0, 1]);
    const x = new Float32Array([1, 2, 3]);
    const grad = new Float32Array([0.5, 0.25, -1]);
    expect(engine.softmaxBackward(engine.softmax(x, { mask }), grad)[1]).toBeCloseTo(0, 40);
    expect(engine.logSoftmaxBackward(engine.logSoftmax(x, { mask }), grad)[1]).toBe(0.25);
    for (const infinite of [Infinity, -Infinity])
      for (const other of [-Infinity, -800]) {
        // 0 · ∞, as in the formula
        const got = engine.logSoftmaxBackward(new Float32Array([other, 0]), new Float32Array([1, infinite]));
        expect(got).toEqualNumbers([NaN, NaN]);
      }
  });
});
