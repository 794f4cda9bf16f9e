// Several things timed side by side. Each answer is checked on the very input that is timed, before and after; a wrong one is
// named and not timed.

import { interleaved, spread } from "./measure.mjs";
import { progress, progressDone } from "./print.mjs";
import { judge } from "./truth.mjs";

/**
 * `cases`: `{ name, system, problem, input, truth }`; names differ. `format` (truth.mjs) of the answer if it is not float32. Returns
 * for each, in order: its name, the verdict, and, unless it is wrong, its times.
 */
export async function compare(what, cases, budget) {
  const tasks = [];
  const results = [];
  for (const { name, system, problem, input, truth, format } of cases) {
    progress(`${what}: checking ${name}`);
    const verdictOf = (output) => (system.isFloor ? {} : judge(truth, output, format));
    const task = { ...system, ...(await system.prepare(problem, input)), name, verdictOf };
    await task.run();
    const result = { name, ...verdictOf(task.output()) };
    results.push(result);
    if (result.wrong === undefined) tasks.push({ ...task, elements: input.length, result });
    else await task.dispose();
  }
  const times = await interleaved(tasks, {
    ...budget,
    seed: cases[0].input.length,
    onRound: (round) => progress(`${what}: round ${round} of ${budget.rounds}`),
  });
  for (const { name, elements, result, output, verdictOf, dispose } of tasks) {
    const { wrong } = verdictOf(output());
    if (wrong === undefined) {
      result.milliseconds = times.get(name);
      result.nsPerElement = spread(result.milliseconds, 1e6 / elements);
    } else {
      result.wrong = `after it was timed: ${wrong}`;
    }
    await dispose();
  }
  progressDone();
  return results;
}

export function printWrong(results) {
  for (const { name, wrong } of results) if (wrong !== undefined) console.log(`  ${name}: not timed, wrong: ${wrong}`);
}
