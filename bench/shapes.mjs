// What is measured, as data: the shapes, each with the reason it is there, and the goals of DESIGN.md, "Speed".

export const label = ({ rows, cols }) => `${rows}x${cols}`;

const product = (sizes) => sizes.reduce((total, size) => total * size, 1);

/**
 * What systems are asked for: an operation on the rows that lie along an axis of a batch. `inner` of them lie side by side (1 where
 * the axis is the last).
 */
export function problemOf(shape, { operation = "softmax", axis = shape.length - 1 } = {}) {
  const inner = product(shape.slice(axis + 1));
  return { operation, shape, axis, rows: product(shape.slice(0, axis)) * inner, cols: shape[axis], inner };
}

/** How many elements the answer has. */
export const answerLength = ({ operation, rows, cols }) => (operation === "logSumExp" ? rows : rows * cols);

/** `quick`: also measured with --quick. `table`: a column of the README's table and of the chart. */
export const grid = [
  { rows: 1_000_000, cols: 2, why: "yes or no: the narrowest row, nothing but overhead", quick: true },
  { rows: 500_000, cols: 3, why: "three classes (entailment, sentiment): a row that fills no vector" },
  { rows: 100_000, cols: 10, why: "ten classes (digits)", quick: true, table: true },
  { rows: 50_000, cols: 21, why: "21 classes (segmentation): odd, so rows start at every alignment" },
  { rows: 16_384, cols: 64, why: "attention over 64 keys" },
  { rows: 4096, cols: 100, why: "a hundred classes; rerankers", quick: true, table: true },
  { rows: 4096, cols: 256, why: "attention over 256 keys" },
  { rows: 4096, cols: 1000, why: "a thousand classes (ImageNet)", quick: true, table: true },
  { rows: 512, cols: 8192, why: "long attention: a row about as large as the L1 cache" },
  { rows: 64, cols: 32_000, why: "a vocabulary (Llama 2): a row larger than the L1 cache", quick: true, table: true },
  { rows: 256, cols: 50_257, why: "a vocabulary (GPT-2): an odd length, a batch larger than the caches" },
  { rows: 64, cols: 128_256, why: "a vocabulary (Llama 3): a row about as large as the L2 cache" },
  {
    rows: 4,
    cols: 1_048_576,
    why: "a million columns: a row larger than the L2 cache and than our scratch",
    quick: true,
  },
];

/** `ours` at least `least(cols)` times as fast as `rival`, on every shape of the grid. */
export const gridGoals = [
  { ours: "relaxed, arena", rival: "onnxruntime-node, 1 thread", least: (cols) => (cols <= 16 ? 2 : 1) },
  { ours: "relaxed, arena", rival: "tfjs-backend-wasm, read", least: () => 2.2 },
  { ours: "relaxed, arena", rival: "onnxruntime-web, wasm", least: () => 5 },
  { ours: "relaxed, arrays", rival: "onnxruntime-node, 1 thread", least: () => 0.9 },
  { ours: "simd, arena", rival: "tfjs-backend-wasm, read", least: () => 1.5 },
  { ours: "js, arrays", rival: "plain loop", least: () => 1.5 },
];

/** One row, output given, against the plain loop: `slack` nanoseconds more are allowed. */
export const callShapes = [
  { cols: 1, slack: 100 },
  { cols: 3, slack: 100 },
  { cols: 10, slack: 0 },
  { cols: 100, slack: 0 },
  { cols: 1000, slack: 0 },
];

/** Inputs that hurt may take this many times as long as ordinary ones of the same shape. */
export const HURT_MOST = 1.3;

export const hurtShapes = [
  { rows: 100_000, cols: 10, why: "ten classes" },
  { rows: 4096, cols: 100, why: "a hundred classes", quick: true },
  { rows: 4096, cols: 1000, why: "a thousand classes", quick: true },
  { rows: 64, cols: 32_000, why: "a vocabulary" },
];

/** Measured as the first thing a fresh process does. */
export const firstShapes = [
  { rows: 100_000, cols: 10, why: "a batch of narrow rows" },
  { rows: 4096, cols: 1000, why: "a batch of wide rows", quick: true },
];

/** Row lengths around the place where the kernel changes from four rows at a time to one. */
export const crossoverCols = [
  8, 12, 16, 20, 24, 28, 32, 36, 40, 44, 48, 52, 56, 60, 64, 72, 80, 96, 112, 128, 160, 192, 256,
];

/** Where logarithms are measured. */
export const logShapes = [
  { rows: 100_000, cols: 10, why: "ten classes (digits)", quick: true, table: true },
  { rows: 4096, cols: 100, why: "a hundred classes; rerankers", quick: true },
  { rows: 4096, cols: 1000, why: "a thousand classes (ImageNet)", table: true },
  { rows: 64, cols: 32_000, why: "a vocabulary (Llama 2)" },
];

export const axisLabel = ({ shape, axis }) => `${shape.join("x")} axis ${axis}`;

/** Rows along another axis than the last. */
export const axisShapes = [
  { shape: [64, 1000, 64], axis: 1, why: "a thousand classes at 64 places", table: true },
  { shape: [16, 21, 16_384], axis: 1, why: "21 classes at each pixel of 128 × 128 (segmentation)" },
  { shape: [16, 100, 256], axis: 1, why: "a hundred classes at 256 places", quick: true },
  { shape: [100_000, 10], axis: 0, why: "ten rows of 100,000 side by side", quick: true },
  { shape: [1000, 4096], axis: 0, why: "4096 rows of 1000 side by side: elements 16 KiB apart" },
];

/** Along another axis, ours may take this many times as long as along the last one of a batch of the same size. */
export const AXIS_MOST = 1.5;

/** Where gradients are measured. */
export const gradientShapes = [
  { shape: [100_000, 10], axis: 1, why: "ten classes (digits)", quick: true },
  { shape: [4096, 1000], axis: 1, why: "a thousand classes (ImageNet)" },
  { shape: [64, 1000, 64], axis: 1, why: "a thousand classes at 64 places, side by side" },
];

/** Batches of matrices on which our options are measured. */
export const optionShapes = [
  { shape: [4, 512, 512], why: "attention of 4 heads over 512 tokens", quick: true },
  { shape: [10_000, 10, 10], why: "rows of ten" },
];

export const shapeLabel = ({ shape }) => shape.join("x");
