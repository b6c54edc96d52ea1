// One cell of the table of compatibility: `node compatibility_cell.mjs PACKAGE_FOLDER BUNDLE`, for onnxruntime-node and,
// in WebAssembly, onnxruntime-web. Prints the golden sample's largest difference or why there is none, as JSON.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { basename, join } from "node:path";

const [folder, bundle] = process.argv.slice(2);
const ort = createRequire(join(folder, "from.js"))(folder);
if (basename(folder) === "onnxruntime-web") ort.env.wasm.numThreads = 1;

function tensor({ name, dtype }, values) {
  const flat = values.flat(Infinity);
  const data = dtype === "int64" ? BigInt64Array.from(flat, BigInt) : Float32Array.from(flat);
  return [name, new ort.Tensor(dtype, data, Array.isArray(values[0]) ? [values.length, values[0].length] : [values.length])];
}

const largest = (found, expected) => Math.max(...expected.map((value, i) => Math.abs(found[i] - value)));

async function cell() {
  const { task, inputs, output, golden } = JSON.parse(readFileSync(join(bundle, "model.onnx.json"), "utf8"));
  const executionProviders = [basename(folder) === "onnxruntime-web" ? "wasm" : "cpu"];
  const session = await ort.InferenceSession.create(readFileSync(join(bundle, "model.onnx")), { executionProviders, logSeverityLevel: 4 });
  const outputs = await session.run(Object.fromEntries(inputs.map(input => tensor(input, golden.inputs[input.name]))));
  let difference;
  if (task === "text") {
    const expected = golden.tokens.flat().map(BigInt);
    if (expected.some((token, i) => outputs.tokens.data[i] !== token)) return { reason: "writes other words" };
    difference = largest(outputs.log_probability.data, golden.log_probability.flat());
  } else {
    const { data } = outputs[output.name];
    difference = largest(golden.indices.map(index => data[index]), golden.values);
  }
  if (!Number.isFinite(difference)) return { reason: "gives NaN or infinity" };  // neither of which JSON has
  return { difference, within: difference <= golden.tolerance };
}

const found = await cell().catch(error => ({ reason: String(error.message ?? error).split("\n")[0] }));
console.log(JSON.stringify(found));
process.exit(0);                                              // onnxruntime-web's workers would wait
