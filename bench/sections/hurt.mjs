// Section `hurt`: inputs that slow softmax down elsewhere, against ordinary logits of the same shape.

import { generator, hurtful, logits } from "../inputs.mjs";
import { interleaved, speedup, spread } from "../measure.mjs";
import { heading, progress, progressDone, short, table } from "../print.mjs";
import { HURT_MOST, hurtShapes, label, problemOf } from "../shapes.mjs";
import { judge, truthOf } from "../truth.mjs";

/** Each of our kernels by the path that adds least to it. */
const OURS = ["relaxed, arena", "simd, arena", "js, arrays"];

/** The rivals that take part: the fastest ones, and the loop. */
const RIVALS = ["onnxruntime-node, 1 thread", "tfjs-backend-wasm, read", "plain loop"];

export async function run({ quick, systems, wantsShape }) {
  const taking = systems.filter(({ name }) => OURS.includes(name) || RIVALS.includes(name));
  const shapes = hurtShapes.filter((shape) => wantsShape(label(shape)) && (shape.quick || !quick));
  const budget = quick ? { rounds: 4, milliseconds: 4, iterations: 1 } : { rounds: 11, milliseconds: 20 };
  const results = [];
  for (const shape of shapes) {
    const inputs = inputsOf(shape);
    const lines = [];
    for (const system of taking) lines.push(await measureSystem(system, shape, inputs, budget));
    results.push({ ...shape, systems: lines });
    progressDone();
    print(results.at(-1));
  }
  return results;
}

/** The inputs and their true values, which are the same for all systems. */
function inputsOf({ rows, cols }) {
  const problem = problemOf([rows, cols]);
  return [{ name: "ordinary", make: () => logits(rows, cols) }, ...hurtful].map(({ name, make }) => {
    progress(`hurt, ${label({ rows, cols })}: true values, ${name}`);
    const input = make(rows, cols, generator(rows + cols));
    return { name, problem, input, truth: truthOf(problem, input) };
  });
}

/** One system, all inputs in turn: what counts here is each input against the ordinary one. */
async function measureSystem(system, { rows, cols }, inputs, budget) {
  const tasks = [];
  const wrong = {};
  for (const { name, problem, input, truth } of inputs) {
    progress(`hurt, ${label({ rows, cols })}: ${system.name}, ${name}`);
    const task = { ...system, ...(await system.prepare(problem, input)), name };
    await task.run();
    const verdict = judge(truth, task.output());
    if (verdict.wrong === undefined) tasks.push(task);
    else {
      wrong[name] = verdict.wrong;
      await task.dispose();
    }
  }
  const times = await interleaved(tasks, { ...budget, seed: cols });
  for (const task of tasks) await task.dispose();
  const ordinary = times.get("ordinary");
  const cases = hurtful.map(({ name }) => {
    const samples = times.get(name);
    if (samples === undefined || ordinary === undefined) return { name, wrong: wrong[name] ?? wrong.ordinary };
    const ratio = speedup(ordinary, samples);
    return { name, ratio, met: ratio <= HURT_MOST };
  });
  return {
    name: system.name,
    isOurs: system.isOurs === true,
    nsPerElement: ordinary && spread(ordinary, 1e6 / (rows * cols)),
    cases,
  };
}

function print({ rows, cols, why, systems }) {
  heading(`Inputs that hurt, ${label({ rows, cols })} (${why}): time beside that of ordinary logits`);
  const cell = ({ ratio, wrong, met }, isOurs) =>
    wrong === undefined ? `×${short(ratio)}${isOurs && !met ? " MISSED" : ""}` : "wrong";
  table(
    ["", "ordinary, ns/element", ...hurtful.map(({ name }) => name)],
    systems.map(({ name, isOurs, nsPerElement, cases }) => [
      name,
      short(nsPerElement?.median),
      ...cases.map((one) => cell(one, isOurs)),
    ]),
  );
  for (const { name, cases } of systems)
    for (const { name: input, wrong } of cases)
      if (wrong !== undefined) console.log(`  ${name}, ${input}: not timed, wrong: ${wrong}`);
}
