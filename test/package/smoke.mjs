// One suite for every engine and every bundle: takes the package's names, uses nothing but the language, and returns what it
// found. `hashes` are of the result's bits, to be compared between engines.

const BOUNDS = { relaxed: 3, simd: 3, js: 1 }; // ULP
const LENGTHS = [1, 2, 3, 4, 7, 10, 63, 64, 65, 100, 257, 1000, 4099, 300_001]; // the last is longer than the scratch
const SPREADS = [1, 20, 200, 3e38]; // small, usual, beyond where the reduction is exact, all of float32

/** The same rows everywhere: a linear congruential generator, whole numbers only. */
function rowOf(length, spread) {
  let state = length;
  return Float32Array.from({ length }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return (state / 2 ** 31 - 1) * spread;
  });
}

/** Largest error of a row, in ULP of the true value. Terms that may be flushed to 0 are left out. */
function errorOf(row, got) {
  const max = row.reduce((a, b) => Math.max(a, b), -Infinity);
  const terms = Float64Array.from(row, (x) => Math.exp(x - max));
  const sum = terms.reduce((a, b) => a + b, 0);
  let worst = 0;
  for (let i = 0; i < row.length; i++) {
    if (terms[i] < 2 ** -125) continue;
    const want = terms[i] / sum;
    const ulp = 2 ** (Math.max(Math.floor(Math.log2(want)), -126) - 23);
    const error = Math.abs(got[i] - want) / ulp;
    worst = Math.max(worst, error); // keeps a NaN
  }
  return worst;
}

/** FNV-1a of the bits. */
function hashOf(arrays) {
  let hash = 0x811c9dc5;
  for (const array of arrays)
    for (const byte of new Uint8Array(array.buffer, array.byteOffset, array.byteLength))
      hash = Math.imul(hash ^ byte, 0x01000193);
  return (hash >>> 0).toString(16).padStart(8, "0");
}

const same = (a, b) => a.length === b.length && a.every((x, i) => Object.is(x, b[i]));

function codeOf(action) {
  try {
    action();
  } catch (error) {
    return error.code;
  }
  return "no error";
}

export async function smoke(library) {
  const { softmax, createEngine, createEngineSync, defaultEngine, Engine, Arena } = library;
  const failures = [];
  let passed = 0;
  const check = (name, right, detail = "") => {
    if (right) passed++;
    else failures.push(`${name} ${detail}`.trim());
  };

  check("defaultEngine", defaultEngine() instanceof Engine);
  const [half] = softmax(new Float32Array([5, 5]));
  check("softmax", half === 0.5, half);

  const hashes = {};
  const refused = {};
  for (const backend of ["relaxed", "simd", "js"]) {
    let engine;
    try {
      engine = await createEngine({ backend });
    } catch (error) {
      refused[backend] = error.message;
      check(`${backend}: refused with its code`, error.code === "ERR_SOFTMAX_BACKEND", error.message);
      check(`${backend}: refused at once, too`, codeOf(() => createEngineSync({ backend })) === "ERR_SOFTMAX_BACKEND");
      continue;
    }
    check(`${backend}: is what runs`, engine.backend === backend && engine.reason !== "", engine.backend);
    hashes[backend] = hashOf(accuracy(engine, check));
    special(engine, check);
    arenas(engine, Arena, check);
    errors(engine, createEngineSync, check);
    engine.dispose();
    check(`${backend}: disposed of`, codeOf(() => engine.softmax(new Float32Array(1))) === "ERR_SOFTMAX_DISPOSED");
  }

  const { backend, reason } = defaultEngine();
  return { backend, reason, passed, failures, hashes, refused };
}

/** Checks each row by itself, and returns the results. */
function accuracy(engine, check) {
  const results = [];
  for (const length of LENGTHS)
    for (const spread of SPREADS) {
      const row = rowOf(length, spread);
      const got = engine.softmax(row);
      const error = errorOf(row, got);
      check(`${engine.backend}: ${length} × ±${spread}`, error <= BOUNDS[engine.backend], `off by ${error} ULP`);
      const logs = engine.logSoftmax(row);
      const [logSum] = engine.logSumExp(row);
      const slack = 4e-7 * (spread + Math.abs(logSum) + 1); // logSum is rounded
      const fits = logs.every((l, i) => {
        const want = row[i] - logSum;
        return l === Math.fround(want) || Math.abs(l - want) <= slack; // the first is for −∞
      });
      check(`${engine.backend}: ${length} × ±${spread}, logarithms`, fits);
      results.push(got, logs, Float32Array.of(logSum));
    }
  return results;
}

function special(engine, check) {
  const name = engine.backend;
  const { fround } = Math;
  for (const k of [1, 3, 7, 100, 5000])
    check(
      `${name}: ${k} equal`,
      engine.softmax(new Float32Array(k).fill(-7)).every((y) => y === fround(1 / k)),
    );
  const odd = engine.softmax(new Float32Array([0, -Infinity, Infinity, 0, NaN, 1, -Infinity, -Infinity]), { cols: 2 });
  check(`${name}: infinities and NaN`, same(odd, Float32Array.of(1, 0, NaN, NaN, NaN, NaN, NaN, NaN)), odd);
  check(`${name}: nothing`, engine.softmax(new Float32Array(0), { cols: 3 }).length === 0);

  const batch = rowOf(210, 9);
  const want = engine.softmax(batch, { cols: 7 });
  check(`${name}: a shape`, same(engine.softmax(batch, { shape: [5, 6, 7], axis: -1 }), want));
  const third = engine.softmax(batch.subarray(14, 21));
  check(`${name}: a row by itself`, same(third, want.subarray(14, 21)));
  const inPlace = batch.slice();
  check(`${name}: in place`, engine.softmax(inPlace, { cols: 7, out: inPlace }) === inPlace && same(inPlace, want));
}

function arenas(engine, Arena, check) {
  const name = engine.backend;
  const arena = engine.createArena(4096);
  const array = arena.alloc(1000);
  array.set(rowOf(1000, 30));
  const want = engine.softmax(array.slice(), { cols: 100 });
  engine.softmax(array, { cols: 100, out: array });
  check(`${name}: arena`, arena instanceof Arena && same(array, want));
  check(`${name}: full arena`, codeOf(() => arena.alloc(1000)) === "ERR_SOFTMAX_ARENA_FULL");
  arena.reset();
  check(`${name}: reset`, arena.alloc(1000).byteOffset === array.byteOffset);
  arena.dispose();
  check(`${name}: disposed arena`, codeOf(() => arena.alloc(1)) === "ERR_SOFTMAX_DISPOSED");
}

function errors(engine, createEngineSync, check) {
  const row = new Float32Array(4);
  const cases = {
    ERR_SOFTMAX_TYPE: () => engine.softmax([1, 2]),
    ERR_SOFTMAX_VALUE: () => engine.softmax(row, { cols: -1 }),
    ERR_SOFTMAX_LENGTH: () => engine.softmax(row, { out: new Float32Array(3) }),
    ERR_SOFTMAX_OPTION: () => engine.softmax(row, { columns: 2 }),
    ERR_SOFTMAX_BACKEND: () => createEngineSync({ module: {} }),
  };
  for (const [code, action] of Object.entries(cases))
    check(`${engine.backend}: ${code}`, codeOf(action) === code, codeOf(action));
}
