import { defaultEngine } from "softmax-wasm";
import { startBenchmark } from "./benchmark.js";
import { found } from "./page.js";
import { startPlayground } from "./playground.js";

const { backend, reason } = defaultEngine();
const name = document.createElement("strong");
name.textContent = backend;
found("runs", HTMLElement).replaceChildren("Back end: ", name, `, because ${reason.replace(/\.$/, "")}.`);

startPlayground();
startBenchmark();
