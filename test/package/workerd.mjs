// Runs Workers in workerd, the engine of Cloudflare, bundled by wrangler or by hand.

import { spawn } from "node:child_process";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { installWrangler, nodeOf } from "./engines.mjs";
import { freePort } from "./ports.mjs";
import { run, write } from "./tarball.mjs";

const DATE = "2026-07-01";

/** Bundles `main` in `folder` into its subfolder dist, as `wrangler deploy` would. */
export function bundleWithWrangler(folder, main) {
  write(folder, { "wrangler.json": JSON.stringify({ name: "softmax", main, compatibility_date: DATE }) });
  const wrangler = join(installWrangler(), "wrangler/bin/wrangler.js");
  const environment = { ...process.env, CI: "1", WRANGLER_SEND_METRICS: "false" };
  run(nodeOf(24), [wrangler, "deploy", "--dry-run", "--outdir", "dist"], { cwd: folder, env: environment });
}

/** Bundles `main` as a bundler does that knows nothing of Workers. */
export function bundleWithEsbuild(folder, main) {
  const esbuild = join(installWrangler(), "@esbuild/linux-x64/bin/esbuild");
  run(esbuild, [main, "--bundle", "--format=esm", "--outdir=dist"], { cwd: folder });
}

/** Answers of the Worker in `folder`/dist to requests with these bodies (undefined: GET). */
export async function answersOf(folder, main, bodies) {
  const kinds = { js: "esModule", wasm: "wasm" };
  const modules = readdirSync(join(folder, "dist"))
    .filter((name) => name === main || name.endsWith(".wasm"))
    .sort((a, b) => Number(b === main) - Number(a === main)) // the first is the entry
    .map((name) => `(name = "${name}", ${kinds[name.split(".").at(-1)]} = embed "dist/${name}")`);
  const port = await freePort();
  write(folder, {
    "config.capnp": `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [(name = "main", worker = (modules = [${modules.join(", ")}], compatibilityDate = "${DATE}"))],
  sockets = [(name = "http", address = "127.0.0.1:${port}", http = (), service = "main")],
);`,
  });
  const binary = join(installWrangler(), "@cloudflare/workerd-linux-64/bin/workerd");
  const server = spawn(binary, ["serve", "config.capnp"], { cwd: folder, stdio: ["ignore", "inherit", "inherit"] });
  try {
    const answers = [];
    for (const body of bodies) answers.push(await request(`http://127.0.0.1:${port}/`, body, server));
    return answers;
  } finally {
    server.kill();
  }
}

async function request(url, body, server) {
  for (;;) {
    if (server.exitCode !== null) throw new Error(`workerd ended with ${server.exitCode}`);
    try {
      const response = await fetch(url, body && { method: "POST", body });
      if (!response.ok) throw new RangeError(`${response.status} ${await response.text()}`);
      return Buffer.from(await response.arrayBuffer());
    } catch (error) {
      if (!(error instanceof TypeError)) throw error; // a TypeError: nobody listens yet
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}
