/** A caller's seed, class, style and so on as the numbers a graph takes; what doesn't fit is refused. */

import { AttnGANError, plain, shown } from "./errors.js";

const MOST_TEXT = 100_000;  // characters of a prompt or of key words; 4,096 words are about 25,000

// Control characters but for \t \n \v \f \r and U+0085, which separate words, and halves of surrogate pairs.
const NO_TEXT = /[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff]/u;

/** Refuses options that `generate` doesn't take of this generator; `takes` are those that it does. */
export function checkOptions(options, takes, name) {
  if (typeof options !== "object" || options === null) {
    throw new AttnGANError(`generate: ${shown(options)} is not a set of options; use for example { seed: 7 }`);
  }
  for (const option of Object.keys(options)) {
    if (!takes.includes(option) && options[option] !== undefined) {
      throw new AttnGANError(`${plain(option)}: ${name} does not take it; it takes ${takes.join(", ")}`);
    }
  }
}

/** A whole number 0 … highest; never true, a string or a fraction. */
export function whole(what, value, highest) {
  if (!Number.isInteger(value)) {
    throw new AttnGANError(`${what}: ${shown(value)} is not a whole number; use 0 to ${highest}`);
  }
  if (value < 0 || value > highest) throw new AttnGANError(`${what}: ${value} is outside 0 to ${highest}`);
  return value;
}

/** The number of a class or style: by its name, by its name in other capitals where none clash, then by its number. */
export function numberOf(what, value, names) {
  if (typeof value !== "string") return whole(what, value, names.length - 1);
  if (names.includes(value)) return names.indexOf(value);
  const alike = names.filter(name => name.toLowerCase() === value.toLowerCase());
  if (alike.length === 1) return names.indexOf(alike[0]);
  if (/^\d+$/.test(value)) return whole(what, Number(value), names.length - 1);
  const known = names.slice(0, 20).join(", ") + (names.length > 20 ? ", …" : "");
  throw new AttnGANError(`${what}: no ${what} ${shown(value)}; there are ${known}`);
}

/** A number lowest … highest, as float32 has it. */
export function between(what, value, lowest, highest) {
  if (typeof value !== "number") {
    throw new AttnGANError(`${what}: ${shown(value)} is not a number; use ${lowest} to ${highest}`);
  }
  const single = Math.fround(value);
  if (!(single >= Math.fround(lowest) && single <= highest)) {
    throw new AttnGANError(`${what}: ${value} is outside ${lowest} to ${highest}; 1 changes nothing`);
  }
  return single;
}

/** Float32Array of `size` finite numbers. */
export function normals(z, size) {
  if (!(z instanceof Float32Array || z instanceof Float64Array || Array.isArray(z)) || z.length !== size) {
    const found = z?.length === undefined ? shown(z) : `${z.length} values`;
    throw new AttnGANError(`z: ${found} where ${size} are needed; pass a Float32Array of standard normals`);
  }
  const values = Float32Array.from(z);  // in which 1e300 is infinity, and "4" is 4
  if (z.every(Number.isFinite) && values.every(Number.isFinite)) return values;
  throw new AttnGANError("z: holds what is no finite number; pass standard normals");
}

/** The text itself, if a tokenizer can read it. */
export function text(what, value) {
  if (typeof value !== "string") throw new AttnGANError(`${what} ${shown(value)}: is not text; write it as a string`);
  const letters = [...value], found = NO_TEXT.exec(value)?.[0];
  if (letters.length > MOST_TEXT) {
    const start = ascii(letters.slice(0, 40));
    throw new AttnGANError(
      `${what} ${start}: has ${letters.length} characters, where ${MOST_TEXT} is the limit; shorten it`);
  }
  if (found === undefined) return value;
  const place = letters.indexOf(found);
  const problem = found >= "\ud800" ? "half a surrogate pair, so it is not valid text" : "a control character";
  const around = ascii(letters.slice(Math.max(0, place - 30), place + 10));
  const number = hex(found, 4).toUpperCase();
  throw new AttnGANError(`${what} ${around}: U+${number} at place ${place} is ${problem}; remove it`);
}

/** Whether a text can be read at all: neither control characters nor half a surrogate pair. */
export function isText(value) {
  return !NO_TEXT.test(value);
}

/** In quotes, all but printable ASCII as \xNN, \uNNNN or \UNNNNNNNN. */
function ascii(letters) {
  const short = { "\t": "\\t", "\n": "\\n", "\r": "\\r", "\\": "\\\\" };
  const quote = letters.includes("'") && !letters.includes('"') ? '"' : "'";
  const escaped = letters.map(letter => {
    if (letter === quote) return "\\" + letter;
    if (short[letter]) return short[letter];
    if (letter >= " " && letter <= "~") return letter;
    const number = letter.codePointAt(0);
    return number < 256 ? "\\x" + hex(letter, 2) : number < 65536 ? "\\u" + hex(letter, 4) : "\\U" + hex(letter, 8);
  });
  return quote + escaped.join("") + quote;
}

function hex(letter, digits) {
  return letter.codePointAt(0).toString(16).padStart(digits, "0");
}
