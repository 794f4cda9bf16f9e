// A result beside what it must be. The first that is wrong is told with everything needed to see it again; the largest errors of each
// operation are printed for whoever asks with MEASURE=1.

import type { BackendName, Elements, RowStats } from "softmax-wasm";
import { afterAll, expect } from "vitest";
import { type FormatName, numbersOf } from "./formats.js";
import { type Answer, answerTo, isRight, type OperationName, type Request, type Wanted } from "./oracle.js";
import { ulpAt } from "./ulp.js";

const largest = new Map<string, { ulp: number; where: string }>();

/** Notes how far `got` is from `want` in ULP of a float32, or thirds of `least`, if that is more. */
export function note(
  name: BackendName,
  operation: OperationName,
  got: number,
  want: number,
  least: number,
  where: () => string,
): void {
  if (process.env.MEASURE === undefined || !Number.isFinite(got) || !Number.isFinite(want)) return;
  const ulp = Math.abs(got - want) / Math.max(ulpAt(want), least / 3);
  const key = `${operation}, ${name}`;
  if (ulp > (largest.get(key)?.ulp ?? 0)) largest.set(key, { ulp, where: where() });
}

if (process.env.MEASURE !== undefined)
  afterAll(() => {
    for (const [key, { ulp, where }] of [...largest].sort())
      console.log(`Largest error, ${key}: ${ulp.toFixed(3)} ULP: ${where}`);
  });

/** The first numbers of an array, as something to paste. */
export function told(values: ArrayLike<number>, most = 12): string {
  const shown = Array.from(values).slice(0, most).map(String).join(", ");
  return `[${shown}${values.length > most ? `, … ${values.length} in all` : ""}]`;
}

/** A request in words. */
export function describeRequest({ operation, input, second, options, outFormat }: Request): string {
  const parts = Object.entries(options).map(
    ([key, value]) => `${key}: ${ArrayBuffer.isView(value) ? told(value as Float32Array) : JSON.stringify(value)}`,
  );
  const also =
    second === undefined
      ? ""
      : `, ${"max" in second ? `{ max: ${told(second.max)}, sum: ${told(second.sum)} }` : told(second as Float32Array)}`;
  return `${operation}(${told(input as Float32Array)}${also}, { ${parts.join(", ")} }) → ${outFormat ?? "float32"}`;
}

/** Fails where `result` is not what the oracle says. */
export function expectToAnswer(request: Request, result: unknown, name: BackendName): void {
  const answer = answerTo(request, name);
  const { operation, options } = request;
  if (operation === "rowStats") {
    const { max, sum } = result as RowStats;
    expectElements(request, name, "float32", max, answer.elements);
    expectSums(request, name, sum, answer);
  } else expectElements(request, name, answer.format, numbersOf(result as Elements, options.dtype), answer.elements);
}

function expectElements(
  request: Request,
  name: BackendName,
  format: FormatName,
  got: ArrayLike<number>,
  elements: readonly Wanted[],
): void {
  const { operation } = request;
  const story = ({ at, want, tolerance }: Wanted) =>
    `element ${at}: got ${got[at]}, want ${want} ± ${tolerance}: ${describeRequest(request)}`;
  const wrong = elements.find((element) => !isRight(format, got[element.at]!, element));
  expect(wrong && story(wrong), name).toBeUndefined();
  if (format !== "float32") return;
  for (const element of elements) {
    const value = got[element.at]!;
    if (element.mayBeZero && value === 0) continue;
    note(name, operation, value, element.want, operation === "logSumExp" ? 2 ** -22 : 0, () => story(element));
  }
}

function expectSums(request: Request, name: BackendName, got: Float64Array, { sums = [] }: Answer): void {
  const wrong = sums.find(({ at, want, tolerance }) =>
    Number.isNaN(want) ? !Number.isNaN(got[at]!) : !(Math.abs(got[at]! - want) <= tolerance),
  );
  const story = wrong && `sum ${wrong.at}: got ${got[wrong.at]}, want ${wrong.want} ± ${wrong.tolerance}`;
  expect(story && `${story}: ${describeRequest(request)}`, name).toBeUndefined();
}
