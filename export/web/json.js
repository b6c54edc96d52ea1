/** Values from JSON that others wrote. */

/** bytes: UTF-8. Throws an Error for what is no JSON. */
export function parseJSON(bytes) {
  return JSON.parse(textOf(bytes));
}

/** Throws a TypeError for what is no UTF-8; a byte order mark stays, and is no JSON. */
export function textOf(bytes) {
  return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
}

/** Whether two values are the same, in whatever order their keys are; the second is one of ours, so it ends. */
export function same(found, expected) {
  if (!isNested(found) || !isNested(expected)) return found === expected;
  const keys = Object.keys(expected);
  return Array.isArray(found) === Array.isArray(expected) && Object.keys(found).length === keys.length
    && keys.every(key => Object.hasOwn(found, key) && same(found[key], expected[key]));
}

export function isObject(value) {
  return isNested(value) && !Array.isArray(value);
}

/** A value as a message shows it, in one line. */
export function brief(value) {
  try {
    return (JSON.stringify(value) ?? "missing").slice(0, 120).replace(/[\x7f-\x9f\u2028\u2029]/g, " ");
  } catch {  // thousands of lists within lists, which can be read, but not written again
    return "nested too deep";
  }
}

function isNested(value) {
  return typeof value === "object" && value !== null;
}
