// The form: which controls a generator has, what they ask for, and the same in the page's address.

const element = id => document.getElementById(id);

const FIRST = ["red heart", "dog, beach, ball"]; // what is asked for at first, of generators that know these words
const SOME_WORDS = 16, COMMON_WORDS = 400; // of a vocabulary, whose words go from frequent to rare

/** Shows the controls that `generator` has and fills them from the page's address. `changed` is called after every change,
 * `refused` with an Error for what is no number or out of range. */
export function controls(generator, changed, refused) {
  const words = generator.words ?? [], takes = name => generator.parameters.includes(name);
  const shown = {
    prompt: takes("prompt"), keywords: takes("keywords"), words: words.length > 0,
    class: generator.classes.length > 0, style: generator.styles.length > 0, seed: takes("seed"),
    truncation: takes("truncation"), temperature: takes("temperature"), top_p: takes("topP"),
  };
  for (const [name, has] of Object.entries(shown)) element(`of-${name}`).hidden = !has;

  const asked = { seed: 1, ...first(generator, shown, words), ...fromAddress(generator, shown) };
  const form = { asked, set: values => { Object.assign(asked, values); write(asked, shown); changed(); } };
  chips("classes", generator.classes, name => form.set({ class: name }));
  chips("styles", generator.styles, name => form.set({ style: name }));
  const choose = shown.keywords ? word => ({ keywords: toggle(asked.keywords, word) }) : prompt => ({ prompt });
  offerWords(words, choose, form);
  write(asked, shown);
  listen(form, generator, shown, refused);
  return form;
}

/** The page's address with what is asked for, so that a link shows the same. */
export function address(asked) {
  return `#${new URLSearchParams(asked)}`;
}

function first(generator, shown, words) {
  const known = new Set(words);
  const phrase = FIRST.find(text => text.split(/[ ,]+/).every(word => known.has(word))) ?? pick(words, 1)[0] ?? "";
  return {
    ...(shown.prompt && { prompt: phrase }),
    ...(shown.keywords && { keywords: phrase }),
    ...(shown.class && { class: generator.classes[0] }),
    ...(shown.style && { style: generator.styles[0] }),
    ...(shown.truncation && { truncation: 1 }),
    ...(shown.temperature && { temperature: 0.7 }),
    ...(shown.top_p && { topP: 1 }),
  };
}

const NUMBERS = { seed: "seed", truncation: "truncation", temperature: "temperature", topP: "top_p" };
const TEXTS = ["prompt", "keywords"];

function fromAddress({ classes, styles }, shown) {
  const said = new URLSearchParams(location.hash.slice(1)), given = {};
  for (const name of [...TEXTS, "class", "style"]) if (shown[name] && said.has(name)) given[name] = said.get(name);
  for (const [name, id] of Object.entries(NUMBERS)) {
    const number = Number(said.get(name) || NaN);
    if (shown[id] && Number.isFinite(number)) given[name] = number;
  }
  // A number is as good as a name, but no button has it.
  for (const [name, names] of [["class", classes], ["style", styles]]) given[name] &&= names[given[name]] ?? given[name];
  return given;
}

function write(asked, shown) {
  for (const name of TEXTS) if (shown[name]) element(name).value = asked[name];
  for (const [name, id] of Object.entries(NUMBERS)) {
    if (!shown[id]) continue;
    element(id).value = asked[name];
    const said = document.querySelector(`[data-of=${id}]`);
    if (said) said.textContent = Number(asked[name]).toFixed(2);
  }
  element("seed-slider").value = asked.seed;
  press("classes", [asked.class]);
  press("styles", [asked.style]);
  press("words", keyWords(asked.keywords ?? ""));
}

function listen(form, generator, shown, refused) {
  element("controls").addEventListener("submit", event => event.preventDefault());
  for (const name of TEXTS) element(name).addEventListener("input", ({ target }) => form.set({ [name]: target.value }));
  for (const [name, id] of Object.entries(NUMBERS)) {
    element(id).addEventListener("input", ({ target }) => {
      if (target.value !== "" && target.validity.valid) form.set({ [name]: Number(target.value) });
      else refused(new Error(`${id}: ${target.validationMessage || "no number"}`));
    });
    element(id).addEventListener("change", ({ target }) => {
      if (target.value === "" || !target.validity.valid) form.set({}); // shows the last that was right
    });
  }
  element("seed-slider").addEventListener("input", ({ target }) => form.set({ seed: Number(target.value) }));
  element("dice").addEventListener("click", () => form.set({ seed: Math.floor(Math.random() * 1000) }));
  window.addEventListener("hashchange", () => form.set(fromAddress(generator, shown)));
}

function chips(place, names, chosen) {
  element(place).replaceChildren(...names.map(name => button(name, () => chosen(name))));
}

function press(place, names) {
  for (const chip of element(place).children) chip.setAttribute("aria-pressed", String(names.includes(chip.textContent)));
}

/** choose: what a word that is clicked asks for. */
function offerWords(words, choose, form) {
  const longer = words.filter(word => /^\p{L}{3,}$/u.test(word));
  element("count").textContent = words.length.toLocaleString();
  const offer = () => {
    chips("words", pick(longer.slice(0, COMMON_WORDS), SOME_WORDS), word => form.set(choose(word)));
    press("words", keyWords(form.asked.keywords ?? ""));
  };
  element("others").addEventListener("click", offer);
  offer();
}

/** Key words with one more, or without it. */
function toggle(keywords, word) {
  const before = keyWords(keywords);
  return (before.includes(word) ? before.filter(other => other !== word) : [...before, word]).join(", ");
}

function keyWords(text) {
  return text.split(/[\s,]+/).filter(Boolean);
}

function pick(values, count) {
  const rest = [...values];
  return Array.from({ length: Math.min(count, rest.length) }, () => rest.splice(Math.random() * rest.length, 1)[0]);
}

function button(text, clicked) {
  const made = document.createElement("button");
  made.type = "button";
  made.textContent = text;
  made.addEventListener("click", clicked);
  return made;
}
