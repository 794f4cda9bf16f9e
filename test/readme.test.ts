// Every ```js and ```ts block of the Markdown files, and every @example in src/, type-checked if it is TypeScript, and run by Node
// in a process of its own. Where a line ends in a comment of nothing but numbers, its value must print so.

import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { beforeAll, describe, expect, test } from "vitest";

const root = fileURLToPath(new URL("../", import.meta.url));
const folder = `${root}build/examples/`; // inside the package, so that it can import itself by its name

interface Block {
  readonly title: string;
  readonly file: string;
  readonly language: string;
  readonly code: string;
}

const FENCE = /^```(js|ts)\n([\s\S]*?)^```$/gm;

function blocksOf(path: string): Block[] {
  const text = readFileSync(root + path, "utf8");
  // In a doc comment, every line of a block begins with an asterisk, which comes off. Line numbers stay the same.
  const bare = path.endsWith(".ts") ? text.replace(/^ *\* ?/gm, "") : text;
  return Array.from(bare.matchAll(FENCE), ([, language, code], index) => {
    const name = `${path.replaceAll("/", "-").replace(/\.\w+$/, "")}-${index + 1}`;
    return { title: `${path}, block ${index + 1}`, file: `${name}.m${language}`, language: language!, code: code! };
  });
}

/** The files with that ending in a folder of the package, and in those below it. */
function filesIn(path: string, ending: string): string[] {
  if (!existsSync(root + path)) return [];
  const names = readdirSync(root + path, { recursive: true });
  return names
    .filter((name) => name.endsWith(ending) && !name.includes("node_modules"))
    .map((name) => `${path}/${name}`);
}

const pages = readdirSync(root).filter((name) => name.endsWith(".md"));
const BLOCKS = [...pages, ...filesIn("docs", ".md"), ...filesIn("examples", ".md"), ...filesIn("src", ".ts")].flatMap(
  blocksOf,
);

// What the shorter blocks take for granted: the names of the package, and a batch. Blocks that import or declare a name
// themselves get their own.
const PRELUDE = `
import * as library from "softmax-wasm";
const rows = 2, cols = 3;
const logits = new Float32Array(rows * cols).map((_, i) => i);
Object.assign(globalThis, library, { rows, cols, logits, engine: library.createEngineSync() });

globalThis.prints = (value, ...wanted) => {
  const got = typeof value === "object" ? [...value] : [value];
  const decimals = (text) => (text.split(".")[1] ?? "").length;
  const right = got.length === wanted.length && got.every((x, i) => x.toFixed(decimals(wanted[i])) === wanted[i]);
  if (!right) throw new Error("the comment says " + wanted + ", the value is " + got);
};
`;

const TYPES = `
import * as library from "softmax-wasm";
declare global {
  const softmax: typeof library.softmax;
  const logSoftmax: typeof library.logSoftmax;
  const logSumExp: typeof library.logSumExp;
  const rowStats: typeof library.rowStats;
  const mergeRowStats: typeof library.mergeRowStats;
  const softmaxFromStats: typeof library.softmaxFromStats;
  const softmaxBackward: typeof library.softmaxBackward;
  const logSoftmaxBackward: typeof library.logSoftmaxBackward;
  const createEngine: typeof library.createEngine;
  const createEngineSync: typeof library.createEngineSync;
  const defaultEngine: typeof library.defaultEngine;
  const engine: library.Engine;
  const rows: number;
  const cols: number;
  const logits: Float32Array;
  function prints(value: number | Iterable<number>, ...wanted: string[]): void;
}
`;

const TSCONFIG = {
  compilerOptions: {
    target: "es2022",
    lib: ["es2022", "dom", "esnext.disposable"],
    module: "nodenext",
    strict: true,
    types: [],
  },
  include: ["*.mts"],
};

/** `f(x); // 0.5 0.5` and `console.log(f(x)); // 0.5 0.5`, made to check what the comment says. */
function withChecks(code: string): string {
  const line = /^(?!const |let |import |\/\/)(?:console\.log\((.*)\)|(.*)); *\/\/ *((?:-?\d[\d.]*[, ]*)+)$/gm;
  return code.replace(line, (_, logged: string | undefined, plain: string | undefined, numbers: string) => {
    const wanted = numbers.match(/-?\d[\d.]*/g)!.map((number) => JSON.stringify(number));
    return `prints(${logged ?? plain}, ${wanted.join(", ")});`;
  });
}

function run(command: string, ...parameters: string[]): void {
  const { status, stdout, stderr } = spawnSync(command, parameters, { cwd: folder, encoding: "utf8" });
  expect(status, stdout + stderr).toBe(0);
}

beforeAll(() => {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  writeFileSync(`${folder}prelude.mjs`, PRELUDE);
  writeFileSync(`${folder}prelude.d.mts`, TYPES);
  writeFileSync(`${folder}tsconfig.json`, JSON.stringify(TSCONFIG));
  for (const { file, code } of BLOCKS) writeFileSync(folder + file, `import "./prelude.mjs";\n${withChecks(code)}`);
});

test("there are blocks to run", () => {
  expect(BLOCKS.filter(({ title }) => title.startsWith("README.md"))).not.toEqual([]);
  expect(BLOCKS.filter(({ title }) => title.startsWith("src/"))).not.toEqual([]);
});

test("a wrong number in a comment is found", () => {
  writeFileSync(
    `${folder}wrong.mjs`,
    `import "./prelude.mjs";\n${withChecks("softmax(new Float32Array(2)); // 0.5, 0.6\n")}`,
  );
  const { status, stderr } = spawnSync(process.execPath, [`${folder}wrong.mjs`], { encoding: "utf8" });
  expect(stderr).toContain("the comment says 0.5,0.6, the value is 0.5,0.5");
  expect(status).toBe(1);
});

test("the TypeScript ones compile", () => {
  run(process.execPath, `${root}node_modules/typescript/bin/tsc`, "-p", folder);
});

describe("run", () => {
  test.each(BLOCKS)("$title", ({ file }) => {
    run(process.execPath, file.replace(/\.mts$/, ".mjs"));
  });
});
