// Softmax along another axis than the last, beside that along the last axis of a batch of the same size, for every system.

import { compare, printWrong } from "../comparison.mjs";
import { logits } from "../inputs.mjs";
import { speedup } from "../measure.mjs";
import { heading, progress, short, table } from "../print.mjs";
import { AXIS_MOST, axisLabel, axisShapes, problemOf } from "../shapes.mjs";
import { truthOf } from "../truth.mjs";

export async function axis({ systems, wants, budget }) {
  const results = [];
  for (const shape of axisShapes) {
    if (!wants(shape, axisLabel)) continue;
    results.push(await measure(shape, systems, budget));
    print(results.at(-1));
  }
  return results;
}

async function measure({ shape, axis, why }, systems, budget) {
  const what = axisLabel({ shape, axis });
  progress(`${what}: true values`);
  const across = problemOf(shape, { axis });
  const { rows, cols } = across;
  const last = problemOf([rows, cols]);
  const input = logits(rows, cols);
  const along = { problem: across, input, truth: truthOf(across, input) };
  const beside = { problem: last, input, truth: truthOf(last, input) };
  const taking = systems.filter(({ takes = () => true }) => takes(across));
  const results = new Map();
  if (taking.length > 0) {
    const cases = taking.flatMap((system) => [
      { name: system.name, system, ...along },
      { name: nameBeside(system), system, ...beside },
    ]);
    for (const result of await compare(what, cases, budget)) results.set(result.name, result);
  }
  const lines = taking.map((system) => {
    const result = results.get(system.name);
    const { wrong, milliseconds, nsPerElement } = results.get(nameBeside(system));
    const ratio = milliseconds && result.milliseconds ? speedup(milliseconds, result.milliseconds) : undefined;
    const goal = system.isOurs && ratio !== undefined ? { met: ratio <= AXIS_MOST } : {};
    return { ...result, lastAxis: { wrong, nsPerElement, milliseconds }, ratio, ...goal };
  });
  return { shape, axis, rows, cols, why, systems: lines };
}

const nameBeside = ({ name }) => `${name}, last axis`;

function print({ shape, axis, rows, cols, why, systems }) {
  const timed = systems.filter((system) => system.milliseconds);
  const best = timed[0];
  heading(`Softmax, ${axisLabel({ shape, axis })}: ${why}; beside it the last axis of ${rows}x${cols}`);
  table(
    ["", "ns/element", "p10–p90", `÷ ${best?.name}`, "last axis, ns/element", "÷ last axis", "max ULP"],
    timed.map(({ name, nsPerElement, milliseconds, lastAxis, ratio, met, maxUlp }) => [
      name,
      short(nsPerElement.median),
      `${short(nsPerElement.p10)}–${short(nsPerElement.p90)}`,
      short(speedup(best.milliseconds, milliseconds)),
      short(lastAxis.nsPerElement?.median),
      `${short(ratio)}${met === false ? " MISSED" : ""}`,
      short(maxUlp),
    ]),
  );
  printWrong(systems);
  for (const { name, lastAxis } of systems) printWrong([{ name: nameBeside({ name }), wrong: lastAxis.wrong }]);
  console.log(`  Goal: ours takes at most ${AXIS_MOST} times as long as along the last axis.`);
}
