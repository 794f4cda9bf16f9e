// What typed arrays really are, asked through functions captured at load: a subclass cannot lie about its length, a
// patched prototype changes nothing, and a Float32Array of another realm is as good as ours.

const typedArray: object = Object.getPrototypeOf(Float32Array.prototype);

function getter<T>(prototype: object, name: PropertyKey): (self: unknown) => T {
  const get = Object.getOwnPropertyDescriptor(prototype, name)!.get!;
  return Function.prototype.call.bind(get) as (self: unknown) => T;
}

/** `"Float32Array"` for one of any realm, `undefined` for anything that is no typed array, a Proxy included. */
export const kindOf: (value: unknown) => string | undefined = getter(typedArray, Symbol.toStringTag);
export const lengthOf: (array: ArrayBufferView) => number = getter(typedArray, "length");
export const byteOffsetOf: (array: ArrayBufferView) => number = getter(typedArray, "byteOffset");
export const byteLengthOf: (array: ArrayBufferView) => number = getter(typedArray, "byteLength");
export const bufferOf: (array: ArrayBufferView) => ArrayBufferLike = getter(typedArray, "buffer");

/** The typed arrays this library reads and writes. */
export type Typed = Float32Array | Float64Array | Uint8Array | Uint16Array | Uint32Array | Int32Array;

interface TypedConstructor {
  new (source: unknown, offset?: number, length?: number): unknown;
  readonly BYTES_PER_ELEMENT: number;
}

const TYPED_ARRAYS = {
  Float32Array,
  Float64Array,
  Uint8Array,
  Uint16Array,
  Uint32Array,
  Int32Array,
} as unknown as Readonly<Record<string, TypedConstructor>>;

const { set, fill } = Float32Array.prototype;
/** Arrays of one class. */
export const setElements: (target: Typed, source: Typed, at: number) => void = Function.prototype.call.bind(set);
export const fillElements: (target: Typed, value: number, start?: number, end?: number) => void =
  Function.prototype.call.bind(fill);

const keys: (array: ArrayBufferView) => unknown = Function.prototype.call.bind(Float32Array.prototype.keys);
/** Of one that is not shared: 0 once it was transferred. */
export const sizeOf: (buffer: ArrayBufferLike) => number = getter(ArrayBuffer.prototype, "byteLength");

/** Whether a value is an array; `undefined` for a proxy of which nothing can be asked any more. */
export function isArray(value: unknown): boolean | undefined {
  try {
    return Array.isArray(value);
  } catch {
    return undefined;
  }
}

/** Whether an array of length 0 lost its buffer (transferred), or its part of it (shrunk), rather than never had any. */
export function isDetached(array: ArrayBufferView): boolean {
  try {
    keys(array);
    return false;
  } catch {
    return true;
  }
}

/** Whether other threads can write to the array while we read it. */
export function isShared(array: ArrayBufferView): boolean {
  try {
    sizeOf(bufferOf(array));
    return false;
  } catch {
    return true;
  }
}

/** `count` elements of `array` from `start` on, as a plain array on the same memory. */
export function portion<T extends Typed>(array: T, start: number, count: number): T {
  const Class = TYPED_ARRAYS[kindOf(array)!]!;
  return new Class(bufferOf(array), byteOffsetOf(array) + Class.BYTES_PER_ELEMENT * start, count) as T;
}

/** A plain array of ours with the same elements. */
export function duplicate<T extends Typed>(array: T): T {
  return new TYPED_ARRAYS[kindOf(array)!]!(array) as T;
}

/** The bits of a Float16Array, on the same memory. */
export function bitsOfFloat16(array: ArrayBufferView): Uint16Array {
  return new Uint16Array(bufferOf(array), byteOffsetOf(array), lengthOf(array));
}

export const hasOwn: (object: object, name: PropertyKey) => boolean = Function.prototype.call.bind(
  Object.prototype.hasOwnProperty,
);

const clock = (globalThis as { performance?: { now?(): number } }).performance;
/** Milliseconds, by a clock that no one replaces later. Where there is none (AudioWorklet), no time passes. */
export const now: () => number = clock?.now?.bind(clock) ?? (() => 0);
