// Section `call`: one row of a few columns, output given, against the plain loop. Each back end is measured in a process of
// its own (callInChild.mjs): call sites that have seen several engines are slower than those of an application with one.

import { inFreshProcess } from "../fresh.mjs";
import { speedup, spread } from "../measure.mjs";
import { heading, progress, progressDone, short, table } from "../print.mjs";
import { callShapes } from "../shapes.mjs";

export async function run({ quick, systems }) {
  const budget = quick ? { rounds: 7, milliseconds: 4 } : { rounds: 25, milliseconds: 10 };
  const backends = new Set(systems.flatMap(({ backend }) => backend ?? []));
  const results = [];
  if (backends.size === 0) return results;
  for (const backend of backends) {
    progress(`calls: ${backend}`);
    const columns = inFreshProcess("sections/callInChild.mjs", { backend, budget });
    results.push(...columns.map(({ cols, times }) => summary(backend, cols, times)));
  }
  progressDone();
  print(results);
  return results;
}

function summary(backend, cols, { loop, ...ours }) {
  const slack = callShapes.find((shape) => shape.cols === cols).slack;
  const cases = Object.entries(ours).map(([name, samples]) => {
    const nsPerCall = spread(samples, 1e6);
    const more = -1e6 * loopLead(loop, samples);
    return { name, nsPerCall, ratio: speedup(samples, loop), met: more <= slack };
  });
  return { backend, cols, slack, loop: spread(loop, 1e6), cases };
}

/** By how many milliseconds the loop takes longer: the median of the rounds' differences. */
const loopLead = (loop, samples) => spread(loop.map((time, round) => time - samples[round])).median;

function print(results) {
  heading("One row, output given: ns per call");
  const names = results[0]?.cases.map(({ name }) => name) ?? [];
  const cell = ({ nsPerCall, ratio, met }) => `${short(nsPerCall.median)} (×${short(ratio)}${met ? "" : ", MISSED"})`;
  table(
    ["back end, columns", "plain loop", ...names],
    results.map(({ backend, cols, loop, cases }) => [`${backend}, ${cols}`, short(loop.median), ...cases.map(cell)]),
  );
  console.log("  × times as fast as the loop. Goal: never slower; with 1 and 3 columns, at most 100 ns more.");
}
