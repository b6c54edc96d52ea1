/** Generators exported by attngan, in browsers on ONNX Runtime Web and in Node on its native library. */

/** A mistake that the user can mend: one line that names the option or file, the value found there and the remedy. */
export class AttnGANError extends Error {
  readonly name: "AttnGANError";
}

export interface Progress {
  /** `model.onnx.json`, `model.onnx` or `tokenizer.json` */
  file: string;
  /** bytes so far */
  loaded: number;
  /** bytes of the file; 0 where the server doesn't say; equal to `loaded` in the file's last report */
  total: number;
}

export interface LoadOptions {
  /**
   * Default: `wasm` in a browser, `cpu` in Node. `webgpu` is taken only where the bundle's golden sample comes out
   * right on it; else the default is, and the generator's `note` says why.
   */
  device?: "wasm" | "cpu" | "webgpu";
  onProgress?: (progress: Progress) => void;
}

/**
 * Opens a bundle: fetches it, compares it with its hashes, and runs its golden sample.
 *
 * url: of the folder. Absolute, or relative to the page, in a browser; a path, or a file:, http: or https: URL in Node.
 * Throws AttnGANError for what is no address, no bundle or damaged, or makes other things than its golden sample says.
 */
export function load(url: string | URL, options?: LoadOptions): Promise<Generator>;

/** `generator.task === "text"` says which of the two it is. */
export type Generator = PictureGenerator | SentenceGenerator;

interface Loaded {
  /** such as `fashion-32` */
  readonly name: string;
  /** where it runs */
  readonly device: "wasm" | "cpu" | "webgpu";
  /** why it runs elsewhere than was asked for; empty if it doesn't */
  readonly note: string;
  /** the bundle's model.onnx.json, which docs/bundle.md describes */
  readonly sidecar: { readonly [field: string]: any };
  /** of the weights */
  readonly license: string;
  /** what it learnt from */
  readonly source: string;
  /** what `generate` makes */
  readonly makes: "pictures" | "sentences";
  /** the options that `generate` takes */
  readonly parameters: readonly string[];
  /** names in the order of their numbers; empty where there are none */
  readonly classes: readonly string[];
  /** names in the order of their numbers; empty where there are none */
  readonly styles: readonly string[];
  /** what it knows of prompts or key words; empty where it takes none */
  readonly words: readonly string[];
  /** Frees its memory. It can't generate afterwards. */
  release(): Promise<void>;
}

export interface PictureGenerator extends Loaded {
  readonly task: "image" | "text-to-image";
  readonly width: number;
  readonly height: number;
  /** 1 grey, 3 RGB, 4 RGBA */
  readonly channels: 1 | 3 | 4;
  /** One picture. Calls that overlap wait for one another. Throws AttnGANError for what the generator doesn't take. */
  generate(options?: PictureOptions): Promise<Picture>;
}

export interface PictureOptions {
  /** 0 … 2³²−1, default 0: the same seed, class, prompt, style and truncation are the same picture */
  seed?: number;
  /** a name or number, default 0; of generators that have classes */
  class?: string | number;
  /** what to draw; of generators that draw from words, which need it */
  prompt?: string;
  /** a name or number, default 0; of generators that have styles */
  style?: string | number;
  /** 0 … 2, default 1: below 1 draws more typical pictures */
  truncation?: number;
  /** standard normals, in place of `seed`; of bundles that were exported with `--input z`, which need it */
  z?: Float32Array | Float64Array | number[];
}

export interface Picture {
  width: number;
  height: number;
  /** RGBA with straight alpha, for `new ImageData(data, width, height)` */
  data: Uint8ClampedArray<ArrayBuffer>;
  /** the graph's own [C·H·W] in [−1, 1]; where C is 4, colour premultiplied by alpha, then alpha */
  output: Float32Array;
  /** what of the prompt the picture won't show: words that are unknown or too many */
  warnings: string[];
}

export interface SentenceGenerator extends Loaded {
  readonly task: "text";
  /** key words of a sentence at most */
  readonly keywords: number;
  /** tokens of a sentence at most, its end among them */
  readonly length: number;
  /** One sentence. Calls that overlap wait for one another. Throws AttnGANError for what the generator doesn't take. */
  generate(options?: SentenceOptions): Promise<Sentence>;
}

export interface SentenceOptions {
  /** 0 … 2³²−1, default 0: the same seed, key words and sampling are the same sentence */
  seed?: number;
  /** what it is to be about, such as `dog, beach, ball`; without them it is about anything */
  keywords?: string;
  /** 0.05 … 5, default 1: below 1 writes likelier sentences */
  temperature?: number;
  /** 0 … V, default 0: draws from the so many likeliest tokens alone; 1 is greedy, 0 is off */
  topK?: number;
  /** above 0 … 1, default 1: draws from the likeliest tokens that have this much probability together; 1 is off */
  topP?: number;
}

export interface Sentence {
  /** in lower case */
  sentence: string;
  /** [L]: its tokens, 2 where it ends within L, then 0 */
  tokens: Int32Array;
  /** [L]: natural logarithm of each token's probability at temperature 1 and of all words; then 0 */
  logProbability: Float32Array;
  /** key words that are unknown or too many */
  warnings: string[];
}
