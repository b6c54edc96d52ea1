/** Generators exported by attngan, in browsers on ONNX Runtime Web and in Node on its native library. */

import { defaultDevice } from "#platform";
import { readBundle } from "./bundle.js";
import { AttnGANError } from "./errors.js";
import { checkDevice, openSession, startRuntime } from "./session.js";
import { TASKS } from "./tasks.js";

export { AttnGANError };

/**
 * Opens a bundle: fetches it, compares it with its hashes, and runs its golden sample. See attngan.d.ts.
 * Throws AttnGANError, one line, for what is no bundle, is damaged, or draws other than it was exported to.
 */
export async function load(url, { device = defaultDevice, onProgress } = {}) {
  checkDevice(device);
  const started = startRuntime(device);
  const bundle = await readBundle(url, onProgress);
  const opened = await openSession(bundle, await started);
  return new TASKS[bundle.sidecar.task](bundle, opened);
}
