// For Cloudflare Workers, where compiling is forbidden and the platform hands over ready modules.

import relaxed from "../relaxed.wasm";
import simd from "../simd.wasm";
import { type Modules, select, selectSync } from "./backend.js";
import { checkEngineOptions, type EngineOptions, type SoftmaxOptions } from "./check.js";
import { Engine } from "./engine.js";

export type { BackendName } from "./backend.js";
export type { EngineOptions, SoftmaxErrorCode, SoftmaxOptions } from "./check.js";
export { Engine } from "./engine.js";
export { Arena } from "./memory.js";

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
export function softmax(input: Float32Array, options?: SoftmaxOptions): Float32Array {
  return defaultEngine().softmax(input, options);
}
