// Gradients: ours, and the loop that the formula is.

import { compare, printWrong } from "../comparison.mjs";
import { generator, logits } from "../inputs.mjs";
import { speedup } from "../measure.mjs";
import { engineOf } from "../ours.mjs";
import { heading, progress, short, table } from "../print.mjs";
import { gradientShapes, problemOf, shapeLabel } from "../shapes.mjs";
import { eachRow, truthOf } from "../truth.mjs";

const FORWARD = { softmaxBackward: "softmax", logSoftmaxBackward: "logSoftmax" };

/** Of what came out, `y`, and its gradient, in doubles: p·(g − Σ p·g), or g − e^l·Σ g. */
function loop(problem, y, grad, out) {
  const isLog = problem.operation === "logSoftmaxBackward";
  eachRow(problem, (start, end, step) => {
    let sum = 0;
    for (let i = start; i < end; i += step) sum += isLog ? grad[i] : y[i] * grad[i];
    for (let i = start; i < end; i += step) out[i] = isLog ? grad[i] - Math.exp(y[i]) * sum : y[i] * (grad[i] - sum);
  });
}

const plainLoop = {
  name: "plain loop",
  async prepare(problem, y, grad) {
    const out = new Float32Array(y.length);
    return { run: () => loop(problem, y, grad, out), output: () => out, dispose() {} };
  },
};

const ours = ({ name, backend, inArena }) => ({
  name,
  isOurs: true,
  async prepare({ operation, shape, axis }, y, grad) {
    const engine = await engineOf(backend);
    const arena = inArena ? engine.createArena(3 * (4 * y.length + 16)) : undefined;
    const place = () => (arena ? arena.alloc(y.length) : new Float32Array(y.length));
    const [result, given, out] = [place(), place(), place()];
    result.set(y);
    given.set(grad);
    const options = { shape, axis, out };
    return {
      run: () => engine[operation](result, given, options),
      output: () => out,
      dispose: () => arena?.dispose(),
    };
  },
});

export async function gradients({ systems, wants, budget }) {
  const timed = [...systems.filter(({ isOurs }) => isOurs).map(ours)];
  if (systems.some(({ name }) => name === plainLoop.name)) timed.push(plainLoop);
  const results = [];
  if (timed.length === 0) return results;
  for (const operation of Object.keys(FORWARD))
    for (const shape of gradientShapes) {
      if (!wants(shape, shapeLabel)) continue;
      results.push(await measure(operation, shape, timed, budget));
      print(results.at(-1));
    }
  return results;
}

async function measure(operation, { shape, axis, why }, systems, budget) {
  const problem = problemOf(shape, { operation, axis });
  const { rows, cols } = problem;
  const what = `${operation}, ${shapeLabel({ shape })}`;
  progress(`${what}: true values`);
  const { values } = truthOf({ ...problem, operation: FORWARD[operation] }, logits(rows, cols));
  const y = Float32Array.from(values);
  const random = generator(rows + cols);
  const grad = y.map(() => random() - 0.5);
  const truth = { problem, values: new Float64Array(y.length) };
  loop(problem, y, grad, truth.values);
  const cases = systems.map(({ name, isOurs, prepare }) => ({
    name,
    system: { isOurs, prepare: () => prepare(problem, y, grad) },
    problem,
    input: y,
    truth,
  }));
  return { operation, shape, axis, rows, cols, why, systems: await compare(what, cases, budget) };
}

function print({ operation, shape, why, systems }) {
  const timed = systems.filter((system) => system.milliseconds);
  const best = timed[0];
  heading(`${operation}, ${shapeLabel({ shape })}: ${why}`);
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
}
