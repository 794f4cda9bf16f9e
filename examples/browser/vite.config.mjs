// Builds the page into build/page, from the package as it is built; served with a clock that is not coarsened (isolated).

import { fileURLToPath } from "node:url";
import { defineConfig } from "vite";

export default defineConfig({
  base: "./",
  resolve: { alias: { "softmax-wasm": fileURLToPath(new URL("../../build/esm/index.js", import.meta.url)) } },
  build: { outDir: "../../build/page", emptyOutDir: true },
  worker: { format: "es" },
  preview: {
    headers: { "Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Embedder-Policy": "require-corp" },
  },
});
