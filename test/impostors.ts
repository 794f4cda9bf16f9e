// Values that are not what an argument has to be, however much they look like it; and how a message calls them.

import { expect } from "vitest";

type Impostors = readonly (readonly [named: string, value: unknown])[];

/** None is a Float32Array; `Uint8Array` and `Int32Array` are, where one of those is asked for. */
export const NO_ARRAYS: Impostors = [
  ["null", null],
  ["true", true],
  ["12", 12],
  ['"12"', "12"],
  ["a bigint", 12n],
  ["a symbol", Symbol("12")],
  ["a function", () => new Float32Array(12)],
  ["Array", [1, 2, 3]],
  ["Float64Array", new Float64Array(12)],
  ["Int32Array", new Int32Array(12)],
  ["Uint8Array", Buffer.from([1, 2, 3])],
  ["an object", new DataView(new ArrayBuffer(48))],
  ["an object", new ArrayBuffer(48)],
  ["an object", { length: 12, 0: 1 }],
  ["an object", new Proxy(new Float32Array(12), {})],
  ["an object", Object.create(Float32Array.prototype)],
];

export const NO_NUMBERS: Impostors = [
  ["null", null],
  ["false", false],
  ['"4"', "4"],
  ["a bigint", 4n],
  ["Array", [4]],
  ["an object", { valueOf: () => expect.fail("valueOf was called") }],
  ["an object", new Number(4)],
];

/** Numbers that count no elements. */
export const NO_COUNTS = [NaN, Infinity, -Infinity, -1, -4, 0.5, 4.000001, 2 ** 53];
