// README.md's code for places other than Node's modules, which test/readme.test.ts runs. Each has a name after its language:
// ```js deno. A line `console.log(…); // text` says what must be printed.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";
import { root } from "./tarball.mjs";

const page = readFileSync(join(root, "README.md"), "utf8");
const FENCE = /^```(?:\w+) ([\w-]+)\n([\s\S]*?)^```$/gm;

const snippets = new Map(Array.from(page.matchAll(FENCE), ([, name, code]) => [name, code]));

export const names = [...snippets.keys()];

export function snippet(name) {
  if (!snippets.has(name)) throw new Error(`README.md has no code named ${name}`);
  return snippets.get(name);
}

/** What a snippet's comments say that it prints. */
export function printedBy(name) {
  return Array.from(snippet(name).matchAll(/console\.log\(.*\); \/\/ (.*)$/gm), ([, text]) => text);
}

/** `stdout` is exactly what the comments say. */
export function expectPrinted(name, stdout) {
  const wanted = printedBy(name);
  expect(wanted).not.toEqual([]);
  expect(stdout.trim().split("\n")).toEqual(wanted);
}

/** The messages of which README.md says what they mean. */
const messages = Array.from(page.split("### Troubleshooting")[1].matchAll(/^\| `([^`]+)`/gm), ([, text]) => text);

/** `text`, a reason or an error, has one of them in it. */
export function expectExplained(text) {
  expect(
    messages.filter((message) => text.includes(message)),
    text,
  ).not.toEqual([]);
}
