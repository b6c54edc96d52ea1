/** Runs a session and looks at what came out, before anything is made of it. */

import { AttnGANError } from "./errors.js";

/** Resolves to the pictures, Float32Array [rows·C·H·W]. */
export async function draw(session, { name, output }, feeds, rows) {
  const { [output.name]: made } = await session.run(feeds, rows, [output.name]);
  checkShape(name, made, "float32", [rows, output.channels, output.height, output.width]);
  if (!made.data.every(Number.isFinite)) throw new AttnGANError(`${name}: drew NaN or infinity; export it again`);
  return made.data;
}

/** Resolves to { tokens: Int32Array [rows·L], logProbability: Float32Array [rows·L] }, checked to be sentences. */
export async function write(session, { name, output }, feeds, rows) {
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

function checkShape(name, { type, dims }, kind, shape) {
  if (type === kind && String(dims) === String(shape)) return;
  throw new AttnGANError(`${name}: made ${type} [${dims}], not what its sidecar says; export it again`);
}

/** Whether each row of `length` is words (3 and above), then an end (2), then padding (0). */
function areEnded(tokens, length) {
  return tokens.every((token, i) => {
    const before = i % length ? tokens[i - 1] : 3;
    return before > 2 ? token >= 2 : token === 0;
  });
}
