import * as library from "./package/build/esm/index.js";

document.body.innerHTML = `<pre id="done">${JSON.stringify({ names: Object.keys(library), counts: globalThis.counts })}</pre>`;
