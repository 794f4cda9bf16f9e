// Section `first`: the first batch of a fresh process, for every system: loading and compiling, then a call that runs in
// baseline code as far as the engine makes it. Every figure is from processes of their own (firstInChild.mjs).

import { inFreshProcess } from "../fresh.mjs";
import { spread } from "../measure.mjs";
import { heading, progress, progressDone, short, table } from "../print.mjs";
import { firstShapes, label } from "../shapes.mjs";

export async function run({ quick, systems, wantsShape }) {
  const shapes = firstShapes.filter((shape) => wantsShape(label(shape)) && (shape.quick || !quick));
  const rounds = quick ? 1 : 7;
  const results = [];
  for (const { rows, cols, why } of shapes) {
    const samples = new Map(systems.map(({ name }) => [name, []]));
    for (let round = 0; round < rounds; round++) {
      for (const { name } of systems) {
        progress(`first batch, ${label({ rows, cols })}: round ${round + 1} of ${rounds}, ${name}`);
        samples.get(name).push(inFreshProcess("sections/firstInChild.mjs", { name, rows, cols }));
      }
    }
    const lines = [...samples].map(([name, all]) => ({
      name,
      prepare: spread(all.map(({ prepare }) => prepare)),
      first: spread(all.map(({ first }) => first)),
      total: spread(all.map(({ prepare, first }) => prepare + first)),
      tenth: spread(all.map(({ tenth }) => tenth)),
    }));
    results.push({ rows, cols, why, rounds, systems: lines });
    progressDone();
    print(results.at(-1));
  }
  return results;
}

function print({ rows, cols, rounds, systems }) {
  heading(`First batch of a fresh process, ${label({ rows, cols })} (medians of ${rounds})`);
  const perElement = 1e6 / (rows * cols);
  table(
    ["", "load, compile, upload: ms", "first call: ms", "both: ms", "first call: ns/element", "10th call: ns/element"],
    systems.map(({ name, prepare, first, total, tenth }) => [
      name,
      short(prepare.median),
      short(first.median),
      short(total.median),
      short(perElement * first.median),
      short(perElement * tenth.median),
    ]),
  );
}
