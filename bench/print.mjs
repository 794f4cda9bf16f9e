// What the bench says: progress on stderr (one line that changes on a terminal, plain lines elsewhere), results on stdout.

const LINE_EVERY_MILLISECONDS = 5000;
let lastLine = 0;

export function progress(text) {
  if (process.stderr.isTTY) {
    process.stderr.write(`\r\x1b[2K${text}`);
  } else if (performance.now() - lastLine > LINE_EVERY_MILLISECONDS) {
    lastLine = performance.now();
    process.stderr.write(`… ${text}\n`);
  }
}

export function progressDone() {
  if (process.stderr.isTTY) process.stderr.write("\r\x1b[2K");
}

export const heading = (text) => console.log(`\n${text}\n${"─".repeat(text.length)}`);

/** Columns of equal width; the first to the left, all others to the right. */
export function table(header, lines) {
  const all = [header, ...lines].map((line) => line.map(String));
  const widths = header.map((_, column) => Math.max(...all.map((line) => line[column].length)));
  for (const line of all)
    console.log(
      `  ${line.map((cell, column) => (column === 0 ? cell.padEnd(widths[0]) : cell.padStart(widths[column]))).join("  ")}`,
    );
}

/** Three significant digits, without an exponent. */
export const short = (value) => {
  if (!Number.isFinite(value)) return "–";
  return value >= 100 ? value.toFixed(0) : value.toFixed(value >= 10 ? 1 : 2);
};
