// The package is built twice, for import and for require. All other suites import it.

import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import * as imported from "softmax-wasm";
import { describe, expect, test } from "vitest";

const require = createRequire(fileURLToPath(new URL("../package.json", import.meta.url)));
const required = require("softmax-wasm") as typeof imported;

describe("require", () => {
  test("gives the same names", () => {
    expect(Object.keys(required).sort()).toEqual(Object.keys(imported).sort());
  });

  test("runs the same back end, for the same reason", () => {
    expect(required.defaultEngine().backend).toBe(imported.defaultEngine().backend);
    expect(required.defaultEngine().reason).toBe(imported.defaultEngine().reason);
  });
});
