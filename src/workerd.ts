// For Cloudflare Workers, where compiling is forbidden and the platform hands over ready modules.

import relaxed from "../relaxed.wasm";
import simd from "../simd.wasm";
import { type Modules, select, selectSync } from "./backend.js";
import { checkEngineOptions, type EngineOptions } from "./check.js";
import { Engine } from "./engine.js";
import type {
  BackwardOptions,
  Elements,
  LogSumExpOptions,
  RowStats,
  RowStatsOptions,
  SoftmaxOptions,
} from "./options.js";

export type { BackendName } from "./backend.js";
export type { EngineOptions, SoftmaxErrorCode } from "./check.js";
export { Engine } from "./engine.js";
export { Arena } from "./memory.js";
export type {
  BackwardOptions,
  Elements,
  Float16Elements,
  LayoutOptions,
  LogitOptions,
  LogSumExpOptions,
  ResultOptions,
  RowStats,
  RowStatsOptions,
  SoftmaxOptions,
} from "./options.js";
export { mergeRowStats } from "./stats.js";

const modules = { relaxed, simd };
const imported: Modules = { now: (name) => modules[name], soon: async (name) => modules[name] };

/** As in the main entry. */
export async function createEngine(options?: EngineOptions): Promise<Engine> {
  return Engine.of(await select(checkEngineOptions("createEngine", options), imported));
}

/** As in the main entry. */
export function createEngineSync(options?: EngineOptions): Engine {
  return Engine.of(selectSync(checkEngineOptions("createEngineSync", options), imported));
}

let shared: Engine | undefined;

/** As in the main entry. */
export function defaultEngine(): Engine {
  if (shared === undefined || shared.disposed) shared = createEngineSync();
  return shared;
}

/** As in the main entry. */
export function softmax<Out extends Elements = Float32Array>(
  input: Elements,
  options?: SoftmaxOptions<Out>,
): NoInfer<Out> {
  return defaultEngine().softmax(input, options);
}

/** As in the main entry. */
export function logSoftmax<Out extends Elements = Float32Array>(
  input: Elements,
  options?: SoftmaxOptions<Out>,
): NoInfer<Out> {
  return defaultEngine().logSoftmax(input, options);
}

/** As in the main entry. */
export function logSumExp<Out extends Elements = Float32Array>(
  input: Elements,
  options?: LogSumExpOptions<Out>,
): NoInfer<Out> {
  return defaultEngine().logSumExp(input, options);
}

/** As in the main entry. */
export function rowStats(input: Elements, options?: RowStatsOptions): RowStats {
  return defaultEngine().rowStats(input, options);
}

/** As in the main entry. */
export function softmaxFromStats<Out extends Elements = Float32Array>(
  input: Elements,
  stats: RowStats,
  options?: SoftmaxOptions<Out>,
): NoInfer<Out> {
  return defaultEngine().softmaxFromStats(input, stats, options);
}

/** As in the main entry. */
export function softmaxBackward<Out extends Elements = Float32Array>(
  probs: Elements,
  grad: Elements,
  options?: BackwardOptions<Out>,
): NoInfer<Out> {
  return defaultEngine().softmaxBackward(probs, grad, options);
}

/** As in the main entry. */
export function logSoftmaxBackward<Out extends Elements = Float32Array>(
  logProbs: Elements,
  grad: Elements,
  options?: BackwardOptions<Out>,
): NoInfer<Out> {
  return defaultEngine().logSoftmaxBackward(logProbs, grad, options);
}
