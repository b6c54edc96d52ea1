/** Files by HTTP, no larger than they may be. */

import { AttnGANError, reasonOf } from "./errors.js";

/**
 * Resolves to the Uint8Array of what is at url. limit: bytes. onProgress(loaded, total): total is 0 where the
 * server doesn't say it or packs the file, and equal to loaded in the last call.
 */
export async function fetchBytes(url, limit, onProgress) {
  const where = url.origin + url.pathname;
  // Asks whether a file that is at hand is still current: files of two versions of a bundle don't fit together.
  const response = await attempt(where, fetch(url, { cache: "no-cache" }));
  if (!response.ok || !response.body) {
    throw new AttnGANError(`${where}: can't be had (HTTP ${response.status}); check the bundle's address`);
  }
  const isPacked = response.headers.get("content-encoding");
  const said = isPacked ? 0 : Number(response.headers.get("content-length")) || 0;
  const reader = response.body.getReader(), parts = [];
  for (let loaded = 0, tooBig = said > limit; ;) {
    if (tooBig) {
      await reader.cancel();
      throw new AttnGANError(
        `${where}: is too big, ${Math.max(said, loaded)} bytes where ${limit} is the limit; ` +
        "use another bundle, or export the generator again");
    }
    const { done, value } = await attempt(where, reader.read());
    if (done) {
      onProgress(loaded, loaded);
      return joined(parts, loaded);
    }
    parts.push(value);
    loaded += value.length;
    tooBig = loaded > limit;
    // More than was said: it is packed, and another origin's header that says so is hidden.
    if (loaded !== said) onProgress(loaded, loaded < said ? said : 0);
  }
}

function attempt(where, promise) {
  return promise.catch(error => {
    throw new AttnGANError(`${where}: can't be fetched (${reasonOf(error)}); check the address and the connection`);
  });
}

function joined(parts, size) {
  const bytes = new Uint8Array(size);
  let place = 0;
  for (const part of parts) {
    bytes.set(part, place);
    place += part.length;
  }
  return bytes;
}
