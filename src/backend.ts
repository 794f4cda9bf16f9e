// Which back end runs, and why: the fastest one whose own binary compiles and starts here. Nothing is guessed from the
// engine's name or from a probe: WebAssembly.validate says yes on pages whose content policy forbids to compile.

import type { EngineSetup } from "./check.js";
import { fail } from "./errors.js";
import { jsBackend } from "./fallback.js";
import type { BackendName } from "./options.js";
import type { Backend, StartKernel, WasmName } from "./place.js";

export interface Selection {
  readonly backend: Backend;
  readonly name: BackendName;
  readonly reason: string;
}

/** Where an entry of the package has its kernels from: a ready `WebAssembly.Module`, or an error that says why not. */
export interface Modules {
  now(name: WasmName): object;
  soon(name: WasmName): Promise<object>;
}

/** Why a binary does not run here. */
interface Refusal {
  readonly name: WasmName;
  readonly cause: unknown;
}

export function selectSync(setup: EngineSetup, modules: Modules, startKernel: StartKernel): Selection {
  if (setup.module !== undefined) return startGiven(setup.module, setup, startKernel);
  const refusals: Refusal[] = [];
  for (const name of candidates(setup)) {
    try {
      return start(modules.now(name), setup, startKernel, refusals);
    } catch (cause) {
      refusals.push({ name, cause });
    }
  }
  return withoutWasm(setup, refusals);
}

/** As `selectSync`, but compiles off the caller's thread. */
export async function select(setup: EngineSetup, modules: Modules, startKernel: StartKernel): Promise<Selection> {
  if (setup.module !== undefined) return startGiven(setup.module, setup, startKernel);
  const refusals: Refusal[] = [];
  for (const name of candidates(setup)) {
    try {
      return start(await modules.soon(name), setup, startKernel, refusals);
    } catch (cause) {
      refusals.push({ name, cause });
    }
  }
  return withoutWasm(setup, refusals);
}

/** The binaries to try, best first. */
function candidates({ backend, deterministic }: EngineSetup): readonly WasmName[] {
  if (backend === "js") return [];
  if (backend !== "auto") return [backend];
  return deterministic ? ["simd"] : ["relaxed", "simd"];
}

function start(module: object, setup: EngineSetup, startKernel: StartKernel, refusals: readonly Refusal[]): Selection {
  const { backend, name } = startKernel(module, setup.scratchBytes);
  return { backend, name, reason: reasonFor(name, setup, refusals) };
}

function startGiven(module: object, setup: EngineSetup, startKernel: StartKernel): Selection {
  const { backend, deterministic } = setup;
  try {
    const selection = start(module, setup, startKernel, []);
    if (backend !== "auto" && backend !== selection.name) throw new Error(`it is the ${selection.name} kernel`);
    if (deterministic && selection.name === "relaxed") throw new Error("the relaxed kernel is not deterministic");
    return selection;
  } catch (cause) {
    fail("ERR_SOFTMAX_BACKEND", `${setup.what}: "module" cannot be used: ${firstLine(cause)}`, cause);
  }
}

function reasonFor(name: BackendName, setup: EngineSetup, refusals: readonly Refusal[]): string {
  if (setup.module !== undefined) return `${name} is the kernel of the given module`;
  if (setup.backend !== "auto") return `${name} was asked for`;
  if (setup.deterministic) return "simd is deterministic, as was asked for";
  return refusals.length === 0 ? `${name} is the fastest, and it runs here` : told(refusals);
}

/** The fallback, unless something else was asked for. */
function withoutWasm(setup: EngineSetup, refusals: readonly Refusal[]): Selection {
  const { backend, deterministic } = setup;
  if (backend !== "js" && (backend !== "auto" || deterministic))
    fail("ERR_SOFTMAX_BACKEND", `${setup.what}: ${told(refusals)}`, refusals[0]?.cause);
  return { backend: jsBackend, name: "js", reason: reasonFor("js", setup, refusals) };
}

function told(refusals: readonly Refusal[]): string {
  return refusals.map(({ name, cause }) => `${name} cannot run: ${firstLine(cause)}`).join("; ");
}

function firstLine(cause: unknown): string {
  try {
    return String(cause instanceof Error ? cause.message : cause).split("\n", 1)[0]!;
  } catch {
    return "it threw what has no text"; // an object without a prototype, say
  }
}
