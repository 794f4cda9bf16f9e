// What invariance.test.ts asks of node:vm, in a page: another realm is another frame's.

/** The value of an expression in a realm of its own, which knows `names`. */
export function runInNewContext(code: string, names: object = {}): unknown {
  const frame = document.body.appendChild(document.createElement("iframe"));
  const realm = frame.contentWindow as Window & { Function: FunctionConstructor };
  try {
    return new realm.Function(...Object.keys(names), `return ${code}`)(...Object.values(names));
  } finally {
    frame.remove();
  }
}
