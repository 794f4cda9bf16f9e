// Everything the bench measures, through one interface:
//   { name, includes, takes?(problem), prepare(problem, input) → { run(), output() → Float32Array, dispose() } }
// `problem` is of shapes.mjs; without `takes`, a system takes all of them. `includes` says what a timing includes. A system that
// cannot run here is left out, with the reason.

import ours, { engineOf } from "./ours.mjs";
import memoryCopy from "./peers/memoryCopy.mjs";
import onnxruntimeNode from "./peers/onnxruntimeNode.mjs";
import onnxruntimeWeb from "./peers/onnxruntimeWeb.mjs";
import plainLoop from "./peers/plainLoop.mjs";
import tensorflow from "./peers/tensorflow.mjs";
import transformersLoop from "./peers/transformersLoop.mjs";
import { problemOf } from "./shapes.mjs";

export const systems = [
  ...ours,
  ...onnxruntimeNode,
  ...onnxruntimeWeb,
  ...tensorflow,
  ...transformersLoop,
  ...plainLoop,
  ...memoryCopy,
];

/** Splits the systems into those that run here and reasons why the others do not, by preparing each for one row. */
export async function runnable(candidates = systems) {
  const present = [];
  const absent = [];
  for (const system of candidates) {
    try {
      if (system.isOurs) await engineOf(system.backend);
      else await (await system.prepare(problemOf([1, 2]), new Float32Array(2))).dispose();
      present.push(system);
    } catch (error) {
      absent.push({ name: system.name, reason: String(error?.message ?? error).split("\n", 1)[0] });
    }
  }
  return { present, absent };
}
