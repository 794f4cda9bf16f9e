// TensorFlow.js with its WebAssembly back end (XNNPACK's kernels, SIMD128, one thread: in Node it never uses more).
// Two cases: `read` ends, as ours does, with a Float32Array that JavaScript can read (dataSync, which copies); `kept` leaves the
// result in the library's memory, for a next operation of its own. The goals are against `read`.

/** What is called on a tensor of three axes, of which the middle one holds the rows; with `inner` 1, of rows and columns. */
function callOf(tf, { operation, inner }) {
  if (operation === "logSumExp") return inner === 1 ? (x) => tf.logSumExp(x, -1) : (x) => tf.logSumExp(x, 1);
  const alongLast = tf[operation];
  if (inner === 1) return (x) => alongLast(x);
  // The last axis is the only one it takes.
  return (x) => tf.tidy(() => tf.transpose(alongLast(tf.transpose(x, [0, 2, 1])), [0, 2, 1]));
}

const system = (ending, includes) => ({
  name: `tfjs-backend-wasm, ${ending}`,
  package: "@tensorflow/tfjs-backend-wasm",
  includes,
  async prepare(problem, input) {
    const tf = await import("@tensorflow/tfjs-core");
    const { setThreadsCount } = await import("@tensorflow/tfjs-backend-wasm");
    if (tf.getBackend() !== "wasm") {
      setThreadsCount(1);
      await tf.setBackend("wasm");
      await tf.ready();
    }
    const { rows, cols, inner } = problem;
    const call = callOf(tf, problem);
    const x = tf.tensor(input, inner === 1 ? [rows, cols] : [rows / inner, cols, inner]);
    x.dataSync(); // uploads
    let y;
    let values;
    const kept = () => {
      y?.dispose();
      y = call(x);
    };
    const read = () => {
      kept();
      values = y.dataSync();
    };
    return {
      run: ending === "read" ? read : kept,
      output: () => (ending === "read" ? values : y.dataSync()),
      dispose() {
        x.dispose();
        y?.dispose();
      },
    };
  },
});

export default [
  system(
    "read",
    "tf.softmax, logSoftmax or logSumExp of a tensor uploaded beforehand (softmax along another axis than the last: of its transpose, and transposed back), dataSync, and the release of the previous result",
  ),
  system("kept", "the same without dataSync: the result is not read"),
];
