// In a process of its own: what the first call of one system takes, and what came before it. Prints milliseconds as JSON.
// The input is there beforehand; loading the library, compiling it and placing the data is `prepare`.

import { logits } from "../inputs.mjs";
import { problemOf } from "../shapes.mjs";
import { systems } from "../systems.mjs";

const { name, rows, cols } = JSON.parse(process.argv[2]);
const system = systems.find((one) => one.name === name);
const input = logits(rows, cols);

const start = performance.now();
const { run } = await system.prepare(problemOf([rows, cols]), input);
const prepared = performance.now();
await run();
const ran = performance.now();
for (let call = 2; call < 10; call++) await run();
const beforeTenth = performance.now();
await run();
const tenth = performance.now() - beforeTenth;
process.stdout.write(`${JSON.stringify({ prepare: prepared - start, first: ran - prepared, tenth })}\n`, () =>
  process.exit(),
);
