// simd.wasm and relaxed.wasm one after the other, deflated, as base64, and how long each is: written beside the compiled API by
// assembly/embed.mjs.
export const compressed: string;
export const sizes: { readonly simd: number; readonly relaxed: number };
