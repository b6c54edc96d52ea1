/** What of a prompt, or of key words, will not be seen in what is made of them, in the words of the Python runtime. */

/** prompt: as the user wrote it; read: what `promptReader` gave for it. */
export function promptWarnings(prompt, { words, unknown, cut }) {
  const shown = `prompt '${short(prompt)}'`, lines = [];
  if (!words.length) lines.push(`${shown}: holds no words; what it draws follows seed and style alone`);
  if (unknown.length) {
    lines.push(`${shown}: unknown ${quoteWords(unknown)}; it was trained on no caption with such words`);
  }
  if (cut.length) lines.push(`${shown}: cut after ${words.length} words, without ${quoteWords(cut)}`);
  return lines;
}

/** asked: as the user wrote it; read: what `keywordReader` gave for it. */
export function keywordWarnings(asked, { mask, unknown, cut }) {
  const shown = `key words '${short(asked)}'`, lines = [], count = mask.filter(Boolean).length;
  if (unknown.length) {
    lines.push(`${shown}: unknown ${quoteWords(unknown)}; hardly a sentence of its training has such a word`);
  }
  if (cut.length) lines.push(`${shown}: ${count} at most, without ${quoteWords(cut)}`);
  if (!count) lines.push(`${shown}: none is left, so these sentences are about anything`);
  return lines;
}

function short(text) {
  return [...text.split(/\p{White_Space}+/u).filter(Boolean).join(" ")].slice(0, 60).join("");
}

function quoteWords(words, most = 8) {
  const more = words.length > most ? ` and ${words.length - most} more` : "";
  return words.slice(0, most).map(word => `'${[...word].slice(0, 40).join("")}'`).join(", ") + more;
}
