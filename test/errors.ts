// What a refused call must look like: its class, its code, the beginning of its message.

import type { SoftmaxErrorCode } from "softmax-wasm";
import { expect } from "vitest";

export interface Refusal {
  readonly Class: ErrorConstructor;
  readonly code: SoftmaxErrorCode;
  /** What the message starts with. */
  readonly message: string;
}

/** As README.md has it, and not taken from src/errors.ts, which these tests are to check. */
export const CLASS_OF: Readonly<Record<SoftmaxErrorCode, ErrorConstructor>> = {
  ERR_SOFTMAX_TYPE: TypeError,
  ERR_SOFTMAX_VALUE: RangeError,
  ERR_SOFTMAX_LENGTH: RangeError,
  ERR_SOFTMAX_OPTION: TypeError,
  ERR_SOFTMAX_DETACHED: TypeError,
  ERR_SOFTMAX_ARENA_FULL: RangeError,
  ERR_SOFTMAX_MEMORY: RangeError,
  ERR_SOFTMAX_DISPOSED: Error,
  ERR_SOFTMAX_BACKEND: Error,
  ERR_SOFTMAX_FAULT: Error,
};

const refusal =
  (code: SoftmaxErrorCode) =>
  (message: string): Refusal => ({ Class: CLASS_OF[code], code, message });

export const type = refusal("ERR_SOFTMAX_TYPE");
export const value = refusal("ERR_SOFTMAX_VALUE");
export const length = refusal("ERR_SOFTMAX_LENGTH");
export const option = refusal("ERR_SOFTMAX_OPTION");
export const detached = refusal("ERR_SOFTMAX_DETACHED");
export const full = refusal("ERR_SOFTMAX_ARENA_FULL");
export const memory = refusal("ERR_SOFTMAX_MEMORY");
export const disposed = refusal("ERR_SOFTMAX_DISPOSED");
export const backend = refusal("ERR_SOFTMAX_BACKEND");
export const fault = refusal("ERR_SOFTMAX_FAULT");

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
