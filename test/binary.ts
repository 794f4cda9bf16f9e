// A WebAssembly binary read without an engine, which may not accept it: what it imports, and which instructions it has, with their
// immediates skipped. Knows what AssemblyScript can emit for us (WebAssembly 2.0 without references, and relaxed SIMD) and throws
// at anything else. The lists are those of https://webassembly.github.io/spec/core/binary/

/** First and last opcode of relaxed SIMD, after the prefix 0xfd. */
const RELAXED_FIRST = 0x100;
const RELAXED_LAST = 0x113;

export interface Opcodes {
  readonly functions: number;
  readonly instructions: number;
  /** Those after the prefix 0xfd, by their numbers. */
  readonly vector: readonly number[];
  /** Those of relaxed SIMD, by their numbers. */
  readonly relaxed: readonly number[];
}

const IMPORT_SECTION = 2;
const CODE_SECTION = 10;

export function opcodesOf(bytes: Uint8Array): Opcodes {
  return codeOf(sectionOf(bytes, CODE_SECTION));
}

/** What is imported: kind (0 function, 1 table, 2 memory, 3 global) and both names. */
export function importsOf(bytes: Uint8Array): string[] {
  const input = sectionOf(bytes, IMPORT_SECTION);
  return Array.from({ length: input.integer() }, () => {
    const module = input.text();
    const name = input.text();
    const kind = input.byte();
    if (kind === 0) input.integer();
    else if (kind === 3) input.skip(2);
    else {
      if (kind === 1) input.byte();
      input.integers(input.byte() & 1 ? 2 : 1); // limits
    }
    return `${kind} ${module} ${name}`;
  });
}

function sectionOf(bytes: Uint8Array, wanted: number): Reader {
  const input = new Reader(bytes, 8); // after the magic number and the version
  while (!input.atEnd(bytes.length)) {
    const section = input.byte();
    const size = input.integer();
    if (section === wanted) return input;
    input.skip(size);
  }
  throw new Error(`there is no section ${wanted}`);
}

function codeOf(input: Reader): Opcodes {
  const functions = input.integer();
  let instructions = 0;
  const vector: number[] = [];
  for (let i = 0; i < functions; i++) {
    const size = input.integer();
    const end = input.at + size;
    for (let groups = input.integer(); groups > 0; groups--) {
      input.integer(); // how many locals
      input.byte(); // of which type
    }
    while (!input.atEnd(end)) {
      const opcode = input.byte();
      instructions++;
      if (opcode === 0xfd) {
        const number = input.integer();
        vector.push(number);
        skipVectorImmediates(input, number);
      } else if (opcode === 0xfc) skipPrefixedImmediates(input, input.integer());
      else skipImmediates(input, opcode);
    }
  }
  const relaxed = vector.filter((number) => number >= RELAXED_FIRST && number <= RELAXED_LAST);
  return { functions, instructions, vector, relaxed };
}

function skipImmediates(input: Reader, opcode: number): void {
  if (opcode >= 0x02 && opcode <= 0x04)
    input.integer(); // block, loop, if: their type
  else if (opcode === 0x0c || opcode === 0x0d || opcode === 0x10)
    input.integer(); // br, br_if, call
  else if (opcode === 0x0e)
    for (let labels = input.integer() + 1; labels > 0; labels--) input.integer(); // br_table
  else if (opcode === 0x11)
    input.integers(2); // call_indirect
  else if (opcode === 0x1c)
    input.skip(input.integer()); // select with types, of a byte each
  else if (opcode >= 0x20 && opcode <= 0x26)
    input.integer(); // locals, globals, tables
  else if (opcode >= 0x28 && opcode <= 0x3e)
    input.integers(2); // loads and stores: alignment, offset
  else if (opcode === 0x3f || opcode === 0x40)
    input.byte(); // memory.size, memory.grow
  else if (opcode === 0x41 || opcode === 0x42)
    input.integer(); // i32.const, i64.const
  else if (opcode === 0x43) input.skip(4);
  else if (opcode === 0x44) input.skip(8);
  else if (!isPlain(opcode)) throw new Error(`unknown opcode 0x${opcode.toString(16)} at ${input.at - 1}`);
}

/** unreachable, nop, else, end, return, drop, select, and all of comparison, arithmetic and conversion. */
function isPlain(opcode: number): boolean {
  return [0x00, 0x01, 0x05, 0x0b, 0x0f, 0x1a, 0x1b].includes(opcode) || (opcode >= 0x45 && opcode <= 0xc4);
}

function skipPrefixedImmediates(input: Reader, number: number): void {
  if (number === 8 || number === 10)
    input.integers(2); // memory.init, memory.copy
  else if (number === 9 || number === 11)
    input.integer(); // data.drop, memory.fill
  else if (number > 7) throw new Error(`unknown opcode 0xfc 0x${number.toString(16)} at ${input.at}`);
}

function skipVectorImmediates(input: Reader, number: number): void {
  if (number <= 0x0b || number === 0x5c || number === 0x5d)
    input.integers(2); // loads and stores: alignment, offset
  else if (number === 0x0c || number === 0x0d)
    input.skip(16); // v128.const, i8x16.shuffle
  else if (number >= 0x15 && number <= 0x22)
    input.byte(); // a lane
  else if (number >= 0x54 && number <= 0x5b) {
    input.integers(2);
    input.byte();
  } else if (number > RELAXED_LAST) throw new Error(`unknown opcode 0xfd 0x${number.toString(16)} at ${input.at}`);
}

class Reader {
  constructor(
    readonly bytes: Uint8Array,
    public at: number,
  ) {}

  byte(): number {
    const byte = this.bytes[this.at++];
    if (byte === undefined) throw new Error("the binary ends too early");
    return byte;
  }

  /** A LEB128 number. Only unsigned ones are looked at; of the others it matters where they end. */
  integer(): number {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = this.byte();
      value += (byte & 127) * scale;
      if (byte < 128) return value;
    }
  }

  integers(count: number): void {
    for (; count > 0; count--) this.integer();
  }

  text(): string {
    return String.fromCharCode(...Array.from({ length: this.integer() }, () => this.byte()));
  }

  skip(count: number): void {
    this.at += count;
  }

  atEnd(end: number): boolean {
    if (this.at > end) throw new Error(`an instruction crosses byte ${end}`);
    return this.at === end;
  }
}
