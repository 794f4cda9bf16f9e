// Section `grid`: every system on every shape, and which goals are met. Each answer is checked on the very input that is
// timed, before and after; a wrong one is named and not timed.

import { logits } from "../inputs.mjs";
import { interleaved, speedup, spread } from "../measure.mjs";
import { heading, progress, progressDone, short, table } from "../print.mjs";
import { grid, gridGoals, label } from "../shapes.mjs";
import { judge, truthOf } from "../truth.mjs";

const BYTES_PER_ELEMENT = 8; // read once, written once

export async function run({ quick, systems, wantsShape }) {
  const shapes = grid.filter((shape) => wantsShape(label(shape)) && (shape.quick || !quick));
  const results = [];
  for (const shape of shapes) {
    results.push(
      await measureShape(shape, systems, quick ? { rounds: 5, milliseconds: 15 } : { rounds: 15, milliseconds: 40 }),
    );
    print(results.at(-1));
  }
  const goals = checkGoals(results);
  printGoals(goals);
  return { shapes: results, goals };
}

async function measureShape({ rows, cols, why }, systems, budget) {
  const name = label({ rows, cols });
  progress(`${name}: true values`);
  const input = logits(rows, cols);
  const truth = truthOf(input, rows, cols);
  const tasks = [];
  const measured = [];
  for (const system of systems) {
    progress(`${name}: checking ${system.name}`);
    const task = { ...system, ...(await system.prepare(rows, cols, input)) };
    await task.run();
    const verdict = system.isFloor ? {} : judge(truth, task.output());
    measured.push({ name: system.name, ...verdict });
    if (verdict.wrong === undefined) tasks.push(task);
    else await task.dispose();
  }
  const times = await interleaved(tasks, {
    ...budget,
    seed: rows + cols,
    onRound: (round) => progress(`${name}: round ${round} of ${budget.rounds}`),
  });
  for (const task of tasks) {
    const again = task.isFloor ? {} : judge(truth, task.output());
    if (again.wrong !== undefined) {
      measured.find((result) => result.name === task.name).wrong = `after it was timed: ${again.wrong}`;
      times.delete(task.name);
    }
    await task.dispose();
  }
  progressDone();
  for (const result of measured) {
    const samples = times.get(result.name);
    if (samples === undefined) continue;
    result.nsPerElement = spread(samples, 1e6 / (rows * cols));
    result.gbPerSecond = BYTES_PER_ELEMENT / result.nsPerElement.median;
    result.milliseconds = samples;
  }
  return { rows, cols, why, systems: measured };
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
  for (const { name, wrong } of systems) if (wrong !== undefined) console.log(`  ${name}: not timed, wrong: ${wrong}`);
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
