/** Whether a sidecar is one of format 1 and contradicts itself nowhere, as bundle/rules.py of the Python runtime asks. */

import { plain } from "./errors.js";
import { brief, isObject, same } from "./json.js";
import { FIELDS, INPUTS, LARGEST, MOST_VALUES, PRODUCTS, TASKS } from "./spec.js";

/** A value that its schema refuses; keys lead to it. */
class Mismatch {
  keys = [];

  constructor(problem) {
    this.problem = problem;
  }
}

/** What is wrong with a sidecar, an object from JSON, in one line; undefined if nothing is. */
export function sidecarProblem(sidecar) {
  const parts = new Map();
  try {
    checkEach([["task", { enum: Object.keys(TASKS) }, sidecar.task]], parts);
    checkEach(inputsOf(sidecar), parts);
    check(record({ ...FIELDS, ...TASKS[sidecar.task].fields }), sidecar, parts);
    checkSizes(sidecar, parts);
    checkGolden(sidecar, parts);
    checkTolerance(sidecar);
  } catch (error) {
    if (error instanceof Mismatch) return `${error.keys.join(".")} ${error.problem}`.trim();
    throw error;
  }
}

/** What a sidecar says of each output, in the graph's order. */
export function outputsOf(sidecar) {
  return TASKS[sidecar.task].outputs.filter(key => Object.hasOwn(sidecar, key)).map(key => sidecar[key]);
}

/** Of an input or output: "batch" and its sides; a picture's have names of their own. */
export function shapeOf({ shape, channels, height, width }) {
  return shape ?? ["batch", channels, height, width];
}

/** Each input's key, schema and value, if they are those of the task, in an order that they may have. */
function inputsOf({ task, inputs }) {
  const entries = Array.isArray(inputs) ? inputs : [inputs], names = entries.map(given => given?.name ?? null);
  const { orders } = TASKS[task];
  if (!orders.some(order => same(names, order))) {
    const expected = orders.map(order => order.join(", ")).join(" or ");
    throw new Mismatch(`inputs are ${brief(names)}; they must be ${expected}`);
  }
  return entries.map(given => [`inputs.${given.name}`, INPUTS[given.name], given]);
}

function checkSizes(sidecar, parts) {
  for (const [names, most] of PRODUCTS) {
    const size = names.reduce((product, name) => product * (parts.get(name) ?? 0), 1);
    if (size > most) throw new Mismatch(`${names.join(" × ")} is ${size}, where ${most} is the limit`);
  }
  const outputs = outputsOf(sidecar).map(({ name }) => name);
  if (new Set(outputs).size < outputs.length) throw new Mismatch(`two outputs are called ${outputs[0]}`);
}

/** What goes into the golden sample, and what came out, is of the shape, kind and range that the sidecar says. */
function checkGolden(sidecar, parts) {
  const { fields, golden: kind } = TASKS[sidecar.task], { inputs: rows, ...made } = fields.golden.properties;
  const rowsOf = entries => Object.fromEntries(
    entries.map(entry => [entry.name, { ...rows.additionalProperties, items: rowOf(entry) }]));
  const { golden, inputs } = sidecar, outputs = outputsOf(sidecar);
  checkEach([["golden.inputs", record(rowsOf(inputs)), golden.inputs]], parts);
  let expected = rowsOf(outputs);
  if (kind === "values") {
    const size = shapeOf(outputs[0]).slice(1).reduce((product, side) => product * side, parts.get("rows"));
    if (size > MOST_VALUES) throw new Mismatch(`golden outputs have ${size} values, where ${MOST_VALUES} is the limit`);
    const index = { ...made.indices.items, maximum: size - 1 };
    expected = { indices: { ...made.indices, items: index }, values: { ...made.values, items: valueOf(outputs[0]) } };
  }
  checkEach(Object.entries(expected).map(([key, schema]) => [`golden.${key}`, schema, golden[key]]), parts);
}

function rowOf(entry) {
  const nest = (items, side) => ({ type: "array", items, minItems: side, maxItems: side });
  return shapeOf(entry).slice(1).reduceRight(nest, valueOf(entry));
}

/** Of each value of an input or output: its own bounds, and where it has none those of its dtype. */
function valueOf({ dtype, minimum = -LARGEST[dtype], maximum = LARGEST[dtype], exclusiveMinimum }) {
  return { type: dtype === "int64" ? "integer" : "number", minimum, maximum, exclusiveMinimum };
}

function checkTolerance({ tolerance, precision }) {
  const measured = Object.hasOwn(tolerance, precision) ? tolerance[precision] : {};
  if (!Object.hasOwn(measured, "CPUExecutionProvider")) {
    throw new Mismatch(`tolerance lacks ${precision} on CPUExecutionProvider`);
  }
  if (Object.values(measured).some(found => found.measured > found.asked)) {
    throw new Mismatch("tolerance was measured to be beyond what was asked");
  }
}

/** Of an object with these fields; one whose key ends in `?` may be missing. */
function record(fields) {
  const keys = Object.keys(fields);
  return {
    type: "object",
    required: keys.filter(key => !key.endsWith("?")),
    properties: Object.fromEntries(keys.map(key => [key.replace(/\?$/, ""), fields[key]])),
    additionalProperties: false,
  };
}

/** Throws a Mismatch unless a schema, of the part of JSON Schema that bundle/schema.py describes, lets the value pass. */
function check(schema, value, parts) {
  if (!fits(schema, value, parts)) throw unlike(value, said(schema));
  const { items, uniqueItems, additionalProperties, part, plus = 0 } = schema;
  if (items) {
    checkEach(value.map((own, i) => [i, Array.isArray(items) ? items[i] : items, own]), parts);
    if (uniqueItems && new Set(value).size < value.length) throw unlike(value, "a list without repetitions");
  }
  if (additionalProperties !== undefined) checkFields(schema, value, parts);
  if (part && typeof value !== "string") {
    const number = value.length ?? value;
    if (!parts.has(part)) parts.set(part, number - plus);
    const known = parts.get(part) + plus;
    if (number !== known) throw unlike(value, `${items ? "a list of " : ""}${known}, to agree on ${part}`);
  }
}

function checkEach(places, parts) {
  for (const [key, schema, value] of places) {
    try {
      check(schema, value, parts);
    } catch (error) {
      if (error instanceof Mismatch) error.keys.unshift(plain(String(key)));
      throw error;
    }
  }
}

function checkFields({ properties = {}, required = [], additionalProperties: others }, value, parts) {
  const missing = required.find(key => !Object.hasOwn(value, key));
  if (missing) throw new Mismatch(`lacks ${missing}`);
  const isOther = key => !Object.hasOwn(properties, key), strange = Object.keys(value).filter(isOther);
  if (others === false && strange.length) throw new Mismatch(`holds ${brief(strange[0])}, which format 1 has not`);
  const known = Object.keys(properties).filter(key => Object.hasOwn(value, key));
  checkEach(known.map(key => [key, properties[key], value[key]]), parts);
  checkEach(strange.map(key => [key, others, value[key]]), parts);
}

const SIZES = {  // what is compared with a type's bounds; NaN, which is within none, where the value is of another
  integer: value => (Number.isInteger(value) ? value : NaN),
  number: value => (Number.isFinite(value) ? value : NaN),
  array: value => (Array.isArray(value) ? value.length : NaN),
  object: value => (isObject(value) ? Object.keys(value).length : NaN),
};

function boundsOf({ minimum, minItems, minProperties, maximum, maxItems, maxProperties }) {
  return [minimum ?? minItems ?? minProperties ?? -Infinity, maximum ?? maxItems ?? maxProperties ?? Infinity];
}

/** Whether the value itself is right, whatever it holds. */
function fits(schema, value, parts) {
  if (Object.hasOwn(schema, "const")) return value === schema.const;
  if (schema.enum) return schema.enum.includes(value);
  if (schema.pattern) return typeof value === "string" && new RegExp(schema.pattern, "u").test(value);
  if (!schema.type) return true;
  const size = SIZES[schema.type](value), [low, high] = boundsOf(schema);
  return size >= low && size <= (parts.get(schema.maximumPart) ?? high) && !(size <= schema.exclusiveMinimum);
}

function said(schema) {
  const { type, description, enum: values = [JSON.stringify(schema.const)], maximumPart, exclusiveMinimum } = schema;
  if (description || !type) return description ?? values.join(", ");
  const [low, high] = boundsOf(schema), least = exclusiveMinimum === undefined ? low : `above ${exclusiveMinimum}`;
  return `${type} ${least} to ${maximumPart ?? high}`;
}

function unlike(value, expected) {
  return new Mismatch(`is ${brief(value)}; it must be ${expected}`);
}
