// The chart: speed on the left, error on the right, one line for each system, drawn by Observable Plot. All colours are
// mid-tones that stand out on white and on near-black alike, since a picture does not know the page it is shown on.

import * as Plot from "@observablehq/plot";
import { parseHTML } from "linkedom";

const { document } = parseHTML("<html><body></body></html>");
const SVG = "http://www.w3.org/2000/svg";

const TEXT = "#7a838f";
const OURS = "#3d87d6";
const COLOURS = ["#d9634c", "#b8860b", "#2f9e6e", "#9a6dd7"];
const SYMBOLS = ["circle", "triangle", "square", "diamond2"];

const LABEL_WIDTH = 250;
const PANEL_WIDTH = 370;
const GAP = 30;
const ROW_HEIGHT = 25;
const TOP = 92;
const BOTTOM = 34;
const RIGHT_PANEL = LABEL_WIDTH + PANEL_WIDTH + GAP;

/** What `softmax` promises, as a line in the right panel. */
const PROMISED_ULP = 4;

/** `points`: `{ system, isOurs, cols, ns, ulp }`, systems in the order in which they are to stand. Returns an SVG file. */
export function draw(points) {
  const systems = new Map(points.map(({ system, isOurs }) => [system, isOurs]));
  const cols = [...new Set(points.map((point) => point.cols))];
  const width = RIGHT_PANEL + PANEL_WIDTH;
  const height = TOP + ROW_HEIGHT * systems.size + BOTTOM;
  const picture = element("svg", { xmlns: SVG, viewBox: `0 0 ${width} ${height}`, width, height });
  picture.setAttribute("font-family", "system-ui, sans-serif");

  picture.append(text("columns in a row", LABEL_WIDTH - 12, 22, { "text-anchor": "end" }));
  picture.append(placed(legend(cols), LABEL_WIDTH, 8));
  for (const [x, title, direction] of [
    [LABEL_WIDTH, "Time per element, ns", "← faster"],
    [RIGHT_PANEL, "Largest error, ULP", "← closer to the true value"],
  ]) {
    picture.append(text(title, x + 8, 60, { "font-weight": 600 }));
    picture.append(text(direction, x + 8, 78));
  }
  [...systems].forEach(([name, isOurs], row) => {
    const middle = TOP + ROW_HEIGHT * (row + 0.5);
    if (isOurs) picture.append(band(0, middle - ROW_HEIGHT / 2, width));
    picture.append(
      text(name, LABEL_WIDTH - 12, middle + 4, {
        "text-anchor": "end",
        ...(isOurs && { fill: OURS, "font-weight": 600 }),
      }),
    );
  });
  const names = [...systems.keys()];
  picture.append(placed(panel(points, names, cols, "ns"), LABEL_WIDTH, TOP));
  picture.append(placed(panel(points, names, cols, "ulp"), RIGHT_PANEL, TOP));
  return `${picture.outerHTML}\n`;
}

/** One dot for each system and row length, and a line from the least to the greatest. */
function panel(points, names, cols, key) {
  const known = points.filter((point) => point[key] !== undefined);
  const least = Math.min(...known.map((point) => point[key])) / 1.15;
  const most = Math.max(...known.map((point) => point[key])) * 1.15;
  const ticks = [0.01, 0.1, 1, 10, 100, 1000]
    .flatMap((power) => [power, 2 * power, 5 * power])
    .filter((tick) => tick > least && tick < most);
  const range = Plot.groupY(
    { x1: "min", x2: "max" },
    { y: "system", x1: key, x2: key, stroke: TEXT, strokeOpacity: 0.6, strokeWidth: 2 },
  );
  const promise = Plot.ruleX([PROMISED_ULP], { stroke: OURS, strokeDasharray: "4 3" });
  return Plot.plot({
    document,
    width: PANEL_WIDTH,
    height: ROW_HEIGHT * names.length + BOTTOM,
    marginLeft: 8,
    marginRight: 8,
    marginTop: 0,
    marginBottom: BOTTOM,
    style: { color: TEXT, fontSize: "12px", background: "none" },
    x: { type: "log", domain: [least, most], axis: null },
    y: { type: "band", domain: names, axis: null, padding: 0 },
    color: { type: "ordinal", domain: cols, range: COLOURS },
    symbol: { domain: cols, range: SYMBOLS },
    marks: [
      Plot.gridX(ticks, { stroke: TEXT, strokeOpacity: 0.35 }),
      Plot.axisX(ticks, { label: null, tickSize: 0, text: (tick) => String(Number(tick.toPrecision(1))) }),
      key === "ulp" ? promise : null,
      key === "ulp"
        ? Plot.text([`promised: ${PROMISED_ULP}`], {
            x: PROMISED_ULP,
            text: (label) => label,
            frameAnchor: "bottom",
            textAnchor: "start",
            dx: 5,
            dy: -6,
            fill: OURS,
          })
        : null,
      Plot.ruleY(known, range),
      Plot.dot(known, { x: key, y: "system", fill: "cols", symbol: "cols", r: 4.5 }),
    ],
  });
}

function legend(cols) {
  return Plot.plot({
    document,
    width: 90 * cols.length,
    height: 20,
    margin: 0,
    marginLeft: 16,
    marginRight: 74,
    style: { color: TEXT, fontSize: "13px", background: "none" },
    x: { type: "point", domain: cols, axis: null, padding: 0 },
    color: { type: "ordinal", domain: cols, range: COLOURS },
    symbol: { domain: cols, range: SYMBOLS },
    marks: [
      Plot.dot(cols, { x: (col) => col, fill: (col) => col, symbol: (col) => col, r: 5 }),
      Plot.text(cols, { x: (col) => col, text: (col) => col.toLocaleString("en"), textAnchor: "start", dx: 11 }),
    ],
  });
}

const band = (x, y, width) => element("rect", { x, y, width, height: ROW_HEIGHT, fill: OURS, "fill-opacity": 0.09 });

/** Plot's own style sheet is for pictures in pages: inside another picture, its `height: auto` would stretch this one. */
function placed(plot, x, y) {
  plot.querySelector("style").remove();
  plot.setAttribute("x", x);
  plot.setAttribute("y", y);
  return plot;
}

function text(content, x, y, attributes = {}) {
  const node = element("text", { x, y, fill: TEXT, "font-size": 13, ...attributes });
  node.textContent = content;
  return node;
}

function element(name, attributes) {
  const node = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  return node;
}
