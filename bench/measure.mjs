// How time is taken: in rounds. In a round every system runs for a while, in a shuffled order, so that a slow spell of the
// machine hits all of them. Figures are medians over rounds; a ratio is the median of the rounds' own ratios.
//
// tinybench drives each system's turn. Its own loop runs all of a task before the next one, so each round is a Bench of its
// own: no warm-up phase (it would warm all tasks before timing any), but one untimed run right before each turn.

import { Bench } from "tinybench";
import { generator, shuffled } from "./inputs.mjs";

const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/**
 * `tasks`: `{ name, run, asynchronous?, restMilliseconds?, repeats? }`. With `repeats`, one sample is that many runs in a loop,
 * divided: for runs too short for the clock. A turn takes `milliseconds`, and `iterations` samples at least.
 * Returns a Map from name to milliseconds per run, one median for each round.
 */
export async function interleaved(tasks, { rounds, milliseconds, iterations = 2, seed = 1, onRound = () => {} }) {
  const random = generator(seed);
  const medians = new Map(tasks.map(({ name }) => [name, []]));
  for (let round = 0; round < rounds; round++) {
    onRound(round + 1);
    const bench = new Bench({ time: milliseconds, iterations, warmup: false, throws: true });
    for (const task of shuffled(tasks, random)) {
      const { name, run, asynchronous = false, restMilliseconds = 0, repeats } = task;
      const measured = repeats === undefined ? run : () => looped(run, repeats);
      bench.add(name, measured, {
        async: asynchronous,
        beforeAll: () => measured(),
        afterAll: () => restMilliseconds > 0 && pause(restMilliseconds),
      });
    }
    await bench.run();
    for (const task of bench.tasks) medians.get(task.name).push(task.result.latency.p50);
  }
  return medians;
}

function looped(run, repeats) {
  const start = performance.now();
  for (let i = 0; i < repeats; i++) run();
  const elapsed = performance.now() - start;
  return { overriddenDuration: elapsed / repeats, overriddenIterationCost: elapsed };
}

/** The value below which `share` of the samples lie, between two samples if need be. */
export function quantile(samples, share) {
  const sorted = Float64Array.from(samples).sort();
  const at = share * (sorted.length - 1);
  const below = Math.floor(at);
  const above = Math.ceil(at);
  return sorted[below] + (at - below) * (sorted[above] - sorted[below]);
}

export const median = (samples) => quantile(samples, 0.5);

/** Median, 10th and 90th percentile of samples, each times `scale`. */
export const spread = (samples, scale = 1) => ({
  median: scale * median(samples),
  p10: scale * quantile(samples, 0.1),
  p90: scale * quantile(samples, 0.9),
});

/** How many times as fast `ours` is as `theirs`, round by round. */
export const speedup = (ours, theirs) => median(theirs.map((time, round) => time / ours[round]));
