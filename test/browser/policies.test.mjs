// Pages under every content policy that matters, isolated and not, each with a Worker: what runs, why, and that nobody is
// bothered: no console output, no request but for the page's own modules, nothing done before the first call.

import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { launch, NAMES } from "./browsers.mjs";
import { serve } from "./server.mjs";

const folderOf = (path) => fileURLToPath(new URL(path, import.meta.url));
const folders = [folderOf("policies"), folderOf("../../build/browser")];

const ISOLATED = { "Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Embedder-Policy": "require-corp" };
const policy = (text) => ({ "Content-Security-Policy": text });

/** A site for each: its headers, and whether it may compile. */
const SITES = {
  open: { title: "no policy", headers: {}, compiles: true },
  isolated: { title: "no policy, isolated", headers: ISOLATED, compiles: true },
  self: { title: "script-src 'self'", headers: policy("script-src 'self'"), compiles: false },
  strict: {
    title: "default-src 'none'; script-src 'self', isolated",
    headers: { ...ISOLATED, ...policy("default-src 'none'; script-src 'self'; worker-src 'self'; img-src data:") },
    compiles: false,
  },
  wasm: {
    title: "script-src 'self' 'wasm-unsafe-eval'",
    headers: policy("script-src 'self' 'wasm-unsafe-eval'"),
    compiles: true,
  },
};

const NOTHING = { WebAssembly: 0, atob: 0, fetch: 0, XMLHttpRequest: 0, Worker: 0 };
const third = Math.fround(1 / 3);

let server;
beforeAll(async () => {
  server = await serve(Object.fromEntries(Object.entries(SITES).map(([name, site]) => [name, { ...site, folders }])));
});
afterAll(() => server.close());

describe.each(NAMES)("%s", (name) => {
  let browser;
  beforeAll(async () => {
    browser = await launch(name);
    console.log(await browser.version());
  });
  afterAll(() => browser?.close());

  /** Opens a page of ours, and waits for its record. */
  async function visit(path) {
    const page = await browser.newPage();
    const output = [];
    page.on("console", (message) => output.push(message.text()));
    page.on("pageerror", (error) => output.push(String(error)));
    const asked = [];
    page.on("request", (request) => asked.push(request.url()));
    await page.goto(server.urlOf(path));
    const done = await page.waitForSelector("#done", { timeout: 60_000 });
    const record = JSON.parse(await done.evaluate((place) => place.textContent));
    await page.close();
    return { record, output, foreign: asked.filter((url) => !/^data:/.test(url) && !url.startsWith(server.urlOf(""))) };
  }

  describe.each(Object.entries(SITES))("%s", (site, { title, headers, compiles }) => {
    let visited;
    beforeAll(async () => {
      server.requests.length = 0;
      visited = await visit(`${site}/`);
    });

    describe.each(["page", "worker"])(`${title}: %s`, (where) => {
      test(compiles ? "relaxed runs" : "falls back to js, and says why", () => {
        const { first, awaited, named } = visited.record[where];
        expect(first.backend).toBe(compiles ? "relaxed" : "js");
        expect(first.reason).toMatch(
          compiles
            ? /^relaxed is the fastest, and it runs here$/
            : /^relaxed cannot run: .{10}.*; simd cannot run: .{10}/,
        );
        expect(awaited.backend).toBe(first.backend);
        const refusal = { code: "ERR_SOFTMAX_BACKEND", cause: "CompileError" };
        expect(named).toEqual({
          relaxed: compiles ? "relaxed" : refusal,
          simd: compiles ? "simd" : refusal,
          js: "js",
        });
      });

      test("the result is right", () => {
        const { probabilities, shared, isolated } = visited.record[where];
        expect(probabilities).toEqual([third, third, 0, third, 0.25, 0.25, 0.25, 0.25]);
        expect(isolated).toBe("Cross-Origin-Opener-Policy" in headers);
        expect(shared).toEqual(isolated ? [0.25, 0.25, 0.25, 0.25] : undefined);
      });

      test("nothing is done at import, and nothing asked for by a call", () => {
        const { atImport, counts, requests } = visited.record[where];
        expect(atImport).toEqual(NOTHING);
        expect(counts).toMatchObject({ fetch: 0, XMLHttpRequest: 0, Worker: 0 });
        expect(counts.WebAssembly).toBeGreaterThan(0); // the counter counts
        expect(requests).toBe(0);
      });
    });

    // Firefox itself tells whoever looks that it kept something from compiling; no page can keep it from that.
    test(`${title}: no console output, no request but for our own files`, () => {
      const blocked = /^Error: Content-Security-Policy: .* blocked WebAssembly/;
      const ownWords = name === "firefox" && !compiles ? visited.output.filter((text) => blocked.test(text)) : [];
      expect(visited.output.filter((text) => !ownWords.includes(text))).toEqual([]);
      expect(visited.foreign).toEqual([]);
      const files = server.requests.map((url) => url.replace(`/${site}/`, ""));
      const ours = /^($|(count|page|calls|worker)\.js$|package\/build\/esm\/\w+\.js$)/;
      expect(files.filter((file) => !ours.test(file))).toEqual([]);
      expect(files.filter((file) => file.startsWith("package/")).length).toBeGreaterThan(0);
    });
  });

  test("a page that imports the library and never calls it pays nothing", async () => {
    const { record, output, foreign } = await visit("open/idle.html");
    expect(record.names).toContain("softmax");
    expect(record.counts).toEqual(NOTHING);
    expect([output, foreign]).toEqual([[], []]);
  });
});
