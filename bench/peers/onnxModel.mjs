// An ONNX model of one node, an operation along an axis, as the bytes of its protobuf message: x → y, both float32.
// The field numbers are those of onnx.proto. The dimensions are fixed, which lets a runtime plan its memory ahead.

const VARINT = 0;
const BYTES = 2;

/** The operator set since which Softmax and LogSoftmax have their present meaning (one axis). */
const OPERATOR_SET = 13;
const IR_VERSION = 8;
const FLOAT = 1;
const INT_ATTRIBUTE = 2;
const INTS_ATTRIBUTE = 7;

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

const intAttribute = (name, value) => message(5, text(1, name), number(3, value), number(20, INT_ATTRIBUTE));
const intsAttribute = (name, value) => message(5, text(1, name), number(8, value), number(20, INTS_ATTRIBUTE));

const nodes = {
  softmax: (axis) => ["Softmax", intAttribute("axis", axis)],
  logSoftmax: (axis) => ["LogSoftmax", intAttribute("axis", axis)],
  logSumExp: (axis) => ["ReduceLogSumExp", intsAttribute("axes", axis), intAttribute("keepdims", 0)],
};

/** The shape of the answer to a problem (shapes.mjs). */
export const answerShape = ({ operation, shape, axis }) =>
  operation === "logSumExp" ? shape.toSpliced(axis, 1) : shape;

export function modelOf(problem) {
  const { operation, shape, axis } = problem;
  const [type, ...attributes] = nodes[operation](axis);
  const node = message(1, text(1, "x"), text(2, "y"), text(4, type), ...attributes);
  const graph = message(7, node, text(2, operation), tensor(11, "x", shape), tensor(12, "y", answerShape(problem)));
  return Uint8Array.from([...number(1, IR_VERSION), ...graph, ...message(8, text(1, ""), number(2, OPERATOR_SET))]);
}
