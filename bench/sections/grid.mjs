// Section `grid`: every system on every shape, and which goals are met.

import { compare, printWrong } from "../comparison.mjs";
import { logits } from "../inputs.mjs";
import { speedup } from "../measure.mjs";
import { heading, progress, short, table } from "../print.mjs";
import { grid, gridGoals, label, problemOf } from "../shapes.mjs";
import { truthOf } from "../truth.mjs";

const BYTES_PER_ELEMENT = 8; // read once, written once

export async function run({ quick, systems, wantsShape }) {
  const shapes = grid.filter((shape) => wantsShape(label(shape)) && (shape.quick || !quick));
  const budget = quick ? { rounds: 3, milliseconds: 10, iterations: 1 } : { rounds: 15, milliseconds: 40 };
  const results = [];
  for (const shape of shapes) {
    results.push(await measureShape(shape, systems, budget));
    print(results.at(-1));
  }
  const goals = checkGoals(results);
  printGoals(goals);
  return { shapes: results, goals };
}

async function measureShape({ rows, cols, why }, systems, budget) {
  const problem = problemOf([rows, cols]);
  const name = label(problem);
  progress(`${name}: true values`);
  const input = logits(rows, cols);
  const truth = truthOf(problem, input);
  const cases = systems.map((system) => ({ name: system.name, system, problem, input, truth }));
  const results = await compare(name, cases, budget);
  for (const result of results)
    if (result.nsPerElement) result.gbPerSecond = BYTES_PER_ELEMENT / result.nsPerElement.median;
  return { rows, cols, why, systems: results };
}

/** The fastest of ours comes first in a table; ratios are against it. */
function print({ rows, cols, why, systems }) {
  const timed = systems.filter((system) => system.milliseconds);
  const best = timed[0];
  heading(`${label({ rows, cols })}: ${why}`);
  table(
    ["", "ns/element", "p10–p90", "GB/s", `÷ ${best?.name}`, "max ULP", "|Σ−1|"],
    timed.map(({ name, nsPerElement, gbPerSecond, maxUlp, rowSum, milliseconds }) => [
      name,
      short(nsPerElement.median),
      `${short(nsPerElement.p10)}–${short(nsPerElement.p90)}`,
      short(gbPerSecond),
      short(speedup(best.milliseconds, milliseconds)),
      maxUlp === undefined ? "–" : short(maxUlp),
      rowSum === undefined ? "–" : rowSum.toExponential(1),
    ]),
  );
  printWrong(systems);
}

function checkGoals(results) {
  return gridGoals.map(({ ours, rival, least }) => ({
    goal: `${ours} against ${rival}`,
    shapes: results.flatMap(({ rows, cols, systems }) => {
      const times = (name) => systems.find((system) => system.name === name)?.milliseconds;
      if (times(ours) === undefined || times(rival) === undefined) return [];
      const ratio = speedup(times(ours), times(rival));
      return [{ shape: label({ rows, cols }), ratio, least: least(cols), met: ratio >= least(cols) }];
    }),
  }));
}

function printGoals(goals) {
  heading("Goals: times as fast, worst shape");
  const lines = goals.map(({ goal, shapes }) => {
    if (shapes.length === 0) return [goal, "–", "–", "–", "not measured here"];
    const worst = shapes.reduce((a, b) => (b.ratio / b.least < a.ratio / a.least ? b : a));
    const missed = shapes.filter(({ met }) => !met);
    return [
      goal,
      short(worst.ratio),
      short(worst.least),
      worst.shape,
      missed.length === 0 ? "met" : `MISSED on ${missed.length} of ${shapes.length}`,
    ];
  });
  table(["", "worst", "goal", "at", ""], lines);
  for (const { goal, shapes } of goals)
    for (const { shape, ratio, least, met } of shapes)
      if (!met) console.log(`  missed: ${goal}, ${shape}: ${short(ratio)} of ${short(least)}`);
}
