// One argument at a time: its kind, its range, its length.

import { fail, unexpected } from "./errors.js";
import { isArray, isDetached, kindOf, lengthOf } from "./intrinsics.js";

/** Above it, whole numbers are no longer exact. */
export const LARGEST_COUNT: number = 2 ** 53 - 1;

/** A whole number from `least` to `most`. */
export function checkCount(what: string, name: string, value: unknown, least: number, most: number): number {
  if (typeof value !== "number") unexpected(what, name, "a number", value);
  if (!(Number.isInteger(value) && value >= least && value <= most))
    unexpected(what, name, `an integer from ${least} to ${most}`, value, "ERR_SOFTMAX_VALUE");
  return value + 0; // −0 counts as 0
}

export function checkRecord(what: string, name: string, value: unknown, expected: string): asserts value is object {
  if (typeof value !== "object" || value === null || isArray(value) !== false || kindOf(value) !== undefined)
    unexpected(what, name, expected, value);
}

export function unknownOption(what: string, name: string): never {
  fail("ERR_SOFTMAX_OPTION", `${what}: "${name}" is not an option of ${what}`);
}

/** One of some words. (`includes` can be patched by anyone.) */
export function checkWord(what: string, name: string, value: unknown, words: readonly string[]): void {
  let expected = "";
  for (let i = 0; i < words.length; i++) {
    if (words[i] === value) return;
    expected += `${i === 0 ? "" : i < words.length - 1 ? ", " : " or "}"${words[i]}"`;
  }
  unexpected(what, name, expected, value, typeof value === "string" ? "ERR_SOFTMAX_VALUE" : undefined);
}

export function checkKind(what: string, name: string, value: unknown, kind: string, or?: string): void {
  const actual = kindOf(value);
  if (actual === kind || (actual !== undefined && actual === or)) return;
  const expected = or === undefined ? kind : `${kind} or ${or}`;
  unexpected(what, name, `a ${expected}`, value);
}

/** The length of an array that still has its memory. */
export function attachedLength(what: string, name: string, array: ArrayBufferView): number {
  const length = lengthOf(array);
  if (length === 0 && isDetached(array))
    fail("ERR_SOFTMAX_DETACHED", `${what}: "${name}" is detached: its buffer was transferred or shrunk`);
  return length;
}

export function checkLength(what: string, name: string, array: ArrayBufferView, wanted: number): void {
  const length = attachedLength(what, name, array);
  if (length !== wanted) unexpected(what, name, `length ${wanted}`, length, "ERR_SOFTMAX_LENGTH");
}
