// A static server of exactly the files it is given, which remembers what it was asked for.

import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { extname, join } from "node:path";

const TYPES = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript",
  ".css": "text/css",
  ".svg": "image/svg+xml",
};

/**
 * Serves the sites on a free port of this machine: `/name/` is the first of the site's folders that has the file, and all of
 * it comes with the site's headers.
 *
 * @param {Record<string, { folders: string[], headers?: Record<string, string> }>} sites
 */
export async function serve(sites) {
  /** @type {string[]} */
  const requests = [];
  const server = createServer((request, response) => {
    requests.push(request.url);
    const [, name, path] = request.url.match(/^\/([^/]+)\/([^?]*)/) ?? [];
    const { folders = [], headers = {} } = sites[name] ?? {};
    for (const folder of folders) {
      try {
        const file = join(folder, path || "index.html");
        const body = readFileSync(file);
        response.writeHead(200, { "Content-Type": TYPES[extname(file)] ?? "application/octet-stream", ...headers });
        return response.end(body);
      } catch {
        // Perhaps in the next one.
      }
    }
    response.writeHead(404).end();
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    requests,
    urlOf: (path) => `http://127.0.0.1:${server.address().port}/${path}`,
    close: () => new Promise((resolve) => server.close(resolve)),
  };
}
