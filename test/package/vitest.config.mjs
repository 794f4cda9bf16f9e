// Suites that take the package from its tarball, as users get it. They install engines and bundlers, once, into build/.

import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    root: fileURLToPath(new URL(".", import.meta.url)),
    include: ["*.test.mjs"],
    fileParallelism: false,
    testTimeout: 300_000,
    hookTimeout: 900_000, // the first run installs a gigabyte of engines and bundlers
  },
});
