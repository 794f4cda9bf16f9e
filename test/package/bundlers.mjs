// The bundlers, and how each makes one file of `main` in a folder. All but Parcel come in one install, below whose folder the
// projects lie, so that they find the tools as their own.

import { join } from "node:path";
import { install } from "./install.mjs";
import { run, write } from "./tarball.mjs";

const TOOLS = {
  "@rollup/plugin-node-resolve": "16.0.3",
  esbuild: "0.28.2",
  jest: "30.5.2",
  rollup: "4.68.8",
  "typescript-5.4": "npm:typescript@5.4.5",
  "typescript-5.9": "npm:typescript@5.9.3",
  "typescript-6": "npm:typescript@6.0.3",
  "typescript-7": "npm:typescript@7.0.2",
  vite: "8.3.8",
  "vite-7": "npm:vite@7.3.8",
  webpack: "5.112.2",
};
const PARCEL = { parcel: "2.16.4" };

export const TYPESCRIPTS = Object.keys(TOOLS).filter((name) => name.startsWith("typescript-"));

export const installTools = () => install("bundlers", TOOLS);
export const installParcel = () => install("parcel", PARCEL);

const version = (name) => TOOLS[name].split("@").at(-1);
const tool = (path) => join(installTools(), "node_modules", path);
const node = (folder, script, ...parameters) => run(process.execPath, [script, ...parameters], { cwd: folder });

export const esbuild = (folder, ...parameters) => run(tool("esbuild/bin/esbuild"), parameters, { cwd: folder });
export const tsc = (name, folder, project) => node(folder, tool(`${name}/bin/tsc`), "-p", project);
export const jest = (folder) => node(folder, tool("jest/bin/jest.js"), "--rootDir", folder);
export const viteBinary = (name) => tool(`${name}/bin/vite.js`);

const vite = (name) => ({
  name: `${name} ${version(name)}`,
  bundle(folder, main) {
    // Names without hashes, to find them again.
    const names = { entryFileNames: "out.mjs", assetFileNames: "[name][extname]" };
    const config = { build: { rollupOptions: { input: main, output: names } } };
    write(folder, { "vite.config.js": `export default ${JSON.stringify(config)};` });
    node(folder, viteBinary(name), "build", "--logLevel", "warn");
    return "dist/out.mjs";
  },
});

const webpack = (target, main) => ({
  name: `webpack ${version("webpack")}, for ${target}`,
  main,
  bundle(folder, main) {
    const config = { mode: "production", target, entry: `./${main}`, output: { filename: "out.cjs" } };
    const script = `require("webpack")(${JSON.stringify(config)}, (error, stats) => {
  const text = error ? error.stack : stats.toString({ preset: "errors-warnings" });
  if (error || stats.hasErrors() || stats.hasWarnings()) throw new Error(text);
});`;
    write(folder, { "webpack.cjs": script });
    node(folder, "webpack.cjs");
    return "dist/out.cjs";
  },
});

/** `bundle` makes one file of `main` ("import.js" unless said) and returns its path. */
export const BUNDLERS = [
  vite("vite"),
  vite("vite-7"),
  webpack("web"),
  webpack("node", "require.cjs"),
  {
    name: `rollup ${version("rollup")}`,
    bundle(folder, main) {
      const parameters = [
        "--plugin",
        "@rollup/plugin-node-resolve",
        "--format",
        "es",
        "--file",
        "dist/out.mjs",
        "--silent",
      ];
      node(folder, tool("rollup/dist/bin/rollup"), main, ...parameters);
      return "dist/out.mjs";
    },
  },
  {
    name: `esbuild ${version("esbuild")}, ESM`,
    bundle(folder, main) {
      esbuild(folder, main, "--bundle", "--format=esm", "--minify", "--outfile=dist/out.mjs", "--log-level=warning");
      return "dist/out.mjs";
    },
  },
  {
    name: `esbuild ${version("esbuild")}, CommonJS`,
    main: "require.cjs",
    bundle(folder, main) {
      esbuild(
        folder,
        main,
        "--bundle",
        "--format=cjs",
        "--platform=node",
        "--outfile=dist/out.cjs",
        "--log-level=warning",
      );
      return "dist/out.cjs";
    },
  },
];

export const parcel = {
  name: `parcel ${PARCEL.parcel}`,
  bundle(folder, main) {
    const binary = join(installParcel(), "node_modules/parcel/lib/bin.js");
    node(
      folder,
      binary,
      "build",
      main,
      "--no-cache",
      "--cache-dir",
      "cache",
      "--no-source-maps",
      "--dist-dir",
      "dist",
      "--log-level",
      "warn",
    );
    return `dist/${main}`;
  },
};
