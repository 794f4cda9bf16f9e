// The package, from its tarball, in every engine: by import, by require, and without what it would like to have.

import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { binaryOf, ENGINES, engineOf, nodeOf, WRANGLER } from "./engines.mjs";
import { expectExplained, expectPrinted, snippet } from "./readme.mjs";
import { build, pack, project, run, write } from "./tarball.mjs";
import { answersOf, bundleWithEsbuild, bundleWithWrangler } from "./workerd.mjs";

const folder = join(build, "engines", "project");
const workers = join(build, "engines", "workers");

const SMOKE = {
  "import.mjs": `import * as library from "softmax-wasm";
import { smoke } from "./smoke.mjs";
console.log(JSON.stringify(await smoke(library)));`,
  "require.cjs": `const library = require("softmax-wasm");
import("./smoke.mjs").then(async ({ smoke }) => console.log(JSON.stringify(await smoke(library))));`,
  "import-js.mjs": `import * as library from "softmax-wasm/js";
import { smoke } from "./smoke.mjs";
console.log(JSON.stringify(await smoke(library)));`,
  "require-js.cjs": `const library = require("softmax-wasm/js");
import("./smoke.mjs").then(async ({ smoke }) => console.log(JSON.stringify(await smoke(library))));`,
};

beforeAll(() => {
  const tarball = pack("engines/tarball");
  project(folder, tarball, SMOKE);
  project(workers, tarball);
});

const table = [];
const hashes = { relaxed: new Map(), simd: new Map(), js: new Map() }; // of bits → who has them

afterAll(() => {
  for (const line of table) console.log(line);
  for (const [backend, found] of Object.entries(hashes))
    for (const [hash, who] of found) console.log(`bits of ${backend}: ${hash} on ${who.join(", ")}`);
});

/** Nothing failed, and these back ends ran. */
function expectSmoke(where, report, backends) {
  table.push(`${where}: ${report.backend}, ${report.passed} checks; ${report.reason}`);
  expect(report.failures).toEqual([]);
  expect(report.passed).toBeGreaterThan(70 * backends.length);
  expect(Object.keys(report.hashes)).toEqual(backends);
  expect(report.backend).toBe(backends[0]);
  for (const [backend, hash] of Object.entries(report.hashes))
    hashes[backend].set(hash, [...(hashes[backend].get(hash) ?? []), where]);
}

/** The reason is a sentence, and README.md says what to do about it. */
function expectReason(reason) {
  expect(reason).toMatch(/^relaxed cannot run: [^\n]+$/);
  expectExplained(reason);
}

const smokeOf = (engine, file, flags = []) =>
  JSON.parse(run(binaryOf(engine), [...flags, ...engine.run, join(folder, file)], { cwd: folder }));

describe.each(ENGINES)("$name", (engine) => {
  const backends = engine.relaxed ? ["simd", "js"] : ["relaxed", "simd", "js"];

  test.each(["import.mjs", "require.cjs"])("%s", (file) => {
    const report = smokeOf(engine, file);
    expectSmoke(`${engine.name}, ${file}`, report, backends);
    if (engine.relaxed) {
      expect(report.reason).toContain(engine.relaxed);
      expectReason(report.reason);
    } else expect(report.refused).toEqual({});
  });

  test.each(["import-js.mjs", "require-js.cjs"])("%s", (file) => {
    const report = smokeOf(engine, file);
    expectSmoke(`${engine.name}, ${file}`, report, ["js"]);
    expect(report.reason).toContain("softmax-wasm/js has no WebAssembly in it");
  });
});

describe.each(ENGINES.filter(({ name }) => name.startsWith("node")))("$name, hindered", (engine) => {
  test("--jitless: there is no WebAssembly", () => {
    const report = smokeOf(engine, "import.mjs", ["--jitless"]);
    expectSmoke(`${engine.name} --jitless`, report, ["js"]);
    expect(report.reason).toContain("there is no WebAssembly here");
    expectReason(report.reason);
  });

  // A WebAssembly memory reserves 8 GiB of addresses and more, unless V8 can do without (Node 26 does, and checks each access).
  test("ulimit -v: too little address space", () => {
    const command = `ulimit -v 6000000; exec "$0" "$1"`;
    const report = JSON.parse(run("bash", ["-c", command, binaryOf(engine), join(folder, "import.mjs")]));
    if (engine.name.startsWith("node 26"))
      return expectSmoke(`${engine.name} ulimit -v`, report, ["relaxed", "simd", "js"]);
    expectSmoke(`${engine.name} ulimit -v`, report, ["js"]);
    expect(report.reason).toContain("could not allocate memory");
    expectReason(report.reason);
  });
});

describe(`workerd, by wrangler ${WRANGLER}`, () => {
  const worker = `import * as library from "softmax-wasm";
import { smoke } from "./smoke.mjs";
export default { fetch: async () => Response.json(await smoke(library)) };`;

  test("smoke", async () => {
    write(workers, { "worker.js": worker });
    bundleWithWrangler(workers, "worker.js");
    const [answer] = await answersOf(workers, "worker.js", [undefined]);
    const report = JSON.parse(answer);
    expectSmoke("workerd", report, ["relaxed", "simd", "js"]);
    expect(report.refused).toEqual({});
  });

  test("README.md, cloudflare", async () => {
    write(workers, { "cloudflare.js": snippet("cloudflare") });
    bundleWithWrangler(workers, "cloudflare.js");
    const [answer] = await answersOf(workers, "cloudflare.js", [Float32Array.of(3, 3, -Infinity)]);
    expect([...new Float32Array(new Uint8Array(answer).buffer)]).toEqual([0.5, 0.5, 0]);
  });

  test("bundled for no Worker: compiling is refused, and the fallback runs", async () => {
    write(workers, { "plain.js": worker });
    bundleWithEsbuild(workers, "plain.js");
    const [answer] = await answersOf(workers, "plain.js", [undefined]);
    const report = JSON.parse(answer);
    expectSmoke("workerd, embedded", report, ["js"]);
    expectReason(report.reason);
  });
});

describe("README.md", () => {
  test("commonjs, on Node 20", () => {
    write(folder, { "commonjs.cjs": snippet("commonjs") });
    expectPrinted("commonjs", run(nodeOf(20), ["commonjs.cjs"], { cwd: folder }));
  });

  test.each(["deno", "bun"])("%s", (name) => {
    write(folder, { [`${name}.js`]: snippet(name) });
    const engine = engineOf(name);
    expectPrinted(name, run(binaryOf(engine), [...engine.run, `${name}.js`], { cwd: folder }));
  });

  test("bun, as one executable", () => {
    const bun = binaryOf(engineOf("bun"));
    run(bun, ["build", "--compile", "bun.js", "--outfile", "bun-executable"], { cwd: folder });
    expectPrinted("bun", run(join(folder, "bun-executable"), [], { cwd: build }));
  });

  test.each(["deno", "bun"])("worker, on %s", (name) => {
    const end = `worker.addEventListener("message", () => worker.terminate());`;
    write(folder, { "worker.js": snippet("worker"), "worker-page.js": snippet("worker-page") + end });
    const engine = engineOf(name);
    expectPrinted("worker-page", run(binaryOf(engine), [...engine.run, "worker-page.js"], { cwd: folder }));
  });

  test("react-native, on Node without WebAssembly, like Hermes", () => {
    write(folder, { "react-native.mjs": snippet("react-native") });
    expectPrinted("react-native", run(nodeOf(20), ["--jitless", "react-native.mjs"], { cwd: folder }));
  });
});

test("simd and js give the same bits on every engine", () => {
  expect(table.length).toBeGreaterThan(20);
  expect([...hashes.simd.keys()]).toHaveLength(1);
  expect([...hashes.js.keys()]).toHaveLength(1);
});
