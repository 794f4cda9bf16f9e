// Trains the network of classify.mjs and writes weights.bin: mini-batch gradient descent with momentum on the
// cross-entropy, whose gradient in the logits is softmax(logits) − one-hot label. Seeded, and on the deterministic
// engine: the weights are the same in every run, on every machine.
import { createEngineSync } from "softmax-wasm";
import { CLASSES, loadDigits, PIXELS, SIDE } from "./data.mjs";
import { forward, largestOf, networkOf, save } from "./network.mjs";

const EPOCHS = 30;
const BATCH = 32;
const RATE = 0.05;
const MOMENTUM = 0.9;

const engine = createEngineSync({ deterministic: true });
const random = generator(2016);
const { training, heldOut } = loadDigits();
const network = initialised(networkOf());
const gradient = networkOf();
const velocity = new Float32Array(network.parameters.length);
console.log(`${training.labels.length} digits to learn from; back end ${engine.backend}, because ${engine.reason}`);

const order = Array.from(training.labels.keys());
const started = performance.now();
for (let epoch = 0; epoch < EPOCHS; epoch++) {
  const rate = RATE * (1 - epoch / EPOCHS);
  shuffle(order);
  let loss = 0;
  for (let start = 0; start < order.length; start += BATCH) {
    loss += backward(batchOf(order.slice(start, start + BATCH)));
    descend(rate / BATCH);
  }
  report(epoch, loss / order.length);
}
save(network);

function report(epoch, loss) {
  const seconds = ((performance.now() - started) / 1000).toFixed(1).padStart(4);
  const counter = `epoch ${String(epoch + 1).padStart(2)} of ${EPOCHS}`;
  console.log(`${counter}   ${seconds} s   loss ${loss.toFixed(4)}   held-out accuracy ${accuracy(heldOut)} %`);
}

/** mulberry32: a small generator of uniform numbers in [0, 1). */
function generator(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Weights uniform in ±√(6 / inputs), as suits ReLU; biases 0. */
function initialised(network) {
  for (const { inputs, weights } of [network.hidden, network.output]) {
    const limit = Math.sqrt(6 / inputs);
    for (let i = 0; i < weights.length; i++) weights[i] = (2 * random() - 1) * limit;
  }
  return network;
}

function shuffle(values) {
  for (let i = values.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [values[i], values[j]] = [values[j], values[i]];
  }
}

/** The digits at these indices, each moved by at most a pixel: their margins are blank, so a flat shift will do. */
function batchOf(indices) {
  const pixels = new Float32Array(indices.length * PIXELS);
  indices.forEach((index, row) => {
    const shift = step() * SIDE + step();
    for (let i = Math.max(0, shift); i < Math.min(PIXELS, PIXELS + shift); i++) {
      pixels[row * PIXELS + i] = training.pixels[index * PIXELS + i - shift];
    }
  });
  return { pixels, labels: indices.map((index) => training.labels[index]) };
}

function step() {
  return Math.floor(3 * random()) - 1;
}

/** Fills `gradient` with the sum over a batch; returns the sum of the losses. */
function backward({ pixels, labels }) {
  const { hidden, logits } = forward(network, pixels);
  const errors = engine.softmax(logits, { cols: CLASSES, out: logits });
  let loss = 0;
  labels.forEach((label, row) => {
    loss -= Math.log(errors[row * CLASSES + label]);
    errors[row * CLASSES + label] -= 1;
  });
  gradient.parameters.fill(0);
  accumulate(gradient.output, hidden, errors);
  accumulate(gradient.hidden, pixels, propagated(errors, hidden));
  return loss;
}

/** Adds inputsᵀ × errors to the weights, and the errors to the biases. */
function accumulate({ inputs, outputs, weights, biases }, rows, errors) {
  for (let row = 0; row < rows.length / inputs; row++) {
    const error = errors.subarray(row * outputs, (row + 1) * outputs);
    for (let o = 0; o < outputs; o++) biases[o] += error[o];
    for (let i = 0; i < inputs; i++) {
      const value = rows[row * inputs + i];
      if (value === 0) continue;
      for (let o = 0; o < outputs; o++) weights[i * outputs + o] += value * error[o];
    }
  }
}

/** The errors of the hidden units: errors × weightsᵀ where ReLU let the unit through. */
function propagated(errors, hidden) {
  const { inputs, outputs, weights } = network.output;
  return hidden.map((unit, index) => {
    if (unit === 0) return 0;
    const [row, i] = [Math.floor(index / inputs), index % inputs];
    let sum = 0;
    for (let o = 0; o < outputs; o++) sum += errors[row * outputs + o] * weights[i * outputs + o];
    return sum;
  });
}

function descend(rate) {
  const { parameters } = network;
  for (let i = 0; i < parameters.length; i++) {
    velocity[i] = MOMENTUM * velocity[i] - rate * gradient.parameters[i];
    parameters[i] += velocity[i];
  }
}

function accuracy({ pixels, labels }) {
  const { logits } = forward(network, pixels);
  const right = labels.filter((label, row) => label === largestOf(logits.subarray(row * CLASSES, (row + 1) * CLASSES)));
  return ((100 * right.length) / labels.length).toFixed(2);
}
