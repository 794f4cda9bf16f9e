// The package, from its tarball, through bundlers, type checkers and Jest. Whatever comes out is run.

import { spawn } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  BUNDLERS,
  esbuild,
  installParcel,
  installTools,
  jest,
  parcel,
  TYPESCRIPTS,
  tsc,
  viteBinary,
} from "./bundlers.mjs";
import { binaryOf, engineOf } from "./engines.mjs";
import { freePort } from "./ports.mjs";
import { expectExplained, expectPrinted, snippet } from "./readme.mjs";
import { build, embeddedIn, pack, project, root, run } from "./tarball.mjs";

const MAIN = {
  "import.js": `import * as library from "softmax-wasm";
import { smoke } from "./smoke.mjs";
smoke(library).then((report) => console.log(JSON.stringify(report)));`,
  "require.cjs": `const library = require("softmax-wasm");
const { smoke } = require("./smoke.cjs");
smoke(library).then((report) => console.log(JSON.stringify(report)));`,
};

/** What may be left of the package where little of it is used; `kernels`: whether they are in the bundle. */
const SHAKEN = {
  "nothing.js": { code: `import "softmax-wasm";`, kernels: 0, most: 100 },
  "arena.js": { code: `import { Arena } from "softmax-wasm"; console.log(typeof Arena);`, kernels: 0, most: 6_000 },
  "fallback.js": {
    code: `import { softmax } from "softmax-wasm/js"; console.log(String(softmax(new Float32Array(2))));`,
    kernels: 0,
    most: 11_100, // Rollup, which does not minify: 11.0 KB, the others 7.9 to 8.3
  },
  "one.js": {
    code: `import { softmax } from "softmax-wasm"; console.log(String(softmax(new Float32Array(2))));`,
    kernels: 1,
    most: 27_800, // Rollup, which does not minify: 27.3 KB, the others 23.3 to 23.6
  },
};
const PRINTS = { "nothing.js": "", "arena.js": "function", "fallback.js": "0.5,0.5", "one.js": "0.5,0.5" };

let tarball;
let tools;
const table = [];

beforeAll(() => {
  tools = installTools();
  tarball = pack("bundlers/tarball");
});

afterAll(() => {
  for (const line of table) console.log(line);
});

/** A project of its own, below the folder of the tools. */
function newProject(name, files = {}, type) {
  const folder = join(tools, "projects", name.replace(/[^\w.]+/g, "-"));
  project(folder, tarball, files, type);
  esbuild(folder, "smoke.mjs", "--format=cjs", "--outfile=smoke.cjs", "--log-level=warning");
  return folder;
}

function expectSmoke(where, report) {
  table.push(`${where}: ${report.backend}, ${report.passed} checks`);
  expect(report.failures).toEqual([]);
  expect(report.passed).toBeGreaterThan(140);
  expect(Object.keys(report.hashes)).toEqual(expect.arrayContaining(["simd", "js"]));
}

function bundles({ name, main = "import.js", bundle }) {
  test("smoke", () => {
    const folder = newProject(name, MAIN);
    const out = bundle(folder, main);
    expect(embeddedIn(readFileSync(join(folder, out), "utf8"))).toBe(1);
    expectSmoke(name, JSON.parse(run(process.execPath, [out], { cwd: folder })));
  });
}

describe.each(BUNDLERS)("$name", (bundler) => {
  bundles(bundler);

  if (bundler.main === undefined)
    test.each(Object.entries(SHAKEN))("leaves out what is not used: %s", (main, { code, kernels, most }) => {
      const folder = newProject(`${bundler.name} ${main}`, { [main]: code });
      const out = bundler.bundle(folder, main);
      const bytes = readFileSync(join(folder, out));
      const size = gzipSync(bytes).length;
      table.push(`${bundler.name}, ${main}: ${size} bytes gzipped`);
      expect(embeddedIn(bytes.toString())).toBe(kernels);
      expect(size).toBeLessThan(most);
      expect(run(process.execPath, [out], { cwd: folder }).trim()).toBe(PRINTS[main]);
    });
});

describe(parcel.name, () => {
  // If it cannot be installed here, that is a failure with its name, not a skipped test.
  test("installs", () => {
    installParcel();
  });
  bundles(parcel);
});

describe.each(["vite", "vite-7"])("%s, as a server for development", (name) => {
  // Deno imports over HTTP, as a browser does: it takes every module from the server.
  test("smoke", async () => {
    const page = `<script type="module" src="/import.js"></script>`;
    const folder = newProject(`${name} dev`, { ...MAIN, "index.html": page });
    const port = await freePort();
    const flags = ["--host", "127.0.0.1", "--port", String(port), "--strictPort", "--logLevel", "warn"];
    const server = spawn(process.execPath, [viteBinary(name), ...flags], { cwd: folder, stdio: "inherit" });
    try {
      const url = `http://127.0.0.1:${port}/import.js`;
      await reachable(url, server);
      const env = { ...process.env, DENO_DIR: join(folder, "deno"), NO_COLOR: "1" };
      const deno = ["run", "--quiet", "--no-lock", "--no-config", `--allow-import=127.0.0.1:${port}`, url];
      expectSmoke(`${name}, dev`, JSON.parse(run(binaryOf(engineOf("deno")), deno, { env, cwd: build })));
      expect(readdirSync(join(folder, "node_modules/.vite/deps"))).toContain("softmax-wasm.js");
    } finally {
      server.kill();
    }
  });

  test("softmax-wasm/simd.wasm?url", () => {
    const main = `import url from "softmax-wasm/simd.wasm?url"; console.log(url);`;
    const folder = newProject(`${name} url`, { "url.js": main });
    const out = BUNDLERS.find((bundler) => bundler.name.startsWith(`${name} `)).bundle(folder, "url.js");
    const url = run(process.execPath, [out], { cwd: folder }).trim();
    expect(url).toBe("/simd.wasm");
    expect(readFileSync(join(folder, "dist", url)).equals(readFileSync(join(build, "simd.wasm")))).toBe(true);
  });
});

async function reachable(url, server) {
  for (;;) {
    if (server.exitCode !== null) throw new Error(`the server ended with ${server.exitCode}`);
    const response = await fetch(url).catch(() => undefined);
    if (response?.ok) return;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

test("Jest, in its CommonJS mode", () => {
  const suite = `const library = require("softmax-wasm");
const { smoke } = require("./smoke.cjs");
test("smoke", async () => {
  require("node:fs").writeFileSync("report.json", JSON.stringify(await smoke(library)));
});
test("softmax-wasm/js", () => {
  expect(String(require("softmax-wasm/js").softmax(new Float32Array(2)))).toBe("0.5,0.5");
});`;
  const folder = newProject("jest", { "smoke.test.js": suite }, "commonjs");
  jest(folder);
  expectSmoke("jest", JSON.parse(readFileSync(join(folder, "report.json"), "utf8")));
});

describe.each(TYPESCRIPTS)("%s", (name) => {
  const code = readFileSync(join(root, "test/package/types.ts"), "utf8");
  const options = {
    target: "es2022",
    lib: ["es2022"],
    types: [],
    strict: true,
    exactOptionalPropertyTypes: true,
    skipLibCheck: false,
    outDir: "out",
    rootDir: ".",
  };

  test.each([
    ["nodenext", "nodenext", ["main.mts", "main.cts"], ["out/main.mjs", "out/main.cjs"]],
    ["esnext", "bundler", ["main.mts"], ["out/main.mjs"]],
  ])("module %s, resolution %s", (module, moduleResolution, include, outputs) => {
    const config = { compilerOptions: { ...options, module, moduleResolution }, include };
    const files = { "main.mts": code, "main.cts": code, "tsconfig.json": JSON.stringify(config) };
    const folder = newProject(`${name} ${moduleResolution}`, files);
    tsc(name, folder, "tsconfig.json");
    for (const out of outputs) expect(run(process.execPath, [out], { cwd: folder }).trim()).toBe("0.5,0.5,0");
    table.push(`${name}, ${moduleResolution}: ${outputs.join(", ")}`);
  });

  test("a wrong type is found: the types are not any", () => {
    const config = { compilerOptions: { ...options, module: "nodenext" }, include: ["wrong.mts"] };
    const wrong = `import { softmax } from "softmax-wasm";\nexport const text: string = softmax(new Float32Array(1));\n`;
    const folder = newProject(`${name} wrong`, { "wrong.mts": wrong, "tsconfig.json": JSON.stringify(config) });
    expect(() => tsc(name, folder, "tsconfig.json")).toThrow("TS2322");
  });
});

/** What `action` throws, as text. */
function errorOf(action) {
  try {
    action();
  } catch (error) {
    return error.message;
  }
  throw new Error("nothing was thrown");
}

describe("README.md, troubleshooting", () => {
  test("a bundler that takes the condition workerd, but is not for Workers", () => {
    const folder = newProject("wrong condition", MAIN);
    const error = errorOf(() => esbuild(folder, "import.js", "--bundle", "--conditions=workerd", "--outfile=out.js"));
    expect(error).toContain('No loader is configured for ".wasm" files');
    expectExplained(error);
  });

  test("TypeScript's resolution from before exports", () => {
    const compilerOptions = {
      module: "commonjs",
      moduleResolution: "node10",
      target: "es2022",
      lib: ["es2022"],
      types: [],
    };
    const config = JSON.stringify({ compilerOptions, files: ["old.ts"] });
    const old = `export { softmax } from "softmax-wasm";\nexport { createEngine } from "softmax-wasm/js";\n`;
    const folder = newProject("node10", { "old.ts": old, "tsconfig.json": config });
    const error = errorOf(() => tsc("typescript-5.9", folder, "tsconfig.json"));
    expect(error.match(/error TS/g)).toHaveLength(1); // the main entry is found
    expectExplained(error);
  });
});

describe("README.md", () => {
  test.each(BUNDLERS.filter(({ main }) => main === undefined))("bundler, by $name", ({ name, bundle }) => {
    const folder = newProject(`readme ${name}`, { "readme.js": snippet("bundler") });
    expectPrinted("bundler", run(process.execPath, [bundle(folder, "readme.js")], { cwd: folder }));
  });

  test("one-file and page", () => {
    const [, command, parameters] = snippet("one-file").match(/^npx (\w+) (.*)\n$/);
    expect(command).toBe("esbuild");
    const [, script] = snippet("page").match(/^<script type="module">([\s\S]*)<\/script>\n$/);
    const folder = newProject("one-file", { "page.js": script });
    esbuild(folder, ...parameters.split(" "), "--log-level=warning");
    const file = readFileSync(join(folder, "softmax.js"));
    table.push(`softmax.js, one file: ${file.length} bytes, ${gzipSync(file).length} gzipped`);
    expect(gzipSync(file).length).toBeLessThanOrEqual(24_000);
    expect(file.toString()).not.toMatch(/\bimport\b/);
    expectPrinted("page", run(process.execPath, ["page.js"], { cwd: folder }));
  });
});
