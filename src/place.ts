// Where the data lies decides how the kernel gets it. In one of the engine's arenas: used in place. Anywhere else: streamed
// through a scratch block of fixed size, so that memory does not grow with the batch. Same bits either way.

import { Arena, type ArenaConstructor } from "./arena.js";
import { ENOUGH, fewElements, inBlocks, largeBytes, smallBytes, type Trial } from "./blocks.js";
import { adjoin, type Call, isPlain } from "./call.js";
import { positionOf } from "./changes.js";
import { allocate, separate } from "./copies.js";
import { bufferOf, byteOffsetOf } from "./intrinsics.js";
import {
  copy,
  createRegion,
  DATA,
  FEW,
  MAXIMA,
  type Region,
  SUMS,
  TABLE_ROWS,
  WORK,
  WORK_BYTES,
  wipe,
} from "./memory.js";
import { formOf, isGradient, isValue, LOG_SUM_EXP } from "./operation.js";
import { fitsWorkArea, rowsThatFit, stream } from "./stream.js";
import { giveStats, takeValues, usesTables } from "./tables.js";
import { KERNEL_VERSION } from "./wasm.js";

/**
 * Of rows side by side, so many that adjoin in an array are copied at once, where the scratch has room. Bench, arrays, `relaxed`: runs
 * of 32 of 64 took 2.9 times as long at 8192 elements, and 256 of 8192 at 1000, 1.2 times.
 */
const LONG_RUN = 1024;

/** What an engine runs on. The call is checked; `rows` and `cols` are positive. */
export interface Backend {
  run(call: Call): void;
  createArena(byteLength: number): Arena;
  /** Forgets and zeroes what was copied for earlier calls; the next call starts afresh. */
  clear(): void;
}

export type WasmName = "relaxed" | "simd";

/**
 * Bytes per kernel call inside an arena. A JavaScript engine cannot swap code in the middle of a call: one call over a whole
 * fresh batch would run in baseline code to its end, at half the speed (bench: `--only first`).
 */
const CALL_BYTES = 2 ** 20;

/**
 * From so many elements on, an arena's rows side by side come from memory, not from a cache. `dst` is waited for then, as the kernel goes through it in steps:
 * copied there first, a call at a time, the logits are in the cache, and so is `dst`. Arenas, Node 24, Zen 4: 64 × 1000 × 64 1.64 → 1.24 ns per
 * element (DESIGN.md, "Rows side by side").
 */
const LARGE = 1_500_000;

/** Starts a module with a scratch memory of its own, and makes sure that it is one of ours, and usable here. */
export function startKernel(module: object, scratchBytes: number): { backend: Backend; name: WasmName } {
  const scratch = createRegion(module, scratchBytes);
  const { VERSION, isRelaxed, fuses } = scratch.kernel;
  if (VERSION?.value !== KERNEL_VERSION) throw new Error("it is not a kernel of this version");
  const name = isRelaxed(1) === 1 ? "relaxed" : "simd";
  if (name === "relaxed" && fuses(1 + 2 ** -12) !== 1) throw new Error("this machine does not fuse multiply-add");
  return { backend: wasmBackend(module, scratch, scratchBytes), name };
}

export type StartKernel = typeof startKernel;

function wasmBackend(module: object, first: Region, scratchBytes: number): Backend {
  const arenas = new WeakMap<ArrayBufferLike, Region>();
  let scratch: Region | undefined = first;
  /** How much of it may have been written to, at most. */
  let usedBytes = 0;
  const trial: Trial = { lead: 0 };

  function region(what: string, byteLength: number): Region {
    return allocate(what, byteLength, () => createRegion(module, byteLength));
  }

  /** The arena that all of a call's arrays lie in, if there is one, and none where the kernel works. */
  function arenaOf({ operation, input, grad, out, stats }: Call): Region | undefined {
    const buffer = bufferOf(input);
    const arena = arenas.get(buffer);
    if (arena === undefined) return undefined;
    const isBelow = (array: ArrayBufferView) => byteOffsetOf(array) < DATA && bufferOf(array) === buffer;
    if (operation === LOG_SUM_EXP) return isBelow(out) ? undefined : arena;
    if (usesTables(operation) && (isBelow(stats.max) || isBelow(stats.sum))) return undefined;
    if (isValue(operation)) return arena;
    const isWithin = (array: ArrayBufferView) => byteOffsetOf(array) >= DATA && bufferOf(array) === buffer;
    if (isGradient(operation) && !isWithin(grad)) return undefined;
    return isWithin(out) ? arena : undefined;
  }

  return {
    run(call) {
      const { operation, rows, cols, inner } = call;
      const plain = isPlain(call);
      const adjoining = plain && adjoin(call) && !isGradient(operation);
      const few = rows * cols <= FEW;
      // Read whole before it is written: nothing to separate. One row of 10 as arrays: 278 → 246 ns (Node 24, `--only call`).
      if (few && adjoining) {
        scratch ??= region(call.what, scratchBytes);
        return fewElements(scratch, call);
      }
      separate(call);
      if (plain && !few && byteOffsetOf(call.input) >= DATA) {
        const arena = arenaOf(call);
        if (arena !== undefined) return inPlace(arena, call);
      }
      scratch ??= region(call.what, scratchBytes);
      const least = Math.min(inner, LONG_RUN);
      let bytes = Math.min(scratchBytes, largeBytes(cols));
      // A row, or neighbours, that a block does not hold may have all of the scratch: pieces are copied five times, not twice.
      if (rowsThatFit(call, bytes) < least && rowsThatFit(call, scratchBytes) > 0) bytes = scratchBytes;
      if (trial.lead >= ENOUGH) bytes = smallBytes(call, least, bytes);
      usedBytes = Math.max(usedBytes, bytes);
      if (adjoining && 4 * cols <= bytes) return inBlocks(scratch, bytes, call, trial);
      stream(scratch, bytes, call);
    },
    createArena(byteLength) {
      const arena = region("createArena", byteLength);
      const buffer = bufferOf(arena.floats) as ArrayBuffer;
      arenas.set(buffer, arena);
      return new (Arena as unknown as ArenaConstructor)(buffer, DATA, byteLength, () => {
        arenas.delete(buffer);
        wipe(arena, DATA);
      });
    },
    clear() {
      if (scratch !== undefined) wipe(scratch, DATA + usedBytes);
      scratch = undefined;
    },
  };
}

function inPlace(arena: Region, call: Call): void {
  const { operation, input, grad, out, rows, cols, inner, rowStride, outRowStride } = call;
  const { kernel } = arena;
  const value = isValue(operation);
  const src = byteOffsetOf(input);
  const dst = value ? MAXIMA : byteOffsetOf(out);
  const most = usesTables(operation) ? TABLE_ROWS : Infinity;
  if (inner === 1) {
    const step = Math.min(most, Math.max(4, (CALL_BYTES / (4 * rowStride)) & ~3));
    for (let row = 0; row < rows; row += step) {
      const count = Math.min(step, rows - row);
      const from = src + 4 * row * rowStride;
      const to = value ? dst : dst + 4 * row * outRowStride;
      if (isGradient(operation)) {
        const other = byteOffsetOf(grad) + 4 * row * rowStride;
        kernel.gradientRows(formOf(operation), from, other, to, count, cols, 4 * rowStride, 4 * outRowStride, WORK);
      } else {
        giveStats(arena, call, row, count);
        kernel.rows(operation, from, to, count, cols, 4 * rowStride, 4 * outRowStride, MAXIMA, SUMS, WORK);
        takeValues(arena, call, row, count);
      }
    }
    return;
  }
  if (!isGradient(operation) && !fitsWorkArea(call)) {
    stream(arena, CALL_BYTES, call, false);
    return;
  }
  arena.workBytes = WORK_BYTES;
  // As many whole blocks of rows side by side as fit, or strips of one.
  const fit = Math.floor(CALL_BYTES / 4 / cols);
  const whole = inner <= Math.min(fit, most);
  const step = whole ? Math.floor(Math.min(fit, most, rows) / inner) * inner : Math.min(most, Math.max(32, fit & ~31));
  const ahead = whole && !value && src !== dst && byteOffsetOf(grad) !== dst && rows * cols > LARGE; // neither input is where the result goes
  for (let row = 0; row < rows; ) {
    const count = Math.min(step, whole ? rows - row : inner - (row % inner));
    const offset = 4 * positionOf(row, 0, cols, inner, 0);
    const width = whole ? inner : count;
    let from = src + offset;
    if (ahead) {
      copy(arena.floats, from >>> 2, arena.floats, (dst + offset) >>> 2, count * cols);
      from = dst + offset;
    }
    if (isGradient(operation))
      kernel.gradientColumns(
        formOf(operation),
        from,
        byteOffsetOf(grad) + offset,
        dst + offset,
        count,
        cols,
        width,
        4 * inner,
        WORK,
      );
    else {
      giveStats(arena, call, row, count);
      kernel.columns(operation, from, value ? dst : dst + offset, count, cols, width, 4 * inner, MAXIMA, SUMS, WORK);
      takeValues(arena, call, row, count);
    }
    row += count;
  }
}
