// ONNX Runtime, native (C++ with AVX-512 where the machine has it), through its Node binding.

import { answerLength } from "../shapes.mjs";
import { answerShape, modelOf } from "./onnxModel.mjs";

/** A pool of two threads keeps its second one spinning for a while after a run; the next system must not pay for it. */
const SPINNING_MILLISECONDS = 40;

const withThreads = (threads) => ({
  name: threads === 1 ? "onnxruntime-node, 1 thread" : `onnxruntime-node, ${threads} threads`,
  package: "onnxruntime-node",
  includes:
    "one awaited session.run of one node of fixed shape (Softmax, LogSoftmax, ReduceLogSumExp); it reads the caller's input and writes the caller's output in place (tensors made beforehand)",
  asynchronous: true,
  restMilliseconds: threads > 1 ? SPINNING_MILLISECONDS : 0,
  async prepare(problem, input) {
    const { InferenceSession, Tensor } = (await import("onnxruntime-node")).default;
    const session = await InferenceSession.create(modelOf(problem), {
      executionProviders: ["cpu"],
      intraOpNumThreads: threads,
      interOpNumThreads: 1,
      graphOptimizationLevel: "all",
    });
    const out = new Float32Array(answerLength(problem));
    const feeds = { x: new Tensor("float32", input, problem.shape) };
    const fetches = { y: new Tensor("float32", out, answerShape(problem)) };
    return {
      run: () => session.run(feeds, fetches),
      output: () => out,
      dispose: () => session.release(),
    };
  },
});

export default [withThreads(1), withThreads(2)];
