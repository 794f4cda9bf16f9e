// What a refused call must look like: its class, its code, the beginning of its message.

import type { SoftmaxErrorCode } from "softmax-wasm";
import { expect } from "vitest";

export interface Refusal {
  readonly Class: ErrorConstructor;
  readonly code: SoftmaxErrorCode;
  /** What the message starts with. */
  readonly message: string;
}

const refusal =
  (Class: ErrorConstructor, code: SoftmaxErrorCode) =>
  (message: string): Refusal => ({ Class, code, message });

export const type = refusal(TypeError, "ERR_SOFTMAX_TYPE");
export const value = refusal(RangeError, "ERR_SOFTMAX_VALUE");
export const length = refusal(RangeError, "ERR_SOFTMAX_LENGTH");
export const option = refusal(TypeError, "ERR_SOFTMAX_OPTION");
export const detached = refusal(TypeError, "ERR_SOFTMAX_DETACHED");
export const full = refusal(RangeError, "ERR_SOFTMAX_ARENA_FULL");
export const memory = refusal(RangeError, "ERR_SOFTMAX_MEMORY");
export const disposed = refusal(Error, "ERR_SOFTMAX_DISPOSED");
export const backend = refusal(Error, "ERR_SOFTMAX_BACKEND");
export const fault = refusal(Error, "ERR_SOFTMAX_FAULT");

/** What `call` throws, which must be this refusal. */
export function refused(call: () => unknown, wanted: Refusal): Error {
  let result: unknown;
  try {
    result = call();
  } catch (error) {
    return as(error, wanted);
  }
  throw new Error(`no error, but ${String(result)}; wanted ${wanted.code}: ${wanted.message}`);
}

/** As `refused`, for a promise. */
export async function rejected(promise: Promise<unknown>, wanted: Refusal): Promise<Error> {
  const error = await promise.then(
    (result) => new Error(`no error, but ${String(result)}`),
    (reason: unknown) => reason,
  );
  return as(error, wanted);
}

function as(error: unknown, { Class, code, message }: Refusal): Error {
  const got = error as Error & { code?: unknown };
  expect({ message: got.message.slice(0, message.length), code: got.code }).toEqual({ message, code });
  expect(Object.getPrototypeOf(got)).toBe(Class.prototype);
  return got;
}
