// Inflate (RFC 1951), as far as the embedded kernels need it: blocks with Huffman codes of their own, which is what a compressor
// makes of them (embed.mjs tries it). The platform's DecompressionStream has no synchronous form.

/** What the next bits stand for, by their value: symbol · 16 + length of its code. As many bits as the longest code has. */
type Code = Uint16Array;

const LONGEST = 15; // bits of a code

/** Code lengths come in this order: the likely ones first, so that the rest can be left out. */
const LENGTHS_ORDER = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];

/** Writes what is compressed in `input`, a character a byte, as `atob` gives it, to `output`, whose length is known. */
export function inflate(input: string, output: Uint8Array): void {
  let from = 0;
  let to = 0;
  let held = 0; // bits read ahead, the next one lowest
  let count = 0; // how many

  /** Past the end, there are zeros. */
  const read = (wanted: number): void => {
    for (; count < wanted; count += 8) held |= input.charCodeAt(from++) << count;
  };

  const drop = (used: number): void => {
    held >>>= used;
    count -= used;
  };

  const bits = (wanted: number): number => {
    read(wanted);
    const value = held & ((1 << wanted) - 1);
    drop(wanted);
    return value;
  };

  const symbol = (code: Code): number => {
    read(LONGEST);
    const found = code[held & (code.length - 1)]!;
    drop(found & 15);
    return found >> 4;
  };

  /** Lengths of codes, themselves coded, with runs. */
  const codeLengths = (code: Code, size: number): Uint8Array => {
    const lengths = new Uint8Array(size);
    for (let i = 0; i < size; ) {
      const length = symbol(code);
      if (length < 16) lengths[i++] = length;
      else {
        const [value, run] =
          length === 16 ? [lengths[i - 1]!, 3 + bits(2)] : [0, length === 17 ? 3 + bits(3) : 11 + bits(7)];
        lengths.fill(value, i, i + run);
        i += run;
      }
    }
    return lengths;
  };

  for (let last = 0; last === 0; ) {
    last = bits(3) & 1; // the other two say that the block has codes of its own
    const literals = 257 + bits(5);
    const distances = 1 + bits(5);
    const lengths = new Uint8Array(19);
    for (let size = 4 + bits(4), i = 0; i < size; i++) lengths[LENGTHS_ORDER[i]!] = bits(3);
    const both = codeLengths(codeOf(lengths), literals + distances);
    const literalCode = codeOf(both.subarray(0, literals));
    const distanceCode = codeOf(both.subarray(literals));

    for (let next = symbol(literalCode); next !== 256; next = symbol(literalCode)) {
      if (next < 256) output[to++] = next;
      else {
        const length = next === 285 ? 258 : 3 + stepped(next - 257, 4, bits);
        const distance = 1 + stepped(symbol(distanceCode), 2, bits);
        for (const end = to + length; to < end; to++) output[to] = output[to - distance]!;
      }
    }
  }
}

/** Numbers in steps that double: `each` symbols for every power of two, and the rest in plain bits. */
function stepped(symbol: number, each: number, bits: (count: number) => number): number {
  const extra = Math.max(0, Math.floor(symbol / each) - 1);
  return (extra === 0 ? symbol : (each + (symbol % each)) << extra) + bits(extra);
}

/** Codes of the same length are consecutive, in the order of their symbols, and follow those of the next shorter length. */
function codeOf(lengths: Uint8Array): Code {
  const longest = Math.max(...lengths);
  const code = new Uint16Array(1 << longest);
  for (let length = 1, next = 0; length <= longest; length++, next <<= 1)
    for (let symbol = 0; symbol < lengths.length; symbol++)
      if (lengths[symbol] === length) {
        let reversed = 0; // codes are stored from their highest bit on
        for (let bit = 0; bit < length; bit++) reversed |= ((next >> bit) & 1) << (length - 1 - bit);
        for (let at = reversed; at < code.length; at += 1 << length) code[at] = (symbol << 4) | length;
        next++;
      }
  return code;
}
