/** Words as tokens, and tokens as sentences, by `tokenizer.json` as docs/bundle.md describes it; needs nothing else. */

const SEPARATOR = /[\p{White_Space}\p{P}$+<=>^`|~]/u;

/**
 * json: the tokenizer.json of a generator that draws from words, parsed. The result reads a prompt: `tokens` and
 * `mask` are feeds (new ort.Tensor("int64", tokens, [1, tokens.length])); `words`, `unknown` and `cut` are words as
 * they were written: those that are kept, those of them that the vocabulary hasn't, and those beyond the length.
 */
export function promptReader(json) {
  const vocab = new Map(Object.entries(json.model.vocab)), length = json.truncation.max_length;
  return prompt => {
    const written = wordsOf(prompt), words = written.slice(0, length);
    const tokens = new BigInt64Array(length), mask = new BigInt64Array(length);
    words.forEach((word, i) => { tokens[i] = BigInt(vocab.get(plain(word)) ?? 1); mask[i] = 1n; });
    const unknown = [...new Set(words.filter(word => !vocab.has(plain(word))))];
    return { tokens, mask, words, unknown, cut: written.slice(length) };
  };
}

/** In NFD, without combining marks, in lower case letter by letter. */
function plain(text) {
  return [...text.normalize("NFD").replace(/\p{M}/gu, "")].map(letter => letter.toLowerCase()).join("");
}

/** The words of a prompt as they were written, from the first letter that `plain` keeps to the last. */
function wordsOf(prompt) {
  const words = [];
  let start = -1, end = 0, place = 0;
  for (const letter of prompt + " ") {
    const kept = plain(letter);
    if (SEPARATOR.test(kept) && start >= 0) { words.push(prompt.slice(start, end)); start = -1; }
    else if (kept && !SEPARATOR.test(kept)) { start = start < 0 ? place : start; end = place + letter.length; }
    place += letter.length;
  }
  return words;
}

/**
 * json: the tokenizer.json of a generator of sentences, parsed; count: its K. The result reads key words: `keywords`
 * and `mask` are feeds; `unknown` are words that the vocabulary hasn't, `cut` those beyond the K-th.
 */
export function keywordReader(json, count) {
  const vocab = new Map(Object.entries(json.model.vocab)), word = new RegExp(json.pre_tokenizer.pattern.Regex, "gu");
  return text => {
    const lower = [...text].map(letter => letter.toLowerCase()).join("").normalize("NFC");
    const words = [...new Set((lower.match(word) ?? []).filter(found => /[\p{L}\p{N}]/u.test(found)))];
    const known = words.filter(found => vocab.has(found)), unknown = words.filter(found => !vocab.has(found));
    const keywords = new BigInt64Array(count), mask = new BigInt64Array(count);
    known.slice(0, count).forEach((found, i) => { keywords[i] = BigInt(vocab.get(found)); mask[i] = 1n; });
    return { keywords, mask, unknown, cut: known.slice(count) };
  };
}

/** json: the same. The result turns one row of the output `tokens`, numbers or BigInts, into the sentence. */
export function sentenceWriter(json) {
  const words = new Map(Object.entries(json.model.vocab).map(([word, number]) => [number, word]));
  return tokens => {
    let text = "", glued = true, open = new Set(), end = tokens.findIndex(token => token < 3);
    for (const word of Array.from(tokens.slice(0, end < 0 ? undefined : end), token => words.get(Number(token)))) {
      const quote = `"'`.includes(word), closes = quote ? open.delete(word) : ".,!?;:%)]}…’”".includes(word);
      text += glued || closes ? word : " " + word;
      if (quote && !closes) open.add(word);
      glued = quote ? !closes : "([{$#‘“".includes(word);
    }
    return text;
  };
}
