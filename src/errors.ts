// Every error that the library throws: its code, the class that goes with that, and how its message names things.

import { hasOwn, isArray, kindOf } from "./intrinsics.js";
import type { SoftmaxErrorCode } from "./options.js";

const CLASSES: Readonly<Record<SoftmaxErrorCode, new (message: string, options?: { cause?: unknown }) => Error>> = {
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

const define = Object.defineProperty;

export function fail(code: SoftmaxErrorCode, message: string, cause?: unknown): never {
  const Class = CLASSES[code];
  const error = cause === undefined ? new Class(message) : new Class(message, { cause });
  // Without a prototype: Object.prototype may have a setter for one of these, or a `get`.
  const property: PropertyDescriptor & { __proto__: null } = {
    __proto__: null,
    value: code,
    configurable: true,
    enumerable: true,
    writable: true,
  };
  throw define(error, "code", property);
}

/** An argument is not what it must be: of another kind, unless the code says otherwise. */
export function unexpected(
  what: string,
  name: string,
  expected: string,
  value: unknown,
  code: SoftmaxErrorCode = "ERR_SOFTMAX_TYPE",
): never {
  fail(code, `${what}: "${name}" expected ${expected}, got ${named(value)}`);
}

/** Whether it is an error of ours. */
export function isOurs(error: unknown): boolean {
  return hasOwn(Object(error), "code") && hasOwn(CLASSES, (error as { code: PropertyKey }).code);
}

/** How a value is named in a message. */
function named(value: unknown): string {
  if (value === null || typeof value === "undefined" || typeof value === "boolean") return String(value);
  if (typeof value === "number") return Object.is(value, -0) ? "-0" : String(value);
  if (typeof value === "string") return value.length > 40 ? "a long string" : JSON.stringify(value);
  if (typeof value !== "object") return `a ${typeof value}`;
  const array = isArray(value);
  if (array === undefined) return "a revoked proxy";
  return kindOf(value) ?? (array ? "Array" : "an object");
}
