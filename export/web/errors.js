/** A mistake that the user can mend: one line that names the option or file, the value found there and the remedy. */
export class AttnGANError extends Error {
  name = "AttnGANError";
}

/** The first line of what another library threw, short enough for a message. */
export function reasonOf(error) {
  return String(error?.message ?? error).split("\n")[0].trim().slice(0, 200);
}

/** A caller's value as a message shows it. */
export function shown(value) {
  if (typeof value === "string") return `'${plain(value)}'`;
  return Array.isArray(value) ? "an array" : typeof value === "object" && value ? "an object" : plain(String(value));
}

/** The first 40 letters of a text, in one line; U+0085 breaks lines too, and is no white space in JavaScript. */
export function plain(text) {
  return [...text.slice(0, 80)].slice(0, 40).join("").replace(/[\s\x85]+/g, " ");
}
