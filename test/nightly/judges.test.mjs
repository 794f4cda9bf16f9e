// The random programs before two judges: onnxruntime's Softmax, LogSoftmax and ReduceLogSumExp, which are of other people's making, and
// the oracle, in doubles. A misconception that the library shares with its oracle would show. PROGRAMS sets how many, SEED which.
//
// onnxruntime gets the logits as options have made them, along the same axis. Its NaN, +∞, −∞ and 0 must be where ours are: NaN
// throughout a row with a NaN, with a +∞ or with nothing but −∞ (log-sum-exp: NaN, +∞, −∞); 0, or −∞ of the logarithm, for −∞ beside
// finite logits. Numbers must agree within its error, of which ours is a small part (3 ULP: that is for the oracle to judge).
//
// Two errors of ReduceLogSumExp (1.30.0) are its own: it starts from a maximum of 0 where the first element is infinite, so that exp
// underflows; and of a row with NaN and +∞, it tells now the one, now the other. So it gets a finite element first, and is not asked
// about NaN beside +∞.

import { afterAll, expect, test } from "vitest";
import { describeRequest, expectToAnswer } from "../compare.ts";
import { counterexamplesOf, keep } from "../counterexamples.ts";
import { running } from "../engines.ts";
import { numbersOf } from "../formats.ts";
import { changed, placesOf } from "../oracle.ts";
import { program } from "../programs.ts";
import { randomFrom, WITH_SEED } from "../random.ts";
import { perform } from "../ways.ts";
import { answerOf } from "./onnxruntime.mjs";

const PROGRAMS = Number(process.env.PROGRAMS ?? 2000);
const GROUP = 100;
const TITLE = "random programs before onnxruntime";

/** The operation in onnxruntime that knows the answer; rowStats are log-sum-exp, taken apart. */
const JUDGED = { softmax: "softmax", logSoftmax: "logSoftmax", logSumExp: "logSumExp", rowStats: "logSumExp" };

/** A program whose result is float32, if onnxruntime can judge it. */
function judgedProgram(random) {
  const { operation, input, options } = program(random);
  if (!(operation in JUDGED)) return undefined;
  const { dtype, ...others } = options;
  return { operation, input, options: input instanceof Uint16Array ? options : others };
}

/** The logits that onnxruntime gets, without gaps, and its shape; `rows` are where they came from. */
function problemOf({ operation, input, options }) {
  const rows = placesOf(input.length, options);
  const values = numbersOf(input, options.dtype);
  const size = rows.reduce((count, places) => count + places.length, 0);
  const logits = new Float32Array(size);
  for (const [row, places] of rows.entries()) {
    const line = changed(places, row, values, options, size);
    if (JUDGED[operation] === "logSumExp") finiteFirst(line);
    for (const [i, x] of line.entries()) logits[places[i].packed] = x;
  }
  const shape = options.shape ?? [rows.length, size / rows.length];
  const axis = options.axis ?? -1;
  return { operation: JUDGED[operation], shape, axis: axis < 0 ? axis + shape.length : axis, rows, logits };
}

function finiteFirst(row) {
  const at = Math.max(0, row.findIndex(Number.isFinite));
  [row[0], row[at]] = [row[at], row[0]];
}

const EPSILON = 2 ** -23;

/**
 * How far onnxruntime may be from us in an element that is `distance` below the maximum of a row of `cols`. Of softmax it rounds both
 * that distance and the exponent, and adds n terms in float32: relative errors. Of logarithms, the same is absolute. Below 2⁻¹²⁴, it
 * and we may give 0.
 */
function toleranceOf(operation, ours, max, distance, cols) {
  const sum = EPSILON * (4 + Math.sqrt(cols));
  if (operation === "softmax") return ours * (sum + EPSILON * distance) + 2 ** -124;
  return sum + 2 * EPSILON * (operation === "logSumExp" ? Math.abs(max) : Math.abs(ours));
}

function agree(ours, theirs, tolerance) {
  if (Object.is(ours, theirs) || ours === theirs) return true;
  return Math.abs(ours - theirs) <= tolerance; // false for NaN, and for infinities
}

/** Fails where onnxruntime says something else. */
function expectToAgree(request, problem, result, theirs, name) {
  const { operation, options } = request;
  const { rows, logits } = problem;
  let compared = 0;
  const compare = (ours, at, max, distance, cols) => {
    compared++;
    const tolerance = toleranceOf(problem.operation, ours, max, distance, cols);
    if (!agree(ours, theirs[at], tolerance))
      expect.fail(`${name}: ${ours}, onnxruntime: ${theirs[at]}, not ± ${tolerance}: ${describeRequest(request)}`);
  };
  for (const [row, places] of rows.entries()) {
    const max = places.reduce((a, { packed }) => Math.max(a, logits[packed]), -Infinity);
    const cols = places.length;
    // What `empty` asks for has no match.
    if (max === -Infinity && options.empty === "zero") continue;
    const isLog = problem.operation === "logSumExp";
    if (isLog && Number.isNaN(max) && places.some(({ packed }) => logits[packed] === Infinity)) continue;
    if (operation === "logSumExp") compare(result[row], row, max, 0, cols);
    else if (operation === "rowStats") compare(result.max[row] + Math.log(result.sum[row]), row, max, 0, cols);
    else for (const { packed, outAt } of places) compare(result[outAt], packed, max, max - logits[packed], cols);
  }
  return compared;
}

let compared = 0;

async function judge(request) {
  const problem = problemOf(request);
  const theirs = await answerOf(problem);
  for (const { name, engine } of running) {
    const result = perform(engine, request, request.options);
    expectToAnswer(request, result, name);
    compared += expectToAgree(request, problem, result, theirs, name);
  }
}

const known = counterexamplesOf(TITLE);
if (known.length > 0)
  test("the counterexamples there have been", async () => {
    for (const request of known) await judge(request);
  });

test.each(Array.from({ length: Math.ceil(PROGRAMS / GROUP) }, (_, i) => i))(
  `random programs before onnxruntime and the oracle ${WITH_SEED}, group %i`,
  async (group) => {
    const random = randomFrom(90_000 + group);
    for (let i = 0; i < GROUP; i++) {
      const request = judgedProgram(random);
      if (request === undefined) continue;
      try {
        await judge(request);
      } catch (error) {
        expect.fail(`${error.message}\n${keep(TITLE, request)}`);
      }
    }
  },
);

afterAll(() => {
  console.log(`${compared} numbers compared with onnxruntime's`);
  expect(compared).toBeGreaterThan(PROGRAMS);
});
