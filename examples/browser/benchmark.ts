// Runs the benchmark in a Worker, and shows how far it is.

import { found } from "./page.js";
import { clear, showMissing, showShape, summary } from "./results.js";
import type { Message } from "./subject.js";

const button = found("run", HTMLButtonElement);
const progress = found("progress", HTMLProgressElement);
const state = found("state", HTMLElement);

let worker: Worker | undefined;

export function startBenchmark(): void {
  button.addEventListener("click", () => {
    if (worker === undefined) start();
    else stop("Cancelled.");
  });
}

function start(): void {
  clear();
  button.textContent = "Cancel";
  progress.value = 0;
  progress.hidden = false;
  state.textContent = "Measuring …";
  try {
    worker = new Worker(new URL("./measure.ts", import.meta.url), { type: "module" });
  } catch (error) {
    failed((error as Error).message);
    return;
  }
  worker.addEventListener("message", ({ data }) => heard(data));
  worker.addEventListener("error", (event) => {
    event.preventDefault();
    failed(event.message);
  });
}

function failed(why: string | undefined): void {
  stop(`The benchmark cannot run here: ${why || "the browser does not start its Worker"}.`);
}

function heard(message: Message): void {
  if (message.kind === "missing") showMissing(message.name, message.reason);
  else if (message.kind === "shape") showShape(message.cols, message.figures);
  else if (message.kind === "progress") progress.value = message.part;
  else if (message.kind === "wrong")
    stop(`${message.name} gives a wrong result, so nothing is measured: ${message.what}.`);
  else stop(summary());
}

function stop(text: string): void {
  worker?.terminate();
  worker = undefined;
  button.textContent = "Run the benchmark again";
  progress.hidden = true;
  state.textContent = text;
}
