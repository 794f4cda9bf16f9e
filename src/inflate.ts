// Inflate (RFC 1951), as far as the embedded kernel needs it: blocks with Huffman codes of their own, which is what a compressor
// makes of it (embed.mjs tries it). The platform's DecompressionStream has no synchronous form.

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

  /** At most 15. Past the end, there are zeros. */
  const read = (wanted: number): void => {
    if (count >= wanted) return;
    held |= (input.charCodeAt(from) | (input.charCodeAt(from + 1) << 8)) << count;
    from += 2;
    count += 16;
  };

  const bits = (wanted: number): number => {
    read(wanted);
    const value = held & ((1 << wanted) - 1);
    held >>>= wanted;
    count -= wanted;
    return value;
  };

  const symbol = (code: Code): number => {
    read(LONGEST);
    const found = code[held & (code.length - 1)]!;
    bits(found & 15);
    return found >> 4;
  };

  /** Numbers in steps that double: `each` symbols for every power of two, and the rest in plain bits. */
  const stepped = (step: number, each: number): number => {
    if (step < each) return step;
    const extra = Math.floor(step / each) - 1;
    return ((each + (step % each)) << extra) + bits(extra);
  };

  /** Lengths of codes, themselves coded, with runs. */
  const codeLengths = (code: Code, size: number): Uint8Array => {
    const lengths = new Uint8Array(size);
    for (let i = 0; i < size; ) {
      let value = symbol(code);
      let run = 1;
      if (value === 16) {
        value = lengths[i - 1]!;
        run = 3 + bits(2);
      } else if (value > 16) {
        run = value === 17 ? 3 + bits(3) : 11 + bits(7);
        value = 0;
      }
      for (; run > 0; run--) lengths[i++] = value;
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
        const length = next === 285 ? 258 : 3 + stepped(next - 257, 4);
        const distance = 1 + stepped(symbol(distanceCode), 2);
        const end = to + length;
        // Piece by piece, if the copy overlaps itself. Element by element, all of it takes 1 ms longer.
        for (let at = to; at < end; at += distance) output.copyWithin(at, at - distance, Math.min(at, end - distance));
        to = end;
      }
    }
  }
}

/**
 * Codes of the same length are consecutive, in the order of their symbols, and follow those of the next shorter length. They are stored from their
 * highest bit on, and so counted from there, too: a longer one begins as the shorter ones left off.
 */
function codeOf(lengths: Uint8Array): Code {
  const longest = Math.max(...lengths);
  const code = new Uint16Array(1 << longest);
  let next = 0;
  for (let length = 1; length <= longest; length++)
    for (let symbol = 0; symbol < lengths.length; symbol++)
      if (lengths[symbol] === length) {
        for (let at = next; at < code.length; at += 1 << length) code[at] = (symbol << 4) | length;
        let carry = 1 << (length - 1);
        for (; next & carry; carry >>= 1) next ^= carry;
        next |= carry;
      }
  return code;
}
