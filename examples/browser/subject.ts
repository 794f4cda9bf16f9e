// What the benchmark measures, and what its Worker tells the page.

import type { BackendName } from "softmax-wasm";

export const ELEMENTS = 320_000;
export const SHAPES = [10, 100, 1000, 32_000] as const;
export const SYSTEMS = ["relaxed", "simd", "js", "plain loop"] as const;

export type SystemName = (typeof SYSTEMS)[number];

export interface Figures {
  /** Nanoseconds per element, the median of the rounds. */
  readonly time: number;
  /** The largest error, in ULP. */
  readonly error: number;
}

/** What the page is told. */
export type Message =
  | { readonly kind: "missing"; readonly name: BackendName; readonly reason: string }
  | { readonly kind: "progress"; readonly part: number }
  | { readonly kind: "shape"; readonly cols: number; readonly figures: Readonly<Partial<Record<SystemName, Figures>>> }
  | { readonly kind: "wrong"; readonly name: SystemName; readonly what: string }
  | { readonly kind: "done" };
