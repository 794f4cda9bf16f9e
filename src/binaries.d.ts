// build/*.wasm as base64, written beside the compiled API by assembly/embed.mjs.
export const simd: string;
export const relaxed: string;
