/** The element of index.html with this id, which must be of this class. */
export function found<Kind extends HTMLElement>(id: string, Class: new () => Kind): Kind {
  const element = document.getElementById(id);
  if (element instanceof Class) return element;
  throw new Error(`index.html has no ${Class.name} called "${id}"`);
}
