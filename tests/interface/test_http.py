"""What programs that call `attngan-run serve` rely on: addresses, parameters, answers, statuses and header names.

http.json holds what a bundle of each task answers; `kept.py` says how to rewrite it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from attngan_runtime import Bundle, Generator
from attngan_runtime.serving.application import application
from attngan_runtime.serving.page import page_folder
from tests.interface.kept import kept_json, missing

KEPT = Path(__file__).parents[1] / "runtime" / "kept"
BUNDLES = ("shapes", "words", "sentences")
CALLS = {
    "shapes": ["", "seed=7&class=disc&truncation=0.5", "class=2"],
    "words": ["prompt=red+square", "prompt=red+unheard&seed=7&style=soft&truncation=0.5"],
    "sentences": ["", "keywords=dog,+unheard&seed=7&temperature=0.8&top_k=3&top_p=0.9"],
}


@pytest.fixture(scope="module")
def clients() -> dict[str, TestClient]:
    bundles = {name: Bundle.load(KEPT / name) for name in BUNDLES}
    return {
        name: TestClient(application(bundle, Generator.open(bundle, threads=1), page_folder()))
        for name, bundle in bundles.items()
    }


def shown(answer: Any) -> dict[str, Any]:
    """Status, header names, and of the content what doesn't depend on rounding: JSON whole, but no sentence."""
    found = {"status": answer.status_code, "headers": sorted(answer.headers), "type": answer.headers["content-type"]}
    if found["type"] == "application/json":
        found["content"] = answer.json()
        if "sentence" in found["content"]:
            found["content"]["sentence"] = type(found["content"]["sentence"]).__name__
    if "x-warnings" in answer.headers:
        found["x-warnings"] = answer.headers["x-warnings"]
    return found


@pytest.fixture(scope="module")
def found(clients: dict[str, TestClient]) -> dict[str, Any]:
    return {
        name: {call: shown(client.get(call)) for call in ("/", "/api", *(f"/api/generate?{q}" for q in CALLS[name]))}
        for name, client in clients.items()
    }


@pytest.mark.filterwarnings("ignore:(prompt|key words):UserWarning")  # which the command switches off
@pytest.mark.parametrize("name", BUNDLES)
def test_answers(name: str, found: dict[str, Any]) -> None:
    assert missing(kept_json("http.json", lambda: found)[name], found[name]) == []


MISTAKES = [
    ("shapes", "z=1", "z: run-shapes takes seed, class, truncation"),
    ("shapes", "sed=1", "sed: run-shapes takes seed, class, truncation; did you mean seed?"),
    ("shapes", "prompt=red", "prompt: run-shapes takes "),
    ("shapes", "seed=1&seed=2", "seed: given twice"),
    ("shapes", "seed=red", "seed: 'red' is not a whole number"),
    ("shapes", "seed=1.5", "seed: '1.5' is not a whole number"),
    ("shapes", "seed=-1", "seed: -1 is outside 0 to 4294967295"),
    ("shapes", "seed=4294967296", "seed: 4294967296 is outside 0 to 4294967295"),
    ("shapes", "class=Hat", "class: no class 'Hat'"),
    ("shapes", "class=3", "class: 3 is outside 0 to 2"),
    ("shapes", "truncation=much", "truncation: 'much' is not a number"),
    ("shapes", "truncation=2.5", "truncation: 2.5 is outside 0 to 2"),
    ("words", "", "prompt: none given"),
    ("words", "prompt=red&style=clay", "style: no style 'clay'"),
    ("words", "prompt=red&style=3", "style: 3 is outside 0 to 2"),
    ("words", "prompt=red&class=1", "class: run-words takes prompt, seed, style, truncation"),
    ("words", "prompt=red&prompt=blue", "prompt: given twice"),
    ("words", "prompt=red%00", "prompt 'red\\x00': U+0000 "),
    ("sentences", "truncation=1", "truncation: run-text takes keywords, seed, temperature, top_k, top_p"),
    ("sentences", "temperature=9", "temperature: 9 is outside 0.05 to 5"),
    ("sentences", "top_k=-1", "top_k: -1 is outside 0 to "),
    ("sentences", "top_k=x", "top_k: 'x' is not a whole number"),
    ("sentences", "top_p=0", "top_p: 0 "),
]


@pytest.mark.parametrize(("name", "query", "said"), MISTAKES, ids=[f"{name} {query}" for name, query, _ in MISTAKES])
def test_a_wrong_call(name: str, query: str, said: str, clients: dict[str, TestClient]) -> None:
    answer = clients[name].get(f"/api/generate?{query}")
    assert (answer.status_code, [*answer.json()]) == (400, ["error"])
    assert answer.json()["error"].startswith(said) and "\n" not in answer.json()["error"]


@pytest.mark.parametrize(
    ("method", "address", "status", "said"),
    [
        ("GET", "/nothing", 404, "/nothing: there is no such address; there are /, /api and /api/generate"),
        ("POST", "/api/generate", 405, "POST: only GET is answered"),
        ("DELETE", "/api", 405, "DELETE: only GET is answered"),
    ],
)
def test_other_addresses_and_methods(
    method: str, address: str, status: int, said: str, clients: dict[str, TestClient]
) -> None:
    answer = clients["shapes"].request(method, address)
    assert (answer.status_code, [*answer.json()]) == (status, ["error"])
    assert answer.json()["error"].startswith(said)
