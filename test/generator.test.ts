// The golden values are those of their generator, not of a hand. (Apart from golden.test.ts, which also runs in browsers.)

import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

test("golden.json is what generate.mjs makes", () => {
  const generator = fileURLToPath(new URL("golden/generate.mjs", import.meta.url));
  const { status, stderr } = spawnSync(process.execPath, [generator, "--check"], { encoding: "utf8" });
  expect(status, stderr).toBe(0);
});
