"""The spec: a task is one entry, and what is published of it (schema, spec.js, docs/bundle.md) says the same."""

from __future__ import annotations

import copy
import json
import re
from pathlib import Path
from random import Random
from typing import Any

import fastjsonschema
import onnxruntime
import pytest

from attngan_runtime.bundle import Bundle, shipped_names, validate_sidecar
from attngan_runtime.bundle.publish import json_schema, published
from attngan_runtime.bundle.rules import sidecar_problem
from attngan_runtime.bundle.schema import check
from attngan_runtime.bundle.spec import FIELDS, INPUTS, TASKS, TaskSpec, fields_of
from attngan_runtime.errors import AttnGANError
from attngan_runtime.generators.golden import golden_error, golden_inputs, golden_outputs
from tests.runtime.fuzz import bases, mutate_json
from tests.runtime.numbers_bundle import add_task, sidecar_of_numbers, write_numbers_bundle
from tests.runtime.sidecars import set_at

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "bundle.md").read_text(encoding="utf-8")


@pytest.fixture
def numbers(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A sidecar of a fourth task."""
    add_task(monkeypatch)
    return sidecar_of_numbers()


def test_a_fourth_task_is_an_entry_in_the_tables(numbers: dict[str, Any], tmp_path: Path) -> None:
    bundle = Bundle.load(write_numbers_bundle(tmp_path / "numbers"))
    assert (bundle.task, bundle.open_tokenizer()) == ("numbers", None)
    assert bundle.outputs == [{"name": "twice", "dtype": "float32", "shape": ["batch", 16]}]
    outputs = onnxruntime.InferenceSession(bundle.model).run(golden_outputs(numbers), golden_inputs(numbers))
    assert golden_error(numbers, outputs) < 1e-6
    fastjsonschema.compile(json_schema())(dict(bundle.sidecar))


@pytest.mark.parametrize(
    ("path", "value", "problem"),
    [
        ("task", "letters", 'task is "letters"; it must be image, text-to-image, text, numbers'),
        ("inputs", [{"name": "seed"}], "inputs are seed; they must be numbers"),
        ("inputs/0/shape", ["batch", 17], "inputs.numbers.shape.1 is 17; it must be 16"),
        ("output/name", "image", 'output.name is "image"; it must be "twice"'),
        ("attention", {}, 'holds "attention"'),
        ("golden/inputs/numbers/3", [0.0] * 15, "golden.inputs.numbers.3 is [0.0"),
        ("golden/inputs/numbers/0/0", "1", 'golden.inputs.numbers.0.0 is "1"; it must be a number'),
        ("golden/indices/63", 64, "golden.indices.63 is 64; it must be a whole number 0 to 63"),
        ("golden/values", [0.0] * 63, "golden.values is [0.0"),
        ("golden/values/0", 1e39, "golden.values.0 is 1e+39; it must be a number"),
    ],
)
def test_and_its_sidecars_are_checked(numbers: dict[str, Any], path: str, value: Any, problem: str) -> None:
    validate_sidecar(numbers)
    set_at(path, value)(numbers)
    with pytest.raises(AttnGANError) as raised:
        validate_sidecar(numbers)
    assert raised.value.problem.startswith(problem)


def test_a_fourth_task_may_keep_all_rows_of_its_golden_sample(
    numbers: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(TASKS, "numbers", TaskSpec(("numbers",), TASKS["numbers"].outputs, golden="rows"))
    given = numbers["golden"]["inputs"]
    numbers["golden"] = {"inputs": given, "twice": [[0.5] * 16] * 4, "tolerance": 1e-3}
    validate_sidecar(numbers)
    numbers["golden"]["twice"] = [[0.5] * 16] * 3
    assert "golden.twice is [[0.5" in str(sidecar_problem(numbers))


def test_what_is_published_is_up_to_date() -> None:
    for path, text in published().items():
        assert path.read_text(encoding="utf-8") == text, "run: python -m attngan_runtime.bundle.publish"


# What JSON Schema can't say: numbers that follow from others, and what the rows of a golden sample are.
BEYOND_SCHEMA = re.compile(
    r"to agree on|is the limit|to (height|width)$|^two outputs|^tolerance (lacks|on)"
    r"|^golden\.(inputs|indices|values|tokens|log_probability)\b"
    r"|is -?\d+\.\d+(e\+\d+)?; it must be (a whole number|1, 3, 4)"  # 8.0, which is an integer there
    r"|is (true|false); it must be (0|1)$"  # which this validator takes for the same
)


@pytest.fixture(scope="module")
def sidecars(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    place = tmp_path_factory.mktemp("bases")
    bases.write_bases(place)
    return {name: bases.unsigned(files) for name, files in bases.read_bases(place).items()}


def test_the_schema_and_the_rules_agree(sidecars: dict[str, dict[str, Any]]) -> None:
    taken, rng = 0, Random(0)
    takes = fastjsonschema.compile(json.loads(schema_path().read_text(encoding="utf-8")))
    for sidecar in sidecars.values():
        for _ in range(600):
            changed = mutate_json.mutated(rng, sidecar)
            problem = sidecar_problem(changed) if isinstance(changed, dict) else "no object"
            taken += problem is None
            assert accepted(takes, changed) == (problem is None) or BEYOND_SCHEMA.search(str(problem)), problem
    assert taken > 300


def accepted(takes: Any, sidecar: Any) -> bool:
    try:
        takes(copy.deepcopy(sidecar))
    except fastjsonschema.JsonSchemaException:
        return False
    return True


def schema_path() -> Path:
    (path,) = (path for path in published() if path.suffix == ".json")
    return path


def rows(head: str) -> list[list[str]]:
    """The cells of each row of the page's tables that begin with this cell."""
    tables = re.findall(rf"^\| {head} \|.*\n\|[-|]+\n((?:\|.*\n)+)", PAGE, re.M)
    return [line.strip("| ").split(" | ", 2) for table in tables for line in table.splitlines()]


LETTERS = {"classes": "K", "styles": "K", "vocabulary": "V"}  # of parts, as the page has them


def range_of(schema: dict[str, Any]) -> str:
    """As the page writes the values of an input."""
    low, high = schema["properties"].get("minimum", {"const": "above 0"}), schema["properties"]["maximum"]
    last = LETTERS[high["part"]] + "−1" * ("plus" in high) if "part" in high else str(high["const"])
    return f"{low['const']} … {last.replace(str(2**32 - 1), '2³²−1')}"


def test_the_page_has_every_input_and_output_with_its_type_and_range() -> None:
    entries = INPUTS | {"log_probability": TASKS["text"].outputs["log_probability"]}
    found = rows("input") + rows("output")
    assert {name.strip("`") for name, _, _ in found} == entries.keys()
    for name, kind, values in found:
        own = entries[name.strip("`")]["properties"]
        dtype, shape = kind.rstrip("]").split(" [")
        assert (dtype, len(shape.split(", "))) == (own["dtype"]["const"], len(own["shape"]["items"])), name
        if (values[0].isdigit() and " … " in values) or values.startswith("above"):
            assert values.startswith(range_of(entries[name.strip("`")])), (name, values)
    assert sum(" … " in values for *_, values in found) == 8


def test_the_page_has_every_field() -> None:
    fields = {key.removesuffix("?") for task in TASKS for key in FIELDS | fields_of(task)}
    said = {name for cell, *_ in rows("field") for name in re.findall(r"`(\w+)`", cell)}
    assert said == fields
    (tasks,) = (text for cell, text in rows("field") if cell == "`task`")
    assert re.findall(r"`([\w-]+)`", tasks) == list(TASKS)


def test_the_examples_of_the_page_are_right() -> None:
    (block,) = re.findall(r"```json\n(.*?)```", PAGE, re.S)
    for line in block.splitlines():
        entry = json.loads(line)
        check(INPUTS[entry["name"]], entry, {})


def test_shipped_bundles_hold_what_their_task_says() -> None:
    assert {Bundle.load(name).task for name in shipped_names()} == set(TASKS)
