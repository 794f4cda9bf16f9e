// Numbers as people type and read them.

const MINUS = "−";

/** What was typed: a number, or ±∞ and NaN by their usual names. `undefined` for anything else. */
export function parsed(text: string): number | undefined {
  const plain = text.trim().toLowerCase().replaceAll(MINUS, "-").replace(",", ".");
  const special = plain.match(/^([+-]?)(?:inf|infinity|∞)$/);
  if (special !== null) return special[1] === "-" ? -Infinity : Infinity;
  if (plain === "nan") return NaN;
  return plain === "" || Number.isNaN(Number(plain)) ? undefined : Number(plain);
}

/** A logit, as short as it can be said. */
export function written(x: number): string {
  return String(x).replaceAll("-", MINUS).replace("Infinity", "∞");
}

/** Five decimals, or for what they would hide, a power of ten. */
export function probability(p: number): string {
  if (Number.isNaN(p)) return "NaN";
  if (p !== 0 && p < 1e-5) return p.toExponential(1).replace("-", MINUS);
  return p === 0 ? "0" : p.toFixed(5);
}

/** Three digits that count. */
export function measured(x: number): string {
  return x < 9.995 ? x.toFixed(2) : x < 99.95 ? x.toFixed(1) : x.toFixed(0);
}

export const counted = (count: number): string => count.toLocaleString("en");
