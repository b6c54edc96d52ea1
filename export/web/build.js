#!/usr/bin/env node
/** Makes a folder that any static host serves as it is: the page, this module, ONNX Runtime Web and a bundle. */

import { cp, mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

import { readBundle } from "./bundle.js";
import { AttnGANError } from "./errors.js";
import { MODEL, SIDECAR, TOKENIZER } from "./spec.js";

const USAGE = "usage: node build.js BUNDLE OUT [--webgpu]";
const HERE = dirname(fileURLToPath(import.meta.url));
const ELSEWHERE = ["build.js", "platform.node.js"];  // not for a browser
const RUNTIME = {
  wasm: ["ort.wasm.min.mjs", "ort-wasm-simd-threaded.mjs", "ort-wasm-simd-threaded.wasm"],
  webgpu: ["ort.webgpu.min.mjs", "ort-wasm-simd-threaded.asyncify.mjs", "ort-wasm-simd-threaded.asyncify.wasm"],
};

/** bundle: a folder; out: one that is empty, isn't there, or holds an earlier build. webgpu: try it before wasm. */
async function build(bundle, out, { webgpu = false }) {
  await checkPlace(out);
  const { sidecar, tokenizer } = await readBundle(bundle);
  if (sidecar.inputs.some(({ name }) => name === "z")) {
    throw new AttnGANError(`${sidecar.name}: takes z, where a page's pictures have seeds; export it with --input seed`);
  }
  const runtime = runtimeFolder();
  const files = [SIDECAR, MODEL, ...(tokenizer ? [TOKENIZER] : [])];
  await copy(bundle, files, join(out, "bundle"));
  const module = (await readdir(HERE)).filter(name => name.endsWith(".js") && !ELSEWHERE.includes(name));
  await copy(HERE, module, join(out, "attngan"));
  await copy(runtime, [...RUNTIME.wasm, ...(webgpu ? RUNTIME.webgpu : [])], join(out, "ort"));
  const page = join(HERE, "page");
  await copy(page, (await readdir(page)).filter(name => /\.(html|js|css)$/.test(name)), out);
  if (webgpu) await preferWebGPU(join(out, "index.html"));
  return sidecar.name;
}

function runtimeFolder() {
  try {
    return dirname(fileURLToPath(import.meta.resolve("onnxruntime-web/wasm")));
  } catch {
    throw new AttnGANError(`onnxruntime-web is not installed; run npm ci in ${HERE} first`);
  }
}

async function checkPlace(out) {
  const found = await readdir(out).catch(error => {
    if (error.code === "ENOENT") return [];
    throw new AttnGANError(`${out}: can't be written to (${error.code}); name a folder`);
  });
  if (found.length && !["attngan", "ort", "bundle"].every(name => found.includes(name))) {
    throw new AttnGANError(`${out}: holds other files than an earlier build; name an empty folder`);
  }
}

async function copy(from, names, to) {
  await mkdir(to, { recursive: true });
  await Promise.all(names.map(name => cp(join(from, name), join(to, name))));
}

async function preferWebGPU(path) {
  const html = await readFile(path, "utf-8");
  await writeFile(path, html.replace(/<html\b/, '<html data-device="webgpu"'));
}

async function main() {
  try {
    const { values, positionals } = parseArgs({ options: { webgpu: { type: "boolean" } }, allowPositionals: true });
    if (positionals.length !== 2) throw new AttnGANError(USAGE);
    const [bundle, out] = positionals;
    const name = await build(bundle, out, values);
    console.log(`${out}: ${name}, ready to be served`);
  } catch (error) {
    const isMistake = error instanceof AttnGANError || error.code?.startsWith?.("ERR_PARSE_ARGS");
    if (!isMistake && !error.code) throw error;
    console.error(`error: ${error.message.split("\n")[0]}`);
    process.exitCode = 2;
  }
}

await main();
