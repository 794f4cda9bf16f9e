// The little of Node that the tests use: less than the 2 MB of @types/node.

declare const process: {
  readonly env: {
    readonly SEED?: string;
    readonly MEASURE?: string;
    readonly PROGRAMS?: string;
    readonly CASES?: string;
    readonly CALLS?: string;
    readonly KEEP?: string;
  };
  readonly execPath: string;
  readonly versions: { readonly node: string };
  memoryUsage(): { readonly heapUsed: number; readonly external: number; readonly arrayBuffers: number };
};

declare class Buffer extends Uint8Array<ArrayBuffer> {
  static override from(bytes: readonly number[]): Buffer;
  static compare(a: Uint8Array, b: Uint8Array): -1 | 0 | 1;
  override toString(encoding?: "base64"): string;
}

declare module "node:child_process" {
  function spawnSync(
    command: string,
    parameters: readonly string[],
    options: { cwd?: string; encoding: "utf8" },
  ): { readonly status: number | null; readonly stdout: string; readonly stderr: string };
}

declare module "node:fs" {
  function existsSync(path: string): boolean;
  function mkdirSync(path: string, options: { recursive: boolean }): void;
  function readdirSync(path: string | URL, options?: { recursive: boolean }): string[];
  function readFileSync(path: string | URL, encoding: "utf8"): string;
  function readFileSync(path: string | URL): Buffer;
  function rmSync(path: string, options: { recursive: boolean; force: boolean }): void;
  function statSync(path: string | URL): { readonly size: number };
  function writeFileSync(path: string | URL, text: string): void;
}

declare module "node:module" {
  function createRequire(from: string): (name: string) => unknown;
}

declare module "node:url" {
  function fileURLToPath(url: URL): string;
}

declare module "node:v8" {
  function setFlagsFromString(flags: string): void;
}

declare module "node:worker_threads" {
  class Worker {
    constructor(code: string, options: { eval: true; workerData: unknown });
    once(event: "message", listener: () => void): this;
    terminate(): Promise<number>;
  }
}

declare module "node:vm" {
  function runInNewContext(code: string, names?: object): unknown;
}
