// What a bundler for Workers makes of an import of a .wasm file: a WebAssembly.Module.
declare module "*.wasm" {
  const module: object;
  export default module;
}
