// TensorFlow.js with its WebAssembly back end (XNNPACK's kernels, SIMD128, one thread: in Node it never uses more).
// Two cases: `read` ends, as ours does, with a Float32Array that JavaScript can read (dataSync, which copies); `kept` leaves the
// result in the library's memory, for a next operation of its own. The goals are against `read`.

const system = (ending, includes) => ({
  name: `tfjs-backend-wasm, ${ending}`,
  package: "@tensorflow/tfjs-backend-wasm",
  includes,
  async prepare(rows, cols, input) {
    const tf = await import("@tensorflow/tfjs-core");
    const { setThreadsCount } = await import("@tensorflow/tfjs-backend-wasm");
    if (tf.getBackend() !== "wasm") {
      setThreadsCount(1);
      await tf.setBackend("wasm");
      await tf.ready();
    }
    const x = tf.tensor2d(input, [rows, cols]);
    x.dataSync(); // uploads
    let y;
    let values;
    const kept = () => {
      y?.dispose();
      y = tf.softmax(x);
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
  system("read", "tf.softmax of a tensor uploaded beforehand, dataSync, and the release of the previous result"),
  system(
    "kept",
    "tf.softmax of a tensor uploaded beforehand, and the release of the previous result, which is not read",
  ),
];
