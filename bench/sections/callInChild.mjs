// In a process of its own: calls of one row, one back end, against the plain loop. Prints milliseconds per call as JSON.

import { logits } from "../inputs.mjs";
import { interleaved } from "../measure.mjs";
import { engineOf } from "../ours.mjs";
import { softmax as plainLoop } from "../peers/plainLoop.mjs";
import { callShapes } from "../shapes.mjs";

const { backend, budget } = JSON.parse(process.argv[2]);
const engine = await engineOf(backend);

/** A sample is this many elements' worth of calls: long beside the clock's resolution. */
const ELEMENTS_PER_SAMPLE = 20_000;

const results = [];
for (const { cols } of callShapes) {
  const input = logits(1, cols);
  const out = new Float32Array(cols);
  const loopOut = new Float32Array(cols);
  const arena = engine.createArena(65536);
  const arenaInput = arena.alloc(cols);
  const arenaOut = arena.alloc(cols);
  arenaInput.set(input);
  const kept = { cols, out };
  const repeats = Math.ceil(ELEMENTS_PER_SAMPLE / Math.max(cols, 20));
  const tasks = [
    { name: "loop", repeats, run: () => plainLoop(input, loopOut, 1, cols) },
    { name: "arrays", repeats, run: () => engine.softmax(input, { cols, out }) },
    { name: "arrays, options kept", repeats, run: () => engine.softmax(input, kept) },
    { name: "arena", repeats, run: () => engine.softmax(arenaInput, { cols, out: arenaOut }) },
  ];
  // Optimised code first: the narrow calls come first, and compilers look at whole loops.
  for (const { run } of tasks) for (let i = 0; i < repeats * 20; i++) run();
  const times = await interleaved(tasks, { ...budget, seed: cols });
  for (const array of [out, arenaOut])
    for (let i = 0; i < cols; i++)
      if (!(Math.abs(array[i] - loopOut[i]) <= 1e-3 * loopOut[i]))
        throw new Error(`${backend} is wrong on ${cols} columns`);
  results.push({ cols, times: Object.fromEntries(times) });
}
console.log(JSON.stringify(results));
