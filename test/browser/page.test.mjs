// examples/browser, built with the packed package and clicked through, under the content policy it asks for.

import { mkdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { build } from "vite";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import config from "../../examples/browser/vite.config.mjs";
import { launch, NAMES } from "./browsers.mjs";
import { serve } from "./server.mjs";

const folderOf = (path) => fileURLToPath(new URL(path, import.meta.url));
const built = folderOf("../../build/browser/page");
const screenshots = folderOf("../../build/browser/screenshots");
const axe = readFileSync(folderOf("node_modules/axe-core/axe.min.js"), "utf8");

/** What the page needs: its own files, and the icon in its head. */
const policyWith = (scripts, more = "") => ({
  "Content-Security-Policy": `default-src 'self'; img-src data:; script-src ${scripts}${more}`,
});

const SIZES = { phone: [390, 844], small: [360, 740], desktop: [1440, 900] };

let server;
beforeAll(async () => {
  await build({
    ...config,
    configFile: false,
    logLevel: "warn",
    root: folderOf("../../examples/browser"),
    resolve: { alias: { "softmax-wasm": folderOf("../../build/browser/package/build/esm/index.js") } },
    build: { ...config.build, outDir: built },
  });
  mkdirSync(screenshots, { recursive: true });
  server = await serve({
    page: { folders: [built], headers: { ...config.preview.headers, ...policyWith("'self' 'wasm-unsafe-eval'") } },
    forbidden: { folders: [built], headers: policyWith("'self'") },
    workerless: { folders: [built], headers: policyWith("'self' 'wasm-unsafe-eval'", "; worker-src 'none'") },
  });
});
afterAll(() => server?.close());

describe.each(NAMES)("%s", (name) => {
  let browser;
  let page;
  let output;
  beforeAll(async () => {
    browser = await launch(name);
    server.requests.length = 0;
  });
  afterAll(() => browser?.close());
  beforeEach(() => visit("page/"));
  afterEach(leave);

  async function leave() {
    await page?.close();
    page = undefined;
  }

  async function visit(path) {
    await leave();
    page = await browser.newPage();
    output = [];
    page.on("console", (message) => output.push(message.text()));
    page.on("pageerror", (error) => output.push(String(error)));
    await page.setViewport({ width: 1440, height: 900 });
    await page.goto(server.urlOf(path));
    await page.waitForSelector("#rows tr");
  }

  const text = (selector) => page.$eval(selector, (element) => element.textContent.trim());
  const texts = (selector) => page.$$eval(selector, (all) => all.map((element) => element.textContent.trim()));
  const preset = (title) => page.locator(`::-p-xpath(//fieldset/button[contains(., "${title}")])`).click();
  const field = (n) => `#rows tr:nth-child(${n}) input[type=text]`;
  const slider = (n) => `#rows tr:nth-child(${n}) input[type=range]`;
  const contentOf = (selector) => page.$eval(selector, (element) => element.value);
  const focused = () => page.evaluate(() => document.activeElement.ariaLabel ?? document.activeElement.textContent);
  const becomes = (pattern) =>
    page.waitForFunction(
      (source) => new RegExp(source).test(document.querySelector("#state").textContent),
      { timeout: 120_000 },
      pattern.source,
    );

  async function type(selector, characters) {
    await page.click(selector, { count: 3 });
    await page.keyboard.type(characters);
  }

  test("it says what runs, prints nothing, asks for nothing but its own files", async () => {
    expect(await text("#runs")).toBe("Back end: relaxed, because relaxed is the fastest, and it runs here.");
    expect(output).toEqual([]);
    expect(server.requests.filter((url) => !/^\/page\/($|assets\/)/.test(url))).toEqual([]);
    const isolated = await page.evaluate(() => globalThis.crossOriginIsolated);
    expect(isolated).toBe(true);
  });

  describe("the playground", () => {
    test("705 … 714: the plain formula is 0 and NaN, ours is right", async () => {
      await preset("705 … 714");
      expect(await texts("#rows .plain .value")).toEqual([...Array(5).fill("0"), ...Array(5).fill("NaN")]);
      const terms = Array.from({ length: 10 }, (_, i) => Math.exp(i - 9));
      const sum = terms.reduce((total, term) => total + term);
      expect(await texts("#rows .ours .value")).toEqual(terms.map((term) => (term / sum).toFixed(5)));
      expect(await texts("#sums .value")).toEqual(["NaN", "1.00000"]);
      expect(await text("#verdict")).toMatch(/^exp\(714\) is larger than any double, .* the plain formula fails/);
    });

    test.each([
      ["5 7 8", 7, "1.00000", "Both agree. The most likely: logit 7."],
      ["−3 … 3", 7, "1.00000", "Both agree. The most likely: logit 7."],
      ["underflow", 6, "NaN", "Every exp is smaller than any double, "],
      ["a mask", 6, "1.00000", "Both agree. The most likely: logit 1."],
    ])("%s", async (title, count, plain, verdict) => {
      await preset(title);
      expect(await texts("#rows .ours .value")).toHaveLength(count);
      expect(await texts("#sums .value")).toEqual([plain, "1.00000"]);
      expect(await text("#verdict")).toContain(verdict);
      expect(await texts("#presets [aria-pressed=true]")).toEqual([expect.stringContaining(title)]);
    });

    test("−∞ has probability 0; words are not understood, and go", async () => {
      await type(field(1), "-inf");
      expect(await text("#rows .ours .value")).toBe("0");
      expect(await texts("#presets [aria-pressed=true]")).toEqual([]);
      await type(field(2), "seven");
      expect(await page.$eval(field(2), (element) => element.ariaInvalid)).toBe("true");
      await page.keyboard.press("Tab");
      expect([await contentOf(field(1)), await contentOf(field(2))]).toEqual(["−∞", "7"]);
      await type(field(1), "+inf");
      expect(await texts("#rows .ours .value")).toEqual(Array(7).fill("NaN"));
      expect(await text("#verdict")).toContain("the whole row is NaN");
    });

    test("a slider moves by mouse and by arrow keys, and its number with it", async () => {
      const before = await text("#rows .ours .value");
      const { x, y, width, height } = await (await page.$(slider(1))).boundingBox();
      await page.mouse.move(x + width / 2, y + height / 2);
      await page.mouse.down();
      await page.mouse.move(x + 0.9 * width, y + height / 2, { steps: 5 });
      await page.mouse.up();
      const dragged = Number(await contentOf(field(1)));
      expect(dragged).toBeGreaterThan(9);
      expect(await text("#rows .ours .value")).not.toBe(before);
      await page.focus(slider(1));
      await page.keyboard.press("ArrowLeft");
      expect(Number(await contentOf(field(1)))).toBeCloseTo(dragged - 0.1, 5);
    });

    test("the temperature flattens and sharpens, by keyboard", async () => {
      await preset("−3 … 3");
      const largest = async () => Number((await texts("#rows .ours .value")).at(-1));
      const ordinary = await largest();
      await page.focus("#temperature");
      await page.keyboard.press("End");
      expect(await text("#temperature-value")).toBe("10.00");
      expect(await largest()).toBeCloseTo(
        Math.exp(0.3) / [-3, -2, -1, 0, 1, 2, 3].reduce((sum, x) => sum + Math.exp(x / 10), 0),
        5,
      );
      await page.keyboard.press("Home");
      expect(await text("#temperature-value")).toBe("0.10");
      expect(await largest()).toBeGreaterThan(ordinary);
    });

    test("logits are added and removed, and the focus stays near", async () => {
      await page.click("#add");
      expect(await texts("#rows .number")).toEqual(["1", "2", "3", "4", "5", "6", "7", "8"]);
      expect(await focused()).toBe("Logit 8");
      expect(await texts("#sums .value")).toEqual(["1.00000", "1.00000"]);
      for (let left = 7; left > 0; left--) await page.click("#rows tr .remove");
      expect(await texts("#rows .ours .value")).toEqual(["1.00000"]);
      expect(await page.$eval(".remove", (button) => button.disabled)).toBe(true);
    });

    test("everything can be reached by Tab, in the order of the page", async () => {
      await preset("a mask");
      await page.$eval("#presets button", (button) => button.focus());
      const reached = [await focused()];
      for (let i = 0; i < 4 + 1 + 6 * 3 + 2; i++) {
        await page.keyboard.press("Tab");
        reached.push((await focused()) || (await page.evaluate(() => document.activeElement.id)));
      }
      expect(reached.slice(4, 9)).toEqual([
        "some −∞: a mask",
        "temperature",
        "Logit 1, slider",
        "Logit 1",
        "Remove logit 1",
      ]);
      expect(reached.slice(-3)).toEqual(["Remove logit 6", "Add a logit", "Run the benchmark"]);
    });
  });

  describe("the benchmark", () => {
    test("runs to its end in a Worker, with the errors that are promised", async () => {
      await page.click("#run");
      await page.waitForFunction(() => {
        const { hidden, value } = document.querySelector("#progress");
        return !hidden && value > 0.02 && value < 1;
      });
      await preset("705 … 714"); // the page answers meanwhile
      expect(await texts("#sums .value")).toEqual(["NaN", "1.00000"]);
      expect(await text("#run")).toBe("Cancel");
      await becomes(
        /^Done\. relaxed is [\d.]+ to [\d.]+ times as fast as the plain loop, and at most [\d.]+ ULP off\.$/,
      );

      expect(await texts("#shapes th")).toEqual([
        "Back end",
        "10columns",
        "100columns",
        "1,000columns",
        "32,000columns",
      ]);
      expect(await texts("#systems th")).toEqual(["relaxed", "simd", "js", "plain loop"]);
      const rows = await page.$$eval("#systems tr", (lines) =>
        lines.map((line) => [...line.querySelectorAll("td")].map((cell) => cell.textContent)),
      );
      const bounds = [3, 3, 1, 3];
      for (const [i, cells] of rows.entries()) {
        expect(cells).toHaveLength(4);
        for (const cell of cells) {
          const [, time, error] = cell.match(/^([\d.]+) ns([\d.]+) ULP$/);
          expect(Number(time)).toBeGreaterThan(0);
          expect(Number(error)).toBeGreaterThan(0);
          expect(Number(error)).toBeLessThanOrEqual(bounds[i]);
        }
      }
      const widths = await page.$$eval(".chart .bar > span", (bars) => bars.map((bar) => bar.offsetWidth));
      expect(widths).toHaveLength(2 * 4 * 4);
      expect(Math.min(...widths)).toBeGreaterThan(0);
      expect(await page.$eval("#progress", (element) => element.hidden)).toBe(true);
      expect(await texts("#missing li")).toEqual([]);
      expect(output).toEqual([]);
    });

    test("can be cancelled, and run again", async () => {
      await page.click("#run");
      await page.waitForSelector("#progress:not([hidden])");
      await page.click("#run");
      expect(await text("#state")).toBe("Cancelled.");
      expect(await text("#run")).toBe("Run the benchmark again");
      await page.click("#run");
      await page.waitForFunction(() => document.querySelector("#progress").value > 0);
      expect(await text("#state")).toBe("Measuring …");
    });

    test("where compiling is forbidden: js, and why not the others", async () => {
      await visit("forbidden/");
      expect(await text("#runs")).toMatch(/^Back end: js, because relaxed cannot run: .*; simd cannot run: .*[^.]\.$/);
      await page.click("#run");
      await becomes(/^Done\. js is /);
      expect(await texts("#systems th")).toEqual(["js", "plain loop"]);
      expect(await texts("#missing li")).toEqual([
        expect.stringMatching(/^relaxed does not run here: .{10}/),
        expect.stringMatching(/^simd does not run here: .{10}/),
      ]);
    });

    test("where Workers are forbidden: a message", async () => {
      await visit("workerless/");
      await page.click("#run");
      await becomes(/^The benchmark cannot run here: .{10}/);
      expect(await text("#run")).toBe("Run the benchmark again");
    });
  });

  /** Light and dark can only be asked of Chromium. */
  const SCHEMES = name === "chromium" ? ["light", "dark"] : ["default"];

  /** What is wider than the window, or than the box it is in. Table headings are hidden on phones, rows have no box. */
  function overflowing() {
    return [...document.querySelectorAll("body *:not(.hidden, input, tr, thead, tbody, tfoot)")]
      .filter((each) => innerWidth > 768 || each.closest(".logits thead") === null)
      .filter((each) => {
        const { left, right } = each.getBoundingClientRect();
        const wider = getComputedStyle(each).display !== "inline" && each.scrollWidth > each.clientWidth + 1;
        return left < 0 || right > innerWidth || wider;
      })
      .map((each) => each.outerHTML.slice(0, 200));
  }

  test("on every size of window nothing overflows, and axe finds nothing to mend", async () => {
    await preset("705 … 714");
    await page.click("#run");
    await becomes(/^Done/);
    await page.evaluate(axe);
    for (const [size, [width, height]] of Object.entries(SIZES)) {
      await page.setViewport({ width, height });
      for (const scheme of SCHEMES) {
        if (name === "chromium") await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: scheme }]);
        await page.screenshot({ path: `${screenshots}/${name}-${size}-${scheme}.png`, fullPage: true });
        expect(await page.evaluate(overflowing), size).toEqual([]);
        expect(await page.evaluate(() => document.documentElement.scrollWidth - innerWidth), size).toBeLessThanOrEqual(
          0,
        );
        const { violations, passes } = await page.evaluate(() => globalThis.axe.run());
        const found = violations.flatMap(({ help, nodes }) => nodes.map(({ html }) => `${help}: ${html}`));
        expect(found, `${size}, ${scheme}`).toEqual([]);
        expect(passes.length).toBeGreaterThan(20);
      }
    }
  });
});
