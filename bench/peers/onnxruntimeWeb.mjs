// ONNX Runtime Web: the same C++ compiled to WebAssembly SIMD, on one thread. It ships one wasm binary for its CPU: the setting
// env.wasm.simd = "relaxed" only checks that relaxed SIMD is there, so there is one case to measure.

import { modelOf } from "./onnxModel.mjs";

export default [
  {
    name: "onnxruntime-web, wasm",
    package: "onnxruntime-web",
    includes:
      "one awaited session.run of one node of fixed shape (Softmax, LogSoftmax, ReduceLogSumExp); it copies the input into its memory and the output out of it into a new array at every run, and offers no way around that",
    asynchronous: true,
    async prepare(problem, input) {
      const { env, InferenceSession, Tensor } = await import("onnxruntime-web");
      env.wasm.numThreads = 1;
      env.logLevel = "error";
      const session = await InferenceSession.create(modelOf(problem), {
        executionProviders: ["wasm"],
        graphOptimizationLevel: "all",
      });
      const feeds = { x: new Tensor("float32", input, problem.shape) };
      let results;
      return {
        run: async () => {
          results = await session.run(feeds);
        },
        output: () => results.y.data,
        dispose: () => session.release(),
      };
    },
  },
];
