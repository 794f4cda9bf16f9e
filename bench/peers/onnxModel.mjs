// An ONNX model of one node, Softmax over the last axis, as the bytes of its protobuf message: x → y, [rows, cols] float32.
// The field numbers are those of onnx.proto. The dimensions are fixed, which lets a runtime plan its memory ahead.

const VARINT = 0;
const BYTES = 2;

/** The operator set since which Softmax has its present meaning (one axis, −1 unless said otherwise). */
const OPERATOR_SET = 13;
const IR_VERSION = 8;
const FLOAT = 1;

function varint(value) {
  const bytes = [];
  for (; value > 127; value = Math.floor(value / 128)) bytes.push((value % 128) + 128);
  return [...bytes, value];
}

const number = (field, value) => [...varint(field * 8 + VARINT), ...varint(value)];
const message = (field, ...parts) => {
  const bytes = parts.flat();
  return [...varint(field * 8 + BYTES), ...varint(bytes.length), ...bytes];
};
const text = (field, value) => message(field, [...Buffer.from(value)]);

function tensor(field, name, dimensions) {
  const shape = message(2, ...dimensions.map((size) => message(1, number(1, size))));
  return message(field, text(1, name), message(2, message(1, number(1, FLOAT), shape)));
}

export function softmaxModel(rows, cols) {
  const node = message(1, text(1, "x"), text(2, "y"), text(4, "Softmax"));
  const graph = message(7, node, text(2, "softmax"), tensor(11, "x", [rows, cols]), tensor(12, "y", [rows, cols]));
  return Uint8Array.from([...number(1, IR_VERSION), ...graph, ...message(8, text(1, ""), number(2, OPERATOR_SET))]);
}
