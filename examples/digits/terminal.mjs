// Digits and their probabilities as text, for a terminal 80 columns wide. Where standard output has colours
// (it is a terminal, and NO_COLOR is not set), pixels are grey and bars coloured; elsewhere it is text alone.
import { PIXELS, SIDE } from "./data.mjs";

const colours = process.stdout.hasColors?.(256) ?? false;
const MARGIN = 2;
const LABEL_WIDTH = 11;
const BAR_WIDTH = 13;
const EIGHTHS = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];

export const WIDTH = SIDE - 2 * MARGIN;
export const bold = (text) => painted("1", text);
export const percent = (fraction) => `${(100 * fraction).toFixed(1)} %`;

function painted(code, text) {
  return colours ? `\x1b[${code}m${text}\x1b[0m` : text;
}

/** Lines of a picture less its margin, two pixels above each other in one character. */
export function drawn(pixels, digit) {
  const picture = pixels.subarray(digit * PIXELS, (digit + 1) * PIXELS);
  const lines = [];
  for (let y = MARGIN; y < SIDE - MARGIN; y += 2) {
    let line = "";
    for (let x = MARGIN; x < SIDE - MARGIN; x++) line += halves(picture[y * SIDE + x], picture[(y + 1) * SIDE + x]);
    lines.push(line);
  }
  return lines;
}

function halves(upper, lower) {
  if (colours) return painted(`38;5;${grey(upper)};48;5;${grey(lower)}`, "▀");
  return " ▀▄█"[(upper > 0.4) + 2 * (lower > 0.4)];
}

/** One of the 24 greys of the 256 colours. */
function grey(ink) {
  return 232 + Math.round(23 * ink);
}

/** A bar for each probability; ▸ and green mark the true label, red a wrong answer. */
export function bars(probabilities, answer, label) {
  return Array.from(probabilities, (probability, i) => {
    const line = `${i === label ? "▸" : " "}${i} ${bar(probability)}${percent(probability).padStart(8)}`;
    return i === label ? painted("32", line) : i === answer ? painted("31", line) : line;
  });
}

function bar(fraction) {
  const eighths = Math.round(8 * BAR_WIDTH * fraction);
  return ("█".repeat(eighths >> 3) + EIGHTHS[eighths & 7]).padEnd(BAR_WIDTH);
}

/** Columns of lines, all WIDTH wide, as one text. */
export function sideBySide(columns) {
  const lines = columns[0].map((_, i) => columns.map((column) => column[i]).join("   "));
  return lines.map((line) => line.trimEnd()).join("\n");
}

/** A label, and beside it words broken into lines. */
export function paragraph(label, text) {
  const lines = [""];
  for (const word of text.split(" ")) {
    const line = `${lines.at(-1)} ${word}`.trimStart();
    if (line.length > 79 - LABEL_WIDTH) lines.push(word);
    else lines[lines.length - 1] = line;
  }
  return bold(label.padEnd(LABEL_WIDTH)) + lines.join(`\n${" ".repeat(LABEL_WIDTH)}`);
}
