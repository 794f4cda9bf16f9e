// What golden/golden.json holds: see golden/README.md.

import golden from "./golden/golden.json" with { type: "json" };

export interface GoldenCase {
  readonly id: string;
  readonly cols: number;
  readonly rows: number;
  /** Float32 as 8 hexadecimal digits each. */
  readonly inputBits: string;
  readonly softmax: readonly string[];
  readonly logSoftmax: readonly string[];
  /** One for each row. */
  readonly logSumExp: readonly string[];
}

export const CASES: readonly GoldenCase[] = golden;

export function inputOf({ inputBits }: GoldenCase): Float32Array {
  const words = inputBits.match(/.{8}/g)!.map((digits) => Number.parseInt(digits, 16));
  return new Float32Array(Uint32Array.from(words).buffer);
}
