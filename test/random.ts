// Seeded random numbers and the logits that tests are fed with. The seed is in the title of every suite that uses them;
// the environment variable SEED sets another one.

/** Uniform numbers in [0, 1). */
export type Random = () => number;

export const SEED = Number(process.env.SEED ?? 20031) >>> 0;

/** Appended to the title of a suite, so that whoever sees it fail can run it again. */
export const WITH_SEED = `(SEED=${SEED})`;

/** The generator mulberry32. Suites that must not depend on each other start their own; `stream` keeps those apart. */
export function randomFrom(stream: number): Random {
  let state = (SEED + Math.imul(stream, 0x9e3779b1)) | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** A whole number from `least` to `most`. */
export function integer(random: Random, least: number, most: number): number {
  return least + Math.floor(random() * (most - least + 1));
}

/** Box and Muller's method. */
export function normal(random: Random, mean: number, deviation: number): number {
  return mean + deviation * Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}

export interface Distribution {
  readonly name: string;
  /** One logit. */
  readonly draw: (random: Random) => number;
}

const normals = (mean: number, deviation: number): Distribution => ({
  name: `N(${mean}, ${deviation})`,
  draw: (random) => normal(random, mean, deviation),
});

const uniform = (least: number, most: number): Distribution => ({
  name: `U(${least}, ${most})`,
  draw: (random) => least + (most - least) * random(),
});

/** From the rows of real networks to those that find a shift, a cut-off or a switch (at ±256) done wrong. */
export const DISTRIBUTIONS: readonly Distribution[] = [
  normals(0, 1),
  normals(0, 10),
  uniform(-10, 10),
  uniform(0, 80),
  uniform(90, 100),
  uniform(-150, 190),
  normals(-3000, 20),
  normals(1e6, 20),
  normals(-255, 3),
  normals(256, 2),
  uniform(200, 300),
  uniform(-300, -240),
  uniform(310, 420), // n·ln2 is no longer exact here, nor there
  uniform(-420, -310),
  { name: "one large, the others around −60", draw: (random) => (random() < 0.05 ? 3 : normal(random, -60, 15)) },
];

export function logits(random: Random, length: number, { draw }: Distribution): Float32Array {
  const values = new Float32Array(length);
  for (let i = 0; i < length; i++) values[i] = draw(random);
  return values;
}
