// The suite runs against the built package, by its name, as a user's code would.

import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

const build = fileURLToPath(new URL("./build/", import.meta.url));

export default defineConfig({
  test: {
    include: ["test/*.test.ts"],
    alias: { "softmax-wasm": `${build}esm/index.js` },
    // Node itself runs the package, as it was built: vite does not transform it. (Tests may lie below build/, too: see mutation/.)
    server: { deps: { external: [/\/build\/(modules|esm|cjs)\//] } },
    setupFiles: ["test/matchers.ts"],
    expect: { requireAssertions: true }, // a test that asserts nothing fails
    testTimeout: 60_000, // no assertion on time: a slow machine is not an error
  },
});
