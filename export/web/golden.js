/** The golden sample of a bundle: what must come out of certain inputs, wherever it runs. */

import { TASKS } from "./tasks.js";

/** Resolves to what is wrong with the outputs for the sidecar's golden inputs; undefined if nothing is. */
export async function goldenProblem(session, sidecar) {
  const { golden, inputs, task } = sidecar, kind = TASKS[task];
  const rows = golden.inputs[inputs[0].name].length;
  const feeds = Object.fromEntries(inputs.map(({ name }) => [name, golden.inputs[name].flat()]));
  const error = kind.goldenError(golden, await kind.run(session, sidecar, feeds, rows));
  if (error <= golden.tolerance) return undefined;  // not so for NaN
  if (error === Infinity) return `its golden ${kind.makes} differ`;
  return `its golden sample differs by ${error.toPrecision(2)} where ${golden.tolerance} is allowed`;
}
