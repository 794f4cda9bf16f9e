// The files of examples/: each prints what its page says, on whichever back end runs here.

import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const folder = fileURLToPath(new URL("../examples/", import.meta.url));
const page = readFileSync(`${folder}README.md`, "utf8");
const sections = Array.from(
  page.matchAll(/^## \[[^\]]+\]\((\S+\.mjs)\)\n[\s\S]*?^```text\n([\s\S]*?)^```$/gm),
  ([, file, output]) => [file!, output!] as const,
);

test("the page has a section for each file", () => {
  const files = readdirSync(folder).filter((name) => name.endsWith(".mjs"));
  expect(files.length).toBeGreaterThanOrEqual(4);
  expect(sections.map(([file]) => file).sort()).toEqual(files.sort());
});

test.each(sections)("%s", (file, output) => {
  const { status, stdout, stderr } = spawnSync(process.execPath, [folder + file], { encoding: "utf8" });
  expect(status, stderr).toBe(0);
  expect(stderr).toBe("");
  expect(stdout).toBe(output);
});
