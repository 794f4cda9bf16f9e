// `npm run coverage`: the suites on the sources themselves, in place of what is built of them, and which lines of src/ they do not reach.

import { fileURLToPath } from "node:url";
import suite from "../../vitest.config.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));

export default {
  ...suite,
  test: {
    ...suite.test,
    alias: [
      { find: /^softmax-wasm$/, replacement: `${root}src/index.ts` },
      { find: /^\.\/binaries\.js$/, replacement: `${root}build/modules/binaries.js` },
      { find: /^.*\/build\/modules\/(memory|operation)\.js$/, replacement: `${root}src/$1.ts` },
    ],
    coverage: {
      provider: "v8",
      include: ["src/**/*.ts"],
      exclude: ["src/**/*.d.ts", "src/options.ts"], // types only
      reporter: ["text", "json-summary"],
      reportsDirectory: "build/coverage",
    },
  },
};
