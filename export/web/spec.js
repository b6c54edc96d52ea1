/** Made of bundle/spec.py by `python -m attngan_runtime.bundle.publish`, and not to be edited. */

export const FORMAT_VERSION = 1;
export const SIDECAR = "model.onnx.json";
export const MODEL = "model.onnx";
export const TOKENIZER = "tokenizer.json";
export const FILE_LIMITS = {"model.onnx": 2147483647, "model.onnx.json": 4194304, "tokenizer.json": 67108864};
export const MAX_SEED = 4294967295;
export const MOST_WORDS = 4096;
export const LARGEST_VOCABULARY = 1048576;
export const MOST_LETTERS = 1000;
export const MOST_VALUES = 67108864;
export const PRODUCTS = [[["height", "width"], 16777216], [["words", "map_height", "map_width"], 67108864]];
export const LARGEST = {"int64": 9007199254740991, "float32": 3.4028234663852886e+38};
export const FIELDS = {
  "format_version": {"const": 1},
  "sha256?": {"pattern": "^[0-9a-f]{64}$", "type": "string", "description": "64 hex digits"},
  "name": {"pattern": "^[^\\x00-\\x1f\\x7f-\\x9f\\u2028\\u2029]{1,255}$", "type": "string", "description": "a line of 1 to 255 letters"},
  "model": {"const": "model.onnx"},
  "target": {"enum": ["ort", "portable"]},
  "precision": {"enum": ["fp32", "fp16-weights"]},
  "tolerance": {"type": "object", "minProperties": 1, "additionalProperties": {"type": "object", "minProperties": 1, "additionalProperties": {"type": "object", "required": ["asked", "measured"], "properties": {"asked": {"type": "number", "exclusiveMinimum": 0}, "measured": {"type": "number", "minimum": 0}}, "additionalProperties": false}}},
  "license": {"pattern": "^[\\s\\S]{1,2000}$", "type": "string", "description": "a text of 1 to 2000 letters"},
  "source": {"pattern": "^[\\s\\S]{1,2000}$", "type": "string", "description": "a text of 1 to 2000 letters"},
  "created_with": {"type": "object", "minProperties": 1, "additionalProperties": {"pattern": "^[\\s\\S]{1,2000}$", "type": "string", "description": "a text of 1 to 2000 letters"}}
};
export const INPUTS = {
  "tokens": {"type": "object", "required": ["name", "dtype", "shape", "minimum", "maximum"], "properties": {"name": {"const": "tokens"}, "dtype": {"const": "int64"}, "shape": {"type": "array", "items": [{"const": "batch"}, {"type": "integer", "minimum": 1, "maximum": 4096, "part": "words"}], "minItems": 2, "maxItems": 2}, "minimum": {"const": 0}, "maximum": {"type": "integer", "minimum": 2, "maximum": 1048575, "part": "vocabulary", "plus": -1}}, "additionalProperties": false},
  "keywords": {"type": "object", "required": ["name", "dtype", "shape", "minimum", "maximum"], "properties": {"name": {"const": "keywords"}, "dtype": {"const": "int64"}, "shape": {"type": "array", "items": [{"const": "batch"}, {"type": "integer", "minimum": 1, "maximum": 1024, "part": "words"}], "minItems": 2, "maxItems": 2}, "minimum": {"const": 0}, "maximum": {"type": "integer", "minimum": 3, "maximum": 1048575, "part": "vocabulary", "plus": -1}}, "additionalProperties": false},
  "mask": {"type": "object", "required": ["name", "dtype", "shape", "minimum", "maximum"], "properties": {"name": {"const": "mask"}, "dtype": {"const": "int64"}, "shape": {"type": "array", "items": [{"const": "batch"}, {"type": "integer", "minimum": 1, "maximum": 4096, "part": "words"}], "minItems": 2, "maxItems": 2}, "minimum": {"const": 0}, "maximum": {"const": 1}}, "additionalProperties": false},
  "seed": {"type": "object", "required": ["name", "dtype", "shape", "minimum", "maximum"], "properties": {"name": {"const": "seed"}, "dtype": {"const": "int64"}, "shape": {"type": "array", "items": [{"const": "batch"}], "minItems": 1, "maxItems": 1}, "minimum": {"const": 0}, "maximum": {"const": 4294967295}}, "additionalProperties": false},
  "z": {"type": "object", "required": ["name", "dtype", "shape"], "properties": {"name": {"const": "z"}, "dtype": {"const": "float32"}, "shape": {"type": "array", "items": [{"const": "batch"}, {"type": "integer", "minimum": 1, "maximum": 65536, "part": "z_dim"}], "minItems": 2, "maxItems": 2}}, "additionalProperties": false},
  "class": {"type": "object", "required": ["name", "dtype", "shape", "minimum", "maximum", "classes"], "properties": {"name": {"const": "class"}, "dtype": {"const": "int64"}, "shape": {"type": "array", "items": [{"const": "batch"}], "minItems": 1, "maxItems": 1}, "minimum": {"const": 0}, "maximum": {"type": "integer", "minimum": 0, "maximum": 65535, "part": "classes", "plus": -1}, "classes": {"type": "array", "items": {"pattern": "^[^\\x00-\\x1f\\x7f-\\x9f\\u2028\\u2029]{1,255}$", "type": "string", "description": "a line of 1 to 255 letters"}, "minItems": 1, "maxItems": 65536, "uniqueItems": true, "part": "classes"}}, "additionalProperties": false},
  "style": {"type": "object", "required": ["name", "dtype", "shape", "minimum", "maximum", "default", "styles"], "properties": {"name": {"const": "style"}, "dtype": {"const": "int64"}, "shape": {"type": "array", "items": [{"const": "batch"}], "minItems": 1, "maxItems": 1}, "minimum": {"const": 0}, "maximum": {"type": "integer", "minimum": 1, "maximum": 65535, "part": "styles", "plus": -1}, "default": {"const": 0}, "styles": {"type": "array", "items": {"pattern": "^[^\\x00-\\x1f\\x7f-\\x9f\\u2028\\u2029]{1,255}$", "type": "string", "description": "a line of 1 to 255 letters"}, "minItems": 2, "maxItems": 65536, "uniqueItems": true, "part": "styles"}}, "additionalProperties": false},
  "truncation": {"type": "object", "required": ["name", "dtype", "shape", "minimum", "maximum", "default"], "properties": {"name": {"const": "truncation"}, "dtype": {"const": "float32"}, "shape": {"type": "array", "items": [{"const": "batch"}], "minItems": 1, "maxItems": 1}, "minimum": {"const": 0}, "maximum": {"const": 2}, "default": {"const": 1}}, "additionalProperties": false},
  "temperature": {"type": "object", "required": ["name", "dtype", "shape", "minimum", "maximum", "default"], "properties": {"name": {"const": "temperature"}, "dtype": {"const": "float32"}, "shape": {"type": "array", "items": [{"const": "batch"}], "minItems": 1, "maxItems": 1}, "minimum": {"const": 0.05}, "maximum": {"const": 5}, "default": {"const": 1}}, "additionalProperties": false},
  "top_k": {"type": "object", "required": ["name", "dtype", "shape", "minimum", "maximum", "default"], "properties": {"name": {"const": "top_k"}, "dtype": {"const": "int64"}, "shape": {"type": "array", "items": [{"const": "batch"}], "minItems": 1, "maxItems": 1}, "minimum": {"const": 0}, "maximum": {"type": "integer", "minimum": 2, "maximum": 1048576, "part": "vocabulary"}, "default": {"const": 0}}, "additionalProperties": false},
  "top_p": {"type": "object", "required": ["name", "dtype", "shape", "exclusiveMinimum", "maximum", "default"], "properties": {"name": {"const": "top_p"}, "dtype": {"const": "float32"}, "shape": {"type": "array", "items": [{"const": "batch"}], "minItems": 1, "maxItems": 1}, "exclusiveMinimum": {"const": 0}, "maximum": {"const": 1}, "default": {"const": 1}}, "additionalProperties": false}
};
export const TASKS = {
  "image": {
    "tokenizer": null,
    "golden": "values",
    "orders": [["seed", "class", "truncation"], ["seed", "truncation"], ["z", "class", "truncation"], ["z", "truncation"]],
    "outputs": ["output"],
    "fields": {
      "task": {"const": "image"},
      "files": {"type": "object", "minProperties": 1, "additionalProperties": {"pattern": "^[0-9a-f]{64}$", "type": "string", "description": "64 hex digits"}, "required": ["model.onnx"], "maxProperties": 32},
      "inputs": {"type": "array"},
      "output": {"type": "object", "required": ["name", "dtype", "layout", "channels", "height", "width", "minimum", "maximum"], "properties": {"name": {"pattern": "^[^\\x00-\\x1f\\x7f-\\x9f\\u2028\\u2029]{1,255}$", "type": "string", "description": "a line of 1 to 255 letters", "part": "name"}, "dtype": {"const": "float32"}, "layout": {"const": "NCHW"}, "channels": {"enum": [1, 3, 4], "part": "channels"}, "height": {"type": "integer", "minimum": 1, "maximum": 8192, "part": "height"}, "width": {"type": "integer", "minimum": 1, "maximum": 8192, "part": "width"}, "minimum": {"const": -1}, "maximum": {"const": 1}}, "additionalProperties": false},
      "golden": {"type": "object", "required": ["inputs", "indices", "values", "tolerance"], "properties": {"inputs": {"type": "object", "minProperties": 1, "additionalProperties": {"type": "array", "items": {}, "minItems": 1, "maxItems": 8, "part": "rows"}}, "indices": {"type": "array", "items": {"type": "integer", "minimum": 0, "maximum": 67108863}, "minItems": 16, "maxItems": 1024, "uniqueItems": true, "part": "places"}, "values": {"type": "array", "items": {"type": "number"}, "minItems": 16, "maxItems": 1024, "part": "places"}, "tolerance": {"type": "number", "exclusiveMinimum": 0, "maximum": 0.1}}, "additionalProperties": false}
    }
  },
  "text-to-image": {
    "tokenizer": "prompt",
    "golden": "values",
    "orders": [["tokens", "mask", "seed", "style", "truncation"], ["tokens", "mask", "seed", "truncation"], ["tokens", "mask", "z", "style", "truncation"], ["tokens", "mask", "z", "truncation"]],
    "outputs": ["output", "attention"],
    "fields": {
      "task": {"const": "text-to-image"},
      "files": {"type": "object", "minProperties": 1, "additionalProperties": {"pattern": "^[0-9a-f]{64}$", "type": "string", "description": "64 hex digits"}, "required": ["model.onnx", "tokenizer.json"], "maxProperties": 32},
      "inputs": {"type": "array"},
      "output": {"type": "object", "required": ["name", "dtype", "layout", "channels", "height", "width", "minimum", "maximum"], "properties": {"name": {"pattern": "^[^\\x00-\\x1f\\x7f-\\x9f\\u2028\\u2029]{1,255}$", "type": "string", "description": "a line of 1 to 255 letters", "part": "name"}, "dtype": {"const": "float32"}, "layout": {"const": "NCHW"}, "channels": {"enum": [1, 3, 4], "part": "channels"}, "height": {"type": "integer", "minimum": 1, "maximum": 8192, "part": "height"}, "width": {"type": "integer", "minimum": 1, "maximum": 8192, "part": "width"}, "minimum": {"const": -1}, "maximum": {"const": 1}}, "additionalProperties": false},
      "attention?": {"type": "object", "required": ["name", "dtype", "shape", "minimum", "maximum"], "properties": {"name": {"const": "attention"}, "dtype": {"const": "float32"}, "shape": {"type": "array", "items": [{"const": "batch"}, {"type": "integer", "minimum": 1, "maximum": 4096, "part": "words"}, {"type": "integer", "minimum": 1, "maximum": 8192, "part": "map_height", "maximumPart": "height"}, {"type": "integer", "minimum": 1, "maximum": 8192, "part": "map_width", "maximumPart": "width"}], "minItems": 4, "maxItems": 4}, "minimum": {"const": 0}, "maximum": {"const": 1}}, "additionalProperties": false},
      "golden": {"type": "object", "required": ["inputs", "indices", "values", "tolerance"], "properties": {"inputs": {"type": "object", "minProperties": 1, "additionalProperties": {"type": "array", "items": {}, "minItems": 1, "maxItems": 8, "part": "rows"}}, "indices": {"type": "array", "items": {"type": "integer", "minimum": 0, "maximum": 67108863}, "minItems": 16, "maxItems": 1024, "uniqueItems": true, "part": "places"}, "values": {"type": "array", "items": {"type": "number"}, "minItems": 16, "maxItems": 1024, "part": "places"}, "tolerance": {"type": "number", "exclusiveMinimum": 0, "maximum": 0.1}}, "additionalProperties": false}
    }
  },
  "text": {
    "tokenizer": "sentence",
    "golden": "rows",
    "orders": [["keywords", "mask", "seed", "temperature", "top_k", "top_p"]],
    "outputs": ["output", "log_probability"],
    "fields": {
      "task": {"const": "text"},
      "files": {"type": "object", "minProperties": 1, "additionalProperties": {"pattern": "^[0-9a-f]{64}$", "type": "string", "description": "64 hex digits"}, "required": ["model.onnx", "tokenizer.json"], "maxProperties": 32},
      "inputs": {"type": "array"},
      "output": {"type": "object", "required": ["name", "dtype", "shape", "minimum", "maximum"], "properties": {"name": {"const": "tokens"}, "dtype": {"const": "int64"}, "shape": {"type": "array", "items": [{"const": "batch"}, {"type": "integer", "minimum": 1, "maximum": 4096, "part": "length"}], "minItems": 2, "maxItems": 2}, "minimum": {"const": 0}, "maximum": {"type": "integer", "minimum": 3, "maximum": 1048575, "part": "vocabulary", "plus": -1}}, "additionalProperties": false},
      "log_probability": {"type": "object", "required": ["name", "dtype", "shape", "maximum"], "properties": {"name": {"const": "log_probability"}, "dtype": {"const": "float32"}, "shape": {"type": "array", "items": [{"const": "batch"}, {"type": "integer", "minimum": 1, "maximum": 4096, "part": "length"}], "minItems": 2, "maxItems": 2}, "maximum": {"const": 0}}, "additionalProperties": false},
      "golden": {"type": "object", "required": ["inputs", "tokens", "log_probability", "tolerance"], "properties": {"inputs": {"type": "object", "minProperties": 1, "additionalProperties": {"type": "array", "items": {}, "minItems": 1, "maxItems": 8, "part": "rows"}}, "tokens": {"type": "array", "items": {}, "minItems": 1, "maxItems": 8, "part": "rows"}, "log_probability": {"type": "array", "items": {}, "minItems": 1, "maxItems": 8, "part": "rows"}, "tolerance": {"type": "number", "exclusiveMinimum": 0, "maximum": 0.1}}, "additionalProperties": false}
    }
  }
};
