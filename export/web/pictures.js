/** Generators of pictures. */

import { AttnGANError } from "./errors.js";
import { checkShape, furthest, Generator, inputOf, sessionOf } from "./generator.js";
import { between, checkOptions, normals, numberOf, text, whole } from "./inputs.js";
import { toRGBA } from "./pixels.js";
import { MAX_SEED } from "./spec.js";
import { promptWarnings } from "./warnings.js";
import { promptReader } from "./words.js";

const OPTIONS = { tokens: "prompt", mask: undefined };  // of inputs that are called otherwise, or not given

export class PictureGenerator extends Generator {
  static makes = "pictures";

  constructor(bundle, opened) {
    const names = bundle.sidecar.inputs.map(({ name }) => (name in OPTIONS ? OPTIONS[name] : name));
    super(bundle, opened, names.filter(Boolean));
    for (const side of ["width", "height", "channels"]) this[side] = this.sidecar.output[side];
  }

  async generate(options = {}) {
    checkOptions(options, this.parameters, this.name);
    return draw(this, feedsOf(this, options), []);
  }

  /** Resolves to the pictures, Float32Array [rows·C·H·W]. */
  static async run(session, { name, output }, feeds, rows) {
    const { [output.name]: made } = await session.run(feeds, rows, [output.name]);
    checkShape(name, made, "float32", [rows, output.channels, output.height, output.width]);
    if (!made.data.every(Number.isFinite)) throw new AttnGANError(`${name}: drew NaN or infinity; export it again`);
    return made.data;
  }

  static goldenError({ indices, values }, pictures) {
    return furthest(indices.map(i => pictures[i]), values);
  }
}

export class TextToImageGenerator extends PictureGenerator {
  #read;

  constructor(bundle, opened) {
    super(bundle, opened);
    this.#read = promptReader(bundle.tokenizer);
  }

  async generate(options = {}) {
    checkOptions(options, this.parameters, this.name);
    const feeds = feedsOf(this, options), { prompt } = options;
    if (prompt === undefined) {
      throw new AttnGANError(`prompt: none given, and ${this.name} draws what words say; pass prompt: 'red heart'`);
    }
    const words = this.#read(text("prompt", prompt));
    return draw(this, { ...feeds, tokens: words.tokens, mask: words.mask }, promptWarnings(prompt, words));
  }
}

/** The feeds of one picture, but for its words. */
function feedsOf({ sidecar, classes, styles }, { seed = 0, z, truncation = 1, class: label = 0, style = 0 }) {
  const noise = inputOf(sidecar, "z");
  return {
    truncation: [between("truncation", truncation, 0, 2)],
    ...(noise ? { z: normals(z, noise.shape[1]) } : { seed: [whole("seed", seed, MAX_SEED)] }),
    ...(classes.length > 0 && { class: [numberOf("class", label, classes)] }),
    ...(styles.length > 0 && { style: [numberOf("style", style, styles)] }),
  };
}

async function draw(generator, feeds, warnings) {
  const output = await PictureGenerator.run(sessionOf(generator), generator.sidecar, feeds, 1);
  const { width, height, channels } = generator;
  return { width, height, data: toRGBA(output, channels), output, warnings };
}
