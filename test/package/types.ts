// What users write, for the type checkers of bundlers.test.mjs: as a module and as CommonJS, with no lib but es2022.

import type { Arena, BackendName, Engine, EngineOptions, SoftmaxErrorCode, SoftmaxOptions } from "softmax-wasm";
import { createEngine, createEngineSync, defaultEngine, mergeRowStats, rowStats, softmax } from "softmax-wasm";
import * as fallback from "softmax-wasm/js";

declare const console: { log(text: string): void };

const layout: SoftmaxOptions = { cols: 3 };
const setup: EngineOptions = { backend: "auto", deterministic: false };
const engine: Engine = createEngineSync(setup);
const name: BackendName = engine.backend;
const arena: Arena = engine.createArena(1024);
const row: Float32Array = arena.alloc(3);
row.set([3, 3, -Infinity]);
/** `Float32Array<ArrayBuffer>`, as `new Response(…)` wants it; before TypeScript 5.7 that has no name. */
const owned: ReturnType<Float32ArrayConstructor["of"]> = softmax(row);
const shared = new Float32Array(new SharedArrayBuffer(12));
/** New statistics are in arrays of that class, too; those that were given stay what they are. */
const maxima: ReturnType<Float32ArrayConstructor["of"]> = mergeRowStats(rowStats(row), rowStats(row)).max;
const given = { max: new Float32Array(new SharedArrayBuffer(4)), sum: new Float64Array(1), name: "of mine" };
const kept: string = engine.rowStats(row, { out: given }).name;
const results: Float32Array[] = [
  engine.softmax(row, layout),
  softmax(row, { shape: [1, 3], axis: -1, out: new Float32Array(3) }),
  owned,
  defaultEngine().softmax(row),
  fallback.createEngineSync().softmax(row),
  softmax(shared, { out: shared }).fill(0.5, 0, 2).fill(0, 2),
];

/** Never called: the type checker must refuse what the comments say, and accept the rest. */
export async function unused(): Promise<SoftmaxErrorCode> {
  // @ts-expect-error: not a Float32Array
  softmax([1, 2, 3]);
  // @ts-expect-error: no such option
  softmax(row, { columns: 3 });
  // @ts-expect-error: no such back end
  await createEngine({ backend: "gpu" });
  const other: fallback.Engine = await createEngine();
  other[Symbol.dispose]();
  return "ERR_SOFTMAX_TYPE";
}

const [first, ...others] = results.map(String);
if (others.some((text) => text !== first)) throw new Error(`${name}: ${results.join("; ")}`);
if (maxima[0] !== given.max[0] || kept !== given.name) throw new Error(`${name}: ${maxima}, ${given.max}`);
console.log(String(first));
