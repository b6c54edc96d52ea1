"""Fuzzing in three classes: what may happen to a bundle is a result or one line, but for what ONNX Runtime does itself.

damaged: any file changed, no hash renewed: refused, and ONNX Runtime is called by none. described: sidecars and
tokenizers changed and hashed again, and any arguments of a call: a result or AttnGANError, in bounded time and memory.
graph: models changed and hashed again: the same, but that ONNX Runtime may hang, run out of memory or crash; that is
counted. A case is replayed by `python -m tests.runtime.fuzz KIND SEED`. docs/trust.md has the figures.
"""

from __future__ import annotations

import json
import platform
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import onnx
import onnxruntime
import pytest
import tokenizers

from tests.runtime.fuzz.bases import write_bases
from tests.runtime.fuzz.cases import KINDS
from tests.runtime.fuzz.zygote import CPU_SECONDS, MEMORY, WALL_SECONDS, Children

RESULTS = Path(__file__).parents[2] / "bench" / "results" / "fuzz.json"
WORKERS = 2

Found = dict[str, Any]


@pytest.fixture(scope="module")
def children(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Children]]:
    place = tmp_path_factory.mktemp("bases")
    write_bases(place)
    with Children(place) as first, Children(place) as second:
        yield [first, second]


def run(children: list[Children], kind: str, seeds: range) -> list[Found]:
    """What became of each case, shared out among the children."""
    assert len(children) == WORKERS
    with ThreadPoolExecutor(WORKERS) as pool:
        parts = pool.map(lambda i: list(children[i].run(kind, seeds[i::WORKERS])), range(WORKERS))
    return [found for part in parts for found in part]


def count(found: list[Found]) -> Counter[str]:
    """How often each thing happened. Fails, with what is needed to replay it, for what never may."""
    allowed = {"damaged": {"refused"}, "described": {"refused", "drew"}}
    for case in found:
        others = case["outcome"] == "raised" or case["outcome"] not in allowed.get(case["kind"], {case["outcome"]})
        assert not others, json.dumps(case, indent=2, ensure_ascii=False)
    return Counter(name(case) for case in found)


def name(case: Found) -> str:
    more = case.get("signal") or (f"by {case['by']}" if "by" in case else "")
    return f"{case['outcome']} {more}".strip()


@pytest.mark.parametrize(("kind", "cases"), [("damaged", 150), ("described", 200), ("graph", 150)])
def test_five_hundred_cases(children: list[Children], kind: str, cases: int) -> None:
    counts = count(run(children, kind, range(cases)))
    assert counts.total() == cases
    before = counts["refused by the runtime, before ONNX Runtime"]
    if kind == "damaged":
        assert before == cases
    else:  # else the changes would all be of a kind that is found at once
        assert counts["drew"] > 5 and before > 10
    if kind == "graph":
        assert counts["refused by ONNX Runtime, opening"] > 10


@pytest.mark.slow
def test_ten_thousand_cases(children: list[Children]) -> None:
    start, classes, strange = time.monotonic(), {}, []
    for kind, cases in (("damaged", 2500), ("described", 3500), ("graph", 6000)):
        found = run(children, kind, range(cases))
        counts = count(found)
        slowest = max(case["seconds"] for case in found)
        classes[kind] = {"cases": cases, **dict(sorted(counts.items())), "slowest_seconds": slowest}
        strange += [case for case in found if case["outcome"] not in ("drew", "refused")]
    assert list(classes) == list(KINDS)
    kept = ("kind", "seed", "change", "outcome", "signal", "what")
    result = {
        "what": "Cases of fuzzing, and what became of them; replay one by python -m tests.runtime.fuzz KIND SEED",
        "limits": {"memory_bytes": MEMORY, "cpu_seconds": CPU_SECONDS, "wall_seconds": WALL_SECONDS},
        "classes": classes,
        "neither_drawn_nor_refused": [{key: case[key] for key in kept if key in case} for case in strange],
        "seconds": round(time.monotonic() - start),
        "machine": platform.processor() or platform.machine(),
        "onnxruntime": onnxruntime.__version__,
        "onnx": onnx.__version__,
        "tokenizers": tokenizers.__version__,
        "python": platform.python_version(),
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
    }
    RESULTS.write_text(json.dumps(result, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
