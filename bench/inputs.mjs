// The numbers that go in: seeded, so that every run and every system gets the same ones.

/** A function that returns the next number of U[0, 1): xorshift32, 2³² − 1 numbers long. */
export function generator(seed) {
  let state = seed | 0 || 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}

export function shuffled(items, random) {
  const result = [...items];
  for (let i = result.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [result[i], result[j]] = [result[j], result[i]];
  }
  return result;
}

const filled = (length, next) => {
  const values = new Float32Array(length);
  for (let i = 0; i < length; i++) values[i] = next(i);
  return values;
};

/** Logits as classifiers and language models make them: about normal (a sum of four uniforms), standard deviation 3. */
export function logits(rows, cols, seed = 20251) {
  const random = generator(seed);
  const scale = 3 * Math.sqrt(12 / 4);
  return filled(rows * cols, () => scale * (random() + random() + random() + random() - 2));
}

/** Inputs that hurt, each against ordinary logits of the same shape. */
export const hurtful = [
  {
    name: "many below 2^-126",
    why: "a leader in each row, all others 85 to 105 below it: outputs subnormal, or flushed to 0",
    make(rows, cols, random) {
      return filled(rows * cols, (i) => (i % cols === 0 ? 50 : -35 - 20 * random()));
    },
  },
  {
    name: "U(-100, 0)",
    why: "a wide spread: a tenth of the outputs below 2^-126, all exponents in between met",
    make: (rows, cols, random) => filled(rows * cols, () => -100 * random()),
  },
  {
    name: "half masked",
    why: "every second logit is −∞ (attention masks); those outputs are 0",
    make: (rows, cols, random) =>
      filled(rows * cols, (i) => (i % cols > 0 && i % 2 === 0 ? -Infinity : 8 * random() - 4)),
  },
  {
    name: "all masked",
    why: "rows of nothing but −∞, whose outputs are NaN by contract",
    make: (rows, cols) => filled(rows * cols, () => -Infinity),
  },
  {
    name: "far from zero",
    why: "logits around 1000: beyond 256, rows are moved by their maximum first",
    make: (rows, cols, random) => filled(rows * cols, () => 1000 + 8 * random()),
  },
];
