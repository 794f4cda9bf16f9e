// Suites that need other people's programs, or many cases: `npm run judges`, `npm run nightly`.

import suite from "../../vitest.config.ts";

export default {
  ...suite,
  test: {
    ...suite.test,
    include: ["test/nightly/*.test.mjs", "test/properties.test.ts", "test/differential.test.ts"],
    testTimeout: 600_000,
    hookTimeout: 600_000,
  },
};
