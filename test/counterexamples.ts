// What once failed, cases of a property and random calls: kept in counterexamples.json, and tried before anything new, for ever.

import { readFileSync, writeFileSync } from "node:fs";

const FILE = new URL("./counterexamples.json", import.meta.url);

type Kept = Record<string, unknown[]>;

const ARRAYS = { Float32Array, Float64Array, Int32Array, Uint32Array, Uint16Array, Uint8Array };

/** What JSON does not have: NaN, infinities and −0 as words, arrays of numbers as { "Float32Array": […] }. */
function worded(_: string, value: unknown): unknown {
  if (typeof value === "number" && !Number.isFinite(value)) return String(value);
  if (Object.is(value, -0)) return "-0";
  for (const [name, Class] of Object.entries(ARRAYS))
    if (value instanceof Class) return { [name]: Array.from(value as Float32Array) };
  return value;
}

function unworded(key: string, value: unknown): unknown {
  if (typeof value === "string" && /^\d*$/.test(key) && /^(NaN|-?Infinity|-0)$/.test(value)) return Number(value);
  const [name, ...others] = typeof value === "object" && value !== null ? Object.keys(value) : [];
  if (name === undefined || others.length > 0 || !Object.hasOwn(ARRAYS, name)) return value;
  const numbers = (value as Record<string, number[]>)[name]!;
  return ARRAYS[name as keyof typeof ARRAYS].from(numbers);
}

export const written = (found: unknown): string => JSON.stringify(found, worded);
export const read = (text: string): unknown => JSON.parse(text, unworded);

const all = () => read(readFileSync(FILE, "utf8")) as Kept;

export function counterexamplesOf<T>(title: string): readonly T[] {
  return (all()[title] ?? []) as T[];
}

/** A line to add to the file. The nightly run adds it itself. */
export function keep(title: string, found: unknown): string {
  const line = written(found);
  if (process.env.KEEP === undefined) return `add to "${title}" in test/counterexamples.json: ${line}`;
  const kept = all();
  if (kept[title]?.some((known) => written(known) === line)) return `known: ${line}`;
  kept[title] = [...(kept[title] ?? []), found];
  writeFileSync(FILE, `${JSON.stringify(kept, worded, 2)}\n`);
  return `added to "${title}" in test/counterexamples.json: ${line}`;
}
