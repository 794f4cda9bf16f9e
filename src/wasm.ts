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

/**
 * assembly/index.ts as seen from outside. Addresses, strides and sizes are in bytes; `rows`, `cols`, `inner` and `count` are counts.
 * Where an operation does not need a parameter, it may be anything.
 */
export interface Kernel {
  readonly VERSION: { readonly value: number };
  readonly WORK_BYTES: { readonly value: number };
  isRelaxed(x: number): number;
  fuses(x: number): number;
  rows(
    operation: number,
    src: number,
    dst: number,
    rows: number,
    cols: number,
    srcStride: number,
    dstStride: number,
    maxima: number,
    sums: number,
    work: number,
  ): void;
  columns(
    operation: number,
    src: number,
    dst: number,
    rows: number,
    cols: number,
    inner: number,
    stride: number,
    maxima: number,
    sums: number,
    work: number,
  ): void;
  gradientRows(
    operation: number,
    out: number,
    grad: number,
    dst: number,
    rows: number,
    cols: number,
    stride: number,
    dstStride: number,
    work: number,
  ): void;
  gradientColumns(
    operation: number,
    out: number,
    grad: number,
    dst: number,
    rows: number,
    cols: number,
    inner: number,
    stride: number,
    work: number,
  ): void;

  change(
    at: number,
    majors: number,
    minors: number,
    rowsAreMajor: boolean,
    first: number,
    temperatures: number,
    temperatureIsOne: boolean,
    starts: number,
    ends: number,
    bias: number,
    biasIsFull: boolean,
    mask: number,
    maskIsFull: boolean,
  ): void;
  widen(format: number, src: number, dst: number, count: number): void;
  round(format: number, src: number, dst: number, count: number): void;

  // A row that is too long, in pieces.
  beginWide(slot: number, rows: number): void;
  findMaxima(src: number, rows: number, length: number, stride: number, slot: number): void;
  findWideShifts(operation: number, slot: number, count: number, maxima: number): void;
  sumWide(operation: number, src: number, dst: number, length: number, slot: number): void;
  findWideResults(operation: number, slot: number, count: number, cols: number, sums: number): void;
  finishWide(operation: number, src: number, dst: number, length: number, slot: number): void;
  storeValues(operation: number, slots: number, count: number, values: number, sums: number): void;
  gradientPiece(
    finishes: boolean,
    operation: number,
    out: number,
    grad: number,
    dst: number,
    length: number,
    slot: number,
  ): void;

  // At most 32 rows side by side that are too long, in pieces.
  begin(slots: number, groups: number): void;
  findColumnMaxima(src: number, count: number, length: number, stride: number, work: number): void;
  findShifts(operation: number, slots: number, count: number, maxima: number): void;
  sumColumns(
    operation: number,
    src: number,
    dst: number,
    count: number,
    length: number,
    stride: number,
    cols: number,
    work: number,
  ): void;
  findResults(operation: number, slots: number, count: number, cols: number, sums: number): void;
  finishColumns(
    operation: number,
    src: number,
    dst: number,
    count: number,
    length: number,
    stride: number,
    work: number,
  ): void;
  gradientColumnsPiece(
    finishes: boolean,
    operation: number,
    out: number,
    grad: number,
    dst: number,
    count: number,
    length: number,
    stride: number,
    work: number,
  ): void;
}

/** Counts changes of the interface above: a module of another version is refused rather than misunderstood. */
export const KERNEL_VERSION = 9;
