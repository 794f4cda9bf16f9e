// The figures, as a table to read and as bars to see. The bars are hidden from screen readers: the table has all they show.

import type { BackendName } from "softmax-wasm";
import { counted, measured } from "./numbers.js";
import { found } from "./page.js";
import { type Figures, SHAPES, SYSTEMS, type SystemName } from "./subject.js";

type OfShape = Readonly<Partial<Record<SystemName, Figures>>>;

const shapes = new Map<number, OfShape>();
const missing = new Map<BackendName, string>();

const CHARTS: readonly (readonly [figure: keyof Figures, title: string, unit: string])[] = [
  ["time", "Time per element, ns", "ns"],
  ["error", "Largest error, ULP", "ULP"],
];

export function clear(): void {
  shapes.clear();
  missing.clear();
  found("results", HTMLElement).hidden = true;
}

export function showMissing(name: BackendName, reason: string): void {
  missing.set(name, reason);
}

export function showShape(cols: number, figures: OfShape): void {
  shapes.set(cols, figures);
  found("results", HTMLElement).hidden = false;
  found("charts", HTMLElement).replaceChildren(...CHARTS.map((chart) => drawn(...chart)));
  found("shapes", HTMLTableSectionElement).replaceChildren(heading());
  found("systems", HTMLTableSectionElement).replaceChildren(...running().map(line));
  found("missing", HTMLElement).replaceChildren(
    ...[...missing].map(([name, reason]) =>
      made("li", "", [made("strong", "", name), ` does not run here: ${reason}`]),
    ),
  );
}

/** The fastest beside the loop people write, in one sentence. */
export function summary(): string {
  const [fastest] = running();
  const times = [...shapes.values()].map((figures) => figures["plain loop"]!.time / figures[fastest!]!.time);
  const error = Math.max(...[...shapes.values()].map((figures) => figures[fastest!]!.error));
  const [least, most] = [Math.min(...times), Math.max(...times)].map(measured);
  return `Done. ${fastest} is ${least} to ${most} times as fast as the plain loop, and at most ${measured(error)} ULP off.`;
}

const running = () => SYSTEMS.filter((name) => !missing.has(name as BackendName));

type Content = string | readonly (string | Node)[];

function made(tag: string, className: string, content: Content = ""): HTMLElement {
  const element = document.createElement(tag);
  element.className = className;
  element.append(...(typeof content === "string" ? [content] : content));
  return element;
}

function headed(scope: "col" | "row", content: Content): HTMLElement {
  const cell = made("th", "", content);
  cell.setAttribute("scope", scope);
  return cell;
}

function heading(): HTMLElement {
  const columns = SHAPES.map((cols) => headed("col", [counted(cols), made("small", "", "columns")]));
  return made("tr", "", [headed("col", "Back end"), ...columns]);
}

function line(name: SystemName): HTMLElement {
  const cells = SHAPES.map((cols) => {
    const figures = shapes.get(cols)?.[name];
    if (figures === undefined) return made("td", "", "…");
    return made("td", "", [
      measured(figures.time),
      made("span", "unit", " ns"),
      made("small", "", [measured(figures.error), made("span", "unit", " ULP")]),
    ]);
  });
  return made("tr", "", [headed("row", name), ...cells]);
}

/** Bars of one figure, grouped by shape, all on one scale. */
function drawn(figure: keyof Figures, title: string, unit: string): HTMLElement {
  const all = [...shapes.values()].flatMap((figures) => Object.values(figures).map((each) => each[figure]));
  const largest = Math.max(...all);
  const groups = SHAPES.map((cols) =>
    made("div", "group", [
      made("h4", "", `${counted(cols)} columns`),
      ...running().map((name) => bar(name, shapes.get(cols)?.[name]?.[figure], largest, unit)),
    ]),
  );
  return made("div", "chart", [made("h3", "", title), ...groups]);
}

function bar(name: SystemName, value: number | undefined, largest: number, unit: string): HTMLElement {
  const filled = made("span", name.replace(" ", "-"));
  filled.style.width = `${(100 * (value ?? 0)) / largest}%`;
  return made("div", "measured", [
    made("span", "name", name),
    made("span", "bar", [filled]),
    made("span", "value", value === undefined ? "…" : `${measured(value)} ${unit}`),
  ]);
}
