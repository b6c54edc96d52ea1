/** The kinds of tokenizer.json that bundles have, and the words in one. */

const STAND_INS = ["[PAD]", "[UNK]", "[END]"];  // for padding, for unknown words, for the end of a sentence

// A number such as 1,000 or 12:30; a word, with hyphens and apostrophes inside it; or one mark of punctuation.
const WORD =
  String.raw`\p{N}+(?:[.,:]\p{N}+)+|[\p{L}\p{M}\p{N}_]+(?:['’\-][\p{L}\p{M}\p{N}_]+)*|[^\s\p{L}\p{M}\p{N}_]`;

/**
 * What such a file must ask for. special: its first words. each: what its length is of. entry: gives the sidecar's
 * entry that numbers its words. word: a pattern of all its other words, where these are written too.
 */
export const PROMPTS = {
  normalizer: { type: "Sequence", normalizers: [{ type: "NFD" }, { type: "StripAccents" }, { type: "Lowercase" }] },
  pre_tokenizer: {
    type: "Sequence", pretokenizers: [{ type: "Punctuation", behavior: "Removed" }, { type: "WhitespaceSplit" }],
  },
  special: STAND_INS.slice(0, 2), each: "prompt", entry: ({ inputs }) => inputs[0],
};

export const SENTENCES = {
  normalizer: { type: "Sequence", normalizers: [{ type: "Lowercase" }, { type: "NFC" }] },
  pre_tokenizer: { type: "Split", pattern: { Regex: WORD }, behavior: "Removed", invert: true },
  special: STAND_INS, each: "sentence", entry: ({ output }) => output, word: WORD,
};

/** json: as parseTokenizer gives it. Returns what a prompt or key words may hold, in the order of their numbers. */
export function knownWords({ model: { vocab } }) {
  const words = Object.keys(vocab).filter(word => !STAND_INS.includes(word));
  return words.sort((one, other) => vocab[one] - vocab[other]);
}
