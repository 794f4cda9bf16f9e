// The functions of an entry whose kernels come from elsewhere than index.ts has them, and which are otherwise the same.

import { type Modules, select, selectSync } from "./backend.js";
import { checkEngineOptions } from "./check.js";
import { Engine, type EngineConstructor } from "./engine.js";
import type * as main from "./index.js";
import type { StartKernel } from "./place.js";

type Names =
  | "createEngine"
  | "createEngineSync"
  | "defaultEngine"
  | "softmax"
  | "logSoftmax"
  | "logSumExp"
  | "rowStats"
  | "softmaxFromStats"
  | "softmaxBackward"
  | "logSoftmaxBackward";

export type Entry = Pick<typeof main, Names>;

/** @internal */
export function entryOf(modules: Modules, startKernel: StartKernel): Entry {
  let shared: Engine | undefined;
  const entry: Entry = {
    createEngine: async (options) =>
      new (Engine as unknown as EngineConstructor)(
        await select(checkEngineOptions("createEngine", options), modules, startKernel),
      ),
    createEngineSync: (options) =>
      new (Engine as unknown as EngineConstructor)(
        selectSync(checkEngineOptions("createEngineSync", options), modules, startKernel),
      ),
    defaultEngine() {
      if (shared === undefined || shared.disposed) shared = entry.createEngineSync();
      return shared;
    },
    softmax: (input, options) => entry.defaultEngine().softmax(input, options),
    logSoftmax: (input, options) => entry.defaultEngine().logSoftmax(input, options),
    logSumExp: (input, options) => entry.defaultEngine().logSumExp(input, options),
    rowStats: (input, options) => entry.defaultEngine().rowStats(input, options),
    softmaxFromStats: (input, stats, options) => entry.defaultEngine().softmaxFromStats(input, stats, options),
    softmaxBackward: (probs, grad, options) => entry.defaultEngine().softmaxBackward(probs, grad, options),
    logSoftmaxBackward: (logProbs, grad, options) => entry.defaultEngine().logSoftmaxBackward(logProbs, grad, options),
  };
  return entry;
}
