// ONNX Runtime, as the bench installs and uses it, for one answer.

import { install } from "../../bench/install.mjs";
import { answerShape, modelOf } from "../../bench/peers/onnxModel.mjs";

install("peers");
const { InferenceSession, Tensor } = (await import("../../bench/peers/node_modules/onnxruntime-node/dist/index.js"))
  .default;

/** One thread: what is added, and in which order, does not depend on the machine. */
const OPTIONS = { executionProviders: ["cpu"], intraOpNumThreads: 1, interOpNumThreads: 1 };

export async function answerOf({ operation, shape, axis, logits }) {
  const problem = { operation, shape, axis };
  const session = await InferenceSession.create(modelOf(problem), OPTIONS);
  const y = new Tensor(
    "float32",
    new Float32Array(answerShape(problem).reduce((a, b) => a * b, 1)),
    answerShape(problem),
  );
  await session.run({ x: new Tensor("float32", logits, shape) }, { y });
  await session.release();
  return y.data;
}
