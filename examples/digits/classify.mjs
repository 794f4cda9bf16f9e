// Reads 2,000 handwritten digits the network has never seen, in one batch: logits by a matrix product, probabilities
// by softmax. Then shows three of them, what overflow does to the plain formula, and the time both take.
import { defaultEngine, softmax } from "softmax-wasm";
import { CLASSES, loadDigits } from "./data.mjs";
import { forward, largestOf, trainedNetwork } from "./network.mjs";
import { bars, bold, drawn, paragraph, percent, sideBySide, WIDTH } from "./terminal.mjs";
import { compare } from "./timing.mjs";

const { pixels, labels } = loadDigits().heldOut;
const { logits } = forward(trainedNetwork(), pixels);
const probabilities = softmax(logits, { cols: CLASSES });
const digits = Array.from(labels, read);

const sections = [summary(), engine(), pictures(), overflow(), speed()];
console.log(`\n${sections.join("\n\n")}\n`);

/** One digit: what it is, what it was taken for, and how surely. */
function read(label, index) {
  const row = probabilities.subarray(index * CLASSES, (index + 1) * CLASSES);
  const answer = largestOf(row);
  return { index, label, row, answer, confidence: row[answer], right: answer === label };
}

function summary() {
  const right = digits.filter((digit) => digit.right).length;
  const confidence = digits.reduce((sum, digit) => sum + digit.confidence, 0) / digits.length;
  return paragraph(
    "digits",
    `${digits.length} handwritten digits, held out from training, in one batch: ` +
      `${right} read correctly (${percent(right / digits.length)}); mean confidence ${percent(confidence)}`,
  );
}

function engine() {
  const { backend, reason } = defaultEngine();
  const hint = reason.includes("simd opcode not available") ? " (Node 22 and later can run it)" : "";
  return paragraph("back end", `${backend}, because ${reason}${hint}`);
}

/** The surest right answer, the least sure, and the surest wrong one. */
function pictures() {
  const byConfidence = digits.toSorted((a, b) => b.confidence - a.confidence);
  const right = byConfidence.filter((digit) => digit.right);
  const wrong = byConfidence.find((digit) => !digit.right);
  return sideBySide([column("confident", right[0]), column("uncertain", right.at(-1)), column("mistaken", wrong)]);
}

function column(title, { index, label, row, answer }) {
  const heading = [bold(title.padEnd(WIDTH)), `▸ label ${label}, read as ${answer}`.padEnd(WIDTH)];
  return [...heading, ...drawn(pixels, index), ...bars(row, answer, label)];
}

/** exp(710) is more than a double can hold. */
function overflow() {
  const large = Array.from({ length: 10 }, (_, i) => 705 + i);
  const exponentials = large.map(Math.exp);
  const sum = exponentials.reduce((a, b) => a + b);
  const naive = exponentials.map((exponential) => exponential / sum);
  const ours = Array.from(softmax(Float32Array.from(large), { cols: large.length }), (value) => value.toFixed(4));
  return [
    paragraph("overflow", "logits 705 to 714: exp(x) / Σ exp(x) overflows, even in doubles:"),
    `formula ${listed(naive)}`,
    `softmax ${listed(ours)}`,
  ].join("\n");
}

function listed(values) {
  return `[${values.map((value) => String(value).padStart(6)).join(" ")}]`;
}

function speed() {
  const copies = Math.round(1e6 / logits.length);
  const million = new Float32Array(copies * logits.length);
  for (let copy = 0; copy < copies; copy++) million.set(logits, copy * logits.length);
  const { ours, plain, difference, rounds } = compare(million);
  const perMillion = (milliseconds) => ((milliseconds * 1e6) / million.length).toFixed(2);
  const lines = [
    `${perMillion(ours)} ms per million logits; plain loop ${perMillion(plain)} ms, ${(plain / ours).toFixed(1)} times as long`,
    `Medians of ${rounds} alternating rounds on these logits, repeated, in rows of ten. Includes all copying, but no allocation.`,
  ];
  if (!(difference <= 1e-6)) lines.push(`But they disagree, by up to ${difference.toExponential(1)}`);
  return lines.map((line, i) => paragraph(i === 0 ? "speed" : "", line)).join("\n");
}
