// The page: opens the generator, and shows what it makes of the form after every change.

import { address, controls } from "./controls.js";
import { VIEWS } from "./views.js";

const element = id => document.getElementById(id);
const { runs, device } = document.documentElement.dataset;

/** The generator: of a server (attngan-run serve), or run here by ONNX Runtime Web from the files beside the page. */
async function open() {
  if (runs === "server") return (await import("./served.js")).connect(document.baseURI);
  const { load } = await import("./attngan/attngan.js");
  return load(new URL("bundle/", document.baseURI).href, { device, onProgress: showProgress });
}

/** Of the bundle's files the model alone is shown: it is all but a hundredth of them. */
function showProgress({ file, loaded, total }) {
  performance.clearMarks("downloaded");
  performance.mark("downloaded");
  if (file !== "model.onnx") return;
  if (total) element("progress").value = loaded / total;
  element("state").textContent = `Fetching the generator, ${(loaded / 1e6).toFixed(1)} MB…`;
}

async function start() {
  const generator = await open();
  introduce(generator);
  const seen = { changes: 0 };
  const follow = latest(() => showNext(generator, form, seen));
  const refresh = latest(async () => {
    await show(generator, form, seen);
    follow();
  });
  const form = controls(generator, () => {
    seen.changes += 1;
    busy(true);
    refresh();
  }, showError);
  buttons(generator, seen);
  busy(true);
  await refresh();
  element("loading").hidden = true;
  element("main").hidden = false;
  if (performance.getEntriesByName("downloaded").length) performance.measure("download to first", "downloaded");
}

/** What the page says of the generator, and which of its parts are for what it makes. */
function introduce(generator) {
  const view = VIEWS[generator.makes];
  document.title = element("name").textContent = generator.name;
  element("about").textContent = view.about;
  const place = runs === "server" ? "ONNX Runtime on the server" : `ONNX Runtime Web in this browser (${generator.device})`;
  element("origin").textContent = [`Runs by ${place}`, generator.note, `licence of the weights: ${generator.license}`,
    `learnt from: ${generator.source}`].filter(Boolean).join(" · ");
  document.body.classList.add(generator.makes);
  document.body.classList.toggle("transparent", generator.channels === 4);
  if (generator.width) document.body.style.setProperty("--aspect", `${generator.width} / ${generator.height}`);
  for (const id of Object.values(VIEWS).flatMap(({ parts }) => parts)) element(id).hidden = !view.parts.includes(id);
}

/** Calls while `work` goes on have it repeated once: of many changes the last counts. Errors are said on the page. */
function latest(work) {
  let wanted = false, running = null;
  return () => {
    wanted = true;
    running ??= (async () => {
      while (wanted) {
        wanted = false;
        await work().catch(showError);
      }
      running = null;
    })();
    return running;
  };
}

async function show(generator, form, seen) {
  const asked = { ...form.asked }, change = seen.changes, before = performance.now();
  const made = await generator.generate(optionsOf(asked));
  element("time").textContent = `${Math.max(1, Math.round(performance.now() - before))} ms`;
  element("warnings").textContent = made.warnings.join("; ");
  VIEWS[generator.makes].show(element("stage"), made, Object.entries(asked).map(entry => entry.join(" ")).join(", "));
  document.body.classList.remove("refused");
  element("download").disabled = element("copy").disabled = false;
  Object.assign(seen, { made, asked, change });
}

/** The seeds after the one that is shown, each a button that takes its place; a change of the form ends it. */
async function showNext(generator, form, seen) {
  const { asked, change } = seen, list = element("next"), view = VIEWS[generator.makes];
  for (let i = 0; i < view.next; i += 1) {
    if (seen.changes !== change) return;
    const seed = (asked.seed + i + 1) % 2 ** 32;
    const made = await generator.generate(optionsOf({ ...asked, seed }));
    if (seen.changes !== change) return;
    const entry = list.children[i] ?? list.appendChild(emptyEntry(form));
    entry.dataset.seed = seed;
    entry.querySelector("small").textContent = seed;
    view.show(entry, made, `seed ${seed}`);
  }
  // Once at rest, for browsers refuse to write addresses a hundred times in a row.
  history.replaceState(null, "", address(asked));
  busy(false);
}

/** Whether what is shown is not yet what the form asks for. */
function busy(now) {
  element("main").setAttribute("aria-busy", String(now));
}

/** What is asked for, without key words where there are none: an empty field is no mistake. */
function optionsOf({ keywords, ...asked }) {
  return keywords?.trim() ? { ...asked, keywords } : asked;
}

function emptyEntry(form) {
  const entry = element("next-entry").content.firstElementChild.cloneNode(true);
  entry.querySelector("button").addEventListener("click", () => form.set({ seed: Number(entry.dataset.seed) }));
  return entry;
}

function buttons(generator, seen) {
  element("download").addEventListener("click", async () => {
    const png = seen.made.png ?? await new Promise(done => element("picture").toBlob(done, "image/png"));
    const link = document.createElement("a");
    link.href = URL.createObjectURL(png);
    link.download = `${fileName(generator.name, seen.asked)}.png`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1e4);
  });
  copies("copy", () => seen.made.sentence);
  copies("link", () => new URL(address(seen.asked), location).href);
}

/** Such as emoji-64-red-heart-seed-7. */
function fileName(name, { prompt, class: label, seed }) {
  const said = (prompt ?? label ?? "").toLowerCase().replace(/[^\p{L}\p{N}]+/gu, "-").slice(0, 60);
  return [name, said, `seed-${seed}`].filter(Boolean).join("-").replace(/-{2,}/g, "-");
}

function copies(id, text) {
  const button = element(id), label = button.textContent;
  button.addEventListener("click", async () => {
    const done = await navigator.clipboard?.writeText(text()).then(() => true, () => false);
    button.textContent = done ? "Copied" : "Could not copy";
    setTimeout(() => { button.textContent = label; }, 1200);
  });
}

function showError(error) {
  element("warnings").textContent = oneLine(error);
  document.body.classList.add("refused");
  busy(false);
}

function oneLine(error) {
  return String(error.message ?? error).replace(/\s+/g, " ");
}

start().catch(error => {
  element("loading").classList.add("failed");
  element("state").setAttribute("role", "alert");
  element("state").textContent = oneLine(error);
});
