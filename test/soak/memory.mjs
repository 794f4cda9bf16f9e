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

/** Bytes by which a figure may be larger in the end. Of what V8 counts, next to nothing. */
const MOST = { heapUsed: MIB / 2, external: MIB / 2, arrayBuffers: MIB / 2, rss: 128 * MIB };

/**
 * RSS is also what the allocator and V8's compilers and young generation keep in stock, which may become more at a stroke, and stay so
 * (once 74 MiB). So of what it grows by from one sample to the next, the median counts, too: times all samples.
 */
const MOST_STEADILY = 16 * MIB;

const median = (numbers) => numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)];

/**
 * What has grown. The first third of the samples is warm-up; of the others, the medians of the first and of the second half are
 * compared, so that one sample that is off decides nothing. In the long run, a leak of 2 bytes a call shows, or of 200 an engine.
 */
export function growth(samples) {
  const rest = samples.slice(Math.floor(samples.length / 3));
  const half = Math.ceil(rest.length / 2);
  const figures = Object.entries(MOST).map(([name, most]) => {
    const [before, after] = [rest.slice(0, half), rest.slice(half)].map((part) => median(part.map((s) => s[name])));
    return { name, bytes: after - before, most };
  });
  const steps = rest.slice(1).map(({ rss }, i) => rss - rest[i].rss);
  return [...figures, { name: "rss, steadily,", bytes: median(steps) * steps.length, most: MOST_STEADILY }];
}

export const mib = (bytes) => (bytes / MIB).toFixed(2);
