/** What all generators share. */

import { AttnGANError } from "./errors.js";
import { knownWords } from "./tokenizer.js";

/** The session of a generator, for the classes of tasks alone. */
export let sessionOf;

export class Generator {
  #session;

  static {
    sessionOf = generator => generator.#session;
  }

  /** parameters: the options that `generate` takes. */
  constructor({ sidecar, tokenizer }, { session, device, note }, parameters) {
    this.#session = session;
    this.sidecar = sidecar;
    this.device = device;
    this.note = note;
    this.makes = new.target.makes;
    this.parameters = parameters;
    this.classes = inputOf(sidecar, "class")?.classes ?? [];
    this.styles = inputOf(sidecar, "style")?.styles ?? [];
    this.words = tokenizer ? knownWords(tokenizer) : [];
    for (const field of ["name", "task", "license", "source"]) this[field] = sidecar[field];
  }

  release() {
    return this.#session.release();
  }
}

/** The sidecar's entry of an input; undefined if the graph has none of that name. */
export function inputOf(sidecar, name) {
  return sidecar.inputs.find(given => given.name === name);
}

/** Refuses an output of another type or shape than the sidecar says. */
export function checkShape(name, { type, dims }, kind, shape) {
  if (type === kind && String(dims) === String(shape)) return;
  throw new AttnGANError(`${name}: made ${type} [${dims}], not what its sidecar says; export it again`);
}

/** The largest difference of two rows of numbers; NaN if one is none. */
export function furthest(found, expected) {
  return Math.max(...expected.map((value, i) => Math.abs(value - found[i])));
}
