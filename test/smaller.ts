// A call that fails, with less in it: options left out and rows set to 0, wherever it still fails.

import { placesOf, type Request } from "./oracle.js";

const OPTIONAL = ["temperature", "bias", "mask", "lengths", "causal", "empty"] as const;

export function smaller(request: Request, fails: (request: Request) => boolean): Request {
  let smallest = request;
  for (const name of OPTIONAL) {
    const { [name]: dropped, ...options } = smallest.options;
    const without = { ...smallest, options };
    if (dropped !== undefined && fails(without)) smallest = without;
  }
  if (request.operation === "softmaxFromStats") return smallest; // statistics of other rows mean nothing
  for (const places of placesOf(request.input.length, request.options)) {
    const input = (smallest.input as Float32Array).slice();
    for (const { at } of places) input[at] = 0;
    const without = { ...smallest, input };
    if (fails(without)) smallest = without;
  }
  return smallest;
}
