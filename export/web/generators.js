/** What a loaded bundle becomes: something that draws, or something that writes. */

import { AttnGANError } from "./errors.js";
import { between, checkOptions, named, normals, text, whole } from "./inputs.js";
import { draw, write } from "./outputs.js";
import { toRGBA } from "./pixels.js";
import { MAX_SEED } from "./spec.js";
import { knownWords } from "./tokenizer.js";
import { keywordWarnings, promptWarnings } from "./warnings.js";
import { keywordReader, promptReader, sentenceWriter } from "./words.js";

let sessionOf;  // of a generator, for the classes here alone

class Generator {
  #session;

  static {
    sessionOf = generator => generator.#session;
  }

  constructor({ sidecar, tokenizer }, { session, device, note }) {
    this.#session = session;
    this.sidecar = sidecar;
    this.device = device;
    this.note = note;
    this.classes = inputOf(sidecar, "class")?.classes ?? [];
    this.styles = inputOf(sidecar, "style")?.styles ?? [];
    this.words = tokenizer ? knownWords(tokenizer) : [];
    for (const field of ["name", "task", "license", "source"]) this[field] = sidecar[field];
  }

  release() {
    return this.#session.release();
  }
}

export class PictureGenerator extends Generator {
  #read; #takes;

  constructor(bundle, opened) {
    super(bundle, opened);
    for (const side of ["width", "height", "channels"]) this[side] = this.sidecar.output[side];
    this.#read = bundle.tokenizer && promptReader(bundle.tokenizer);
    const names = this.sidecar.inputs.map(given => given.name).filter(name => name !== "mask");
    this.#takes = names.map(name => (name === "tokens" ? "prompt" : name));
  }

  async generate(options = {}) {
    checkOptions(options, this.#takes, this.name);
    const { truncation = 1, class: label = 0, style = 0, prompt } = options;
    const feeds = { truncation: [between("truncation", truncation, 0, 2)], ...this.#noise(options) };
    if (this.classes.length) feeds.class = [named("class", label, this.classes)];
    if (this.styles.length) feeds.style = [named("style", style, this.styles)];
    let warnings = [];
    if (this.#read) {
      if (prompt === undefined) {
        throw new AttnGANError(`prompt: none given, and ${this.name} draws what words say; pass prompt: 'red heart'`);
      }
      const words = this.#read(text("prompt", prompt));
      Object.assign(feeds, { tokens: words.tokens, mask: words.mask });
      warnings = promptWarnings(prompt, words);
    }
    const output = await draw(sessionOf(this), this.sidecar, feeds, 1);
    const { width, height, channels } = this;
    return { width, height, data: toRGBA(output, channels), output, warnings };
  }

  #noise({ seed = 0, z }) {
    const noise = inputOf(this.sidecar, "z");
    return noise ? { z: normals(z, noise.shape[1]) } : { seed: [whole("seed", seed, MAX_SEED)] };
  }
}

export class SentenceGenerator extends Generator {
  #read; #write;

  constructor(bundle, opened) {
    super(bundle, opened);
    this.keywords = inputOf(this.sidecar, "keywords").shape[1];
    this.length = this.sidecar.output.shape[1];
    this.#read = keywordReader(bundle.tokenizer, this.keywords);
    this.#write = sentenceWriter(bundle.tokenizer);
  }

  async generate(options = {}) {
    checkOptions(options, ["seed", "keywords", "temperature", "topK", "topP"], this.name);
    const { seed = 0, keywords, temperature = 1, topK = 0, topP = 1 } = options;
    const words = this.#read(text("keywords", keywords === undefined ? "" : keywords));
    const feeds = {
      keywords: words.keywords, mask: words.mask,
      seed: [whole("seed", seed, MAX_SEED)],
      temperature: [between("temperature", temperature, 0.05, 5)],
      top_k: [whole("topK", topK, inputOf(this.sidecar, "top_k").maximum)],
      top_p: [between("topP", topP, 0, 1)],
    };
    if (!feeds.top_p[0]) {
      throw new AttnGANError("topP: 0 leaves no word to choose from; use a number above 0 to 1, 1 changes nothing");
    }
    const { tokens, logProbability } = await write(sessionOf(this), this.sidecar, feeds, 1);
    const warnings = keywords === undefined ? [] : keywordWarnings(keywords, words);
    return { sentence: this.#write(tokens), tokens, logProbability, warnings };
  }
}

/** The sidecar's entry of an input; undefined if the graph has none of that name. */
function inputOf(sidecar, name) {
  return sidecar.inputs.find(given => given.name === name);
}
