// For Cloudflare Workers, where compiling is forbidden and the platform hands over ready modules.

import relaxed from "../relaxed.wasm";
import simd from "../simd.wasm";
import type { Modules } from "./backend.js";
import { type Entry, entryOf } from "./entry.js";
import { startKernel } from "./place.js";

export { Arena } from "./arena.js";
export { Engine } from "./engine.js";
export type * from "./options.js";
export { mergeRowStats } from "./stats.js";

const modules = { relaxed, simd };
const imported: Modules = { now: (name) => modules[name], soon: async (name) => modules[name] };

const entry: Entry = /* @__PURE__ */ entryOf(imported, startKernel);

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
