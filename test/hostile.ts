// Calls of someone who means harm: a random valid call (programs.ts), its arrays on every kind of memory with canaries around them,
// then some of it replaced by what does not belong there, disguised, or trapped by code that runs while the call reads it.
// `Harm.expectOutcome` says what may come of it: an answer, or an error, and nothing written but the result.

import { runInNewContext } from "node:vm";
import type { Arena, BackendName, Elements, Engine, SoftmaxErrorCode } from "softmax-wasm";
import { expect } from "vitest";
import { describeRequest, expectToAnswer } from "./compare.js";
import { CLASS_OF } from "./errors.js";
import { type FormatName, formatOf } from "./formats.js";
import { call, isValue, OPTION_NAMES, type Options, TAKEN_BY } from "./operations.js";
import { lengthOfResult, placesOf, type Request } from "./oracle.js";
import { program } from "./programs.js";
import { integer, type Random } from "./random.js";

export type Typed = Float32Array | Float64Array | Uint8Array | Uint16Array | Uint32Array | Int32Array;
type Constructor = new (buffer: ArrayBufferLike, offset?: number, length?: number) => Typed;

const typedArray: object = Object.getPrototypeOf(Float32Array.prototype);
const truth = (name: PropertyKey) => {
  const { get } = Object.getOwnPropertyDescriptor(typedArray, name)!;
  return (array: unknown): unknown => Reflect.apply(get!, array, []);
};
const kindOf = truth(Symbol.toStringTag) as (array: unknown) => string | undefined;
const lengthOf = truth("length") as (array: unknown) => number;
const offsetOf = truth("byteOffset") as (array: unknown) => number;
const sizeOf = truth("byteLength") as (array: unknown) => number;
export const bufferOf = truth("buffer") as (array: unknown) => ArrayBufferLike;

const CLASSES = { Float32Array, Float64Array, Uint8Array, Uint16Array, Uint32Array, Int32Array } as unknown as Record<
  string,
  Constructor
>;

export function oneOf<T>(random: Random, values: readonly T[]): T {
  return values[integer(random, 0, values.length - 1)]!;
}

export function transfer(buffer: ArrayBufferLike): void {
  structuredClone(buffer, { transfer: [buffer as ArrayBuffer] });
}

export function revoked(target: object): object {
  const { proxy, revoke } = Proxy.revocable(target, {});
  revoke();
  return proxy;
}

/** What the caller's own code throws. */
export class Mine extends Error {}

const raise = (): never => {
  throw new Mine("the caller's code was called that must not be");
};

/** An array of a class that says of itself whatever it can that is wrong, and whose methods throw. */
export function liarOf<T extends Typed>(array: T): T {
  const lies: Record<PropertyKey, PropertyDescriptor> = {};
  for (const name of Reflect.ownKeys(typedArray)) lies[name] = { get: raise };
  for (const name of ["valueOf", "toString", "toJSON", Symbol.toPrimitive, "then"]) lies[name] = { get: raise };
  const lying = { length: 99, byteLength: 3, byteOffset: 4, buffer: new ArrayBuffer(8), BYTES_PER_ELEMENT: 3 };
  for (const [name, value] of Object.entries(lying)) lies[name] = { value };
  return Object.setPrototypeOf(array, Object.create(Object.getPrototypeOf(array), lies));
}

/** All memory that a call can see, as it was when the caller's code last ran. */
export class Memory {
  readonly #parts: { readonly buffer: ArrayBufferLike; readonly from: number; before: Uint8Array }[] = [];

  keep(buffer: ArrayBufferLike, from = 0): void {
    if (!this.#parts.some((part) => part.buffer === buffer))
      this.#parts.push({ buffer, from, before: bytesFrom(buffer, from) });
  }

  /** Runs code of the caller's: nothing may have been written yet. */
  during(code: () => void): void {
    this.expectUntouched();
    code();
    this.remember();
  }

  remember(): void {
    for (const part of this.#parts) part.before = bytesFrom(part.buffer, part.from);
  }

  /** The elements that an array had. */
  contents<T>(array: T): T {
    const part = this.#parts.find(({ buffer }) => buffer === bufferOf(array));
    if (part === undefined) throw new Error(`not kept: ${kindOf(array)}`);
    const start = offsetOf(array) - part.from;
    const bytes = part.before.slice(start, start + sizeOf(array));
    return new CLASSES[kindOf(array)!]!(bytes.buffer) as T;
  }

  /** Fails where a byte has changed, but for those of `outs`. */
  expectUntouched(outs: readonly unknown[] = []): void {
    for (const { buffer, from, before } of this.#parts) {
      const now = bytesFrom(buffer, from);
      for (const out of outs)
        if (bufferOf(out) === buffer) {
          const start = offsetOf(out) - from;
          now.set(before.subarray(start, start + sizeOf(out)), start);
        }
      if (Buffer.compare(now, before) !== 0)
        expect.fail(`byte ${now.findIndex((byte, i) => byte !== before[i])} of ${buffer.byteLength} was written`);
    }
  }
}

function bytesFrom(buffer: ArrayBufferLike, from: number): Uint8Array {
  return buffer.byteLength <= from ? new Uint8Array(0) : new Uint8Array(buffer, from).slice();
}

/** A call as it is meant: what is read, whatever it is read through. */
interface Meant {
  readonly what: Request["operation"];
  readonly outFormat: FormatName;
  input: unknown;
  second: unknown;
  options: unknown;
}

/** What is no argument at all, or hardly one. */
function junk(random: Random): unknown {
  const number = () =>
    oneOf(random, [
      ...[NaN, Infinity, -Infinity, -0, 0, 1, 2, 3, -1, -2, 0.5, 1e-320, -1e-320, 4.000001, 1e308],
      ...[2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 32 + 1, -(2 ** 31), 2 ** 45, 2 ** 53 - 1, 2 ** 53, 2 ** 64],
    ]);
  const coercible = () => ({ valueOf: raise, toString: raise, toJSON: raise, [Symbol.toPrimitive]: raise });
  const other = () =>
    oneOf<() => unknown>(random, [
      () => undefined,
      () => null,
      () => random() < 0.5,
      () => oneOf(random, ["", "4", "zero", "nan", "float16", "bfloat16", "constructor", "__proto__", "\ud800"]),
      () => oneOf(random, [4n, 0n, 2n ** 64n]),
      () => Symbol("4"),
      () => raise,
      () => class extends Float32Array {},
      coercible,
      () => Object.create(null),
      () => Object.create(Float32Array.prototype),
      () => new Number(4),
      () => new Date(NaN),
      () => [[], [4], [undefined], [coercible()], new Array(2 ** 32 - 1)][integer(random, 0, 4)],
      () => revoked([{}, [], new Float32Array(4), raise][integer(random, 0, 3)]!),
      () => new Proxy(new Float32Array(4), {}),
      () => new Proxy({}, { get: raise, ownKeys: raise, has: raise, getPrototypeOf: raise }),
      () => new DataView(new ArrayBuffer(48)),
      () => new SharedArrayBuffer(16),
      () => Promise.resolve(4),
      () => ({ max: junkArray(random), sum: junkArray(random) }),
    ])();
  return oneOf<() => unknown>(random, [number, number, other, other, () => junkArray(random)])();
}

/** An array that may be of the wrong kind, of the wrong length, with the wrong elements, or without its memory. */
function junkArray(random: Random): unknown {
  const Class = oneOf<unknown>(random, [
    ...[Float32Array, Float32Array, Float64Array, Uint8Array, Uint16Array, Uint32Array, Int32Array],
    ...[Uint8ClampedArray, Int8Array, BigInt64Array],
  ]) as Constructor;
  const buffer = new ArrayBuffer(16 * integer(random, 0, 9), { maxByteLength: 200 });
  const array = random() < 0.3 ? new Class(buffer) : new Class(buffer, 0, Math.floor(buffer.byteLength / 8));
  if (array instanceof Float32Array || array instanceof Int32Array)
    array.fill(oneOf(random, [0, -1, NaN, 1, Infinity, 2 ** 31]));
  const fate = random();
  if (fate < 0.1) transfer(buffer);
  else if (fate < 0.2) buffer.resize(integer(random, 0, buffer.byteLength));
  return random() < 0.2 ? liarOf(array as Typed) : array;
}

/** A call, and all that was done to it. */
export class Harm {
  readonly #random: Random;
  readonly #memory = new Memory();
  readonly #meant: Meant;
  readonly #story: string[] = [];
  /** The call before any of that. */
  readonly #request: Request;
  /** Whether the call may be refused; whether code of the caller's may throw in it. */
  #mayFail = false;
  #mayThrow = false;
  #isDisguised = false;
  /** What runs when a property is read. */
  readonly #traps: { readonly on: "options" | "second"; readonly name: string; readonly code: () => void }[] = [];
  readonly #arena: Arena | undefined;

  constructor(random: Random, arena: Arena | undefined) {
    this.#random = random;
    this.#arena = arena;
    const request = random() < 0.95 ? program(random, 200) : program(random);
    this.#request = request;
    const { operation: what, outFormat = "float32" } = request;
    const options: Options = { ...request.options };
    for (const [name, value] of Object.entries(options))
      if (ArrayBuffer.isView(value)) options[name] = this.#placed(value as Typed);
    const input = this.#placed(request.input as Typed);
    const { second } = request;
    this.#meant = { what, outFormat, input, second: undefined, options };
    if (second !== undefined)
      this.#meant.second =
        "max" in second
          ? { max: this.#placed(second.max), sum: this.#placed(second.sum) }
          : this.#placed(second as Typed);
    if (outFormat !== "float32" || random() < 0.7) options.out = this.#out(request);
  }

  #chance(probability: number): boolean {
    return this.#random() < probability;
  }

  #out(request: Request): unknown {
    const length = lengthOfResult(request);
    const { outFormat = "float32", options, input } = request;
    if (request.operation === "rowStats") {
      const rows = placesOf(input.length, options).length;
      return { max: this.#placed(new Float32Array(rows).fill(7)), sum: this.#placed(new Float64Array(rows).fill(7)) };
    }
    const isAlike = !isValue(request.operation) && formatOf(input, options.dtype) === outFormat;
    if (isAlike && input.length === length && this.#chance(0.3)) return this.#meant.input; // in place
    return this.#placed(outFormat === "float32" ? new Float32Array(length).fill(7) : new Uint16Array(length).fill(7));
  }

  /** The same elements on memory of any kind, canaries around them. */
  #placed<T extends Typed>(array: T): T {
    const random = this.#random;
    const { byteLength, length, BYTES_PER_ELEMENT: unit } = array;
    const Own = CLASSES[kindOf(array)!];
    if (Own === undefined) return array; // a Float16Array
    const before = 8 * integer(random, 0, 8) + (unit < 8 ? unit * integer(random, 0, 3) : 0);
    const size = Math.ceil((before + byteLength + integer(random, 0, 40)) / 8) * 8;
    const most = { maxByteLength: size + 64 };
    const Foreign = FOREIGN[kindOf(array)!]!;
    const kind = oneOf(random, ["plain", "plain", "arena", "arena", "resizable", "tracking", "shared", "growable"]);
    let buffer: ArrayBufferLike = new ArrayBuffer(size);
    let at = before;
    if (kind === "arena" && this.#arena !== undefined && this.#arena.bytesFree > size + 16) {
      const block = this.#arena.alloc(size / 4).fill(-3);
      buffer = block.buffer;
      at += block.byteOffset;
      this.#memory.keep(buffer, block.byteOffset);
    } else if (kind === "resizable") buffer = new ArrayBuffer(size, most);
    else if (kind === "tracking") buffer = new ArrayBuffer(before + byteLength, most);
    else if (kind === "shared") buffer = new SharedArrayBuffer(size);
    else if (kind === "growable") buffer = new SharedArrayBuffer(before + byteLength, most);
    if (buffer.byteLength <= size + 64) new Uint8Array(buffer).fill(0xa5);
    new Own(buffer, at, length).set(array as never);
    const Class = this.#chance(0.15) ? Foreign : Own;
    const tracks = kind === "tracking" || kind === "growable";
    const made = tracks ? new Class(buffer, at) : new Class(buffer, at, length);
    if (kind === "plain" && this.#chance(0.2)) Object.preventExtensions(made);
    else if (this.#chance(0.15)) liarOf(made);
    this.#memory.keep(buffer);
    return made as T;
  }

  #tell(what: string): void {
    this.#story.push(what);
  }

  /** Something that the call reads becomes something else. */
  replaceSomething(): void {
    const random = this.#random;
    const value = junk(random);
    this.#mayFail = true;
    this.#mayThrow ||= typeof value === "object"; // a proxy that throws
    const meant = this.#meant;
    const options = meant.options as Options;
    const place = random();
    if (place < 0.1) meant.input = value;
    else if (place < 0.2) meant.second = value;
    else if (place < 0.25) meant.options = value;
    else if (place < 0.35 && isPlain(meant.second))
      meant.second = { ...meant.second, [oneOf(random, ["max", "sum"])]: value };
    else if (place < 0.45 && meant.what === "rowStats" && isPlain(options) && isPlain(options.out))
      options.out = { ...options.out, [oneOf(random, ["max", "sum"])]: value };
    else if (place < 0.6 && isPlain(options) && isShort(options.shape)) {
      options.shape = options.shape.with(integer(random, 0, options.shape.length - 1), value);
      this.#tell(`shape[…] = ${told(value)}`);
      return;
    } else if (isPlain(options)) {
      const name = this.#chance(0.05) ? oneOf(random, ["nonsense", "__proto__", "0"]) : oneOf(random, OPTION_NAMES);
      meant.options = { ...options };
      Object.defineProperty(meant.options, name, { value, enumerable: true, configurable: true, writable: true });
      this.#tell(`${name} = ${told(value)}`);
      return;
    }
    this.#tell(`an argument = ${told(value)}`);
  }

  /** What there is no room to try, or no time: arrays of gigabytes. */
  get isTooLarge(): boolean {
    const { what, options } = this.#meant;
    if (!isPlain(options)) return false;
    const { shape, outRowStride, out } = options;
    const isLarge = (value: unknown) => typeof value === "number" && value > 2 ** 20 && value < 2 ** 50;
    if (isLarge(outRowStride) && out === undefined) return true;
    return isValue(what) && isShort(shape) && shape.some(isLarge) && shape.includes(0);
  }

  /** Has `code` run when something is read. */
  #trap(effect: string, code: () => void): void {
    const { options, second } = this.#meant;
    const on = isStats(second) && this.#chance(0.2) ? "second" : "options";
    const target = on === "second" ? second : options;
    if (!isPlain(target) || Object.keys(target).length === 0) return;
    const name = oneOf(this.#random, Object.keys(target));
    this.#traps.push({ on, name, code });
    this.#tell(`reading ${name}: ${effect}`);
  }

  /** Code of the caller's, in the middle of the call. */
  interfere(engine: Engine, canDispose: boolean): void {
    const random = this.#random;
    const arrays = this.#arrays();
    const victim = arrays.length === 0 ? new Float32Array(4) : oneOf(random, arrays);
    const buffer = bufferOf(victim);
    const effects: (() => void)[] = [
      () => {
        this.#mayThrow = true;
        this.#trap("throw", raise);
      },
      () => {
        this.#mayFail = true;
        this.#trap("transfer", () => {
          if (!(buffer instanceof ArrayBuffer)) return;
          try {
            transfer(buffer);
          } catch {
            // that of a WebAssembly.Memory stays where it is
          }
        });
      },
      () => {
        this.#mayFail = true;
        this.#trap("resize", () => {
          if (buffer instanceof ArrayBuffer && buffer.resizable && buffer.byteLength > 0)
            buffer.resize(integer(random, 0, buffer.maxByteLength));
          else if (buffer instanceof SharedArrayBuffer && buffer.growable) buffer.grow(buffer.maxByteLength);
        });
      },
      () =>
        this.#trap("another call", () => {
          if (engine.disposed) return;
          engine.logSoftmax(new Float32Array(90), { cols: 3, temperature: 2, empty: "zero" });
          engine.rowStats(new Float32Array(1500));
          expect(() => engine.softmax(new Float32Array(9), { shape: [2, -1] })).toThrow("shape[1]");
        }),
      () => {
        const { input, what } = this.#meant;
        if (what === "softmaxFromStats") return; // which is told what is in it
        this.#trap("write", () => {
          if (kindOf(input) === "Float32Array" && lengthOf(input) > 0)
            new Float32Array(bufferOf(input), offsetOf(input), lengthOf(input)).reverse();
        });
      },
      () => {
        if (!canDispose) return;
        this.#mayFail = true; // a temperature may be 0, then
        this.#trap("dispose of the arena", () => this.#arena?.dispose());
      },
      () => {
        if (!canDispose) return;
        this.#mayFail = true;
        this.#trap("dispose of the engine", () => engine.dispose());
      },
    ];
    oneOf(random, effects)();
  }

  /** The same arguments, behind something else. */
  disguise(): void {
    this.#isDisguised = true;
    this.#tell("disguised");
  }

  /** An object as the call gets it: with its traps, or a disguise of that. */
  #shown(on: "options" | "second", value: unknown): unknown {
    if (!isPlain(value)) return value;
    const shown = { ...value };
    const random = this.#random;
    if (this.#isDisguised && isShort(shown.shape) && this.#chance(0.5))
      shown.shape = disguisedShape(random, shown.shape);
    for (const trap of this.#traps) {
      if (trap.on !== on) continue;
      const { get, value: held } = Object.getOwnPropertyDescriptor(shown, trap.name)!;
      let isSprung = false;
      Object.defineProperty(shown, trap.name, {
        get: () => {
          if (!isSprung) {
            isSprung = true;
            this.#memory.during(trap.code);
          }
          return get === undefined ? held : Reflect.apply(get, shown, []);
        },
      });
    }
    return this.#isDisguised ? disguisedObject(random, shown) : shown;
  }

  #arrays(): Typed[] {
    const { input, second, options } = this.#meant;
    const parts = [input, second, options].flatMap((value) => [
      value,
      ...(isPlain(value)
        ? Object.values(value).flatMap((part) => [part, ...(isStats(part) ? statsOf(part) : [])])
        : []),
    ]);
    return parts.filter((part) => kindOf(part) !== undefined) as Typed[];
  }

  /** Makes the call and judges what comes of it. `patch` changes the world while it runs, and says how to undo that. */
  expectOutcome(engine: Engine, name: BackendName, patch?: { name: string; apply(): () => void }): "answer" | "error" {
    const { what, input } = this.#meant;
    for (const array of this.#arrays()) this.#memory.keep(bufferOf(array));
    this.#memory.remember();
    const options = this.#shown("options", this.#meant.options);
    const second = this.#shown("second", this.#meant.second);
    if (patch !== undefined) this.#tell(patch.name);
    const undo = patch?.apply();
    let result: unknown;
    let error: unknown;
    let failed = false;
    try {
      result = call(engine, what, { input, second, options: options as Options });
    } catch (caught) {
      failed = true;
      error = caught;
    } finally {
      undo?.();
    }
    try {
      if (failed) this.#expectError(error);
      else this.#expectAnswer(result, name);
    } catch (failure) {
      const { message } = failure as Error;
      const cause = error instanceof Error && error.cause instanceof Error ? ` (${error.cause.message})` : "";
      throw new Error(
        `${message}${cause}\n${this.#story.join("; ")}\n${describeRequest(this.#request).slice(0, 1000)}`,
        { cause: failure },
      );
    }
    return failed ? "error" : "answer";
  }

  #expectError(error: unknown): void {
    this.#memory.expectUntouched();
    if (error instanceof Mine && this.#mayThrow) return;
    expectDocumented(error, this.#meant.what);
    if (!this.#mayFail) throw error;
  }

  #expectAnswer(result: unknown, name: BackendName): void {
    const { what, input, second } = this.#meant;
    const given = { ...(this.#meant.options as Options | undefined) };
    for (const key of Object.keys(given)) if (given[key] === undefined) delete given[key];
    const { out } = given;
    if (out !== undefined && result !== out) expect.fail("the result is not out");
    const outs = out === undefined ? [] : isStats(out) ? statsOf(out) : [out];
    this.#memory.expectUntouched(outs);
    const contents = (value: unknown): unknown => {
      return CLASSES[kindOf(value)!] === undefined ? value : this.#memory.contents(value);
    };
    const options: Options = {};
    for (const [key, value] of Object.entries(given)) if (key !== "out") options[key] = contents(value);
    const shape = Array.isArray(given.shape) ? Array.from(given.shape as number[]) : undefined;
    if (shape !== undefined) options.shape = shape;
    const plain = contents(input) as Elements;
    const other = isStats(second) ? { max: contents(second.max), sum: contents(second.sum) } : contents(second);
    const outFormat = isStats(result) ? "float32" : formatOf(resultCopy(result) as Elements, given.dtype as never);
    const takesOther = what === "softmaxFromStats" || what.endsWith("Backward");
    const request = {
      operation: what,
      input: plain,
      second: takesOther ? other : undefined,
      options,
      outFormat,
    } as Request;
    if (lengthOf(input) === 0) return; // nothing to compute: a shape may have 2^52 empty rows
    if (what === "softmaxFromStats" && this.#mayFail) return; // statistics of other rows mean nothing
    const copy = isStats(result) ? { max: resultCopy(result.max), sum: resultCopy(result.sum) } : resultCopy(result);
    expectToAnswer(request, copy, name);
    if (ArrayBuffer.isView(out) && TAKEN_BY.outRowStride.includes(what)) {
      const before = this.#memory.contents(out) as Typed;
      const written = new Set(placesOf(plain.length, request.options).flatMap((row) => row.map(({ outAt }) => outAt)));
      for (let i = 0; i < before.length; i++)
        if (!written.has(i) && !Object.is((copy as Typed)[i], before[i])) expect.fail(`element ${i}, between rows`);
    }
  }
}

/** Fails unless an error is one of those of README.md, of the function `what`. A fault is none: the kernel must never fail. */
export function expectDocumented(error: unknown, what: string): void {
  const { code, message } = error as { code?: unknown; message?: unknown };
  const Class = code === "ERR_SOFTMAX_FAULT" ? undefined : CLASS_OF[code as SoftmaxErrorCode];
  const raw = `${error instanceof Error ? error.stack : String(error)}`;
  if (Class === undefined || Object.getPrototypeOf(error) !== Class.prototype) expect.fail(`raw: ${raw}`);
  if (typeof message !== "string" || !message.startsWith(`${what}: `)) expect.fail(`no word of ${what}: ${raw}`);
}

const FOREIGN = runInNewContext(
  "({ Float32Array, Float64Array, Uint8Array, Uint16Array, Uint32Array, Int32Array })",
) as Record<string, Constructor>;

function resultCopy(array: unknown): unknown {
  const Class = CLASSES[kindOf(array)!];
  return Class === undefined ? array : new Class(bufferOf(array), offsetOf(array), lengthOf(array)).slice();
}

function isPlain(value: unknown): value is Options {
  try {
    return typeof value === "object" && value !== null && Object.getPrototypeOf(value) === Object.prototype;
  } catch {
    return false; // a proxy that throws
  }
}

/** Whether a value is an array that may be a shape, or nearly one. */
function isShort(value: unknown): value is unknown[] {
  try {
    return Array.isArray(value) && value.length < 99;
  } catch {
    return false; // a proxy that was revoked
  }
}

function isStats(value: unknown): value is { max: unknown; sum: unknown } {
  return isPlain(value) && "max" in value && "sum" in value;
}

const statsOf = ({ max, sum }: { max: unknown; sum: unknown }): unknown[] => [max, sum];

/** Never the text of an object: that of an array may have 2^32 commas. */
function told(value: unknown): string {
  if (kindOf(value) !== undefined) return `${kindOf(value)} of ${lengthOf(value)}`;
  return typeof value === "function" || (typeof value === "object" && value !== null) ? "an object" : String(value);
}

/** An object through which the same is read. */
function disguisedObject(random: Random, object: object): object {
  const all = () => Object.getOwnPropertyDescriptors(object);
  const dressed = (clothes: object) => Object.defineProperties(clothes, all());
  const once = () => {
    const read = new Set<string>();
    const get = (name: string) => (read.has(name) ? raise() : read.add(name) && (object as Options)[name]);
    const getters = Object.keys(object).map((name) => [name, { enumerable: true, get: () => get(name) }]);
    return Object.defineProperties(Object.create(null), Object.fromEntries(getters)) as object;
  };
  return oneOf<() => object>(random, [
    () => new Proxy(object, Object.create(null)),
    () => new Proxy(new Proxy(object, Object.create(null)), Object.create(null)),
    () => dressed(Object.create(null)),
    () => dressed(Object.create({ cols: 3, shape: raise, out: new Float32Array(1), nonsense: 1 })),
    () => dressed(new (class Odd {})()),
    () => Object.freeze(dressed({ [Symbol("cols")]: 5 })),
    () => Object.defineProperty(dressed(new Map()), "hidden", { value: 1 }),
    once,
  ])();
}

/** An array through which the same shape is read. */
function disguisedShape(random: Random, shape: unknown[]): unknown {
  class Sizes extends Array {}
  return oneOf<() => unknown>(random, [
    () => new Proxy(shape, Object.create(null)),
    () => Object.freeze([...shape]),
    () => Object.assign(runInNewContext("[]") as unknown[], shape),
    () => Object.defineProperties(Sizes.from(shape), { at: { value: raise }, [Symbol.iterator]: { value: raise } }),
    () => Object.setPrototypeOf([...shape], null),
  ])();
}
