// softmax-wasm/js: the same functions on the fallback alone. No kernel, nor place.ts and what is below it, comes into a bundle of it:
// which is why those are handed to backend.ts by each entry.

import type { Modules } from "./backend.js";
import { type Entry, entryOf } from "./entry.js";

export { Arena } from "./arena.js";
export { Engine } from "./engine.js";
export type * from "./options.js";
export { mergeRowStats } from "./stats.js";

function refuse(): never {
  throw new Error("softmax-wasm/js has no WebAssembly in it");
}

const none: Modules = { now: refuse, soon: async () => refuse() };

const entry: Entry = /* @__PURE__ */ entryOf(none, refuse);

export const createEngine: Entry["createEngine"] = entry.createEngine;
export const createEngineSync: Entry["createEngineSync"] = entry.createEngineSync;
export const defaultEngine: Entry["defaultEngine"] = entry.defaultEngine;
export const softmax: Entry["softmax"] = entry.softmax;
export const logSoftmax: Entry["logSoftmax"] = entry.logSoftmax;
export const logSumExp: Entry["logSumExp"] = entry.logSumExp;
export const rowStats: Entry["rowStats"] = entry.rowStats;
export const softmaxFromStats: Entry["softmaxFromStats"] = entry.softmaxFromStats;
export const softmaxBackward: Entry["softmaxBackward"] = entry.softmaxBackward;
export const logSoftmaxBackward: Entry["logSoftmaxBackward"] = entry.logSoftmaxBackward;
