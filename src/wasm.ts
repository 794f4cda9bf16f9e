// The little of WebAssembly that this library uses, as structural types (the namespace is missing from `lib: es2022`, and
// so from our users' type checks), and the interface of our own binaries.

interface WasmMemory {
  readonly buffer: ArrayBuffer;
}

interface WasmNamespace {
  Module: new (bytes: Uint8Array) => object;
  Instance: new (module: object, imports: object) => { readonly exports: object };
  Memory: new (descriptor: { initial: number; maximum: number }) => WasmMemory;
  compile(bytes: Uint8Array): Promise<object>;
}

/** The global, looked up at each use: it may be absent (`node --jitless`, some React Native engines). */
export function webAssembly(): WasmNamespace {
  const namespace = (globalThis as { WebAssembly?: WasmNamespace }).WebAssembly;
  if (typeof namespace !== "object") throw new Error("there is no WebAssembly here");
  return namespace;
}

/** assembly/index.ts as seen from outside. Addresses and sizes are in bytes, `rows` and `cols` are counts. */
export interface Kernel {
  readonly VERSION: { readonly value: number };
  readonly RELAXED: { readonly value: number };
  readonly WORK_BYTES: { readonly value: number };
  fuses(x: number): number;
  softmax(src: number, dst: number, rows: number, cols: number, work: number): void;
  begin(slot: number): void;
  findMax(src: number, cols: number, slot: number, row: number): void;
  findShifts(slot: number): void;
  sumTerms(src: number, dst: number, cols: number, slot: number, row: number): void;
  findFactors(slot: number): void;
  scale(dst: number, cols: number, slot: number, row: number): void;
}

/** Counts changes of the interface above: a module of another version is refused rather than misunderstood. */
export const KERNEL_VERSION = 1;
