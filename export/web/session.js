/** A model open in ONNX Runtime, on one device; runs wait for one another. */

import { defaultDevice, importRuntime, sessionOptions, withoutWebGPU } from "#platform";
import { AttnGANError, reasonOf, shown } from "./errors.js";
import { goldenProblem } from "./golden.js";

const PACKAGES = { cpu: "onnxruntime-node", wasm: "onnxruntime-web/wasm", webgpu: "onnxruntime-web/webgpu" };
const KINDS = {
  int64: values => BigInt64Array.from(values, BigInt),
  float32: values => Float32Array.from(values),
};

// An ONNX file of one Identity. ONNX Runtime Web fetches and compiles its WebAssembly for the first session alone.
const SMALLEST = "CAo6OQoQCgF4EgF5IghJZGVudGl0eRIBdFoQCgF4EgsKCQgBEgUKAxIBbmIQCgF5EgsKCQgBEgUKAxIBbkIECgAQEg==";

let last = Promise.resolve();

export class Session {
  #ort; #session; #sidecar;

  constructor(ort, session, sidecar) {
    this.#ort = ort;
    this.#session = session;
    this.#sidecar = sidecar;
  }

  /** feeds: by input the flat values of `rows` rows. outputs: names. Resolves to ONNX Runtime's tensors by name. */
  run(feeds, rows, outputs) {
    return enqueue(async () => {
      if (!this.#session) throw new AttnGANError(`${this.#sidecar.name}: was released; load it again`);
      const tensors = this.#sidecar.inputs.map(({ name, dtype, shape }) => {
        const dims = [rows, ...shape.slice(1)];
        return [name, new this.#ort.Tensor(dtype, KINDS[dtype](feeds[name]), dims)];
      });
      try {
        return await this.#session.run(Object.fromEntries(tensors), outputs);
      } catch (error) {
        throw new AttnGANError(`${this.#sidecar.name}: ONNX Runtime failed to run it (${reasonOf(error)})`);
      }
    });
  }

  release() {
    return enqueue(async () => {
      await this.#session?.release();
      this.#session = null;
    });
  }
}

/** Refuses a device that isn't there on this platform at all. */
export function checkDevice(device) {
  if (device !== defaultDevice && device !== "webgpu") {
    throw new AttnGANError(`device: no device ${shown(device)} here; use ${defaultDevice} or webgpu`);
  }
}

/**
 * Starts what takes longest, while the bundle is on its way: ONNX Runtime's own code, on WebGPU only if there is any.
 * Resolves to { device, note, runtime }: where it will run, why not where it was asked for, and a promise of the code.
 */
export async function startRuntime(device) {
  const missing = device === "webgpu" && (await withoutWebGPU().catch(reasonOf));
  if (missing) return { ...(await startRuntime(defaultDevice)), note: fallbackNote(missing) };
  const runtime = importAndStart(device).catch(error => {
    throw new AttnGANError(
      `${PACKAGES[device]}: can't be started (${reasonOf(error)}); install it with npm, or name it in the import map`);
  });
  runtime.catch(() => {});  // told when it is awaited, unless the bundle fails first
  return { device, note: "", runtime };
}

async function importAndStart(device) {
  const ort = await importRuntime(device);
  const smallest = Uint8Array.from(atob(SMALLEST), letter => letter.charCodeAt(0));
  const session = await enqueue(() => ort.InferenceSession.create(smallest, sessionOptions[device]));
  await session.release();
  return ort;
}

/**
 * bundle: as readBundle gives it; started: as startRuntime does. Resolves to { session, device, note }: a Session whose
 * golden sample is right. Where it isn't on WebGPU, the default device takes over, and the note says why.
 */
export async function openSession(bundle, { device, note, runtime }) {
  if (device === defaultDevice) {
    const ort = await runtime;  // whose failure isn't the bundle's
    const session = await openAndTest(bundle, device, ort).catch(error => {
      throw new AttnGANError(`${bundle.where}: on ${device}, ${reasonOf(error)}; export the generator again`);
    });
    return { session, device, note };
  }
  try {
    return { session: await openAndTest(bundle, device, await runtime), device, note };
  } catch (error) {
    const opened = await openSession(bundle, await startRuntime(defaultDevice));
    return { ...opened, note: fallbackNote(reasonOf(error)) };
  }
}

function fallbackNote(reason) {
  return `webgpu: ${reason}; runs on ${defaultDevice} instead`;
}

/** Resolves to a Session whose golden sample is right; throws what is wrong otherwise. */
async function openAndTest({ sidecar, model }, device, ort) {
  const opened = await enqueue(() => ort.InferenceSession.create(model, sessionOptions[device]));
  const session = new Session(ort, opened, sidecar);
  try {
    const problem = graphProblem(opened, sidecar) ?? (await goldenProblem(session, sidecar));
    if (problem) throw new AttnGANError(problem);
    return session;
  } catch (error) {
    await session.release();
    throw error;
  }
}

function graphProblem(opened, { inputs, output, log_probability: likely }) {
  const said = inputs.map(given => given.name), outputs = [output.name, ...(likely ? [likely.name] : [])];
  const { inputNames: takes, outputNames: gives } = opened;
  const listed = names => names.join(", ").slice(0, 200) || "nothing";
  if (said.length !== takes.length || !said.every(name => takes.includes(name))) {
    return `the graph takes ${listed(takes)} and the sidecar says ${said.join(", ")}`;
  }
  if (outputs.every(name => gives.includes(name))) return undefined;
  return `the graph gives ${listed(gives)} and the sidecar says ${outputs.join(", ")}`;
}

/** One after the other, whatever became of the one before: ONNX Runtime Web refuses calls that overlap. */
function enqueue(task) {
  const done = last.then(task);
  last = done.catch(() => {});
  return done;
}
