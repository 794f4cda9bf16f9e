// Log-softmax and log-sum-exp: every system that has them.

import { compare, printWrong } from "../comparison.mjs";
import { logits } from "../inputs.mjs";
import { speedup } from "../measure.mjs";
import { heading, progress, short, table } from "../print.mjs";
import { label, logShapes, problemOf } from "../shapes.mjs";
import { truthOf } from "../truth.mjs";

export async function logarithms({ systems, wants, budget }) {
  const results = [];
  for (const operation of ["logSoftmax", "logSumExp"])
    for (const shape of logShapes) {
      if (!wants(shape, label)) continue;
      results.push(await measure(operation, shape, systems, budget));
      print(results.at(-1));
    }
  return results;
}

async function measure(operation, { rows, cols, why }, systems, budget) {
  const problem = problemOf([rows, cols], { operation });
  const what = `${operation}, ${label(problem)}`;
  progress(`${what}: true values`);
  const input = logits(rows, cols);
  const truth = truthOf(problem, input);
  const cases = systems
    .filter(({ takes = () => true }) => takes(problem))
    .map((system) => ({ name: system.name, system, problem, input, truth }));
  return { operation, rows, cols, why, systems: cases.length === 0 ? [] : await compare(what, cases, budget) };
}

/** Ratios are against the first system, the fastest of ours. */
function print({ operation, rows, cols, why, systems }) {
  const timed = systems.filter((system) => system.milliseconds);
  const best = timed[0];
  heading(`${operation}, ${label({ rows, cols })}: ${why}`);
  table(
    ["", "ns/element", "p10–p90", `÷ ${best?.name}`, "max ULP", "max |error|"],
    timed.map(({ name, nsPerElement, milliseconds, maxUlp, maxError }) => [
      name,
      short(nsPerElement.median),
      `${short(nsPerElement.p10)}–${short(nsPerElement.p90)}`,
      short(speedup(best.milliseconds, milliseconds)),
      short(maxUlp),
      maxError.toExponential(1),
    ]),
  );
  printWrong(systems);
  console.log("  Near 0, a logarithm may be off by many ULP and still by little: the last column says how much.");
}
