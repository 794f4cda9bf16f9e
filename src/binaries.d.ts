// simd.wasm and relaxed.wasm one after the other, deflated, as base64; how long they are, and where the second begins: written
// beside the compiled API by assembly/embed.mjs.
export const compressed: string;
export const bytes: number;
export const relaxedStart: number;
