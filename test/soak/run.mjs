// `npm run soak`: a million calls, one in ten of which fails, and 10,000 engines with their arenas, in one process, which must not grow;
// arrays from before must be as they were, and results right to the end. `-- --short`: a twentieth of it. SEED sets another seed.

import { parseArgs } from "node:util";
import { createEngineSync } from "../../build/esm/index.js";
import { call, failingCall, integer, pathCount, programs, randomFrom, SEED, Wrong } from "./calls.mjs";
import { growth, mib, sample } from "./memory.mjs";

const { values: options } = parseArgs({ options: { short: { type: "boolean" } } });
const ROUNDS = options.short ? 12 : 30;
const CALLS = (options.short ? 50_000 : 1_000_000) / ROUNDS;
const ENGINES = (options.short ? 500 : 10_000) / ROUNDS;
const PROGRAMS = options.short ? 60 : 400; // of each round
const CHECKED = 8; // one call in so many is compared

const random = randomFrom(70);
const places = [];
for (const name of ["relaxed", "simd", "js"])
  try {
    const engine = createEngineSync({ backend: name });
    const small = createEngineSync({ backend: name, scratchBytes: 4096 });
    const arena = engine.createArena(2 ** 17);
    const kept = engine.createArena(4096).alloc(1000).fill(7);
    places.push({ name, engine, small, arena, kept });
  } catch (error) {
    if (error.code !== "ERR_SOFTMAX_BACKEND") throw error;
    console.log(error.message);
  }

const count = { calls: 0, failed: 0, compared: 0, seen: 0, engines: 0, arenas: 0 };

function makeCalls(target) {
  const learned = programs(random, PROGRAMS, places);
  count.seen += learned.length * places.length;
  for (; count.calls < target; count.calls++) {
    const index = count.calls % places.length;
    if (random() < 0.1) {
      failingCall(random, places[index]);
      count.failed++;
      continue;
    }
    const isCompared = count.calls % CHECKED === 0;
    call(
      learned[integer(random, 0, PROGRAMS - 1)],
      places[index],
      index,
      integer(random, 0, pathCount - 1),
      isCompared,
    );
    if (isCompared) count.compared++;
  }
}

/** Some are disposed of, some only dropped. */
function makeEngines(target) {
  for (; count.engines < target; count.engines++) {
    const { name } = places[count.engines % places.length];
    const engine = createEngineSync({ backend: name, scratchBytes: 2 ** integer(random, 12, 20) });
    for (let i = integer(random, 0, 2); i >= 0; i--, count.arenas++) {
      const arena = engine.createArena(2 ** integer(random, 8, 20));
      const array = arena.alloc(integer(random, 1, 64)).fill(3);
      engine.softmax(array, { out: array });
      const share = Math.fround(1 / array.length);
      if (array.some((p) => p !== share)) throw new Wrong(`${name}: ${array.length} equal logits give ${array[0]}`);
      if (random() < 0.8) arena.dispose();
    }
    if (random() < 0.8) engine.dispose();
  }
}

function checkKept() {
  for (const { name, kept } of places)
    if (kept.length !== 1000 || kept.some((x) => x !== 7)) throw new Wrong(`${name}: an array from before has changed`);
}

console.log(`SEED=${SEED}, Node ${process.versions.node}, back ends ${places.map(({ name }) => name).join(", ")}`);
console.log(" calls  engines      RSS  heapUsed  external  arrayBuffers, MiB");
const samples = [];
for (let round = 1; round <= ROUNDS; round++) {
  makeCalls(Math.round(round * CALLS));
  makeEngines(Math.round(round * ENGINES));
  checkKept();
  const now = await sample();
  samples.push(now);
  const cells = [now.rss, now.heapUsed, now.external, now.arrayBuffers].map((bytes, i) =>
    mib(bytes).padStart(i < 2 ? 9 : 10),
  );
  console.log(`${String(count.calls).padStart(7)}${String(count.engines).padStart(8)}${cells.join("")}`);
}
makeCalls(count.calls); // the oracle, once more
checkKept();

const figures = growth(samples);
for (const { name, bytes, most } of figures)
  console.log(`${name} grew by ${mib(bytes)} MiB, at most ${mib(most)}${bytes <= most ? "" : ": NOT FLAT"}`);
console.log(
  `${count.calls} calls, ${count.failed} of which failed as they must, ${count.compared} compared bit for bit; ` +
    `${count.seen} results seen by the oracle; ${count.engines} engines with ${count.arenas} arenas`,
);
if (figures.some(({ bytes, most }) => bytes > most)) process.exitCode = 1;
