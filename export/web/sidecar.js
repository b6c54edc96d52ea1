/** The sidecar `model.onnx.json`: whether it is whole, unchanged, and makes sense. Described in docs/bundle.md. */

import { AttnGANError } from "./errors.js";
import { brief, isObject, textOf } from "./json.js";
import { sidecarProblem } from "./rules.js";
import { FORMAT_VERSION } from "./spec.js";

/** bytes: of the file. where: begins the messages. Resolves to the sidecar; throws AttnGANError, one line. */
export async function parseSidecar(bytes, where) {
  let sidecar, text;
  try {
    text = textOf(bytes);
    sidecar = JSON.parse(text);
  } catch {
    throw new AttnGANError(`${where}: is not JSON or is cut short; copy the bundle again`);
  }
  if (!isObject(sidecar)) {
    throw new AttnGANError(`${where}: is not the sidecar of a bundle; export the generator again`);
  }
  checkVersion(sidecar.format_version, where);
  await checkOwnHash(sidecar.sha256, text, where);
  const problem = sidecarProblem(sidecar);
  if (problem) throw new AttnGANError(`${where}: ${problem}; export the generator again`);
  return sidecar;
}

/** bytes: Uint8Array. Resolves to its SHA-256 in 64 hex digits. */
export async function sha256(bytes) {
  if (!globalThis.crypto?.subtle) {
    throw new AttnGANError(
      "crypto.subtle: is missing, so the bundle can't be checked; serve the page over https or from localhost");
  }
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return Array.from(digest, byte => byte.toString(16).padStart(2, "0")).join("");
}

function checkVersion(version, where) {
  if (version === FORMAT_VERSION) return;
  throw new AttnGANError(
    `${where}: format_version is ${brief(version)} and this attngan reads ${FORMAT_VERSION}; ` +
    "install the attngan that wrote it, or a newer one, or export the generator again");
}

/** `own` is the hash of the file with these 64 digits as zeros, and with \n where git on Windows writes \r\n. */
async function checkOwnHash(own, text, where) {
  const isHash = typeof own === "string" && /^[0-9a-f]{64}$/.test(own);
  const unsigned = isHash && text.replaceAll("\r\n", "\n").replace(own, "0".repeat(64));
  if (isHash && (await sha256(new TextEncoder().encode(unsigned))) === own) return;
  throw new AttnGANError(
    `${where}: its text does not match its sha256, so it was changed or damaged; copy the bundle again`);
}
