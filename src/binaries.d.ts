// template.wasm, deflated, as base64, and how long it is: written beside the compiled API by assembly/embed.mjs.
export const compressed: string;
export const bytes: number;
