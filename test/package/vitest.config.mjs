// Suites that take the package from its tarball, as users get it. They install engines and bundlers, once, into build/.

import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/package/*.test.mjs"],
    fileParallelism: false,
    testTimeout: 300_000,
    hookTimeout: 900_000, // the first run installs a gigabyte of engines and bundlers
  },
});
