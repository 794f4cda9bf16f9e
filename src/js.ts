// softmax-wasm/js: the same functions on the fallback alone, without a byte of WebAssembly.

import { type Modules, select, selectSync } from "./backend.js";
import { checkEngineOptions, type EngineOptions, type SoftmaxOptions } from "./check.js";
import { Engine } from "./engine.js";

export type { BackendName } from "./backend.js";
export type { EngineOptions, SoftmaxErrorCode, SoftmaxOptions } from "./check.js";
export { Engine } from "./engine.js";
export { Arena } from "./memory.js";

function refuse(): never {
  throw new Error("softmax-wasm/js has no WebAssembly in it");
}

const none: Modules = { now: refuse, soon: async () => refuse() };

/** As in the main entry. */
export async function createEngine(options?: EngineOptions): Promise<Engine> {
  return Engine.of(await select(checkEngineOptions("createEngine", options), none));
}

/** As in the main entry. */
export function createEngineSync(options?: EngineOptions): Engine {
  return Engine.of(selectSync(checkEngineOptions("createEngineSync", options), none));
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
