// Loaded first: counts what could cost something, namely any use of WebAssembly, decoding base64, asking the network, Workers.

globalThis.counts = { WebAssembly: 0, atob: 0, fetch: 0, XMLHttpRequest: 0, Worker: 0 };

function counted(name, handler) {
  const count = (method) => ({
    [method]: (...given) => {
      globalThis.counts[name]++;
      return Reflect[method](...given);
    },
  });
  if (globalThis[name] !== undefined) globalThis[name] = new Proxy(globalThis[name], count(handler));
}

counted("WebAssembly", "get");
counted("atob", "apply");
counted("fetch", "apply");
counted("XMLHttpRequest", "construct");
counted("Worker", "construct");
