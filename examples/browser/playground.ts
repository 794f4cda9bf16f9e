// Logits to drag and to type, and what becomes of them.

import { softmax } from "softmax-wasm";
import { plainFormula, verdict } from "./formula.js";
import { parsed, probability, written } from "./numbers.js";
import { found } from "./page.js";

const PRESETS: readonly (readonly [title: string, logits: readonly number[]])[] = [
  ["5 7 8 7 6 8 9", [5, 7, 8, 7, 6, 8, 9]],
  ["−3 … 3", [-3, -2, -1, 0, 1, 2, 3]],
  ["705 … 714: overflow", Array.from({ length: 10 }, (_, i) => 705 + i)],
  ["−755 … −750: underflow", Array.from({ length: 6 }, (_, i) => -755 + i)],
  ["some −∞: a mask", [2, 1, -Infinity, 0.5, -Infinity, 1.5]],
];

const MOST = 32;

/** Beyond the finite logits, sliders go this much farther. */
const ROOM = 5;

interface Row {
  readonly line: HTMLTableRowElement;
  readonly slider: HTMLInputElement;
  readonly field: HTMLInputElement;
  logit: number;
}

const rows: Row[] = [];
const body = found("rows", HTMLTableSectionElement);
const sums = found("sums", HTMLTableRowElement);
const temperature = found("temperature", HTMLInputElement);
const add = found("add", HTMLButtonElement);
const presets = found("presets", HTMLElement);

export function startPlayground(): void {
  for (const [title, logits] of PRESETS) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = title;
    button.addEventListener("click", () => load(logits, button));
    presets.append(button);
  }
  temperature.addEventListener("input", update);
  add.addEventListener("click", () => {
    append(rows.at(-1)?.logit ?? 0);
    edited();
    rows.at(-1)!.field.focus();
  });
  load(PRESETS[0]![1], presets.querySelector("button")!);
}

function load(logits: readonly number[], button: HTMLButtonElement): void {
  for (const { line } of rows.splice(0)) line.remove();
  for (const logit of logits) append(logit);
  temperature.value = "0";
  edited();
  press(button);
}

/** Shows which of the examples this is; none of them, once something was changed. */
function press(pressed?: HTMLButtonElement): void {
  for (const button of presets.querySelectorAll("button"))
    button.setAttribute("aria-pressed", String(button === pressed));
}

function append(logit: number): void {
  const copy = found("row", HTMLTemplateElement).content.cloneNode(true) as DocumentFragment;
  const line = copy.querySelector("tr")!;
  const slider = line.querySelector<HTMLInputElement>("input[type=range]")!;
  const field = line.querySelector<HTMLInputElement>("input[type=text]")!;
  const row: Row = { line, slider, field, logit };
  field.value = written(logit);
  slider.addEventListener("input", () => {
    row.logit = Number(slider.value);
    field.value = written(row.logit);
    field.removeAttribute("aria-invalid");
    press();
    update();
  });
  field.addEventListener("input", () => {
    const value = parsed(field.value);
    field.setAttribute("aria-invalid", String(value === undefined));
    if (value === undefined) return;
    row.logit = value;
    edited();
  });
  field.addEventListener("change", () => {
    field.value = written(row.logit); // what was not understood goes back to what it was
    field.removeAttribute("aria-invalid");
  });
  line.querySelector("button")!.addEventListener("click", () => remove(row));
  rows.push(row);
  body.append(line);
}

function remove(row: Row): void {
  const index = rows.indexOf(row);
  rows.splice(index, 1);
  row.line.remove();
  edited();
  rows[Math.min(index, rows.length - 1)]!.line.querySelector("button")!.focus();
}

/** After any change but a slider's: sliders get their range anew, rows their names. */
function edited(): void {
  const finite = rows.map(({ logit }) => logit).filter(Number.isFinite);
  const least = Math.floor(Math.min(...finite, Infinity)) - ROOM;
  const most = Math.ceil(Math.max(...finite, -Infinity)) + ROOM;
  for (const [i, { line, slider, field, logit }] of rows.entries()) {
    slider.min = String(finite.length > 0 ? least : -ROOM);
    slider.max = String(finite.length > 0 ? most : ROOM);
    slider.value = String(Number.isFinite(logit) ? logit : logit > 0 ? slider.max : slider.min);
    slider.setAttribute("aria-label", `Logit ${i + 1}, slider`);
    field.setAttribute("aria-label", `Logit ${i + 1}`);
    line.querySelector("th")!.textContent = String(i + 1);
    const button = line.querySelector("button")!;
    button.setAttribute("aria-label", `Remove logit ${i + 1}`);
    button.disabled = rows.length === 1;
  }
  add.disabled = rows.length === MOST;
  press();
  update();
}

function update(): void {
  const degrees = 10 ** Number(temperature.value);
  found("temperature-value", HTMLOutputElement).value = degrees.toFixed(2);
  temperature.setAttribute("aria-valuetext", degrees.toFixed(2));

  const logits = Float32Array.from(rows, ({ logit }) => logit);
  const divided = logits.map((logit) => logit / degrees);
  const plain = plainFormula(divided);
  const ours = softmax(logits, { temperature: degrees });
  for (const [i, { line, slider, logit }] of rows.entries()) {
    slider.setAttribute("aria-valuetext", written(logit));
    show(line, ".plain", plain[i]!);
    show(line, ".ours", ours[i]!);
  }
  show(
    sums,
    ".plain",
    plain.reduce((total, p) => total + p, 0),
  );
  show(
    sums,
    ".ours",
    ours.reduce((total, p) => total + p, 0),
  );
  found("verdict", HTMLElement).textContent = verdict(divided, plain, ours);
}

/** A probability, as a number and, where there is one, as a bar. */
function show(line: HTMLElement, side: ".plain" | ".ours", p: number): void {
  const cell = line.querySelector<HTMLElement>(side)!;
  cell.classList.toggle("wrong", Number.isNaN(p));
  cell.querySelector(".value")!.textContent = probability(p);
  const bar = cell.querySelector<HTMLElement>(".bar > span");
  if (bar !== null) bar.style.width = `${Number.isNaN(p) ? 100 : 100 * p}%`;
}
