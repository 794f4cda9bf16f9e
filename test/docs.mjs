// `npm run docs`: a reference of the API, made of the comments in src/, in build/docs. Any doubt of the generator is an error: a
// link that leads nowhere, say. It needs a TypeScript older than ours, hence an install of its own.

import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { install } from "./package/install.mjs";
import { build, root } from "./package/tarball.mjs";

const tools = install("docs-tools", { typedoc: "0.28.20", typescript: "6.0.3" });
const { Application } = await import(pathToFileURL(join(tools, "node_modules/typedoc/dist/index.js")));

const docs = await Application.bootstrap({
  name: "softmax-wasm",
  entryPoints: [join(root, "src/index.ts")],
  tsconfig: join(root, "tsconfig.json"),
  readme: "none",
  excludeInternal: true,
  excludePrivate: true,
  disableSources: true,
  useTsLinkResolution: false, // it takes the braces of `@throws {@link …}` for a type
  treatWarningsAsErrors: true,
});

/** The classes of the language, to which `@throws` links. */
docs.converter.addUnknownSymbolResolver(({ symbolReference }) => {
  const name = symbolReference?.path?.map(({ path }) => path).join(".");
  if (["Error", "TypeError", "RangeError"].includes(name))
    return `https://developer.mozilla.org/docs/Web/JavaScript/Reference/Global_Objects/${name}`;
});

const project = await docs.convert();
if (project === undefined) throw new Error("the comments could not be read");
docs.validate(project);
await docs.generateDocs(project, join(build, "docs"));
if (docs.logger.hasErrors() || docs.logger.hasWarnings()) process.exitCode = 1;
