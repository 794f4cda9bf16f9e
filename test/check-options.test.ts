// What check.test.ts does for the layout, for every operation and every other option: each array of each call, each bad value, each
// combination that makes no sense. The error is the right one, it names the argument, and nothing was written anywhere.

import { runInNewContext } from "node:vm";
import { createEngineSync, mergeRowStats } from "softmax-wasm";
import { describe, expect, test } from "vitest";
import { onEveryBackend } from "./engines.js";
import { detached, disposed, length, memory, option, type Refusal, refused, type, value } from "./errors.js";
import { NO_ARRAYS, NO_NUMBERS } from "./impostors.js";
import {
  type AnyOperation,
  type Arguments,
  COLS,
  call,
  canaryOut,
  isGradient,
  isValue,
  OPERATIONS,
  OPTION_NAMES,
  type Operation,
  type Options,
  ROWS,
  SLOTS,
  type Slot,
  statsOfRows,
  TAKEN_BY,
  valid,
} from "./operations.js";

const CASES = SLOTS.flatMap((slot) => slot.functions.map((what) => [what, slot.name, slot] as const));
const LOGIT_OPERATIONS = TAKEN_BY.bias;

type Typed = ReturnType<Slot["make"]>;
type Constructor = new (buffer: ArrayBufferLike, offset?: number, length?: number) => Typed;
const classOf = (array: Typed) => array.constructor as Constructor;

function transfer({ buffer }: { readonly buffer: ArrayBufferLike }): void {
  if (buffer.byteLength > 0) structuredClone(buffer, { transfer: [buffer as ArrayBuffer] });
}

/** The same elements on other memory. */
function on(buffer: ArrayBufferLike, array: Typed, Class = classOf(array)): Typed {
  new Uint8Array(buffer).set(new Uint8Array(array.buffer, array.byteOffset, array.byteLength));
  return new Class(buffer, 0, array.length);
}

/** An array that says of itself whatever it can that is wrong, and whose methods throw. */
function liarOf(array: Typed): Typed {
  const broken = () => {
    throw new Error("a method of the caller's array was called");
  };
  const names = [
    "set",
    "subarray",
    "slice",
    "fill",
    "copyWithin",
    "keys",
    "every",
    "at",
    Symbol.iterator,
    "constructor",
  ];
  const lies: Record<PropertyKey, PropertyDescriptor> = {};
  for (const name of names) lies[name] = { value: broken };
  const lying = { length: 99, byteLength: 3, byteOffset: 4, buffer: new ArrayBuffer(8), [Symbol.toStringTag]: "Array" };
  for (const name of Reflect.ownKeys(lying) as (keyof typeof lying)[]) lies[name] = { value: lying[name] };
  const liar = on(new ArrayBuffer(array.byteLength), array);
  return Object.setPrototypeOf(liar, Object.create(classOf(array).prototype, lies));
}

onEveryBackend("bad options of every operation", (engine) => {
  /** What a call comes to, with all of its arrays copied by value. */
  const resultOf = (what: AnyOperation, args: Arguments) => structuredClone(call(engine, what, args));

  /** All of the memory that a call can see. */
  function memoryOf({ input, second, options }: Arguments): Uint8Array[] {
    const values = [input, second, ...Object.values({ ...options })];
    const parts = values.flatMap((value) => [value, ...Object.values({ ...(value as object | null) })]);
    const buffers = parts.flatMap((part) => (ArrayBuffer.isView(part) ? [part.buffer] : []));
    return buffers.map((buffer) => (buffer.byteLength === 0 ? new Uint8Array(0) : new Uint8Array(buffer).slice()));
  }

  /** The call is refused: as it is, with an `out` that stays as it was, and in place. Its arrays stay as they were. */
  function refusedEverywhere(what: AnyOperation, args: Arguments, refusal: Refusal): void {
    const before = memoryOf(args);
    refused(() => call(engine, what, args), refusal);
    if (what !== "mergeRowStats" && (args.options === undefined || !("out" in args.options))) {
      const refusedTo = (out: unknown) =>
        refused(() => call(engine, what, { ...args, options: { ...args.options, out } }), refusal);
      const out = canaryOut(what);
      refusedTo(out);
      expect(out).toEqual(canaryOut(what));
      if (!isValue(what) && ArrayBuffer.isView(args.input) && args.input instanceof Float32Array) refusedTo(args.input);
    }
    expect(memoryOf(args)).toEqual(before);
  }

  /** As `refusedEverywhere`, of a valid call with these options. The arrays of the call stay as they were. */
  function refusedWith(what: Operation, options: Options, refusal: Refusal): void {
    const layout = "shape" in options || "cols" in options ? {} : { cols: COLS };
    refusedEverywhere(what, { ...valid(what), options: { ...layout, ...options } }, refusal);
  }

  describe("an option that the operation does not take", () => {
    const values: Options = {
      cols: COLS,
      shape: [ROWS, COLS],
      axis: 1,
      rowStride: COLS,
      outRowStride: COLS,
      temperature: 1,
      bias: new Float32Array(COLS),
      mask: new Uint8Array(COLS).fill(1),
      lengths: new Uint32Array(ROWS),
      causal: 0,
      empty: "zero",
    };
    const others = ["stats", "grad", "gradient", "scale", "Temperature", "length", "dim", "input", ""];
    test.each(OPERATIONS)("%s", (what) => {
      for (const name of OPTION_NAMES) {
        if (name === "dtype" || name === "out") continue; // all take them: below
        const options = { ...(name === "axis" ? { shape: [ROWS, COLS] } : {}), [name]: values[name] };
        const layout = "shape" in options || "cols" in options ? {} : { cols: COLS };
        if (TAKEN_BY[name].includes(what)) call(engine, what, { ...valid(what), options: { ...layout, ...options } });
        else refusedWith(what, options, option(`${what}: "${name}" is not an option of ${what}`));
      }
      for (const name of others)
        refusedWith(what, { [name]: undefined }, option(`${what}: "${name}" is not an option of ${what}`));
    });

    test.each(OPERATIONS)("%s: undefined is as good as nothing, of those it takes", (what) => {
      const names = OPTION_NAMES.filter((name) => TAKEN_BY[name].includes(what));
      const none = Object.fromEntries(names.map((name) => [name, undefined]));
      const args = valid(what);
      expect(call(engine, what, { ...args, options: { ...none, cols: COLS } })).toEqual(call(engine, what, args));
    });
  });

  test.each(OPERATIONS)("%s: options that are none", (what) => {
    for (const options of [null, true, 12, "12", 12n, Symbol("cols"), () => 4, [4], new Float32Array(12)])
      refused(
        () => call(engine, what, { ...valid(what), options: options as never }),
        type(`${what}: "options" expected an object, got `),
      );
  });

  describe("arrays", () => {
    test.each(CASES)("%s, %s: of the wrong kind", (what, name, slot) => {
      const accepted = (impostor: unknown) =>
        (typeof impostor === "number" && name === "temperature") ||
        (ArrayBuffer.isView(impostor) &&
          slot.kinds.includes(impostor.constructor.name.replace("Buffer", "Uint8Array")));
      const more: [string, unknown][] = [
        ["Uint8ClampedArray", new Uint8ClampedArray(12)],
        ["Uint16Array", new Uint16Array(12)],
        ["Float32Array", new Float32Array(12)],
        ["BigInt64Array", new BigInt64Array(12)],
        ["an object", new Proxy(slot.make(), {})],
      ];
      for (const [named, impostor] of [...NO_ARRAYS, ...more]) {
        if (accepted(impostor)) continue;
        const args = valid(what);
        slot.put(args, impostor);
        const isFormat = named === "Uint16Array" && /^(input|probs|logProbs|grad|out)$/.test(name);
        const refusal = isFormat
          ? option(`${what}: "${name}" is a Uint16Array: "dtype" must say what it holds`)
          : type(`${what}: "${name}" expected ${slot.kinds}, got ${named}`);
        refusedEverywhere(what, args, refusal);
      }
    });

    test.each(CASES)("%s, %s: of the wrong length", (what, name, slot) => {
      const right = slot.make();
      for (const wrong of [right.length - 1, right.length + 1, 0, 5, 2 * right.length + 1]) {
        if (wrong === 0 && slot.expected.includes("multiple")) continue; // no rows, then
        const args = valid(what);
        slot.put(args, new (classOf(right))(new ArrayBuffer(right.BYTES_PER_ELEMENT * wrong)));
        if (name === "a.max")
          refusedEverywhere(what, args, length(`${what}: "a.sum" expected length ${wrong}, got ${ROWS}`));
        else refusedEverywhere(what, args, length(`${what}: "${name}" expected ${slot.expected}, got ${wrong}`));
      }
    });

    test.each(CASES)("%s, %s: transferred, or out of bounds", (what, name, slot) => {
      const refusal = detached(`${what}: "${name}" is detached: its buffer was transferred or shrunk`);
      const gone = slot.make();
      transfer(gone);
      const args = valid(what);
      slot.put(args, gone);
      refusedEverywhere(what, args, refusal);

      const { byteLength } = slot.make();
      const buffer = new ArrayBuffer(byteLength, { maxByteLength: byteLength });
      const shrunk = on(buffer, slot.make());
      slot.put(args, shrunk);
      const before = call(engine, what, args);
      expect(before).toBeDefined();
      buffer.resize(byteLength - 1);
      refusedEverywhere(what, args, refusal);
    });

    test.each(CASES)(
      "%s, %s: shared, another realm's, resizable, a subclass that lies: as good as any",
      (what, name, slot) => {
        const args = valid(what);
        slot.put(args, slot.make());
        const expected = resultOf(what, args);
        const { byteLength } = slot.make();
        const foreign = runInNewContext(`${classOf(slot.make()).name}`) as Constructor;
        const arrays: [string, Typed][] = [
          ["shared", on(new SharedArrayBuffer(byteLength), slot.make())],
          ["of another realm", on(new ArrayBuffer(byteLength), slot.make(), foreign)],
          ["resizable", on(new ArrayBuffer(byteLength, { maxByteLength: 2 * byteLength }), slot.make())],
          ["lying", liarOf(slot.make())],
        ];
        for (const [title, array] of arrays) {
          const others = valid(what);
          slot.put(others, array);
          const result = call(engine, what, others);
          if (name === "out") {
            expect(result, title).toBe(array);
            expect(new Float32Array(bufferOf(array)), title).toEqual(expected);
          } else if (name.startsWith("out.")) {
            const written = result as { max: Float32Array; sum: Float64Array };
            expect(written[name === "out.max" ? "max" : "sum"], title).toBe(array);
            const Plain = name === "out.max" ? Float32Array : Float64Array;
            const wanted = (expected as typeof written)[name === "out.max" ? "max" : "sum"];
            expect(new Plain(bufferOf(array) as ArrayBuffer), title).toEqual(wanted);
          } else expect(result, title).toEqual(expected);
        }
      },
    );
  });

  describe("statistics that are none", () => {
    test.each([
      ["softmaxFromStats", "stats"],
      ["mergeRowStats", "b"],
    ] as const)("%s, %s", (what, name) => {
      const { input, options } = valid(what);
      for (const [named, second] of [...NO_ARRAYS, ["undefined", undefined] as const])
        if (typeof second !== "object" || second === null)
          refused(
            () => call(engine, what, { input, second, options }),
            type(`${what}: "${name}" expected { max, sum }, got ${named}`),
          );
      const { max, sum } = statsOfRows();
      for (const [second, field, kind] of [
        [{}, "max", "Float32Array"],
        [{ max }, "sum", "Float64Array"],
        [{ sum }, "max", "Float32Array"],
        [{ max: sum, sum: max }, "max", "Float32Array"],
        [{ max, sum: new Float32Array(ROWS) }, "sum", "Float64Array"],
      ] as const)
        refused(
          () => call(engine, what, { input, second, options }),
          type(`${what}: "${name}.${field}" expected a ${kind}, got `),
        );
      refused(
        () => call(engine, what, { input, second: new Float32Array(ROWS), options }),
        type(`${what}: "${name}" expected { max, sum }, got Float32Array`),
      );
    });

    test("rowStats, out", () => {
      for (const out of [null, 3, "max", true])
        refusedWith("rowStats", { out }, type('rowStats: "out" expected { max, sum }, got '));
      refusedWith(
        "rowStats",
        { out: new Float32Array(ROWS) },
        type('rowStats: "out" expected { max, sum }, got Float32Array'),
      );
    });
  });

  describe("numbers and words", () => {
    test.each(LOGIT_OPERATIONS)("%s: temperature", (what) => {
      const freezes = what === "softmax" || what === "logSoftmax";
      const least = freezes ? "a finite number, not below 0" : "a finite number above 0";
      for (const temperature of [-1, -1e-300, NaN, Infinity, -Infinity])
        refusedWith(what, { temperature }, value(`${what}: "temperature" expected ${least}, got ${temperature}`));
      for (const bad of [-1, NaN, Infinity, -Infinity])
        for (let row = 0; row < ROWS; row++) {
          const temperature = new Float32Array(ROWS).fill(1).fill(bad, row, row + 1);
          const message = `${what}: "temperature[${row}]" expected ${least}, got ${bad}`;
          refusedWith(what, { temperature }, value(message));
        }
      if (freezes) return;
      refusedWith(what, { temperature: 0 }, value(`${what}: "temperature" expected ${least}, got 0`));
      refusedWith(what, { temperature: -0 }, value(`${what}: "temperature" expected ${least}, got -0`));
      refusedWith(
        what,
        { temperature: Float32Array.of(1, 0, 1) },
        value(`${what}: "temperature[1]" expected ${least}, got 0`),
      );
    });

    test.each(LOGIT_OPERATIONS)("%s: lengths", (what) => {
      const expected = `expected an integer from 0 to ${COLS}, got`;
      for (const bad of [5, 2 ** 31, 2 ** 32 - 1])
        refusedWith(what, { lengths: Uint32Array.of(0, 4, bad) }, value(`${what}: "lengths[2]" ${expected} ${bad}`));
      for (const bad of [-1, -(2 ** 31), 5])
        refusedWith(what, { lengths: Int32Array.of(bad, 4, 9) }, value(`${what}: "lengths[0]" ${expected} ${bad}`));
    });

    test.each(LOGIT_OPERATIONS)("%s: causal", (what) => {
      for (const [named, causal] of NO_NUMBERS)
        refusedWith(what, { causal }, type(`${what}: "causal" expected a number, got ${named}`));
      for (const causal of [0.5, NaN, Infinity, -Infinity, 2 ** 53])
        refusedWith(what, { causal }, value(`${what}: "causal" expected an integer from `));
      const needs = `${what}: "causal" needs "cols", or a shape of two axes or more`;
      const one = { ...valid(what), second: statsOfRows(1), options: { shape: [12], causal: 0 } };
      refused(() => call(engine, what, one), option(needs));
      refused(() => call(engine, what, { ...one, options: { causal: 0 } }), option(needs));
      refused(
        () => call(engine, what, { ...one, input: new Float32Array(1), options: { shape: [], causal: 0 } }),
        option(needs),
      );
    });

    test.each(TAKEN_BY.empty)("%s: empty", (what) => {
      const expected = `${what}: "empty" expected "nan" or "zero", got`;
      for (const empty of ["Zero", "", "-inf"])
        refusedWith(what, { empty }, value(`${expected} ${JSON.stringify(empty)}`));
      refusedWith(what, { empty: "z".repeat(41) }, value(`${expected} a long string`));
      for (const empty of [0, null, true, NaN, ["zero"], new String("zero")])
        refusedWith(what, { empty }, type(expected));
    });

    test.each(OPERATIONS)("%s: dtype", (what) => {
      const expected = `${what}: "dtype" expected "float16" or "bfloat16", got`;
      for (const dtype of ["float32", "Float16", "", "bf16"])
        refusedWith(what, { dtype }, value(`${expected} ${JSON.stringify(dtype)}`));
      for (const dtype of [16, null, ["float16"], Uint16Array]) refusedWith(what, { dtype }, type(expected));
      const none = option(`${what}: "dtype" needs a Uint16Array`);
      for (const dtype of ["float16", "bfloat16"]) refusedWith(what, { dtype }, none);

      const { Float16Array } = globalThis as unknown as { Float16Array?: new (length: number) => unknown };
      if (Float16Array === undefined) return;
      const args = { ...valid(what), input: new Float16Array(ROWS * COLS), options: { cols: COLS, dtype: "float16" } };
      refusedEverywhere(what, args, none);
    });

    test.each(OPERATIONS)("%s: a Uint16Array without dtype", (what) => {
      const bits = new Uint16Array(ROWS * COLS);
      const must = (name: string) => option(`${what}: "${name}" is a Uint16Array: "dtype" must say what it holds`);
      const inputName = what === "softmaxBackward" ? "probs" : what === "logSoftmaxBackward" ? "logProbs" : "input";
      refused(() => call(engine, what, { ...valid(what), input: bits }), must(inputName));
      if (isGradient(what)) refused(() => call(engine, what, { ...valid(what), second: bits }), must("grad"));
      if (what !== "rowStats") refusedWith(what, { out: bits.slice(isValue(what) ? 9 : 0) }, must("out"));
      else
        refusedWith(
          what,
          { out: { max: bits, sum: new Float64Array(3) }, dtype: "float16" },
          type(`${what}: "out.max" expected a Float32Array, got Uint16Array`),
        );
      expect(bits).toEqual(new Uint16Array(ROWS * COLS));
    });
  });

  describe("strides", () => {
    test.each(OPERATIONS)("%s: rowStride", (what) => {
      for (const [named, rowStride] of NO_NUMBERS)
        refusedWith(what, { rowStride }, type(`${what}: "rowStride" expected a number, got ${named}`));
      for (const rowStride of [0, 3, -4, 4.5, NaN, Infinity, 2 ** 53])
        refusedWith(what, { rowStride }, value(`${what}: "rowStride" expected an integer from ${COLS} to `));
      const alone = { ...valid(what), second: isGradient(what) ? valid(what).second : statsOfRows(1) };
      refused(
        () => call(engine, what, { ...alone, options: { rowStride: 12 } }),
        option(`${what}: "rowStride" needs "cols" or "shape"`),
      );
      for (const [shape, axis] of [
        [[3, 4], 0],
        [[3, 4], -2],
        [[3, 2, 2], 1],
      ])
        refusedWith(what, { shape, axis, rowStride: 4 }, option(`${what}: "rowStride" needs rows along the last axis`));
      const name = isGradient(what) ? (what === "softmaxBackward" ? "probs" : "logProbs") : "input";
      // 12 elements, rows of 4 every 5: 3 rows would be 14 to 15, and so on.
      for (const [rowStride, wanted] of [
        [5, "14 to 15"],
        [9, "13 to 18"],
        [11, "15 to 22"],
      ])
        refusedWith(what, { rowStride }, length(`${what}: "${name}" expected length ${wanted}, got 12`));
      refusedWith(
        what,
        { shape: [3, 4], rowStride: 6 },
        length(`${what}: "${name}" expected length 16 to 18 for the shape, got 12`),
      );
    });

    test.each(TAKEN_BY.outRowStride)("%s: outRowStride", (what) => {
      for (const [named, outRowStride] of NO_NUMBERS)
        refusedWith(what, { outRowStride }, type(`${what}: "outRowStride" expected a number, got ${named}`));
      for (const outRowStride of [0, 3, -4, 4.5, NaN, Infinity, 2 ** 53])
        refusedWith(what, { outRowStride }, value(`${what}: "outRowStride" expected an integer from ${COLS} to `));
      refusedWith(
        what,
        { shape: [3, 4], axis: 0, outRowStride: 4 },
        option(`${what}: "outRowStride" needs rows along the last axis`),
      );
      for (const [outRowStride, size, wanted] of [
        [4, 13, "12"],
        [6, 12, "16 to 18"],
        [6, 15, "16 to 18"],
        [6, 19, "16 to 18"],
      ] as const) {
        const out = new Float32Array(size).fill(7);
        const args = { ...valid(what), options: { cols: COLS, outRowStride, out } };
        refused(() => call(engine, what, args), length(`${what}: "out" expected length ${wanted}, got ${size}`));
        expect(out).toEqual(new Float32Array(size).fill(7));
      }
      for (const size of [16, 17, 18]) {
        const out = new Float32Array(size).fill(7);
        call(engine, what, { ...valid(what), options: { cols: COLS, outRowStride: 6, out } });
        expect([out[4], out[5], out[10], out[11]]).toEqual([7, 7, 7, 7]);
        expect(out.subarray(16)).toEqual(new Float32Array(size - 16).fill(7));
      }
      expect(call(engine, what, { ...valid(what), options: { cols: COLS, outRowStride: 6 } })).toHaveLength(18);
    });

    test.each(["softmaxBackward", "logSoftmaxBackward"] as const)("%s: grad, in the layout of the other", (what) => {
      const input = new Float32Array(17).fill(0.25);
      for (const size of [12, 15, 19])
        refused(
          () => call(engine, what, { input, second: new Float32Array(size), options: { cols: COLS, rowStride: 6 } }),
          length(`${what}: "grad" expected length 16 to 18, got ${size}`),
        );
    });
  });

  describe("the caller's code", () => {
    const named = (what: Operation) => OPTION_NAMES.filter((name) => TAKEN_BY[name].includes(what));
    /** Options that are all undefined but `cols`; reading `name` runs `code` first. */
    function trapped(what: Operation, name: string, code: () => void, out = canaryOut(what)): Options {
      const options: Options = Object.fromEntries(named(what).map((each) => [each, undefined]));
      options.cols = COLS;
      options.out = out;
      const result = options[name];
      const get = () => {
        code();
        return result;
      };
      return Object.defineProperty(options, name, { get, enumerable: true });
    }
    const expectedOf = (what: Operation) => call(engine, what, valid(what));

    test.each(OPERATIONS)("%s: a getter that throws: its error, and the next call is right", (what) => {
      const expected = expectedOf(what);
      for (const name of named(what)) {
        const error = new Error("mine");
        const options = trapped(what, name, () => {
          throw error;
        });
        expect(() => call(engine, what, { ...valid(what), options })).toThrow(error);
        if (name !== "out") expect(options.out).toEqual(canaryOut(what));
        expect(expectedOf(what)).toEqual(expected);
      }
    });

    test.each(OPERATIONS)("%s: a getter that transfers the input, or out", (what) => {
      const inputName = what === "softmaxBackward" ? "probs" : what === "logSoftmaxBackward" ? "logProbs" : "input";
      for (const name of named(what)) {
        const args = valid(what);
        const options = trapped(what, name, () => transfer(args.input as Float32Array));
        const refusal = detached(`${what}: "${inputName}" is detached`);
        refused(() => call(engine, what, { ...args, options }), refusal);
        expect(options.out).toEqual(canaryOut(what));

        const out = canaryOut(what);
        const [part, outName] = "max" in out ? [out.max, "out.max"] : [out, "out"];
        const others = trapped(what, name, () => transfer(part), out);
        refused(
          () => call(engine, what, { ...valid(what), options: others }),
          detached(`${what}: "${outName}" is detached`),
        );
      }
    });

    test.each(OPERATIONS)("%s: a getter that calls every operation, with other arguments", (what) => {
      const expected = expectedOf(what);
      for (const name of named(what)) {
        const options = trapped(what, name, () => {
          for (const other of OPERATIONS) {
            const { input, second } = valid(other);
            const half = { input: (input as Float32Array).slice(0, 8), second, options: { cols: 2, temperature: 2 } };
            if (isGradient(other)) call(engine, other, { ...half, second: half.input, options: { cols: 2 } });
            else call(engine, other, { ...half, second: statsOfRows(4) });
          }
          refused(() => call(engine, "softmax", { ...valid("softmax"), options: { cols: 5 } }), length("softmax: "));
        });
        expect(call(engine, what, { ...valid(what), options })).toEqual(expected);
      }
    });

    test.each(OPERATIONS)("%s: a getter that disposes of the engine", (what) => {
      for (const name of named(what)) {
        const other = createEngineSync({ backend: engine.backend });
        const options = trapped(what, name, () => other.dispose());
        const refusal = disposed(`${what}: the engine was disposed of`);
        refused(() => call(other, what, { ...valid(what), options }), refusal);
        expect(options.out).toEqual(canaryOut(what));
        refused(() => call(other, what, valid(what)), refusal);
      }
    });

    test("getters of statistics", () => {
      const input = valid("softmaxFromStats").input as Float32Array;
      const expected = call(engine, "softmaxFromStats", valid("softmaxFromStats"));
      const { max, sum } = statsOfRows();
      const error = new Error("mine");
      const options = { cols: COLS };
      const statsWith = (code: () => void) => ({
        sum,
        get max() {
          code();
          return max;
        },
      });
      const raise = statsWith(() => {
        throw error;
      });
      expect(() => engine.softmaxFromStats(input, raise, options)).toThrow(error);
      expect(() => mergeRowStats(raise, statsOfRows())).toThrow(error);
      const recursive = statsWith(() => void engine.rowStats(input.slice(0, 6), { cols: 2, temperature: 3 }));
      expect(engine.softmaxFromStats(input, recursive, options)).toEqual(expected);
      const moved = input.slice();
      refused(
        () =>
          engine.softmaxFromStats(
            moved,
            statsWith(() => transfer(moved)),
            options,
          ),
        detached('softmaxFromStats: "input" is detached'),
      );
      const out = canaryOut("rowStats") as ReturnType<typeof statsOfRows>;
      const trap = Object.defineProperty({ ...out }, "sum", {
        get() {
          transfer(out.max);
          return out.sum;
        },
      });
      refused(() => engine.rowStats(input, { cols: COLS, out: trap }), detached('rowStats: "out.max" is detached'));
      expect(out.sum).toEqual(new Float64Array(ROWS).fill(7));
    });

    test("each option, and each part of one, is read once", () => {
      const reads: string[] = [];
      const counted = <T extends object>(parts: T, prefix = ""): T => {
        const counting = {};
        for (const [name, part] of Object.entries(parts))
          Object.defineProperty(counting, name, {
            enumerable: true,
            get() {
              reads.push(prefix + name);
              return part;
            },
          });
        return counting as T;
      };
      const args = valid("softmax");
      const options = {
        cols: COLS,
        rowStride: COLS,
        outRowStride: COLS,
        temperature: 2,
        bias: new Float32Array(COLS),
        mask: new Uint8Array(COLS).fill(1),
        lengths: Uint32Array.of(4, 4, 4),
        causal: 3,
        empty: "zero",
        dtype: "float16",
        out: new Uint16Array(12),
      };
      const second = counted(statsOfRows(), "stats.");
      call(engine, "softmaxFromStats", { input: args.input, second, options: counted(options) });
      expect(reads.sort()).toEqual([...Object.keys(options), "stats.max", "stats.sum"].sort());
      reads.length = 0;
      const out = counted(canaryOut("rowStats"), "out.");
      call(engine, "rowStats", { input: args.input, second: undefined, options: { cols: COLS, out } });
      expect(reads.sort()).toEqual(["out.max", "out.sum"]);
    });
  });

  test.each(OPERATIONS)("%s: patched methods of typed arrays are not called", (what) => {
    const args = { ...valid(what), options: { cols: COLS } as Options };
    if (TAKEN_BY.bias.includes(what))
      Object.assign(args.options, {
        temperature: new Float32Array(ROWS).fill(2),
        bias: new Float32Array(COLS),
        mask: new Uint8Array(COLS).fill(1),
        lengths: Uint32Array.of(2, 0, 4),
        dtype: "bfloat16",
        ...(what === "rowStats" ? { dtype: undefined } : { out: new Uint16Array(isValue(what) ? ROWS : ROWS * COLS) }),
        ...(TAKEN_BY.empty.includes(what) ? { empty: "zero" } : {}),
      });
    const expected = structuredClone(call(engine, what, args));
    const prototype = Object.getPrototypeOf(Float32Array.prototype) as Record<PropertyKey, unknown>;
    const names = Reflect.ownKeys(prototype).filter(
      (name) => name !== "constructor" && Object.getOwnPropertyDescriptor(prototype, name)!.value !== undefined,
    );
    const before = names.map((name) => [name, Object.getOwnPropertyDescriptor(prototype, name)!] as const);
    const called: PropertyKey[] = [];
    let result: unknown;
    try {
      for (const [name, { value }] of before)
        if (typeof value === "function")
          Object.defineProperty(prototype, name, {
            configurable: true,
            writable: true,
            value(this: unknown, ...parameters: unknown[]) {
              called.push(name);
              return (value as (...values: unknown[]) => unknown).apply(this, parameters);
            },
          });
      result = call(engine, what, args);
    } finally {
      for (const [name, descriptor] of before) Object.defineProperty(prototype, name, descriptor);
    }
    expect(called).toEqual([]);
    expect(result).toEqual(expected);
  });

  class NoMemory {
    constructor() {
      throw new RangeError("Array buffer allocation failed");
    }
  }

  test("no memory for what a call needs beside its result", () => {
    const { Float32Array: Real } = globalThis;
    const [input, out] = [new Real(12), new Real(12).fill(7)];
    engine.softmax(input); // whatever is kept between calls is there
    try {
      globalThis.Float32Array = NoMemory as unknown as typeof Float32Array;
      if (engine.backend === "js")
        refused(() => engine.logSoftmax(input, { out }), memory("logSoftmax: cannot allocate 48 bytes"));
      else engine.logSoftmax(input, { out });
      refused(() => engine.rowStats(input), memory("rowStats: cannot allocate 4 bytes"));
    } finally {
      globalThis.Float32Array = Real;
    }
    expect(out).toEqual(new Float32Array(12).fill(engine.backend === "js" ? 7 : -Math.log(12)));
    expect(engine.logSoftmax(input, { out })).toEqual(new Float32Array(12).fill(-Math.log(12)));
  });

  test("no memory for the terms of a row, which only js keeps elsewhere", () => {
    const { Float64Array: Real } = globalThis;
    const input = new Float32Array(70_000);
    const out = new Float32Array(70_000).fill(7);
    try {
      globalThis.Float64Array = NoMemory as unknown as typeof Float64Array;
      if (engine.backend === "js")
        for (const options of [{ out }, { out, temperature: 2 }])
          refused(() => engine.softmax(input, options), memory("softmax: cannot allocate 560000 bytes"));
      else engine.softmax(input, { out });
    } finally {
      globalThis.Float64Array = Real;
    }
    expect(out[0]).toBe(engine.backend === "js" ? 7 : Math.fround(1 / 70_000));
  });

  test("statistics into two arrays over the same memory", () => {
    const buffer = new ArrayBuffer(64);
    const sum = new Float64Array(buffer, 0, 2);
    for (const at of [0, 4, 8, 12])
      refused(
        () => engine.rowStats(new Float32Array(8), { cols: 4, out: { max: new Float32Array(buffer, at, 2), sum } }),
        value('rowStats: "out.max" and "out.sum" overlap'),
      );
    expect(new Uint8Array(buffer)).toEqual(new Uint8Array(64));
    const max = new Float32Array(buffer, 16, 2);
    expect(engine.rowStats(new Float32Array(8), { cols: 4, out: { max, sum } })).toEqual({
      max: new Float32Array(2),
      sum: new Float64Array([4, 4]),
    });
  });

  test("a row longer than the kernel can count", ({ skip }) => {
    const cols = 2 ** 31;
    let bits: Uint16Array;
    try {
      bits = new Uint16Array(cols);
    } catch {
      return skip("there is no memory for such a row");
    }
    const message = 'softmax: "input" expected rows of less than 2^31 elements, got 2147483648';
    for (const layout of [{}, { cols }, { shape: [cols, 1], axis: 0 }])
      refused(() => engine.softmax(bits, { ...layout, dtype: "float16" }), length(message));
  });

  test("rows without elements: the values of an empty sum, through no method of the caller's", () => {
    const max = liarOf(new Float32Array(3)) as Float32Array;
    const out = { max, sum: new Float64Array(3).fill(7) };
    expect(engine.rowStats(new Float32Array(0), { shape: [3, 0], out })).toBe(out);
    expect(new Float32Array(bufferOf(max))).toEqual(new Float32Array(3).fill(-Infinity));
    expect(out.sum).toEqual(new Float64Array(3));
    expect(engine.logSumExp(new Float32Array(0), { shape: [0, 2, 0, 3], axis: 2 })).toHaveLength(0);
    expect(engine.logSumExp(new Float32Array(0), { shape: [2, 0, 3], axis: 1 })).toEqual(
      new Float32Array(6).fill(-Infinity),
    );
  });

  test("all is well after all this", () => {
    expect(engine.softmax(new Float32Array(12), { cols: 4 })).toEqual(new Float32Array(12).fill(0.25));
  });
});

/** The buffer of an array that may lie about it. */
function bufferOf(array: Typed): ArrayBufferLike {
  const { get } = Object.getOwnPropertyDescriptor(Object.getPrototypeOf(Float32Array.prototype), "buffer")!;
  return get!.call(array) as ArrayBufferLike;
}
