// softmax-wasm through its public API: every back end, with the data in an arena and in plain arrays. The `js` back end has
// one case only: its arenas are plain memory, the path is the same.

import { answerLength } from "./shapes.mjs";

const engines = new Map();

/** One engine per back end, as an application would have. */
export async function engineOf(backend) {
  if (!engines.has(backend)) {
    const { createEngineSync } = await import("../build/esm/index.js");
    engines.set(backend, createEngineSync({ backend }));
  }
  return engines.get(backend);
}

const layoutOf = ({ shape, axis, cols, inner }) => (inner === 1 ? { cols } : { shape, axis });

const inArena = (backend) => ({
  name: `${backend}, arena`,
  isOurs: true,
  inArena: true,
  backend,
  includes: "one call for the whole batch; input and output lie in one arena of the engine, apart from each other",
  async prepare(problem, input) {
    const engine = await engineOf(backend);
    const length = answerLength(problem);
    const arena = engine.createArena(4 * (input.length + length) + 32);
    const logits = arena.alloc(input.length);
    const options = { ...layoutOf(problem), out: arena.alloc(length) };
    logits.set(input);
    return {
      run: () => engine[problem.operation](logits, options),
      output: () => options.out,
      dispose: () => arena.dispose(),
    };
  },
});

const inArrays = (backend) => ({
  name: `${backend}, arrays`,
  isOurs: true,
  backend,
  includes: "one call for the whole batch; input and output are ordinary Float32Arrays, all copies included",
  async prepare(problem, input) {
    const engine = await engineOf(backend);
    const options = { ...layoutOf(problem), out: new Float32Array(answerLength(problem)) };
    return { run: () => engine[problem.operation](input, options), output: () => options.out, dispose() {} };
  },
});

export default [inArena("relaxed"), inArrays("relaxed"), inArena("simd"), inArrays("simd"), inArrays("js")];
