// ONNX Runtime Web: the same C++ compiled to WebAssembly SIMD, on one thread. It ships one wasm binary for its CPU: the setting
// env.wasm.simd = "relaxed" only checks that relaxed SIMD is there, so there is one case to measure.

import { softmaxModel } from "./onnxModel.mjs";

export default [
  {
    name: "onnxruntime-web, wasm",
    package: "onnxruntime-web",
    includes:
      "one awaited session.run of a Softmax node of fixed shape; it copies the input into its memory and the output out of it into a new array at every run, and offers no way around that",
    asynchronous: true,
    async prepare(rows, cols, input) {
      const { env, InferenceSession, Tensor } = await import("onnxruntime-web");
      env.wasm.numThreads = 1;
      env.logLevel = "error";
      const session = await InferenceSession.create(softmaxModel(rows, cols), {
        executionProviders: ["wasm"],
        graphOptimizationLevel: "all",
      });
      const feeds = { x: new Tensor("float32", input, [rows, cols]) };
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
