// softmax-wasm through its public API: every back end, with the data in an arena and in plain arrays. The `js` back end has
// one case only: its arenas are plain memory, the path is the same.

const engines = new Map();

/** One engine per back end, as an application would have. */
export async function engineOf(backend) {
  if (!engines.has(backend)) {
    const { createEngineSync } = await import("../build/esm/index.js");
    engines.set(backend, createEngineSync({ backend }));
  }
  return engines.get(backend);
}

const inArena = (backend) => ({
  name: `${backend}, arena`,
  isOurs: true,
  backend,
  includes: "one call for the whole batch; input and output lie in one arena of the engine, apart from each other",
  async prepare(_rows, cols, input) {
    const engine = await engineOf(backend);
    const arena = engine.createArena(8 * input.length + 32);
    const logits = arena.alloc(input.length);
    const out = arena.alloc(input.length);
    logits.set(input);
    return {
      run: () => engine.softmax(logits, { cols, out }),
      output: () => out,
      dispose: () => arena.dispose(),
    };
  },
});

const inArrays = (backend) => ({
  name: `${backend}, arrays`,
  isOurs: true,
  backend,
  includes: "one call for the whole batch; input and output are ordinary Float32Arrays, all copies included",
  async prepare(_rows, cols, input) {
    const engine = await engineOf(backend);
    const out = new Float32Array(input.length);
    return { run: () => engine.softmax(input, { cols, out }), output: () => out, dispose() {} };
  },
});

export default [inArena("relaxed"), inArrays("relaxed"), inArena("simd"), inArrays("simd"), inArrays("js")];
