// The browsers of this machine, driven by puppeteer-core: Chromium, and Firefox as it is packaged (over WebDriver BiDi).

import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import puppeteer from "puppeteer-core";

export const NAMES = /** @type {const} */ (["chromium", "firefox"]);

const COMMANDS = {
  chromium: ["chromium", "chromium-browser", "google-chrome"],
  firefox: ["firefox-esr", "firefox"],
};

/** The browser must not ask the network for anything of its own. */
const QUIET = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

function pathOf(name) {
  const folders = process.env.PATH.split(delimiter);
  const paths = COMMANDS[name].flatMap((command) => folders.map((folder) => join(folder, command)));
  const path = paths.find((each) => existsSync(each));
  if (path === undefined)
    throw new Error(`${name} is not installed (apt-get install chromium firefox-esr); looked for ${COMMANDS[name]}`);
  return path;
}

/**
 * A running browser with an empty profile, which is removed when it is closed.
 *
 * @param {"chromium" | "firefox"} name
 */
export async function launch(name) {
  return puppeteer.launch({
    browser: name === "chromium" ? "chrome" : "firefox",
    executablePath: pathOf(name),
    headless: true,
    args: name === "chromium" ? QUIET : [],
    protocolTimeout: 600_000, // no assertion on time: a slow machine is not an error
  });
}
