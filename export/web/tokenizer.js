/** A bundle's `tokenizer.json`: whether it asks for what words.js does, and has the words of the model. */

import { AttnGANError } from "./errors.js";
import { isText } from "./inputs.js";
import { isObject, parseJSON, same } from "./json.js";
import { LARGEST_VOCABULARY, MOST_LETTERS, MOST_WORDS, TASKS } from "./spec.js";

const STAND_INS = ["[PAD]", "[UNK]", "[END]"];  // for padding, for unknown words, for the end of a sentence

const PROMPTS = {
  normalizer: { type: "Sequence", normalizers: [{ type: "NFD" }, { type: "StripAccents" }, { type: "Lowercase" }] },
  pre_tokenizer: {
    type: "Sequence", pretokenizers: [{ type: "Punctuation", behavior: "Removed" }, { type: "WhitespaceSplit" }],
  },
  special: STAND_INS.slice(0, 2),
};

// A number such as 1,000 or 12:30; a word, with hyphens and apostrophes inside it; or one mark of punctuation.
const WORD =
  String.raw`\p{N}+(?:[.,:]\p{N}+)+|[\p{L}\p{M}\p{N}_]+(?:['’\-][\p{L}\p{M}\p{N}_]+)*|[^\s\p{L}\p{M}\p{N}_]`;

const SENTENCES = {
  normalizer: { type: "Sequence", normalizers: [{ type: "Lowercase" }, { type: "NFC" }] },
  pre_tokenizer: { type: "Split", pattern: { Regex: WORD }, behavior: "Removed", invert: true },
  special: STAND_INS,
  wrongWords,
};

const KINDS = { prompt: PROMPTS, sentence: SENTENCES };

/** bytes: of the file; sidecar: of the bundle. Returns its JSON; throws AttnGANError, one line. */
export function parseTokenizer(bytes, sidecar, where) {
  const reads = TASKS[sidecar.task].tokenizer, kind = KINDS[reads];
  let json, problem;
  try {
    json = parseJSON(bytes);
    problem = wrongTokenizer(json, kind) ?? kind.wrongWords?.(json);
  } catch {
    problem = "is not JSON or is cut short";
  }
  if (problem) throw new AttnGANError(`${where}: ${problem}; restore it from where it was copied`);
  const { maximum, shape } = [...sidecar.inputs, sidecar.output].find(({ name }) => name === "tokens");
  const size = Object.keys(json.model.vocab).length, length = json.truncation.max_length;
  if (size !== maximum + 1 || length !== shape[1]) {
    throw new AttnGANError(
      `${where}: has ${size} words, ${length} a ${reads}, where the model takes ${maximum + 1} ` +
      `and ${shape[1]}; export the generator again`);
  }
  return json;
}

/** json: as parseTokenizer gives it. Returns what a prompt or key words may hold, in the order of their numbers. */
export function knownWords({ model: { vocab } }) {
  const words = Object.keys(vocab).filter(word => !STAND_INS.includes(word));
  return words.sort((one, other) => vocab[one] - vocab[other]);
}

function wrongTokenizer(json, { normalizer, pre_tokenizer, special }) {
  const { version, truncation, padding, model, ...rest } = json;
  if (!same(rest, { added_tokens: [], normalizer, pre_tokenizer, post_processor: null, decoder: null })) {
    return "does other things than splitting text into words in lower case";
  }
  const length = truncation.max_length;
  if (!Number.isInteger(length) || length < 1 || length > MOST_WORDS) return "its length is not a number of words";
  if (!same(truncation, { direction: "Right", max_length: length, strategy: "LongestFirst", stride: 0 })) {
    return `does not cut after ${length} words`;
  }
  const pad = { direction: "Right", pad_id: 0, pad_type_id: 0, pad_token: "[PAD]", pad_to_multiple_of: null };
  if (!same(padding, { ...pad, strategy: { Fixed: length } })) return `does not pad with [PAD] to ${length} words`;
  return wrongVocabulary(model, special);
}

function wrongVocabulary({ vocab, ...rest }, special) {
  if (!isObject(vocab) || !same(rest, { type: "WordLevel", unk_token: "[UNK]" })) return "is not a word-level model";
  const words = Object.keys(vocab), size = words.length;
  if (size > LARGEST_VOCABULARY || words.some(word => [...word].length > MOST_LETTERS)) {
    return `has more than ${LARGEST_VOCABULARY} words, or one of more than ${MOST_LETTERS} letters`;
  }
  if (special.some((word, number) => vocab[word] !== number)) return `its first words are not ${special.join(" and ")}`;
  const numbers = new Set(Object.values(vocab));
  const isNumbered = [...numbers].every(number => Number.isInteger(number) && number >= 0 && number < size);
  return isNumbered && numbers.size === size ? undefined : `does not number its ${size} words from 0 up`;
}

/** A word of two lines, or one that moves the cursor, would reach whatever shows the sentences. */
function wrongWords({ model }) {
  const word = new RegExp(`^(?:${WORD})$`, "u");
  const own = Object.keys(model.vocab).filter(found => model.vocab[found] >= SENTENCES.special.length);
  return own.every(found => isText(found) && word.test(found)) ? undefined : "has words that are not one word each";
}
