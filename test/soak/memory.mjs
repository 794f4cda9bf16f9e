// The memory of this process, after collection, and whether it stays as it is.

import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc");

const MIB = 2 ** 20;

/** Buffers and what wasm memories reserved are freed a little after the collection, in the background. */
export async function sample() {
  for (let i = 0; i < 4; i++) {
    collect();
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  const { rss, heapUsed, external, arrayBuffers } = process.memoryUsage();
  return { rss, heapUsed, external, arrayBuffers };
}

/**
 * Bytes by which a figure may be larger in the end. Of what V8 counts, next to nothing. RSS is also what the allocator keeps in stock, and
 * V8's young generation: that grows in steps of up to 74 MiB, and shrinks again, unless `--max-semi-space-size=1` holds it, as it must here
 * (a million calls on Node 24.9: 237 ± 2 MiB with it, 204 to 325 without; the difference is V8's heap pages, by /proc/PID/smaps).
 */
const MOST = { heapUsed: MIB / 2, external: MIB / 2, arrayBuffers: MIB / 2, rss: 16 * MIB };

const median = (numbers) => numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)];

/**
 * What has grown. The first third of the samples is warm-up; of the others, the medians of the first and of the second half are
 * compared, so that one sample that is off decides nothing. In the long run, a leak of 2 bytes a call shows, or of 200 an engine.
 */
export function growth(samples) {
  const rest = samples.slice(Math.floor(samples.length / 3));
  const half = Math.ceil(rest.length / 2);
  return Object.entries(MOST).map(([name, most]) => {
    const [before, after] = [rest.slice(0, half), rest.slice(half)].map((part) => median(part.map((s) => s[name])));
    return { name, bytes: after - before, most };
  });
}

export const mib = (bytes) => (bytes / MIB).toFixed(2);
