"""Bundles that earlier commits wrote load in today's runtime, and make what they made then."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from attngan_runtime import Bundle, Generator
from attngan_runtime.generators.golden import golden_error, golden_inputs, golden_outputs
from tests.runtime.kept.record import made

KEPT = Path(__file__).with_name("kept")
NAMES = sorted(path.stem for path in KEPT.glob("*.json"))


def test_each_task_is_kept() -> None:
    assert {Bundle.load(KEPT / name).task for name in NAMES} == {"image", "text-to-image", "text"}


@pytest.mark.parametrize("name", NAMES)
def test_a_kept_bundle_makes_what_it_made(name: str) -> None:
    generator, tolerance = Generator.load(KEPT / name, threads=1), _tolerance(name)
    for call in json.loads((KEPT / f"{name}.json").read_text(encoding="utf-8"))["calls"]:
        found = made(generator, call["method"], call["arguments"])
        assert found.keys() == call["made"].keys()
        for what, before in call["made"].items():
            if what in ("sentences", "words"):
                assert found[what] == before
            else:
                np.testing.assert_allclose(found[what], before, rtol=0, atol=tolerance)


@pytest.mark.parametrize("name", NAMES)
def test_its_golden_sample(name: str) -> None:
    bundle = Bundle.load(KEPT / name)
    session = Generator.open(bundle, threads=1).session
    outputs = session.run(golden_outputs(bundle.sidecar), golden_inputs(bundle.sidecar))
    assert golden_error(bundle.sidecar, outputs) <= bundle.sidecar["golden"]["tolerance"]


def _tolerance(name: str) -> float:
    """The sidecar's, absolute: of pictures it is said as a part of their range of 2, of a log probability in nats."""
    bundle = Bundle.load(KEPT / name)
    (providers,) = bundle.sidecar["tolerance"].values()
    asked = float(providers["CPUExecutionProvider"]["asked"])
    # A sentence's log probability is the sum of its tokens'.
    return asked * (bundle.length if bundle.task == "text" else 2)
