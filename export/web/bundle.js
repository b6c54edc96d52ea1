/** A bundle: its sidecar, its model and what reads words, checked before ONNX Runtime sees a byte of it. */

import { addressOf, read } from "#platform";
import { AttnGANError, shown } from "./errors.js";
import { parseSidecar, sha256 } from "./sidecar.js";
import { FILE_LIMITS, MODEL, SIDECAR, TASKS, TOKENIZER } from "./spec.js";
import { parseTokenizer } from "./tokenizer.js";

/**
 * url: of the folder. Resolves to { where, sidecar, model, tokenizer }: the very bytes of the model that were compared
 * with the sidecar's hash, and the JSON of tokenizer.json, null for a generator that draws without words.
 * Throws AttnGANError, one line, for what is missing, too big, changed, or no bundle, and for a url that is no address.
 */
export async function readBundle(url, onProgress) {
  const folder = folderOf(url);
  const get = name => readFile(folder, name, onProgress);
  const sidecar = await parseSidecar(await get(SIDECAR), placeOf(folder, SIDECAR));
  const hasWords = TASKS[sidecar.task].tokenizer;
  const [model, words] = await Promise.all([get(MODEL), hasWords ? get(TOKENIZER).then(withoutReturns) : null]);
  await checkHash(placeOf(folder, MODEL), model, sidecar.files[MODEL]);
  if (!words) return { where: placeOf(folder, MODEL), sidecar, model, tokenizer: null };
  await checkHash(placeOf(folder, TOKENIZER), words, sidecar.files[TOKENIZER]);
  const tokenizer = parseTokenizer(words, sidecar, placeOf(folder, TOKENIZER));
  return { where: placeOf(folder, MODEL), sidecar, model, tokenizer };
}

/** The URL that the names of a bundle's files are relative to. */
function folderOf(url) {
  const text = url?.href ?? url;
  try {
    if (typeof text !== "string") throw new TypeError("neither text nor a URL");
    const folder = addressOf(text);
    if (!folder.pathname.endsWith("/")) folder.pathname += "/";
    return new URL(".", folder);  // throws where an address has no folders, as data: has none
  } catch {
    throw new AttnGANError(
      `url: ${shown(text)} is no folder's address; give that of a bundle, such as 'bundles/emoji-64'`);
  }
}

function readFile(folder, name, onProgress) {
  return read(new URL(name, folder), FILE_LIMITS[name], (loaded, total) => onProgress?.({ file: name, loaded, total }));
}

/** As messages name a file: its address without what may be secret in it. */
function placeOf(folder, name) {
  const url = new URL(name, folder);
  return url.protocol === "file:" ? decodeURIComponent(url.pathname) : url.origin + url.pathname;
}

/** A text, in which git on Windows writes \r\n. */
function withoutReturns(bytes) {
  const lineFeed = 10, carriageReturn = 13;
  return bytes.filter((byte, i) => byte !== carriageReturn || bytes[i + 1] !== lineFeed);
}

async function checkHash(where, bytes, expected) {
  const found = await sha256(bytes);
  if (found === expected) return;
  if (new TextDecoder().decode(bytes.subarray(0, 30)).startsWith("version https://git-lfs")) {
    throw new AttnGANError(`${where}: is a Git LFS pointer, not the model; run: git lfs pull`);
  }
  throw new AttnGANError(
    `${where}: its SHA-256 is ${found.slice(0, 12)}…, the sidecar says ${expected.slice(0, 12)}…, ` +
    "so it was changed or damaged; copy the bundle again");
}
