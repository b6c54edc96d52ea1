/** Generators of sentences. */

import { AttnGANError } from "./errors.js";
import { checkShape, furthest, Generator, inputOf, sessionOf } from "./generator.js";
import { between, checkOptions, text, whole } from "./inputs.js";
import { MAX_SEED } from "./spec.js";
import { keywordWarnings } from "./warnings.js";
import { keywordReader, sentenceWriter } from "./words.js";

export class SentenceGenerator extends Generator {
  static makes = "sentences";

  #read; #write;

  constructor(bundle, opened) {
    super(bundle, opened, ["seed", "keywords", "temperature", "topK", "topP"]);
    this.keywords = inputOf(this.sidecar, "keywords").shape[1];
    this.length = this.sidecar.output.shape[1];
    this.#read = keywordReader(bundle.tokenizer, this.keywords);
    this.#write = sentenceWriter(bundle.tokenizer);
  }

  async generate(options = {}) {
    checkOptions(options, this.parameters, this.name);
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
    const { tokens, logProbability } = await SentenceGenerator.run(sessionOf(this), this.sidecar, feeds, 1);
    const warnings = keywords === undefined ? [] : keywordWarnings(keywords, words);
    return { sentence: this.#write(tokens), tokens, logProbability, warnings };
  }

  /** Resolves to { tokens: Int32Array [rows·L], logProbability: Float32Array [rows·L] }, checked to be sentences. */
  static async run(session, { name, output }, feeds, rows) {
    const { tokens: made, log_probability: likely } = await session.run(feeds, rows, ["tokens", "log_probability"]);
    checkShape(name, made, "int64", [rows, output.shape[1]]);
    checkShape(name, likely, "float32", [rows, output.shape[1]]);
    const tokens = Int32Array.from(made.data, Number);
    const isSentence = token => token >= 0 && token <= output.maximum;
    const problem = !tokens.every(isSentence) ? "numbers that are no words"
      : !areEnded(tokens, output.shape[1]) ? "padding or unknown words within a sentence"
      : !likely.data.every(value => value <= 0) ? "log probabilities that are not at most 0" : undefined;
    if (problem) throw new AttnGANError(`${name}: wrote ${problem}, not what its sidecar says; export it again`);
    return { tokens, logProbability: likely.data };
  }

  static goldenError(golden, { tokens, logProbability }) {
    if (golden.tokens.flat().some((token, i) => token !== tokens[i])) return Infinity;
    return furthest(logProbability, golden.log_probability.flat());
  }
}

/** Whether each row of `length` is words (3 and above), then an end (2), then padding (0). */
function areEnded(tokens, length) {
  return tokens.every((token, i) => {
    const before = i % length ? tokens[i - 1] : 3;
    return before > 2 ? token >= 2 : token === 0;
  });
}
