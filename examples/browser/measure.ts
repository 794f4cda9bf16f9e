// The benchmark itself, as a Worker: all systems in turns on the same logits, so that a slow spell hits each of them.

import { createEngineSync } from "softmax-wasm";
import { generator, logits, shuffled } from "../../bench/inputs.mjs";
import { softmax as plainLoop } from "../../bench/peers/plainLoop.mjs";
import { judge, truthOf } from "../../bench/truth.mjs";
import { ELEMENTS, type Message, SHAPES, type SystemName } from "./subject.js";

const ROUNDS = 9;

/** A turn takes at least this long: twenty times what a browser's clock may be off by. */
const TURN_MILLISECONDS = 20;

type Softmax = (input: Float32Array, out: Float32Array, cols: number) => void;

const tell = (message: Message) => postMessage(message);

/** Those that run here; the page is told about the others. */
function systems(): [SystemName, Softmax][] {
  const running: [SystemName, Softmax][] = [];
  for (const name of ["relaxed", "simd", "js"] as const) {
    try {
      const engine = createEngineSync({ backend: name });
      running.push([name, (input, out, cols) => engine.softmax(input, { cols, out })]);
    } catch (error) {
      const { message, cause } = error as Error;
      tell({ kind: "missing", name, reason: cause instanceof Error ? cause.message : message });
    }
  }
  running.push(["plain loop", (input, out, cols) => plainLoop(input, out, input.length / cols, cols)]);
  return running;
}

function timed(run: () => void, repeats: number): number {
  const start = performance.now();
  for (let i = 0; i < repeats; i++) run();
  return performance.now() - start;
}

/** How many runs fill a turn. Finding out also makes the engine compile them for good. */
function repeatsOf(run: () => void): number {
  let repeats = 1;
  for (;;) {
    const milliseconds = timed(run, repeats);
    if (milliseconds >= TURN_MILLISECONDS) return repeats;
    repeats = Math.ceil(repeats * Math.min(8, (1.2 * TURN_MILLISECONDS) / Math.max(milliseconds, 1)));
  }
}

function median(samples: readonly number[]): number {
  return [...samples].sort((a, b) => a - b)[samples.length >> 1]!;
}

const running = systems();
const random = generator(1);
const input: Float32Array = logits(1, ELEMENTS);
const out = new Float32Array(ELEMENTS);
const turns = SHAPES.length * running.length * (ROUNDS + 1);
let turn = 0;
const taken = () => tell({ kind: "progress", part: ++turn / turns });

for (const cols of SHAPES) {
  const truth = truthOf({ operation: "softmax", rows: ELEMENTS / cols, cols, inner: 1 }, input);
  const tasks = running.map(([name, softmax]) => {
    const run = () => softmax(input, out, cols);
    run();
    const { maxUlp, wrong } = judge(truth, out);
    if (wrong !== undefined) tell({ kind: "wrong", name, what: wrong });
    const task = { name, run, error: maxUlp ?? Infinity, repeats: repeatsOf(run), samples: [] as number[] };
    taken();
    return task;
  });
  for (let round = 0; round < ROUNDS; round++)
    for (const { run, repeats, samples } of shuffled(tasks, random) as typeof tasks) {
      samples.push((timed(run, repeats) / repeats / ELEMENTS) * 1e6);
      taken();
    }
  const figures = tasks.map(({ name, samples, error }) => [name, { time: median(samples), error }]);
  tell({ kind: "shape", cols, figures: Object.fromEntries(figures) });
}

tell({ kind: "done" });
