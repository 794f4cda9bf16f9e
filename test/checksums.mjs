// The SHA-256 of both binaries, as they are built anywhere. `npm run checksums` compares what is built with what is recorded;
// with `-- --write` it records, after a change of the kernel. `sha256sum --check test/binaries.sha256` does the same by hand.

import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";

const root = new URL("../", import.meta.url);
const record = new URL("test/binaries.sha256", root);

const lines = ["build/simd.wasm", "build/relaxed.wasm"].map((path) => {
  const sum = createHash("sha256")
    .update(readFileSync(new URL(path, root)))
    .digest("hex");
  return `${sum}  ${path}\n`;
});
if (process.argv.includes("--write")) writeFileSync(record, lines.join(""));
else {
  const recorded = readFileSync(record, "utf8");
  process.stdout.write(lines.join(""));
  if (recorded !== lines.join("")) {
    console.error(
      `test/binaries.sha256 says otherwise:\n${recorded}If the kernel was changed: npm run checksums -- --write`,
    );
    process.exitCode = 1;
  }
}
