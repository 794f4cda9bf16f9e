// What the library does here, in a page or a Worker, as a record that can be sent.

import { createEngine, createEngineSync, defaultEngine, softmax } from "./package/build/esm/index.js";

const atImport = { ...globalThis.counts };

function outcome({ backend, reason }) {
  return { backend, reason };
}

/** An engine asked for by name, or the error in its place. */
function named(backend) {
  try {
    return createEngineSync({ backend }).backend;
  } catch ({ code, cause }) {
    return { code, cause: cause?.name };
  }
}

export async function calls() {
  const requests = performance.getEntriesByType("resource").length;
  const shared = globalThis.SharedArrayBuffer && new Float32Array(new SharedArrayBuffer(16));
  return {
    atImport,
    probabilities: [...softmax(new Float32Array([0, 0, -Infinity, 0, 705, 705, 705, 705]), { cols: 4 })],
    shared: shared && [...softmax(shared)],
    isolated: globalThis.crossOriginIsolated,
    first: outcome(defaultEngine()),
    awaited: outcome(await createEngine()),
    named: Object.fromEntries(["relaxed", "simd", "js"].map((name) => [name, named(name)])),
    requests: performance.getEntriesByType("resource").length - requests,
    counts: { ...globalThis.counts },
  };
}
