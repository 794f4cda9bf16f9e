// What every operation must return, from the same arguments: slow, in doubles, one element at a time, straight from the formulas
// and the tables of the documentation. It shares no code with the library.

import type { BackendName, Elements, RowStats, SoftmaxOptions } from "softmax-wasm";
import { type FormatName, numbersOf, rounded } from "./formats.js";
import { BOUND, MAY_BE_ZERO_BELOW, MUST_BE_ZERO_BELOW, ulpAt } from "./ulp.js";

export type OperationName =
  | "softmax"
  | "logSoftmax"
  | "logSumExp"
  | "rowStats"
  | "softmaxFromStats"
  | "softmaxBackward"
  | "logSoftmaxBackward";

/** A call without `out`: what is asked for. */
export interface Request {
  readonly operation: OperationName;
  readonly input: Elements;
  /** Known statistics, or the gradient of the result. */
  readonly second?: RowStats | Elements | undefined;
  readonly options: Omit<SoftmaxOptions, "out">;
  /** How results are written. Default float32. */
  readonly outFormat?: FormatName | undefined;
}

/** Where an element is: in the batch without gaps, in the input, in the result, in its row, in the matrix of the last two axes. */
interface Place {
  readonly packed: number;
  readonly at: number;
  readonly outAt: number;
  readonly col: number;
  readonly line: number;
  readonly column: number;
}

/** The elements of each row, in order. The rows are in the order of the shape without the axis. */
export function placesOf(length: number, options: Omit<SoftmaxOptions, "out">): Place[][] {
  const { cols = length, rowStride, outRowStride } = options;
  const shape = options.shape ?? [length === 0 ? 0 : Math.ceil(length / (rowStride ?? cols)), cols];
  const sizes = shape.length === 0 ? [1] : shape;
  const axis = (options.axis ?? -1) < 0 ? (options.axis ?? -1) + sizes.length : options.axis!;
  const isLast = axis === sizes.length - 1;
  const count = sizes.reduce((product, size) => product * size, 1);
  const rowCount = sizes.reduce((product, size, i) => (i === axis ? product : product * size), 1);
  const rows: Place[][] = Array.from({ length: rowCount }, () => []);
  for (let packed = 0; packed < count; packed++) {
    const coordinates: number[] = [];
    let rest = packed;
    for (const size of sizes.toReversed()) {
      coordinates.unshift(rest % size);
      rest = Math.floor(rest / size);
    }
    const row = coordinates.reduce((index, at, i) => (i === axis ? index : index * sizes[i]! + at), 0);
    const col = coordinates[axis]!;
    rows[row]!.push({
      packed,
      at: isLast ? row * (rowStride ?? sizes[axis]!) + col : packed,
      outAt: isLast ? row * (outRowStride ?? sizes[axis]!) + col : packed,
      col,
      line: coordinates.at(-2) ?? 0,
      column: coordinates.at(-1)!,
    });
  }
  return rows;
}

/** What the options make of the logits of row `row`: float32, −∞ where dropped. */
export function changed(
  places: readonly Place[],
  row: number,
  values: Float64Array,
  options: Request["options"],
  batch: number,
) {
  const { temperature = 1, bias, mask, lengths, causal } = options;
  const heat = typeof temperature === "number" ? temperature : temperature[row]!;
  const logits = places.map(({ packed, at, col, line, column }) => {
    const isDropped =
      (mask !== undefined && mask[mask.length === batch ? packed : col] === 0) ||
      (lengths !== undefined && col >= lengths[row]!) ||
      (causal !== undefined && column > line + causal);
    if (isDropped) return -Infinity;
    const shift = bias === undefined ? 0 : bias[bias.length === batch ? packed : col]!;
    return Math.fround(values[at]! / (heat === 0 ? 1 : heat) + shift);
  });
  if (heat > 0 || logits.some((x) => Number.isNaN(x) || x === Infinity)) return logits;
  const first = logits.indexOf(logits.reduce((a, b) => Math.max(a, b), -Infinity));
  return logits.map((x, i) => (i === first ? x : -Infinity));
}

/** What an element may be. NaN: only that. */
export interface Wanted {
  /** Its index in the result. */
  readonly at: number;
  readonly want: number;
  readonly tolerance: number;
  readonly mayBeZero?: boolean;
}

export function isRight(format: FormatName, got: number, { want, tolerance, mayBeZero }: Wanted): boolean {
  if (Number.isNaN(want) || Number.isNaN(got)) return Number.isNaN(want) && Number.isNaN(got);
  if (got === rounded(format, want) || (mayBeZero === true && got === 0)) return true;
  if (!Number.isFinite(want)) return false;
  if (format === "float32") return Math.abs(got - want) <= tolerance;
  return rounded(format, want - tolerance) <= got && got <= rounded(format, want + tolerance); // rounding keeps order
}

export interface Answer {
  readonly format: FormatName;
  /** Elements that are not here must be left as they were. */
  readonly elements: readonly Wanted[];
  /** Of rowStats: the sums, in float64; `elements` are the maxima. */
  readonly sums?: readonly Wanted[];
}

/** Maximum and log Σ exp(x − max) of a row of finite elements and −∞. */
export function logOf(row: readonly number[]): { max: number; log: number } {
  const max = row.reduce((a, b) => Math.max(a, b), -Infinity);
  let equal = 0;
  let rest = 0;
  for (const x of row)
    if (x === max) equal++;
    else rest += Math.exp(x - max);
  return { max, log: Math.log1p(equal - 1 + rest) };
}

/** Statistics in doubles: what a row that is spread over many places would have. */
export function statsOf(row: readonly number[]): { max: number; sum: number } {
  const max = row.reduce((a, b) => Math.max(a, b), -Infinity); // Math.max keeps a NaN
  if (max === -Infinity) return { max, sum: 0 };
  if (max === Infinity) return { max, sum: 1 };
  return { max, sum: row.reduce((sum, x) => sum + Math.exp(x - max), 0) };
}

/** A probability: `term` of a sum, where the largest term is 1. */
function share(at: number, term: number, sum: number, bound: number): Wanted {
  if (term < MUST_BE_ZERO_BELOW) return { at, want: 0, tolerance: 0 };
  const want = term / sum;
  return { at, want, tolerance: bound * ulpAt(want), mayBeZero: term < MAY_BE_ZERO_BELOW };
}

/** What row `row` must become. */
type Rule = (row: readonly number[], places: readonly Place[], index: number) => Wanted[];

const all = (places: readonly Place[], want: number): Wanted[] =>
  places.map(({ outAt }) => ({ at: outAt, want, tolerance: 0 }));

function softmaxRule(bound: number, isZero: boolean): Rule {
  return (row, places) => {
    const { max, sum } = statsOf(row);
    if (max === -Infinity) return all(places, isZero ? 0 : NaN);
    if (Number.isNaN(max) || max === Infinity) return all(places, NaN);
    return places.map(({ outAt }, i) => share(outAt, Math.exp(row[i]! - max), sum, bound));
  };
}

function logSoftmaxRule(bound: number, isZero: boolean): Rule {
  return (row, places) => {
    const { max, log } = logOf(row);
    if (max === -Infinity) return all(places, isZero ? -Infinity : NaN);
    if (Number.isNaN(max) || max === Infinity) return all(places, NaN);
    return places.map(({ outAt }, i) => {
      const want = row[i]! - max - log;
      return { at: outAt, want, tolerance: want === -Infinity ? 0 : bound * ulpAt(want) };
    });
  };
}

function logSumExpRule(bound: number): Rule {
  return (row, _, index) => {
    const { max, log } = logOf(row);
    if (!(Math.abs(max) < Infinity)) return [{ at: index, want: max, tolerance: 0 }];
    return [{ at: index, want: max + log, tolerance: Math.max(bound * ulpAt(max + log), 2 ** -22) }];
  };
}

/** The bound is 4 ULP, for statistics that were themselves merged from many parts. */
function fromStatsRule({ max: maxima, sum: sums }: RowStats, isZero: boolean): Rule {
  return (row, places, index) => {
    const max = maxima[index]!;
    const sum = sums[index]!;
    if (max === -Infinity && sum === 0) return all(places, isZero ? 0 : NaN);
    if (Number.isNaN(max) || Number.isNaN(sum) || max === Infinity) return all(places, NaN);
    return places.map(({ outAt }, i) => share(outAt, Math.exp(row[i]! - max), sum, 4));
  };
}

/** dx = p·(g − Σ p·g), or g − e^l·Σ g: half an ULP, and what sums and exp lose of doubles (2^−40). */
function gradientRule(grad: Float64Array, isLog: boolean): Rule {
  return (row, places) => {
    const g = places.map(({ at }) => grad[at]!);
    const products = row.map((p, i) => (isLog ? g[i]! : p * g[i]!));
    const sum = products.reduce((a, b) => a + b, 0);
    const size = products.reduce((a, b) => a + Math.abs(b), 0);
    return places.map(({ outAt }, i) => {
      const p = isLog ? Math.exp(row[i]!) : row[i]!;
      const want = isLog ? g[i]! - p * sum : p * (g[i]! - sum);
      const lost = p * (isLog ? size : Math.abs(g[i]!) + size) * 2 ** -38;
      return { at: outAt, want, tolerance: 0.5001 * ulpAt(want) + lost };
    });
  };
}

function ruleOf({ operation, second, options }: Request, bound: number): Rule {
  const isZero = options.empty === "zero";
  if (operation === "softmax") return softmaxRule(bound, isZero);
  if (operation === "logSoftmax") return logSoftmaxRule(bound, isZero);
  if (operation === "softmaxFromStats") return fromStatsRule(second as RowStats, isZero);
  if (operation === "logSumExp") return logSumExpRule(bound);
  return gradientRule(numbersOf(second as Elements, options.dtype), operation === "logSoftmaxBackward");
}

/** What `name` must answer. */
export function answerTo(request: Request, name: BackendName): Answer {
  const { operation, input, options, outFormat = "float32" } = request;
  const values = numbersOf(input, options.dtype);
  const rows = placesOf(input.length, options);
  const batch = rows.reduce((count, places) => count + places.length, 0);
  const logits = rows.map((places, row) => changed(places, row, values, options, batch));
  if (operation === "rowStats") {
    const stats = logits.map(statsOf);
    return {
      format: "float32",
      // Where there is a NaN, that is in the sum; the maximum is then as it may be.
      elements: stats.flatMap(({ max }, at) => (Number.isNaN(max) ? [] : { at, want: max, tolerance: 0 })),
      sums: stats.map(({ sum }, at) => ({ at, want: sum, tolerance: sum * 2 ** -22 })),
    };
  }
  const rule = ruleOf(request, BOUND[name]);
  return { format: outFormat, elements: logits.flatMap((row, index) => rule(row, rows[index]!, index)) };
}

/** The length of the result of a request. */
export function lengthOfResult({ operation, input, options }: Request): number {
  const { shape, axis = -1, cols = input.length, rowStride, outRowStride } = options;
  if (operation === "logSumExp") {
    if (shape === undefined) return Math.ceil(input.length / (rowStride ?? cols));
    const along = axis < 0 ? axis + shape.length : axis;
    return shape.reduce((product, size, i) => (i === along ? product : product * size), 1);
  }
  if ((rowStride ?? outRowStride) === undefined) return input.length;
  return placesOf(input.length, options).reduce((end, places) => Math.max(end, places.at(-1)!.outAt + 1), 0);
}
