// Arrays of our own: new ones, and copies of what would change while it is read.

import type { Call } from "./call.js";
import { fail } from "./errors.js";
import { bufferOf, byteLengthOf, byteOffsetOf, duplicate, isShared, type Typed } from "./intrinsics.js";
import { isGradient, isValue, ROW_STATS } from "./operation.js";
import type { NewFloat32Array, NewFloat64Array } from "./options.js";

/** Copies the inputs that would be written over before they are read, where a call is not read whole first. */
export function separate(call: Call): void {
  const { what, operation, input, inputFormat, grad, gradFormat, out, outFormat, stats } = call;
  if (operation === ROW_STATS) {
    if (overlap(input, stats.max) || overlap(input, stats.sum)) call.input = copied(what, input);
    return;
  }
  const alike = call.rowStride === call.outRowStride && !isValue(operation);
  if (overlap(input, out, alike && inputFormat === outFormat)) call.input = copied(what, input);
  if (overlap(grad, out, alike && gradFormat === outFormat)) call.grad = copied(what, grad);
}

/** Copies the inputs that other threads can write to, where they are read more than once. */
export function unshare(call: Call): void {
  const { what, operation, input, grad } = call;
  if (isShared(input)) call.input = copied(what, input);
  if (isGradient(operation) && isShared(grad)) call.grad = copied(what, grad);
}

/** Other threads may write to it, or we shall before it is read: then a copy. */
export function keptArray<T extends Typed | undefined>(what: string, array: T, written: readonly ArrayBufferView[]): T {
  if (array === undefined) return array;
  let clashes = isShared(array);
  for (let i = 0; i < written.length; i++) clashes ||= overlap(array, written[i]!);
  return clashes ? copied(what, array) : array;
}

/**
 * Whether writing one array changes another. If they `mayCoincide`, the same place is no clash: rows are read before they are
 * written. Buffers are compared last: asking for one takes 13 ns.
 */
export function overlap(a: ArrayBufferView, b: ArrayBufferView, mayCoincide = false): boolean {
  const distance = byteOffsetOf(b) - byteOffsetOf(a);
  if (distance === 0 && mayCoincide) return false;
  if (distance >= byteLengthOf(a) || -distance >= byteLengthOf(b)) return false;
  return bufferOf(a) === bufferOf(b) || (isShared(a) && isShared(b)); // two that are shared may be one, received twice
}

/** A plain array of ours with the same elements. Copies of shared memory no longer change while they are read. */
function copied<T extends Typed>(what: string, array: T): T {
  return allocate(what, byteLengthOf(array), () => duplicate(array));
}

/** A new array, or `ERR_SOFTMAX_MEMORY`. */
export function allocated(what: string, length: number): NewFloat32Array {
  return allocate(what, 4 * length, () => new Float32Array(length));
}

export function allocatedDoubles(what: string, length: number): NewFloat64Array {
  return allocate(what, 8 * length, () => new Float64Array(length));
}

/** What `make` makes of so many bytes, or `ERR_SOFTMAX_MEMORY`. */
export function allocate<T>(what: string, bytes: number, make: () => T): T {
  try {
    return make();
  } catch (cause) {
    fail("ERR_SOFTMAX_MEMORY", `${what}: cannot allocate ${bytes} bytes`, cause);
  }
}
