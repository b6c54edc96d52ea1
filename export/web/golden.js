/** The golden sample of a bundle: what must come out of certain inputs, wherever it runs. */

import { draw, write } from "./outputs.js";

/** Resolves to what is wrong with the outputs for the sidecar's golden inputs; undefined if nothing is. */
export async function goldenProblem(session, sidecar) {
  const { golden, inputs } = sidecar;
  const rows = golden.inputs[inputs[0].name].length;
  const feeds = Object.fromEntries(inputs.map(({ name }) => [name, golden.inputs[name].flat()]));
  const writes = sidecar.task === "text";
  const made = writes ? await write(session, sidecar, feeds, rows) : await draw(session, sidecar, feeds, rows);
  const [found, expected] = writes
    ? [made.logProbability, golden.log_probability.flat()]
    : [golden.indices.map(i => made[i]), golden.values];
  const isOther = (token, i) => token !== made.tokens[i];
  if (writes && golden.tokens.flat().some(isOther)) return "its golden sentences differ";
  const furthest = Math.max(...expected.map((value, i) => Math.abs(value - found[i])));
  const isNear = furthest <= golden.tolerance;  // not so for NaN
  if (isNear) return undefined;
  return `its golden sample differs by ${furthest.toPrecision(2)} where ${golden.tolerance} is allowed`;
}
