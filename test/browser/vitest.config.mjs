// The packed package in real browsers: the suites of test/ that need nothing of Node, in a page of each; and the suites of this
// folder, which run in Node and drive pages of their own.

import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";
import { NAMES } from "./browsers.mjs";
import { installed } from "./provider.mjs";

/** Suites of test/ to run in the page. */
const IN_PAGE = [
  "accuracy",
  "arena",
  "axis",
  "check",
  "check-options",
  "faults",
  "golden",
  "gradient",
  "half",
  "invariance",
  "logits",
  "logs",
  "shapes",
  "softmax",
  "special",
  "stats",
  "strides",
];

const root = fileURLToPath(new URL("../../", import.meta.url));
const alias = {
  "softmax-wasm": `${root}build/browser/package/build/esm/index.js`,
  "node:vm": `${root}test/browser/page/vm.ts`,
};

/** What the suites know of Node beside modules: two variables of the environment (CONTRIBUTING.md), and its byte arrays. */
const define = {
  "process.env.SEED": JSON.stringify(process.env.SEED) ?? "undefined",
  "process.env.MEASURE": JSON.stringify(process.env.MEASURE) ?? "undefined",
  Buffer: "Uint8Array",
};

export default defineConfig({
  root,
  test: {
    testTimeout: 120_000, // no assertion on time: a slow machine is not an error
    hookTimeout: 120_000,
    fileParallelism: false,
    projects: [
      {
        extends: true,
        define,
        // Isolated, for SharedArrayBuffer. Pages that are not: policies.test.mjs.
        server: {
          headers: { "Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Embedder-Policy": "require-corp" },
        },
        test: {
          name: "page",
          include: [...IN_PAGE.map((name) => `test/${name}.test.ts`), "test/browser/page/backends.ts"],
          alias,
          setupFiles: ["test/matchers.ts"],
          browser: {
            enabled: true,
            provider: installed(),
            headless: true,
            screenshotFailures: false,
            instances: NAMES.map((browser) => ({ browser, name: browser })),
          },
        },
      },
      { extends: true, test: { name: "drive", include: ["test/browser/*.test.mjs"] } },
    ],
  },
});
