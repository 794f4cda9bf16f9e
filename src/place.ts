// Where the data lies decides how the kernel gets it. In one of the engine's arenas: used in place. Anywhere else: streamed
// through a scratch block of fixed size, so that memory does not grow with the batch. Same bits either way.

import { allocated, copied, fail } from "./check.js";
import { bufferOf, byteOffsetOf, isShared } from "./intrinsics.js";
import { Arena, copyIn, copyOut, createRegion, DATA, FEW, type Region, WORK } from "./memory.js";
import * as reference from "./reference.js";

/** What an engine runs on. The arguments are checked; `rows` and `cols` are positive. */
export interface Backend {
  softmax(input: Float32Array, out: Float32Array, rows: number, cols: number): void;
  createArena(byteLength: number): Arena;
  /** Forgets and zeroes what was copied for earlier calls; the next call starts afresh. */
  clear(): void;
}

export const jsBackend: Backend = {
  softmax(input, out, rows, cols) {
    reference.softmax(isShared(input) ? copied("softmax", input) : input, out, rows, cols);
  },
  createArena(byteLength) {
    const { buffer } = allocated("createArena", Math.ceil(byteLength / 4));
    return new Arena(buffer as ArrayBuffer, 0, byteLength, () => {});
  },
  clear() {},
};

/**
 * Bytes per kernel call inside an arena. A JavaScript engine cannot swap code in the middle of a call: one call over a whole
 * fresh batch would run in baseline code to its end, at half the speed (bench: `--only first`).
 */
const CALL_BYTES = 2 ** 20;

export function wasmBackend(module: object, first: Region, scratchBytes: number): Backend {
  const arenas = new WeakMap<ArrayBufferLike, Region>();
  const capacity = Math.floor(scratchBytes / 4);
  /** A row in pieces is cut where the kernel's sums pause anyway (assembly/wide.ts), and so keeps the uncut row's bits. */
  const pieceCols = capacity - (capacity % 256);
  let scratch: Region | undefined = first;

  function region(what: string, byteLength: number): Region {
    try {
      return createRegion(module, byteLength);
    } catch (cause) {
      fail(RangeError, "ERR_SOFTMAX_MEMORY", `${what}: there is no memory for ${byteLength} bytes`, cause);
    }
  }

  function inPlace({ kernel }: Region, input: Float32Array, out: Float32Array, rows: number, cols: number): void {
    const src = byteOffsetOf(input);
    const dst = byteOffsetOf(out);
    if (dst < DATA) fail(RangeError, "ERR_SOFTMAX_VALUE", 'softmax: "out" expected an array that the arena handed out');
    const stride = 4 * cols;
    const most = Math.max(4, Math.floor(CALL_BYTES / stride) & ~3);
    for (let row = 0; row < rows; row += most)
      kernel.softmax(src + row * stride, dst + row * stride, Math.min(most, rows - row), cols, WORK);
  }

  /** As many rows at a time as the scratch holds; a multiple of four if it can, since the kernel takes four at once. */
  function inBlocks(scratch: Region, input: Float32Array, out: Float32Array, rows: number, cols: number): void {
    const fit = Math.floor(capacity / cols);
    const most = fit > 4 ? fit - (fit % 4) : fit;
    for (let row = 0; row < rows; row += most) {
      const count = Math.min(most, rows - row);
      copyIn(scratch, DATA, input, row * cols, count * cols);
      scratch.kernel.softmax(DATA, DATA, count, cols, WORK);
      copyOut(scratch, DATA, out, row * cols, count * cols);
    }
  }

  /** Rows longer than the scratch: each goes through the passes of the kernel in pieces; its terms wait in `out`. */
  function inPieces(scratch: Region, input: Float32Array, out: Float32Array, rows: number, cols: number): void {
    const { kernel } = scratch;
    for (let row = 0; row < rows; row++) {
      const end = (row + 1) * cols;
      kernel.begin(WORK);
      for (let at = row * cols; at < end; at += pieceCols) {
        const count = Math.min(pieceCols, end - at);
        copyIn(scratch, DATA, input, at, count);
        kernel.findMax(DATA, count, WORK, 0);
      }
      kernel.findShifts(WORK);
      for (let at = row * cols; at < end; at += pieceCols) {
        const count = Math.min(pieceCols, end - at);
        copyIn(scratch, DATA, input, at, count);
        kernel.sumTerms(DATA, DATA, count, WORK, 0);
        copyOut(scratch, DATA, out, at, count);
      }
      kernel.findFactors(WORK);
      for (let at = row * cols; at < end; at += pieceCols) {
        const count = Math.min(pieceCols, end - at);
        copyIn(scratch, DATA, out, at, count);
        kernel.scale(DATA, count, WORK, 0);
        copyOut(scratch, DATA, out, at, count);
      }
    }
  }

  return {
    softmax(input, out, rows, cols) {
      if (byteOffsetOf(input) >= DATA && rows * cols > FEW) {
        const arena = arenas.get(bufferOf(input));
        if (arena !== undefined && bufferOf(out) === bufferOf(input)) return inPlace(arena, input, out, rows, cols);
      }
      scratch ??= region("softmax", scratchBytes);
      if (cols <= capacity) inBlocks(scratch, input, out, rows, cols);
      else inPieces(scratch, isShared(input) ? copied("softmax", input) : input, out, rows, cols);
    },
    createArena(byteLength) {
      const arena = region("createArena", byteLength);
      const buffer = bufferOf(arena.floats) as ArrayBuffer;
      arenas.set(buffer, arena);
      return new Arena(buffer, DATA, byteLength, () => arenas.delete(buffer));
    },
    clear() {
      scratch?.floats.fill(0, DATA / 4);
      scratch = undefined;
    },
  };
}
