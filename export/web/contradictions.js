/** Whether all that this module uses of a sidecar is there and fits together. */

import { MAX_SEED } from "./inputs.js";
import { brief, isObject, same } from "./json.js";

export const SIDECAR = "model.onnx.json", MODEL = "model.onnx", TOKENIZER = "tokenizer.json";

// What no generator exceeds, as the Python runtime has it: bounds on what a bundle can make a page allocate.
export const MOST_WORDS = 4096;  // of a prompt, tokens of a sentence
export const LARGEST_VOCABULARY = 2 ** 20;
const MOST_KEYWORDS = 1024, LARGEST_Z = 2 ** 16, MOST_NAMES = 65536;
const MOST_PIXELS = 2 ** 24, MOST_VALUES = 2 ** 26;  // of a picture; of the golden pictures together

/** The orders that inputs may have, by task. */
const TASKS = {
  image: orders([], "class"),
  "text-to-image": orders(["tokens", "mask"], "style"),
  text: [["keywords", "mask", "seed", "temperature", "top_k", "top_p"]],
};

/** What is wrong with a sidecar, an object from JSON; undefined if nothing is. */
export function contradiction(sidecar) {
  try {
    return wrongWhole(sidecar) ?? wrongInputs(sidecar) ?? wrongOutput(sidecar) ?? wrongGolden(sidecar);
  } catch {  // something is of another kind than it was taken for
    return "holds a value of the wrong kind";
  }
}

/** Noise from seed or z, with or without something to choose from. */
function orders(first, choice) {
  return ["seed", "z"].flatMap(noise => [[], [choice]].map(some => [...first, noise, ...some, "truncation"]));
}

function wrongWhole({ name, license, source, task, files, model }) {
  if (!isLine(name)) return `name is ${brief(name)}; it must be a line of 1 to 255 characters`;
  if (!isText(license)) return `license is ${brief(license)}; it must be 1 to 2000 characters`;
  if (!isText(source)) return `source is ${brief(source)}; it must be 1 to 2000 characters`;
  if (typeof task !== "string" || !Object.hasOwn(TASKS, task)) {
    return `task is ${brief(task)}; it must be ${Object.keys(TASKS).join(", ")}`;
  }
  if (model !== MODEL) return `model is ${brief(model)}; it must be ${MODEL}`;
  for (const needed of task === "image" ? [MODEL] : [MODEL, TOKENIZER]) {
    if (!isObject(files) || !Object.hasOwn(files, needed)) return `${needed} is not among its files`;
    if (typeof files[needed] !== "string" || !/^[0-9a-f]{64}$/.test(files[needed])) {
      return `sha256 of ${needed} is ${brief(files[needed])}; it must be 64 hex digits`;
    }
  }
}

function wrongInputs({ task, inputs }) {
  if (!Array.isArray(inputs) || !inputs.every(isObject)) return "inputs are not a list";
  const names = inputs.map(given => given.name);
  if (!TASKS[task].some(order => same(names, order))) return `inputs are ${brief(names)}, not those of ${task}`;
  for (const given of inputs) {
    const expected = expectedInput(given);
    if (!same(given, expected)) return `input ${given.name} is ${brief(given)}; it must be ${brief(expected)}`;
  }
  const words = inputs.filter(given => ["tokens", "keywords", "mask"].includes(given.name));
  if (words.length && words[0].shape[1] !== words[1].shape[1]) return `${words[0].name} and mask differ in length`;
}

/** What the sidecar must say of an input, given the numbers and names that are its own. */
function expectedInput({ name, shape, maximum, classes, styles }) {
  const row = most => ({ name, shape: ["batch", within(shape[1], 1, most)] });
  const whole = highest => ({ dtype: "int64", minimum: 0, maximum: highest });
  const one = { name, shape: ["batch"] }, number = { ...one, dtype: "float32" };
  switch (name) {
    case "tokens": return { ...row(MOST_WORDS), ...whole(within(maximum, 2, LARGEST_VOCABULARY - 1)) };
    case "keywords": return { ...row(MOST_KEYWORDS), ...whole(within(maximum, 3, LARGEST_VOCABULARY - 1)) };
    case "mask": return { ...row(MOST_WORDS), ...whole(1) };
    case "z": return { ...row(LARGEST_Z), dtype: "float32" };
    case "seed": return { ...one, ...whole(MAX_SEED) };
    case "class": return areNames(classes, 1) ? { ...one, ...whole(classes.length - 1), classes } : "names";
    case "style": return areNames(styles, 2) ? { ...one, ...whole(styles.length - 1), default: 0, styles } : "names";
    case "top_k": return { ...one, ...whole(within(maximum, 2, LARGEST_VOCABULARY)), default: 0 };
    case "truncation": return { ...number, minimum: 0, maximum: 2, default: 1 };
    case "temperature": return { ...number, minimum: 0.05, maximum: 5, default: 1 };
    case "top_p": return { ...number, exclusiveMinimum: 0, maximum: 1, default: 1 };
  }
}

/** The whole number itself if it is within these two, else the nearer of them. */
function within(value, lowest, highest) {
  return Number.isInteger(value) ? Math.min(Math.max(value, lowest), highest) : lowest;
}

function wrongOutput({ task, inputs, output, log_probability: likely }) {
  if (task === "text") return wrongSentences(inputs, output, likely);
  const { name, channels, height, width } = output;
  const expected = { name, dtype: "float32", layout: "NCHW", channels, height, width, minimum: -1, maximum: 1 };
  const isPicture = isLine(name) && [1, 3, 4].includes(channels) && isSide(height) && isSide(width);
  if (!isPicture || !same(output, expected)) return `output is ${brief(output)}, no picture`;
  if (height * width > MOST_PIXELS) return `output has ${height}×${width} pixels, where ${MOST_PIXELS} is the limit`;
}

function wrongSentences(inputs, output, likely) {
  const maximum = inputs[0].maximum, shape = ["batch", within(output.shape[1], 1, MOST_WORDS)];
  const tokens = { name: "tokens", dtype: "int64", shape, minimum: 0, maximum };
  if (!same(output, tokens)) return `output is ${brief(output)}; it must be ${brief(tokens)}`;
  const probability = { name: "log_probability", dtype: "float32", shape, maximum: 0 };
  if (!same(likely, probability)) return `log_probability is ${brief(likely)}; it must be ${brief(probability)}`;
  if (inputs[4].maximum !== maximum + 1) return `top_k goes to ${inputs[4].maximum} of ${maximum + 1} words`;
}

function wrongGolden({ task, inputs, output, log_probability: likely, golden }) {
  const { inputs: given, tolerance } = golden, count = given[inputs[0].name].length;
  if (!(count >= 1 && count <= 8)) return `golden inputs are ${brief(count)} rows; they must be 1 to 8`;
  if (Object.keys(given).length !== inputs.length) return "golden inputs are not those of the graph";
  const wrong = inputs.find(entry => !areRows(entry, given[entry.name], count));
  if (wrong) return `golden inputs of ${wrong.name} are not of its shape, kind or range`;
  if (!isBetween(tolerance, 0, 0.1) || tolerance === 0) {
    return `golden tolerance is ${brief(tolerance)}; it must be above 0 to 0.1`;
  }
  if (task !== "text") return wrongGoldenPictures(golden, count * output.channels * output.height * output.width);
  const areSentences = areRows(output, golden.tokens, count) && areRows(likely, golden.log_probability, count);
  if (!areSentences) return `golden sentences are not ${count} rows of ${output.shape[1]}`;
}

function wrongGoldenPictures({ indices, values }, size) {
  if (size > MOST_VALUES) return `golden pictures have ${size} values together, where ${MOST_VALUES} is the limit`;
  const count = new Set(indices).size;
  if (!(count >= 16 && count <= 1024 && indices.length === count && values.length === count)) {
    return "golden indices must be as many as values, 16 to 1024, each once";
  }
  const isIndex = value => Number.isInteger(value) && value >= 0 && value < size;
  if (!indices.every(isIndex)) return `golden indices must be whole numbers below ${size}`;
  if (!values.every(value => isBetween(value, -1, 1))) return "golden values must be -1 to 1";
}

/** Whether values are `count` rows of what the entry of an input or output says. */
function areRows({ shape, dtype, minimum = -Infinity, maximum = Infinity, exclusiveMinimum }, rows, count) {
  const isKind = dtype === "int64" ? Number.isInteger : value => Number.isFinite(Math.fround(value));
  const isValue = value => typeof value === "number" && isKind(value)
    && value >= minimum && value <= maximum && !(value <= exclusiveMinimum);
  const isRow = row => Array.isArray(row) && row.length === shape[1] && row.every(isValue);
  return Array.isArray(rows) && rows.length === count && rows.every(shape.length === 1 ? isValue : isRow);
}

function isBetween(value, lowest, highest) {
  return typeof value === "number" && value >= lowest && value <= highest;
}

function isSide(value) {
  return Number.isInteger(value) && value >= 1 && value <= 8192;
}

function areNames(names, least) {
  const isList = Array.isArray(names) && names.length >= least && names.length <= MOST_NAMES;
  return isList && names.every(isLine) && new Set(names).size === names.length;
}

/** What is shown in menus and messages: without control characters and what breaks lines. */
function isLine(value) {
  return typeof value === "string" && /^[^\x00-\x1f\x7f-\x9f\u2028\u2029]{1,255}$/u.test(value);
}

function isText(value) {
  return typeof value === "string" && value.length >= 1 && value.length <= 2000;
}
