// Section `operations`: what there is beside softmax of the last axis. Logarithms and other axes against the rivals, gradients, then
// what our options cost (logarithms.mjs, axis.mjs, gradients.mjs, options.mjs).

import { axis } from "./axis.mjs";
import { gradients } from "./gradients.mjs";
import { logarithms } from "./logarithms.mjs";
import { options } from "./options.mjs";

export async function run({ quick, systems, wantsShape }) {
  const context = {
    systems: systems.filter(({ isFloor }) => !isFloor),
    wants: (shape, label) => wantsShape(label(shape)) && (shape.quick || !quick),
    budget: quick ? { rounds: 3, milliseconds: 6, iterations: 1 } : { rounds: 11, milliseconds: 20 },
  };
  return {
    logarithms: await logarithms(context),
    axis: await axis(context),
    gradients: await gradients(context),
    options: await options(context),
  };
}
