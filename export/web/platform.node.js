/** What Node has: files by path, ONNX Runtime's native library. */

import { readFile, realpath, stat } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { dirname, resolve, sep } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

import { AttnGANError } from "./errors.js";
import { fetchBytes } from "./fetching.js";

export const defaultDevice = "cpu";

const threads = Math.min(4, availableParallelism());

// ONNX Runtime, given a model's bytes, would read its external data from the working directory (1.30). No folder lies
// below a device, so there is none to read from.
const extra = { session: { model_external_initializers_file_folder_path: "/dev/null/none" } };

export const sessionOptions = {
  cpu: { executionProviders: ["cpu"], intraOpNumThreads: threads, logSeverityLevel: 4, extra },
};

/** text: a path, or a file:, http: or https: URL. Returns the URL; throws a TypeError or URIError for other URLs. */
export function addressOf(text) {
  if (/^https?:/i.test(text)) return new URL(text);
  if (/^file:/i.test(text)) return pathToFileURL(fileURLToPath(text));  // which refuses what names no path
  if (/^[a-z][a-z0-9+.-]+:\/\//i.test(text)) throw new TypeError("can't be read from");
  return pathToFileURL(resolve(text));
}

/** Resolves to the Uint8Array of a file, as `fetchBytes` does. */
export async function read(url, limit, onProgress) {
  if (url.protocol !== "file:") return fetchBytes(url, limit, onProgress);
  const bytes = await readPlain(fileURLToPath(url), limit);
  onProgress(bytes.length, bytes.length);
  return bytes;
}

async function readPlain(path, limit) {
  try {
    const [folder, file] = await Promise.all([realpath(dirname(path)), realpath(path)]);
    if (!file.startsWith(folder.endsWith(sep) ? folder : folder + sep)) {
      throw new AttnGANError(`${path}: is a link out of the bundle; put the file itself there`);
    }
    const found = await stat(file);
    if (!found.isFile()) throw new AttnGANError(`${path}: is no plain file; copy the bundle again`);
    if (found.size > limit) {
      throw new AttnGANError(
        `${path}: is too big, ${found.size} bytes where ${limit} is the limit; ` +
        "use another bundle, or export the generator again");
    }
    return new Uint8Array(await readFile(file));
  } catch (error) {
    if (error instanceof AttnGANError) throw error;
    const missing = ["ENOENT", "ENOTDIR"].includes(error.code);
    throw new AttnGANError(missing
      ? `${path}: is missing; give the folder that attngan-export wrote, or copy the whole bundle again`
      : `${path}: can't be read (${error.code}); check its permissions`);
  }
}

/** Why WebGPU can't be tried at all. */
export async function withoutWebGPU() {
  return "Node has none";
}

/** Resolves to ONNX Runtime. */
export async function importRuntime() {
  return (await import("onnxruntime-node")).default;
}
