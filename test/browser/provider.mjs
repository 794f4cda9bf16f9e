// Lets vitest run its tests in a page of browsers.mjs. Its own providers come with a downloaded Firefox or a driver for it.

import { defineBrowserProvider } from "@vitest/browser";
import { launch } from "./browsers.mjs";

/** For `test.browser.provider`; the instance's name says which browser. */
export function installed() {
  return defineBrowserProvider({
    name: "installed",
    providerFactory(project) {
      let browser;
      return {
        name: "installed",
        supportsParallelism: false,
        getCommandsContext: () => ({}),
        async openPage(_session, url) {
          browser ??= await launch(project.config.browser.name);
          const page = await browser.newPage();
          await page.goto(url, { timeout: 60_000 });
        },
        async close() {
          await browser?.close();
        },
      };
    },
  });
}
