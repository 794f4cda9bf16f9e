// What is in the tarball, and what package managers, type checkers and bundlers make of its manifest.

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { gzipSync } from "node:zlib";
import { publint } from "publint";
import { formatMessage } from "publint/utils";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { names } from "./readme.mjs";
import { build, embeddedIn, manifest, pack, root, run, unpack, write } from "./tarball.mjs";

/** Most that a user downloads. */
const PACKED_BYTES = 72_000;

const folder = join(build, "package", "unpacked");
let tarball;
let files; // paths in the package, without directories
const text = (path) => readFileSync(join(folder, path), "utf8");
const withEnding = (ending) => files.filter((path) => path.endsWith(ending));

beforeAll(() => {
  tarball = pack("package");
  unpack(tarball, folder);
  files = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .sort();
});

/** Shows where the bytes are. The window of gzip is too short for the copies for import and for require to share theirs. */
afterAll(() => {
  const weigh = (paths) =>
    gzipSync(Buffer.concat(paths.map((path) => readFileSync(join(folder, path)))), { level: 9 }).length;
  const shares = {
    "WebAssembly, raw": (path) => path.endsWith(".wasm"),
    "WebAssembly as base64, for import": (path) => path === "build/esm/binaries.js",
    "WebAssembly as base64, for require": (path) => path === "build/cjs/binaries.js",
    "other code, for import": (path) => /^build\/esm\/(?!binaries).*\.js$/.test(path),
    "other code, for require": (path) => /^build\/cjs\/(?!binaries).*\.js$/.test(path),
    "types, for import": (path) => /^build\/esm\/.*\.d\.ts$/.test(path),
    "types, for require": (path) => /^build\/cjs\/.*\.d\.ts$/.test(path),
    "pages and manifest": (path) => !path.startsWith("build/"),
  };
  console.log(`tarball: ${readFileSync(tarball).length} bytes of at most ${PACKED_BYTES}, ${files.length} files`);
  for (const [name, belongs] of Object.entries(shares))
    console.log(`  ${weigh(files.filter(belongs))} gzipped: ${name}`);
});

describe("the tarball", () => {
  test("is within its budget", () => {
    expect(readFileSync(tarball).length).toBeLessThanOrEqual(PACKED_BYTES);
  });

  test("is the same, to the byte, when packed again", () => {
    expect(readFileSync(pack("package-again")).equals(readFileSync(tarball))).toBe(true);
  });

  test("holds what users need and nothing else", () => {
    expect(files.filter((path) => !/^build\/(esm|cjs)\//.test(path))).toEqual(
      ["LICENSE", "README.md", "build/relaxed.wasm", "build/simd.wasm", "package.json"].sort(),
    );
    const odd = files.filter((path) => /^build\/(esm|cjs)\//.test(path) && !/\/\w+(\.js|\.d\.ts)$/.test(path));
    expect(odd).toEqual(["build/cjs/package.json"]);
  });

  test("has each entry, what they share, and the types that they lead to", () => {
    const code = ["index", "js", "shared", "binaries"];
    const typed = new Set(["index", "js", "workerd"]);
    for (const name of typed)
      for (const [, next] of text(`build/esm/${name}.d.ts`).matchAll(/ from "\.\/(\w+)\.js"/g)) typed.add(next);
    const expected = [
      ...[...code, "workerd", "kernel", "entry"].map((name) => `build/esm/${name}.js`), // Workers are ES modules only
      ...code.map((name) => `build/cjs/${name}.js`),
      ...[...typed].map((name) => `build/esm/${name}.d.ts`),
      ...[...typed].filter((name) => name !== "workerd").map((name) => `build/cjs/${name}.d.ts`),
    ];
    const found = files.filter((path) => /^build\/(esm|cjs)\//.test(path) && !path.endsWith("/package.json"));
    expect(found).toEqual(expected.sort());
  });

  test("has no dependencies and no install scripts", () => {
    const { scripts, ...rest } = JSON.parse(text("package.json"));
    expect(Object.keys(rest).filter((name) => /dependencies$/i.test(name))).toEqual(["devDependencies"]);
    expect(Object.keys(scripts).filter((name) => /^(pre|post)?install$/.test(name))).toEqual([]);
    expect(files).not.toContain("binding.gyp"); // npm would take it for an install script
  });

  // `prepare` builds in a checkout, and where npm installs from git. From a tarball or a registry, npm does not run it: it would
  // fail in this project, since no tool that it needs is there.
  test("installs by npm, scripts allowed and nothing to download: one package, without an install script", () => {
    const project = join(build, "package", "project");
    write(project, { "package.json": JSON.stringify({ private: true }) });
    run("npm", ["install", "--offline", "--ignore-scripts=false", "--no-audit", "--no-fund", tarball], {
      cwd: project,
    });
    const { packages } = JSON.parse(readFileSync(join(project, "node_modules/.package-lock.json"), "utf8"));
    expect(Object.keys(packages)).toEqual([`node_modules/${manifest.name}`]);
    expect(packages[`node_modules/${manifest.name}`]).not.toHaveProperty("hasInstallScript");
  });
});

describe("the manifest", () => {
  test("publint --strict finds nothing", async () => {
    const { messages } = await publint({ pack: { tarball: readFileSync(tarball).buffer }, strict: true });
    expect(messages.map((message) => formatMessage(message, manifest))).toEqual([]);
  });

  test("attw --profile node16 finds nothing", () => {
    run(process.execPath, [
      join(root, "node_modules/@arethetypeswrong/cli/dist/index.js"),
      tarball,
      "--profile",
      "node16",
    ]);
  });

  test("orders the conditions workerd, import, require, each with its types first", () => {
    expect(Object.keys(manifest.exports["."])).toEqual(["workerd", "import", "require"]);
    for (const entry of [".", "./js"])
      for (const target of Object.values(manifest.exports[entry]))
        expect(Object.keys(target)).toEqual(["types", "default"]);
    expect(manifest.sideEffects).toBe(false);
  });

  test("leads to files that are there, and hides all others", () => {
    const targets = (node) => (typeof node === "string" ? [node] : Object.values(node).flatMap(targets));
    for (const target of [manifest.main, manifest.module, manifest.types, ...targets(manifest.exports)])
      expect(files).toContain(target.slice(2));
    expect(Object.keys(manifest.exports)).toEqual([".", "./js", "./simd.wasm", "./relaxed.wasm", "./package.json"]);
  });
});

/** The modules that `path` loads, itself included. */
function graphOf(path, seen = new Set()) {
  if (seen.has(path)) return seen;
  seen.add(path);
  for (const [, target] of text(path).matchAll(/(?:from|import|require\()\s*"(\.{1,2}\/[^"]+)"/g)) {
    const next = join(path, "..", target);
    if (next.endsWith(".js")) graphOf(next, seen);
  }
  return seen;
}

describe("the code", () => {
  const entries = ["build/esm/index.js", "build/esm/js.js", "build/cjs/index.js", "build/cjs/js.js"];

  test.each([...entries, "build/esm/workerd.js"])("%s loads nothing but its own modules, at once", (entry) => {
    const graph = [...graphOf(entry)];
    expect(graph.length).toBeGreaterThan(1);
    for (const path of graph) {
      for (const [, target] of text(path).matchAll(/(?:\bfrom|\bimport|\brequire\()\s*"([^"]+)"/g))
        expect(target, path).toMatch(entry.endsWith("workerd.js") ? /^\.{1,2}\/\w+\.(js|wasm)$/ : /^\.\/\w+\.js$/);
      expect(text(path), path).not.toMatch(/\bimport\.meta\b|\bimport\(|\bnode:|\beval\(|\bnew Function\b/);
      expect(text(path), path).not.toMatch(/^(?!\s).*\bawait\b(?!.*=>)/m); // what is not indented is the top level
    }
  });

  test("softmax-wasm/js holds no WebAssembly, nor the way of the data to it", () => {
    for (const entry of ["build/esm/js.js", "build/cjs/js.js"])
      for (const path of graphOf(entry)) {
        expect(path).not.toMatch(/(binaries|kernel|index)\.js$/);
        expect(text(path), path).not.toMatch(/\bfunction (inflate|startKernel|stream|inPieces)\b/);
        expect(embeddedIn(text(path))).toBe(0);
      }
  });

  test("nor does it take a module from elsewhere", async () => {
    const { createEngine, createEngineSync } = await import(pathToFileURL(join(folder, "build/esm/js.js")).href);
    const module = new WebAssembly.Module(readFileSync(join(folder, "build/simd.wasm")));
    const cause = '"module" cannot be used: softmax-wasm/js has no WebAssembly in it';
    expect(() => createEngineSync({ module })).toThrow(`createEngineSync: ${cause}`);
    await expect(createEngine({ module })).rejects.toThrow(`createEngine: ${cause}`);
  });

  test("every entry has the same names, at run time and for the type checker", async () => {
    const declared = (entry) =>
      [...text(`build/esm/${entry}.d.ts`).matchAll(/^export declare (?:function|class|const) (\w+)/gm)].map(
        ([, name]) => name,
      );
    const reexported = (entry) =>
      text(`build/esm/${entry}.d.ts`)
        .match(/^export .*\bfrom\b.*$/gm)
        .sort();
    const exported = (entry) =>
      /^export \{ (.*) \};?$/m
        .exec(text(`build/esm/${entry}.js`))[1]
        .split(", ")
        .sort();
    expect(declared("index")).toContain("softmax");
    expect(exported("index")).toContain("softmax");
    for (const other of ["js", "workerd"]) {
      expect(declared(other)).toEqual(declared("index"));
      expect(reexported(other)).toEqual(reexported("index"));
      expect(exported(other)).toEqual(exported("index"));
    }
  });
});

test("README.md: each snippet for a place of its own is run by the suites of engines and bundlers", () => {
  const inEngines = ["commonjs", "worker", "worker-page", "cloudflare", "deno", "bun", "react-native"];
  const inBundlers = ["bundler", "one-file", "page"];
  expect([...names].sort()).toEqual([...inEngines, ...inBundlers].sort());
});

describe("the types", () => {
  const codeOf = (path) => text(path).replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, "");

  test("mention neither WebAssembly nor generic typed arrays: not every lib has them", () => {
    const declarations = withEnding(".d.ts");
    expect(declarations.length).toBeGreaterThan(10);
    for (const path of declarations)
      expect(codeOf(path), path).not.toMatch(/\bWebAssembly\b|\b(Array|\w+\d+Array)Buffer<|\w+\d+(Clamped)?Array</);
  });

  test("keep their comments, which editors show; the code has none, which nobody reads", () => {
    expect(text("build/esm/index.d.ts")).toContain("@param");
    for (const path of withEnding(".js")) expect(text(path), path).not.toMatch(/^\s*(\/\/|\/\*)/m);
  });
});
