// Every operation in one table, for tests of what they have in common: a valid call of each, and the arrays it takes.

import { type Engine, type LogSumExpOptions, mergeRowStats, type RowStats, type SoftmaxOptions } from "softmax-wasm";

export const OPERATIONS = [
  "softmax",
  "logSoftmax",
  "logSumExp",
  "rowStats",
  "softmaxFromStats",
  "softmaxBackward",
  "logSoftmaxBackward",
] as const;

export type Operation = (typeof OPERATIONS)[number];

/** With the one that is no method of an engine, and has no options. */
export type AnyOperation = Operation | "mergeRowStats";

export interface Options {
  [name: string]: unknown;
  cols?: unknown;
  shape?: unknown;
  out?: unknown;
  empty?: unknown;
  dtype?: unknown;
}

/** The arguments of a call. `second`: statistics, or a gradient. */
export interface Arguments {
  input: unknown;
  second: unknown;
  options: Options | undefined;
}

// biome-ignore lint/suspicious/noExplicitAny: these are the calls of someone whose compiler checks nothing
type Unchecked = any;

/** Calls an operation with whatever there is. */
export function call(engine: Engine, what: AnyOperation, { input, second, options }: Arguments): unknown {
  const method = engine as unknown as Record<Operation, (...values: unknown[]) => unknown>;
  if (what === "mergeRowStats") return mergeRowStats(input as Unchecked, second as Unchecked);
  return takesSecond(what) ? method[what](input, second, options) : method[what](input, options);
}

export function takesSecond(what: AnyOperation): boolean {
  return what === "mergeRowStats" || what === "softmaxFromStats" || isGradient(what);
}

export function isGradient(what: AnyOperation): boolean {
  return what === "softmaxBackward" || what === "logSoftmaxBackward";
}

/** Whether the result has one element for each row. */
export function isValue(what: AnyOperation): boolean {
  return what === "logSumExp" || what === "rowStats";
}

type OptionName = keyof (SoftmaxOptions & LogSumExpOptions);

/** The names of all options. */
export const OPTION_NAMES = [
  ...(["cols", "shape", "axis", "rowStride", "dtype", "out"] as const),
  ...(["temperature", "bias", "mask", "lengths", "causal"] as const),
  ...(["empty", "outRowStride"] as const),
] satisfies OptionName[];

/** Which operations take an option. */
export const TAKEN_BY: { readonly [name in OptionName]: readonly Operation[] } = {
  cols: OPERATIONS,
  shape: OPERATIONS,
  axis: OPERATIONS,
  rowStride: OPERATIONS,
  dtype: OPERATIONS,
  out: OPERATIONS,
  temperature: OPERATIONS.slice(0, 5),
  bias: OPERATIONS.slice(0, 5),
  mask: OPERATIONS.slice(0, 5),
  lengths: OPERATIONS.slice(0, 5),
  causal: OPERATIONS.slice(0, 5),
  empty: ["softmax", "logSoftmax", "softmaxFromStats"],
  outRowStride: ["softmax", "logSoftmax", "softmaxFromStats", "softmaxBackward", "logSoftmaxBackward"],
};

export const ROWS = 3;
export const COLS = 4;

export const statsOfRows = (rows = ROWS): RowStats => ({
  max: new Float32Array(rows).fill(1.5),
  sum: Float64Array.from({ length: rows }, (_, i) => 2 + i),
});

/** A valid call on 3 rows of 4 columns; new arrays each time. */
export function valid(what: AnyOperation): Arguments {
  if (what === "mergeRowStats") return { input: statsOfRows(), second: statsOfRows(), options: undefined };
  const input = Float32Array.from({ length: ROWS * COLS }, (_, i) => i / 8);
  const grad = Float32Array.from({ length: ROWS * COLS }, (_, i) => Math.sin(i));
  const second = what === "softmaxFromStats" ? statsOfRows() : isGradient(what) ? grad : undefined;
  return { input, second, options: { cols: COLS } };
}

/** A valid `out` of the result of that call, of canaries. */
export function canaryOut(what: Operation): Float32Array | RowStats {
  if (what === "rowStats") return { max: new Float32Array(ROWS).fill(7), sum: new Float64Array(ROWS).fill(7) };
  return new Float32Array(what === "logSumExp" ? ROWS : ROWS * COLS).fill(7);
}

type Typed = Float32Array | Float64Array | Uint8Array | Uint32Array;

/** An array that a call takes: by the name that messages give it; what is valid there; how it gets into a call. */
export interface Slot {
  readonly name: string;
  readonly functions: readonly AnyOperation[];
  /** As messages say what was expected. */
  readonly kinds: string;
  readonly make: () => Typed;
  readonly put: (call: Arguments, array: unknown) => void;
  /** What a message says about a length that is one too much, up to the comma. */
  readonly expected: string;
}

const option =
  (name: string): Slot["put"] =>
  (call, array) => {
    call.options = { ...call.options, [name]: array };
  };

const ofStats =
  (where: "input" | "second", which: "max" | "sum"): Slot["put"] =>
  (call, array) => {
    call[where] = { ...(call[where] as RowStats), [which]: array };
  };

const ofOut =
  (which: "max" | "sum"): Slot["put"] =>
  (call, array) => {
    call.options = { ...call.options, out: { ...(canaryOut("rowStats") as RowStats), [which]: array } };
  };

const floats = (length: number, value: number) => () => new Float32Array(length).fill(value);
const doubles = () => new Float64Array(ROWS).fill(2);
const LOGIT_OPERATIONS = TAKEN_BY.bias;
const FLOAT32 = "a Float32Array";
const ALL = ROWS * COLS;

export const SLOTS: readonly Slot[] = [
  {
    name: "input",
    functions: LOGIT_OPERATIONS,
    kinds: FLOAT32,
    make: () => valid("softmax").input as Float32Array,
    put: (call, array) => {
      call.input = array;
    },
    expected: `a multiple of ${COLS} elements`,
  },
  ...(["probs", "logProbs"] as const).map(
    (name): Slot => ({
      name,
      functions: [name === "probs" ? "softmaxBackward" : "logSoftmaxBackward"],
      kinds: FLOAT32,
      make: floats(ALL, 0.25),
      put: (call, array) => {
        call.input = array;
      },
      expected: `a multiple of ${COLS} elements`,
    }),
  ),
  {
    name: "grad",
    functions: ["softmaxBackward", "logSoftmaxBackward"],
    kinds: FLOAT32,
    make: floats(ALL, 3),
    put: (call, array) => {
      call.second = array;
    },
    expected: `length ${ALL}`,
  },
  {
    name: "out",
    functions: OPERATIONS.filter((what) => !isValue(what)),
    kinds: FLOAT32,
    make: floats(ALL, 7),
    put: option("out"),
    expected: `length ${ALL}`,
  },
  {
    name: "out",
    functions: ["logSumExp"],
    kinds: FLOAT32,
    make: floats(ROWS, 7),
    put: option("out"),
    expected: `length ${ROWS}`,
  },
  ...(
    [
      ["stats", ["softmaxFromStats"], "second"],
      ["a", ["mergeRowStats"], "input"],
      ["b", ["mergeRowStats"], "second"],
    ] as const
  ).flatMap(([name, functions, where]): Slot[] => [
    {
      name: `${name}.max`,
      functions,
      kinds: FLOAT32,
      make: floats(ROWS, 2),
      put: ofStats(where, "max"),
      expected: `length ${ROWS}`,
    },
    {
      name: `${name}.sum`,
      functions,
      kinds: "a Float64Array",
      make: doubles,
      put: ofStats(where, "sum"),
      expected: `length ${ROWS}`,
    },
  ]),
  {
    name: "out.max",
    functions: ["rowStats"],
    kinds: FLOAT32,
    make: floats(ROWS, 2),
    put: ofOut("max"),
    expected: `length ${ROWS}`,
  },
  {
    name: "out.sum",
    functions: ["rowStats"],
    kinds: "a Float64Array",
    make: doubles,
    put: ofOut("sum"),
    expected: `length ${ROWS}`,
  },
  {
    name: "temperature",
    functions: LOGIT_OPERATIONS,
    kinds: "a number or a Float32Array",
    make: floats(ROWS, 2),
    put: option("temperature"),
    expected: `length ${ROWS}`,
  },
  ...[ALL, COLS].flatMap((length): Slot[] => [
    {
      name: "bias",
      functions: LOGIT_OPERATIONS,
      kinds: FLOAT32,
      make: floats(length, 0.5),
      put: option("bias"),
      expected: `length ${ALL}, or ${COLS} for all rows`,
    },
    {
      name: "mask",
      functions: LOGIT_OPERATIONS,
      kinds: "a Uint8Array",
      make: () => Uint8Array.from({ length }, (_, i) => i % 3),
      put: option("mask"),
      expected: `length ${ALL}, or ${COLS} for all rows`,
    },
  ]),
  ...[Uint32Array, Int32Array].map(
    (Class): Slot => ({
      name: "lengths",
      functions: LOGIT_OPERATIONS,
      kinds: "a Uint32Array or Int32Array",
      make: () => Class.of(2, 4, 1) as Uint32Array,
      put: option("lengths"),
      expected: `length ${ROWS}`,
    }),
  ),
];
