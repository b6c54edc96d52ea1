/** Words as tokens, and tokens as sentences, by a bundle's `tokenizer.json`, of which `json` is the parsed text. */

/** The feeds `tokens` and `mask` [L], and the prompt's words as they were written: kept, unknown, and beyond L. */
export function promptReader(json: any): (prompt: string) => {
  tokens: BigInt64Array;
  mask: BigInt64Array;
  words: string[];
  unknown: string[];
  cut: string[];
};

/** The feeds `keywords` and `mask` [count], and the words that are unknown, and beyond `count`. */
export function keywordReader(json: any, count: number): (text: string) => {
  keywords: BigInt64Array;
  mask: BigInt64Array;
  unknown: string[];
  cut: string[];
};

/** The sentence of one row of the output `tokens`. */
export function sentenceWriter(json: any): (tokens: BigInt64Array | Int32Array | number[]) => string;
