// The public names. Importing does no work and never throws; the first call chooses a back end.

export type { BackendName } from "./backend.js";
export type { EngineOptions, SoftmaxErrorCode, SoftmaxOptions } from "./check.js";
export { createEngine, createEngineSync, defaultEngine, Engine, softmax } from "./engine.js";
export { Arena } from "./memory.js";
