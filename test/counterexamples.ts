// Cases that a property once failed on: kept in counterexamples.json, and tried before any new ones, for ever.

import { readFileSync, writeFileSync } from "node:fs";
import type { Case } from "./cases.js";

const FILE = new URL("./counterexamples.json", import.meta.url);

type Kept = Record<string, Case[]>;

/** NaN, infinities and −0, which JSON does not have, as words. */
const worded = (_: string, value: unknown) =>
  typeof value === "number" && (!Number.isFinite(value) || Object.is(value, -0))
    ? Object.is(value, -0)
      ? "-0"
      : String(value)
    : value;
const unworded = (key: string, value: unknown) =>
  typeof value === "string" && /^\d*$/.test(key) && /^(NaN|-?Infinity|-0)$/.test(value) ? Number(value) : value;

const read = (): Kept => JSON.parse(readFileSync(FILE, "utf8"), unworded) as Kept;

export function counterexamplesOf(property: string): readonly Case[] {
  return read()[property] ?? [];
}

/** A line to add to the file. The nightly run adds it itself. */
export function keep(property: string, found: Case): string {
  const line = JSON.stringify(found, worded);
  if (process.env.CASES === undefined) return `add to "${property}" in test/counterexamples.json: ${line}`;
  const kept = read();
  if (kept[property]?.some((known) => JSON.stringify(known, worded) === line)) return `known: ${line}`;
  kept[property] = [...(kept[property] ?? []), found];
  writeFileSync(FILE, `${JSON.stringify(kept, worded, 2)}\n`);
  return `added to "${property}" in test/counterexamples.json: ${line}`;
}
