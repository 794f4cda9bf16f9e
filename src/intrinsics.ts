// What typed arrays really are, asked through functions captured at load: a subclass cannot lie about its length, a
// patched prototype changes nothing, and a Float32Array of another realm is as good as ours. Used by check.ts and memory.ts.

const typedArray: object = Object.getPrototypeOf(Float32Array.prototype);

function getter<T>(prototype: object, name: PropertyKey): (self: unknown) => T {
  const get = Object.getOwnPropertyDescriptor(prototype, name)!.get!;
  return Function.prototype.call.bind(get) as (self: unknown) => T;
}

/** `"Float32Array"` for one of any realm, `undefined` for anything that is no typed array, a Proxy included. */
export const kindOf: (value: unknown) => string | undefined = getter(typedArray, Symbol.toStringTag);
export const lengthOf: (array: ArrayBufferView) => number = getter(typedArray, "length");
export const byteOffsetOf: (array: ArrayBufferView) => number = getter(typedArray, "byteOffset");
export const bufferOf: (array: ArrayBufferView) => ArrayBufferLike = getter(typedArray, "buffer");

const set = Float32Array.prototype.set;
export const setFloats: (target: Float32Array, source: Float32Array, at: number) => void =
  Function.prototype.call.bind(set);

const keys: (array: ArrayBufferView) => unknown = Function.prototype.call.bind(Float32Array.prototype.keys);
const byteLength: (buffer: ArrayBufferLike) => number = getter(ArrayBuffer.prototype, "byteLength");

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
    byteLength(bufferOf(array));
    return false;
  } catch {
    return true;
  }
}

/** `count` elements of `array` from `start` on, as a plain Float32Array on the same memory. */
export function slice(array: Float32Array, start: number, count: number): Float32Array {
  return new Float32Array(bufferOf(array), byteOffsetOf(array) + 4 * start, count);
}
