/** Generators by task: all that differs between tasks stands in these classes. */

import { PictureGenerator, TextToImageGenerator } from "./pictures.js";
import { SentenceGenerator } from "./sentences.js";

/**
 * By the `task` of a sidecar. Of each class are static: `makes`; `run(session, sidecar, feeds, rows)`, which resolves to the
 * graph's outputs, looked at; and `goldenError(golden, outputs)`, their largest difference from the golden values,
 * infinite where a token differs.
 */
export const TASKS = {
  image: PictureGenerator,
  "text-to-image": TextToImageGenerator,
  text: SentenceGenerator,
};
