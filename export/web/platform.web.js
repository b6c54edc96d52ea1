/** What a browser, or a worker in it, has: files by fetch, ONNX Runtime Web. */

import { fetchBytes as read } from "./fetching.js";

export { read };

export const defaultDevice = "wasm";

export const sessionOptions = {
  wasm: { executionProviders: ["wasm"], logSeverityLevel: 4 },
  webgpu: { executionProviders: ["webgpu"], logSeverityLevel: 4 },
};

/** text: a URL, relative to the page. Returns it in full; throws a TypeError for what is none. */
export function addressOf(text) {
  return new URL(text, globalThis.document?.baseURI ?? globalThis.location.href);
}

/** Why WebGPU can't be tried at all; undefined if it can. */
export async function withoutWebGPU() {
  if (!navigator.gpu) return "this browser has no WebGPU, or the page is neither https nor localhost";
  return (await navigator.gpu.requestAdapter()) ? undefined : "this browser finds no graphics adapter";
}

/** Resolves to ONNX Runtime for a device, with as many threads as are of use to it. */
export async function importRuntime(device) {
  // Two names in full, so that a bundler finds them; the one for WebGPU is twice as large.
  const ort = device === "webgpu" ? await import("onnxruntime-web/webgpu") : await import("onnxruntime-web/wasm");
  ort.env.logLevel = "fatal";
  // Threads need shared memory, which browsers give to pages with COOP and COEP headers alone.
  ort.env.wasm.numThreads = globalThis.crossOriginIsolated ? Math.min(4, navigator.hardwareConcurrency) : 1;
  return ort;
}
